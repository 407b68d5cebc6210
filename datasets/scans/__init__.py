"""Scans on disk: names, reading, checks, splits, and the dataset they make."""

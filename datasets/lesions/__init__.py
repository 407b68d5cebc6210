"""Simulated lesions: masks, shapes, and what they do to intensities."""

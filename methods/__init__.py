"""Anomaly detectors, one file a method. Files here are found by name; nothing is listed by hand."""

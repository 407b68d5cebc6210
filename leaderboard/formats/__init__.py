"""A table as text, one file a format."""

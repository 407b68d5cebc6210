"""What is measured: `standard` for every run; the other files' metrics, one file a library, when asked for by name."""

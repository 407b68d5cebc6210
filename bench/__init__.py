"""The harness: commands, detector interface, runs, store of fitted components, tracking."""

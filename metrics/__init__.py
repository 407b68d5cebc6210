"""Pure functions from arrays to numbers: thresholds, post-processing, distances, components."""

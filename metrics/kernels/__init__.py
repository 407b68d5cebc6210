"""Compiled loops (numba, compiled at first use and cached): import these modules inside functions only.

Volumes are flat (C order) with one layer of empty voxels around them, so that a neighbour is a constant step
away and never out of range. A set of thresholds is a row of 64-bit words: bit k belongs to threshold k.
"""

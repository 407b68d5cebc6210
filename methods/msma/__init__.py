"""Multiscale score matching analysis: score norms of patches, and densities over them."""

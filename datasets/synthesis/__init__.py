"""Synthetic healthy brains: anatomy, and how a scanner sees it."""

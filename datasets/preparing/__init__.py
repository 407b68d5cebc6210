"""From a scan on its own grid to a prepared case, and back."""

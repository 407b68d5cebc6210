"""From a scan to an answer: anomaly map, mask, sidecar, picture, and one page for all."""

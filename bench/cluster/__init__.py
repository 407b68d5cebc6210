"""Fitting, scoring and evaluating on a cluster: Ray's driver and workers. Ray is the extra `cluster`."""

"""The work behind the commands: workspace, runs, trained parts, evaluation, tracking."""

"""Pictures of finished runs, one file each."""

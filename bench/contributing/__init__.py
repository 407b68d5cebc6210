"""What a contributor starts from and is checked by: templates and contracts."""

"""Finished runs as a folder of pages, or one, that need neither a server nor a network."""

"""The machine a command runs on: memory, threads, version, packages that hide ours."""

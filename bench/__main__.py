"""`python -m bench`: the command without its console script."""

from bench.cli import main

if __name__ == "__main__":
    main()

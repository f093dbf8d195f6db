"""`python -m gateway`: the same as the `rungraph` command."""

from .cli import main

if __name__ == "__main__":
    main()

"""`python -m catrelay`: the same as the `catrelay` command."""

from catrelay.cli import main

if __name__ == "__main__":  # workers import this module again
    main()

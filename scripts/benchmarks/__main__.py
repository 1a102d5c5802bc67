"""`scripts/bench`. Imports nothing else before it is run: the processes that put load on a server import it, too."""

if __name__ == "__main__":
    from scripts.benchmarks.command import main

    main()

"""`python -m dustreel` is the `dustreel` command."""

from dustreel.cli import main

if __name__ == "__main__":
    main()

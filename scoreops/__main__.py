"""`python -m scoreops` is the command `scoreops`."""

from scoreops.cli import main

if __name__ == "__main__":
    main()

"""``python -m emohub`` is the command ``emohub``."""

from emohub.cli import main

if __name__ == "__main__":
    main()

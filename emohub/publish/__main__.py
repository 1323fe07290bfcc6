"""``python -m emohub.publish`` is the command ``emohub publish``."""

import sys

from emohub.cli import main

if __name__ == "__main__":
    main(["publish", *sys.argv[1:]])

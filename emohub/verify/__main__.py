"""``python -m emohub.verify`` is ``emohub verify``."""

import sys

from emohub.cli import main

if __name__ == "__main__":
    main(["verify", *sys.argv[1:]])

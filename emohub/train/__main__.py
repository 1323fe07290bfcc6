"""``python -m emohub.train`` and ``accelerate launch -m emohub.train`` are the command ``emohub train``."""

import sys

if __name__ == "__main__":
    from emohub.cli import main

    main(["train", *sys.argv[1:]])

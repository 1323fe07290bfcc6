"""``emohub demo`` as a Space starts it: its options come from the environment, its models from models.json or models/."""

from emohub.cli import main

if __name__ == "__main__":
    main(["demo"])

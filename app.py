"""``emohub demo`` as a Space starts it: options from the environment, models from models.json or models/."""

from emohub.cli import main

if __name__ == "__main__":
    main(["demo"])

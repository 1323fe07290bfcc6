"""The page of the models in models/, or of those that a Space names: HOST and PORT say where it listens."""

import sys

from emohub.errors import EmohubError
from emohub.layout import served_models
from emohub.ui import build_demo, launch

if __name__ == "__main__":
    try:
        launch(build_demo(served_models()))
    except EmohubError as error:
        sys.exit(f"Error: {error}")

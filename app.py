"""The page of the models in models/, on a laptop and as a Space: HOST and PORT say where it listens."""

import sys

from emohub.errors import EmohubError
from emohub.layout import shipped_models
from emohub.ui import build_demo, launch

if __name__ == "__main__":
    try:
        launch(build_demo(shipped_models()))
    except EmohubError as error:
        sys.exit(f"Error: {error}")

"""The page: ``build_demo`` makes it, ``launch`` serves it."""

from emohub.ui.page import build_demo
from emohub.ui.server import launch

__all__ = ["build_demo", "launch"]

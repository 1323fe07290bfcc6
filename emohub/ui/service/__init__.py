"""What the page and its API may ask of the models; the one place where both do it."""

from emohub.ui.service.service import Service
from emohub.ui.service.store import ModelStore

__all__ = ["ModelStore", "Service"]

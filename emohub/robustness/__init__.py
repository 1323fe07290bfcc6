"""How a model answers changed texts, made sentences and texts about something else: ``robustness.json``."""

from emohub.robustness.suite import measure_robustness
from emohub.robustness.templates import Templates, load_templates

__all__ = ["Templates", "load_templates", "measure_robustness"]

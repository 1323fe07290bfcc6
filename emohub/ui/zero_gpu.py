"""ZeroGPU: on a Space of that kind a GPU is there while a function runs that ``spaces.GPU`` has marked."""

import importlib
import importlib.util
from collections.abc import Mapping

from emohub.inference import Classifier, Prediction
from emohub.ui.service.line import Compute, classify_many

DURATION = 30
"""Seconds of a GPU that one forward pass asks for at most; the Hub counts them against the visitor."""


def has_zero_gpu(environment: Mapping[str, str]) -> bool:
    """Whether this is such a Space: the Hub sets ``SPACES_ZERO_GPU`` there, and installs ``spaces``."""
    return "SPACES_ZERO_GPU" in environment and importlib.util.find_spec("spaces") is not None


def on_lent_gpu() -> Compute:
    """A forward pass on a GPU that is lent for it; the models must have been loaded with the device ``cuda``.

    What is marked runs in a forked process, and its arguments are pickled on the way: so it is told which classifier,
    and finds it in what it inherited.
    """
    known: dict[int, Classifier] = {}

    def classify_there(key: int, texts: list[str]) -> list[Prediction]:
        return classify_many(known[key], texts)

    lent = importlib.import_module("spaces").GPU(duration=DURATION)(classify_there)

    def compute(classifier: Classifier, texts: list[str]) -> list[Prediction]:
        known[id(classifier)] = classifier
        predictions: list[Prediction] = lent(id(classifier), texts)
        return predictions

    return compute

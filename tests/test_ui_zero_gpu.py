"""ZeroGPU, with a stand-in for the module that a Space of that kind has."""

import importlib.machinery
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from emohub.inference import Classifier
from emohub.ui.zero_gpu import DURATION, has_zero_gpu, on_lent_gpu


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every asking for a GPU: the seconds, then the arguments of each call."""
    calls: list[Any] = []

    def gpu(*, duration: int) -> Callable[..., Any]:
        calls.append(duration)

        def mark(function: Callable[..., Any]) -> Callable[..., Any]:
            def marked(*arguments: Any) -> Any:
                calls.append(arguments)
                return function(*arguments)

            return marked

        return mark

    spaces = ModuleType("spaces")
    spaces.__spec__ = importlib.machinery.ModuleSpec("spaces", None)
    spaces.GPU = gpu  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    return calls


def test_a_gpu_is_lent_for_each_forward_pass(lent: list[Any], tiny_model_dir: Path) -> None:
    classifier = Classifier.from_pretrained(tiny_model_dir)
    texts = ["i am happy", "i am lost"]
    compute = on_lent_gpu()
    assert [each.label for each in compute(classifier, texts)] == [classifier.classify(text).label for text in texts]
    assert lent == [DURATION, (id(classifier), texts)]


def test_it_is_asked_for_only_where_it_is(lent: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_zero_gpu({"SPACES_ZERO_GPU": "true"})
    assert not has_zero_gpu({"SPACE_ID": "ada/page"})
    monkeypatch.delitem(sys.modules, "spaces")
    assert not has_zero_gpu({"SPACES_ZERO_GPU": "true"})
    assert lent == []

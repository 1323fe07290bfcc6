"""Comparing, for the page and its API: one text or several, models that are served and those that visitors added."""

from collections.abc import Collection

from emohub.compare import TextComparison, TextsComparison, compare_text, rank, relate
from emohub.errors import UsageError
from emohub.inference import Classifier, Prediction, check_text
from emohub.ui import strings
from emohub.ui.service.checks import checked_names, checked_text
from emohub.ui.service.hub_models import HubModels
from emohub.ui.service.limits import MAX_MODELS, MAX_PASS_TEXTS, MAX_TEXTS
from emohub.ui.service.service import Service


def compare(
    service: Service,
    text: object,
    models: object,
    *,
    hub_models: HubModels | None = None,
    added: Collection[str] = (),
) -> TextComparison:
    """What several models make of one text. ``added`` are the Hub ids that the visitor who asks has added.

    Raises:
        UsageError: the text is empty or too long, no model was named, too many were, or one of them does not exist.
        ModelError: a model cannot be loaded.
        BusyError: too many requests wait already.
    """
    checked, names = checked_text(text), _checked_models(models)
    check_text(checked)
    with service.place():
        classifiers = _classifiers(service, names, hub_models, added)
        with service.computing:
            return compare_text(classifiers, checked)


def compare_texts(
    service: Service,
    texts: object,
    models: object,
    *,
    hub_models: HubModels | None = None,
    added: Collection[str] = (),
) -> TextsComparison:
    """What several models make of several texts, disagreements first; otherwise as :func:`compare`.

    Others get their turn after every few texts.

    Raises:
        UsageError: there is no text, there are too many, or one is empty; and as :func:`compare`.
        ModelError, BusyError: as :func:`compare`.
    """
    checked, names = _checked_texts(texts), _checked_models(models)
    with service.place():
        answers: dict[str, list[Prediction]] = {}
        for name, classifier in _classifiers(service, names, hub_models, added).items():
            answers[name] = []
            for start in range(0, len(checked), MAX_PASS_TEXTS):
                with service.computing:
                    answers[name] += classifier.classify_many(checked[start : start + MAX_PASS_TEXTS])
    return rank(
        relate(text, {name: predictions[row] for name, predictions in answers.items()})
        for row, text in enumerate(checked)
    )


def lines_of(text: object) -> list[str]:
    """The texts of a field that holds one on each line; lines without a text are none.

    Raises:
        UsageError: it is no string.
    """
    return [line.strip() for line in checked_text(text).split("\n") if line.strip()]


def _classifiers(
    service: Service, names: list[str], hub_models: HubModels | None, added: Collection[str]
) -> dict[str, Classifier]:
    """By name: from the Hub what the visitor added, the others side by side from the store."""
    hub = {name: hub_models.get(name) for name in names if name in added} if hub_models else {}
    loading = {name: service.store.begin(name) for name in names if name not in hub}
    return {name: hub[name] if name in hub else loading[name].result() for name in names}


def _checked_models(value: object) -> list[str]:
    names = checked_names(value)
    if len(names) > MAX_MODELS:
        raise UsageError(f"{len(names)} models are chosen, the limit is {MAX_MODELS}", strings.CHOOSE_FEWER)
    return names


def _checked_texts(value: object) -> list[str]:
    if not isinstance(value, list) or not value:
        raise UsageError("there is no text to compare", "write at least one")
    if len(value) > MAX_TEXTS:
        raise UsageError(f"there are {len(value):,} texts, the limit is {MAX_TEXTS}", "compare them in parts")
    texts = [checked_text(text) for text in value]
    for position, text in enumerate(texts, start=1):
        if not text.strip():
            raise UsageError(f"text {position} is empty", "leave it out")
        check_text(text)
    return texts

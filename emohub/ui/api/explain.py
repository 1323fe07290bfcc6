"""``/explain`` and ``/what_if``: what an answer rests on, and what other words would have changed."""

from typing import TypedDict

from emohub.errors import UsageError
from emohub.explain import Attribution
from emohub.ui.api.answers import Classification, classification
from emohub.ui.api.endpoint import expose
from emohub.ui.service import Service
from emohub.ui.service.explaining import change_words
from emohub.ui.service.explaining import explain as explain_text


class ExplainedWord(TypedDict):
    """A word of the text, and what it adds to the label's probability."""

    position: int
    text: str
    start: int
    end: int
    score: float
    read: bool


class Trust(TypedDict):
    """What removing, or keeping alone, the words with the highest scores takes from the probability."""

    top_k: int
    comprehensiveness: float
    sufficiency: float
    random_comprehensiveness: float
    random_sufficiency: float


class Explanation(TypedDict):
    """What each word of a text adds to the probability of one label."""

    model: str
    label: str
    probability: float
    method: str
    words: list[ExplainedWord]
    elsewhere: float
    residual: float | None
    faithfulness: Trust
    seconds: float


class ChangedWord(TypedDict):
    """What stands in the place of a word; an empty replacement removes it."""

    position: int
    replacement: str


class Changed(TypedDict):
    """Answers to a text before and after words were changed."""

    changed_text: str
    before: list[Classification]
    after: list[Classification]


def build(service: Service) -> None:
    """Add the endpoints."""

    def explain(text: str, model: str, for_label: str = "", method: str = "gradient_x_input") -> Explanation:
        """Say which words of a text one model's answer rests on, and how far that can be trusted.

        Args:
            text: The text, as people write it; at most 200 words, not empty.
            model: Name of a served model, as list_models gives it.
            for_label: The label to explain; empty for the model's answer.
            method: gradient_x_input (quickest, roughest), integrated_gradients (scores add up to the probability's
                change from a text of mask tokens) or leave_one_out (what goes with each word).

        Returns:
            Every word with its place in the text and its score: positive speaks for the label, negative against it, 0
            with read false is beyond what the model reads. The faithfulness compares removing (comprehensiveness, high
            is good) and keeping alone (sufficiency, low is good) the top_k words with as many random ones.
        """
        return _explanation(model, explain_text(service, text, model, for_label, method))

    def what_if(text: str, models: list[str], changes: list[ChangedWord]) -> Changed:
        """Say how the answers of several models move when words of a text are removed or replaced.

        Args:
            text: The text, as people write it; not empty.
            models: Names of the served models to ask, as list_models gives them.
            changes: For each changed word its position, as explain gives it, and the replacement; empty removes it.

        Returns:
            The changed text, and every model's answer to the text before and after.
        """
        asked = change_words(service, text, models, _changes(changes))
        return Changed(
            changed_text=asked.changed_text,
            before=[classification(name, prediction) for name, prediction in asked.before.items()],
            after=[classification(name, prediction) for name, prediction in asked.after.items()],
        )

    expose(explain)
    expose(what_if)


def _changes(value: object) -> dict[object, object]:
    """By position, not yet checked."""
    if not isinstance(value, list) or not all(isinstance(change, dict) for change in value):
        raise UsageError("the changes are no list", "send a position and a replacement for each")
    if not all(isinstance(change.get("position"), int) for change in value):
        raise UsageError("a word is not given by its position", "count the words from 0")
    return {change["position"]: change.get("replacement") for change in value}


def _explanation(model: str, attribution: Attribution) -> Explanation:
    faithfulness = attribution.faithfulness
    return Explanation(
        model=model,
        label=attribution.label,
        probability=attribution.probability,
        method=attribution.method,
        words=[
            ExplainedWord(
                position=position,
                text=word.text,
                start=word.start,
                end=word.end,
                score=word.score,
                read=word.read,
            )
            for position, word in enumerate(attribution.words)
        ],
        elsewhere=attribution.elsewhere,
        residual=None if attribution.path is None else attribution.path.residual,
        faithfulness=Trust(
            top_k=faithfulness.top_k,
            comprehensiveness=faithfulness.comprehensiveness,
            sufficiency=faithfulness.sufficiency,
            random_comprehensiveness=faithfulness.random_comprehensiveness,
            random_sufficiency=faithfulness.random_sufficiency,
        ),
        seconds=attribution.seconds,
    )

"""Hold a published model against its own card: download it, measure it again, and say what of the card holds."""

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args

from emohub.card import parse
from emohub.card.front_matter import HUB_METRICS
from emohub.errors import CardError, EmohubError
from emohub.evaluate import evaluate
from emohub.inference import Classifier, find_checkpoint
from emohub.layout import CARD_FILE, find_records
from emohub.recipe import Corpus, list_corpora, load_corpus
from emohub.recipe.corpus import SplitName
from emohub.record import EvalRecord, Interval, ModelIdentity

TOLERANCE = 1e-6
"""Two measurements of one model on one machine or another differ by less than this."""

Outcome = Literal["reproduced", "differs", "cannot be checked"]


@dataclass(frozen=True)
class Claim:
    """A figure of a card's model-index, as it stands there."""

    dataset: str
    """Hub id, or whatever the card names as ``dataset.type``."""
    config: str | None
    split: str | None
    metric: str
    """The Hub's name of the metric, with the average where the card states one: ``f1 (macro)``."""
    value: object


@dataclass(frozen=True)
class CheckedClaim:
    """A claim and what came of it."""

    claim: Claim
    outcome: Outcome
    reason: str
    """By how much it differs, or why it cannot be checked."""
    measured: Interval | None = None
    """Our measurement with its 95% interval; None when there is none."""


@dataclass(frozen=True)
class Verification:
    """A model's identity and each claim of its card, checked."""

    model: ModelIdentity
    claims: tuple[CheckedClaim, ...]

    @property
    def holds(self) -> bool:
        """Whether at least one claim was reproduced and none differs."""
        outcomes = {checked.outcome for checked in self.claims}
        return "reproduced" in outcomes and "differs" not in outcomes


def verify(
    model: str | Path,
    *,
    corpus: Corpus | None = None,
    data_dir: Path | None = None,
    resamples: int = 9999,
    on_progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Measure a model again on every split that its card names, and compare with what the card claims.

    ``model`` is a name under ``models/``, a run, a folder, or a Hub id. ``corpus`` is what the card's dataset is;
    None finds it among the built-in corpora. A claim is reproduced when it is our value rounded to the decimals that
    it states (two at least), or within 1e-6 of it. ``resamples`` belongs to the bootstrap intervals.

    Only safetensors weights are loaded, and no code of the repository runs.

    Raises:
        ModelError: the model cannot be found, reached or loaded.
        CardError: it has no readable card, or its card claims nothing.
    """
    checkpoint = find_checkpoint(model)
    path = _card_path(str(model), checkpoint.folder)
    claims = list(_claims(_read_model_index(path)))
    if not claims:
        raise CardError(f"the card {path} claims no figure in a model-index", "there is nothing to hold it against")
    classifier = Classifier.from_pretrained(model, revision=checkpoint.revision)
    measured: dict[tuple[str, str], EvalRecord | EmohubError] = {}

    def measure(of: Corpus, split: SplitName) -> EvalRecord:
        key = of.name, split
        if key not in measured:
            try:
                measured[key] = evaluate(
                    classifier, of, split, data_dir=data_dir, resamples=resamples, on_progress=on_progress
                )
            except EmohubError as error:
                measured[key] = error
        found = measured[key]
        if isinstance(found, EmohubError):
            raise found
        return found

    return Verification(checkpoint.identity, tuple(_check(claim, corpus, measure) for claim in claims))


class _Uncheckable(Exception):
    """Why a claim cannot be checked, seen from the claim alone."""


def _check(claim: Claim, corpus: Corpus | None, measure: Callable[[Corpus, SplitName], EvalRecord]) -> CheckedClaim:
    try:
        metric, value = _figure(claim)
        interval = measure(*_place(claim, corpus)).metrics[metric]
    except _Uncheckable as error:
        return CheckedClaim(claim, "cannot be checked", str(error))
    except EmohubError as error:
        return CheckedClaim(claim, "cannot be checked", f"{error.cause}; {error.remedy}")
    difference = value - interval.value
    if abs(difference) <= max(TOLERANCE, _half_a_digit(value)):
        return CheckedClaim(claim, "reproduced", "", interval)
    side = "inside" if interval.low <= value <= interval.high else "outside"
    return CheckedClaim(claim, "differs", f"{difference:+.4f}, {side} the 95% interval", interval)


def _figure(claim: Claim) -> tuple[str, float]:
    """Our name of the claimed metric, and the claimed value."""
    names = {_metric_name(kind, average): name for name, (kind, _, average) in HUB_METRICS.items()}
    metric, value = names.get(claim.metric), claim.value
    if metric is None:
        averaged = claim.metric in ("precision", "recall", "f1")
        raise _Uncheckable("its average is not named" if averaged else f"emohub does not measure {claim.metric}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _Uncheckable(f"{value!r} is no number")
    if metric != "log_loss" and not 0 <= value <= 1:
        raise _Uncheckable(f"{value} is no share between 0 and 1")
    return metric, value


def _place(claim: Claim, corpus: Corpus | None) -> tuple[Corpus, SplitName]:
    """The corpus and split that the claim is about."""
    split = next((name for name in get_args(SplitName) if name == claim.split), None)
    if split is None:
        raise _Uncheckable("it names no split" if claim.split is None else f"emohub knows no split {claim.split!r}")
    declared = corpus or _find_corpus(claim)
    if declared is None:
        raise _Uncheckable(f"emohub declares no corpus {claim.dataset}; give its declaration with --corpus")
    return declared, split


def _card_path(model: str, folder: Path) -> Path:
    """Where a model's card lies: with the weights when it was published, else with its records."""
    records = find_records(model)
    places = [folder / CARD_FILE, *([records / CARD_FILE] if records else [])]
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        raise CardError(f"the model {model} has no card ({CARD_FILE})", "there is nothing to hold it against")
    return found


def _read_model_index(path: Path) -> object:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise CardError(f"the card {path} is not readable UTF-8 text", "fetch it again") from None
    return parse(text).front_matter.get("model-index")


def _claims(model_index: object) -> Iterator[Claim]:
    """Every metric of every result; what does not have the shape of one is passed over, as the Hub does."""
    for entry in _mappings(model_index):
        for result in _mappings(entry.get("results")):
            dataset = result.get("dataset")
            dataset = dataset if isinstance(dataset, Mapping) else {}
            for metric in _mappings(result.get("metrics")):
                arguments = metric.get("args")
                average = arguments.get("average") if isinstance(arguments, Mapping) else None
                yield Claim(
                    dataset=str(dataset.get("type") or dataset.get("name") or "an unnamed dataset"),
                    config=_text(dataset.get("config")),
                    split=_text(dataset.get("split")),
                    metric=_metric_name(str(metric.get("type")), _text(average)),
                    value=metric.get("value"),
                )


def _mappings(values: object) -> list[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _metric_name(kind: str, average: str | None) -> str:
    return f"{kind} ({average})" if average else kind


def _find_corpus(claim: Claim) -> Corpus | None:
    """The built-in corpus of that Hub id and configuration, or of that name."""
    for name in list_corpora():
        corpus = load_corpus(name)
        same_config = claim.config is None or claim.config == corpus.config
        if claim.dataset == corpus.name or (claim.dataset == corpus.hub_id and same_config):
            return corpus
    return None


def _half_a_digit(value: float) -> float:
    """Half a unit of the last decimal that a figure states: 0.00005 for 0.9265; at most that of two decimals."""
    exponent = Decimal(repr(value)).as_tuple().exponent
    return 0.5 * 10.0 ** min(int(exponent), -2)


if __name__ == "__main__":
    from emohub.cli import main

    main(["verify", *sys.argv[1:]])

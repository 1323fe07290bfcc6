"""The claims of a model's card, each held against a measurement."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from emohub import __version__, layout
from emohub.card import read_card
from emohub.card.front_matter import HUB_METRICS
from emohub.errors import CardError, EmohubError
from emohub.inference import Checkpoint, Classifier, find_checkpoint
from emohub.recipe import Corpus, list_corpora, load_corpus
from emohub.recipe.corpus import SplitName
from emohub.recipe.declaration import sha256_text
from emohub.record import Interval, ModelIdentity, VerificationRecord, VerifiedClaim, utc_now
from emohub.verify.claims import PERPLEXITY, Claim, Figure, claims_of, figure, metric_name, named_weights
from emohub.verify.measuring import Measurements, Report, UncheckableError

TOLERANCE = 1e-6
"""Two measurements of one model, on whatever machine, differ by less than this; a perplexity by that share of it."""

Outcome = Literal["reproduced", "differs", "cannot be checked"]

_HELD_OUT = "held-out share"
"""What a card of a masked language model calls the split that its perplexity is of."""
_LEAST_PERCENTAGE = 2
"""From here on a score is read as a percentage."""
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".h5", ".msgpack")
"""Endings of weights that can hold code, or that nothing here reads."""


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
    card: str
    """SHA-256 of the card."""
    claims: tuple[CheckedClaim, ...]
    weights_named: bool | None = None
    """Whether the weights have the SHA-256 that the card states; None when it states none."""
    notes: tuple[str, ...] = ()
    """What of the model was refused and left alone: code, and weights in files that can hold code."""

    @property
    def holds(self) -> bool:
        """Whether at least one claim was reproduced, none differs, and the weights are those that the card names."""
        outcomes = {checked.outcome for checked in self.claims}
        return "reproduced" in outcomes and "differs" not in outcomes and self.weights_named is not False

    def record(self) -> VerificationRecord:
        """The verification as ``verify.json`` keeps it, dated now."""
        return VerificationRecord(
            created=utc_now(),
            emohub=__version__,
            model=self.model,
            card=self.card,
            claims=tuple(_recorded(checked) for checked in self.claims),
            weights_named=self.weights_named,
            notes=self.notes,
            holds=self.holds,
        )


def verify(
    model: str | Path,
    *,
    revision: str | None = None,
    corpus: Corpus | None = None,
    data_dir: Path | None = None,
    texts: Sequence[Path] = (),
    resamples: int = 9999,
    on_progress: Report | None = None,
) -> Verification:
    """Measure a model again on every split that its card names, and compare with what the card claims.

    ``model`` is a name under ``models/``, a run, a folder, or a Hub id, of which ``revision`` pins a commit, tag or
    branch. ``corpus`` is what the card's dataset is; None finds it among the built-in corpora. ``texts`` are the files
    that a masked language model learned from, where its author used some. ``resamples`` belongs to the bootstrap
    intervals. ``on_progress`` is told what is done, and how much of how much.

    A claim is reproduced when our value is inside the interval that it states, or else is its value but for the
    decimals that it leaves out (two at least) and 1e-6. A score from 2 to 100 is read as a percentage. Only safetensors
    weights are loaded, and no code of the repository runs.

    Raises:
        UsageError: a revision was given for a local folder.
        ModelError: the model cannot be found, reached or loaded.
        CardError: it has no readable card, or its card claims nothing.
    """
    report = on_progress or (lambda *_: None)
    checkpoint = find_checkpoint(
        model, revision=revision, on_progress=lambda done, total: report("Downloading", done, total)
    )
    path = _beside(str(model), checkpoint, layout.CARD_FILE)
    if path is None:
        raise CardError(f"the model {model} has no card ({layout.CARD_FILE})", "there is nothing to hold it against")
    card = read_card(path)
    try:
        claims = claims_of(card)
    except CardError as error:
        raise CardError(f"{path}: {error.cause}", "there is nothing to hold it against") from None
    if not claims:
        raise CardError(f"the card {path} claims no figure in a model-index", "there is nothing to hold it against")
    of_classifier = any(claim.metric != PERPLEXITY for claim in claims)
    classifier = Classifier.of(checkpoint, engine="torch") if of_classifier else None
    measurements = Measurements(
        checkpoint,
        classifier,
        _beside(str(model), checkpoint, layout.RUN_FILE),
        data_dir,
        texts,
        resamples,
        report,
    )
    weights = named_weights(card)
    return Verification(
        checkpoint.identity,
        sha256_text(card),
        tuple(_check(claim, corpus, measurements) for claim in claims),
        None if weights is None else weights == checkpoint.fingerprint,
        _refused(checkpoint),
    )


def _recorded(checked: CheckedClaim) -> VerifiedClaim:
    claim, value = checked.claim, checked.claim.value
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return VerifiedClaim(
        dataset=claim.dataset,
        config=claim.config,
        split=claim.split,
        metric=claim.metric,
        claimed=float(value) if number else str(value),  # type: ignore[arg-type]
        outcome=checked.outcome,
        reason=checked.reason,
        measured=checked.measured,
    )


def _check(claim: Claim, corpus: Corpus | None, measurements: Measurements) -> CheckedClaim:
    try:
        stated, measured = _measure(claim, corpus, measurements)
    except UncheckableError as error:
        return CheckedClaim(claim, "cannot be checked", str(error))
    except EmohubError as error:
        return CheckedClaim(claim, "cannot be checked", f"{error.cause}; {error.remedy}")
    tolerance = TOLERANCE * (measured.value if claim.metric == PERPLEXITY else 1)
    if stated.agrees(measured.value, tolerance):
        inside = (
            "" if stated.low is None else f"inside the interval that the card states, {stated.low:g} to {stated.high:g}"
        )
        return CheckedClaim(claim, "reproduced", inside, measured)
    side = "inside" if measured.low <= stated.value <= measured.high else "outside"
    return CheckedClaim(claim, "differs", f"{stated.value - measured.value:+.4f}, {side} the 95% interval", measured)


def _measure(claim: Claim, corpus: Corpus | None, measurements: Measurements) -> tuple[Figure, Interval]:
    """The claimed figure and ours."""
    if claim.metric == PERPLEXITY:
        stated = _figure(claim, coarsest=0)
        if stated.value < 1:
            raise UncheckableError(f"{claim.value!r} is no perplexity, which is at least 1")
        if _HELD_OUT not in (claim.split or ""):
            raise UncheckableError(f"emohub measures a perplexity on the {_HELD_OUT} alone")
        return stated, measurements.perplexity(claim.dataset)
    metric = _METRICS.get(claim.metric)
    if metric is None:
        averaged = claim.metric in ("precision", "recall", "f1")
        raise UncheckableError("its average is not named" if averaged else f"emohub does not measure {claim.metric}")
    stated = _figure(claim)
    if metric != "log_loss" and _LEAST_PERCENTAGE <= stated.value <= 100:  # 92.65 is how many cards write 92.65%
        stated = _figure(replace(claim, value=f"{claim.value}%"))
    if metric != "log_loss" and not 0 <= stated.value <= 1:
        raise UncheckableError(f"{claim.value} is no share between 0 and 1")
    return stated, measurements.metric(metric, *_place(claim, corpus))


def _figure(claim: Claim, *, coarsest: int = -2) -> Figure:
    found = figure(claim.value, coarsest=coarsest)
    if found is None:
        raise UncheckableError(f"{claim.value!r} is no number")
    return found


def _place(claim: Claim, corpus: Corpus | None) -> tuple[Corpus, SplitName]:
    """The corpus and split that the claim is about."""
    split = next((name for name in get_args(SplitName) if name == claim.split), None)
    if split is None:
        raise UncheckableError("it names no split" if claim.split is None else f"emohub knows no split {claim.split!r}")
    declared = corpus or _find_corpus(claim)
    if declared is None:
        raise UncheckableError(f"emohub declares no corpus {claim.dataset}; give its declaration with --corpus")
    return declared, split


def _find_corpus(claim: Claim) -> Corpus | None:
    """The built-in corpus of that Hub id and configuration, or of that name."""
    for name in list_corpora():
        corpus = load_corpus(name)
        same_config = claim.config is None or claim.config == corpus.config
        if claim.dataset == corpus.name or (claim.dataset == corpus.hub_id and same_config):
            return corpus
    return None


def _beside(model: str, checkpoint: Checkpoint, name: str) -> Path | None:
    """A file that came with the weights, or that lies with the records of a local model."""
    records = layout.find_records(model) if checkpoint.revision is None else None
    places = [checkpoint.folder / name, *([records / name] if records else [])]
    return next((path for path in places if path.is_file()), None)


def _refused(checkpoint: Checkpoint) -> tuple[str, ...]:
    notes = []
    try:
        config = json.loads((checkpoint.folder / layout.CONFIG_FILE).read_text(encoding="utf-8"))
    except ValueError:
        config = {}  # then no model was loaded, and each claim says so
    if "auto_map" in config:
        notes.append(f"{layout.CONFIG_FILE} asks to run code from the repository (auto_map); it was not run")
    pickles = sorted(path.name for path in checkpoint.folder.iterdir() if path.suffix in _PICKLES)
    if pickles:
        notes.append(f"{', '.join(pickles)} can hold code and was not opened")
    return tuple(notes)


_METRICS: dict[str, str] = {metric_name(kind, average): name for name, (kind, _, average) in HUB_METRICS.items()}
"""Our names of the metrics by the Hub's."""

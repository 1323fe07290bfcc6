"""The results of all models as plain rows, for tables outside a card: ours, and apart from them what others report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emohub.card.records import Records
from emohub.errors import EmohubError
from emohub.layout import RUN_FILE
from emohub.recipe import list_recipes, load_recipe
from emohub.record import DescriptionRecord, Interval, Speed


@dataclass(frozen=True)
class MeasuredResult:
    """What this project measured of one model."""

    name: str
    """Name of the recipe, of the folder in ``cards/``, and of the model in ``models/``."""
    base_model: str
    corpus: str
    corpus_title: str
    split: str
    rows: int
    """Rows of the split."""
    labels: tuple[str, ...]
    metrics: dict[str, Interval]
    """Every metric of the evaluation record, with its confidence interval."""
    level: float
    """Confidence level of the intervals, such as 0.95."""
    parameters: int
    size_bytes: int
    """Size of ``model.safetensors``."""
    dtype: str
    fingerprint: str
    """SHA-256 of ``model.safetensors``."""
    speed: Speed | None = None
    """None for a model that was never described."""
    machine: str | None = None
    """Where that speed was measured."""


@dataclass(frozen=True)
class ReportedResult:
    """What the document of one model reports; not reproduced here."""

    recipe: str
    name: str
    """Name that the document gives the model."""
    base_model: str
    dataset: str
    """Dataset in the document's own words."""
    metrics: dict[str, float]
    """Reported headline figures; a figure that the document does not give is not there."""
    evaluated_rows: int | None
    """Rows that the figures were computed on; None when unknown."""
    parameters: int | None


@dataclass(frozen=True)
class Results:
    """All results, those of one origin together."""

    measured: tuple[MeasuredResult, ...]
    reported: tuple[ReportedResult, ...]


def results_rows(cards_dir: Path) -> Results:
    """The measured results of every folder in ``cards_dir`` that holds records, and every recipe's reported ones.

    Both are in alphabetical order. A folder that does not exist holds no records.

    Raises:
        RecordError: a record is damaged or missing.
        CardError: the records of a folder contradict each other.
    """
    return Results(tuple(_measured(folder) for folder in _recorded(cards_dir)), _reported())


def readable_results(cards_dir: Path) -> tuple[Results, Mapping[str, EmohubError]]:
    """The results that can be read, and by the name of each other folder why it cannot be.

    Raises:
        RecordError: the recipes' own reported results are damaged.
    """
    measured, damaged = [], {}
    for folder in _recorded(cards_dir):
        try:
            measured.append(_measured(folder))
        except EmohubError as error:
            damaged[folder.name] = error
    return Results(tuple(measured), _reported()), damaged


def _recorded(cards_dir: Path) -> list[Path]:
    return [path.parent for path in sorted(cards_dir.glob(f"*/{RUN_FILE}"))]


def _measured(folder: Path) -> MeasuredResult:
    records = Records.load(folder)
    run, evaluation, corpus = records.run, records.evaluation, records.recipe.corpus
    description = records.description
    return MeasuredResult(
        name=folder.name,
        base_model=records.recipe.base_model,
        corpus=corpus.name,
        corpus_title=corpus.title,
        split=evaluation.split,
        rows=evaluation.data.rows,
        labels=evaluation.labels,
        metrics=dict(evaluation.metrics),
        level=evaluation.intervals.level,
        parameters=run.exported.parameters,
        size_bytes=run.exported.size_bytes,
        dtype=run.exported.dtype,
        fingerprint=run.exported.fingerprint,
        speed=description.speed if description else None,
        machine=_machine(description) if description else None,
    )


def _machine(description: DescriptionRecord) -> str:
    environment = description.environment
    used = environment.processor if environment.device == "cpu" else environment.device
    threads = description.speed.threads
    return f"{used}, {threads} {'thread' if threads == 1 else 'threads'}"


def _reported() -> tuple[ReportedResult, ...]:
    recipes = [load_recipe(name) for name in list_recipes()]
    return tuple(
        ReportedResult(
            recipe=recipe.name,
            name=documented.name,
            base_model=documented.base_model,
            dataset=documented.dataset,
            metrics=documented.headline.model_dump(exclude_none=True),
            evaluated_rows=documented.evaluated_rows,
            parameters=documented.parameters,
        )
        for recipe in recipes
        if (documented := recipe.documented) is not None
    )

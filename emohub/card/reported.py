"""What others report: their figures as they give them, the checks on them, and ours beside them."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from emohub.card.claims import check_claims, claims_of_document
from emohub.card.markdown import Markdown, show
from emohub.card.records import Records
from emohub.card.tables import Table, plain
from emohub.recipe import Documented, Recipe, list_recipes, load_recipe
from emohub.recipe.documented import DocumentedMetrics, DocumentedRow

DOCUMENTED_TITLES = {
    "loss": "Loss",
    "accuracy": "Accuracy",
    "precision_unstated_average": "Precision (average not stated)",
    "recall_unstated_average": "Recall (average not stated)",
    "f1_unstated_average": "F1 (average not stated)",
}
"""Names of reported metrics for people."""

_OURS = {
    "loss": {"log_loss": ""},
    "accuracy": {"accuracy": ""},
    "precision_unstated_average": {"macro_precision": " (macro)", "weighted_precision": " (weighted)"},
    "recall_unstated_average": {"macro_recall": " (macro)", "weighted_recall": " (weighted)"},
    "f1_unstated_average": {"macro_f1": " (macro)", "weighted_f1": " (weighted)"},
}
"""Our metrics that a reported one can be held against."""


def reported_context(records: Records) -> dict[str, Any] | None:
    """What the part ``reported`` of a card shows; None when nobody reports figures for this model or this corpus."""
    own = records.recipe.documented
    corpus = records.recipe.corpus.name
    others = [recipe for recipe in _documented() if recipe.corpus.name == corpus and recipe.documented != own]
    sources = [*([own] if own else []), *(recipe.documented for recipe in others if recipe.documented)]
    if not sources:
        return None
    return {
        "own": None if own is None else documented_context(own),
        "pages": [recipe.name for recipe in others],
        "comparison": Table(
            ["Model", "Metric", "Reported", "Measured here", "Comparable?"],
            [row for source in sources for row in _comparison(source, records)],
        ),
        "checks": [(source.name, _checks(source)) for source in sources],
    }


def documented_context(documented: Documented) -> dict[str, Any]:
    """What the partial for one document's figures shows."""
    reported = documented.headline.model_dump(exclude_none=True)
    columns = [name for name in DOCUMENTED_TITLES if name != "loss" and _any_has(documented.results, name)]
    hyperparameters = documented.hyperparameters.model_dump()
    return {
        "source": documented,
        "headline": Table(
            ["Metric", "Reported"], [[DOCUMENTED_TITLES[key], Markdown(value)] for key, value in reported.items()]
        ),
        "results": Table(
            ["Training loss", "Epoch", "Step", "Validation loss", *(DOCUMENTED_TITLES[name] for name in columns)],
            [
                # As reported: four decimals would claim digits that the document does not give.
                [None if value is None else Markdown(value) for value in _documented_row(row, columns)]
                for row in documented.results
            ],
        ),
        "hyperparameters": Table(
            ["Hyperparameter", "Reported"],
            [[key, "not stated" if value is None else plain(value)] for key, value in hyperparameters.items()],
        ),
        "frameworks": Table(
            ["Library", "Version"],
            [[library, version or "not stated"] for library, version in documented.frameworks.items()],
        ),
        "stated": [note.text for note in documented.notes if not note.inferred],
        "inferred": [note.text for note in documented.notes if note.inferred],
        "checks": _checks(documented),
    }


@cache
def _documented() -> tuple[Recipe, ...]:
    """The built-in recipes of documented models, in alphabetical order."""
    return tuple(recipe for recipe in map(load_recipe, list_recipes()) if recipe.documented is not None)


def _comparison(source: Documented, records: Records) -> Iterator[list[Any]]:
    """A row for each figure that a document leads with, ours beside it, and what stands against comparing them."""
    metrics = records.evaluation.metrics
    for name, value in source.headline.model_dump(exclude_none=True).items():
        ours = [f"{show(metrics[key])}{average}" for key, average in _OURS[name].items() if key in metrics]
        against = list(_differences(source, records))
        if name.endswith("_unstated_average"):
            against.append("its average is not stated")
        yield [
            source.name,
            DOCUMENTED_TITLES[name],
            Markdown(value),
            Markdown("; ".join(ours)) if ours else None,
            f"no: {'; '.join(against)}" if against else "yes",
        ]


def _differences(source: Documented, records: Records) -> Iterator[str]:
    """What parts a document's model from ours, as far as its document says."""
    evaluation, recipe = records.evaluation, records.recipe
    rows, split = evaluation.data.rows, evaluation.split
    if _last_part(source.base_model) != _last_part(recipe.base_model):
        yield f"another base model ({source.base_model})"
    if source.evaluated_rows is None:
        yield f"its rows are not stated, ours are {rows:,} of {split}"
    elif source.evaluated_rows != rows:
        yield f"its rows are {source.evaluated_rows:,}, ours are {rows:,} of {split}"
    else:
        as_many = [name for name, each in recipe.corpus.splits.items() if each.rows == rows]
        if len(as_many) > 1:
            yield f"its {rows:,} rows can be {' or '.join(as_many)}, ours are {split}"


def _checks(documented: Documented) -> list[str]:
    return [finding.message for finding in check_claims(claims_of_document(documented))]


def _last_part(model: str) -> str:
    return model.rpartition("/")[2].lower()


def _documented_row(row: DocumentedRow, columns: list[str]) -> list[float | int | None]:
    return [row.training_loss, row.epoch, row.step, row.loss, *(getattr(row, name) for name in columns)]


def _any_has(rows: tuple[DocumentedMetrics, ...], name: str) -> bool:
    return any(getattr(row, name) is not None for row in rows)

"""What a recipe carries over from a model's document → claims."""

from collections.abc import Iterator

from emohub.card.claims.claims import Change, Claims, Figure, Row, Stated, figure
from emohub.card.claims.corpora import corpora_of
from emohub.recipe import Documented, DocumentedRow
from emohub.recipe.documented import DocumentedMetrics

_NAMES = {
    "loss": "loss",
    "accuracy": "accuracy",
    "precision_unstated_average": "precision",
    "recall_unstated_average": "recall",
    "f1_unstated_average": "f1",
}
_DIRECTIONS = {"decrease": "fell", "increase": "rose"}
_UNKNOWN = ("undisclosed", "unknown", "none")


def claims_of_document(documented: Documented) -> Claims:
    """What a model's document claims, as far as ``documented`` carries it over, without what we inferred from it."""
    # Numbers of TOML keep no zeros at the end: 0.7200 is 0.72 there.
    decimals = max(
        (f.decimals for part in (documented.headline, *documented.results) for f in _figures(part)), default=0
    )
    headline = tuple(found.at_least(decimals) for found in _figures(documented.headline))
    rows = tuple(_row(row, decimals) for row in documented.results)
    corpora = corpora_of([documented.dataset], None, f"{documented.name} {documented.dataset}")
    unknown = documented.dataset.lower() in _UNKNOWN
    lowercasing = [step for step in documented.preprocessing if step.lower() in ("lowercasing", "lower-casing")]
    return Claims(
        classifier=True,
        binary=bool(corpora) and all(len(corpus.labels) == 2 for corpus in corpora),
        headline=headline,
        rows=rows,
        rows_left_out=documented.results_elided is not None,
        changes=tuple(_changes(documented)),
        figures=(*headline, *(found for row in rows for found in row.figures)),
        hyperparameters={
            name: Stated(str(value)) for name, value in documented.hyperparameters.model_dump(exclude_none=True).items()
        },
        datasets=() if unknown else (Stated(documented.dataset),),
        corpora=tuple(corpus.name for corpus in corpora),
        dataset_unknown=Stated(documented.dataset) if unknown else None,
        base_models=(Stated(documented.base_model),),
        frameworks={library.lower(): Stated(version) for library, version in documented.frameworks.items()},
        lowercasing=Stated(lowercasing[0]) if lowercasing else None,
    )


def _figures(metrics: DocumentedMetrics) -> Iterator[Figure]:
    for field, name in _NAMES.items():
        value = getattr(metrics, field)
        found = None if value is None else figure(name, str(value))
        if found is not None:
            yield found


def _row(row: DocumentedRow, decimals: int) -> Row:
    return Row(
        None,
        row.step,
        None if row.epoch is None else figure("loss", str(row.epoch)),
        None if row.training_loss is None else figure("loss", str(row.training_loss)),
        tuple(found.at_least(decimals) for found in _figures(row)),
    )


def _changes(documented: Documented) -> Iterator[Change]:
    if documented.loss_first is not None and documented.loss_claim is not None:
        first, last = figure("loss", str(documented.loss_first)), figure("loss", str(documented.headline.loss))
        if first is not None and last is not None:
            yield Change("loss", first, last, _DIRECTIONS[documented.loss_claim])

"""Whatever happened in training, a card's headline, bold row and metadata are those of the exported checkpoint.

The card is read back by a Markdown parser and by PyYAML, neither of which emohub's cards are written with.
"""

import json
import math
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from factories import METRICS, make_corpus, make_eval_record, make_recipe, make_run_record
from markdown_it import MarkdownIt
from markdown_it.token import Token

from emohub.card import render
from emohub.errors import RecordError
from emohub.record import EvalRecord, HistoryRow, RunRecord

HISTORIES = 1000
TITLES = {
    "Accuracy": "accuracy",
    "Macro precision": "macro_precision",
    "Macro recall": "macro_recall",
    "Macro F1": "macro_f1",
    "Weighted precision": "weighted_precision",
    "Weighted recall": "weighted_recall",
    "Weighted F1": "weighted_f1",
}
KINDS = {
    ("accuracy", None): "accuracy",
    ("loss", None): "log_loss",
    **{
        (figure, average): f"{average}_{figure}"
        for figure in ("precision", "recall", "f1")
        for average in ("macro", "weighted")
    },
}
SHAPES = (
    "the best is the last",
    "the best is not the last",
    "a tie",
    "resumed",
    "a row lacks a metric",
    "a metric that only later rows have",
    "a metric that the recipe does not name",
    "stopped early",
    "stopped by a limit",
    "chosen by the loss",
)
"""What must come up among the histories, so that the test cannot quietly stop to cover it."""


def history_of(rng: random.Random, columns: Sequence[str], target: str) -> tuple[HistoryRow, ...]:
    """Evaluations with figures of a few digits, so that many tie; metrics come late, are missing, or are not asked."""
    every = rng.choice([1, 50, 433])
    per_epoch = every * rng.choice([1, 2, 3])
    names = [*columns, *rng.sample([name for name in METRICS if name not in columns], rng.randint(0, 2))]
    count = rng.randint(1, 10)
    first = {name: rng.choice([0, 0, rng.randrange(count)]) for name in names}
    rows = []
    for index in range(count):
        kept = [name for name in names if name == target or (index >= first[name] and rng.random() > 0.15)]
        rows.append(
            HistoryRow(
                training_loss=rng.choice([None, round(rng.uniform(0, 3), 4)]),
                epoch=every * (index + 1) / per_epoch,
                step=every * (index + 1),
                validation_loss=round(rng.uniform(0.1, 0.9), rng.choice([1, 1, 4])),
                metrics={name: round(rng.uniform(0.3, 0.99), rng.choice([1, 1, 5])) for name in kept},
            )
        )
    return tuple(rows)


def records_of(seed: int) -> tuple[RunRecord, EvalRecord]:
    """A random run and the evaluation of what it exported."""
    rng = random.Random(seed)
    labels = [f"label {index}" for index in range(rng.randint(2, 5))]
    columns = rng.sample(METRICS, rng.randint(0, 4))
    target = rng.choice([*columns, "loss"])
    recipe = make_recipe(
        corpus=make_corpus(labels=labels), evaluation={"metrics": columns, "metric_for_best_model": target}
    )
    stopped = rng.choice(["finished", "early", "max_steps"])
    run = make_run_record(
        recipe,
        history=history_of(rng, columns, target),
        stopped=stopped,
        sittings=rng.choice([1, 1, 4]),
        max_steps=7 if stopped == "max_steps" else None,
    )
    confusion = [[rng.choice([0, rng.randint(0, 90)]) for _ in labels] for _ in labels]
    confusion[0][0] += 1
    return run, make_eval_record(run, confusion=confusion)


def best(run: RunRecord) -> HistoryRow:
    """The row that had to be exported: the best by the recipe's metric, the earlier one of a tie."""
    target = run.recipe["evaluation"]["metric_for_best_model"]
    found = run.history[0]
    for row in run.history[1:]:
        if target == "loss":
            found = row if row.validation_loss < found.validation_loss else found
        else:
            found = row if row.metrics[target] > found.metrics[target] else found
    return found


def shapes_of(run: RunRecord) -> Iterator[str]:
    target, history = run.recipe["evaluation"]["metric_for_best_model"], run.history
    asked = set(run.recipe["evaluation"]["metrics"])
    values = [row.validation_loss if target == "loss" else row.metrics[target] for row in history]
    had = [set(row.metrics) for row in history]
    at = history.index(best(run))
    seen = {
        "the best is the last": len(history) > 1 and at == len(history) - 1,
        "the best is not the last": at < len(history) - 1,
        "a tie": values.count(values[at]) > 1,
        "resumed": run.sittings > 1,
        "a row lacks a metric": any(names < asked for names in had),
        "a metric that only later rows have": bool(set().union(*had) - had[0]),
        "a metric that the recipe does not name": bool(set().union(*had) - asked),
        "stopped early": run.stopped == "early",
        "stopped by a limit": run.stopped == "max_steps",
        "chosen by the loss": target == "loss",
    }
    yield from (name for name, there in seen.items() if there)


class ReadCard:
    """A card as a reader's tools see it."""

    def __init__(self, text: str) -> None:
        _, head, body = text.split("---\n", 2)
        self.front_matter: dict[str, Any] = yaml.load(head, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        of_training, _ = body.split("### What the export cost")  # nothing after it is asked about here
        self.tokens = MarkdownIt("commonmark").enable("table").parse(of_training)
        self.headline = self._headline()

    def _headline(self) -> tuple[float, float]:
        text = next(token.content for token in self.tokens if token.content.startswith("**On the "))
        found = re.search(r"its accuracy is (\d\.\d{4}) and its macro F1 (\d\.\d{4})\*\*", text)
        assert found is not None
        return float(found[1]), float(found[2])

    def tables(self, first_cell: str) -> list[list[list[Token]]]:
        """The rows of each table whose header begins so; a cell is its inline token."""
        found: list[list[list[Token]]] = []
        for token in self.tokens:
            if token.type == "table_open":
                found.append([])
            elif token.type == "tr_open":
                found[-1].append([])
            elif token.type == "inline" and token.level >= 3 and found:
                found[-1][-1].append(token)
        return [rows for rows in found if rows[0][0].content == first_cell]


def plain(cell: Token) -> str:
    return "".join(child.content for child in cell.children or [])


def is_bold(cell: Token) -> bool:
    return any(child.type == "strong_open" for child in cell.children or [])


def shown(value: float | None) -> str:
    """A value as four decimals show it."""
    return "–" if value is None else f"{value:.4f}"


def check(run: RunRecord, evaluation: EvalRecord) -> None:
    card, exported = ReadCard(render(run, evaluation)), best(run)

    # The headline is the evaluation's, which is of the weights that the run exported.
    assert evaluation.model.fingerprint == run.exported.fingerprint
    for said, name in zip(card.headline, ("accuracy", "macro_f1"), strict=True):
        assert abs(said - evaluation.metrics[name].value) <= 0.00005 + 1e-12

    # So is the metadata, to the last digit.
    [entry] = card.front_matter["model-index"]
    [result] = entry["results"]
    index = {KINDS[m["type"], m.get("args", {}).get("average")]: m["value"] for m in result["metrics"]}
    assert index.keys() == evaluation.metrics.keys() - {"expected_calibration_error"}
    for name, value in index.items():
        assert math.isclose(value, evaluation.metrics[name].value, rel_tol=0, abs_tol=1e-6)

    # The table begins with the recipe's metrics; every other that any row has stands in the second one.
    asked = run.recipe["evaluation"]["metrics"]
    union = {name for row in run.history for name in row.metrics} | set(asked)
    first, *more = card.tables("Training loss")
    assert [TITLES[plain(cell)] for cell in first[0][4:]] == asked
    assert len(more) == (1 if union > set(asked) else 0)
    assert {TITLES[plain(cell)] for cell in (more or [first])[0][0][4:]} == union

    # One row is bold: that of the exported step; no value has moved to another row or column.
    for header, *body in (first, *more):
        names = [TITLES[plain(cell)] for cell in header[4:]]
        assert len(body) == len(run.history)
        for cells, row in zip(body, run.history, strict=True):
            assert {is_bold(cell) for cell in cells} == {row.step == exported.step}
            assert int(plain(cells[2]).replace(",", "")) == row.step
            assert [plain(cells[0]), plain(cells[3])] == [shown(row.training_loss), shown(row.validation_loss)]
            assert [plain(cell) for cell in cells[4:]] == [shown(row.metrics.get(name)) for name in names]
    assert run.exported.step == exported.step


@pytest.mark.parametrize("part", range(10))
def test_headline_bold_row_and_metadata_are_the_exported_checkpoints(part: int) -> None:
    seen: dict[str, int] = dict.fromkeys(SHAPES, 0)
    for seed in range(part * HISTORIES // 10, (part + 1) * HISTORIES // 10):
        run, evaluation = records_of(seed)
        check(run, evaluation)
        for shape in shapes_of(run):
            seen[shape] += 1
    assert min(seen.values()) >= 5, seen


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("where", ["training_loss", "validation_loss", "metrics"])
def test_a_figure_that_is_none_never_enters_a_record(wrong: str, where: str, tmp_path: Path) -> None:
    run, _ = records_of(0)
    values = run.model_dump(mode="json")
    row = values["history"][0]
    row[where] = {"accuracy": "HERE"} if where == "metrics" else "HERE"
    path = tmp_path / "run.json"
    path.write_text(json.dumps(values).replace('"HERE"', wrong), encoding="utf-8")
    with pytest.raises(RecordError):
        RunRecord.load(path)

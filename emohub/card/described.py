"""What a description record adds to a card: examples and counts of the data, real answers, mistakes, speed."""

from typing import Any

from emohub.card.front_matter import ranked
from emohub.card.markdown import Markdown
from emohub.card.tables import Table, percent
from emohub.record import Answer, DescriptionRecord, Speed

UNEVEN = 1.5
"""A label with this many times the training rows of another was seen more often than it."""


def described_context(description: DescriptionRecord) -> dict[str, Any]:
    """What the parts of a card show that need a description."""
    train, validation = description.splits["train"], description.splits["validation"]
    rows = validation.data.rows
    return {
        "answers": [(answer.text, printed(answer)) for answer in description.answers],
        "examples": Table(
            ["Label", "Text of the training split"],
            [[label.label, text] for label in description.labels for text in label.examples],
        ),
        "labels": Table(
            ["Label", "Training rows", "Share", "Validation rows", "Share"],
            [
                [
                    label.label,
                    label.rows,
                    percent(label.rows, train.data.rows),
                    validation.labels[label.label],
                    percent(validation.labels[label.label], rows),
                ]
                for label in description.labels
            ],
        ),
        "lengths": Table(
            ["Split", "Shortest text (tokens)", "Median", "95% have at most", "Longest"],
            [
                [name, *(split.tokens[key] for key in ("shortest", "median", "p95", "longest"))]
                for name, split in description.splits.items()
            ],
        ),
        "conflicting": {name: split.conflicting for name, split in description.splits.items()},
        "shared": train.shared.get("validation", 0),
        "in_test": description.in_test,
        "mistakes": Table(
            ["Text", "Labelled", "Answered", "Confidence"],
            [[m.text, m.label, m.predicted, Markdown(f"{m.confidence:.1%}")] for m in description.mistakes],
        ),
        "mistakes_in_all": description.mistakes_in_all,
        "mistaken_share": percent(description.mistakes_in_all, rows),
        "validation_rows": rows,
        "seed": description.seed,
        "speed": _speed_table(description.speed),
        "speed_on": description.environment,
        "threads": description.speed.threads,
    }


def printed(answer: Answer) -> str:
    """What the card's examples print for a text: a line for each label, the most probable one first."""
    return "\n".join(f"{label}: {probability:.3f}" for label, probability in ranked(answer))


def balance(description: DescriptionRecord | None) -> dict[str, Any] | None:
    """The labels with the most and the fewest training rows; None where they are about as many, or it is not known."""
    if description is None:
        return None
    most, fewest = (choose(description.labels, key=lambda label: label.rows) for choose in (max, min))
    if most.rows < UNEVEN * fewest.rows or not fewest.rows:
        return None
    return {"most": most, "fewest": fewest, "ratio": f"{most.rows / fewest.rows:.1f}"}


def _speed_table(speed: Speed) -> Table:
    return Table(
        ["What was timed", "Measured"],
        [
            [f"One text at a time, median of {speed.texts:,}", Markdown(f"{speed.median_ms:.1f} ms")],
            ["The slowest 5% of them took at least", Markdown(f"{speed.p95_ms:.1f} ms")],
            [
                f"Many texts, at most {speed.batch_size:,} at a time",
                Markdown(f"{speed.texts_per_second:,.0f} texts per second"),
            ],
        ],
    )

"""Recipes and records for tests: complete, consistent with each other, and different where a test says so."""

import hashlib
import random
from collections.abc import Sequence
from typing import Any

from emohub.recipe import Corpus, Recipe, list_recipes, load_recipe
from emohub.record import (
    Answer,
    CalibrationBin,
    DescriptionRecord,
    Environment,
    EvalRecord,
    Exported,
    HistoryRow,
    Interval,
    IntervalMethod,
    LabelDescription,
    LabelResult,
    Mistake,
    ModelIdentity,
    RunRecord,
    Speed,
    SplitDescription,
    SplitIdentity,
    VerificationRecord,
    VerifiedClaim,
)

LABELS = ("sadness", "joy", "anger")
CONFUSION = ((40, 3, 2), (1, 50, 4), (6, 2, 12))
METRICS = (
    "accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "weighted_precision",
    "weighted_recall",
    "weighted_f1",
)


def sha256(text: str) -> str:
    """A made-up fingerprint: the same for the same text."""
    return hashlib.sha256(text.encode()).hexdigest()


def hub_base(name: str) -> str:
    """The Hub id that a built-in recipe begins with, through the recipes of this project that it starts from."""
    base_model = load_recipe(name).base_model
    return hub_base(base_model) if base_model in list_recipes() else base_model


def make_corpus(**changes: Any) -> Corpus:
    """A corpus of three feelings that claims to be on the Hub."""
    values: dict[str, Any] = {
        "name": "feelings",
        "title": "Feelings in short messages",
        "labels": list(LABELS),
        "splits": {"train": {"rows": 800}, "validation": {"rows": 100}, "test": {"rows": 120}},
        "hub_id": "someone/feelings",
        "language": ["en"],
        "terms": "research and education only",
        "citation": "@article{someone2018,\n  title = {Feelings},\n  year = {2018},\n}",
        "flaws": ["The labels come from hashtags, not from readers."],
    }
    return Corpus.from_values({**values, **changes}, "test corpus")


def make_recipe(*, corpus: Corpus | None = None, training: dict[str, Any] | None = None, **changes: Any) -> Recipe:
    """A recipe that would fine-tune a small model; ``training`` adds to its hyperparameters."""
    values: dict[str, Any] = {
        "name": "tiny-feelings",
        "summary": "A tiny model for feelings.",
        "base_model": "someone/tiny-bert",
        "license": "apache-2.0",
        "max_length": 64,
        "corpus": (corpus or make_corpus()).model_dump(mode="json"),
        "training": {
            "learning_rate": 3e-5,
            "per_device_train_batch_size": 16,
            "num_train_epochs": 4,
            "seed": 42,
            **(training or {}),
        },
        "export": {"dtype": "float16"},
    }
    return Recipe.from_values({**values, **changes}, "test recipe")


def make_environment() -> Environment:
    """A machine that does not depend on the one that runs the test."""
    return Environment(
        emohub="0.1.0",
        python="3.12.1",
        packages={"torch": "2.13.0", "transformers": "5.23.0", "accelerate": None},
        platform="Linux-x86_64",
        processor="A Processor 3000",
        cpu_count=2,
        device="cpu",
        num_processes=1,
        git_commit="0123456789abcdef0123456789abcdef01234567",
    )


def make_history(figures: Sequence[tuple[float | None, float, float, float]] | None = None) -> tuple[HistoryRow, ...]:
    """Rows of (training loss, validation loss, accuracy, macro F1), 50 steps and one epoch apart."""
    rows = figures or ((1.02, 0.71, 0.78, 0.71), (0.55, 0.43, 0.88, 0.84), (0.33, 0.45, 0.87, 0.83))
    return tuple(
        HistoryRow(
            training_loss=training,
            epoch=float(number),
            step=50 * number,
            validation_loss=validation,
            metrics={"accuracy": accuracy, "macro_f1": macro_f1},
        )
        for number, (training, validation, accuracy, macro_f1) in enumerate(rows, start=1)
    )


def make_run_record(
    recipe: Recipe | None = None,
    *,
    history: Sequence[HistoryRow] | None = None,
    exported_step: int | None = None,
    overrides: dict[str, Any] | None = None,
    fingerprint: str | None = None,
    **changes: Any,
) -> RunRecord:
    """A finished run whose best row is exported: the highest ``metric_for_best_model``, the earlier one in a tie.

    ``exported_step`` exports another row; ``fingerprint`` is the SHA-256 of the exported weights; ``changes`` replace
    fields of the record.
    """
    recipe = (recipe or make_recipe()).with_overrides(overrides or {})
    rows = tuple(history or make_history())
    name = recipe.evaluation.metric_for_best_model
    best = max(rows, key=lambda row: -row.validation_loss if name == "loss" else row.metrics.get(name, -1.0))
    if exported_step is not None:
        best = next(row for row in rows if row.step == exported_step)
    before = {"loss": best.validation_loss, **best.metrics}
    after = {key: value - 0.0005 if key != "loss" else value + 0.0003 for key, value in before.items()}
    values: dict[str, Any] = {
        "run_id": f"{recipe.name}-20260102-030405",
        "created": "2026-01-02T03:04:05Z",
        "recipe": recipe.model_dump(mode="json"),
        "recipe_digest": recipe.digest,
        "overrides": overrides or {},
        "max_steps": None,
        "base_model": ModelIdentity(id=recipe.base_model, revision="a" * 40, fingerprint=sha256("base")),
        "data": {
            "train": SplitIdentity(
                rows=800,
                fingerprint=sha256("train"),
                source="hub:someone/feelings@" + "b" * 40,
                duplicates=3,
                truncated=1,
            ),
            "validation": SplitIdentity(
                rows=100,
                fingerprint=sha256("validation"),
                source="hub:someone/feelings@" + "b" * 40,
                duplicates=0,
                truncated=0,
            ),
        },
        "environment": make_environment(),
        "seed": recipe.training.seed,
        "mixed_precision": recipe.training.mixed_precision,
        "batching": "packed",
        "total_steps": 200,
        "steps_run": rows[-1].step,
        "warmup_steps": 20,
        "effective_batch_size": 16,
        "stopped": "early",
        "history": rows,
        "exported": Exported(
            step=best.step,
            epoch=best.epoch,
            rule=f"highest validation {name}" if name != "loss" else "lowest validation loss",
            dtype=recipe.export.dtype,
            parameters=22_713_603,
            size_bytes=45_438_000,
            fingerprint=fingerprint or sha256(f"weights at step {best.step}"),
            validation=after,
            validation_before_export=before,
        ),
        "training_seconds": 123.4,
        "samples_per_second": 98.7,
    }
    return RunRecord(**{**values, **changes})


def make_eval_record(
    run: RunRecord | None = None, *, confusion: Sequence[Sequence[int]] = CONFUSION, **changes: Any
) -> EvalRecord:
    """The evaluation of ``run``'s exported weights; every figure is computed from ``confusion`` (rows: true label)."""
    run = run or make_run_record()
    recipe = Recipe.from_values(run.recipe, "test run")
    corpus = recipe.corpus
    per_label = [_label_result(confusion, index, label) for index, label in enumerate(corpus.labels)]
    rows = sum(map(sum, confusion))
    accuracy = sum(confusion[i][i] for i in range(len(confusion))) / rows
    metrics = {"accuracy": _interval(accuracy)}
    for average in ("macro", "weighted"):
        for figure in ("precision", "recall", "f1"):
            weights = [result.support / rows if average == "weighted" else 1 / len(per_label) for result in per_label]
            mean = sum(w * getattr(r, figure).value for w, r in zip(weights, per_label, strict=True))
            metrics[f"{average}_{figure}"] = _interval(mean)
    metrics["log_loss"] = Interval(value=0.5123, low=0.4511, high=0.6042)
    metrics["expected_calibration_error"] = Interval(value=0.0412, low=0.0301, high=0.0588)
    sure, unsure = rows - rows // 3, rows // 3
    values: dict[str, Any] = {
        "created": "2026-01-02T03:10:00Z",
        "model": ModelIdentity(id=recipe.name, revision=None, fingerprint=run.exported.fingerprint),
        "corpus": corpus.name,
        "hub_id": corpus.hub_id,
        "config": corpus.config,
        "split": "test",
        "data": SplitIdentity(
            rows=rows, fingerprint=sha256("test"), source="hub:someone/feelings@" + "b" * 40, duplicates=1, truncated=2
        ),
        "labels": corpus.labels,
        "metrics": metrics,
        "intervals": IntervalMethod(level=0.95, resamples=9999, seed=0),
        "per_label": tuple(per_label),
        "confusion_matrix": tuple(tuple(row) for row in confusion),
        "calibration": (
            CalibrationBin(lower=0.0, upper=0.5, count=0, confidence=None, accuracy=None),
            CalibrationBin(lower=0.5, upper=0.8, count=unsure, confidence=0.71, accuracy=0.64),
            CalibrationBin(lower=0.8, upper=1.0, count=sure, confidence=0.97, accuracy=0.93),
        ),
        "seconds": 1.5,
        "texts_per_second": rows / 1.5,
        "predictions_sha256": sha256("predictions"),
        "environment": make_environment(),
    }
    return EvalRecord(**{**values, **changes})


def make_description(run: RunRecord | None = None, **changes: Any) -> DescriptionRecord:
    """A description of ``run``'s exported weights; the first label has twice the rows of each other."""
    run = run or make_run_record()
    recipe = Recipe.from_values(run.recipe, "test run")
    labels = recipe.corpus.labels

    def split(name: str, shared: str) -> SplitDescription:
        data = run.data[name]
        each = data.rows // (len(labels) + 1)
        return SplitDescription(
            data=data,
            labels=dict.fromkeys(labels, each) | {labels[0]: data.rows - each * (len(labels) - 1)},
            conflicting=2 if name == "train" else 0,
            shared={shared: 3},
            tokens={"shortest": 4, "median": 20, "p95": 45, "longest": 87},
        )

    splits = {"train": split("train", "validation"), "validation": split("validation", "train")}
    shares = {label: 0.5 ** (index + 1) for index, label in enumerate(labels)}
    values: dict[str, Any] = {
        "created": "2026-01-02T03:20:00Z",
        "model": ModelIdentity(id=recipe.name, revision=None, fingerprint=run.exported.fingerprint),
        "corpus": recipe.corpus.name,
        "seed": 0,
        "labels": tuple(
            LabelDescription(label=label, rows=rows, examples=(f"an example of {label}",))
            for label, rows in splits["train"].labels.items()
        ),
        "splits": splits,
        "in_test": {"train": 11, "validation": 0},
        "answers": (
            Answer(text="Nobody told me.", probabilities=shares),
            Answer(text="What a day!", probabilities=dict(zip(labels, reversed(shares.values()), strict=True))),
        ),
        "mistakes": (
            Mistake(row=17, text="so i left", label=labels[1], predicted=labels[0], confidence=0.9876),
            Mistake(row=4, text="it is what it is", label=labels[0], predicted=labels[1], confidence=0.75),
        ),
        "mistakes_in_all": 12,
        "speed": Speed(threads=1, texts=100, median_ms=12.34, p95_ms=18.2, batch_size=64, texts_per_second=171.6),
        "environment": make_environment(),
    }
    return DescriptionRecord(**{**values, **changes})


def make_verification(run: RunRecord | None = None, **changes: Any) -> VerificationRecord:
    """A verification of ``run``'s exported weights: two figures of its evaluation hold, one cannot be checked."""
    run = run or make_run_record()
    metrics = make_eval_record(run).metrics

    def claim(metric: str, **found: Any) -> VerifiedClaim:
        return VerifiedClaim(dataset="someone/feelings", config=None, split="test", metric=metric, **found)

    values: dict[str, Any] = {
        "created": "2026-01-03T03:04:05Z",
        "emohub": "0.1.0",
        "model": ModelIdentity(id="someone/feelings", revision="c" * 40, fingerprint=run.exported.fingerprint),
        "card": sha256("card"),
        "claims": (
            *(
                claim(metric, claimed=metrics[name].value, outcome="reproduced", reason="", measured=metrics[name])
                for metric, name in (("accuracy", "accuracy"), ("f1 (macro)", "macro_f1"))
            ),
            claim("rouge", claimed="a lot", outcome="cannot be checked", reason="not measured", measured=None),
        ),
        "weights_named": True,
        "notes": (),
        "holds": True,
    }
    return VerificationRecord(**{**values, **changes})


def random_records(seed: int) -> tuple[RunRecord, EvalRecord]:
    """A random run and its evaluation: best row first, last or tied, metrics that some rows lack, labels never seen."""
    rng = random.Random(seed)
    labels = [f"label {index}" for index in range(rng.randint(2, 7))]
    columns = rng.sample(METRICS, rng.randint(1, 4))
    target = rng.choice([*columns, "loss"])
    every = rng.choice([1, 50, 433])
    per_epoch = every * rng.choice([1, 3])
    history = []
    for number in range(1, rng.randint(1, 12) + 1):
        kept = [name for name in columns if name == target or rng.random() > 0.2]
        history.append(
            HistoryRow(
                training_loss=rng.choice([None, rng.uniform(0, 3)]),
                epoch=every * number / per_epoch,
                step=every * number,
                validation_loss=rng.choice([0.25, rng.uniform(0, 3)]),
                metrics={name: rng.choice([0.5, 0.9, rng.random()]) for name in kept},
            )
        )
    recipe = make_recipe(
        corpus=make_corpus(labels=labels),
        evaluation={"metrics": columns, "metric_for_best_model": target},
        export={"dtype": rng.choice(["float16", "float32"])},
        training={"learning_rate": rng.uniform(1e-6, 1e-3), "num_train_epochs": rng.randint(1, 200)},
    )
    confusion = [[rng.choice([0, rng.randint(0, 90)]) for _ in labels] for _ in labels]
    confusion[0][0] += 1
    run = make_run_record(recipe, history=history, stopped=rng.choice(["finished", "early", "max_steps"]))
    return run, make_eval_record(run, confusion=confusion)


def _interval(value: float) -> Interval:
    return Interval(value=value, low=max(0.0, value - 0.0123), high=min(1.0, value + 0.0101))


def _label_result(confusion: Sequence[Sequence[int]], index: int, label: str) -> LabelResult:
    right = confusion[index][index]
    support, predicted = sum(confusion[index]), sum(row[index] for row in confusion)
    return LabelResult(
        label=label,
        precision=_interval(right / predicted if predicted else 0.0),
        recall=_interval(right / support if support else 0.0),
        f1=_interval(2 * right / (support + predicted) if support + predicted else 0.0),
        support=support,
        predicted=predicted,
    )

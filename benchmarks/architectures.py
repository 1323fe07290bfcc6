"""How fast the documented architectures answer, beside the models that ship here.

    python -m benchmarks.architectures --data-dir DATA

The documented base models are built at their full size with fresh weights: that decides what an answer costs, and
nothing else is said of them. All models go through the same engine on the same texts, in turn, in every second round in
the opposite order. What was measured goes to ``benchmarks/architectures.json``.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import get_args

import numpy as np
import torch

from benchmarks.architectures_result import RESULT, ArchitecturesResult, Contender
from benchmarks.fresh_base import ARCHITECTURES, build
from benchmarks.recipes import documented_recipes
from emohub.data import load_split
from emohub.errors import EmohubError
from emohub.inference import Classifier, EngineName
from emohub.inference.loading import load_for_training, save_pretrained
from emohub.layout import shipped_models
from emohub.recipe import load_corpus, load_recipe
from emohub.record import current_environment, utc_now

SEED = 7
MAX_LENGTH = 128
"""Tokens that every model reads at most, as the recipes say."""


def documented_bases() -> tuple[str, ...]:
    """Hub ids of the base models that the documented recipes start from."""
    return tuple(dict.fromkeys(load_recipe(name).base_model for name in documented_recipes()))


def fresh_classifier(base_model: str, labels: Sequence[str], texts: Sequence[str], folder: Path) -> Path:
    """A classifier of a documented architecture with fresh weights, and a tokenizer made from ``texts``."""
    base_folder = build(base_model, texts, folder / "base")
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        base = load_for_training(base_folder, labels)
    save_pretrained(base.model, base.tokenizer(MAX_LENGTH), folder / "classifier", "float32")
    return folder / "classifier"


def measure(
    classifiers: Mapping[str, Classifier], texts: Sequence[str], *, rounds: int, single: int
) -> dict[str, list[tuple[float, float]]]:
    """Of each round the median milliseconds for one text and the seconds for all, by the name of the model."""
    for classifier in classifiers.values():
        classifier.predict_proba(texts[: min(len(texts), 64)])  # the first texts set up memory and kernels
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in classifiers}
    for turn in range(rounds):
        drawn = np.random.default_rng([SEED, turn]).choice(len(texts), single, replace=False)
        for name in list(classifiers)[:: 1 if turn % 2 == 0 else -1]:
            alone = [_seconds(classifiers[name], [texts[row]]) * 1000 for row in drawn]
            found[name].append((median(alone), _seconds(classifiers[name], texts)))
    return found


def _seconds(classifier: Classifier, texts: Sequence[str]) -> float:
    began = time.perf_counter()
    classifier.predict_proba(texts)
    return time.perf_counter() - began


def run(
    models: Mapping[str, Path],
    *,
    bases: Sequence[str],
    labels: Sequence[str],
    vocabulary: Sequence[str],
    texts: Sequence[str],
    corpus: str,
    engine: EngineName,
    rounds: int,
    single: int,
) -> ArchitecturesResult:
    """Measure fresh classifiers of ``bases`` beside ``models``; tokenizers are made from the texts in ``vocabulary``.

    Raises:
        ModelError: a model cannot be loaded.
    """
    load, created = os.getloadavg()[0], utc_now()
    with tempfile.TemporaryDirectory() as temporary:
        fresh = {
            base: fresh_classifier(base, labels, vocabulary, Path(temporary, ARCHITECTURES[base].name))
            for base in bases
        }
        classifiers = {
            name: Classifier.from_pretrained(folder, engine=engine) for name, folder in {**fresh, **models}.items()
        }
        turns = measure(classifiers, texts, rounds=rounds, single=single)
    first = next(iter(classifiers.values()))
    return ArchitecturesResult(
        created=created,
        environment=current_environment(first.device),
        load_before=round(load, 2),
        engine=first.engine,
        threads=first.threads,
        corpus=corpus,
        texts=len(texts),
        single=single,
        contenders=tuple(
            Contender(
                name=name,
                kind="documented" if name in fresh else "ours",
                parameters=classifier.num_parameters,
                tokens_per_text=float(np.minimum(classifier.count_tokens(texts), classifier.max_length).mean()),
                single_ms=tuple(alone for alone, _ in turns[name]),
                seconds=tuple(together for _, together in turns[name]),
            )
            for name, classifier in classifiers.items()
        ),
    )


def main() -> None:
    """Measure, and keep what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="folder with the corpora as parquet files, instead of the Hub")
    parser.add_argument("--corpus", default="emotion", help="whose validation texts are classified")
    parser.add_argument("--engine", choices=get_args(EngineName), default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=1000, help="texts at once in a round")
    parser.add_argument("--single", type=int, default=100, help="texts one by one in a round")
    parser.add_argument("--output", type=Path, default=RESULT)
    given = parser.parse_args()
    try:
        corpus = load_corpus(given.corpus)
        train, validation = (load_split(corpus, split, data_dir=given.data_dir) for split in ("train", "validation"))
        found = run(
            shipped_models(),
            bases=documented_bases(),
            labels=corpus.labels,
            vocabulary=train.texts,
            texts=validation.texts[: given.texts],
            corpus=corpus.name,
            engine=given.engine,
            rounds=given.rounds,
            single=given.single,
        )
        found.save(given.output)
    except EmohubError as error:
        sys.exit(str(error))
    for each in found.contenders:
        rate = found.texts / median(each.seconds)
        print(
            f"{each.name}: {rate:,.0f} texts/s, {median(each.single_ms):.1f} ms a text, {each.parameters:,} parameters"
        )


if __name__ == "__main__":
    main()

"""A model measured again: on a split of a labelled corpus, or on the texts that its training held out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emohub.errors import EmohubError
from emohub.evaluate import evaluate
from emohub.inference import Checkpoint, Classifier
from emohub.recipe import Corpus, Recipe
from emohub.recipe.corpus import SplitName
from emohub.record import EvalRecord, Interval, RunRecord
from emohub.train.masked_lm import gather_masked_lm, with_texts

Report = Callable[[str, int, int], None]
"""Told what is being done, and how much of it is done of how much."""

_RESAMPLES_AT_ONCE = 200


class UncheckableError(Exception):
    """Why a claim cannot be checked."""


@dataclass
class Measurements:
    """What of a model was measured so far; nothing is measured twice."""

    checkpoint: Checkpoint
    classifier: Classifier | None
    """None for a model whose card claims nothing of a classifier."""
    run_file: Path | None
    """The ``run.json`` that came with the model."""
    data_dir: Path | None
    texts: Sequence[Path]
    resamples: int
    report: Report
    _evaluations: dict[tuple[str, str], EvalRecord | EmohubError] = field(default_factory=dict)

    def metric(self, name: str, corpus: Corpus, split: SplitName) -> Interval:
        """A metric of the classifier on a split, with its 95% interval.

        Raises:
            EmohubError: the split cannot be read, or the model does not answer with its labels.
        """
        assert self.classifier is not None  # loaded when a claim needs it
        key = corpus.name, split
        if key not in self._evaluations:
            try:
                self._evaluations[key] = evaluate(
                    self.classifier,
                    corpus,
                    split,
                    data_dir=self.data_dir,
                    resamples=self.resamples,
                    on_progress=lambda done, total: self.report(f"Classifying {split}", done, total),
                )
            except EmohubError as error:
                self._evaluations[key] = error
        found = self._evaluations[key]
        if isinstance(found, EmohubError):
            raise found
        return found.metrics[name]

    def perplexity(self, dataset: str) -> Interval:
        """The perplexity of the texts that the model's run held out, masked as its run masked them.

        Raises:
            UncheckableError: nothing says which those texts were, or they are not those at hand.
            EmohubError: the texts, the record or the model cannot be read.
        """
        if self.run_file is None:
            raise UncheckableError(
                "it comes without run.json, which says what was held out and which tokens were hidden"
            )
        run = RunRecord.load(self.run_file)
        recipe = Recipe.from_values(run.recipe, "the recipe in run.json")
        if run.stage != "masked_lm" or recipe.adaptation is None:
            raise UncheckableError("its run.json is not of a masked-language-model stage")
        corpus = recipe.adaptation.corpus
        if dataset not in (corpus.hub_id, corpus.name):
            raise UncheckableError(f"its run.json is of {corpus.hub_id or corpus.name}")
        if self.texts:
            recipe = with_texts(recipe, self.texts)
        elif corpus.files:  # names of somebody else's files must not choose what is read here
            raise UncheckableError("it learned from files of its author's own; give them with --texts")
        material = gather_masked_lm(recipe, self.checkpoint.folder, self.data_dir)
        if material.data["validation"].fingerprint != run.data["validation"].fingerprint:
            raise UncheckableError("the texts held out here are not those that the run held out")
        losses = material.measure_blocks(
            self.checkpoint.folder, on_progress=lambda done, total: self.report("Restoring words", done, total)
        )
        return perplexity_interval(losses, self.resamples)


def perplexity_interval(losses: NDArray[np.float64], resamples: int, seed: int = 0) -> Interval:
    """e to the mean loss of a token, with its 95% interval by percentile bootstrap over the blocks.

    ``losses`` holds a block's summed loss in nats and its number of tokens in each row; shape ``(n_blocks, 2)``.
    """
    generator = np.random.default_rng(seed)
    count = len(losses)
    drawn = []
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        size = min(_RESAMPLES_AT_ONCE, resamples - start)
        sums = generator.multinomial(count, np.full(count, 1 / count), size=size) @ losses
        drawn.append(sums[:, 0] / sums[:, 1])
    low, high = np.exp(np.quantile(np.concatenate(drawn), [0.025, 0.975]))
    value = float(np.exp(losses[:, 0].sum() / losses[:, 1].sum()))
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value))

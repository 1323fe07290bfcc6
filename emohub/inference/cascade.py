"""A cascade: a small model that answers where it is sure, and a large one that answers the rest."""

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from emohub import layout
from emohub.errors import ModelError
from emohub.inference.answers import Answers, Prediction
from emohub.inference.checkpoint import Checkpoint, find_checkpoint
from emohub.inference.classifier import Classifier
from emohub.inference.engine import EngineName, files_of
from emohub.labels import label_columns
from emohub.steps import map_steps

if TYPE_CHECKING:
    from emohub.inference.attribution import PathGradients
    from emohub.record import ModelIdentity


class Cascade(Classifier):
    """Two classifiers that answer as one. Each text goes through the small one; see :attr:`threshold`.

    What a single model has of its own (engine, tokenizer, checkpoint) it has not, and answers for itself.
    """

    def __init__(self, small: Classifier, large: Classifier, threshold: float, *, id: str) -> None:
        """Both read as many tokens from now on as the one that reads fewer. Labels are in the order of ``large``.

        Raises:
            ModelError: the two do not know the same labels.
        """
        try:
            self._columns = label_columns(small.labels, large.labels, small.id)
        except ModelError:
            raise ModelError(
                f"{small.id} answers {', '.join(small.labels)}, and {large.id} {', '.join(large.labels)}",
                "make a cascade of two models of the same labels",
            ) from None
        self.id = id
        self.small, self.large = small, large
        self.threshold = threshold
        """The small model's answer counts where its highest probability is at least this; 0: always, above 1: never."""
        self.labels = large.labels
        self.calibration_temperature = None  # each of the two has its own
        self.max_length = small.max_length = large.max_length = min(small.max_length, large.max_length)

    @classmethod
    def load(cls, folder: Path, *, device: str | None = None, engine: EngineName = "auto") -> Self:
        """The cascade that ``cascade.json`` in ``folder`` declares; device and engine are for both of its models.

        A model is looked for beside the folder, then under ``models/`` and ``runs/``; one of the Hub by its commit.

        Raises:
            UsageError: there is no such engine.
            RecordError: the declaration cannot be read.
            ModelError: a model is missing, damaged, or another one than the threshold was chosen for.
        """
        from emohub.record.cascade import CascadeRecord  # noqa: PLC0415 - single models need no records

        record = CascadeRecord.load(folder / layout.CASCADE_FILE)
        small, large = (
            Classifier.of(find_member(folder, member.model, also=files_of(engine)), device=device, engine=engine)
            for member in (record.small, record.large)
        )
        return cls(small, large, record.chosen.threshold, id=folder.resolve().name)

    @property
    def engine(self) -> EngineName:
        """What computes, for both models."""
        return self.large.engine

    @property
    def in_float32(self) -> Self:
        """The same cascade, both of its models computed in float32."""
        small, large = self.small.in_float32, self.large.in_float32
        if small is self.small and large is self.large:
            return self
        return type(self)(small, large, self.threshold, id=self.id)

    @property
    def revision(self) -> None:
        """None: a cascade lies on this machine, wherever its models come from."""
        return

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the fingerprints of both models and the threshold.

        Raises:
            ModelError: one of them was never loaded from a file.
        """
        from emohub.record.cascade import cascade_fingerprint  # noqa: PLC0415 - answers need no records

        return cascade_fingerprint(self.small.fingerprint, self.large.fingerprint, self.threshold)

    @property
    def num_parameters(self) -> int:
        """Number of weights of both models."""
        return self.small.num_parameters + self.large.num_parameters

    @property
    def device(self) -> str:
        """What both compute on."""
        return self.large.device

    @property
    def threads(self) -> int:
        """Threads that one forward pass on a CPU is divided among."""
        return self.large.threads

    def answer_groups(self, groups: Iterable[Sequence[str]]) -> Generator[int | Answers, None, None]:
        """As of a single model. A text is done once it has its answer: while the small model computes, none is.

        Tokens are those of the model that answered.

        Raises:
            DataError: a text is not valid Unicode; the texts are counted from 0, through all groups.
        """
        waiting: deque[Sequence[str]] = deque()
        done = 0

        def noted() -> Iterator[Sequence[str]]:
            for group in groups:
                waiting.append(group)
                yield group

        with closing(self.small.answer_groups(noted())) as steps:
            for step in steps:
                if not isinstance(step, Answers):
                    yield done
                    continue
                texts = waiting.popleft()
                answers = yield from map_steps(self._completed(texts, step), partial(add, done))
                yield answers
                done += len(texts)

    def _completed(self, texts: Sequence[str], small: Answers) -> Generator[int, None, Answers]:
        """The small model's answers to ``texts``, with the large one's in place of those that it is not sure of."""
        probabilities, tokens = small.probabilities[:, self._columns], small.tokens.copy()
        unsure = np.flatnonzero(~self._is_sure(probabilities))
        sure = len(texts) - len(unsure)
        if len(unsure):
            asking = self.large.answer_in_steps(texts[row] for row in unsure.tolist())
            large = yield from map_steps(asking, partial(add, sure))
            probabilities[unsure], tokens[unsure] = large.probabilities, large.tokens
        else:
            yield sure
        return Answers(probabilities, tokens)

    def classify_many(self, texts: Sequence[str]) -> list[Prediction]:
        """Classify several texts together, in their order; each says which of the two models answered it.

        ``seconds`` is the time that all of them took.

        Raises:
            UsageError: a text is empty or longer than ``MAX_TEXT_CHARS`` characters.
            DataError: a text is not valid Unicode.
        """
        started = time.perf_counter()
        predictions = [self._in_our_words(each) for each in self.small.classify_many(texts)]
        probabilities = np.reshape([each.probabilities for each in predictions], (-1, len(self.labels)))
        unsure = np.flatnonzero(~self._is_sure(probabilities))
        asked = self.large.classify_many([texts[row] for row in unsure.tolist()]) if len(unsure) else []
        for row, prediction in zip(unsure.tolist(), asked, strict=True):
            predictions[row] = replace(prediction, answered_by=self.large.id)
        seconds = time.perf_counter() - started
        return [replace(each, seconds=seconds) for each in predictions]

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens per text as the small model counts them, which every text goes through; otherwise as of one model.

        Raises:
            DataError: a text is not valid Unicode.
        """
        return self.small.count_tokens(texts)

    def characters_read(self, text: str) -> int:
        """How many characters of ``text`` are read before the cut, by the model that answers it.

        Raises:
            DataError: the text is not valid Unicode.
        """
        return self._answering(text).characters_read(text)

    def path_gradients(self, text: str, label: str, points: Sequence[float]) -> "PathGradients":
        """Gradients as of a single model: those of the model that answers ``text``.

        Raises:
            DataError: the text is not valid Unicode.
            ModelError: a model of this kind cannot be asked for them.
        """
        answering = self._answering(text)
        theirs = label if answering is self.large else self.small.labels[self._columns[self.labels.index(label)]]
        return answering.path_gradients(text, theirs, points)

    def _answering(self, text: str) -> Classifier:
        """The model that answers a text."""
        return self.small if self._is_sure(self.small.predict_proba([text])).all() else self.large

    def _is_sure(self, probabilities: NDArray[np.floating]) -> NDArray[np.bool_]:
        """For each row whether the small model, whose it is, is sure; in double precision, as the threshold is."""
        sure: NDArray[np.bool_] = probabilities.astype(np.float64).max(axis=1) >= self.threshold
        return sure

    def _in_our_words(self, prediction: Prediction) -> Prediction:
        """What the small model answered, with our labels in our order."""
        probabilities = tuple(prediction.probabilities[column] for column in self._columns)
        label = self.labels[int(np.argmax(probabilities))]
        return replace(
            prediction, labels=self.labels, probabilities=probabilities, label=label, answered_by=self.small.id
        )


def find_member(folder: Path, model: "ModelIdentity", *, also: Sequence[str] = ()) -> Checkpoint:
    """A model that the cascade in ``folder`` asks: beside the folder, under ``models/`` or ``runs/``, or on the Hub.

    ``also`` names files of the Hub to fetch beside the usual ones.

    Raises:
        ModelError: it is not there, or it is another model than that of the record.
    """
    cascade = folder.resolve()
    checkpoint = find_checkpoint(model.id, revision=model.revision, also=also) if model.revision else None
    for place in () if checkpoint else (str(cascade.parent / model.id), model.id):
        found = layout.find_model(place)
        if found is not None and all((found / file).is_file() for file in (layout.CONFIG_FILE, layout.WEIGHTS_FILE)):
            checkpoint = Checkpoint(found, model.id)
            break
    if checkpoint is None:
        raise ModelError(
            f"{model.id}, which the cascade {cascade.name} asks, is not here",
            "put it beside the cascade's folder, or under models/ or runs/",
        )
    if checkpoint.fingerprint != model.fingerprint:
        raise ModelError(
            f"{model.id} is another model than the one that the cascade {cascade.name} was measured with",
            "make the cascade again with emohub cascade",
        )
    return checkpoint

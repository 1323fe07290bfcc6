"""The classifier: texts → probabilities."""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from emohub import layout, tokenizing
from emohub.errors import ModelError, UsageError
from emohub.inference.ahead import map_ahead
from emohub.inference.answers import Answers, Prediction
from emohub.inference.batches import batches, padded_length, windows
from emohub.inference.checkpoint import Checkpoint, find_checkpoint
from emohub.inference.engine import Engine, EngineName, files_of, load_engine
from emohub.steps import run_steps
from emohub.tokenizing import LOADING, Tokenizer, Tokens

if TYPE_CHECKING:
    from emohub.inference.attribution import PathGradients
    from emohub.record import ModelIdentity

MAX_TEXT_CHARS = 100_000
"""Characters of the longest text that :meth:`Classifier.classify` takes."""

_DEFAULT_MAX_LENGTH = 512
"""Tokens that are read where neither tokenizer nor configuration states a limit."""


class Classifier:
    """A sequence classifier that gives each text exactly one of its labels.

    Several threads may use it at once. Build it with :meth:`from_pretrained`.
    """

    def __init__(
        self,
        engine: Engine,
        tokenizer: Tokenizer,
        *,
        id: str,
        max_length: int,
        batch_size: int | None = None,
        checkpoint: Checkpoint | None = None,
        device: str | None = None,
    ) -> None:
        """``batch_size`` is the most texts in one forward pass; None leaves it to the number of their tokens.

        Without a ``checkpoint`` the model is in memory only. ``device`` is what it was loaded for.
        """
        self.id = id
        self.max_length = max_length
        self.labels = _label_names(engine.config, id)
        self.calibration_temperature = _temperature(engine.config, id)
        """What its logits are divided by, in the weights of its last layer; None when it is not calibrated."""
        self._engine, self._tokenizer, self._checkpoint, self._device = engine, tokenizer, checkpoint, device
        self._batch_size = batch_size
        self._loading = threading.Lock()
        self._exact: Self | None = None

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        device: str | None = None,
        engine: EngineName = "auto",
    ) -> "Classifier":
        """Load a model folder, a run, a model or cascade under ``models/`` by name, or a Hub id.

        Only safetensors weights are read, and code inside a model is never run. A Hub id is fetched once and works
        without a network from then on. ``device`` is the CPU when None. ``engine`` is what computes: ``torch`` as
        transformers does, in float32; ``torch-bf16`` with weights in bfloat16, whose probabilities are the same to
        about two digits; ``auto`` is the latter wherever the processor multiplies in bfloat16. ``onnx`` and
        ``onnx-int8`` run the files that ``emohub export`` writes, which a Hub id may have too.

        A text is given the same answer whatever is computed with it: to 1e-6 on a processor, while an accelerator
        computes in another order for another number of texts.

        Raises:
            UsageError: a revision was given for a local folder, or there is no such engine.
            ModelError: the model cannot be found or reached, is damaged, or is no classifier with one label per text.
            RecordError: it is a cascade whose declaration cannot be read.
        """
        cascade = None if revision else layout.find_cascade(str(model))
        if cascade is not None:
            from emohub.inference.cascade import Cascade  # noqa: PLC0415 - it is made of classifiers

            return Cascade.load(cascade, device=device, engine=engine)
        checkpoint = find_checkpoint(model, revision=revision, also=files_of(engine))
        return cls.of(checkpoint, device=device, engine=engine)

    @classmethod
    def of(cls, checkpoint: Checkpoint, *, device: str | None = None, engine: EngineName = "auto") -> Self:
        """Load a model that was found already; as :meth:`from_pretrained` in all else.

        Raises:
            UsageError: there is no such engine.
            ModelError: the model is damaged, or is no classifier with one label per text.
        """
        loaded = load_engine(engine, checkpoint, device)
        tokenizer = tokenizing.read_tokenizer(checkpoint.folder)
        limits = [limit for limit in (tokenizer.model_max_length, loaded.position_limit) if limit and limit < 1e9]
        max_length = min(limits, default=_DEFAULT_MAX_LENGTH)
        return cls(loaded, tokenizer, id=checkpoint.id, max_length=max_length, checkpoint=checkpoint, device=device)

    @property
    def engine(self) -> EngineName:
        """What computes; never ``auto``."""
        return self._engine.name

    @property
    def in_float32(self) -> Self:
        """The same model computed in float32, as transformers does: for figures, and for small differences.

        It is loaded at the first use, unless this is it already. A model in memory stays as it is.
        """
        if self._checkpoint is None or self._engine.name == "torch":
            return self
        with self._loading:
            if self._exact is None:
                self._exact = self.of(self._checkpoint, device=self._device, engine="torch")
            return self._exact

    @property
    def revision(self) -> str | None:
        """Commit on the Hub; None for a local model."""
        return self._checkpoint.revision if self._checkpoint else None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of ``model.safetensors``; the file is read at the first use.

        Raises:
            ModelError: the model was never loaded from a file.
        """
        if self._checkpoint is None:
            raise ModelError(f"{self.id} is in memory only and has no fingerprint", "save it and load it again")
        return self._checkpoint.fingerprint

    @property
    def num_parameters(self) -> int:
        """Number of weights."""
        return self._engine.num_parameters

    @property
    def device(self) -> str:
        """What it computes on: ``cpu``, or the accelerator's own name."""
        return self._engine.device

    @property
    def threads(self) -> int:
        """Threads that one forward pass on a CPU is divided among."""
        return self._engine.threads

    def identity(self) -> "ModelIdentity":
        """What a record states about the model.

        Raises:
            ModelError: the model was never loaded from a file.
        """
        from emohub.record import ModelIdentity  # noqa: PLC0415 - answers need no records

        return ModelIdentity(id=self.id, revision=self.revision, fingerprint=self.fingerprint)

    def predict_proba(
        self, texts: Sequence[str], *, on_progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Probabilities of shape ``(n_texts, n_labels)``, rows in the order of ``texts``; each row sums to 1.

        An empty text is classified like any other; a text longer than :attr:`max_length` tokens is cut.
        ``on_progress`` receives the number of texts done so far.

        Raises:
            DataError: a text is not valid Unicode.
        """
        return run_steps(self.answer_in_steps(texts), on_progress).probabilities

    def predict_stream(
        self, texts: Iterable[str], *, on_progress: Callable[[int], None] | None = None
    ) -> Iterator[Answers]:
        """Classify any number of texts in little memory: answers to some thousand at a time, in the order of the texts.

        ``texts`` is read as the answers are taken, and not much further: by two such parts and one text. It is read in
        the caller's thread. ``on_progress`` receives the number of texts done so far, after each forward pass.

        Raises:
            DataError: a text is not valid Unicode; the texts are counted from 0.
        """
        with closing(self.answer_groups(windows(texts))) as steps:
            for step in steps:
                if isinstance(step, Answers):
                    yield step
                elif on_progress is not None:
                    on_progress(step)

    def answer_in_steps(self, texts: Iterable[str]) -> Generator[int, None, Answers]:
        """All answers at once, for who stops between two forward passes, or lets others compute there.

        Yields the number of texts done so far after each pass.

        Raises:
            DataError: a text is not valid Unicode; the texts are counted from 0.
        """
        parts: list[Answers] = []
        with closing(self.answer_groups(windows(texts))) as steps:
            for step in steps:
                if isinstance(step, Answers):
                    parts.append(step)
                else:
                    yield step
        return self._joined(parts)

    def answer_groups(self, groups: Iterable[Sequence[str]]) -> Generator[int | Answers, None, None]:
        """Classify groups of texts one after the other, each of any size: what everything else here is made of.

        Yields the number of texts done so far after each forward pass, and the answers to each group once they are
        complete. While a group is computed the next one is tokenized in a thread; no further one is read. Texts are
        computed by length within a group, so that a large one, of thousands, is computed faster than many small ones.

        Raises:
            DataError: a text is not valid Unicode; the texts are counted from 0, through all groups.
        """
        done = 0
        parts: list[Answers] = []
        with closing(map_ahead(self._tokenize, _numbered(groups))) as parts_to_do:
            for tokens, is_last in parts_to_do:
                probabilities = np.empty((len(tokens.ids), len(self.labels)), np.float32)
                with closing(self._passes(tokens.ids)) as passes:
                    for rows, logits in passes:
                        probabilities[rows] = _softmax(logits)
                        done += len(rows)
                        yield done
                parts.append(Answers(probabilities, tokens.lengths))
                if is_last:
                    yield self._joined(parts)
                    parts = []

    def classify(self, text: str) -> Prediction:
        """Classify one text.

        Raises:
            UsageError: the text is empty or longer than :data:`MAX_TEXT_CHARS` characters.
            DataError: the text is not valid Unicode.
        """
        return self.classify_many([text])[0]

    def classify_many(self, texts: Sequence[str]) -> list[Prediction]:
        """Classify several texts together, in their order; ``seconds`` is the time that all of them took.

        Raises:
            UsageError: a text is empty or longer than :data:`MAX_TEXT_CHARS` characters.
            DataError: a text is not valid Unicode.
        """
        for text in texts:
            check_text(text)
        started = time.perf_counter()
        answers = run_steps(self.answer_in_steps(texts))
        seconds = time.perf_counter() - started
        return [
            Prediction(
                text=text,
                labels=self.labels,
                probabilities=tuple(row.tolist()),
                label=self.labels[int(row.argmax())],
                tokens=length,
                max_length=self.max_length,
                truncated=length > self.max_length,
                seconds=seconds,
                read_chars=self._read_chars(text) if length > self.max_length else None,
            )
            for text, row, length in zip(texts, answers.probabilities, answers.tokens.tolist(), strict=True)
        ]

    def _read_chars(self, text: str) -> int:
        return tokenizing.read_chars(self._tokenizer, text, self.max_length)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens per text before any cut, special ones included; shape ``(n_texts,)``.

        Raises:
            DataError: a text is not valid Unicode.
        """
        return tokenizing.tokenize(self._tokenizer, texts, self.max_length).lengths

    def characters_read(self, text: str) -> int:
        """How many characters of ``text`` the model reads before the cut.

        Raises:
            DataError: the text is not valid Unicode.
        """
        return self._read_chars(text) if self.count_tokens([text])[0] > self.max_length else len(text)

    def path_gradients(self, text: str, label: str, points: Sequence[float]) -> "PathGradients":
        """Gradients of the probability of ``label`` at ``points`` of the line from a baseline, 0, to ``text``, 1.

        Raises:
            DataError: the text is not valid Unicode.
            ModelError: a model of this kind cannot be asked for them.
        """
        with LOADING:
            from emohub.inference.attribution import path_gradients  # noqa: PLC0415 - torch comes with it

        tokens = tokenizing.trace(self._tokenizer, text, self.max_length)
        return path_gradients(self._engine, self._tokenizer, tokens, self.labels.index(label), points)

    def _tokenize(self, part: "_Part") -> tuple[Tokens, bool]:
        return tokenizing.tokenize(self._tokenizer, part.texts, self.max_length, before=part.before), part.is_last

    def _passes(self, ids: Sequence[list[int]]) -> Generator[tuple[list[int], NDArray[np.float32]], None, None]:
        """Rows of ``ids`` that are computed together, and their logits, for one forward pass after the other."""
        lengths, step = [len(each) for each in ids], self._engine.padding_step
        if step is not None:
            lengths = [padded_length(length, step, self.max_length) for length in lengths]
        together = list(batches(lengths, self._engine.batch_tokens, self._batch_size, mixed=step is None))
        padding = self._tokenizer.pad_token_id
        padded = (tokenizing.pad([ids[row] for row in rows], padding, lengths[rows[0]]) for rows in together)
        with closing(self._engine.logits_of_each(padded)) as logits:
            yield from zip(together, logits, strict=True)

    def _joined(self, parts: Sequence[Answers]) -> Answers:
        if len(parts) == 1:
            return parts[0]
        return Answers(
            np.concatenate([np.empty((0, len(self.labels)), np.float32), *(part.probabilities for part in parts)]),
            np.concatenate([np.empty(0, np.int64), *(part.tokens for part in parts)]),
        )


@dataclass(frozen=True)
class _Part:
    """As much of a group of texts as is tokenized at once."""

    texts: list[str]
    before: int
    """Texts of this group and of those before it that come first."""
    is_last: bool
    """Whether the group ends with it."""


def _numbered(groups: Iterable[Sequence[str]]) -> Iterator[_Part]:
    before = 0
    for group in groups:
        end = before + len(group)
        for texts in windows(group) if group else [[]]:
            yield _Part(texts, before, before + len(texts) == end)
            before += len(texts)


def check_text(text: str) -> None:
    """Whether :meth:`Classifier.classify` takes a text.

    Raises:
        UsageError: it is empty or longer than :data:`MAX_TEXT_CHARS` characters.
    """
    if not text.strip():
        raise UsageError("the text is empty", "write something to classify")
    if len(text) > MAX_TEXT_CHARS:
        raise UsageError(
            f"the text has {len(text):,} characters, the limit is {MAX_TEXT_CHARS:,}", "shorten or split it"
        )


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def _label_names(config: Any, id: str) -> tuple[str, ...]:
    """The names of the outputs, in order; a model that gives a text no label or several is refused."""
    if config.problem_type not in (None, "single_label_classification") or config.num_labels < 2:
        task = (config.problem_type or "regression").replace("_", " ")
        raise ModelError(f"{id} was made for {task}", "give a classifier with exactly one label per text")
    if sorted(config.id2label) != list(range(config.num_labels)):
        raise ModelError(f"id2label of {id} does not number its labels from 0", "correct its config.json")
    labels = tuple(str(config.id2label[index]) for index in range(config.num_labels))
    if len(set(labels)) < len(labels) or not all(label.strip() for label in labels):
        raise ModelError(f"id2label of {id} has an empty label or the same label twice", "correct its config.json")
    return labels


def _temperature(config: Any, id: str) -> float | None:
    """The temperature that a configuration states, if it does."""
    stated: float | None = getattr(config, "calibration_temperature", None)
    if stated is None or (type(stated) in (int, float) and 0 < stated < float("inf")):
        return stated
    raise ModelError(f"calibration_temperature of {id} is {stated!r}, no positive number", "correct its config.json")

"""The classifier: texts → probabilities."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from emohub import tokenizing
from emohub.errors import ModelError, UsageError
from emohub.inference.attribution import PathGradients, path_gradients
from emohub.inference.checkpoint import Checkpoint, find_checkpoint, load_classifier, position_limit
from emohub.record import ModelIdentity
from emohub.steps import run_steps

MAX_TEXT_CHARS = 100_000
"""Characters of the longest text that :meth:`Classifier.classify` takes."""

_DEFAULT_MAX_LENGTH = 512
"""Tokens that are read where neither tokenizer nor configuration states a limit."""
_BATCH_TOKENS_CPU = 1024
"""Padded tokens of one forward pass on a CPU: few enough that the activations stay in its cache."""
_BATCH_TOKENS_ACCELERATOR = 32_768
"""The same elsewhere: enough that the time is spent on arithmetic."""


@dataclass(frozen=True)
class Prediction:
    """What a classifier makes of one text."""

    text: str
    labels: tuple[str, ...]
    """Label names, in the model's order."""
    probabilities: tuple[float, ...]
    """One for each label, in the same order; they sum to 1."""
    label: str
    """The most probable label; the first one of a tie."""
    tokens: int
    """Tokens of the whole text, special ones included."""
    max_length: int
    """Tokens that the model reads; the rest of a longer text is ignored."""
    truncated: bool
    """True when the model did not read the whole text."""
    seconds: float
    """Wall time, tokenizing included; that of all texts that were computed together."""
    read_chars: int | None = None
    """Characters, from the start, that the model read of a text that was cut; None where it read the whole text."""


class Classifier:
    """A sequence classifier that gives each text exactly one of its labels.

    It computes in float32, whatever precision the weights were stored in. Several threads may use it at once.
    Build it with :meth:`from_pretrained`; the constructor wraps a model that is in memory already.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        id: str,
        max_length: int,
        batch_size: int | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """``batch_size`` is the most texts in one forward pass; None leaves it to the number of their tokens."""
        self.id = id
        self.max_length = max_length
        self.labels = _label_names(model, id)
        self._model, self._tokenizer, self._checkpoint = model, tokenizer, checkpoint
        self._batch_size = batch_size

    @classmethod
    def from_pretrained(
        cls, model: str | Path, *, revision: str | None = None, device: str | torch.device | None = None
    ) -> Self:
        """Load a model folder, a run, a model under ``models/`` by name, or a Hub id.

        Only safetensors weights are read, and code inside a model is never run. A Hub id is fetched once and works
        without a network from then on. ``device`` is the CPU when None.

        Raises:
            UsageError: a revision was given for a local folder.
            ModelError: the model cannot be found or reached, is damaged, or is no classifier with one label per text.
        """
        return cls.of(find_checkpoint(model, revision=revision), device=device)

    @classmethod
    def of(cls, checkpoint: Checkpoint, *, device: str | torch.device | None = None) -> Self:
        """Load a model that was found already; as :meth:`from_pretrained` in all else.

        Raises:
            ModelError: the model is damaged, or is no classifier with one label per text.
        """
        loaded = load_classifier(checkpoint)
        tokenizer = tokenizing.load_tokenizer(checkpoint.folder)
        limits = [limit for limit in (tokenizer.model_max_length, position_limit(loaded)) if limit and limit < 1e9]
        max_length = min(limits, default=_DEFAULT_MAX_LENGTH)
        return cls(
            loaded.to(device or "cpu"), tokenizer, id=checkpoint.id, max_length=max_length, checkpoint=checkpoint
        )

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
        return sum(parameter.numel() for parameter in self._model.parameters())

    @property
    def device(self) -> str:
        """What it computes on: ``cpu``, or the accelerator's own name."""
        device = self._model.device
        return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type

    @property
    def threads(self) -> int:
        """Threads that one forward pass on a CPU is divided among."""
        return torch.get_num_threads()

    def identity(self) -> ModelIdentity:
        """What a record states about the model.

        Raises:
            ModelError: the model was never loaded from a file.
        """
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
        return run_steps(self.predict_in_steps(texts), on_progress)

    def predict_in_steps(self, texts: Sequence[str]) -> Generator[int, None, NDArray[np.float32]]:
        """:meth:`predict_proba` for who stops between two forward passes, or lets others compute there.

        Yields the number of texts done so far after each pass, and returns the probabilities.

        Raises:
            DataError: a text is not valid Unicode.
        """
        return (yield from self._steps(tokenizing.tokenize(self._tokenizer, texts, self.max_length).ids))

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
        tokens = tokenizing.tokenize(self._tokenizer, texts, self.max_length)
        probabilities = run_steps(self._steps(tokens.ids))
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
            for text, row, length in zip(texts, probabilities, tokens.lengths.tolist(), strict=True)
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

    def path_gradients(self, text: str, label: str, points: Sequence[float]) -> PathGradients:
        """Gradients of the probability of ``label`` at ``points`` of the line from a baseline, 0, to ``text``, 1.

        Raises:
            DataError: the text is not valid Unicode.
            ModelError: a model of this kind cannot be asked for them.
        """
        tokens = tokenizing.trace(self._tokenizer, text, self.max_length)
        self._model.eval()
        column = self.labels.index(label)
        return path_gradients(self._model, self._tokenizer, tokens, column, points, batch_tokens=self._batch_tokens)

    @property
    def _batch_tokens(self) -> int:
        return _BATCH_TOKENS_CPU if self._model.device.type == "cpu" else _BATCH_TOKENS_ACCELERATOR

    @torch.inference_mode()
    def _steps(self, ids: list[list[int]]) -> Generator[int, None, NDArray[np.float32]]:
        if self._model.training:
            self._model.eval()
        probabilities = np.empty((len(ids), len(self.labels)), np.float32)
        device = self._model.device
        done = 0
        for rows in _batches([len(text_ids) for text_ids in ids], self._batch_tokens, self._batch_size):
            padded = tokenizing.pad([ids[row] for row in rows], self._tokenizer.pad_token_id)
            inputs = {name: torch.from_numpy(array).to(device) for name, array in padded.items()}
            probabilities[rows] = self._model(**inputs).logits.float().softmax(dim=-1).cpu().numpy()
            done += len(rows)
            yield done
        return probabilities


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


def _batches(lengths: Sequence[int], budget: int, most: int | None) -> Iterator[list[int]]:
    """Rows in groups of at most ``budget`` padded tokens, alike in length so that little of that is padding.

    None has more than ``most`` rows, where that is given.

    The longest come first, so that memory peaks at the start. A text beyond the budget goes alone.
    """
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batch and (len(batch) == most or (len(batch) + 1) * lengths[batch[0]] > budget):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _label_names(model: PreTrainedModel, id: str) -> tuple[str, ...]:
    """The names of the outputs, in order; a model that gives a text no label or several is refused."""
    config = model.config
    if config.problem_type not in (None, "single_label_classification") or config.num_labels < 2:
        task = (config.problem_type or "regression").replace("_", " ")
        raise ModelError(f"{id} was made for {task}", "give a classifier with exactly one label per text")
    if sorted(config.id2label) != list(range(config.num_labels)):
        raise ModelError(f"id2label of {id} does not number its labels from 0", "correct its config.json")
    labels = tuple(str(config.id2label[index]) for index in range(config.num_labels))
    if len(set(labels)) < len(labels) or not all(label.strip() for label in labels):
        raise ModelError(f"id2label of {id} has an empty label or the same label twice", "correct its config.json")
    return labels

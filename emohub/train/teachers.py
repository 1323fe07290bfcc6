"""Teachers: classifiers that are asked about texts once, before the first step, and what they answered."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from emohub.errors import TrainingError
from emohub.inference import Checkpoint, Classifier, find_checkpoint
from emohub.inference.states import StateReader
from emohub.labels import label_columns
from emohub.record import ModelIdentity, new_file
from emohub.train.options import OnTeaching


@dataclass(frozen=True)
class Answers:
    """What teachers make of texts, and of the validation texts."""

    probabilities: NDArray[np.float32]
    """The mean of theirs, of the corpus' labels in order; shape ``(n_texts, n_labels)``."""
    states: NDArray[np.float16]
    """Their states of first tokens, side by side; shape ``(n_texts, width)``, the width 0 where nobody asked."""
    validation: NDArray[np.float32]
    """Each teacher's own probabilities; shape ``(n_teachers, n_validation, n_labels)``."""


@dataclass(frozen=True)
class Teachers:
    """Classifiers with the corpus' labels, and the texts that they are asked about."""

    checkpoints: tuple[Checkpoint, ...]
    labels: tuple[str, ...]
    """The corpus'."""
    texts: list[str]
    """What is learned from: the training texts, then those that were made of them."""
    validation: list[str]
    width: int
    """Of their states side by side; 0 where nobody asks for them."""
    in_bfloat16: bool = False
    """Whether they answer in bfloat16, which is faster where the machine has it, to what is learned from."""

    @property
    def identities(self) -> tuple[ModelIdentity, ...]:
        """What a record states about each."""
        return tuple(checkpoint.identity for checkpoint in self.checkpoints)

    @property
    def described(self) -> dict[str, Any]:
        """Plain values that tell these answers from all others."""
        return {
            "teachers": [identity.model_dump(mode="json") for identity in self.identities],
            "texts_sha256": texts_sha256(self.texts),
            "validation_sha256": texts_sha256(self.validation),
            "width": self.width,
            "in_bfloat16": self.in_bfloat16,
        }

    def answers(self, path: Path | None, device: str, on_progress: OnTeaching | None = None) -> Answers:
        """Their answers: those in the file ``path`` where it holds these, else asked for and kept there.

        Raises:
            ModelError, DataError: a model or a text cannot be used.
            RecordError, TrainingError: the file cannot be written; nothing half-written is left.
        """
        described = json.dumps(self.described, sort_keys=True)
        kept = None if path is None else _read(path, described)
        if kept is not None:
            return kept
        answers = self._ask(device, on_progress)
        if path is not None:
            _write(path, answers, described)
        return answers

    def _ask(self, device: str, on_progress: OnTeaching | None) -> Answers:
        number = len(self.texts)
        total = len(self.checkpoints) * (len(self.validation) + number + (number if self.width else 0))
        before = 0

        def report(done: int) -> None:
            if on_progress is not None:
                on_progress(before + done, total)

        given, validation, states = [], [], [np.empty((number, 0), np.float16)]
        for checkpoint in self.checkpoints:
            exact = Classifier.of(checkpoint, device=device, engine="torch")
            columns = label_columns(exact.labels, self.labels, exact.id)
            validation.append(exact.predict_proba(self.validation, on_progress=report)[:, columns])
            before += len(self.validation)
            teacher = Classifier.of(checkpoint, device=device, engine="torch-bf16") if self.in_bfloat16 else exact
            given.append(teacher.predict_proba(self.texts, on_progress=report)[:, columns])
            before += number
            if self.width:
                reader = StateReader(checkpoint, exact.max_length, device, in_bfloat16=self.in_bfloat16)
                states.append(reader.first_tokens(self.texts, on_progress=report))
                before += number
        return Answers(np.mean(given, axis=0), np.concatenate(states, axis=1), np.stack(validation))


def find_teachers(
    names: Sequence[str],
    labels: Sequence[str],
    texts: list[str],
    validation: list[str],
    *,
    with_states: bool,
    in_bfloat16: bool = False,
) -> Teachers:
    """The classifiers of these names, each of them seen to have the corpus' ``labels``, in whatever order.

    Raises:
        ModelError: one cannot be found, reached or read, or has other labels.
    """
    checkpoints, width = [], 0
    for name in names:
        checkpoint = find_checkpoint(name)
        teacher = Classifier.of(checkpoint, engine="torch")
        label_columns(teacher.labels, labels, teacher.id)
        width += StateReader(checkpoint, teacher.max_length).width if with_states else 0
        checkpoints.append(checkpoint)
    return Teachers(tuple(checkpoints), tuple(labels), texts, validation, width, in_bfloat16)


def texts_sha256(texts: Sequence[str]) -> str:
    """SHA-256 over texts in their order."""
    return hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()


def _write(path: Path, answers: Answers, described: str) -> None:
    tensors = {name: torch.from_numpy(array).contiguous() for name, array in vars(answers).items()}
    try:
        with new_file(path) as temporary:
            save_file(tensors, temporary, {"described": described})
    except SafetensorError as error:  # what a full disk raises
        raise TrainingError(
            f"what the teachers answered cannot be written to {path} ({error})", "free some space and start again"
        ) from None


def _read(path: Path, described: str) -> Answers | None:
    """The answers in a file; None where there are none, or others."""
    try:
        with safe_open(path, framework="np") as file:
            if (file.metadata() or {}).get("described") != described:
                return None
            return Answers(**{each.name: file.get_tensor(each.name) for each in fields(Answers)})
    except (OSError, SafetensorError):
        return None

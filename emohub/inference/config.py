"""What a classifier's ``config.json`` says of its labels and positions, read without transformers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emohub.inference.checkpoint import Checkpoint
from emohub.layout import CONFIG_FILE
from emohub.tokenizing import LOADING


@dataclass(frozen=True)
class PlainConfig:
    """The part of a configuration that an engine needs which builds no model from it; named as in transformers."""

    model_type: str
    id2label: dict[int, str]
    problem_type: str | None
    max_position_embeddings: int
    pad_token_id: int
    stated: Mapping[str, Any]
    """All that the file states."""

    @property
    def calibration_temperature(self) -> Any:
        """What its file states that the logits are divided by; see :attr:`Classifier.calibration_temperature`."""
        return self.stated.get("calibration_temperature")

    @property
    def num_labels(self) -> int:
        """Number of labels."""
        return len(self.id2label)


def read_config(checkpoint: Checkpoint) -> Any:
    """The configuration of a classifier: :class:`PlainConfig` where the file states all of it, else transformers' own.

    transformers knows what a family takes for a key that is not there, and takes seconds to import.

    Raises:
        ModelError: the file is damaged, or of a kind that transformers does not know.
    """
    try:
        stated = json.loads((checkpoint.folder / CONFIG_FILE).read_text(encoding="utf-8"))
        return PlainConfig(
            model_type=str(stated["model_type"]),
            id2label={int(index): str(label) for index, label in stated["id2label"].items()},
            problem_type=stated.get("problem_type"),
            max_position_embeddings=int(stated["max_position_embeddings"]),
            pad_token_id=int(stated["pad_token_id"]),
            stated=stated,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        with LOADING:
            from emohub.inference.loading import load_config  # noqa: PLC0415

        return load_config(checkpoint)

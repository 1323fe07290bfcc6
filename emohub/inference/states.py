"""What a classifier's encoder makes of texts, before the head: for who teaches another model with it."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from emohub import tokenizing
from emohub.inference.batches import batches
from emohub.inference.checkpoint import Checkpoint
from emohub.inference.devices import batch_tokens_on
from emohub.inference.loading import load_classifier


class StateReader:
    """A classifier's encoder."""

    def __init__(
        self, checkpoint: Checkpoint, max_length: int, device: str | None = None, *, in_bfloat16: bool = False
    ) -> None:
        """``max_length`` tokens of a text are read; ``device`` is the CPU when None. It computes in float32, or in
        bfloat16 where torch's autocast does.

        Raises:
            ModelError: the model is damaged, or is no classifier.
        """
        self._model = load_classifier(checkpoint).to(device or "cpu").eval()
        self._tokenizer = tokenizing.load_tokenizer(checkpoint.folder)
        self._max_length, self._in_bfloat16 = max_length, in_bfloat16

    @property
    def width(self) -> int:
        """Numbers in a state."""
        return int(self._model.config.hidden_size)

    @torch.inference_mode()
    def first_tokens(
        self, texts: Sequence[str], *, on_progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float16]:
        """State of each text's first token after the last layer; shape ``(n_texts, width)``.

        In half precision, since there may be many. ``on_progress`` receives the number of texts done so far.

        Raises:
            DataError: a text is not valid Unicode.
        """
        ids = tokenizing.tokenize(self._tokenizer, texts, self._max_length).ids
        device = self._model.device
        states = np.empty((len(ids), self.width), np.float16)
        done = 0
        for rows in batches([len(text) for text in ids], batch_tokens_on(device), None):
            padded = tokenizing.pad([ids[row] for row in rows], self._tokenizer.pad_token_id)
            inputs = {name: torch.from_numpy(array).to(device) for name, array in padded.items()}
            with torch.autocast(device.type, torch.bfloat16, enabled=self._in_bfloat16):
                hidden = self._model.base_model(**inputs).last_hidden_state
            states[rows] = hidden[:, 0].float().cpu().numpy()
            done += len(rows)
            if on_progress is not None:
                on_progress(done)
        return states

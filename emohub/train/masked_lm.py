"""The masked-language-model stage: plain texts joined and cut into blocks, some of whose tokens must be restored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from emohub import tokenizing
from emohub.data import PlainTexts, load_texts, split_texts
from emohub.errors import DataError, ModelError, UsageError
from emohub.inference.loading import BaseModel, save_pretrained
from emohub.inference.masked_lm import load_for_masked_lm, load_masked_lm, masked_lm_logits
from emohub.recipe import Adaptation, EvaluationSchedule, Recipe, Stage, TextCorpus, Training
from emohub.record import Calibration, Finding, ModelIdentity, SplitIdentity
from emohub.tokenizing import TrainingTokenizer
from emohub.train.batches import Batch, chunks
from emohub.train.masking import NOTHING_ASKED, blocks, mask, masked_lm_metrics
from emohub.train.options import OnTeaching
from emohub.train.stage import base_identity, origin_of, recorded_recipe
from emohub.train.watch import constant_prediction_loss

_VALIDATION_EPOCH = -1
"""Validation blocks are masked alike at every evaluation, and as no training block ever is."""

_PRIME = 1_000_003
"""Keeps the generators of neighbouring seeds, epochs and blocks apart."""


@dataclass(frozen=True)
class MaskedLM:
    """What a run that restores masked tokens reads; see :class:`~emohub.train.stage.StageMaterial`."""

    recorded: Recipe
    base: BaseModel
    identity: ModelIdentity
    tokenizer: TrainingTokenizer
    blocks: dict[str, list[list[int]]]
    """Token ids of the blocks of the parts ``train`` and ``validation``."""
    data: dict[str, SplitIdentity]
    origin: ModelIdentity | None
    stage: Stage = "masked_lm"
    metric_for_best_model: str = "loss"
    export_dtype: Literal["float32"] = "float32"
    packed: bool = False
    """Blocks are of one length: there is next to no padding to save."""
    findings: tuple[Finding, ...] = ()
    distillation: None = None

    @property
    def adaptation(self) -> Adaptation:
        """The stage's part of the recipe."""
        assert self.recorded.adaptation is not None
        return self.recorded.adaptation

    @property
    def settings(self) -> Training:
        """Hyperparameters of the stage."""
        return self.adaptation.training

    @property
    def evaluation(self) -> EvaluationSchedule:
        """When the stage measures its perplexity."""
        return self.adaptation.evaluation

    @property
    def digest(self) -> str:
        """The stage's."""
        return self.recorded.adaptation_digest

    @property
    def also(self) -> dict[str, Any]:
        """Nothing else decides what is trained."""
        return {}

    def begin(self, keep: Path | None, device: str, on_teaching: OnTeaching | None) -> None:
        """Nothing has to be done."""

    @property
    def model(self) -> nn.Module:
        """The pretrained encoder with its language-model head."""
        model: nn.Module = self.base.model
        return model

    @property
    def size(self) -> int:
        """Number of training blocks."""
        return len(self.blocks["train"])

    @property
    def validation_size(self) -> int:
        """Number of validation blocks."""
        return len(self.blocks["validation"])

    @property
    def constant_loss(self) -> float:
        """That of the tokens' shares."""
        return constant_prediction_loss(np.bincount(np.concatenate(self.blocks["train"])).tolist())

    def batch(self, rows: list[int], epoch: int) -> Batch:
        """The blocks of ``rows``, masked anew for each epoch."""
        return self._batch("train", rows, epoch)

    def loss(self, model: nn.Module, inputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        """Cross-entropy in nats, summed over the masked tokens."""
        asked = targets != NOTHING_ASKED
        logits = masked_lm_logits(model, inputs, asked)
        return functional.cross_entropy(logits.float(), targets[asked], reduction="sum")

    @torch.inference_mode()
    def measure(self, accelerator: Accelerator) -> dict[str, float]:
        """Mean loss of a masked token of the validation texts, and the perplexity, e to that power."""
        with accelerator.split_between_processes(list(range(self.validation_size))) as share:
            parts = gather_object([self._loss_and_weight(self.model, share)])
        return masked_lm_metrics(*map(sum, zip(*parts, strict=True)))

    def save(self, folder: Path) -> None:
        """Write the language model and its tokenizer."""
        save_pretrained(self.base.model, self.tokenizer, folder, self.export_dtype)

    @torch.inference_mode()
    def measure_files(self, folder: Path) -> tuple[dict[str, float], Calibration | None]:
        """The same figures of the language model in ``folder``, which holds no temperature."""
        model = load_masked_lm(folder)
        return masked_lm_metrics(*self._loss_and_weight(model, range(self.validation_size))), None

    @torch.inference_mode()
    def measure_blocks(
        self, folder: Path, *, on_progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float64]:
        """Of each validation block, what the language model in ``folder`` loses on its masked tokens, and their number.

        Losses are summed, in nats; shape ``(n_blocks, 2)``. ``on_progress`` receives the blocks done and all blocks.
        """
        model, losses = load_masked_lm(folder), list[tuple[float, float]]()
        for row in range(self.validation_size):
            losses.append(self._loss_and_weight(model, [row]))
            if on_progress is not None:
                on_progress(len(losses), self.validation_size)
        return np.array(losses)

    def _loss_and_weight(self, model: nn.Module, rows: Sequence[int]) -> tuple[float, float]:
        model.eval()
        device = next(model.parameters()).device
        loss = weight = 0.0
        for part in chunks(rows, self.settings.per_device_eval_batch_size):
            batch = self._batch("validation", part, _VALIDATION_EPOCH)
            inputs = {name: tensor.to(device) for name, tensor in batch.inputs.items()}
            loss += self.loss(model, inputs, batch.targets.to(device)).item()
            weight += batch.weight
        return loss, weight

    def _batch(self, part: str, rows: list[int], epoch: int) -> Batch:
        inputs, targets = zip(*(self._masked(part, row, epoch) for row in rows), strict=True)
        padded = tokenizing.pad(inputs, self.tokenizer.pad_token_id)
        padded_targets = tokenizing.pad(targets, NOTHING_ASKED)["input_ids"]
        return Batch(
            {name: torch.from_numpy(array) for name, array in padded.items()},
            torch.from_numpy(padded_targets),
            float((padded_targets != NOTHING_ASKED).sum()),
            sum(map(len, inputs)),
        )

    def _masked(self, part: str, row: int, epoch: int) -> tuple[list[int], list[int]]:
        """A block with some tokens masked; which ones depends on seed, epoch and block alone."""
        generator = torch.Generator().manual_seed(((self.settings.seed * _PRIME + epoch) * _PRIME + row) % 2**63)
        inputs, targets = mask(
            torch.tensor(self.blocks[part][row]),
            generator,
            probability=self.adaptation.mlm_probability,
            mask_id=self.tokenizer.mask_token_id,
            vocab_size=len(self.tokenizer),
            special_ids=self.tokenizer.all_special_ids,
        )
        return inputs.tolist(), targets.tolist()


def with_texts(recipe: Recipe, files: Sequence[Path]) -> Recipe:
    """The recipe with a masked-LM stage on files of the user's own, so that no record names a corpus that was not read.

    Raises:
        UsageError: the recipe has no such stage.
    """
    if recipe.adaptation is None:
        raise UsageError(f"the recipe {recipe.name} has no masked_lm stage to give texts to", "leave them out")
    given = TextCorpus(
        name="texts",
        title="Plain texts of the user's own",
        files=tuple(str(file.expanduser().absolute()) for file in files),
    )
    return recipe.model_copy(update={"adaptation": recipe.adaptation.model_copy(update={"corpus": given})})


def gather_masked_lm(recipe: Recipe, base_model: str | Path | None, data_dir: Path | None) -> MaskedLM:
    """Read texts, model and tokenizer; whatever is wrong with them shows here, before time is spent.

    ``base_model`` replaces the recipe's. A language-model head that it lacks is drawn from torch's global generator.

    Raises:
        DataError, ModelError, UsageError: one of them cannot be used.
    """
    adaptation = recipe.adaptation
    assert adaptation is not None  # else there is no such stage
    parts = _parts(adaptation, data_dir)
    base = load_for_masked_lm(
        base_model or recipe.base_model,
        revision=None if base_model else recipe.base_model_revision,
        dropout=adaptation.training.dropout,
        attention_dropout=adaptation.training.attention_dropout,
    )
    identity = base_identity(recipe, base.identity, given=base_model is not None)
    tokenizer = base.tokenizer(adaptation.max_length)
    if tokenizer.mask_token_id is None:
        raise ModelError(f"the tokenizer of {identity.id} has no mask token", "give a model made for masked tokens")
    return MaskedLM(
        recorded_recipe(recipe, identity.id),
        base,
        identity,
        tokenizer,
        {name: _blocks(tokenizer, part.texts, adaptation.max_length) for name, part in parts.items()},
        {
            name: SplitIdentity(
                rows=part.rows,
                fingerprint=part.fingerprint,
                source=part.source,
                duplicates=part.duplicates,
                truncated=0,
            )
            for name, part in parts.items()
        },
        origin_of(identity, base_model or recipe.base_model, recipe),
    )


def text_fingerprints(recipe: Recipe, data_dir: Path | None) -> dict[str, str]:
    """Fingerprints of the texts that the stage would read now, by part.

    Raises:
        DataError, UsageError: they cannot be read.
    """
    assert recipe.adaptation is not None  # else there is no such stage
    return {name: part.fingerprint for name, part in _parts(recipe.adaptation, data_dir).items()}


def _parts(adaptation: Adaptation, data_dir: Path | None) -> dict[str, PlainTexts]:
    """The texts to train on and those held out."""
    texts = load_texts(adaptation.corpus, data_dir=data_dir)
    train, validation = split_texts(texts, adaptation.corpus.validation_share, adaptation.training.seed)
    return {"train": train, "validation": validation}


def _blocks(tokenizer: TrainingTokenizer, texts: Sequence[str], max_length: int) -> list[list[int]]:
    """Token ids of the texts, joined and cut into blocks between the tokenizer's two special tokens.

    Blocks of nothing but unknown tokens, of which none can be asked for, are left out.
    """
    unlimited = tokenizing.tokenize(tokenizer, texts, 2**31).ids
    start, end = unlimited[0][0], unlimited[0][-1]
    special = set(tokenizer.all_special_ids)
    cut = blocks([ids[1:-1] for ids in unlimited], max_length, start, end)
    known = [block for block in cut if not special.issuperset(block)]
    if not known:
        raise DataError("the tokenizer knows no word of the texts", "give texts in the base model's language")
    return known

"""What a run measures on validation: after some steps, to keep the best, and of the files that it exports."""

import copy
from pathlib import Path
from typing import Literal

import numpy as np
from accelerate import Accelerator
from accelerate.utils import gather_object
from numpy.typing import NDArray
from torch import Tensor, nn

from emohub import inference
from emohub.data import LabelledTexts
from emohub.inference import Classifier
from emohub.layout import WEIGHTS_FILE
from emohub.metrics import classification_metrics, log_loss
from emohub.recipe import Evaluation
from emohub.record import Exported, HistoryRow
from emohub.train.material import Material


class Best:
    """The best evaluation so far and the weights that it measured; the earlier one wins a tie."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.metric = evaluation.metric_for_best_model
        self.patience = evaluation.early_stopping_patience
        self.row: HistoryRow | None = None
        self.weights: dict[str, Tensor] = {}
        self.evaluations_since = 0

    def offer(self, row: HistoryRow, model: nn.Module) -> None:
        """Keep ``row`` and a copy of the weights when it is strictly better."""
        if self.row is None or self._goodness(row) > self._goodness(self.row):
            self.row, self.evaluations_since = row, 0
            self.weights = copy.deepcopy({name: tensor.detach().cpu() for name, tensor in model.state_dict().items()})
        else:
            self.evaluations_since += 1

    @property
    def out_of_patience(self) -> bool:
        """True when early stopping is on and nothing improved for that many evaluations in a row."""
        return self.patience is not None and self.evaluations_since >= self.patience

    @property
    def rule(self) -> str:
        """How the checkpoint was chosen, in words."""
        direction = "lowest" if self.metric == "loss" else "highest"
        return f"{direction} validation {self.metric}, the earlier step on a tie"

    def _goodness(self, row: HistoryRow) -> float:
        return -row.validation_loss if self.metric == "loss" else row.metrics[self.metric]


def evaluation_is_due(evaluation: Evaluation, step: int, steps_per_epoch: int) -> bool:
    """Whether the recipe asks for an evaluation after ``step`` steps."""
    every = evaluation.eval_steps or steps_per_epoch
    return step % every == 0


def evaluate(
    accelerator: Accelerator,
    validator: Classifier,
    validation: LabelledTexts,
    losses: list[float],
    step: int,
    steps_per_epoch: int,
) -> HistoryRow:
    """Measure the current weights on validation, each process its share of the texts, each text once."""
    with accelerator.split_between_processes(validation.texts) as share:
        probabilities = np.concatenate(gather_object([validator.predict_proba(share)]))
    measured = measure(probabilities, validation)
    return HistoryRow(
        training_loss=float(np.mean(gather_object(losses))),
        epoch=step / steps_per_epoch,
        step=step,
        validation_loss=measured["loss"],
        metrics={name: value for name, value in measured.items() if name != "loss"},
    )


def measure(probabilities: NDArray[np.float32], validation: LabelledTexts) -> dict[str, float]:
    """The loss and all metrics of probabilities of shape ``(n_texts, n_labels)``."""
    predictions = probabilities.argmax(axis=1)
    metrics = classification_metrics(validation.labels, predictions, probabilities.shape[1])
    return {"loss": log_loss(validation.labels, probabilities), **metrics}


def export(best: Best, material: Material, folder: Path, dtype: Literal["float32", "float16"]) -> Exported:
    """Write the best weights, which the model holds by now; then believe nothing but the files: load and measure them.

    Raises:
        ModelError: the folder cannot be written, or ``dtype`` cannot hold a weight.
    """
    assert best.row is not None  # a run evaluates at its last step at the latest
    validation = material.splits["validation"]
    inference.save_pretrained(material.base.model, material.tokenizer, folder, dtype)
    exported = Classifier.from_pretrained(folder)
    return Exported(
        step=best.row.step,
        epoch=best.row.epoch,
        rule=best.rule,
        dtype=dtype,
        parameters=exported.num_parameters,
        size_bytes=(folder / WEIGHTS_FILE).stat().st_size,
        fingerprint=exported.fingerprint,
        validation=measure(exported.predict_proba(validation.texts), validation),
        validation_before_export={"loss": best.row.validation_loss, **best.row.metrics},
    )

"""What a run measures on validation: when, which weights were the best, and the files that it exports."""

import shutil
from pathlib import Path

from torch import Tensor, nn

from emohub.inference import Checkpoint
from emohub.recipe import EvaluationSchedule
from emohub.record import Exported, HistoryRow
from emohub.train.stage import StageMaterial


class Best:
    """The best evaluation so far and the weights that it measured; the earlier one wins a tie."""

    def __init__(self, metric: str, patience: int | None) -> None:
        """``metric`` decides, ``loss`` by being low and any other by being high; ``patience`` stops early."""
        self.metric, self.patience = metric, patience
        self.row: HistoryRow | None = None
        self.weights: dict[str, Tensor] = {}
        self.evaluations_since = 0

    def offer(self, row: HistoryRow, model: nn.Module) -> None:
        """Keep ``row`` and a copy of the weights when it is strictly better."""
        if self.row is None or self._goodness(row) > self._goodness(self.row):
            self.row, self.evaluations_since = row, 0
            self.weights = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
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


def evaluation_is_due(evaluation: EvaluationSchedule, step: int, steps_per_epoch: int) -> bool:
    """Whether the recipe asks for an evaluation after ``step`` steps."""
    every = evaluation.eval_steps or steps_per_epoch
    return step % every == 0


def export(best: Best, material: StageMaterial, folder: Path) -> Exported:
    """Write the best weights, which the model holds by now; then believe nothing but the files: load and measure them.

    The folder has its name once it is whole; one from an earlier attempt is replaced.

    Raises:
        ModelError: the folder cannot be written, or the precision cannot hold a weight.
    """
    assert best.row is not None  # a run evaluates at its last step at the latest
    writing = folder.parent / f".{folder.name}.writing"
    for old in (writing, folder):
        shutil.rmtree(old, ignore_errors=True)
    try:
        material.save(writing)
        writing.rename(folder)
    finally:
        shutil.rmtree(writing, ignore_errors=True)
    exported = Checkpoint(folder, folder.parent.name)
    validation, calibration = material.measure_files(folder)
    return Exported(
        step=best.row.step,
        epoch=best.row.epoch,
        rule=best.rule,
        dtype=material.export_dtype,
        parameters=sum(parameter.numel() for parameter in material.model.parameters()),
        size_bytes=exported.weights.stat().st_size,
        fingerprint=exported.fingerprint,
        validation=validation,
        validation_before_export={"loss": best.row.validation_loss, **best.row.metrics},
        calibration=calibration,
    )

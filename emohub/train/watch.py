"""A watch over a run: it sees every step and every evaluation, and says while training that something is going wrong.

The steps are judged in windows, not one by one: a loss is the mean over one batch, and noisy. A window is judged by
what a model that ignores its input would score (:func:`constant_prediction_loss`), because that is where a run stays
whose learning rate is too low, and where one ends whose rate is too high.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

import numpy as np

from emohub.record import Finding, HistoryRow

WINDOWS = 20
"""A run is judged so many times, unless that makes a window too short or too long."""
SHORTEST_WINDOW = 20
"""Steps. Below, the mean loss of a window says little, and a smoke test of a few steps should not be judged at all."""
LONGEST_WINDOW = 100
"""Steps. Whoever waits longer for a warning in a long run has paid for it."""
STUCK_WINDOWS = 3
"""So many windows in a row without progress after the warm-up are no accident: at equal odds, one in eight."""
STUCK_SHARE = 0.97
"""A mean loss above this share of the constant prediction's has not learned to tell the texts apart."""
FLAT_SHARE = 0.995
"""A mean loss above this share of the first window's has not fallen: a model that is adapted, rather than taught,
starts far below the constant prediction, and the little that it gains is still several times more than this."""
TAUGHT_SHARE = 0.25
"""Below this share of the constant prediction's loss a flat curve is what a trained model has."""
ABOVE_SHARE = 0.8
"""A window has risen when this share of its steps lies above the line: counting is not fooled by one enormous loss."""
RISE = 1.1
"""Before anything was learned the line lies so many times above both the first step and the constant prediction."""
JUMP = 3.0
"""A step is a jump when the loss changes by so many times the standard deviation that batches of this size explain; one
step in 30 is, when nothing else moves the loss."""
JUMP_SHARE = 0.5
"""A window jumps when this share of its steps are jumps."""
WEIGHT_SCALE = 0.02
"""Standard deviation that BERT and its relatives draw their weights with (``initializer_range``). Adam moves a weight
by about the learning rate in a step, whatever the gradient (Kingma & Ba 2015, section 2.1): the two can be compared."""
UNMOVED = 0.05 * WEIGHT_SCALE
"""When all rates so far add up to less, the weights cannot have changed much."""
UPSET = 0.1 * WEIGHT_SCALE
"""A rate above it rewrites a tenth of a weight in a single step."""
ROW_SPREAD = 1.25
"""Standard deviation of the loss of one text, in nats: on validation 0.83, 1.13 and 1.25 in the models of ``cards/``.
A model that ignores the text has less."""
NOISE_ERRORS = 2.0
"""A validation loss has risen when it did so by this many standard errors …"""
LEAST_DRIFT = 0.05
"""… and by this share, because with very many texts the noise is smaller than anything that matters."""
DRIFT_ROWS = 2
"""Evaluations in a row that must say so: one may be a bad moment of a rate that is still high."""

Concern = Literal["rate too high", "stuck", "overfitting"]
"""What a run is warned of."""


def constant_prediction_loss(
    counts: Sequence[int], weights: Sequence[float] | None = None, label_smoothing: float = 0.0
) -> float:
    """The lowest mean cross-entropy, in nats, of a model that gives every input the same probabilities.

    ``counts`` are the training examples of each label (or the tokens of each id); ``weights`` and ``label_smoothing``
    are those of ``torch.nn.functional.cross_entropy``, whose mean this is. Without them it is the entropy of the
    labels, and ln(number of labels) when they are balanced.
    """
    shares = np.asarray(counts, dtype=np.float64) / np.sum(counts)
    scale = np.ones_like(shares) if weights is None else np.asarray(weights, dtype=np.float64)
    targets = scale * ((1 - label_smoothing) * shares + label_smoothing / len(shares))
    best = targets / targets.sum()
    asked = best[best > 0]
    return float(-(asked * np.log(asked)).sum() * targets.sum() / (scale * shares).sum())


@dataclass
class Window:
    """What some steps in a row showed."""

    steps: int = 0
    loss: float = 0.0
    """Sum of their losses."""
    above: int = 0
    """How many of them had a loss above the line."""
    jumps: int = 0
    """How many of them had a loss far from the one before."""
    gradient_norm: float = 0.0
    """The largest."""

    @property
    def mean(self) -> float:
        """Mean loss."""
        return self.loss / self.steps


@dataclass
class Watch:
    """Sees a run and returns what it noticed; each of its three warnings comes once.

    Its state is plain and small, so that a resumed run warns exactly as one that was never interrupted.
    """

    total_steps: int
    """Optimizer steps that the schedule is made for."""
    warmup_steps: int
    constant_loss: float
    """See :func:`constant_prediction_loss`."""
    effective_batch_size: int
    """Examples of one optimizer step."""
    validation_rows: int
    """Texts, or blocks of text, that an evaluation measures."""
    window: Window = field(default_factory=Window)
    step: int = 0
    """The last that was seen."""
    learning_rate: float = 0.0
    """Of that step."""
    loss: float = 0.0
    """Of that step."""
    peak_rate: float = 0.0
    """The highest rate so far."""
    travel: float = 0.0
    """The sum of all rates: about as far as a weight can have moved."""
    start: float = 0.0
    """Loss of the first step, which is that of the untrained model."""
    first: float | None = None
    """Mean loss of the first window."""
    lowest: float = math.inf
    """Lowest mean loss of a window."""
    stuck_windows: int = 0
    best_row: HistoryRow | None = None
    """The evaluation with the lowest validation loss; the later one counts in a tie."""
    drifting_rows: int = 0
    warned: list[Concern] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        """Everything that it knows, as values that JSON can hold."""
        row = self.best_row and self.best_row.model_dump(mode="json")
        lowest = None if math.isinf(self.lowest) else self.lowest
        return {**asdict(self), "best_row": row, "lowest": lowest}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The watch that :meth:`state` was taken of."""
        row, lowest = state["best_row"], state["lowest"]
        return cls(
            **{
                **state,
                "window": Window(**state["window"]),
                "best_row": row and HistoryRow(**row),
                "lowest": math.inf if lowest is None else lowest,
                "warned": list(state["warned"]),
            }
        )

    @property
    def window_steps(self) -> int:
        """Steps of a window."""
        return min(LONGEST_WINDOW, max(SHORTEST_WINDOW, self.total_steps // WINDOWS))

    def observe(self, step: int, loss: float, learning_rate: float, gradient_norm: float) -> tuple[Finding, ...]:
        """Take in one optimizer step.

        Args:
            step: its number, from 1.
            loss: mean loss of its examples, over all processes; finite.
            learning_rate: the rate that it used.
            gradient_norm: L2 norm of its gradient before clipping; one that is not finite is left out.
        """
        if step == 1:
            self.start = self.loss = loss
        window = self.window
        window.steps += 1
        window.loss += loss
        window.above += loss > self._line
        window.jumps += abs(loss - self.loss) > self._jump
        if math.isfinite(gradient_norm):
            window.gradient_norm = max(window.gradient_norm, gradient_norm)
        self.step, self.loss, self.learning_rate = step, loss, learning_rate
        self.peak_rate = max(self.peak_rate, learning_rate)
        self.travel += learning_rate
        if window.steps < self.window_steps:
            return ()
        found = self._rate_too_high(window) or self._stuck(window)
        self.first = window.mean if self.first is None else self.first
        self.lowest = min(self.lowest, window.mean)
        self.window = Window()
        return found

    def evaluated(self, row: HistoryRow) -> tuple[Finding, ...]:
        """Take in one evaluation."""
        best = self.best_row
        if best is None or row.validation_loss <= best.validation_loss:
            self.best_row, self.drifting_rows = row, 0
            return ()
        if row.training_loss is None or best.training_loss is None:
            return ()
        noise = NOISE_ERRORS * ROW_SPREAD / math.sqrt(self.validation_rows)
        rise = max(noise, LEAST_DRIFT * best.validation_loss)
        learned = row.training_loss < min(best.training_loss, STUCK_SHARE * self.constant_loss)
        apart = learned and row.validation_loss > best.validation_loss + rise
        self.drifting_rows = self.drifting_rows + 1 if apart else 0
        if self.drifting_rows < DRIFT_ROWS:
            return ()
        return self._warn(
            "overfitting",
            row.step,
            "training and validation drift apart, which is overfitting: from "
            f"step {best.step} to step {row.step} the training loss fell from {best.training_loss:.4f} to "
            f"{row.training_loss:.4f}, while the validation loss rose from {best.validation_loss:.4f} to "
            f"{row.validation_loss:.4f}, by more than its noise of {noise:.4f}",
            "train for fewer num_train_epochs or set early_stopping_patience, raise dropout, weight_decay or "
            "label_smoothing, or add training texts",
        )

    @property
    def _line(self) -> float:
        """The loss above which a step counts as risen: half of what was gained is lost again, or, when nothing was
        gained yet, it is worse than at the start and than a constant prediction."""
        if self.lowest < STUCK_SHARE * self.constant_loss:
            return (self.lowest + self.constant_loss) / 2
        return RISE * max(self.start, self.constant_loss)

    @property
    def _jump(self) -> float:
        """The change of the loss between two steps that counts as a jump."""
        return JUMP * max(ROW_SPREAD, self.constant_loss) / math.sqrt(self.effective_batch_size)

    def _rate_too_high(self, window: Window) -> tuple[Finding, ...]:
        """The losses of a window have risen, or jump."""
        steps = f"from step {self.step - window.steps + 1} to {self.step}"
        if window.above >= ABOVE_SHARE * window.steps:
            seen = (
                f"the training loss rose from {min(self.start, self.lowest):.4f} to {window.mean:.4f}, the mean {steps}"
            )
        elif window.jumps >= JUMP_SHARE * window.steps:
            seen = (
                f"the training loss jumped by more than {self._jump:.4f} in {window.jumps} steps {steps}, about a mean "
                f"of {window.mean:.4f}, which batches of {self.effective_batch_size} do not explain"
            )
        else:
            return ()
        return self._warn(
            "rate too high",
            self.step,
            f"{seen}, with the learning rate at {self.learning_rate:.2e} and gradient norms up to "
            f"{window.gradient_norm:.3g}: the rate is probably too high",
            "lower learning_rate to a third or a tenth, lengthen warmup_steps, or measure a rate with --find-lr",
        )

    def _stuck(self, window: Window) -> tuple[Finding, ...]:
        """The losses of some windows in a row are no better than a constant prediction's, or than at the start."""
        if self.first is None or self.step - window.steps < self.warmup_steps:
            return ()
        falling = window.mean < min(self.start, STUCK_SHARE * self.lowest)
        constant = window.mean > STUCK_SHARE * self.constant_loss and not falling
        flat = window.mean > max(FLAT_SHARE * self.first, TAUGHT_SHARE * self.constant_loss)
        self.stuck_windows = self.stuck_windows + 1 if constant or flat else 0
        if self.stuck_windows < STUCK_WINDOWS or "rate too high" in self.warned:
            return ()
        if constant:
            mark = f"the same answer to every text would cost {self.constant_loss:.4f}"
        else:
            mark = f"it was {self.first:.4f} over the first {self.window_steps} steps"
        cause, remedy = self._cause_of_being_stuck(window)
        return self._warn(
            "stuck",
            self.step,
            f"the training loss is stuck at {window.mean:.4f} by step {self.step}, where {mark}: {cause}",
            remedy,
        )

    def _cause_of_being_stuck(self, window: Window) -> tuple[str, str]:
        """What the rates so far make likely, and what to try."""
        if self.travel < UNMOVED:
            return (
                f"all learning rates so far add up to {self.travel:.1e}, so the weights have hardly moved and the rate "
                "is probably too low",
                "raise learning_rate tenfold, shorten warmup_steps, or measure a rate with --find-lr",
            )
        if self.peak_rate > UPSET:
            return (
                f"a learning rate of {self.peak_rate:.2e} overturns weights of about {WEIGHT_SCALE:g} in a few steps, "
                "so the rate is probably too high and the model has collapsed",
                "lower learning_rate to a tenth, lengthen warmup_steps, or measure a rate with --find-lr",
            )
        return (
            f"with learning rates up to {self.peak_rate:.2e} and gradient norms up to {window.gradient_norm:.3g} the "
            "rate may be wrong either way, or the labels do not belong to the texts",
            "measure a rate with --find-lr, or try one ten times higher and one ten times lower, and look at the data "
            "with emohub data audit",
        )

    def _warn(self, concern: Concern, step: int, message: str, remedy: str) -> tuple[Finding, ...]:
        """The finding, unless it was given before."""
        if concern in self.warned:
            return ()
        self.warned.append(concern)
        kind: Literal["overfitting", "convergence"] = "overfitting" if concern == "overfitting" else "convergence"
        return (Finding(kind=kind, message=message, remedy=remedy, step=step),)

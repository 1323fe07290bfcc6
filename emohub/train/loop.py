"""The training loop: prepare, loop over optimizer steps, keep the best, export it, record what happened."""

import math
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, release_memory, set_seed
from accelerate.utils.memory import should_reduce_batch_size
from torch import nn
from torch.optim import Optimizer

from emohub import layout
from emohub.errors import DivergedError, StoppedError, TrainingError
from emohub.inference.loading import recompute_activations
from emohub.pictures import draw_learning_curves
from emohub.record import (
    Exported,
    Finding,
    HistoryRow,
    PreviousStage,
    RunRecord,
    current_environment,
    utc_now,
)
from emohub.train.accelerator import agreed, device_name
from emohub.train.batches import epoch_order, make_batches, share_of
from emohub.train.checkpoints import find_checkpoint, load_checkpoint, newest_step, save_checkpoint
from emohub.train.energy import EnergyMeter
from emohub.train.folder import RunFolder
from emohub.train.heap import freed_memory_kept
from emohub.train.interruption import Interruption
from emohub.train.measuring import Best, evaluation_is_due, export
from emohub.train.memory import halve_batch
from emohub.train.optimization import (
    NotFinite,
    StepResult,
    TrainingModule,
    learning_rate_factor,
    make_optimizer,
    optimizer_step,
    set_learning_rate,
    total,
    warmup_steps,
)
from emohub.train.options import Options
from emohub.train.progress import Clock, Progress, RunState
from emohub.train.sharding import gather_weights, whole_copy
from emohub.train.stage import StageMaterial
from emohub.train.watch import Watch


class Run:
    """A stage while it trains."""

    def __init__(self, material: StageMaterial, accelerator: Accelerator, folder: RunFolder, options: Options) -> None:
        self.material, self.accelerator, self.folder, self.options = material, accelerator, folder, options
        settings = material.settings
        self.batch_size = (
            settings.per_device_train_batch_size * settings.gradient_accumulation_steps * accelerator.num_processes
        )
        self.steps_per_epoch = math.ceil(material.size / self.batch_size)
        self.all_steps = self.steps_per_epoch * settings.num_train_epochs
        self.total_steps = min(options.max_steps or self.all_steps, self.all_steps)
        self.warmup_steps = warmup_steps(settings, self.total_steps)
        self.state = RunState(settings.per_device_train_batch_size, findings=list(material.findings))
        self.best = Best(material.metric_for_best_model, material.evaluation.early_stopping_patience)

    def start(self, run_id: str, previous: PreviousStage | None) -> str:
        """Write down what this run is, or find it begun already; returns the id that it was begun with."""
        material = self.material
        what = {
            "run_id": run_id,
            "stage": material.stage,
            "digest": material.digest,
            "recipe": material.recorded.model_dump(mode="json", exclude={"documented", "search"}),
            "max_steps": self.options.max_steps,
            "base_model": material.identity.model_dump(mode="json"),
            "previous": previous and previous.model_dump(mode="json"),
            "data": {name: part.model_dump(mode="json") for name, part in material.data.items()},
            "processes": self.accelerator.num_processes,
            **material.also,
            **({"energy": self.options.country or "no country"} if self.options.energy else {}),
        }
        begun: str = agreed(lambda: self.folder.start(what))["run_id"]
        return begun

    def record(self, run_id: str, previous: PreviousStage | None) -> RunRecord:
        """Train, export, and write down what happened."""
        self.material.begin(
            self.folder.checkpoints,
            str(self.accelerator.device),
            self.options.on_teaching if self.accelerator.is_main_process else None,
        )
        module, optimizer = self._prepare()
        self._start_tracking(run_id)
        with Interruption() as interruption, self._measured_energy(), freed_memory_kept():
            try:
                self._train(module, optimizer, interruption)
                interruption.at_once = True
                return self._finish(run_id, previous)
            except KeyboardInterrupt:
                number = interruption.signal or signal.SIGINT
                raise self._stopped(number, newest_step(self.folder.checkpoints) or 0) from None

    @contextmanager
    def _measured_energy(self) -> Iterator[None]:
        """While entered, the main process measures what its machine uses, where that was asked for."""
        self.meter: EnergyMeter | None = None
        if self.options.energy:
            meter = EnergyMeter(self.options.country, self.state.energy)
            agreed(meter.start)
            self.meter = meter if self.accelerator.is_main_process else None
        try:
            yield
        finally:
            if self.meter is not None:
                self.meter.stop()

    def _finish(self, run_id: str, previous: PreviousStage | None) -> RunRecord:
        """Export the best weights and write the record."""
        self.material.model.load_state_dict(self.best.weights)
        return agreed(lambda: self._write(run_id, previous))

    def _write(self, run_id: str, previous: PreviousStage | None) -> RunRecord:
        folder = self.folder.path
        record = self._record(run_id, previous, export(self.best, self.material, folder / layout.CHECKPOINT_FOLDER))
        draw_learning_curves(record, folder / layout.LEARNING_CURVES_FILE)
        record.save(folder / layout.RUN_FILE)
        return record

    def _prepare(self) -> tuple[nn.Module, Optimizer]:
        """The wrapped model and its optimizer, as they were when the run was stopped if it was."""
        model, settings = self.material.model, self.material.settings
        if settings.gradient_checkpointing:
            recompute_activations(self.material.base.model)
        trained = whole_copy(self.accelerator, model)
        module, optimizer = self.accelerator.prepare(
            TrainingModule(trained, self.material.loss), make_optimizer(trained, settings)
        )
        self.gather = partial(gather_weights, self.accelerator, module, model)
        if self.accelerator.process_index:  # each process drops other weights; the first as if it were alone
            set_seed(settings.seed + self.accelerator.process_index)
        material = self.material
        self.watch = Watch(
            self.total_steps, self.warmup_steps, material.constant_loss, self.batch_size, material.validation_size
        )
        found: Path | None = broadcast_object_list([find_checkpoint(self.folder.checkpoints)])[0]
        if found is not None:
            remembered, self.best.weights = load_checkpoint(self.accelerator, found)
            self.state = RunState.from_json(remembered)
            self.best.evaluations_since = self.state.evaluations_since_best
            self.best.row = next((row for row in self.state.history if row.step == self.state.best_step), None)
            self.watch = Watch.from_state(self.state.watch)
        self.state.sittings += 1
        return module, optimizer

    def _start_tracking(self, run_id: str) -> None:
        """Go on with the run's own curve; what was logged after the checkpoint that it goes on from is undone."""
        if self.options.log_with is not None:
            self.accelerator.init_trackers(
                self.material.recorded.name,
                config=_flat(self.material.settings.model_dump(mode="json")),
                init_kwargs={
                    "tensorboard": {"purge_step": self.state.step + 1},
                    "wandb": {"id": run_id, "name": run_id, "resume": "allow"},
                    "trackio": {"name": run_id, "resume": "allow"},
                },
            )

    def _train(self, module: nn.Module, optimizer: Optimizer, interruption: Interruption) -> None:
        """Every step that is left."""
        state, settings = self.state, self.material.settings
        factor = learning_rate_factor(settings.lr_scheduler_type, self.warmup_steps, self.total_steps)
        clock = Clock(state)
        order: list[int] = []
        told = len(state.findings) if state.step else 0
        while state.step < self.total_steps and not self.best.out_of_patience:
            epoch, index = divmod(state.step, self.steps_per_epoch)
            if not order or index == 0:
                order = epoch_order(self.material.size, settings.seed, epoch)
            rows = order[index * self.batch_size : (index + 1) * self.batch_size]
            rate = settings.learning_rate * factor(state.step)
            set_learning_rate(optimizer, rate)
            result = self._step(module, optimizer, rows, epoch, rate)
            state.step += 1
            state.losses.append(result.loss)
            state.samples += len(rows)
            state.findings += self.watch.observe(state.step, result.loss, rate, result.gradient_norm)

            row = None
            last = state.step == self.total_steps
            if last or evaluation_is_due(self.material.evaluation, state.step, self.steps_per_epoch):
                with clock.paused():
                    row = self._evaluate()
                state.findings += self.watch.evaluated(row)
            clock.stamp()
            self._tell(result, rate, row, tuple(state.findings[told:]))
            told = len(state.findings)

            done = last or self.best.out_of_patience
            stopped = total(self.accelerator, float(interruption.signal or 0))
            if done or stopped or self._checkpoint_is_due(clock):
                with clock.paused():
                    self._save()
                clock.saved()
            if stopped:
                raise self._stopped(interruption.signal or signal.SIGTERM, state.step)

    def _stopped(self, number: int, saved: int) -> StoppedError:
        """The end of a sitting whose newest checkpoint is that of step ``saved``; 0 when there is none."""
        step = f"step {self.state.step:,} of {self.total_steps:,}"
        if saved == self.state.step:
            cause = f"the run was stopped after {step}, and saved"
        else:
            cause = f"the run was stopped at once after {step}, and the last step that was saved is {saved:,}"
        folder = shlex.quote(str(self.folder.whole))
        return StoppedError(cause, f"to go on, give the same command with --output-dir {folder}", number)

    def _step(self, module: nn.Module, optimizer: Optimizer, rows: list[int], epoch: int, rate: float) -> StepResult:
        """One optimizer step on ``rows``, in smaller batches from the moment that memory runs out."""
        accelerator = self.accelerator
        share = share_of(rows, accelerator.process_index, accelerator.num_processes)
        while True:
            try:
                batches = make_batches(
                    rows, share, self.state.per_device_train_batch_size, lambda part: self.material.batch(part, epoch)
                )
                result = optimizer_step(accelerator, module, optimizer, batches, self.material.settings.max_grad_norm)
            except NotFinite as error:
                raise DivergedError(
                    f"the {error.what} is {error.value} at step {self.state.step + 1}, with the learning rate at "
                    f"{rate:.2e}, on the training rows {', '.join(map(str, sorted(rows)))} (counted from 0)",
                    "lower learning_rate, lengthen warmup_steps, or look at those rows",
                ) from None
            except RuntimeError as error:
                if not should_reduce_batch_size(error):
                    raise
                optimizer.zero_grad()
                alone = accelerator.num_processes == 1
                halve_batch(self.state, self.material.settings, allowed=self.options.auto_batch and alone)
            else:
                self.state.tokens += sum(batch.tokens for batch in batches)
                self.state.positions += sum(batch.positions for batch in batches)
                return result
            release_memory()

    def _evaluate(self) -> HistoryRow:
        """Measure the current weights on validation, and keep them when they are the best."""
        state = self.state
        self.gather()
        try:
            measured = self.material.measure(self.accelerator)
        except DivergedError as error:
            raise DivergedError(f"after step {state.step:,} {error.cause}", error.remedy) from None
        except RuntimeError as error:
            if not should_reduce_batch_size(error):
                raise
            size = self.material.settings.per_device_eval_batch_size
            raise TrainingError(
                f"memory does not suffice to measure validation in batches of {size}",
                f"give --set per_device_eval_batch_size={max(1, size // 2)} and --no-resume, which changes no figure",
            ) from None
        row = HistoryRow(
            training_loss=float(np.mean(state.losses)),
            epoch=state.step / self.steps_per_epoch,
            step=state.step,
            validation_loss=measured["loss"],
            metrics={name: value for name, value in measured.items() if name != "loss"},
        )
        state.losses = []
        state.history.append(row)
        self.best.offer(row, self.material.model)
        state.best_step = self.best.row.step if self.best.row else None
        state.evaluations_since_best = self.best.evaluations_since
        return row

    def _checkpoint_is_due(self, clock: Clock) -> bool:
        """Whether so many steps, or so much time on the main process' clock, have passed."""
        every, minutes = self.material.settings.checkpoint_steps, self.options.checkpoint_minutes
        if every is not None and self.state.step % every == 0:
            return True
        return minutes is not None and total(self.accelerator, float(self._late(clock, minutes))) > 0

    def _late(self, clock: Clock, minutes: float) -> bool:
        return self.accelerator.is_main_process and clock.minutes_unsaved >= minutes

    def _save(self) -> None:
        self.state.watch = self.watch.state()
        if self.meter is not None:
            self.state.energy = self.meter.total()
        save_checkpoint(
            self.accelerator, self.folder.checkpoints, self.state.step, self.state.to_json(), self.best.weights
        )

    def _tell(self, result: StepResult, rate: float, row: HistoryRow | None, findings: tuple[Finding, ...]) -> None:
        """Report the step to whoever watches, and to the trackers."""
        state = self.state
        if self.options.log_with is not None:
            values = {"training_loss": result.loss, "learning_rate": rate, "gradient_norm": result.gradient_norm}
            if row is not None:
                values |= {"validation_loss": row.validation_loss, **row.metrics}
            self.accelerator.log(values, step=state.step)
        if self.options.on_progress is not None and self.accelerator.is_main_process:
            self.options.on_progress(
                Progress(
                    stage=self.material.stage,
                    step=state.step,
                    total_steps=self.total_steps,
                    epoch=state.step / self.steps_per_epoch,
                    loss=result.loss,
                    learning_rate=rate,
                    gradient_norm=result.gradient_norm,
                    samples_per_second=state.samples_per_second,
                    padding_share=state.padding_share,
                    row=row,
                    findings=findings,
                )
            )

    def _record(self, run_id: str, previous: PreviousStage | None, exported: Exported) -> RunRecord:
        material, state, settings = self.material, self.state, self.material.settings
        return RunRecord(
            run_id=run_id,
            created=utc_now(),
            recipe=material.recorded.model_dump(mode="json"),
            recipe_digest=material.digest,
            overrides=self.options.overrides,
            max_steps=self.options.max_steps,
            base_model=material.identity,
            data=material.data,
            environment=current_environment(device_name(self.accelerator), self.accelerator.num_processes),
            seed=settings.seed,
            mixed_precision=settings.mixed_precision,
            batching="packed" if material.packed else "padded",
            total_steps=self.total_steps,
            steps_run=state.step,
            warmup_steps=self.warmup_steps,
            effective_batch_size=self.batch_size,
            stopped="early"
            if state.step < self.total_steps
            else "max_steps"
            if state.step < self.all_steps
            else "finished",
            history=tuple(state.history),
            exported=exported,
            training_seconds=state.training_seconds,
            samples_per_second=state.samples_per_second,
            stage=material.stage,
            previous=previous,
            sittings=state.sittings,
            padding_share=state.padding_share,
            smaller_batches=tuple(state.smaller_batches),
            findings=tuple(state.findings),
            energy=state.energy,
            distillation=material.distillation,
            origin=material.origin,
        )


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Settings as trackers take them: numbers and texts alone."""
    return {key: value if isinstance(value, bool | int | float | str) else str(value) for key, value in values.items()}

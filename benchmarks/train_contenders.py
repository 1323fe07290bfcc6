"""One contender of ``train_throughput``, in its own process: ``python -m benchmarks.train_contenders JOB``.

Each trains as it would by itself. After every optimizer step it calls a gate, which takes the time and lets it wait
until it is asked for the next steps, so that start-up, saving and evaluating are outside of every measurement.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch

from benchmarks.asked import own_answers, peak_megabytes
from benchmarks.training_result import Contender, Precision


@dataclass(frozen=True)
class Job:
    """What a contender is to do."""

    contender: Contender
    precision: Precision
    base: str
    """Folder of the model with fresh weights and of its tokenizer."""
    rows: str
    """JSON file with the texts and labels, in the order of training."""
    tokens: tuple[int, ...]
    """Tokens of the texts of each step that is asked for."""
    warm_up: int
    """Steps before the first question."""
    batch_size: int
    max_length: int
    recipe: str
    data_dir: str | None
    output: str
    """A folder that may be written to."""

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole job: one more than is asked for, because at its end emohub evaluates."""
        return len(self.tokens) + 1

    def dataset(self, *, padded: bool = False) -> Any:
        """The texts as a dataset of token ids, mask and labels; ``padded`` brings all to the greatest length."""
        from datasets import Dataset  # noqa: PLC0415 - only the peers need it
        from transformers import AutoTokenizer  # noqa: PLC0415

        tokenizer = AutoTokenizer.from_pretrained(self.base)
        rows = json.loads(Path(self.rows).read_text(encoding="utf-8"))
        encoded = tokenizer(
            rows["text"], truncation=True, max_length=self.max_length, padding="max_length" if padded else False
        )
        return tokenizer, Dataset.from_dict({**encoded, "labels": rows["labels"]})

    def model(self, labels: int) -> Any:
        """The model as transformers loads it, with a new head."""
        from transformers import AutoModelForSequenceClassification  # noqa: PLC0415

        return AutoModelForSequenceClassification.from_pretrained(self.base, num_labels=labels)


class Gate:
    """Counts steps, takes their time, and lets the trainer wait until it is asked for more."""

    def __init__(self, warm_up: int, answers: TextIO) -> None:
        self._left, self._answers = warm_up, answers
        self._began = time.perf_counter()

    def __call__(self) -> None:
        """An optimizer step has been taken."""
        self._left -= 1
        if self._left:
            return
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds = time.perf_counter() - self._began
        device = torch.cuda.max_memory_allocated() / 1e6 if torch.cuda.is_available() else None
        answer = {
            "seconds": seconds,
            "threads": torch.get_num_threads(),
            "peak_megabytes": peak_megabytes(),
            "device_megabytes": device,
        }
        print(json.dumps(answer), file=self._answers, flush=True)
        question = sys.stdin.readline()
        if not question:
            os._exit(0)  # whoever asks has gone; there is nothing to finish
        self._left = json.loads(question)
        self._began = time.perf_counter()


def trainer(job: Job, gate: Gate) -> None:
    """Hugging Face's Trainer as its guides show it: its defaults, and each batch padded to its longest text."""
    from transformers import DataCollatorWithPadding  # noqa: PLC0415

    tokenizer, rows = job.dataset()
    _run_trainer(job, gate, rows, DataCollatorWithPadding(tokenizer))


def trainer_128(job: Job, gate: Gate) -> None:
    """The same Trainer on texts that were all padded to the greatest length beforehand."""
    _, rows = job.dataset(padded=True)
    _run_trainer(job, gate, rows, None)


def _run_trainer(job: Job, gate: Gate, rows: Any, collator: Any) -> None:
    from transformers import Trainer, TrainerCallback, TrainingArguments  # noqa: PLC0415

    class Steps(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            gate()

    Trainer(
        model=job.model(len(set(rows["labels"]))),
        args=TrainingArguments(
            output_dir=job.output,
            per_device_train_batch_size=job.batch_size,
            max_steps=job.steps,
            bf16=job.precision == "bf16",
            use_cpu=not torch.cuda.is_available(),  # else it refuses bf16 on a processor
            train_sampling_strategy="sequential",  # the texts are in the common order already
            save_strategy="no",
            report_to="none",
        ),
        train_dataset=rows,
        data_collator=collator,
        callbacks=[Steps()],
    ).train()


def accelerate(job: Job, gate: Gate) -> None:
    """The loop of transformers' example ``run_glue_no_trainer.py``, which is Accelerate's own too."""
    from accelerate import Accelerator  # noqa: PLC0415
    from torch.utils.data import DataLoader  # noqa: PLC0415
    from transformers import DataCollatorWithPadding, get_scheduler  # noqa: PLC0415

    accelerator = Accelerator(mixed_precision="bf16" if job.precision == "bf16" else "no")
    tokenizer, rows = job.dataset()
    model = job.model(len(set(rows["labels"])))
    loader = DataLoader(rows, batch_size=job.batch_size, collate_fn=DataCollatorWithPadding(tokenizer))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.0)
    scheduler = get_scheduler("linear", optimizer, num_warmup_steps=0, num_training_steps=job.steps)
    model, optimizer, loader, scheduler = accelerator.prepare(model, optimizer, loader, scheduler)
    model.train()
    for batch in loader:
        loss = model(**batch).loss
        accelerator.backward(loss)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        gate()


def ours(job: Job, gate: Gate) -> None:
    """``emohub.train`` by its front door: a recipe, the model's own dropout, clipping, the watch over the run."""
    from emohub.recipe import load_recipe  # noqa: PLC0415
    from emohub.train import train  # noqa: PLC0415

    train(
        load_recipe(job.recipe),
        base_model=job.base,
        data_dir=None if job.data_dir is None else Path(job.data_dir),
        output_dir=Path(job.output),
        max_steps=job.steps,
        overrides={
            "per_device_train_batch_size": job.batch_size,
            "max_length": job.max_length,
            "mixed_precision": "bf16" if job.precision == "bf16" else "no",
        },
        checkpoint_minutes=None,
        on_progress=lambda _: gate(),
    )


def products(job: Job, gate: Gate) -> None:
    """The matrix products of the encoder's linear layers on each step's tokens, forward and backward, and no more."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if job.precision == "bf16" else torch.float32
    shapes = linear_shapes(job.model(2))
    weights = [torch.randn(shape, device=device, dtype=dtype) for shape in shapes]
    inputs, gradients = (
        {width: torch.randn(max(job.tokens), width, device=device, dtype=dtype) for width in {s[side] for s in shapes}}
        for side in (1, 0)
    )
    for tokens in job.tokens:
        for weight in weights:
            given, gradient = inputs[weight.shape[1]][:tokens], gradients[weight.shape[0]][:tokens]
            torch.mm(given, weight.t())
            torch.mm(gradient, weight)
            torch.mm(gradient.t(), given)
        gate()


def linear_shapes(model: Any) -> list[tuple[int, int]]:
    """Outputs and inputs of the encoder's linear layers; the pooler and the head see one token of each text only."""
    named = model.base_model.named_modules()
    layers = [layer for name, layer in named if isinstance(layer, torch.nn.Linear) and "pooler" not in name]
    return [(layer.out_features, layer.in_features) for layer in layers]


RUN: dict[Contender, Callable[[Job, Gate], None]] = {
    "trainer": trainer,
    "trainer_128": trainer_128,
    "accelerate": accelerate,
    "ours": ours,
    "products": products,
}


def main(arguments: Sequence[str]) -> None:
    """Do the job that is given as JSON."""
    values = json.loads(arguments[0])
    job = Job(**{**values, "tokens": tuple(values["tokens"])})
    RUN[job.contender](job, Gate(job.warm_up, own_answers()))


if __name__ == "__main__":
    main(sys.argv[1:])

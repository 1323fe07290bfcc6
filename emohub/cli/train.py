"""``emohub train``: a recipe becomes a trained, measured checkpoint."""

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from emohub.cli.app import app, output
from emohub.cli.options import BaseModel, DataDir, RecipeName, Settings, Texts
from emohub.cli.training_display import JsonLines, Quiet, TrainingBar
from emohub.errors import UsageError
from emohub.layout import project_root

if TYPE_CHECKING:
    from emohub.jobs import Job


CHECKPOINT_MINUTES = 10.0
"""So much work is lost at most when a machine fails."""
RANGE_TEST_STEPS = 100
"""Enough for a curve that can be read, and a small part of a run."""


@app.command()
def train(
    recipe: RecipeName,
    base_model: BaseModel = None,
    data_dir: DataDir = None,
    texts: Texts = None,
    output_dir: Annotated[
        Path | None,
        typer.Option(help="Run folder to make, or with an unfinished run to go on with; runs/RUN_ID when not given."),
    ] = None,
    stage: Annotated[
        Literal["masked_lm", "classification", "distillation"] | None,
        typer.Option(help="The only stage to run of a recipe that has two."),
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option(min=1, help="Stop each stage after so many optimizer steps; the schedule is made for them."),
    ] = None,
    settings: Settings = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on with an unfinished run in --output-dir, or discard it.")
    ] = True,
    checkpoint_minutes: Annotated[
        float, typer.Option(min=0, help="Write a checkpoint to go on from whenever so many minutes have passed.")
    ] = CHECKPOINT_MINUTES,
    auto_batch: Annotated[
        bool,
        typer.Option(
            "--auto-batch/--no-auto-batch",
            help="When memory runs out, halve the per-device batch and double the accumulation.",
        ),
    ] = True,
    find_lr: Annotated[
        bool,
        typer.Option("--find-lr", help="Instead of training, try growing rates for --max-steps steps (100) and draw."),
    ] = False,
    log_with: Annotated[
        Literal["tensorboard", "trackio", "wandb"] | None,
        typer.Option(help="Tracker that gets every step's figures; each is an extra of emohub."),
    ] = None,
    energy: Annotated[
        bool, typer.Option("--energy", help="Measure the energy used, with CodeCarbon (an extra), without a network.")
    ] = False,
    country: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Where that is used, such as DEU (ISO 3166-1 alpha-3), to state CO2 too."),
    ] = None,
    progress: Annotated[
        Literal["bar", "json", "quiet"],
        typer.Option(help="A bar, one JSON object a line on standard output, or the run folder alone at the end."),
    ] = "bar",
    on: Annotated[
        Literal["here", "hf-jobs"], typer.Option(help="Train on this machine, or as a Hugging Face job.")
    ] = "here",
    flavor: Annotated[str, typer.Option(help="Hardware of the job, such as cpu-basic or t4-small.")] = "cpu-basic",
    timeout: Annotated[str, typer.Option(help="Time after which the job ends, such as 90m or 3h.")] = "3h",
    namespace: Annotated[
        str | None,
        typer.Option(help="Account that pays for the job; the token's owner when not given."),
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Environment variable to hand to the job encrypted; may be repeated."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the job that would be started, and send nothing.")
    ] = False,
) -> None:
    """Train as a recipe says; the run folder gets `checkpoint/`, `run.json` and `learning_curves.png`.

    Ctrl-C or SIGTERM finishes the step and saves; the same command with `--output-dir` goes on.

    Example: `emohub train minilm-sst2-teacher-1 --data-dir data --set num_train_epochs=1`

    On several processes: `accelerate launch -m emohub.train minilm-sst2-teacher-1`
    """
    overrides = parse_settings(settings or [])
    from emohub.recipe import load_recipe

    declared = load_recipe(recipe)
    if on == "hf-jobs":
        from emohub.jobs import job_plan

        if not resume or not auto_batch or checkpoint_minutes != CHECKPOINT_MINUTES or progress != "bar" or find_lr:
            raise UsageError(
                "a job trains, goes on by itself, fits its batches, saves on its own schedule and shows no bar",
                "leave --no-resume, --no-auto-batch, --checkpoint-minutes, --progress and --find-lr out with "
                "--on hf-jobs",
            )
        if energy or country is not None:
            raise UsageError(
                "a job does not measure what its machine uses",
                "leave --energy and --country out with --on hf-jobs",
            )
        job = job_plan(
            recipe,
            declared,
            flavor=flavor,
            timeout=timeout,
            namespace=namespace,
            secrets=secret or (),
            stage=stage,
            base_model=base_model,
            data_dir=data_dir,
            texts=texts or (),
            output_dir=output_dir,
            max_steps=max_steps,
            settings=settings or (),
            log_with=log_with,
        )
        typer.echo(json.dumps(job.plain(), indent=2)) if dry_run else start(job)
        return
    if dry_run:
        raise UsageError("--dry-run shows the job of --on hf-jobs", "add --on hf-jobs, or leave --dry-run out")
    if find_lr and (energy or country is not None):
        raise UsageError("a range test measures no energy", "leave --energy and --country out with --find-lr")
    display = {"bar": TrainingBar, "json": JsonLines, "quiet": Quiet}[progress](declared)
    if find_lr:
        from emohub.train import find_learning_rate

        folder = output_dir or project_root() / "runs" / f"{declared.name}-range-test"
        with display:
            test = find_learning_rate(
                declared,
                stage=stage,
                base_model=base_model,
                data_dir=data_dir,
                texts=texts or (),
                output_dir=folder,
                overrides=overrides,
                steps=max_steps or RANGE_TEST_STEPS,
                on_progress=display.update,
            )
        display.finish_range_test(test, folder)
        return

    from emohub.train import is_main_process
    from emohub.train import train as run

    with display:
        record = run(
            declared,
            stage=stage,
            base_model=base_model,
            data_dir=data_dir,
            texts=texts or (),
            output_dir=output_dir,
            max_steps=max_steps,
            overrides=overrides,
            resume=resume,
            checkpoint_minutes=checkpoint_minutes,
            auto_batch=auto_batch,
            log_with=log_with,
            energy=energy,
            country=country,
            on_progress=display.update,
            on_teaching=display.teaching,
        )
    if is_main_process():
        display.finish(record, output_dir or project_root() / "runs" / record.run_id)


def start(job: "Job") -> None:
    """Start a job and say where it is and how its run folder is fetched."""
    from emohub.jobs import submit

    started = submit(job)
    output.print(f"Started the job {started.id}: {started.url}", soft_wrap=True)
    output.print(f"When it has ended: hf buckets sync {started.results} runs/{job.name}", soft_wrap=True)


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """``key=value`` pairs as a dictionary; values are read as TOML, and as plain text where that fails.

    Raises:
        UsageError: a pair has no ``=``.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {setting!r} is no KEY=VALUE", "write for example --set learning_rate=1e-4")
        try:
            values[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[key.strip()] = text
    return values

"""Records of what a run did and what an evaluation measured: versioned JSON, the only source of published numbers."""

import hashlib
import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from emohub import __version__
from emohub.errors import RecipeError, RecordError
from emohub.recipe import Stage
from emohub.recipe.declaration import Declaration, NotNegative, NotNegativeFloat, Positive, Sha256, Share, Text

PACKAGES = (
    "accelerate",
    "datasets",
    "evaluate",
    "huggingface-hub",
    "numpy",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
)
"""Libraries whose versions a record states."""

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Environment(Declaration):
    """Where something ran."""

    emohub: Text
    python: Text
    packages: dict[str, str | None]
    """Version by package; None when it is not installed."""
    platform: Text
    processor: Text
    cpu_count: Positive
    device: Text
    """``cpu``, or the accelerator's own name."""
    num_processes: Positive
    git_commit: str | None
    """Commit of the checkout, with ``-dirty`` when tracked files were changed; None outside a checkout."""


class ModelIdentity(Declaration):
    """Which weights were used."""

    id: Text
    """Hub id, or the folder's name for a local model; never an absolute path."""
    revision: str | None
    """Commit on the Hub; None for a local folder."""
    fingerprint: Sha256
    """SHA-256 of ``model.safetensors``."""


class SplitIdentity(Declaration):
    """Which rows were used."""

    rows: Positive
    fingerprint: Sha256
    """SHA-256 over the texts and label ids in order; see ``data.fingerprint``."""
    source: Text
    """``hub:ID@COMMIT`` or ``file:NAME``; never an absolute path."""
    duplicates: NotNegative
    """Rows whose text stood earlier in the split already."""
    truncated: NotNegative
    """Texts with more tokens than the model reads."""


class HistoryRow(Declaration):
    """One evaluation during training, in the shape of the documents' results tables."""

    training_loss: Finite | None
    """Mean loss per optimizer step since the row before."""
    epoch: Finite
    step: Positive
    validation_loss: Finite
    metrics: dict[str, Finite]


class Exported(Declaration):
    """The checkpoint that was kept, and why."""

    step: Positive
    epoch: Finite
    rule: Text
    """How it was chosen, in words."""
    dtype: Literal["float32", "float16"]
    parameters: Positive
    """Number of weights."""
    size_bytes: Positive
    """Size of ``model.safetensors``."""
    fingerprint: Sha256
    """SHA-256 of ``model.safetensors``."""
    validation: dict[str, Finite]
    """Validation figures of the exported files, loaded again and measured."""
    validation_before_export: dict[str, Finite]
    """Validation figures of the fp32 weights that were exported."""


class Finding(Declaration):
    """Something that a run noticed and that a reader of its results should know."""

    kind: Literal["data", "convergence", "overfitting", "memory"]
    message: Text
    """One sentence that says what was seen, with its figures."""
    remedy: Text
    """What to try, as the end of a sentence."""
    step: Positive | None = None
    """Optimizer step at which it was noticed; None when that was before the first."""

    @property
    def sentence(self) -> str:
        """What was seen and what to try, in one sentence."""
        return f"{self.message.rstrip('. ')}; {self.remedy.rstrip('. ')}."


class SmallerBatch(Declaration):
    """A forward pass that did not fit into memory, and what was done: the effective batch stayed the same."""

    step: Positive
    """Optimizer step from which the smaller batch was used."""
    per_device_train_batch_size: Positive
    gradient_accumulation_steps: Positive


class PreviousStage(Declaration):
    """The run whose exported weights this run started from."""

    stage: Stage
    run_id: Text
    recipe_digest: Sha256
    fingerprint: Sha256
    """SHA-256 of the weights that it exported, which are this run's base model."""
    base_model: ModelIdentity
    """What that run started from."""


class Record(Declaration):
    """A versioned JSON file."""

    kind: ClassVar[str]
    schema_version: Literal[1] = 1

    def save(self, path: Path) -> None:
        """Write the file whole or not at all.

        Raises:
            RecordError: the folder cannot be written.
        """
        write_atomically(
            path, lambda temporary: temporary.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a record back.

        Raises:
            RecordError: the file is missing, damaged, or of another version.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise RecordError(
                f"the {cls.kind} record {path} cannot be read ({error.strerror})", "check the folder that was given"
            ) from None
        except UnicodeDecodeError:
            raise RecordError(f"the {cls.kind} record {path} is not UTF-8", "make the record again") from None
        try:
            values = json.loads(text)
            if not isinstance(values, dict) or values.get("schema_version") != 1:
                raise RecordError(f"{path} is no {cls.kind} record of version 1", "make it again with this emohub")
            return cls.from_values(values, str(path))
        except ValueError as error:
            raise RecordError(f"{path} is not JSON ({error})", "make the record again") from None
        except RecipeError as error:
            raise RecordError(error.cause, "make the record again with this emohub") from None


class RunRecord(Record):
    """What a training run was asked, what it used, and what happened.

    A run of the stage ``masked_lm`` has the metric ``perplexity`` (e to the mean loss of a masked token) beside the
    loss, and no labels.
    """

    kind: ClassVar[str] = "run"

    run_id: Text
    created: Text
    """UTC, ISO 8601, when the run ended."""
    recipe: dict[str, Any]
    """The recipe as it was run, overrides included."""
    recipe_digest: Sha256
    overrides: dict[str, Any]
    max_steps: Positive | None
    """Limit that was given on top of the recipe; None when it ran as the recipe says."""
    base_model: ModelIdentity
    data: dict[str, SplitIdentity]
    environment: Environment
    seed: int
    mixed_precision: Text
    batching: Literal["packed", "padded"]
    """How texts share a forward pass: without padding, or padded to the longest of their batch."""
    total_steps: Positive
    """Optimizer steps that the schedule was made for."""
    steps_run: Positive
    warmup_steps: NotNegative
    effective_batch_size: Positive
    """Texts per optimizer step, over all processes and accumulation steps."""
    stopped: Literal["finished", "early", "max_steps"]
    history: Annotated[tuple[HistoryRow, ...], Field(min_length=1)]
    exported: Exported
    training_seconds: NotNegativeFloat
    """Wall time of the training loop, evaluations included, over all sittings; what a kill undid is not in it."""
    samples_per_second: NotNegativeFloat
    """Training texts (blocks, in masked-language-model training) per second of the loop, evaluations left out."""
    stage: Stage = "classification"
    previous: PreviousStage | None = None
    """The stage before, when the recipe has one and this run started from it."""
    sittings: Positive = 1
    """How many times the run was started: 1 when nothing interrupted it."""
    padding_share: Share | None = None
    """Share of all computed positions that were padding; None in records from before it was measured."""
    smaller_batches: tuple[SmallerBatch, ...] = ()
    findings: tuple[Finding, ...] = ()
    """What the audit of the data and the watch over the training noticed."""


class Interval(Declaration):
    """A measured value with its confidence interval."""

    value: Finite
    low: Finite
    high: Finite


class LabelResult(Declaration):
    """Results of one label."""

    label: Text
    precision: Interval
    recall: Interval
    f1: Interval
    support: NotNegative
    """Rows that carry this label."""
    predicted: NotNegative
    """Rows that were given this label."""


class CalibrationBin(Declaration):
    """Predictions whose confidence (highest probability) lies in ``(lower, upper]``."""

    lower: Share
    upper: Share
    count: NotNegative
    confidence: Share | None
    """Mean confidence; None when the bin is empty."""
    accuracy: Share | None
    """Share that is right; None when the bin is empty."""


class IntervalMethod(Declaration):
    """How the intervals were computed."""

    method: Literal["percentile bootstrap"] = "percentile bootstrap"
    level: Share
    resamples: Positive
    seed: int


class EvalRecord(Record):
    """What one model measured on one split of one corpus."""

    kind: ClassVar[str] = "evaluation"

    created: Text
    """UTC, ISO 8601."""
    model: ModelIdentity
    corpus: Text
    hub_id: str | None
    config: str | None
    split: Literal["train", "validation", "test"]
    data: SplitIdentity
    labels: tuple[Text, ...]
    metrics: dict[str, Interval]
    """accuracy; macro and weighted precision, recall and F1; log_loss (nats); expected_calibration_error."""
    intervals: IntervalMethod
    per_label: tuple[LabelResult, ...]
    confusion_matrix: tuple[tuple[NotNegative, ...], ...]
    """Rows: true label, columns: predicted label, both in the order of ``labels``."""
    calibration: tuple[CalibrationBin, ...]
    seconds: NotNegativeFloat
    """Wall time of the predictions, tokenizing included."""
    texts_per_second: NotNegativeFloat
    predictions_sha256: Sha256
    """Of the parquet file beside this record: row, label, predicted and one probability column per label."""
    environment: Environment


def current_environment(device: str, num_processes: int = 1) -> Environment:
    """The machine and the versions that this process runs with."""
    return Environment(
        emohub=__version__,
        python=platform.python_version(),
        packages={name: _version(name) for name in PACKAGES},
        platform=f"{platform.system()}-{platform.machine()}",
        processor=_processor(),
        cpu_count=os.cpu_count() or 1,
        device=device,
        num_processes=num_processes,
        git_commit=_git_commit(),
    )


def utc_now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_writable(folder: Path) -> None:
    """Find out, before work that takes minutes, whether files can go into ``folder``; nothing is made or changed.

    Raises:
        RecordError: the folder, or the first that exists above it, cannot be written.
    """
    try:
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    except OSError:  # a folder above may not be searched, or the name is too long
        writable = False
    if not writable:
        raise RecordError(
            f"nothing can be written into {folder}", "choose a folder that is writable, or make this one so"
        )


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` fill a temporary file in the same folder, then rename it to ``path``.

    Raises:
        RecordError: the folder cannot be made or written; nothing half-written is left.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise RecordError(
            f"{path} cannot be written ({error.strerror or error})",
            "choose a folder that is writable and has free space",
        ) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's own name where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _git_commit() -> str | None:
    folder = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # an environment inside another project's checkout
        commit = git("rev-parse", "HEAD")
        return f"{commit}-dirty" if git("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return None

"""What the loop knows of a stage, and how a record names what the stage started from."""

from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from accelerate import Accelerator
from torch import Tensor, nn

from emohub.errors import ModelError
from emohub.inference import find_checkpoint, is_of_this_project
from emohub.inference.loading import BaseModel
from emohub.layout import RUN_FILE, find_model, find_records
from emohub.recipe import EvaluationSchedule, Recipe, Stage, TextCorpus, TextSource, Training
from emohub.record import Calibration, DistillationRecord, Finding, ModelIdentity, RunRecord, SplitIdentity
from emohub.train.batches import Batch
from emohub.train.options import OnTeaching

Source = TypeVar("Source", bound=TextSource)


class StageMaterial(Protocol):
    """Everything that one stage reads, and what it makes of it: examples to batches, batches to a loss, a model to
    figures and files."""

    @property
    def stage(self) -> Stage:
        """Which stage it is."""

    @property
    def settings(self) -> Training:
        """The stage's hyperparameters."""

    @property
    def evaluation(self) -> EvaluationSchedule:
        """When the stage measures itself."""

    @property
    def metric_for_best_model(self) -> str:
        """The validation figure that picks the exported weights; ``loss`` is better when lower."""

    @property
    def export_dtype(self) -> Literal["float32", "float16"]:
        """Precision of the exported weights."""

    @property
    def recorded(self) -> Recipe:
        """The recipe as the record keeps it; see :func:`recorded_recipe`."""

    @property
    def digest(self) -> str:
        """Digest of the part of the recipe that decides what this stage trains."""

    @property
    def base(self) -> BaseModel:
        """The pretrained model that is trained, and where it came from."""

    @property
    def model(self) -> nn.Module:
        """That model, in training mode."""

    @property
    def identity(self) -> ModelIdentity:
        """What the record calls the base model."""

    @property
    def data(self) -> dict[str, SplitIdentity]:
        """What the record states about the texts for training and for validation."""

    @property
    def also(self) -> dict[str, Any]:
        """What else decides what is trained and is no setting, so that a run that goes on must have it too."""

    @property
    def origin(self) -> ModelIdentity | None:
        """The model on the Hub that the base model was trained from; see :class:`~emohub.record.RunRecord`."""

    @property
    def distillation(self) -> DistillationRecord | None:
        """What the record states about the teachers; None where there are none."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was noticed about the data."""

    @property
    def constant_loss(self) -> float:
        """Training loss of a model that gives every example the same answer; what a run must get below."""

    @property
    def validation_size(self) -> int:
        """Number of validation examples."""

    @property
    def packed(self) -> bool:
        """Whether batches have no padding."""

    @property
    def size(self) -> int:
        """Number of training examples: texts, or blocks of text."""

    def begin(self, keep: Path | None, device: str, on_teaching: OnTeaching | None) -> None:
        """What must be done once before the first step; every process calls it.

        ``keep`` is a folder for what a run that goes on must find again; ``device`` is what there is to compute on.
        """

    def batch(self, rows: list[int], epoch: int) -> Batch:
        """The examples of those rows as one forward pass of that epoch."""

    def loss(self, model: nn.Module, inputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        """The loss summed over a batch, in fp32."""

    def measure(self, accelerator: Accelerator) -> dict[str, float]:
        """Validation figures of the weights as they are, ``loss`` among them; each process measures its share."""

    def save(self, folder: Path) -> None:
        """Write model and tokenizer."""

    def measure_files(self, folder: Path) -> tuple[dict[str, float], Calibration | None]:
        """Validation figures of the files in ``folder``, loaded again, and what a temperature that they hold did."""


def base_identity(recipe: Recipe, loaded: ModelIdentity, *, given: bool) -> ModelIdentity:
    """What the record calls the base model: the recipe's own id when the weights are proven to be that model's.

    ``given`` is True when ``--base-model`` named another place than the recipe.

    Raises:
        ModelError: the weights that the recipe's own id led to are not the ones that the recipe names.
    """
    same = loaded.fingerprint == recipe.base_model_sha256
    if same and given:
        return loaded.model_copy(update={"id": recipe.base_model})
    if recipe.base_model_sha256 and not same and not given:
        raise ModelError(
            f"the weights of {recipe.base_model} have the SHA-256 {loaded.fingerprint}, not the recipe's",
            "pin base_model_revision, or correct base_model_sha256",
        )
    return loaded


def origin_of(base: ModelIdentity, place: str | Path, recipe: Recipe) -> ModelIdentity | None:
    """The model on the Hub that a model of emohub's own training came from, by the record of that training.

    None for a model from the Hub itself, and where no record is there that is of exactly these weights.
    """
    proven = (base.id, base.fingerprint) == (recipe.base_model, recipe.base_model_sha256)
    if base.revision is not None or (proven and not is_of_this_project(recipe.base_model)):
        return None
    records = find_records(str(place))
    run = None if records is None else RunRecord.load(records / RUN_FILE)
    return run.pretrained if run is not None and run.exported.fingerprint == base.fingerprint else None


def recorded_recipe(recipe: Recipe, base_model: str) -> Recipe:
    """The recipe as a record keeps it: with the base model that was used and without this machine's paths."""
    corpus = recipe.corpus
    splits = {
        name: split if split.file is None else split.model_copy(update={"file": Path(split.file).name})
        for name, split in corpus.splits.items()
    }
    changes = {"base_model": base_model, "corpus": _portable(corpus).model_copy(update={"splits": splits})}
    if recipe.adaptation is not None:
        portable = _portable_texts(recipe.adaptation.corpus)
        changes["adaptation"] = recipe.adaptation.model_copy(update={"corpus": portable})
    if recipe.distillation is not None:
        teachers = tuple(
            name if find_model(name) is None else find_checkpoint(name).id for name in recipe.distillation.teachers
        )
        unlabelled = tuple(map(_portable_texts, recipe.distillation.unlabelled))
        changes["distillation"] = recipe.distillation.model_copy(
            update={"teachers": teachers, "unlabelled": unlabelled}
        )
    return recipe.model_copy(update=changes)


def _portable_texts(corpus: TextCorpus) -> TextCorpus:
    files = tuple(Path(file).name for file in corpus.files)
    return _portable(corpus).model_copy(update={"files": files})


def _portable(source: Source) -> Source:
    return source.model_copy(update={"base_folder": "."})

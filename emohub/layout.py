"""Where a project keeps things: ``models/``, ``cards/`` and ``runs/``, and how a name becomes a folder."""

import json
from pathlib import Path

from emohub.errors import UsageError

RUN_FILE = "run.json"
EVAL_FILE = "eval.json"
DESCRIPTION_FILE = "description.json"
ROBUSTNESS_FILE = "robustness.json"
PUBLISH_FILE = "publish.json"
VERIFY_FILE = "verify.json"
CASCADE_FILE = "cascade.json"
CARD_FILE = "README.md"
PREDICTIONS_FILE = "predictions.parquet"
LEARNING_CURVES_FILE = "learning_curves.png"
CONFUSION_MATRIX_FILE = "confusion_matrix.png"
CALIBRATION_FILE = "calibration.png"
CASCADE_PICTURE_FILE = "cascade.png"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
ONNX_FOLDER = "onnx"
"""Folder inside a model's that holds its ONNX files, where the Hub's libraries look for them."""
ONNX_FILES = {"onnx": f"{ONNX_FOLDER}/model.onnx", "onnx-int8": f"{ONNX_FOLDER}/model_quantized.onnx"}
"""These files, by the engine that runs them."""
ONNX_EXPORT_FILE = f"{ONNX_FOLDER}/export.json"
"""File beside them that says what they were made from."""
CHECKPOINT_FOLDER = "checkpoint"
"""Folder inside a run that holds the exported model."""
RESUME_FOLDER = "resume"
"""Folder inside an unfinished run that holds what it goes on from."""
STARTED_FILE = "started.json"
"""File inside that folder that says what the run is of."""
ANSWERS_FILE = "answers.safetensors"
"""File inside that folder that holds what teachers answered to the texts of the run."""
STEP_PREFIX = "step-"
"""Beginning of the names of the checkpoints inside that folder; the step follows in digits."""
LOGS_FOLDER = "logs"
"""Folder inside a run that holds what a tracker of this machine writes."""
MASKED_LM_FOLDER = "masked_lm"
"""Folder inside a run of two stages that holds the run of the first."""
SERVED_FILE = "models.json"
"""File of a Space that names the models that its page serves: Hub ids by the name that is shown."""


def project_root() -> Path:
    """The working directory when it has ``models/`` or ``cards/``, else the checkout that emohub is installed from."""
    here = Path.cwd()
    if (here / "models").is_dir() or (here / "cards").is_dir():
        return here
    return checkout() or here


def checkout() -> Path | None:
    """The checkout that emohub is imported from; None when it is an installed package."""
    folder = Path(__file__).resolve().parent.parent
    return folder if (folder / "pyproject.toml").is_file() else None


def find_model(name: str) -> Path | None:
    """The folder of a local model, or None when ``name`` must be a Hub id.

    ``name`` is a folder with a ``config.json`` or ``cascade.json``, a run folder (its ``checkpoint/`` is the model), or
    the name of a model under ``models/``.
    """
    try:
        for folder in (Path(name).expanduser(), project_root() / "models" / name, project_root() / "runs" / name):
            if (folder / CHECKPOINT_FOLDER / CONFIG_FILE).is_file():
                return folder / CHECKPOINT_FOLDER
            if folder.is_dir():
                return folder
    except (OSError, RuntimeError):  # too long for a path, or ~NAME of a user that does not exist
        return None
    return None


def find_cascade(name: str) -> Path | None:
    """The folder of a local cascade; None when ``name`` is a single model or none at all."""
    folder = find_model(name)
    return folder if folder is not None and (folder / CASCADE_FILE).is_file() else None


def find_records(model: str) -> Path | None:
    """The folder that holds ``run.json`` and ``eval.json`` of a model, run or recipe name; None when there is none."""
    root = project_root()
    try:
        path = Path(model).expanduser()
        around = (path.parent,) if path.is_dir() else ()  # of a run's checkpoint
        candidates = (path, *around, root / "cards" / path.name, root / "runs" / model)
        return next((folder for folder in candidates if (folder / RUN_FILE).is_file()), None)
    except (OSError, RuntimeError):  # as above
        return None


def find_export(records: Path) -> Path | None:
    """The record of the export of the model that a folder of records describes; None when it was not exported."""
    is_run = (records / CHECKPOINT_FOLDER).is_dir()
    model = records / CHECKPOINT_FOLDER if is_run else project_root() / "models" / records.resolve().name
    path = model / ONNX_EXPORT_FILE
    return path if path.is_file() else None


def shipped_models() -> dict[str, Path]:
    """Every model under ``models/`` that has a configuration, by name, in alphabetical order."""
    folder = project_root() / "models"
    return {path.name: path for path in sorted(folder.glob("*")) if (path / CONFIG_FILE).is_file()}


def shipped_cascades() -> dict[str, Path]:
    """Every cascade under ``models/``, by name, in alphabetical order."""
    folder = project_root() / "models"
    return {path.name: path for path in sorted(folder.glob("*")) if (path / CASCADE_FILE).is_file()}


def served_models() -> dict[str, str | Path]:
    """What the page serves: the Hub ids in ``models.json``, as in a Space, else all of ``models/``, cascades last.

    Raises:
        UsageError: ``models.json`` is damaged.
    """
    path = project_root() / SERVED_FILE
    if not path.is_file():
        return {**shipped_models(), **shipped_cascades()}
    try:
        served = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        served = None
    if not isinstance(served, dict) or not served or not all(isinstance(each, str) for each in served.values()):
        raise UsageError(f"{path} does not name Hub ids by name", "publish the Space again, or take the file away")
    return dict(served)

"""The preflight: what must hold before anything is sent, checked without a network."""

import json
import re
from collections.abc import Callable
from typing import Any

from emohub.card import check_card, check_pictures, validate
from emohub.errors import PublishError
from emohub.layout import CARD_FILE, CONFIG_FILE, EVAL_FILE, ONNX_EXPORT_FILE, ONNX_FILES, RUN_FILE, WEIGHTS_FILE
from emohub.publish.files import ALLOWED, RECORDS, Plan, card_for
from emohub.publish.secrets import refuse_secrets
from emohub.record import EvalRecord, ExportRecord, RunRecord

REQUIRED = (CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, "tokenizer.json", "tokenizer_config.json")
"""Files that every model has, beside its records."""


def preflight(plan: Plan) -> tuple[str, ...]:
    """Check a plan and say, one sentence each, what holds.

    Raises:
        PublishError: something does not hold; the first such thing.
        RecordError, CardError: a record is damaged, or the records contradict each other.
    """
    checks: tuple[Callable[[Plan], str], ...] = (
        _files_are_allowed_and_complete,
        _nothing_secret_leaves,
        _weights_are_the_measured_ones,
        _config_is_of_a_language_model if plan.stage == "masked_lm" else _config_names_the_labels,
        _card_is_that_of_the_records,
        _pictures_show_the_records,
        _card_is_valid,
    )
    if plan.file(ONNX_EXPORT_FILE) is not None:
        checks = (*checks, _onnx_files_are_of_the_weights)
    return tuple(check(plan) for check in checks)


def check_merged(plan: Plan) -> None:
    """Check a plan once more whose card took over what people wrote on the Hub.

    Raises:
        PublishError: the card is no longer valid, or holds what must not be published.
    """
    _card_is_valid(plan)
    refuse_secrets([file for file in plan.files if file.path == CARD_FILE])


def _files_are_allowed_and_complete(plan: Plan) -> str:
    paths = [file.path for file in plan.files]
    foreign = [path for path in paths if path not in ALLOWED]
    if foreign:
        raise PublishError(f"{foreign[0]} is not one of the files that may leave", f"publish only {', '.join(ALLOWED)}")
    missing = [path for path in (*REQUIRED, *RECORDS[plan.stage]) if path not in paths]
    if missing:
        raise PublishError(
            f"the model {plan.model!r} has no {missing[0]} in {plan.model_folder}",
            "export it again with `emohub train`",
        )
    return f"{len(paths)} files, all of the allow-list and none missing"


def _nothing_secret_leaves(plan: Plan) -> str:
    return refuse_secrets(plan.files)


def _weights_are_the_measured_ones(plan: Plan) -> str:
    weights = plan.file(WEIGHTS_FILE)
    exported = RunRecord.load(plan.records_folder / RUN_FILE).exported.fingerprint
    shown = "the run exported and measured"  # as a masked-LM stage does by itself
    if plan.stage != "masked_lm":
        shown = "the run exported and the evaluation measured"
        measured = EvalRecord.load(plan.records_folder / EVAL_FILE).model.fingerprint
        if exported != measured:
            raise PublishError(
                f"{EVAL_FILE} measured other weights ({measured[:12]}…) than {RUN_FILE} exported ({exported[:12]}…)",
                "measure the exported model with `emohub evaluate`, then render the card again",
            )
    if weights is None or weights.sha256 != exported:
        raise PublishError(
            f"{WEIGHTS_FILE} is not the file that {shown} ({exported[:12]}…)",
            "put the exported weights back, or measure these in a run of their own",
        )
    return f"{WEIGHTS_FILE} is what {shown} (SHA-256 {exported[:12]}…)"


def _onnx_files_are_of_the_weights(plan: Plan) -> str:
    record = ExportRecord.load(plan.model_folder / ONNX_EXPORT_FILE)
    weights = plan.file(WEIGHTS_FILE)
    again = "write them again with `emohub export`, or take the folder away"
    if weights is None or record.model.fingerprint != weights.sha256:
        raise PublishError(
            f"the ONNX files were made from other weights ({record.model.fingerprint[:12]}…) than {WEIGHTS_FILE}", again
        )
    for path in ONNX_FILES.values():
        planned, exported = plan.file(path), record.file(path)
        if (planned and planned.sha256) != (exported and exported.sha256):
            raise PublishError(f"{path} is not what {ONNX_EXPORT_FILE} says was exported", again)
    return f"{', '.join(file.path for file in record.files)}: made from {WEIGHTS_FILE}, and checked against it"


def _config_names_the_labels(plan: Plan) -> str:
    config = _read_config(plan)
    labels = EvalRecord.load(plan.records_folder / EVAL_FILE).labels
    id2label = config.get("id2label")
    again = "export the model again with `emohub train`"
    if not isinstance(id2label, dict) or any(re.fullmatch(r"LABEL_\d+", str(name)) for name in id2label.values()):
        raise PublishError(f"{CONFIG_FILE} has no real label names in id2label", again)
    if id2label != {str(index): label for index, label in enumerate(labels)}:
        raise PublishError(
            f"id2label in {CONFIG_FILE} is not the label list of {EVAL_FILE}, {', '.join(labels)}", again
        )
    return f"{CONFIG_FILE} names the labels {', '.join(labels)}"


def _config_is_of_a_language_model(plan: Plan) -> str:
    architectures = _read_config(plan).get("architectures")
    again = "export the model again with `emohub train`"
    known = architectures if isinstance(architectures, list) else []
    if not known or not all(str(name).endswith("ForMaskedLM") for name in known):
        raise PublishError(f"{CONFIG_FILE} names no masked language model in architectures", again)
    if not _read_json(plan, "tokenizer_config.json").get("mask_token"):
        raise PublishError("tokenizer_config.json names no mask token", again)
    return f"{CONFIG_FILE} is of a {', '.join(known)}, and its tokenizer has a mask token"


def _read_config(plan: Plan) -> dict[str, Any]:
    """The model's configuration, which must not ask for code to be run."""
    config = _read_json(plan, CONFIG_FILE)
    if "auto_map" in config:
        raise PublishError(
            f"{CONFIG_FILE} asks its users to run code from the repository (auto_map)",
            "publish a model of a built-in architecture",
        )
    return config


def _read_json(plan: Plan, name: str) -> dict[str, Any]:
    path = plan.model_folder / name
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        values = None
    if not isinstance(values, dict):
        raise PublishError(f"{path} is no JSON object", "export the model again with `emohub train`")
    return values


def _card_is_that_of_the_records(plan: Plan) -> str:
    path = plan.records_folder / CARD_FILE
    if not path.is_file():
        raise PublishError(
            f"the model {plan.model!r} has no card at {path}",
            f"run `emohub card {plan.records_folder}`, and read the card before publishing it",
        )
    if plan.card != card_for(plan.records_folder, plan.repo_id):
        raise PublishError("the records or the card changed after the plan was made", "run the same command again")
    if plan.card.encode() != path.read_bytes():
        check_card(plan.records_folder)  # a card that names no repository yet
    return "the card is what the records give, with what people wrote between its parts"


def _pictures_show_the_records(plan: Plan) -> str:
    check_pictures(plan.records_folder)
    *others, last = (file.path for file in plan.files if file.path.endswith(".png"))
    return f"{', '.join(others)} and {last} show what the records say" if others else f"{last} shows the run"


def _card_is_valid(plan: Plan) -> str:
    findings = validate(plan.card)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise PublishError(
            f"the card is not valid: {errors[0].key}: {errors[0].message}{more}",
            "correct the recipe, train again, and render the card again",
        )
    remarks = "; ".join(f"{finding.key}: {finding.message}" for finding in findings)
    return f"the card is valid{f' (to note: {remarks})' if remarks else ''}"

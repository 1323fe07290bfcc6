"""The YAML at the head of a card: built from records, written in one order, and read back."""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from emohub.card.records import MaskedLMRecords, Records, RunRecords
from emohub.errors import CardError
from emohub.recipe import TextSource
from emohub.record import ENGLISH_EXAMPLES, Answer

KEYS = (
    "language",
    "license",
    "library_name",
    "pipeline_tag",
    "base_model",
    "base_model_relation",
    "datasets",
    "metrics",
    "tags",
    "widget",
    "co2_eq_emissions",
    "model-index",
)
"""Every key that a card may have, in the order that it has them."""

LIBRARY = "transformers"
TASK = "text-classification"
MASKED_LM_TASK = "fill-mask"

HUB_METRICS = {
    "accuracy": ("accuracy", "Accuracy", None),
    "macro_precision": ("precision", "Macro precision", "macro"),
    "macro_recall": ("recall", "Macro recall", "macro"),
    "macro_f1": ("f1", "Macro F1", "macro"),
    "weighted_precision": ("precision", "Weighted precision", "weighted"),
    "weighted_recall": ("recall", "Weighted recall", "weighted"),
    "weighted_f1": ("f1", "Weighted F1", "weighted"),
    "log_loss": ("loss", "Log loss", None),
}
"""Our metrics as the Hub names them: metric id, name for people, and the average, which stands in ``args``."""

_UNREADABLE = (yaml.YAMLError, ValueError, KeyError, AttributeError, RecursionError)
"""What PyYAML raises: its own errors, and whatever a value such as the 13th month or ``!!int x`` leads to."""
_BLOCK = re.compile(r"\A---[ \t]*\r?\n(?P<yaml>.*?\r?\n|)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_REPO_ID = re.compile(r"{0}/{0}".format(r"(?![-.])[\w.-]+(?<![-.])"), re.ASCII)


@dataclass(frozen=True)
class Card:
    """A card that was read: its front matter as plain values, and the Markdown below it."""

    front_matter: dict[str, Any]
    body: str

    def results(self) -> dict[str, float]:
        """The model-index of a valid card: values by our names of the metrics, those that we have no name for left out.

        Only the first result counts; a card of ours has no other. Empty when there is no model-index.
        """
        index = self.front_matter.get("model-index")
        if not index:
            return {}
        names = {(kind, average): name for name, (kind, _, average) in HUB_METRICS.items()}
        found = {
            names.get((metric["type"], metric.get("args", {}).get("average"))): metric["value"]
            for metric in index[0]["results"][0]["metrics"]
        }
        return {name: value for name, value in found.items() if name is not None}


def parse(text: str) -> Card:
    """Split a card into front matter and body.

    Raises:
        CardError: there is no front matter, or it is not a mapping of plain YAML values with each key once.
    """
    match = _BLOCK.match(text)
    if match is None:
        raise CardError("the card does not begin with front matter between two lines of ---", "render it again")
    try:
        loader = yaml.SafeLoader(match["yaml"])
        node = loader.get_single_node()
        _refuse_repeated_keys(node)
        values = loader.construct_document(node) if node is not None else None
    except _UNREADABLE as error:
        raise CardError(f"the front matter is not plain YAML ({_first_line(error)})", "render the card again") from None
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise CardError("the front matter is not a mapping of names to values", "render the card again")
    return Card(values, text[match.end() :])


def dump(values: dict[str, Any]) -> str:
    """Plain values as YAML in the order of :data:`KEYS`, without the lines of dashes.

    Raises:
        CardError: a key is not in the list, or a value is no plain YAML value.
    """
    unknown = [key for key in values if key not in KEYS]
    if unknown:
        raise CardError(f"a card has no key {unknown[0]!r}", f"use only {', '.join(KEYS)}")
    ordered = {key: values[key] for key in KEYS if key in values}
    try:
        text: str = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=120)
    except yaml.representer.RepresenterError as error:
        raise CardError(f"the front matter holds something other than plain values ({error})", "convert it") from None
    return text


def front_matter(records: Records, name: str) -> dict[str, Any]:
    """The values of a card's front matter for a model that is called ``name``; what is unknown has no key."""
    corpus = records.recipe.corpus
    return _front_matter(records, corpus, TASK, _model_index(records, name), _widget(records))


def ranked(answer: Answer) -> list[tuple[str, float]]:
    """Labels and probabilities of an answer, the most probable one first."""
    return sorted(answer.probabilities.items(), key=lambda item: item[::-1], reverse=True)


def masked_lm_front_matter(records: MaskedLMRecords, name: str) -> dict[str, Any]:
    """The same for the checkpoint of a masked-language-model stage.

    It has no widget of its own: which token stands for a hidden word is not recorded, and the Hub knows it.
    """
    corpus, held_out = records.adaptation.corpus, records.run.data["validation"]
    split = "held-out share" if corpus.files else f"{corpus.split} (held-out share)"
    result = {
        "task": {"type": MASKED_LM_TASK, "name": "Masked language modeling"},
        "dataset": _dataset(corpus, split, held_out.source),
        "metrics": [
            {"type": "perplexity", "value": records.run.exported.validation["perplexity"], "name": "Perplexity"}
        ],
    }
    return _front_matter(records, corpus, MASKED_LM_TASK, [{"name": name, "results": [result]}], None)


def _front_matter(
    records: RunRecords,
    corpus: TextSource,
    task: str,
    model_index: list[dict[str, Any]],
    widget: list[dict[str, Any]] | None,
) -> dict[str, Any]:
    base_model = hub_base_model(records)
    unlabelled = records.recipe.unlabelled if records.run.distillation else ()
    values: dict[str, Any] = {
        "language": list(corpus.language),
        "license": records.recipe.license,
        "library_name": LIBRARY,
        "pipeline_tag": task,
        "base_model": base_model,
        "base_model_relation": "finetune" if base_model else None,
        "datasets": [each.hub_id for each in (corpus, *unlabelled) if each.hub_id],
        "metrics": list(dict.fromkeys(metric["type"] for metric in model_index[0]["results"][0]["metrics"])),
        "tags": ["emohub", corpus.name],
        "widget": widget,
        "co2_eq_emissions": _emissions(records),
        "model-index": model_index,
    }
    return {key: value for key, value in values.items() if value}


def _widget(records: Records) -> list[dict[str, Any]] | None:
    """Examples for the Hub's page, with what the model answers where that is recorded."""
    if records.description is not None:
        return [
            {"text": answer.text, "output": [{"label": label, "score": round(p, 6)} for label, p in ranked(answer)]}
            for answer in records.description.answers
        ]
    return [{"text": text} for text in ENGLISH_EXAMPLES] if records.recipe.corpus.language == ("en",) else None


def _emissions(records: RunRecords) -> dict[str, Any] | None:
    """What the Hub shows of a training's emissions, in grams; None when they are not known."""
    energy, environment = records.run.energy, records.run.environment
    if energy is None or energy.kg_co2e is None:
        return None
    values = {
        "emissions": energy.kg_co2e * 1000,
        "source": f"CodeCarbon {energy.codecarbon}",
        "training_type": "fine-tuning",
        "geographical_location": energy.country,
        "hardware_used": environment.processor if environment.device == "cpu" else environment.device,
    }
    return {key: value for key, value in values.items() if value is not None}


def is_repo_id(text: str) -> bool:
    """Whether ``text`` has the form OWNER/NAME that ids on the Hub have, in at most 96 characters."""
    odd = len(text) > 96 or "--" in text or ".." in text or text.endswith(".git")
    return not odd and _REPO_ID.fullmatch(text) is not None


def hub_base_model(records: RunRecords) -> str | None:
    """The Hub id of the pretrained model that all training began with, or None when it is only known as a folder."""
    used = records.run.pretrained
    return used.id if used is not None and (used.revision is not None or is_repo_id(used.id)) else None


def hub_revision(source: str) -> str | None:
    """The commit in a record's ``hub:ID@COMMIT``; None for data that came from a file."""
    return source.partition("@")[2] or None if source.startswith("hub:") else None


def _model_index(records: Records, name: str) -> list[dict[str, Any]]:
    evaluation, corpus = records.evaluation, records.recipe.corpus
    metrics = []
    for metric, (kind, title, average) in HUB_METRICS.items():
        if metric in evaluation.metrics:
            value = {"type": kind, "value": float(evaluation.metrics[metric].value), "name": title}
            metrics.append(value | ({"args": {"average": average}} if average else {}))
    result = {
        "task": {"type": TASK, "name": "Text classification"},
        "dataset": _dataset(corpus, evaluation.split, evaluation.data.source),
        "metrics": metrics,
    }
    return [{"name": name, "results": [result]}]


def _dataset(corpus: TextSource, split: str, source: str) -> dict[str, str]:
    values = {
        "type": corpus.hub_id or corpus.name,
        "name": corpus.title,
        "config": corpus.config,
        "split": split,
        "revision": hub_revision(source),
    }
    return {key: value for key, value in values.items() if value is not None}


def _refuse_repeated_keys(node: Any) -> None:
    """Raise for a mapping that names a key twice; YAML itself would quietly keep the last."""
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        repeated = next((key for key in keys if keys.count(key) > 1), None)
        if repeated is not None:
            raise yaml.YAMLError(f"the key {repeated!r} stands there twice")
        for _, value in node.value:
            _refuse_repeated_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_repeated_keys(value)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]

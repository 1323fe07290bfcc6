"""BibTeX: of the model that a card is of, of the model that it started from, and of its data."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from emohub.card.front_matter import hub_base_model
from emohub.card.records import RunRecords
from emohub.recipe import TextSource


@dataclass(frozen=True)
class BaseModel:
    """What is known of a pretrained model."""

    title: str
    license: str
    """Licence identifier that its own card states."""
    citation: str
    """BibTeX of the works that it is from."""


def base_models() -> dict[str, BaseModel]:
    """What is known of pretrained models, by their id on the Hub."""
    return _base_models()


def known_base_model(records: RunRecords) -> BaseModel | None:
    """What is known of the model that a run started from; None when its id is not proven or nothing is known of it."""
    return base_models().get(hub_base_model(records) or "")


def citations(records: RunRecords, name: str, repo_id: str | None, *corpora: TextSource) -> Iterator[tuple[str, str]]:
    """What to cite, each as a word for what it is of, and its BibTeX; the model itself once it is published."""
    if repo_id is not None:
        yield "this model", _of_the_model(records, name, repo_id)
    base = known_base_model(records)
    if base is not None:
        yield "its base model", base.citation.strip()
    for citation in dict.fromkeys(corpus.citation.strip() for corpus in corpora if corpus.citation):
        yield "its training data", citation


def _of_the_model(records: RunRecords, name: str, repo_id: str) -> str:
    """An entry that names the repository and the weights; its author is not recorded, so none is named."""
    key = "".join(character if character.isalnum() else "-" for character in repo_id)
    fields = {
        "title": name,
        "year": records.run.created[:4],
        "howpublished": f"Hugging Face Hub, {repo_id}",
        "url": f"https://huggingface.co/{repo_id}",
        "note": f"SHA-256 of model.safetensors: {records.run.exported.fingerprint}",
    }
    lines = [f"    {field} = {{{value}}}," for field, value in fields.items()]
    return "\n".join([f"@misc{{{key},", *lines, "}"])


@cache
def _base_models() -> dict[str, BaseModel]:
    text = resources.files("emohub").joinpath("base_models.toml").read_text(encoding="utf-8")
    return {name: BaseModel(**values) for name, values in tomllib.loads(text).items()}

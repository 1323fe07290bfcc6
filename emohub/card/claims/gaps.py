"""Checks of what a card states beside its figures, and of what it leaves open."""

import re
from collections.abc import Iterator

from emohub.card.claims.claims import Claims
from emohub.card.claims.corpora import known_corpora, parts_of
from emohub.card.claims.rules import found
from emohub.card.findings import Finding

_LIBRARIES = {"transformers": "Transformers", "pytorch": "PyTorch", "datasets": "Datasets", "tokenizers": "Tokenizers"}
_NEEDED = ("transformers", "pytorch")


def dataset(claims: Claims) -> Iterator[Finding]:
    """The dataset is named, and its configuration where one dataset has several."""
    if claims.dataset_unknown is not None:
        message = (
            f"The dataset is given as {claims.dataset_unknown.text!r}: what the model learned, and what its figures "
            "mean, cannot be judged."
        )
        yield found("dataset-unknown", "dataset", message, claims.dataset_unknown.line)
    for corpus in parts_of(stated.text for stated in claims.datasets):
        if claims.config is None and not _names_corpus(claims, corpus.name):
            labels = f"{corpus.config} ({', '.join(corpus.labels)}) is inferred"
            message = (
                f"The dataset {claims.datasets[0].text} has several configurations and none is named"
                f"{f'; {labels}' if corpus.name in claims.corpora else ''}."
            )
            yield found("dataset-config-unstated", "dataset", message, claims.datasets[0].line)


def _names_corpus(claims: Claims, name: str) -> bool:
    """Whether the configuration stands in the dataset's own name, as in ``tweet_eval-emotion``."""
    return any(name in stated.text.lower().replace("_", "-") for stated in claims.datasets)


def lowercasing(claims: Claims) -> Iterator[Finding]:
    """Lower-casing and a cased base contradict each other."""
    cased = [base for base in claims.base_models if "cased" in base.text.lower() and "uncased" not in base.text.lower()]
    if claims.lowercasing is None or not cased:
        return
    lower = [
        corpus.name for corpus in known_corpora() if corpus.name in claims.corpora and _is_lower_case(corpus.flaws)
    ]
    message = (
        f"Lower-casing is named as a step, while the base model {cased[0].text} is cased: the two contradict each other"
        + (f" (the texts of {lower[0]} are lower case already)" if lower else "")
        + "."
    )
    yield found("lowercasing-cased-base", "preprocessing", message, claims.lowercasing.line)


def _is_lower_case(flaws: tuple[str, ...]) -> bool:
    return any(flaw.startswith("The texts are lower-cased") for flaw in flaws)


def base_model(claims: Claims) -> Iterator[Finding]:
    """The base model of the front matter is the one that the text names."""
    listed = [stated for stated in claims.base_models if stated in claims.listed_base_models]
    named = [stated for stated in claims.base_models if stated not in listed and re.search(r"[/-]", stated.text)]
    names = [_last_part(stated.text) for stated in listed]
    for stated in named:
        name = _last_part(stated.text)
        if listed and not any(name in other or other in name for other in names):
            message = (
                f"The text names {stated.text} as the base model, the front matter {listed[0].text} on line "
                f"{listed[0].line}: the Hub shows the model in the wrong family, under the wrong licence."
            )
            yield found("base-model-contradicts", "base_model", message, stated.line)
            return


def _last_part(model: str) -> str:
    return model.rpartition("/")[2].lower()


def versions(claims: Claims) -> Iterator[Finding]:
    """The versions of the libraries that training used."""
    if not (claims.rows or claims.frameworks):
        return
    absent = [name for name in _NEEDED if name not in claims.frameworks]
    unversioned = [name for name, version in claims.frameworks.items() if not version.text]
    missing = [_LIBRARIES.get(name, name) for name in dict.fromkeys((*unversioned, *absent))]
    if missing:
        line = next((claims.frameworks[name].line for name in unversioned), None)
        *most, last = missing
        names = f"{', '.join(most)} and {last}" if most else last
        message = f"No version is given of {names}, so that the training cannot be repeated as it was."
        yield found("versions-missing", "frameworks", message, line)


def placeholders(claims: Claims) -> Iterator[Finding]:
    """Every placeholder that nobody has filled in."""
    for placeholder in claims.placeholders:
        message = f"{placeholder.text!r} is a placeholder: write the section, or leave it out."
        yield found("placeholder", "body", message, placeholder.line)


def missing(claims: Claims) -> Iterator[Finding]:
    """What a whole card of a classifier, or of a fine-tuned model, must name."""
    if not claims.whole or not (claims.classifier or claims.rows or claims.headline):
        return
    wanted: dict[str, tuple[str, object, str]] = {
        "license-missing": (
            "license",
            claims.license,
            "The card names no licence, so nobody knows who may use the model.",
        ),
        "base-model-missing": (
            "base_model",
            claims.base_models,
            "The card names no base model, so its licence, its language and its biases stay unknown.",
        ),
        "dataset-unknown": (
            "datasets",
            claims.datasets or claims.dataset_unknown,
            "The card names no dataset: what the model learned, and what its figures mean, cannot be judged.",
        ),
    }
    for rule, (key, stated, message) in wanted.items():
        if not stated:
            yield found(rule, key, message, None)

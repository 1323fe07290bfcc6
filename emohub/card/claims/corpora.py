"""The built-in corpora that a card's words for its dataset can mean."""

import re
from collections.abc import Iterable
from functools import cache

from emohub.recipe import Corpus, list_corpora, load_corpus

_OTHER_DATASETS = frozenset({"sst2"})
"""Bare names that on the Hub belong to another dataset than ours: ``sst2`` is GLUE's, with phrases beside sentences."""


@cache
def known_corpora() -> tuple[Corpus, ...]:
    """Every built-in corpus."""
    return tuple(load_corpus(name) for name in list_corpora())


def corpora_of(datasets: Iterable[str], config: str | None, words: str) -> tuple[Corpus, ...]:
    """The built-in corpora that a card can mean by ``datasets`` and ``config``; ``words`` is all that it says.

    A corpus that is one configuration of a larger dataset is meant when that is stated, or when the card names either
    the configuration or every label.
    """
    names = _names(datasets)
    return tuple(
        corpus for corpus in known_corpora() if _is_named(corpus, names) and _fits(corpus, config, words.lower())
    )


def parts_of(datasets: Iterable[str]) -> tuple[Corpus, ...]:
    """The built-in corpora that are a configuration of a named dataset, whether or not the card means that one."""
    names = _names(datasets)
    return tuple(corpus for corpus in known_corpora() if is_part(corpus) and _is_named(corpus, names))


def is_part(corpus: Corpus) -> bool:
    """Whether a corpus is one configuration among several of its dataset, so that the dataset's name is not enough."""
    return corpus.config is not None and corpus.name != _bare(corpus)


def _names(datasets: Iterable[str]) -> set[str]:
    return {name for dataset in datasets for name in re.findall(r"[\w./-]+", dataset.lower())}


def _is_named(corpus: Corpus, names: set[str]) -> bool:
    hub_id, bare = (corpus.hub_id or "").lower(), _bare(corpus)
    full = {hub_id, corpus.name} - _OTHER_DATASETS
    return bool(names & full) or (bare not in _OTHER_DATASETS and bare in {name.replace("_", "-") for name in names})


def _fits(corpus: Corpus, config: str | None, words: str) -> bool:
    if config is not None and config != "default":
        return config == corpus.config
    named = corpus.config is not None and re.search(rf"(?<![a-z]){re.escape(corpus.config)}(?![a-z])", words)
    return not is_part(corpus) or bool(named) or all(label in words for label in corpus.labels)


def _bare(corpus: Corpus) -> str:
    return (corpus.hub_id or "").lower().rpartition("/")[2].replace("_", "-")

"""A recipe as the TOML file that it could have been read from."""

import json
import re
from pathlib import Path
from typing import Any

from emohub.recipe.corpus import Corpus, TextSource, load_corpus, load_text_corpus
from emohub.recipe.declaration import built_in
from emohub.recipe.recipe import Recipe


def recipe_toml(recipe: Recipe) -> str:
    """The text of a TOML file that ``load_recipe`` reads as ``recipe``.

    Values that equal their default are left out. A built-in corpus stands there by its name; another one is spelled
    out, its files with their absolute paths, so that the file can lie anywhere.
    """
    values = recipe.model_dump(mode="json", exclude_defaults=True)
    values["corpus"] = _declared(recipe.corpus, values["corpus"])
    if recipe.adaptation is not None:
        values["adaptation"]["corpus"] = _declared(recipe.adaptation.corpus, values["adaptation"]["corpus"])
    if recipe.unlabelled:
        pairs = zip(recipe.unlabelled, values["distillation"]["unlabelled"], strict=True)
        values["distillation"]["unlabelled"] = [_declared(corpus, declared) for corpus, declared in pairs]
    return "\n".join(_lines(values)).strip() + "\n"


def _declared(corpus: TextSource, values: dict[str, Any]) -> str | dict[str, Any]:
    """The name of a built-in corpus; of another one its ``values``, with absolute paths in place of relative ones."""
    folder, load = ("corpora", load_corpus) if isinstance(corpus, Corpus) else ("text_corpora", load_text_corpus)
    if corpus.name in built_in(folder) and corpus == load(corpus.name):
        return corpus.name
    values.pop("base_folder", None)
    base = Path(corpus.base_folder).resolve()
    for split in values.get("splits", {}).values():
        if "file" in split:
            split["file"] = str(base / Path(split["file"]).expanduser())
    if "files" in values:
        values["files"] = [str(base / Path(file).expanduser()) for file in values["files"]]
    return values


def _lines(values: dict[str, Any], path: tuple[str, ...] = ()) -> list[str]:
    """A table: its plain values, then its subtables, each under its own header."""
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in values.items() if key not in tables]
    if path and (lines or not tables):
        lines = ["", f"[{'.'.join(map(_key, path))}]", *lines]
    for key, table in tables.items():
        lines += _lines(table, (*path, key))
    return lines


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, str):  # a JSON string is a TOML string, but for DEL, which TOML wants escaped
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)

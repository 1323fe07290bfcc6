"""A recipe as the TOML file that it could have been read from."""

import json
import re
from pathlib import Path
from typing import Any

from emohub.recipe.corpus import TextSource, load_corpus, load_text_corpus
from emohub.recipe.declaration import built_in
from emohub.recipe.recipe import Recipe


def recipe_toml(recipe: Recipe) -> str:
    """The text of a TOML file that ``load_recipe`` reads as ``recipe``.

    Values that equal their default are left out. A built-in corpus stands there by its name; another one is spelled
    out, its files with their absolute paths, so that the file can lie anywhere.
    """
    values = recipe.model_dump(mode="json", exclude_defaults=True)
    if recipe.corpus.name in built_in("corpora") and recipe.corpus == load_corpus(recipe.corpus.name):
        values["corpus"] = recipe.corpus.name
    else:
        _find_from_anywhere(recipe.corpus, values["corpus"])
    if recipe.adaptation is not None:
        texts = recipe.adaptation.corpus
        if texts.name in built_in("text_corpora") and texts == load_text_corpus(texts.name):
            values["adaptation"]["corpus"] = texts.name
        else:
            _find_from_anywhere(texts, values["adaptation"]["corpus"])
    return "\n".join(_lines(values)).strip() + "\n"


def _find_from_anywhere(corpus: TextSource, values: dict[str, Any]) -> None:
    """Replace the relative paths in a corpus' values by absolute ones."""
    values.pop("base_folder", None)
    base = Path(corpus.base_folder).resolve()
    for split in values.get("splits", {}).values():
        if "file" in split:
            split["file"] = str(base / Path(split["file"]).expanduser())
    if "files" in values:
        values["files"] = [str(base / Path(file).expanduser()) for file in values["files"]]


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

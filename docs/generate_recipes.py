"""Write the generated part of docs/recipes.md: every key of recipes and corpora, from what the declarations say."""

import json
from typing import Any, NamedTuple

from docs.parts import ROOT, names_table, write_parts
from emohub.card.markdown import UNKNOWN, Markdown, code, words
from emohub.recipe import (
    Adaptation,
    Augmentation,
    Corpus,
    Declaration,
    Distillation,
    Documented,
    DocumentedNote,
    DocumentedRow,
    Evaluation,
    Export,
    Recipe,
    Search,
    Split,
    Student,
    TextCorpus,
    TextSource,
    Training,
)
from emohub.recipe.documented import DocumentedHyperparameters, DocumentedMetrics

PAGE = ROOT / "docs" / "recipes.md"


class Section(NamedTuple):
    """A table of TOML and the declaration that reads it."""

    heading: str
    declaration: type[Declaration]
    without: type[Declaration] = Declaration
    """A declaration whose keys stand in another section."""

    @property
    def keys(self) -> list[str]:
        """The keys that the section describes."""
        return [key for key in self.declaration.model_fields if key not in self.without.model_fields]


SECTIONS = (
    Section("The recipe itself", Recipe),
    Section("`[training]` and `[adaptation.training]`", Training),
    Section("`[evaluation]`, and but for the last two `[adaptation.evaluation]`", Evaluation),
    Section("`[export]`", Export),
    Section("`[adaptation]`", Adaptation),
    Section("`[distillation]`", Distillation),
    Section("`[distillation.student]`", Student),
    Section("`[distillation.augmentation]`", Augmentation),
    Section("`[search]`, each value", Search),
    Section("Any corpus", TextSource),
    Section("`[corpus]`: a corpus with labels", Corpus, without=TextSource),
    Section("`[corpus.splits.NAME]`", Split),
    Section("`[adaptation.corpus]`: a corpus of plain texts", TextCorpus, without=TextSource),
    Section("`[documented]`", Documented),
    Section("`[documented.hyperparameters]`", DocumentedHyperparameters),
    Section("`documented.headline`, and each of `documented.results`", DocumentedMetrics),
    Section("Each of `documented.results` as well", DocumentedRow, without=DocumentedMetrics),
    Section("`[[documented.notes]]`", DocumentedNote),
)
NAMES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
"""What a JSON schema calls a type, in words."""
BOUNDS = {"exclusiveMinimum": "above", "minimum": "at least", "exclusiveMaximum": "below", "maximum": "at most"}


def keys() -> str:
    """Every section with a table of its keys."""
    return "\n\n".join(f"### {section.heading}\n\n{section_table(section)}" for section in SECTIONS)


def section_table(section: Section) -> str:
    """Key, type, default and meaning, one key a row."""
    schema = section.declaration.model_json_schema()
    required = schema.get("required", ())
    rows = []
    for key in section.keys:
        declared = schema["properties"][key]
        description = section.declaration.model_fields[key].description or ""
        meaning = " ".join(description.replace("``", "`").split()).replace("|", r"\|")
        rows.append((code(key), kind(declared), default(declared, key in required), Markdown(meaning)))
    return names_table(("Key", "Value", "Default", "Meaning"), rows).replace("---:", "---")


def kind(schema: dict[str, Any]) -> Markdown:
    """The type of a value in words, with its bounds."""
    if "anyOf" in schema:
        kinds = [kind(each) for each in schema["anyOf"] if each.get("type") != "null"]
        return words(dict.fromkeys(kinds), last="or")
    if "enum" in schema or "const" in schema:
        return words((code(json.dumps(each)) for each in schema.get("enum", [schema.get("const")])), last="or")
    if "$ref" in schema or schema["type"] == "object":
        return Markdown("table")
    if schema["type"] == "array":
        least = f", {schema['minItems']} or more" if "minItems" in schema else ""
        return Markdown(f"array of: {kind(schema['items'])}{least}")
    bounds = [f"{word} {schema[bound]}" for bound, word in BOUNDS.items() if bound in schema]
    return Markdown(", ".join([NAMES[schema["type"]], *bounds]))


def default(schema: dict[str, Any], required: bool) -> Markdown:
    """What holds where the key is left out; JSON writes plain values and arrays as TOML does."""
    value = schema.get("default")
    if required:
        return Markdown("required")
    return Markdown(UNKNOWN) if value is None or isinstance(value, dict) else code(json.dumps(value))


PARTS = {"keys": keys}


def main() -> None:
    """Write the page again."""
    write_parts(PAGE, PARTS)


if __name__ == "__main__":
    main()

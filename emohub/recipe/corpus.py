"""A corpus: what a labelled dataset is, where it lies, and what is known to be wrong with it."""

from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, model_validator

from emohub.recipe.declaration import Declaration, Positive, Text, built_in, find_declaration, read_toml

SplitName = Literal["train", "validation", "test"]
Source = TypeVar("Source", bound="TextSource")


class Split(Declaration):
    """One split of a corpus."""

    rows: Positive | None = None
    """Rows that its source states; None when it states none. Data with another count is refused."""
    file: Text | None = None
    """Path of a CSV, JSONL or parquet file, relative to the declaration; None when the split comes from the Hub."""


class TextSource(Declaration):
    """Where texts come from, and what is known about them: what every corpus declares."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Short name, used in commands and records."""
    title: Text
    """Name for people, with the task it is for."""
    hub_id: Text | None = None
    """Dataset id on the Hub, with its namespace; None when the corpus is not on the Hub."""
    config: Text | None = None
    """Configuration (subset) of the Hub dataset; None when it has only one."""
    revision: Text | None = None
    """Commit or tag of the Hub dataset to load; None takes the newest, and what it resolved to is recorded."""
    folder: Text | None = None
    """Folder below ``--data-dir`` that holds ``train.parquet`` and so on; None means the corpus' name."""
    text_column: Text = "text"
    """Column with the texts, in tables."""
    language: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], ...] = ()
    """ISO 639 codes; empty when unknown."""
    license: Text | None = None
    """Licence identifier of the Hub's list; None when the source names none."""
    terms: Text | None = None
    """Terms of use in the source's sense, where they are no licence of that list."""
    citation: Text | None = None
    """BibTeX of the work that introduced the data."""
    flaws: tuple[Text, ...] = ()
    """Known defects that a user of a model trained on it should know."""
    base_folder: Text = "."
    """Folder that relative paths start from; filled in when the declaration is read."""

    @model_validator(mode="after")
    def _has_a_namespace(self) -> Self:
        if self.hub_id is not None and "/" not in self.hub_id:
            raise ValueError(f"hub_id {self.hub_id!r} lacks its namespace (write OWNER/NAME)")
        return self

    @property
    def data_folder(self) -> str:
        """Folder name below ``--data-dir``."""
        return self.folder or self.name


class Corpus(TextSource):
    """A dataset of short texts, each with exactly one label."""

    labels: Annotated[tuple[Text, ...], Field(min_length=2)]
    """Label names in the order of their integer ids."""
    splits: dict[SplitName, Split]
    """The splits that exist."""
    label_column: Text = "label"
    """Column with the label, as its integer id or its name."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels holds the same name twice")
        if self.hub_id is None:
            without = [name for name, split in self.splits.items() if split.file is None]
            if without:
                raise ValueError(f"there is no hub_id, and the split {without[0]!r} names no file")
        if self.text_column == self.label_column:
            raise ValueError("text_column and label_column are the same")
        return self


class TextCorpus(TextSource):
    """Plain texts without labels, for masked-language-model adaptation."""

    split: Text = "train"
    """Split of the Hub dataset, and name of the parquet file below ``--data-dir``, that the texts come from."""
    files: tuple[Text, ...] = ()
    """Text files, one text a line, or tables (CSV, JSONL, parquet), as paths or glob patterns relative to the
    declaration; empty when the texts come from the Hub."""
    rows: Positive | None = None
    """Texts that the source states; None when it states none. Data with another count is refused."""
    validation_share: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    """Share of the texts that is held out, drawn by the seed, to measure perplexity on."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.hub_id is None and not self.files:
            raise ValueError("there is no hub_id and no files")
        return self


def list_corpora() -> tuple[str, ...]:
    """Names of the built-in labelled corpora, in alphabetical order."""
    return tuple(built_in("corpora"))


def load_corpus(name: str, *, relative_to: Path | None = None) -> Corpus:
    """A built-in corpus by name, or the declaration in a TOML file; a recipe's file stands for the recipe's corpus.

    ``relative_to`` is the folder that a relative path starts from (the working directory when None).

    Raises:
        UsageError: there is neither a built-in corpus nor a file of that name.
        RecipeError: the file is not a valid declaration.
    """
    return _load(Corpus, name, "corpus", "corpora", relative_to)


def load_text_corpus(name: str, *, relative_to: Path | None = None) -> TextCorpus:
    """A built-in corpus of plain texts by name, or the declaration in a TOML file; as :func:`load_corpus` does."""
    return _load(TextCorpus, name, "text corpus", "text_corpora", relative_to)


def _load(cls: type[Source], name: str, kind: str, folder: str, relative_to: Path | None) -> Source:
    path = find_declaration(name, kind, folder, relative_to=relative_to)
    values = read_toml(path)
    corpus = values.get("corpus")
    if isinstance(corpus, str):
        return _load(cls, corpus, kind, folder, path.parent)
    return cls.from_values({**(corpus or values), "base_folder": str(path.resolve().parent)}, str(path))

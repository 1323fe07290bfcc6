"""Cards as files: beside the records that they are rendered from."""

from itertools import zip_longest
from pathlib import Path

from emohub import layout
from emohub.card.illustrations import pictures_of
from emohub.card.records import Records
from emohub.card.render import render, render_documented, render_masked_lm
from emohub.card.sections import Unmarked, merge
from emohub.errors import CardError, UsageError
from emohub.pictures import read_digest
from emohub.recipe import list_recipes, load_recipe
from emohub.record import ExportRecord, RunRecord, write_atomically

_AGAIN = "render it again with `emohub card`"


def card_folder(name: str) -> Path:
    """The folder of a card: that of the records of a run or model, else ``cards/NAME`` of a documented recipe.

    Raises:
        UsageError: there are neither records nor a built-in recipe of that name.
    """
    records = layout.find_records(name)
    if records is not None:
        return records
    recipe = Path(name).name
    if recipe in list_recipes():
        return layout.project_root() / "cards" / recipe
    raise UsageError(
        f"there are no records and no recipe called {name!r}",
        "give a folder with run.json and eval.json, a name under cards/ or runs/, or a built-in recipe",
    )


def render_folder(folder: Path, *, repo_id: str | None = None) -> str:
    """The card of a folder: from its records, or, without any, what the recipe of the folder's name documents.

    A masked-LM stage has a card of its own kind, from its ``run.json`` alone.

    ``repo_id`` is the model's id on the Hub. Without it the usage examples load ``checkpoint`` for a run folder, and
    ``models/<folder>`` for any other.

    Raises:
        RecordError: a record is damaged, or one of the two is missing.
        CardError: the records contradict each other, or there is nothing to say.
        UsageError: a ``repo_id`` is given for a documented page.
    """
    if (folder / layout.RUN_FILE).is_file():
        is_run = (folder / layout.CHECKPOINT_FOLDER).is_dir()
        model = layout.CHECKPOINT_FOLDER if is_run else f"models/{folder.resolve().name}"
        run = RunRecord.load(folder / layout.RUN_FILE)
        if run.stage == "masked_lm":
            return render_masked_lm(run, repo_id=repo_id, model=model)
        records = Records.load(folder)
        return render(
            records.run,
            records.evaluation,
            records.description,
            _export(folder, run),
            robustness=records.robustness,
            repo_id=repo_id,
            model=model,
        )
    if repo_id is not None:
        raise UsageError(
            f"{folder} holds no records of a model", "leave --repo-id out: it is a page, not a model's card"
        )
    return render_documented(load_recipe(folder.resolve().name))


def _export(folder: Path, run: RunRecord) -> ExportRecord | None:
    """What was exported of the model that the run made; files of other weights are nothing that a card may offer."""
    path = layout.find_export(folder)
    record = None if path is None else ExportRecord.load(path)
    return record if record is not None and record.model.fingerprint == run.exported.fingerprint else None


def write_card(folder: Path, *, repo_id: str | None = None, unmarked: Unmarked = "refuse") -> Path:
    """Render the folder's card into its ``README.md``, beside the pictures that it shows, and return its path.

    In a ``README.md`` that is there, what a person wrote between the rendered parts stays; ``unmarked`` says what
    becomes of one without markers (see :func:`emohub.card.merge`). Each file is written whole or not at all.

    Raises:
        CardError: the card that is there cannot be merged; nothing is written.
        RecordError: the folder cannot be written; and whatever :func:`render_folder` raises.
    """
    rendered = render_folder(folder, repo_id=repo_id)
    path = folder / layout.CARD_FILE
    text = _merged(path, read_card(path) if path.exists() else "", rendered, unmarked)
    for picture in pictures_of(folder):
        picture.draw(folder / picture.name)
    write_atomically(path, lambda temporary: temporary.write_bytes(text.encode()))
    return path


def check_card(folder: Path, *, repo_id: str | None = None) -> Path:
    """The path of the folder's card, when its rendered parts are what would be rendered now, byte for byte.

    The pictures must show the records too; what stands between the parts is a person's and is not compared.

    Raises:
        CardError: it is missing, its markers are not whole, or a rendered part differs, and then the error names the
            first line that does; or so does a picture.
    """
    path = folder / layout.CARD_FILE
    found = read_card(path)
    expected = _merged(path, found, render_folder(folder, repo_id=repo_id), "refuse")
    if found != expected:
        pairs = zip_longest(found.splitlines(keepends=True), expected.splitlines(keepends=True))
        line = next(number for number, (a, b) in enumerate(pairs, start=1) if a != b)
        raise CardError(f"{path} is not what its records give, from line {line} on", _AGAIN)
    check_pictures(folder)
    return path


def read_card(path: Path) -> str:
    """The text of a card, with the line ends that it has.

    Raises:
        CardError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise CardError(f"{path} cannot be read ({error.strerror})", _AGAIN) from None
    except UnicodeDecodeError as error:
        raise CardError(f"{path} is not UTF-8 text (byte {error.start})", "save it as UTF-8") from None


def _merged(path: Path, existing: str, rendered: str, unmarked: Unmarked) -> str:
    """What :func:`emohub.card.merge` gives; its errors name the file."""
    try:
        return merge(existing, rendered, unmarked=unmarked)
    except CardError as error:
        raise CardError(f"{path}: {error.cause}", error.remedy) from None


def check_pictures(folder: Path) -> None:
    """Hold the pictures beside a card against the folder's records; a folder without a run needs none.

    What is compared is the digest that a picture carries, not its bytes: those depend on matplotlib's version.

    Raises:
        CardError: one is missing, or shows something else.
        RecordError: a record is missing or damaged.
    """
    for expected in pictures_of(folder):
        picture = folder / expected.name
        if read_digest(picture) != expected.digest:
            what = "does not show what the records say" if picture.is_file() else "is missing"
            raise CardError(f"{picture} {what}", "draw it again with `emohub card`")

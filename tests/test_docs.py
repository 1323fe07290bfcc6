"""The pages in docs/: generated parts are current, options and keys described; examples and links hold."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from docs import generate_commands, generate_recipes
from docs.parts import parts
from emohub.errors import RecipeError
from emohub.recipe import Declaration, Recipe, load_corpus, load_recipe
from emohub.train import Progress

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
}
COMMANDS = {command.name: command for command in generate_commands.commands()}


def options(name: str) -> set[str]:
    """Every spelling of every option of a command."""
    parameters = COMMANDS[name].click.params
    return {each for option in parameters for each in (*option.opts, *option.secondary_opts) if each.startswith("--")}


# Commands ------------------------------------------------------------------------------------------------------------


def test_the_page_of_commands_is_current() -> None:
    assert PAGES["docs/commands.md"] == generate_commands.page(), "run `make readme`"


def test_every_option_is_documented() -> None:
    described = 0
    sections = re.findall(r"^## `(emohub [\w ]+)`\n(.*?)(?=^## |\Z)", PAGES["docs/commands.md"], re.M | re.S)
    assert [name for name, _ in sections] == list(COMMANDS)
    for name, text in sections:
        missing = [option for option in options(name) if not re.search(rf"{option}\b.*` \| \S", text)]
        assert missing == [], f"{name}: neither README.md nor docs/ describes {missing}"
        described += len(options(name))
    assert len(sections) >= 18
    assert described >= 100


def examples() -> Iterator[tuple[str, list[str]]]:
    """Every call of emohub that a page shows, as code or in a block, with the page."""
    for page, text in PAGES.items():
        console = re.findall(r"```console\n(.*?)```", text, re.S)
        bash = re.findall(r"```bash\n(.*?)```", text, re.S)
        lines = [line[2:] for block in console for line in block.splitlines() if line.startswith("$ ")]
        lines += [line for block in bash for line in block.replace("\\\n", " ").splitlines()]
        spans = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
        for call in [*lines, *(" ".join(span.split()) for span in spans)]:
            found = re.match(r"(?:accelerate launch .*?-m emohub\.|emohub )([a-z].*)", call)
            if found:
                yield page, shlex.split(found[1], posix=False)


def test_no_page_shows_a_command_or_an_option_that_does_not_exist() -> None:
    seen = 0
    for page, words in examples():
        name = f"emohub {words[0]}"
        if len(words) > 1 and f"{name} {words[1]}" in COMMANDS:
            name = f"{name} {words[1]}"
        assert name in COMMANDS, f"{page}: emohub {' '.join(words)}"
        given = {word.partition("=")[0] for word in words if re.match(r"--\w", word)}
        assert given <= options(name), f"{page}: {name} has no {given - options(name)}"
        seen += 1
    assert seen >= 120


# Recipes -------------------------------------------------------------------------------------------------------------


def test_the_page_of_recipes_is_current() -> None:
    assert parts(PAGES["docs/recipes.md"])["keys"] == generate_recipes.keys(), "run `make readme`"


def declarations(declaration: type[Declaration]) -> set[str]:
    """The names of all declarations that one consists of."""
    return {declaration.__name__, *declaration.model_json_schema()["$defs"]}


def test_every_key_of_every_declaration_is_described() -> None:
    shown = [key for section in generate_recipes.SECTIONS for key in section.keys]
    assert len(shown) >= 100
    covered = {section.declaration.__name__ for section in generate_recipes.SECTIONS}
    assert declarations(Recipe) <= covered | {"EvaluationSchedule"}
    for section in generate_recipes.SECTIONS:
        for key in section.keys:
            assert section.declaration.model_fields[key].description, f"{section.declaration.__name__}.{key}"
    page = parts(PAGES["docs/recipes.md"])["keys"]
    assert page.count("\n| `") == len(shown)


@pytest.fixture
def own_files(tmp_path: Path) -> Path:
    """The TOML files of the page, each under the name in its first line."""
    files = re.findall(r"```toml\n# (\S+)\n(.*?)```", PAGES["docs/recipes.md"], re.S)
    assert [name for name, _ in files] == ["reviews-corpus.toml", "reviews.toml", "reviews-two-stages.toml"]
    for name, text in files:
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_recipes_of_ones_own_are_recipes(own_files: Path) -> None:
    corpus = load_corpus(str(own_files / "reviews-corpus.toml"))
    assert corpus.labels == ("blame", "praise")
    assert set(corpus.splits) == {"train", "validation", "test"}
    recipe = load_recipe(str(own_files / "reviews.toml"))
    assert recipe.corpus == corpus
    assert recipe.stages == ("classification",)
    both = load_recipe(str(own_files / "reviews-two-stages.toml"))
    assert both.stages == ("masked_lm", "classification")
    assert both.adaptation is not None
    assert both.adaptation.corpus.files == ("texts/*.txt",)
    assert both.with_overrides({"adaptation.training.num_train_epochs": 1}).digest != both.digest


def test_the_minimal_recipe_has_no_line_too_many(own_files: Path) -> None:
    path = own_files / "reviews.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    needed = [line for line in lines if " = " in line and not line.startswith("warmup_steps")]
    assert len(needed) == 8
    for line in needed:
        path.write_text("\n".join(each for each in lines if each != line), encoding="utf-8")
        with pytest.raises(RecipeError, match=line.partition(" ")[0]):
            load_recipe(str(path))


# Training ------------------------------------------------------------------------------------------------------------


def test_the_line_of_json_has_what_a_step_has() -> None:
    (line,) = re.findall(r"```json\n(.*?)\n```", PAGES["docs/training.md"], re.S)
    assert list(json.loads(line)) == ["event", *(each.name for each in fields(Progress))]


# Links ---------------------------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives the headings of a page, and those that the page sets itself."""
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    headings = re.findall(r"^#+ (.+)$", prose, re.M)
    given = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return given | set(re.findall(r'<a id="([\w-]+)">', prose))


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    assert len(PAGES) >= 14
    broken, seen = [], 0
    for page, text in PAGES.items():
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in link:
                continue
            path, _, anchor = link.partition("#")
            target = (ROOT / page).parent / path if path else ROOT / page
            if not target.is_file() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
                broken.append(f"{page}: {link}")
            seen += 1
    assert broken == []
    assert seen >= 45

"""The imports of every module, held to the layers and to the owners of external libraries."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent

LAYERS: tuple[tuple[str, ...], ...] = (
    ("__init__", "errors", "steps"),
    ("labels", "layout", "metrics", "packing", "recipe", "tokenizing"),
    ("record",),
    ("data", "inference", "pictures"),
    (
        "batch",
        "card",
        "cascade",
        "compare",
        "describe",
        "evaluate",
        "explain",
        "export",
        "feedback",
        "robustness",
        "runs",
        "train",
    ),
    ("audit", "publish", "reproduce", "shards", "suspects", "tune", "ui", "verify"),
    ("doctor", "jobs"),
    ("cli",),
    ("__main__", "app"),
)
"""Every module, lowest layer first. A folder is one module: its files may import each other."""

ANYONE = frozenset(name for layer in LAYERS for name in layer)
OWNERS: dict[str, frozenset[str]] = {
    "accelerate": frozenset({"train"}),
    "cleanlab": frozenset({"suspects"}),
    "codecarbon": frozenset({"train"}),
    "datasets": frozenset({"data"}),
    "evaluate": frozenset({"metrics"}),
    "gradio": frozenset({"ui"}),
    "httpx2": frozenset({"audit", "data", "doctor", "feedback", "inference", "publish", "shards"}),
    "huggingface_hub": frozenset({"audit", "data", "doctor", "feedback", "inference", "jobs", "publish"}),
    "jinja2": frozenset({"card"}),
    "matplotlib": frozenset({"pictures"}),
    "numpy": ANYONE,
    "onnx": frozenset({"inference"}),
    "onnxruntime": frozenset({"inference"}),
    "onnxscript": frozenset({"inference"}),
    "optuna": frozenset({"tune"}),
    "packaging": frozenset({"doctor"}),
    "pyarrow": frozenset({"data", "shards"}),
    "pydantic": frozenset({"feedback", "recipe", "record"}),
    "ray": frozenset({"shards"}),
    "rich": frozenset({"cli"}),
    "safetensors": frozenset({"inference", "train"}),
    "spaces": frozenset({"ui"}),
    "tokenizers": frozenset({"tokenizing"}),
    "torch": frozenset({"doctor", "inference", "packing", "train"}),
    "transformers": frozenset({"inference", "packing", "tokenizing"}),
    "typer": frozenset({"cli"}),
    "yaml": frozenset({"card"}),
}
"""Who may import an external library: its owners, and nobody else."""

FROM_A_SPACE = frozenset({"spaces"})
"""What a Space with lent GPUs brings along, and nobody installs."""

MOST_LINES = 400

HEAVY = ("torch", "transformers", "gradio")


class Import(NamedTuple):
    """One import statement: where it stands, who makes it, and the dotted name that it asks for."""

    where: str
    module: str
    target: str
    run_as_script: bool
    """Whether it runs only when its file is started with ``python -m``."""


def source_files(root: Path) -> dict[Path, str]:
    """Every Python file of the project's code, and the module that it belongs to."""
    package = root / "emohub"
    files = {path: path.relative_to(package).parts[0].removesuffix(".py") for path in sorted(package.rglob("*.py"))}
    return {**files, root / "app.py": "app"}


def imports(root: Path) -> Iterator[Import]:
    """Every import of every file: at the top, inside functions, and under ``if TYPE_CHECKING``."""
    for path, module in source_files(root).items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        scripts = {id(node) for block in tree.body if is_script_guard(block) for node in ast.walk(block)}
        package = list(path.relative_to(root).with_suffix("").parts[:-1])
        for node in ast.walk(tree):
            script = id(node) in scripts or (path.stem == "__main__" and module != "__main__")
            for target in targets(node, package):
                yield Import(f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)}", module, target, script)


def is_script_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def targets(node: ast.AST, package: list[str]) -> list[str]:
    """The dotted names that a node imports; a name taken from a package may be one of its modules."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        parent = package[: len(package) - node.level + 1] if node.level else []
        base = ".".join([*parent, *([node.module] if node.module else [])])
        return [f"{base}.{alias.name}" for alias in node.names] if base == "emohub" else [base]
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
        return [ast.literal_eval(node.args[0]) if isinstance(node.args[0], ast.Constant) else "a name made at run time"]
    return []


def violations(root: Path) -> list[str]:
    """Every import that the table of layers or the list of owners forbids, one line each."""
    level = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    found = []
    for where, module, target, script in imports(root):
        top, _, rest = target.partition(".")
        if top == "emohub":
            used = rest.split(".")[0] if rest.split(".")[0] in level else "__init__"
            allowed = used == module or level[used] < level[module] or (script and used == "cli")
            rule = f"layer {level[module]} must not import layer {level[used]}"
        elif top in sys.stdlib_module_names:
            continue
        elif target == "a name made at run time":
            allowed, rule = module == "cli", "only the command line chooses its modules at run time"
        else:
            allowed = module in OWNERS.get(top, frozenset())
            rule = f"{top} belongs to {', '.join(sorted(OWNERS.get(top, {'nobody'})))}"
        if not allowed:
            found.append(f"{where}: {module} imports {target}; {rule}")
    return found


def test_every_module_is_in_the_table_and_every_entry_exists() -> None:
    files = source_files(ROOT)
    assert set(files.values()) == ANYONE
    assert sum(len(layer) for layer in LAYERS) == len(ANYONE)
    assert len(files) >= 50
    assert len(list(imports(ROOT))) >= 300


def test_no_file_is_longer_than_one_reads_at_once() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in source_files(ROOT)
    }
    assert [name for name, length in lengths.items() if length > MOST_LINES] == []


def test_modules_import_only_from_layers_below_and_only_their_own_libraries() -> None:
    assert violations(ROOT) == []


def test_every_owner_uses_its_library() -> None:
    used = {(each.target.partition(".")[0], each.module) for each in imports(ROOT)}
    listed = {(library, owner) for library, owners in OWNERS.items() if owners != ANYONE for owner in owners}
    assert listed - used == set()


def test_every_imported_library_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = [project["optional-dependencies"][extra] for extra in ("tune", "suspects", "energy", "onnx", "ray")]
    requirements = [*project["dependencies"], *(requirement for extra in optional for requirement in extra)]
    declared = {re.split(r"[\[>]", requirement)[0].lower() for requirement in requirements}
    distributions = metadata.packages_distributions()
    assert {distributions[library][0].lower().replace("_", "-") for library in OWNERS.keys() - FROM_A_SPACE} == declared


@pytest.mark.parametrize(
    ("path", "line", "expected"),
    [
        ("emohub/recipe/recipe.py", "from emohub.record import RunRecord", "recipe imports emohub.record; layer 1"),
        ("emohub/compare/text.py", "from emohub.evaluate import evaluate", "compare imports emohub.evaluate; layer 4"),
        ("emohub/record/run.py", "def f():\n    from emohub import data", "record imports emohub.data; layer 2"),
        ("emohub/metrics/modules.py", "from .. import inference", "metrics imports emohub.inference; layer 1"),
        ("emohub/errors.py", "if TYPE_CHECKING:\n    import emohub.recipe", "errors imports emohub.recipe; layer 0"),
        ("emohub/card/render.py", "import torch.nn as nn", "card imports torch.nn; torch belongs to doctor, "),
        ("emohub/data/table.py", "import pandas", "data imports pandas; pandas belongs to nobody"),
        ("emohub/layout.py", 'importlib.import_module("gradio")', "layout imports gradio; gradio belongs to ui"),
        ("emohub/ui/page.py", "importlib.import_module(name)", "ui imports a name made at run time; only the command"),
        ("emohub/evaluate.py", "from emohub.cli import main", "evaluate imports emohub.cli; layer 4"),
        ("emohub/train.py", 'if __name__ == "__main__":\n    import emohub.ui', "train imports emohub.ui; layer 4"),
    ],
)
def test_a_wrong_import_is_caught(tmp_path: Path, path: str, line: str, expected: str) -> None:
    for name, text in (("app.py", ""), (path, f"{line}\n")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (finding,) = violations(tmp_path)
    assert finding.startswith(f"{path}:")
    assert expected in finding


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("emohub/evaluate.py", 'if __name__ == "__main__":\n    from emohub.cli import main'),
        ("emohub/publish/__main__.py", "from emohub.cli import main"),
        ("emohub/recipe/recipe.py", "from emohub.recipe.corpus import Corpus"),
        ("emohub/record/run.py", "import json\nfrom emohub import __version__\nfrom emohub.recipe import Recipe"),
    ],
)
def test_a_right_import_is_let_through(tmp_path: Path, path: str, line: str) -> None:
    for name, text in (("app.py", ""), (path, f"{line}\n")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert violations(tmp_path) == []


@pytest.mark.parametrize(
    "module", ["emohub", "emohub.card", "emohub.publish", "emohub.recipe", "emohub.record", "emohub.cli"]
)
def test_light_modules_load_no_heavy_library(module: str) -> None:
    program = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []


def test_the_help_of_the_command_line_loads_no_heavy_library() -> None:
    program = (
        "import sys\nfrom emohub.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as stop:\n    assert not stop.code\n"
        f"print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "LOADED"

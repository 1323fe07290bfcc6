"""Write the generated parts of README.md: what the commands print, and the tables of results.

A generated part stands between ``<!-- output: COMMAND -->`` or ``<!-- results: … -->`` and ``<!-- end -->``. The output
of train, evaluate and describe is what those commands print for the records in ``cards/``, and of train those of the
models that others learned from; every other command is run, those that read a corpus only where ``EMOHUB_DATA_DIR``
names the folder of the corpora.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from rich.text import Text

from docs.documented_table import documented_table
from docs.parts import ROOT, names_table
from emohub.card import MeasuredResult, ReportedResult, results_rows
from emohub.card.markdown import Markdown, show
from emohub.cli.app import output
from emohub.cli.describe import show_description
from emohub.cli.evaluate import show_evaluation
from emohub.cli.training_display import show_run
from emohub.layout import DESCRIPTION_FILE, EVAL_FILE, RUN_FILE
from emohub.record import DescriptionRecord, EvalRecord, RunRecord
from tools.model_plan import TEACHERS

README = ROOT / "README.md"
WIDTH = 100
"""Columns of the terminal that the outputs are made for."""
READS_CORPUS = ("emohub data", "emohub verify")
PART = re.compile(
    r"(?P<opening><!-- (?P<kind>output|results): (?P<what>.+?) -->\n)(?P<body>.*?)(?P<end><!-- end -->)", re.S
)


def update(readme: str) -> str:
    """The same text with every generated part made again."""

    def again(part: re.Match[str]) -> str:
        if part["what"].startswith(READS_CORPUS) and "EMOHUB_DATA_DIR" not in os.environ:
            return part[0]
        return f"{part['opening']}{render(part['kind'], part['what'])}\n{part['end']}"

    return PART.sub(again, readme)


def parts(readme: str) -> dict[str, str]:
    """What stands in each generated part, by the command or the name of the table."""
    return {part["what"]: part["body"].rstrip("\n") for part in PART.finditer(readme)}


def render(kind: str, what: str) -> str:
    """One generated part."""
    return RESULTS[what]() if kind == "results" else f"```console\n$ {what}\n{output_of(what)}\n```"


def output_of(command: str) -> str:
    """What a command shows a person, or shows for the records of a model where running it would take minutes."""
    _, verb, *arguments = shlex.split(command)
    text = FROM_RECORD[verb](records_of(arguments[0])) if verb in FROM_RECORD else run([verb, *arguments])
    lines = [line.rstrip() for line in text.replace(f"{ROOT}{os.sep}", "").splitlines()]
    return "\n".join(lines).strip("\n")


def records_of(name: str) -> Path:
    """The folder with the records of a model that ships, or of one that others learned from."""
    card = ROOT / "cards" / name
    return card if card.is_dir() else ROOT / TEACHERS / name


def run(arguments: list[str]) -> str:
    """Run ``emohub ARGUMENTS`` in the checkout and return what it prints; a server is stopped once it serves."""
    environment = {**os.environ, "COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "emohub", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if arguments[0] == "demo" and "http://" in line:
                process.terminate()
                return line
    if process.returncode:
        raise SystemExit(f"emohub {shlex.join(arguments)} failed:\n{''.join(lines)}")
    return "".join(lines)


def training(folder: Path) -> str:
    """What ``emohub train`` printed at the end of the run that is recorded in ``folder``."""
    record = RunRecord.load(folder / RUN_FILE)
    metrics = tuple(record.recipe["evaluation"]["metrics"])
    return printed(lambda: show_run(record, metrics, Path("runs") / record.run_id))


def evaluation(folder: Path) -> str:
    """What ``emohub evaluate`` printed for the evaluation that is recorded in ``folder``."""
    record = EvalRecord.load(folder / EVAL_FILE)
    return printed(lambda: show_evaluation(record))


def description(folder: Path) -> str:
    """What ``emohub describe`` printed for the description that is recorded in ``folder``."""
    record = DescriptionRecord.load(folder / DESCRIPTION_FILE)
    return printed(lambda: show_description(record))


FROM_RECORD = {"train": training, "evaluate": evaluation, "describe": description}


def printed(show_result: Callable[[], None]) -> str:
    """What a function prints to the command line's standard output, without colours."""
    with mock.patch.dict(os.environ, COLUMNS=str(WIDTH)), output.capture() as captured:
        show_result()
    return Text.from_ansi(captured.get()).plain


def measured() -> str:
    """What this project measured, one row a model."""
    results = results_rows(ROOT / "cards").measured
    header = ("Model", "Corpus, split", "Rows", "Accuracy", "Macro precision", "Macro recall", "Macro F1", "Size")
    return names_table(header, [measured_row(result) for result in results])


def measured_row(result: MeasuredResult) -> tuple[object, ...]:
    """A model's cells: its card, what it was measured on, its figures with their intervals, and its size."""
    scores = [result.metrics[name] for name in ("accuracy", "macro_precision", "macro_recall", "macro_f1")]
    link = Markdown(f"[{show(result.name)}](cards/{result.name}/README.md)")
    return link, f"{result.corpus}, {result.split}", result.rows, *scores, Markdown(f"{result.size_bytes / 1e6:.1f} MB")


def reported() -> str:
    """What the documents of other models report, one row a model."""
    results = results_rows(ROOT / "cards").reported
    header = ("Recipe", "Reported name", "Base model", "Dataset", "Loss", "Accuracy", "Precision", "Recall", "F1")
    return names_table(header, [reported_row(result) for result in results])


def reported_row(result: ReportedResult) -> tuple[object, ...]:
    """A document's cells, with a dash for what it does not say."""
    names = ("loss", "accuracy", "precision_unstated_average", "recall_unstated_average", "f1_unstated_average")
    figures = [result.metrics.get(name) for name in names]
    link = Markdown(f"[{show(result.recipe)}](cards/{result.recipe}/README.md)")
    return link, result.name, result.base_model, result.dataset, *figures


RESULTS = {"documented": documented_table, "measured": measured, "reported": reported}


def main() -> None:
    """Write README.md again."""
    before = README.read_text(encoding="utf-8")
    after = update(before)
    README.write_text(after, encoding="utf-8")
    print(f"README.md: {len(parts(after))} parts {'written' if after != before else 'were current'}")


if __name__ == "__main__":
    main()

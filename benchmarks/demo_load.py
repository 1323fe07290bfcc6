"""Put the page under load, beside a plain ``gr.Interface`` over ``pipeline()`` with its default queue.

    python -m benchmarks.demo_load

Both serve the same model on the same machine, each in a process of its own, and are asked in turn by the same client,
which is a process of its own too. emohub is asked at its documented endpoint, and the peer as its page and Gradio's
clients ask it, through the queue. What was measured goes to ``benchmarks/demo_load.json``, and
``python -m benchmarks.report`` writes the pages from it.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.load_client import Job, Outcome
from emohub.inference import Classifier
from emohub.record import current_environment, utc_now
from tools.chromium import find

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "demo_load.json"
PEER = """\
import sys
import gradio as gr
from transformers import pipeline

classify = pipeline("text-classification", model=sys.argv[1], top_k=None)

def answer(text):
    return {each["label"]: each["score"] for each in classify(text)[0]}

page = gr.Interface(answer, gr.Textbox(), gr.Label())
page.launch(server_port=int(sys.argv[2]), quiet=True, prevent_thread_lock=True)
print("at http://127.0.0.1:" + sys.argv[2], flush=True)
sys.stdin.read()
"""
"""The page that Gradio's guides show for a classifier."""
BEGINNINGS = (
    *("After the call this morning", "On my way home from work", "When I opened the letter"),
    *("Sitting in the empty kitchen", "Before the exam began", "At my sister's wedding", "While the others laughed"),
    *("Now that it is over", "Reading your message again", "In the middle of the night"),
)
ENDS = (
    *("I could not stop smiling.", "I felt completely alone.", "I was so angry that I shook."),
    *("I was scared of every sound.", "I knew how much I love them.", "I did not see that coming."),
    *("I just wanted to cry.", "I finally felt calm again.", "I was ashamed of what I said.", "I missed the old days."),
)
TEXTS = tuple(f"{beginning} {end}" for beginning in BEGINNINGS for end in ENDS)
"""A hundred texts, no two alike."""
TOGETHER = 100
"""Calls at the same time."""
SLACK = 1e-5
"""How far a probability may lie from the library's for an answer to count; both pages round differently."""


class Server:
    """A page in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process, self.port = process, port

    @property
    def megabytes(self) -> float:
        """Memory that the process holds (resident set size), in MB of 10^6 bytes."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    @property
    def cpu_seconds(self) -> float:
        """Processor time that the process has taken, on all cores together."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(command: Sequence[str]) -> Iterator[Server]:
    """Start a page on a free port, which is put in for ``PORT``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    surroundings = os.environ | {"PYTHONPATH": str(ROOT), "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(
        [sys.executable, *(str(port) if part == "PORT" else part for part in command)],
        env=surroundings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            if not re.search(r"http://\S+", process.stdout.readline()):
                raise RuntimeError("the page did not start")
            yield Server(process, port)
        finally:
            process.kill()


def both_pages(model: Path) -> dict[str, tuple[str, ...]]:
    """The command that serves each of the two."""
    return {
        "emohub": ("-m", "emohub", "demo", "--models", str(model), "--port", "PORT"),
        "peer": ("-c", PEER, str(model), "PORT"),
    }


@contextmanager
def load_client() -> Iterator[Callable[[Job], Outcome]]:
    """A process that makes calls."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load_client"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def make(job: Job) -> Outcome:
            assert process.stdin is not None
            assert process.stdout is not None
            print(json.dumps(asdict(job)), file=process.stdin, flush=True)
            return Outcome(**json.loads(process.stdout.readline()))

        yield make


class Loader:
    """Puts one page under load."""

    def __init__(
        self, make: Callable[[Job], Outcome], server: Server, model: str | None, library: dict[str, dict[str, float]]
    ) -> None:
        """``model`` is the one that emohub is asked for, None for the peer; ``library`` holds the right answers."""
        self._make, self._server, self._model, self._library = make, server, model, library

    def burst(self, calls: int) -> dict[str, Any]:
        """So many calls, ``TOGETHER`` at a time: seconds, those of each call, and what it took of the server."""
        texts = [TEXTS[call % len(TEXTS)] for call in range(calls)]
        before = self._server.cpu_seconds
        outcome = self._make(Job(self._server.port, self._model, texts, TOGETHER))
        right = [self._is_right(text, answer) for text, answer in zip(texts, outcome.answers, strict=True)]
        return {
            "calls": calls,
            "failed": right.count(False),
            "seconds": round(outcome.seconds, 4),
            "latencies": [round(each, 4) for each, good in zip(outcome.latencies, right, strict=True) if good],
            "cpu_seconds": round(self._server.cpu_seconds - before, 2),
            "megabytes": round(self._server.megabytes, 1),
        }

    def steady(self, calls: int) -> dict[str, Any]:
        """Many calls, in quarters, and how much memory the server holds more at the end of them."""
        before = self._server.megabytes
        quarters = [self.burst(calls // 4) for _ in range(4)]
        for quarter in quarters:
            quarter["latencies"] = [round(statistics.median(quarter["latencies"]), 4)]
        return {"calls": calls, "megabytes_before": round(before, 1), "quarters": quarters}

    def _is_right(self, text: str, answer: dict[str, float] | None) -> bool:
        expected = self._library[text]
        return answer is not None and all(abs(answer[label] - share) < SLACK for label, share in expected.items())


def answers(classifier: Classifier) -> dict[str, dict[str, float]]:
    """The probability of each label for each text, by the library."""
    predictions = {text: classifier.classify(text) for text in TEXTS}
    return {text: dict(zip(each.labels, each.probabilities, strict=True)) for text, each in predictions.items()}


def measure(model: Path, rounds: int, steady: int) -> dict[str, Any]:
    """Bursts of both pages in turn, then many calls of each."""
    own, exact = Classifier.from_pretrained(model), Classifier.from_pretrained(model, engine="torch")
    pages = both_pages(model)
    with load_client() as make, served(pages["emohub"]) as emohub, served(pages["peer"]) as peer:
        loaders = {
            "emohub": Loader(make, emohub, model.name, answers(own)),
            "peer": Loader(make, peer, None, answers(exact)),  # pipeline() computes in float32
        }
        for loader in loaders.values():
            loader.burst(2 * TOGETHER)  # to be warm
        bursts = []
        for number in range(rounds):
            for who in list(loaders)[:: 1 if number % 2 == 0 else -1]:
                bursts.append({"round": number, "who": who, **loaders[who].burst(TOGETHER)})
        return {
            "tokens": round(float(exact.count_tokens(TEXTS).mean()), 1),
            "bursts": bursts,
            "steady": {who: loader.steady(steady) for who, loader in loaders.items()},
        }


def page_seconds(model: Path, visits: int) -> dict[str, list[float]]:
    """Seconds from a page's first byte to a field that takes a text, of a new browser for each visit; in turn."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only here is the test extra needed

    path = find()
    pages = both_pages(model)
    seconds: dict[str, list[float]] = {who: [] for who in pages}
    with served(pages["emohub"]) as emohub, served(pages["peer"]) as peer, sync_playwright() as playwright:
        for visit in range(visits + 1):
            for who, server in (("emohub", emohub), ("peer", peer)):
                browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
                page = browser.new_page()
                page.goto(f"http://127.0.0.1:{server.port}/", wait_until="commit")
                page.locator("textarea:visible, input[type=text]:visible").first.fill("a text")
                spent = page.evaluate("performance.now() - performance.getEntriesByType('navigation')[0].responseStart")
                if visit:  # the first makes the start a warm one
                    seconds[who].append(round(spent / 1000, 3))
                browser.close()
    return seconds


def main() -> None:
    """Measure, and keep what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "minilm-emotion", help="a model's folder")
    parser.add_argument("--rounds", type=int, default=10, help="bursts of each page")
    parser.add_argument("--steady", type=int, default=2000, help="calls of each page afterwards")
    parser.add_argument("--visits", type=int, default=5, help="times that a browser opens each page")
    parser.add_argument("--output", type=Path, default=RESULT, help="where it is kept")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    result = {
        "created": utc_now(),
        "model": options.model.name,
        "environment": current_environment("cpu").model_dump(),
        "gradio": metadata.version("gradio"),
        "load_before": round(load, 2),
        "together": TOGETHER,
        "page_seconds": page_seconds(options.model, options.visits),
        **measure(options.model, options.rounds, options.steady),
    }
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{options.output.name} is written; `python -m benchmarks.report` makes the pages")


if __name__ == "__main__":
    main()

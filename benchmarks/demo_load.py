"""Put the page under load, beside a plain ``gr.Interface`` over ``pipeline()`` with its default queue.

    python -m benchmarks.demo_load --model models/minilm-emotion

Both serve the same model on the same machine, one after the other in every round, and are asked by the same client.
The client takes the cores that the servers need, of both alike. The page's memory and speed over many calls, and the
time until a browser can use it, are measured afterwards. What was measured goes to ``benchmarks/demo_load.json``, and
``python -m benchmarks.demo_page`` writes the page from it.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from importlib import metadata
from pathlib import Path
from threading import Barrier, local
from typing import Any

from emohub.inference import Classifier
from emohub.record import current_environment
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
"""The page that the guides of Gradio show for a classifier."""
SENTENCES = (
    "I got the job, and I still can't stop smiling!",
    "They promised to call back. Nobody ever did.",
    "It is a beautiful film about a terrible loss.",
    "Walking home alone tonight felt really unsafe.",
    "You never listen, and I am done explaining.",
)

Ask = Callable[[str], dict[str, float]]
"""Sends one text, and gives the probability of each label."""


class Server:
    """A page in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process, self.port = process, port
        self._connections = local()

    def post(self, path: str, *data: str) -> Any:
        """The decoded answer to a POST of Gradio's ``data``; each thread keeps its connection, as browsers do."""
        body = json.dumps({"data": data})
        return json.loads(self._request("POST", path, body))

    def get(self, path: str) -> bytes:
        """The answer to a GET, to its end."""
        return self._request("GET", path)

    def _request(self, method: str, path: str, body: str | None = None) -> bytes:
        connection: HTTPConnection | None = getattr(self._connections, "open", None)
        if connection is None:
            connection = self._connections.open = HTTPConnection("127.0.0.1", self.port, timeout=300)
        connection.request(method, path, body, {"content-type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path} answered {response.status}: {content[:200]!r}")
        return content

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
            process.terminate()


def ask_emohub(server: Server, name: str) -> Ask:
    """One call of the documented endpoint."""

    def ask(text: str) -> dict[str, float]:
        (answer,) = server.post("/gradio_api/run/classify", text, name)["data"]
        probabilities: dict[str, float] = answer["probabilities"]
        return probabilities

    return ask


def ask_peer(server: Server) -> Ask:
    """One call through the queue, as the page itself and Gradio's clients make it: join, then wait for the event."""

    def ask(text: str) -> dict[str, float]:
        event = server.post("/gradio_api/call/answer", text)["event_id"]
        said = server.get(f"/gradio_api/call/answer/{event}").decode()
        found = re.search(r"event: complete\ndata: (.*)", said)
        if found is None:
            raise RuntimeError(f"the queue answered {said[-200:]!r}")
        return {each["label"]: each["confidence"] for each in json.loads(found[1])[0]["confidences"]}

    return ask


def burst(ask: Ask, calls: int, together: int, expected: dict[str, dict[str, float]]) -> dict[str, Any]:
    """``calls`` calls, ``together`` at a time: seconds of each and of all, and how many failed or answered wrongly."""
    start = Barrier(together + 1)

    def client(number: int) -> list[float | None]:
        start.wait()
        return [call(f"{SENTENCES[turn % len(SENTENCES)]}") for turn in range(number, calls, together)]

    def call(text: str) -> float | None:
        began = time.perf_counter()
        try:
            answer = ask(text)
        except (OSError, RuntimeError, ValueError, KeyError):
            return None
        right = all(abs(answer[label] - share) < 1e-5 for label, share in expected[text].items())
        return time.perf_counter() - began if right else None

    with ThreadPoolExecutor(together) as threads:
        done = [threads.submit(client, number) for number in range(together)]
        start.wait()
        began = time.perf_counter()
        seconds = [each for one in done for each in one.result()]
        total = time.perf_counter() - began
    return {
        "calls": calls,
        "together": together,
        "failed": seconds.count(None),
        "seconds": round(total, 4),
        "latencies": sorted(round(each, 4) for each in seconds if each is not None),
    }


def compare(model: Path, rounds: int, calls: int, together: int, steady: int) -> dict[str, Any]:
    """Rounds of both pages in turn, then many calls to emohub alone, in quarters."""
    library = Classifier.from_pretrained(model)
    expected = {
        text: dict(zip(library.labels, library.classify(text).probabilities, strict=True)) for text in SENTENCES
    }
    ours = ("-m", "emohub", "demo", "--models", str(model), "--port", "PORT")
    with served(ours) as emohub, served(("-c", PEER, str(model), "PORT")) as peer:
        askers = {"emohub": (emohub, ask_emohub(emohub, model.name)), "peer": (peer, ask_peer(peer))}
        for _, ask in askers.values():
            burst(ask, 2 * together, together, expected)  # warm
        measured = []
        for number in range(rounds):
            for who, (server, ask) in list(askers.items())[:: 1 if number % 2 == 0 else -1]:
                before = server.cpu_seconds
                measured.append({"round": number, "who": who, **burst(ask, calls, together, expected)})
                measured[-1]["cpu_seconds"] = round(server.cpu_seconds - before, 2)
                measured[-1]["megabytes"] = round(server.megabytes, 1)
        before = emohub.megabytes
        quarters = [burst(askers["emohub"][1], steady // 4, together, expected) for _ in range(4)]
        for quarter in quarters:
            quarter["latencies"] = [round(statistics.median(quarter["latencies"]), 4)]
        grown = round(emohub.megabytes - before, 1)
    return {"rounds": measured, "steady": {"calls": steady, "grown_megabytes": grown, "quarters": quarters}}


def page_seconds(model: Path, visits: int) -> list[float]:
    """Seconds from the first byte of the page to a text field that takes a text, of a new browser for each visit."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only here is the test extra needed

    path = find()
    seconds = []
    with (
        served(("-m", "emohub", "demo", "--models", str(model), "--port", "PORT")) as server,
        sync_playwright() as playwright,
    ):
        for _ in range(visits):
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.port}/", wait_until="commit")
            page.locator("#classify-text textarea, #classify-text input").first.wait_for(state="visible")
            spent = page.evaluate("performance.now() - performance.getEntriesByType('navigation')[0].responseStart")
            seconds.append(round(spent / 1000, 3))
            browser.close()
    return seconds


def main() -> None:
    """Measure, and keep what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "minilm-emotion")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--together", type=int, default=100)
    parser.add_argument("--steady", type=int, default=2000)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    measured = compare(options.model, options.rounds, options.calls, options.together, options.steady)
    result = {
        "model": options.model.name,
        "environment": current_environment("cpu").model_dump(),
        "gradio": metadata.version("gradio"),
        **measured,
        "page_seconds": page_seconds(options.model, options.visits) if options.visits else [],
    }
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{options.output.name}: {len(measured['rounds'])} rounds")


if __name__ == "__main__":
    main()

"""The process in which one contender classifies: it reads jobs, a line each, and answers each with a line.

python -m benchmarks.inference_worker NAME MODEL_FOLDER
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.asked import own_answers, peak_megabytes
from benchmarks.inference_contenders import WAYS, Answerer, Probabilities


@dataclass(frozen=True)
class Job:
    """Texts to classify."""

    texts: str
    """A JSON file with an array of them."""
    answers: str
    """The ``.npy`` file for the probabilities, shape ``(n_texts, n_labels)``."""
    one_by_one: bool
    """Each in a call of its own, instead of all in one."""


@dataclass(frozen=True)
class Outcome:
    """What a job took."""

    ms: list[float]
    """Milliseconds of each call."""
    peak_megabytes: float
    """The most memory that the process has held."""


def run(answerer: Answerer, job: Job) -> Outcome:
    """Classify, and keep the answers."""
    texts: list[str] = json.loads(Path(job.texts).read_text(encoding="utf-8"))
    if job.one_by_one:
        timed = [_timed(answerer.one, text) for text in texts]
        np.save(job.answers, np.stack([answer for answer, _ in timed]))
    else:
        timed = [_timed(answerer.many, texts)]
        np.save(job.answers, timed[0][0])
    return Outcome([round(ms, 4) for _, ms in timed], round(peak_megabytes(), 1))


def _timed(ask: Callable[[Any], Probabilities], asked: object) -> tuple[Probabilities, float]:
    started = time.perf_counter()
    answer = ask(asked)
    return answer, 1000 * (time.perf_counter() - started)


def main() -> None:
    """Load the contender, say whether that worked, and answer jobs until there are no more."""
    name, folder = sys.argv[1:]
    replies = own_answers()
    try:
        answerer = WAYS[name].load(Path(folder))
    except Exception as error:  # whatever a library raises: the record states it, and the others are measured
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        print(json.dumps({"missing": said}), file=replies, flush=True)
        return
    print(json.dumps({"missing": None}), file=replies, flush=True)
    for line in sys.stdin:
        print(json.dumps(asdict(run(answerer, Job(**json.loads(line))))), file=replies, flush=True)


if __name__ == "__main__":
    main()

"""The load benchmark: a page that says what was measured, and a client that reads both pages' answers."""

import asyncio
import json
import re

import pytest

from benchmarks import demo_load, demo_page
from benchmarks.load_client import Job, Visitor, answer_in, run
from tests.browsing import Site


def test_the_page_is_current() -> None:
    kept = demo_load.RESULT.read_text(encoding="utf-8")
    shown = demo_page.PAGE.read_text(encoding="utf-8")
    assert shown == demo_page.render(json.loads(kept)), "run `python -m benchmarks.report`"
    assert not re.search(r'"(/|~|[A-Za-z]:\\\\)', kept)


def test_what_was_measured_is_what_was_asked_for() -> None:
    kept = json.loads(demo_load.RESULT.read_text(encoding="utf-8"))
    assert kept["model"] == "minilm-emotion"
    assert kept["together"] == len(set(demo_load.TEXTS)) == 100
    assert [burst["who"] for burst in kept["bursts"][:4]] == ["emohub", "peer", "peer", "emohub"]
    assert {burst["calls"] for burst in kept["bursts"]} == {100}
    assert {steady["calls"] for steady in kept["steady"].values()} == {2000}
    assert sum(burst["failed"] for burst in kept["bursts"]) == 0


def test_an_aim_that_was_missed_is_said_to_be() -> None:
    kept = json.loads(demo_load.RESULT.read_text(encoding="utf-8"))
    for burst in kept["bursts"]:
        burst["seconds"] = 1.0
    kept["page_seconds"]["emohub"] = [1.0, 2.5]
    kept["steady"]["emohub"]["quarters"][0]["failed"] = 3
    said = demo_page.render(kept)
    assert "**Not reached**: 10 times the peer's throughput: 1.0 times" in said
    assert "**Not reached**: usable within 2 s of the first byte: 2.50 s" in said
    assert "**Not reached**: no failed call: 3 of" in said


def test_the_client_gets_the_librarys_answers(site: Site) -> None:
    library = site.classifiers("feelings")["feelings"]
    texts = [f"i am so {word} today" for word in ("happy", "sad", "angry", "quiet", "tired")]
    port = int(site.url.rstrip("/").rpartition(":")[2])
    outcome = asyncio.run(run(Job(port, "feelings", [*texts, ""], together=2)))
    assert len(outcome.latencies) == 6
    assert outcome.answers[-1] is None
    for text, answer in zip(texts, outcome.answers, strict=False):
        assert answer is not None
        assert list(answer.values()) == pytest.approx(list(library.classify(text).probabilities), abs=1e-6)


def test_an_answer_of_the_queue_is_read_from_its_stream() -> None:
    done = {"data": [{"label": "joy", "confidences": [{"label": "joy", "confidence": 0.75}]}]}
    events = ({"msg": "estimation"}, {"msg": "process_completed", "output": done, "success": True})
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    peer = Visitor(None, None, 0)  # type: ignore[arg-type]
    assert answer_in(peer, stream) == {"joy": 0.75}
    assert answer_in(peer, b'data: {"msg": "unexpected_error"}\n\n') is None
    assert answer_in(peer, b"") is None

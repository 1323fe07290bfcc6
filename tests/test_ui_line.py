"""The waiting line: texts go together, each gets its own answer, and nobody pays for somebody else."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeModel, made_rows

from emohub.errors import BusyError, ModelError, UsageError
from emohub.inference import Classifier, Prediction
from emohub.ui import loading
from emohub.ui.service import ModelStore, Service
from emohub.ui.service.line import CLIENT_GONE, Line
from emohub.ui.service.turns import Turns

TEXTS = [text for text, _ in made_rows(100, seed=3)]


def answer_to(text: str) -> Prediction:
    return Prediction(
        text=text,
        labels=("a", "b"),
        probabilities=(0.25, 0.75),
        label="b",
        tokens=3,
        max_length=32,
        truncated=False,
        seconds=0.0,
    )


class Gate:
    """Computes nothing before it is opened, and remembers what was asked together."""

    def __init__(self) -> None:
        self.groups: list[tuple[object, list[str]]] = []
        self.entered, self.open = threading.Semaphore(0), threading.Event()

    def __call__(self, classifier: object, texts: list[str]) -> list[Prediction]:
        self.groups.append((classifier, texts))
        self.entered.release()
        assert self.open.wait(60)
        if "bad" in texts:
            raise ModelError("the text is bad", "leave it out")
        return [answer_to(text) for text in texts]


def held(line: Line, gate: Gate, model: Any = "model") -> "Future[Prediction]":
    """A text that is being computed, so that what joins the line after it has to wait."""
    first = line.join(model, "first")
    assert gate.entered.acquire(timeout=60)
    return first


def test_turns_are_taken_in_the_order_asked_for() -> None:
    turns, order = Turns(), []
    asked = threading.Event()

    def take(number: int) -> None:
        with turns:
            order.append(number)

    with turns:
        threads = []
        for number in range(5):
            threads.append(threading.Thread(target=take, args=(number,)))
            threads[-1].start()
            while len(turns._waiting) <= number:
                asked.wait(0.001)
    for thread in threads:
        thread.join(60)
    assert order == list(range(5))
    with turns:
        order.append(5)
    assert order[-1] == 5


def test_texts_that_wait_for_one_model_are_computed_together() -> None:
    gate = Gate()
    line = Line(Turns(), most=4, compute=gate)
    first = held(line, gate)
    answers = [line.join(model, text) for text in "abcdef" for model in ("model", "other")]  # type: ignore[arg-type]
    gate.open.set()
    assert [answer.result(60).text for answer in answers] == [text for text in "abcdef" for _ in range(2)]
    assert first.result().text == "first"
    assert [(model, "".join(texts)) for model, texts in gate.groups[1:]] == [
        ("model", "abcd"),
        ("other", "abcd"),
        ("model", "ef"),
        ("other", "ef"),
    ]


def test_a_text_that_fails_hurts_no_neighbour() -> None:
    gate = Gate()
    line = Line(Turns(), most=8, compute=gate)
    held(line, gate)
    answers = {text: line.join("model", text) for text in ("good", "bad", "fine")}  # type: ignore[arg-type]
    gate.open.set()
    assert (answers["good"].result(60).text, answers["fine"].result(60).text) == ("good", "fine")
    with pytest.raises(ModelError, match="the text is bad"):
        answers["bad"].result(60)


def test_who_leaves_the_line_is_not_computed() -> None:
    gate = Gate()
    line = Line(Turns(), most=8, compute=gate)
    held(line, gate)
    stays, leaves = line.join("model", "stays"), line.join("model", "leaves")  # type: ignore[arg-type]
    assert leaves.cancel()
    gate.open.set()
    assert stays.result(60).text == "stays"
    assert gate.groups[1:] == [("model", ["stays"])]
    with pytest.raises(CancelledError):
        leaves.result()


def test_a_hundred_at_once_get_what_the_library_gives(make_tiny_model: MakeModel) -> None:
    folders = {name: make_tiny_model(seed=seed, scale=0.3) for seed, name in enumerate("ab")}
    service = Service(ModelStore(folders), max_requests=1)

    async def ask_all() -> list[Prediction]:
        return await asyncio.gather(*(service.answer(text, "ab"[row % 2]) for row, text in enumerate(TEXTS)))

    answers = asyncio.run(ask_all())
    library = {name: Classifier.from_pretrained(folder) for name, folder in folders.items()}
    for row, (text, answer) in enumerate(zip(TEXTS, answers, strict=True)):
        expected = library["ab"[row % 2]].classify(text)
        assert (answer.text, answer.label, answer.tokens) == (text, expected.label, expected.tokens)
        assert answer.probabilities == pytest.approx(expected.probabilities, abs=1e-6)


def gated(gate: Gate, **limits: int) -> Service:
    return Service(ModelStore({"m": "m"}, lambda _: object()), max_requests=1, compute=gate, **limits)  # type: ignore[arg-type, return-value]


async def until(happened: Callable[[], bool]) -> None:
    while not happened():
        await asyncio.sleep(0.001)


def test_a_full_line_answers_at_once_and_has_places_again() -> None:
    gate = Gate()
    service = gated(gate, max_waiting=2)

    async def fill() -> None:
        waiting = [asyncio.ensure_future(service.answer(text, "m")) for text in ("x", "y")]
        await until(lambda: bool(gate.groups))
        with pytest.raises(BusyError, match="try again"):
            await service.answer("z", "m")
        gate.open.set()
        assert [each.text for each in await asyncio.gather(*waiting)] == ["x", "y"]
        assert (await service.answer("z", "m")).text == "z"

    asyncio.run(asyncio.wait_for(fill(), 60))


@pytest.mark.parametrize("how", ["hangs up", "is cancelled"])
def test_who_hangs_up_frees_the_place(how: str) -> None:
    gate = Gate()
    service = gated(gate, max_waiting=2)

    async def leave() -> None:
        first = asyncio.ensure_future(service.answer("first", "m"))
        await until(lambda: bool(gate.groups))
        gone = asyncio.Event()
        CLIENT_GONE.set(gone)
        second = asyncio.ensure_future(service.answer("second", "m"))
        await asyncio.sleep(0)
        if how == "hangs up":
            gone.set()
            with pytest.raises(BusyError, match="hung up"):
                await second
        else:
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
        CLIENT_GONE.set(None)
        third = asyncio.ensure_future(service.answer("third", "m"))
        gate.open.set()
        assert (await first).text == "first"
        assert (await third).text == "third"

    asyncio.run(asyncio.wait_for(leave(), 60))
    assert "second" not in [text for _, texts in gate.groups for text in texts]


@pytest.mark.parametrize(("text", "model"), [("", "m"), ("x" * 100_001, "m"), (None, "m"), ("x", "n"), ("x", ["m"])])
def test_what_cannot_be_answered_never_stands_in_the_line(text: object, model: object) -> None:
    gate = Gate()
    with pytest.raises(UsageError):
        asyncio.run(gated(gate, max_waiting=1).answer(text, model))
    assert gate.groups == []


def test_models_load_beside_each_other_and_a_failing_one_stops_none() -> None:
    both = threading.Barrier(2)

    def load(source: str | Path) -> Any:
        if source == "broken":
            raise ModelError("<it> is broken", "mend it")
        both.wait(60)  # passes only if another is being loaded meanwhile
        return object()

    store = ModelStore({name: name for name in ("a", "broken", "b")}, load)
    assert (store.loading, store.failures) == ((), {})
    store.warm_up()
    assert store.get("a") is not store.get("b")
    with pytest.raises(ModelError, match="broken"):
        store.get("broken")
    assert store.loading == ()
    assert "broken cannot be used: &lt;it&gt; is broken; mend it." in loading.render(store)


def test_the_notice_names_the_models_on_their_way() -> None:
    ready = threading.Event()

    def load(source: str | Path) -> Any:
        assert ready.wait(60)
        return object()

    store = ModelStore({"<a>": "a", "b": "b"}, load)
    assert "<p" not in loading.render(store)
    store.warm_up()
    assert "Loading &lt;a&gt;, b: " in loading.render(store)
    ready.set()
    store.get("<a>")
    store.get("b")
    assert "<p" not in loading.render(store)

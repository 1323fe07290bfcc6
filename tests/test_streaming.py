"""Any number of texts: answered in their order, in little memory, tokenized in a thread that always ends."""

import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from conftest import made_rows

from emohub.errors import DataError
from emohub.inference import Answers, Classifier, devices
from emohub.inference import batches as batching
from emohub.inference.ahead import map_ahead, map_beside
from emohub.inference.batches import windows
from emohub.steps import run_steps

WINDOW = 16
TEXTS = [*(text for text, _ in made_rows(90, seed=3)), "", "so " * 50, *(text for text, _ in made_rows(50, seed=4))]


@pytest.fixture(scope="module")
def classifier(tiny_model_dir: Path) -> Classifier:
    return Classifier.from_pretrained(tiny_model_dir)


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "_WINDOW_TEXTS", WINDOW)
    monkeypatch.setattr(devices, "_BATCH_TOKENS_CPU", 64)  # several passes in each window


class Counted:
    """Texts that say how far they were read, and in which threads."""

    def __init__(self, texts: list[str]) -> None:
        self.read = 0
        self.threads: set[threading.Thread] = set()
        self._texts = texts

    def __iter__(self) -> Iterator[str]:
        for text in self._texts:
            self.read += 1
            self.threads.add(threading.current_thread())
            yield text


def ahead_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


@pytest.mark.usefixtures("small_windows")
def test_a_stream_is_answered_in_its_order_with_its_tokens(classifier: Classifier) -> None:
    counts: list[int] = []
    parts = list(classifier.predict_stream(iter(TEXTS), on_progress=counts.append))
    assert [len(part.probabilities) for part in parts] == [WINDOW] * (len(TEXTS) // WINDOW) + [len(TEXTS) % WINDOW]
    whole = np.concatenate([classifier.predict_proba([text]) for text in TEXTS])
    np.testing.assert_allclose(np.concatenate([part.probabilities for part in parts]), whole, rtol=0, atol=1e-6)
    assert np.concatenate([part.tokens for part in parts]).tolist() == classifier.count_tokens(TEXTS).tolist()
    assert counts == sorted(set(counts))
    assert counts[-1] == len(TEXTS)
    assert len(counts) > len(parts)
    assert ahead_threads() == []


@pytest.mark.usefixtures("small_windows")
def test_a_stream_is_read_two_windows_and_a_text_ahead_at_most_and_by_its_reader(classifier: Classifier) -> None:
    texts = Counted(TEXTS * 3)
    answered = 0
    for part in classifier.predict_stream(texts):
        answered += len(part.tokens)
        assert texts.read <= answered + 2 * WINDOW + 1
    assert answered == texts.read == 3 * len(TEXTS)
    assert texts.threads == {threading.current_thread()}


@pytest.mark.usefixtures("small_windows")
def test_a_stream_that_is_left_early_reads_no_further_and_ends_its_thread(classifier: Classifier) -> None:
    texts = Counted(TEXTS)
    stream = classifier.predict_stream(texts)
    next(stream)
    assert len(ahead_threads()) == 1
    read = texts.read
    stream.close()  # type: ignore[attr-defined]
    assert ahead_threads() == []
    assert texts.read == read < len(TEXTS)


@pytest.mark.usefixtures("small_windows")
def test_an_error_of_the_source_comes_through_and_ends_the_thread(classifier: Classifier) -> None:
    def breaking() -> Iterator[str]:
        yield from TEXTS[: 2 * WINDOW + 3]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(classifier.predict_stream(breaking()))
    assert ahead_threads() == []


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("row", [0, 3, WINDOW, 3 * WINDOW + 5])
def test_a_text_that_is_no_unicode_is_named_by_its_place_in_the_stream(classifier: Classifier, row: int) -> None:
    texts = [*TEXTS[:row], "sad \ud83d", *TEXTS[row:]]
    with pytest.raises(DataError, match=f"text {row} is not valid Unicode"):
        list(classifier.predict_stream(texts))
    with pytest.raises(DataError, match=f"text {row} is not valid Unicode"):
        classifier.predict_proba(texts)
    assert ahead_threads() == []


@pytest.mark.usefixtures("small_windows")
def test_groups_are_answered_one_by_one_whatever_their_size(classifier: Classifier) -> None:
    sizes = [3, 0, 2 * WINDOW + 1, WINDOW, 0]
    remaining = iter(TEXTS)
    groups = [list(islice(remaining, size)) for size in sizes]
    steps = list(classifier.answer_groups(groups))
    answers = [step for step in steps if isinstance(step, Answers)]
    assert [answer.probabilities.shape for answer in answers] == [(size, 3) for size in sizes]
    expected = classifier.predict_proba(TEXTS[: sum(sizes)])
    np.testing.assert_allclose(np.concatenate([each.probabilities for each in answers]), expected, rtol=0, atol=1e-6)
    counts = [step for step in steps if not isinstance(step, Answers)]
    assert counts == sorted(set(counts))
    assert counts[-1] == sum(sizes)


def test_what_is_answered_at_once_starts_no_thread(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", lambda _: pytest.fail("a thread was started"))
    assert classifier.classify("i am happy").tokens == 5
    assert run_steps(classifier.answer_in_steps(TEXTS)).probabilities.shape == (len(TEXTS), 3)
    assert list(classifier.predict_stream([])) == []


def test_windows_hold_so_many_texts_and_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "_WINDOW_TEXTS", 3)
    monkeypatch.setattr(batching, "_WINDOW_CHARS", 10)
    texts = ["aaaa", "bbbb", "cc", "d", "e" * 50, "f", "", "g", "h"]
    assert list(windows(texts)) == [["aaaa", "bbbb", "cc"], ["d"], ["e" * 50], ["f", "", "g"], ["h"]]
    assert list(windows([])) == []


def test_things_are_made_side_by_side_and_come_in_their_order() -> None:
    both, taken = threading.Barrier(2), []

    def items() -> Iterator[int]:
        for item in range(10):
            taken.append(item)
            yield item

    def make(item: int) -> int:
        both.wait(30)  # nobody gets further alone
        return 10 * item

    results = map_beside(make, items(), 2)
    assert next(results) == 0
    assert len(taken) == 4
    assert list(results) == [10 * item for item in range(1, 10)]
    with pytest.raises(ZeroDivisionError):
        list(map_beside(lambda item: 1 // item, [1, 1, 0, 1, 1, 1], 2))
    with closing(map_beside(abs, [-1] * 10, 2)) as results:
        assert next(results) == 1
    assert [thread for thread in threading.enumerate() if thread.name.startswith("beside")] == []


def test_one_thing_is_made_while_another_is_used() -> None:
    made: list[int] = []
    second_made = threading.Event()

    def make(item: int) -> int:
        made.append(item)
        if item == 2:
            second_made.set()
        return 10 * item

    results = map_ahead(make, iter([1, 2, 3]))
    assert next(results) == 10
    assert second_made.wait(30)  # nobody has asked for it yet
    assert list(results) == [20, 30]
    assert made == [1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        list(map_ahead(lambda item: 1 // item, [1, 1, 0, 1]))
    assert ahead_threads() == []

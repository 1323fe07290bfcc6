"""The page without a server: checked input, the bounded line, escaping, and wording."""

import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from gradio import Blocks

from emohub.compare import PairOnText, TextComparison
from emohub.errors import BusyError, ModelError, UsageError
from emohub.inference import Prediction
from emohub.ui import build_demo, markup, server, strings
from emohub.ui.card_text import card_body
from emohub.ui.service import ModelStore, Service, comparing
from emohub.ui.tabs import comparison as compare_tab
from emohub.ui.tabs import models as models_tab

TEXT = "i am so happy today"
CARDS = Path(__file__).resolve().parent.parent / "cards"


def prediction(label: str = "joy", probabilities: tuple[float, ...] = (0.2, 0.8), **changes: Any) -> Prediction:
    values = {"text": "t", "labels": ("anger", "joy"), "tokens": 5, "max_length": 32, "truncated": False}
    return Prediction(label=label, probabilities=probabilities, **{**values, "seconds": 0.012, **changes})


def comparison(**answers: str) -> TextComparison:
    """A comparison of models that know joy and anger, or, for those whose name starts with ``s``, good and bad."""
    known = {name: ("good", "bad") if name.startswith("s") else ("joy", "anger") for name in answers}
    relation = {
        (a, b): "agree" if answers[a] == answers[b] else "disagree" if known[a] == known[b] else "not comparable"
        for a in answers
        for b in answers
    }
    names = list(answers)
    pairs = [(a, b) for index, a in enumerate(names) for b in names[index + 1 :]]
    return TextComparison(
        text="t",
        labels=("joy", "anger", "good", "bad"),
        shared_labels=(),
        predictions={name: prediction(answer, labels=known[name]) for name, answer in answers.items()},
        table=dict.fromkeys(answers, (0.2, 0.8, None, None)),
        pairs=tuple(PairOnText(first=a, second=b, relation=relation[a, b]) for a, b in pairs),
        agree=all(relation[pair] == "agree" for pair in pairs),
    )


class Slow:
    """Stands in for a classifier that does not answer before it is released."""

    def __init__(self) -> None:
        self.entered, self.release = threading.Event(), threading.Event()

    def classify(self, text: str) -> Prediction:
        return self.classify_many([text])[0]

    def classify_many(self, texts: list[str]) -> list[Prediction]:
        self.entered.set()
        assert self.release.wait(60)
        return [prediction(text=text) for text in texts]


# The store and the service


def test_a_model_is_loaded_once_however_many_ask_for_it() -> None:
    loads: list[str] = []
    together = threading.Barrier(8)

    def load(source: str | Path) -> Any:
        loads.append(str(source))
        return object()

    store = ModelStore({"a": "A", "b": "B"}, load)
    assert loads == []

    def ask(index: int) -> object:
        together.wait(30)
        return store.get("ab"[index % 2])

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))
    assert sorted(loads) == ["A", "B"]
    assert {id(answer) for answer in answers[::2]} == {id(store.get("a"))}


def test_a_model_that_fails_to_load_is_tried_again() -> None:
    attempts = iter([ModelError("it is gone", "put it back"), None])

    def load(source: str | Path) -> Any:
        if error := next(attempts):
            raise error
        return object()

    store = ModelStore({"a": "A"}, load)
    with pytest.raises(ModelError, match="it is gone"):
        store.get("a")
    assert store.get("a") is store.get("a")


@pytest.mark.parametrize("text", ["", "   \n", None, "x" * 100_001, 5, ["x"]])
def test_a_text_that_cannot_be_classified_is_refused(tiny_model_dir: Path, text: object) -> None:
    service = Service(ModelStore({"tiny": tiny_model_dir}), max_requests=2)
    with pytest.raises(UsageError):
        service.classify(text, "tiny")
    with pytest.raises(UsageError):
        comparing.compare(service, text, ["tiny"])


@pytest.mark.parametrize("model", ["", "other", None, 3, ["tiny"], "../tiny"])
def test_a_model_that_is_not_served_is_refused(tiny_model_dir: Path, model: object) -> None:
    with pytest.raises(UsageError):
        Service(ModelStore({"tiny": tiny_model_dir}), max_requests=2).classify(TEXT, model)


@pytest.mark.parametrize("models", [[], None, "tiny", {"tiny": 1}, [["tiny"]], ["tiny", "other"], ["a", "b", "c"]])
def test_models_that_are_not_served_are_not_compared(tiny_model_dir: Path, models: object) -> None:
    with pytest.raises(UsageError):
        comparing.compare(Service(ModelStore({"tiny": tiny_model_dir}), max_requests=2), TEXT, models)


def test_a_model_named_twice_is_compared_once(tiny_model_dir: Path) -> None:
    service = Service(ModelStore({"tiny": tiny_model_dir}), max_requests=2)
    assert list(comparing.compare(service, TEXT, ["tiny", "tiny"]).predictions) == ["tiny"]


def test_one_request_too_many_is_turned_away_and_the_place_is_free_again() -> None:
    slow = Slow()
    service = Service(ModelStore({"slow": "slow"}, lambda source: slow), max_requests=1)  # type: ignore[arg-type, return-value]
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(service.classify, "text", "slow")
        assert slow.entered.wait(60)
        with pytest.raises(BusyError, match="try again"):
            service.classify("text", "slow")
        with pytest.raises(BusyError):
            comparing.compare(service, "text", ["slow"])
        slow.release.set()
        assert first.result(60).label == "joy"
    assert service.classify("text", "slow").label == "joy"


# Markup and wording

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "${alert(1)}", "{{this}}", "</td></table>")


@pytest.mark.parametrize("value", HOSTILE)
def test_what_comes_from_outside_is_escaped(value: str) -> None:
    hostile = prediction(value, labels=(value, "joy"), text=value)
    table = {value: hostile.probabilities}
    compared = TextComparison(
        text=value,
        labels=(value, "joy"),
        shared_labels=(value,),
        predictions={value: hostile},
        table=table,
        pairs=(),
        agree=True,
    )
    for html in (
        markup.answer(hostile),
        markup.bars(hostile.labels, hostile.probabilities),
        compare_tab.render(compared),
        markup.notice(UsageError(value, value)),
    ):
        for opener in ("<script", "<img", "</td></table>a"):
            assert opener not in html
        assert html.count("<table") == html.count("</table>")
        assert value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;") in html


def test_bars_are_as_long_as_their_probabilities_and_mark_the_highest() -> None:
    html = markup.bars(["a", "b", "c"], [0.25, 0.75, None])
    assert 'style="width:25.0000%"' in html
    assert 'style="width:75.0000%"' in html
    top, unknown = html.index("emo-top"), html.index("emo-unknown")
    assert html.index(">a<") < top < html.index(">b<") < unknown < html.index(">c<")
    assert strings.UNKNOWN_LABEL in html


@pytest.mark.parametrize(
    ("probability", "shown"),
    [(0.0, "0.0%"), (1.0, "100.0%"), (1e-9, "<0.1%"), (0.0005, "0.1%"), (0.5, "50.0%"), (0.99999, ">99.9%")],
)
def test_a_probability_is_never_rounded_to_certainty(probability: float, shown: str) -> None:
    assert markup.percent(probability) == shown


def test_a_truncated_text_is_said_to_be() -> None:
    assert "emo-note" not in markup.facts(prediction())
    cut = markup.facts(prediction(tokens=1234, max_length=128, truncated=True))
    assert "1,234 tokens" in cut
    assert "first 128" in cut
    assert "1 token " in markup.facts(prediction(tokens=1))


@pytest.mark.parametrize(
    ("answers", "relations", "verdict"),
    [
        ({"a": "joy"}, {}, "One model, one answer: joy."),
        ({"a": "joy", "b": "joy"}, {"a": "agree", "b": "agree"}, "All 2 models agree: joy."),
        (
            {"a": "joy", "b": "anger"},
            {"a": "disagree", "b": "disagree"},
            "The models disagree: a → joy; b → anger.",
        ),
        (
            {"a": "joy", "b": "anger", "c": "joy", "s": "good"},
            {"a": "disagree", "b": "disagree", "c": "disagree", "s": "apart"},
            "The models disagree: a and c → joy; b → anger. s knows other labels and stands apart.",
        ),
        (
            {"a": "joy", "b": "joy", "s": "good"},
            {"a": "agree", "b": "agree", "s": "apart"},
            "a and b agree: joy. s knows other labels and stands apart.",
        ),
        ({"a": "joy", "s": "bad"}, {"a": "apart", "s": "apart"}, strings.compare.NOT_COMPARABLE),
    ],
)
def test_the_verdict_is_only_about_models_that_know_each_others_answers(
    answers: dict[str, str], relations: dict[str, str], verdict: str
) -> None:
    compared = comparison(**answers)
    assert compare_tab.relations_of(compared) == relations
    assert compare_tab.verdict(compared) == verdict


# Cards


def test_a_card_is_shown_without_front_matter_and_loads_nothing() -> None:
    card = (
        "---\nlicense: apache-2.0\ntags:\n- a\n---\n# Title\n\n![x](https://evil.test/a.png) <img src=https://evil.test>\n"
        "![x][y]\n\n[y]: https://evil.test/b.png\n\n```html\n<script src=https://evil.test></script>\n```\n\n"
        "1 < 2 and [a link](https://good.test)\n\n---\n\nafter a rule\n"
    )
    body = card_body(card)
    assert body.startswith("# Title")
    assert "license" not in body
    assert "![" not in body
    assert not [start for start in ("<img", "<script", "</script") if start in body]
    assert "1 < 2 and [a link](https://good.test)" in body
    assert body.endswith("after a rule")


def test_an_image_beside_the_card_is_shown_as_its_text() -> None:
    assert card_body("a\n\n![Curves over 5 steps.](learning_curves.png)\n\nb") == "a\n\nCurves over 5 steps.\n\nb"
    for evil in ("![x](HTTPS://evil.test/a.png)", "![x](//evil.test/a.png)", "!![](a)[x](https://evil.test/a.png)"):
        assert "![" not in card_body(evil)


def test_the_markers_of_the_parts_are_left_out_and_what_is_folded_is_open() -> None:
    folded = "<details>\n<summary>All settings</summary>\n\n| a |\n| --- |\n\n</details>\n"
    card = f"<!-- emohub:begin training -->\n\n# T\r\n\r\n{folded}\n<!-- emohub:end training -->\n"
    assert card_body(card) == "# T\r\n\r\n**All settings**\n\n| a |\n| --- |"
    for evil in ("<scr<!-- x -->ipt>", "<\n<!-- x -->\nimg src=x>", "<summary><img src=x></summary>", "<!-- a --><b>"):
        assert not re.search("<[A-Za-z/!?]", card_body(evil)), card_body(evil)


def test_a_rendered_card_shows_no_tag() -> None:
    cards = [card_body(path.read_text(encoding="utf-8")) for path in sorted(CARDS.glob("*/README.md"))]
    assert len(cards) >= 8
    for card in cards:
        assert "emohub:" not in card
        assert "<\N{WORD JOINER}" not in card


def test_a_card_without_front_matter_is_shown_whole() -> None:
    assert card_body("# Title\n\n---\ntext\n---\nend") == "# Title\n\n---\ntext\n---\nend"


def test_the_served_models_cards_come_first_and_a_missing_one_is_known_to_be(tmp_path: Path) -> None:
    for folder in ("models/one", "cards/zebra", "cards/one", "cards/empty"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("zebra", "one"):
        (tmp_path / "cards" / name / "README.md").write_text(f"# {name}")
    found = models_tab.find_cards({"one": tmp_path / "models/one", "hub/two": "hub/two"}, tmp_path / "cards")
    assert found == {
        "one": tmp_path / "cards/one/README.md",
        "hub/two": None,
        "zebra": tmp_path / "cards/zebra/README.md",
    }


# Serving


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ("127.0.0.1", 7860)),
        ({"SPACE_ID": "someone/emohub"}, ("0.0.0.0", 7860)),
        ({"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": "7000"}, ("0.0.0.0", 7000)),
        ({"HOST": "127.0.0.2", "PORT": "81", "GRADIO_SERVER_NAME": "x", "GRADIO_SERVER_PORT": "1"}, ("127.0.0.2", 81)),
        ({"HOST": "", "PORT": ""}, ("127.0.0.1", 7860)),
    ],
)
def test_where_the_page_listens(environment: dict[str, str], expected: tuple[str, int]) -> None:
    assert server.address(environment) == expected
    assert server.address(environment, host="127.0.0.9", port=9) == ("127.0.0.9", 9)


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1", "80.0", "²"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(UsageError, match="is no port"):
        server.address({"PORT": port})


def test_a_taken_port_is_said_to_be_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is in use"):
            server.launch(Blocks, host="127.0.0.1", port=port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be listened on"):
        server.launch(Blocks, host="192.0.2.1", port=7860)


def test_a_page_without_models_is_refused() -> None:
    with pytest.raises(UsageError, match="no model to serve"):
        build_demo({})

"""A person's prose survives every rendering of a card, byte for byte, and the rendered parts are those of now."""

import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from emohub.card import check_card, merge, parse, prose, write_card
from emohub.card.sections import DOCUMENTED_PAGE, section
from emohub.cli import main
from emohub.errors import CardError
from tests.factories import make_eval_record, make_run_record

NAMES = ("summary", "usage", "results", "training", "uses-and-limits", "licence", "reported")
HISTORIES = 120

PROSE = (
    "Plain words.",
    "Words with no end of line",
    "## Evaluated by us too\n\nOn 40 of our own texts: 0.9.",
    "---",
    "---\nlicense: mit\n---",
    "***\n\n- one\n  - two\n",
    "Umlauts äöü, 日本語, a family 👩‍👩‍👧, and \u2028 a line separator, \x85 and \x0c.",
    "Trailing blanks   \n\tand a tab\n\n\n\n",
    "<!-- a comment -->",
    "<!-- a comment of\nseveral lines with a fence\n```\n-->",
    "<div>\n\n<b>HTML</b>\n</div>",
    "The marker `<!-- emohub:begin usage -->` in a sentence.",
    "```\n<!-- emohub:begin usage -->\n```",
    "~~~html\n<!-- emohub:end results -->\n```\n<!-- emohub:begin Nonsense -->\n~~~",
    "````markdown\n```\n<!-- emohub:begin training -->\n```\n````",
    "- a list with code\n\n  ```\n  <!-- no marker -->\n  ```",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "    <!-- emohub:begin usage -->",
    "> <!-- emohub:begin usage -->",
    "A backslash \\ and a dollar $, a replacement \\1 \\g<0>.",
)
"""What a person may write; nothing of it is a marker, though some of it looks like one."""

KEYS = (
    "extra_gated_prompt: |-\n  Say what it is for.\n\n  # no comment\n",
    "# ours\nthumbnail: 'https://example.org/a.png'  # not yet\n",
    "inference: false\n",
    "new_version: someone/else\n",
)


def rendering(rng: random.Random) -> str:
    """A card as it might be rendered: some of the parts, in their order, with content of this rendering."""
    kept = [name for name in NAMES if rng.random() < 0.8] or ["summary"]
    front_matter: dict[str, Any] = {"license": "mit", "library_name": "transformers", "tags": ["emohub", "emotion"]}
    if rng.random() < 0.5:
        front_matter["model-index"] = [{"name": "m", "value": rng.random()}]
    bodies = ("## Title\n\nfigure {}", "```python\nfigure({})\n```", "| {} |", "~~~\n```\n{}\n~~~")
    parts = (section(name, rng.choice(bodies).format(rng.random())) for name in kept)
    return f"---\n{yaml.safe_dump(front_matter, sort_keys=False)}---\n\n" + "\n".join(parts)


def write_between(card: str, rng: random.Random, newline: str) -> tuple[str, list[str], list[str]]:
    """``card`` after a person wrote between its parts, what was written, and the keys that were added."""
    words = []
    keys = [key.replace("\n", newline) for key in rng.sample(KEYS, rng.randrange(len(KEYS) + 1))]
    front_matter, *parts = re.split(r"(?=<!-- emohub:begin )", card.replace("\n", newline))
    text = front_matter.removesuffix(f"---{newline}{newline}") + "".join(keys) + f"---{newline}{newline}"
    for part in [*parts, None]:
        if rng.random() < 0.5:
            said = rng.choice(["", newline]) + rng.choice(PROSE).replace("\n", newline)
            said += newline * rng.randrange(0 if part is None else 1, 3)
            words.append(said)
            text += said
        text += part or ""
    return text, words, keys


def without(card: str, words: list[str], keys: list[str]) -> str:
    """What is left of ``card`` when each of ``words`` and ``keys`` is taken out of it, in their order."""
    body = len(card) - len(parse(card).body)
    left, at = "", 0
    for start, piece in [*((0, key) for key in keys), *((body, word) for word in words)]:
        found = card.index(piece, max(start, at))  # fails when a byte of it is lost
        left, at = left + card[at:found], found + len(piece)
    return left + card[at:]


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_prose_survives_any_number_of_renderings(newline: str) -> None:
    rng = random.Random(newline)
    for _ in range(HISTORIES):
        card, words, keys = write_between(rendering(rng), rng, newline)
        for _ in range(rng.randrange(1, 6)):
            new = rendering(rng)
            card = merge(card, new)
            assert merge(card, new) == card
            left = without(card, words, keys)
            assert re.sub(r"(\r?\n)+", "\n", left) == re.sub(r"\n+", "\n", new)
            assert set(re.findall(r"\r?\n", left)) == {newline}
        assert [piece for piece in words if piece.strip() and piece not in prose(card)] == []


def test_a_card_as_rendered_holds_no_prose_and_merges_into_itself() -> None:
    rng = random.Random(0)
    for _ in range(50):
        card = rendering(rng)
        assert merge(card, card) == merge("", card) == card
        assert prose(card) == ""


def test_a_new_part_comes_after_the_part_that_precedes_it_and_an_old_one_goes() -> None:
    summary, usage, results, licence = (section(name, name) for name in ("summary", "usage", "results", "licence"))
    head = "---\nlicense: mit\n---\n\n"
    card = f"{head}{summary}\nMine.\n\n{licence}\nMy last words"
    merged = merge(card, f"{head}{summary}\n{usage}\n{results}\n{licence}")
    assert merged == f"{head}{summary}\n{usage}\n{results}\nMine.\n\n{licence}\nMy last words"
    assert merge(merged, f"{head}{summary}\n{licence}") == card
    assert merge(merged, f"{head}{usage}") == f"{head}{usage}\nMine.\n\n\nMy last words"
    assert merge(f"{head}{licence}", f"{head}{summary}\n{licence}") == f"{head}{summary}\n{licence}"


def test_a_person_may_put_the_parts_in_another_order() -> None:
    head, usage, results = "---\nlicense: mit\n---\n\n", section("usage", "old"), section("results", "old")
    rendered = f"{head}{section('usage', 'new')}\n{section('results', 'new')}"
    assert merge(f"{head}{results}Mine.\n{usage}", rendered) == f"{head}{results}Mine.\n{usage}".replace("old", "new")


def test_the_records_rule_over_their_own_keys_and_leave_the_others() -> None:
    rendered = "---\nlicense: mit\ntags:\n- emohub\n---\n\n" + section("summary", "# M")
    mine = "---\nlanguage: 'no'\nlicense: apache-2.0\nbase_model: some/base\ntags: [mine, emohub]\ngated: true\n---\n"
    merged = parse(merge(mine, rendered)).front_matter
    assert merged == {"license": "mit", "tags": ["emohub", "mine"], "language": "no", "gated": True}
    flow = "---\n{license: x, gated: true, tags: mine}\n---\n"
    assert parse(merge(flow, rendered)).front_matter == {"license": "mit", "tags": ["emohub", "mine"], "gated": True}
    with pytest.raises(CardError, match="without anchors"):
        merge("---\ndatasets: &a [b/c]\nextra: *a\n---\n", rendered)
    with pytest.raises(CardError, match="'license' stands there twice"):
        merge("---\nlicense: x\nlicense: y\n---\n", rendered)
    assert merge("\ufeff" + rendered, rendered) == rendered


SOUP = (
    *(
        "---\n",
        "---",
        "\n",
        "\r\n",
        "\r",
        "\t",
        "  ",
        "text",
        "# h\n",
        "```\n",
        "~~~\n",
        "``` x\n",
        "<!--",
        "-->",
        "\ufeff",
    ),
    *("<!-- emohub:begin summary -->", "<!-- emohub:end summary -->\n", "<!-- emohub:begin usage -->\n"),
    *("<!-- emohub:end usage -->", DOCUMENTED_PAGE + "\n", section("usage", "old"), "\x00", "\u2028", "\x85"),
    *(
        "tags: [a]\n",
        "license: mit\n",
        "x: &a 1\n",
        "y: *a\n",
        "<<: {z: 1}\n",
        "d: 2024-13-45\n",
        "no: 1\n",
        "n: .nan\n",
    ),
    *("? [a]\n: b\n", "t: |\n  a\n\n  # b\n", "{a: 1}\n", "i: !!int x\n", "b: !!bool x\n", "t: !!timestamp x\n"),
    "k: !!python/object:os.system x\n",
)
"""Pieces of cards, whole and broken."""


def test_whatever_is_thrown_together_is_merged_without_loss_or_refused_in_a_sentence() -> None:
    rng = random.Random(11)
    merged_cards = 0
    for _ in range(3000):
        text = "".join(rng.choices(SOUP, k=rng.randrange(1, 14)))
        if rng.random() < 0.4:
            text = f"---\n{text}\n---\n{''.join(rng.choices(SOUP, k=3))}"
        rendered = rendering(rng)
        try:
            said, merged = prose(text), merge(text, rendered, unmarked="keep")
        except CardError:
            continue
        merged_cards += 1
        assert merge(merged, rendered) == merged
        assert [line for line in re.split(r"[\r\n]+", said) if line not in merged] == []
    assert merged_cards > 500


def test_a_part_that_is_new_never_lands_behind_a_line_or_a_code_block_without_end() -> None:
    for last in ("no end of line", "~~~\nno end of the block\n"):
        old = f"---\nlicense: mit\n---\n{section('usage', 'old')}{last}"
        rendered = f"---\nlicense: mit\n---\n\n{section('summary', 'new')}"
        assert merge(old, rendered) == rendered + last


def test_a_merged_card_can_be_merged_into_another_one() -> None:
    rendered = "---\nlicense: mit\ntags:\n- emohub\n---\n\n" + section("summary", "# M")
    here = merge("---\nthumbnail: a.png  # ours\n---\n", rendered) + "\nWritten here.\n"
    there = merge("---\ntags: [theirs]\ngated: true\n---\n", rendered) + "\nWritten there.\n"
    both = merge(there, here)
    assert parse(both).front_matter == {
        "license": "mit",
        "tags": ["emohub", "theirs"],
        "thumbnail": "a.png",
        "gated": True,
    }
    assert "thumbnail: a.png  # ours\n" in both
    assert prose(both).endswith("\nWritten there.\n")
    assert "Written here" not in both


HEAD = "---\nlicense: mit\n---\n\n"
SUMMARY = section("summary", "words")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            SUMMARY.replace("<!-- emohub:end summary -->\n", ""),
            r"'summary', which begins in line 5 of the card, has no",
        ),
        (SUMMARY.replace("<!-- emohub:begin summary -->\n", ""), "line 8 of the card ends the part 'summary', which"),
        (SUMMARY + SUMMARY, "line 10 of the card begins the part 'summary' a second time"),
        (SUMMARY.replace("words", SUMMARY), "line 7 of the card begins the part 'summary' inside the part 'summary'"),
        (SUMMARY.replace("words", section("usage", "x")), "line 7 of the card begins the part 'usage' inside the part"),
        (SUMMARY.replace("end summary", "end usage"), "line 9 of the card ends the part 'usage', which is not open"),
        (SUMMARY.replace("begin summary", "begin Summary"), "line 5 of the card is nearly a marker"),
        (SUMMARY + "<!--emohub:begin usage-->\n", "line 10 of the card is nearly a marker"),
        (SUMMARY + DOCUMENTED_PAGE, "line 10 of the card is nearly a marker"),
        ("```\n" + SUMMARY, "code block that begins in line 5 of the card is never closed, and hides .* line 6"),
        (
            SUMMARY.replace("words", "~~~"),
            "code block that begins in line 7 of the card is never closed, and hides .* 9",
        ),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_broken_markers_are_refused_by_line(body: str, message: str, newline: str) -> None:
    text = HEAD + body.replace("\n", newline)
    for read in (prose, lambda card: merge(card, HEAD + SUMMARY)):
        with pytest.raises(CardError, match=message):
            read(text)


def test_a_body_without_markers_is_refused_kept_or_replaced() -> None:
    rendered = HEAD + SUMMARY
    own = "---\ngated: true\n---\n# Mine\n\nWords."
    with pytest.raises(CardError, match="has no markers") as refusal:
        merge(own, rendered)
    assert "--unmarked keep" in str(refusal.value)
    kept = merge(own, rendered, unmarked="keep")
    head = "---\nlicense: mit\ngated: true\n---\n\n"
    assert kept == f"{head}{SUMMARY}\n# Mine\n\nWords."
    assert merge(kept, rendered) == kept
    assert merge(own, rendered, unmarked="replace") == head + SUMMARY
    assert merge("---\ngated: true\n---\n \n", rendered) == head + SUMMARY  # nothing in it to lose
    assert prose(own) == "gated: true\n# Mine\n\nWords."


def test_a_documented_page_merges_too_and_may_become_a_card() -> None:
    page = f"{DOCUMENTED_PAGE}\n\n{SUMMARY}\n{section('reported', 'figures')}"
    mine = page.replace("figures", "old figures") + "\nMine.\n"
    assert merge(mine, page) == page + "\nMine.\n"
    assert prose(mine) == "\nMine.\n"
    card = f"{HEAD}{SUMMARY}\n{section('usage', 'code')}"
    assert merge(mine, card) == f"{card}\nMine.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run = make_run_record()
    run.save(tmp_path / "run.json")
    make_eval_record(run).save(tmp_path / "eval.json")
    return tmp_path


def test_files_are_merged_checked_and_left_alone_when_they_cannot_be(folder: Path) -> None:
    card = write_card(folder)
    rendered = card.read_bytes().decode()
    mine = re.sub(r"(?=<!-- emohub:begin training)", "Ours: 0.9 on 40 texts.\r\n\r\n", rendered)
    assert mine != rendered
    card.write_bytes(mine.encode())
    assert check_card(folder) == card  # prose is not compared
    write_card(folder)
    assert card.read_bytes().decode() == mine

    card.write_bytes(mine.replace("accuracy is 0.", "accuracy is 1.").encode())
    with pytest.raises(CardError, match=r"README\.md is not what its records give, from line \d+ on"):
        check_card(folder)
    write_card(folder)
    assert card.read_bytes().decode() == mine

    for broken in (
        mine.replace("<!-- emohub:end usage -->\n", "").encode(),
        mine.encode() + b"\xff",
        b"# Somebody's\n",
    ):
        card.write_bytes(broken)
        (folder / "learning_curves.png").unlink()
        for act in (write_card, check_card):
            with pytest.raises(CardError, match=r"README\.md"):
                act(folder)
        assert card.read_bytes() == broken
        assert not (folder / "learning_curves.png").exists()
        write_card_again(folder, rendered)


def write_card_again(folder: Path, rendered: str) -> None:
    """Back to the card as rendered."""
    (folder / "README.md").unlink()
    assert write_card(folder).read_bytes().decode() == rendered


def test_the_command_keeps_or_replaces_what_has_no_markers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = folder / "README.md"
    card.write_bytes(b"# Somebody's\n")
    with pytest.raises(SystemExit) as stop:
        main(["card", str(folder)])
    assert stop.value.code == 1
    assert "has no markers" in capsys.readouterr().err
    main_ok("card", str(folder), "--unmarked", "keep")
    assert card.read_bytes().endswith(b"-->\n\n# Somebody's\n")
    main_ok("card", str(folder), "--check")
    card.write_bytes(b"# Somebody's\n")
    main_ok("card", str(folder), "--unmarked", "replace")
    assert b"Somebody" not in card.read_bytes()
    assert "emohub describe" in capsys.readouterr().err


def main_ok(*arguments: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code == 0

"""Words in any script, and texts without some of them."""

import random

import pytest

from emohub.explain import edit, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's a well-made film, isn't it?", "It's a well-made film , isn't it ?"),
        ("so “happy”!!! (really)", "so “ happy ”!!! ( really )"),
        ("#monday @somebody me@home.org 3.5 1,000 5% :) <3", "#monday @somebody me@home.org 3.5 1,000 5 % :) <3"),
        ("see https://x.org/a?b=[c]&d=1 yes/no wait...what", "see https://x.org/a?b=[c]&d=1 yes/no wait ... what"),
        ("happy🙂🙂 👍🏽👨‍👩‍👧 🇩🇪🇫🇷 ❤️1️⃣", "happy 🙂 🙂 👍🏽 👨‍👩‍👧 🇩🇪 🇫🇷 ❤️ 1️⃣"),
        ("今日はとても嬉しい。カタカナー", "今 日 はとても 嬉 しい 。 カタカナー"),
        ("안녕하세요 नमस्ते دنيا", "안녕하세요 नमस्ते دنيا"),
        ("สวัสดี", "ส วั ส ดี"),
        ("a\u0301b zero\u200bwidth \u200b \ufeffhello", "a\u0301b zero\u200bwidth \u200b \ufeffhello"),
        (" \n\t", ""),
    ],
)
def test_words_are_what_people_would_call_words(text: str, words: str) -> None:
    assert [text[start:end] for start, end in words_of(text)] == words.split()


def test_nothing_but_whitespace_is_between_words() -> None:
    generator = random.Random(0)
    characters = "ab1 ,.'#@-🙂👍🏽\u200d\ufe0f🇩日のカสิ!(\u200b\u0301$<3\n\ud800"
    for _ in range(20_000):
        text = "".join(generator.choices(characters, k=generator.randrange(9)))
        end = 0
        for start, stop in words_of(text):
            assert stop > start
            assert not text[end:start].strip()
            end = stop
        assert not text[end:].strip()


@pytest.mark.parametrize(
    ("text", "changes", "changed"),
    [
        ("one two  three ", {}, "one two  three "),
        ("one two  three", {1: ""}, "one three"),
        (" one two ", {0: ""}, " two"),
        (" one two ", {1: "2"}, " one 2 "),
        ("so happy!", {1: ""}, "so!"),
        ("so happy! yes", {2: ""}, "so happy yes"),
        ("so happy! yes", {1: "", 2: ""}, "so yes"),
        ("so “happy” yes", {1: "", 2: "sad", 3: ""}, "so sad yes"),
        ("one", {0: ""}, ""),
    ],
)
def test_a_word_that_goes_takes_its_space_along(text: str, changes: dict[int, str], changed: str) -> None:
    assert edit(text, words_of(text), changes) == changed

"""The offline check: each way to spoil a card is found, by its rule and on its line, and no valid card is refused."""

import random
import re
from importlib import resources
from typing import get_args

import numpy as np
import pytest
import yaml
from card_mutations import MUTATIONS, Mutation
from factories import make_eval_record, make_run_record
from huggingface_hub import ModelCard, ModelCardData
from valid_cards import VALID

from emohub.card import KEYS, Finding, parse, render, validate, validate_any_card
from emohub.card.front_matter import dump
from emohub.card.hub_lists import HubList, hub_list
from emohub.card.validation import CHECKS, RULES
from emohub.errors import CardError


@pytest.fixture(scope="module")
def card() -> str:
    """A good card, as it is rendered."""
    run = make_run_record()
    return render(run, make_eval_record(run))


def spoil(card: str, mutation: Mutation) -> str:
    spoilt, count = re.subn(mutation.old, lambda _: mutation.new, card, count=1)
    assert count == 1, "the good card has nothing to spoil here"
    return spoilt


def line_of(text: str, part: str) -> int:
    """The number of the first line that holds ``part``, counted as an editor does."""
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_spoilt_card_is_found_by_its_rule_and_line(card: str, mutation: Mutation) -> None:
    spoilt = spoil(card, mutation)
    [finding] = validate(spoilt)
    assert finding.rule == mutation.rule, finding
    assert finding.severity == RULES[mutation.rule].own_card
    if mutation.at is not None:
        assert finding.line == line_of(spoilt, mutation.at), finding
    # In any card it is the same finding, or none where such a card may do as it likes.
    same = [each for each in validate_any_card(spoilt) if each.rule == mutation.rule]
    assert [each.severity for each in same] == [RULES[mutation.rule].any_card] * bool(RULES[mutation.rule].any_card)
    assert [(each.key, each.line) for each in same] == [(finding.key, finding.line)] * len(same)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_windows_line_ends_change_no_line(card: str, mutation: Mutation) -> None:
    spoilt = spoil(card, mutation)
    windows = validate(spoilt.replace("\n", "\r\n"))
    assert [(each.rule, each.line) for each in windows] == [(each.rule, each.line) for each in validate(spoilt)]


def test_every_rule_is_tried_and_there_are_enough_ways_to_spoil_a_card(card: str) -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 110
    assert len({spoil(card, mutation) for mutation in MUTATIONS}) == len(MUTATIONS)
    assert {mutation.rule for mutation in MUTATIONS} | {"encoding"} == set(RULES)  # bytes: see test_audit_command


def test_several_faults_are_all_found_in_order(card: str) -> None:
    spoilt = card.replace("- en\n", "- no\n").replace("apache-2.0", "Apache", 1).replace("value: 0.85", "value: .inf")
    found = validate(spoilt)
    assert [finding.rule for finding in found] == ["word-as-boolean", "license-unknown", *["number-not-finite"] * 2]
    assert [finding.line for finding in found] == sorted(finding.line or 0 for finding in found)


def test_a_finding_says_where_and_what(card: str) -> None:
    [finding] = validate(card.replace("value: 0.85\n", "value: .nan\n", 1))
    assert finding.key == "model-index[0].results[0].metrics[0].value"
    line = line_of(card, "value: 0.85")
    assert str(finding) == f"error: line {line}: {finding.key}: it is nan, not a finite number"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "- en\n",
            "- no\n",
            "take the word no for False; write 'no' in quotes, or nb or nn, for Norwegian",
        ),
        ("- en\n", "- zh-CN\n", "write 'zh' here, and 'zh-CN' under language_bcp47"),
        ("- en\n", "- EN\n", "did you mean 'en'?"),
        ("license: apache-2.0", "license: Apache-2.0", "did you mean 'apache-2.0'?"),
        ("license:", "licence:", "did you mean 'license'?"),
        ("text-classification", "text_classification", "did you mean 'text-classification'?"),
        ("transformers", "Transformers", "did you mean 'transformers'?"),
        ("datasets:", "dataset:", "did you mean 'datasets'?"),
    ],
)
def test_what_is_nearly_right_is_named(card: str, old: str, new: str, said: str) -> None:
    assert said in " ".join(finding.message for finding in validate(card.replace(old, new, 1)))


# No valid card is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VALID)
def test_a_valid_card_is_not_refused(name: str) -> None:
    assert validate_any_card(VALID[name]) == ()


def test_there_are_enough_valid_cards() -> None:
    assert len(set(VALID.values())) >= 20
    keys = {key for text in VALID.values() for key in parse(text).front_matter}
    assert keys | {"buckets", "extra_gated_description", "extra_gated_eu_disallowed"} == set(CHECKS)


def test_our_own_cards_are_neither_faulty_nor_refused(card: str) -> None:
    for text in (card, card.replace("\n", "\r\n")):
        assert validate(text) == ()
        assert validate_any_card(text) == ()
    assert set(KEYS) <= set(CHECKS)


def test_what_a_person_added_for_the_hub_stays_allowed_in_a_card_of_ours(card: str) -> None:
    added = "license: apache-2.0\nthumbnail: https://example.org/a.png\nnew_version: ada/newer\n"
    assert validate(card.replace("license: apache-2.0\n", added, 1)) == ()


# Reading and writing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# A title\n", "does not begin with front matter"),
        ("", "does not begin with front matter"),
        ("---\nlicense: mit\n", "does not begin with front matter"),
        ("---\n---\n# A title\n", "not a mapping"),
        ("---\n- mit\n---\n# A title\n", "not a mapping"),
        ("---\n1: mit\n---\n# A title\n", "not a mapping"),
        ("---\nlicense: [mit\n---\n# A title\n", "not plain YAML"),
        ("---\nlicense: mit\nlicense: gpl\n---\n# A title\n", "the key 'license' stands there twice"),
        ("---\nwidget:\n- text: a\n  text: b\n---\n# A title\n", "the key 'text' stands there twice"),
        ("---\nlicense: !!python/object/apply:os.system ['true']\n---\n# A title\n", "not plain YAML"),
    ],
)
def test_what_cannot_be_parsed_is_not_valid_either(text: str, said: str) -> None:
    assert any(finding.severity == "error" for finding in validate(text))
    with pytest.raises(CardError, match="front matter") as error:
        parse(text)
    assert said in str(error.value)


def test_what_the_hubs_own_classes_let_through_is_found(card: str) -> None:
    """numpy scalars, a misspelled keyword and a bogus licence: `ModelCardData` takes them all."""
    data = ModelCardData(
        license="bogus", licence="mit", library_name="transformers", pipeline_tag="text-classification"
    )
    found = validate(f"---\n{data.to_yaml()}\n---\n# A title\n")
    assert {finding.rule for finding in found if finding.severity == "error"} == {"license-unknown", "key-misspelt"}
    values = parse(card).front_matter
    values["model-index"][0]["results"][0]["metrics"][0]["value"] = np.float64(0.9)
    text = f"---\n{ModelCardData(**values).to_yaml()}\n---\n# A title\n"
    assert "!!python/object" in text
    assert {finding.rule for finding in validate(text)} == {"yaml-tag"}
    assert "numpy" in validate(text)[0].message


def test_aliases_of_aliases_do_not_hold_the_check_up() -> None:
    bomb = "a: &a [x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(20)
    )
    assert {finding.rule for finding in validate(f"---\n{bomb}---\n# M\n")} == {"yaml-alias"}


def test_whatever_the_front_matter_is_the_check_answers_with_lines_of_the_file(card: str) -> None:
    """Random damage: nothing is raised, and what cannot be parsed is never valid."""
    head = card[: card.index("\n---\n", 4) + 5]
    rng = random.Random(0)
    unreadable = 0
    for _ in range(300):
        characters = list(head)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(characters))
            characters[place : place + rng.randint(0, 1)] = rng.choice(
                "-:[]{}&*!#|>'\"%@`\n\t ,?~\x07\ufeff\u2028é1.\r"
            )
        text = "".join(characters) + "\n# A title\n"
        found = (*validate(text), *validate_any_card(text))
        assert all(each.line is None or 1 <= each.line <= text.count("\n") + 1 for each in found)
        try:
            parse(text)
        except CardError:
            unreadable += 1
            assert any(each.severity == "error" for each in validate(text)), text
    assert unreadable >= 30


def test_only_plain_values_under_known_keys_are_written(card: str) -> None:
    with pytest.raises(CardError, match="a card has no key 'licence'"):
        dump({"licence": "mit"})
    for value in (np.float64(0.5), np.int64(1), object()):
        with pytest.raises(CardError, match="something other than plain values"):
            dump({"license": value})
    # Whatever the order they come in, they are written in one order, and `no` stays a text.
    good = parse(card).front_matter
    shuffled = {key: good[key] for key in sorted(good, reverse=True)} | {"language": ["no"]}
    assert list(yaml.safe_load(dump(shuffled))) == [key for key in KEYS if key in good]
    assert ModelCard(f"---\n{dump(shuffled)}---\n").data.language == ["no"]


# The Hub's lists ------------------------------------------------------------------------------------------------------


def test_every_list_states_its_source_and_date() -> None:
    folder = resources.files("emohub.card.hub_lists")
    files = {path.name for path in folder.iterdir() if path.name.endswith(".txt")}
    assert files == {f"{name}.txt" for name in get_args(HubList)}
    for name in files:
        lines = folder.joinpath(name).read_text(encoding="ascii").splitlines()
        head = " ".join(line[2:] for line in lines if line.startswith("# "))
        assert re.search(r"Source: \S", head)
        assert re.search(r"Date: 20\d\d-\d\d-\d\d\.$", head)
        entries = " ".join(line for line in lines if not line.startswith("#")).split()
        assert len(entries) == len(set(entries))


def test_the_lists_hold_what_the_hub_documents() -> None:
    licenses, tags, codes = hub_list("licenses"), hub_list("pipeline_tags"), hub_list("languages")
    assert len(licenses) == 83
    assert {"apache-2.0", "mit", "cc-by-4.0", "cc0-1.0", "openrail", "other", "unknown", "llama4"} <= licenses
    assert all(name == name.lower() for name in licenses)
    assert len(tags) == 57
    assert {"text-classification", "fill-mask", "text-ranking", "image-text-to-text", "any-to-any"} <= tags
    assert sum(len(code) == 2 for code in codes) == 185  # 183 in use, sh and bh of former times
    assert {"en", "no", "nb", "zh", "yue", "deu", "ger", "zxx", "code", "multilingual"} <= codes
    assert not codes & {"english", "en-US", "xx", "EN"}
    assert {"transformers", "sentence-transformers", "setfit", "sklearn", "spacy"} <= hub_list("libraries")
    assert {"sentiment-analysis", "natural-language-inference"} <= hub_list("subtasks")
    assert not hub_list("subtasks") & tags


def test_findings_without_a_line_come_last(card: str) -> None:
    found = validate(card.replace("library_name: transformers\n", "", 1).replace("- en\n", "- english\n", 1))
    assert [finding.line is None for finding in found] == [False, True]
    assert isinstance(found[0], Finding)

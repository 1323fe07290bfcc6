"""The offline check accepts our cards and finds what the Hub would refuse or misread in any card."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import yaml
from factories import make_eval_record, make_run_record
from huggingface_hub import ModelCard, ModelCardData

from emohub.card import KEYS, Finding, parse, render, validate
from emohub.card.front_matter import dump
from emohub.errors import CardError

Values = dict[str, Any]


@pytest.fixture(scope="module")
def good() -> Values:
    """The front matter of a good card."""
    run = make_run_record()
    return parse(render(run, make_eval_record(run))).front_matter


def card_of(values: Values, body: str = "# A title\n\nText.\n") -> str:
    return f"---\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True)}---\n\n{body}"


def metric(values: Values, index: int = 0) -> Values:
    found: Values = values["model-index"][0]["results"][0]["metrics"][index]
    return found


def test_a_good_card_has_no_findings(good: Values) -> None:
    assert validate(card_of(good)) == ()
    assert validate(card_of(good).replace("\n", "\r\n")) == ()


SET: Callable[[str, Any], Callable[[Values], object]] = lambda key, value: lambda v: v.update({key: value})  # noqa: E731


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [
        (SET("licence", "mit"), "licence", "did you mean 'license'?"),
        (SET("zzz", 1), "zzz", "the known keys are language, license"),
        (SET("license", "Apache 2.0"), "license", "'Apache 2.0' is not a licence of the Hub's list"),
        (SET("license", ["mit"]), "license", "not a text"),
        (SET("language", [False]), "language", "needs quotes"),  # what YAML makes of an unquoted `no`
        (SET("language", "en"), "language", "not a list"),
        (SET("language", ["english"]), "language", "'english' is not an ISO 639 code"),
        (SET("library_name", "Transformers"), "library_name", "these models have 'transformers'"),
        (lambda v: v.pop("library_name"), "library_name", "missing"),
        (lambda v: v.pop("pipeline_tag"), "pipeline_tag", "missing"),
        (SET("pipeline_tag", "sentiment"), "pipeline_tag", "these models have 'text-classification'"),
        (SET("base_model", "/home/ada/bert"), "base_model", "not the id of a model"),
        (lambda v: v.pop("base_model"), "base_model_relation", "no base_model"),
        (SET("base_model_relation", "tuned"), "base_model_relation", "these models have 'finetune'"),
        (SET("datasets", ["emotion"]), "datasets", "'emotion' is not the full id of a dataset, OWNER/NAME"),
        (SET("datasets", "dair-ai/emotion"), "datasets", "not a list"),
        (SET("datasets", []), "datasets", "not a list"),
        (SET("metrics", ["accuracy", "accuracy"]), "metrics", "item 2: it stands there twice"),
        (SET("tags", [1]), "tags", "item 1: it is 1, not a text"),
        (SET("widget", {"text": "a"}), "widget", "not a list"),
        (SET("widget", ["a"]), "widget", "item 1: it is 'a', not a mapping"),
        (SET("widget", [{"text": " "}]), "widget", "item 1: text: it is ' ', not a text"),
        (SET("widget", [{"text": "a", "title": "b"}]), "widget", "the key 'title' is not known here"),
        (SET("model-index", {}), "model-index", "not a list"),
        (SET("model-index", [{"name": "x", "results": []}]), "model-index", "results: it is [], not a list"),
        (lambda v: v["model-index"][0].pop("name"), "model-index", "name is missing"),
        (lambda v: metric(v).pop("value"), "model-index", "value is missing"),
        (lambda v: metric(v).pop("type"), "model-index", "type is missing"),
        (lambda v: metric(v).update(value=float("nan")), "model-index", "value: it is nan, not a finite number"),
        (lambda v: metric(v).update(value=float("inf")), "model-index", "not a finite number"),
        (lambda v: metric(v).update(value="0.9"), "model-index", "it is '0.9', not a finite number"),
        (lambda v: metric(v).update(value=True), "model-index", "it is True, not a finite number"),
        (lambda v: metric(v).update(value=92.6), "model-index", "accuracy is 92.6, outside 0 to 1"),
        (lambda v: metric(v).update(verified=True), "model-index", "the key 'verified' is not known here"),
        (lambda v: metric(v, 1).update(args={"average": "mean"}), "model-index", "'mean' is not an average"),
        (lambda v: metric(v, 1).update(args="macro"), "model-index", "args: it is 'macro', not a mapping"),
        (lambda v: v["model-index"][0]["results"][0].pop("dataset"), "model-index", "dataset is missing"),
        (
            lambda v: v["model-index"][0]["results"][0]["dataset"].update(config=1),
            "model-index",
            "config: it is 1, not a text",
        ),
        (
            lambda v: v["model-index"][0]["results"][0]["dataset"].pop("name"),
            "model-index",
            "item 1: results: item 1: dataset: name is missing",
        ),
        (lambda v: v["model-index"][0]["results"][0]["task"].update(type="x"), "model-index", "text-classification"),
    ],
)
def test_a_wrong_key_or_value_is_one_error(
    good: Values, change: Callable[[Values], object], key: str, said: str
) -> None:
    values = copy.deepcopy(good)
    change(values)
    [finding] = validate(card_of(values))
    assert (finding.severity, finding.key) == ("error", key)
    assert said in finding.message
    assert str(finding) == f"error: {key}: {finding.message}"


@pytest.mark.parametrize("key", ["license", "language", "model-index"])
def test_what_readers_will_miss_is_a_warning(good: Values, key: str) -> None:
    [finding] = validate(card_of({name: value for name, value in good.items() if name != key}))
    assert (finding.severity, finding.key) == ("warning", key)


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
def test_front_matter_that_cannot_be_read(text: str, said: str) -> None:
    [finding] = validate(text)
    assert (finding.severity, finding.key) == ("error", "front matter")
    assert said in finding.message
    with pytest.raises(CardError, match="front matter"):
        parse(text)


def test_a_body_without_title_or_with_placeholder(good: Values) -> None:
    assert validate(card_of(good, "No title.\n")) == (
        Finding("error", "body", "there is no title (a line that begins with a single #)"),
    )
    [finding] = validate(card_of(good, "# A title\n\n[More Information Needed]\n"))
    assert finding.key == "body"


def test_what_the_hubs_own_classes_let_through_is_found(good: Values) -> None:
    """numpy scalars, a misspelled keyword and a bogus licence: `ModelCardData` takes them all."""
    data = ModelCardData(
        license="bogus", licence="mit", library_name="transformers", pipeline_tag="text-classification"
    )
    found = {
        finding.key for finding in validate(f"---\n{data.to_yaml()}\n---\n# A title\n") if finding.severity == "error"
    }
    assert found == {"license", "licence"}
    values = copy.deepcopy(good)
    metric(values)["value"] = np.float64(0.9)
    text = f"---\n{ModelCardData(**values).to_yaml()}\n---\n# A title\n"
    assert "!!python/object" in text
    assert [finding.key for finding in validate(text)] == ["front matter"]


def test_only_plain_values_under_known_keys_are_written(good: Values) -> None:
    with pytest.raises(CardError, match="a card has no key 'licence'"):
        dump({"licence": "mit"})
    for value in (np.float64(0.5), np.int64(1), object()):
        with pytest.raises(CardError, match="something other than plain values"):
            dump({"license": value})
    # Whatever the order they come in, they are written in one order, and `no` stays a text.
    shuffled = {key: good[key] for key in sorted(good, reverse=True)} | {"language": ["no"]}
    assert list(yaml.safe_load(dump(shuffled))) == [key for key in KEYS if key in good]
    assert ModelCard(card_of(shuffled)).data.language == ["no"]


def test_licence_list_holds_what_the_hub_documents() -> None:
    assert len(LICENSES) == 83
    assert {"apache-2.0", "mit", "cc-by-4.0", "cc0-1.0", "openrail", "other", "unknown", "llama3.3"} <= LICENSES
    assert all(name == name.lower() for name in LICENSES)

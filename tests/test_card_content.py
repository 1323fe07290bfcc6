"""What a card says beside the results: of the data, the answers, the errors, the energy, the sources, and of others."""

import re
from typing import Any

import pytest
from card_text import rows, section
from factories import (
    hub_base,
    make_corpus,
    make_description,
    make_eval_record,
    make_recipe,
    make_run_record,
    sha256,
)

from emohub.card import parse, render, render_documented, validate
from emohub.card.citations import base_models, citations
from emohub.card.records import RunRecords
from emohub.errors import CardError
from emohub.recipe import list_recipes, load_recipe
from emohub.record import Answer, CalibrationBin, Energy, ModelIdentity, RunRecord


def card_of(run: RunRecord, *, repo_id: str | None = None, described: bool = True, **described_as: Any) -> str:
    description = make_description(run, **described_as) if described else None
    card = render(run, make_eval_record(run), description, repo_id=repo_id)
    assert [finding for finding in validate(card) if finding.severity == "error"] == []
    assert "\n\n\n" not in card
    return card


def part(card: str, name: str) -> str:
    """A rendered part of a card on one line."""
    [text] = re.findall(rf"<!-- emohub:begin {name} -->(.*?)<!-- emohub:end {name} -->", card, re.DOTALL)
    return " ".join(text.split())


# What a description adds


def test_a_description_adds_the_data_the_answers_the_errors_and_the_speed() -> None:
    card = card_of(make_run_record())
    data = section(card, "Data")
    # 800 training rows: a quarter for each of the two other labels; 100 of validation likewise.
    assert "| sadness | 400 | 50.0% | 50 | 50.0% |\n| joy | 200 | 25.0% | 25 | 25.0% |" in data
    assert "| train | 4 | 20 | 45 | 87 |" in data
    assert "In train, 2 texts stand with more than one label." in data
    assert "In validation" not in data
    assert (
        "3 texts stand both in train and in validation, so the model knew them already when its checkpoint was chosen."
        in data
    )
    assert "| anger | an example of anger |" in data

    usage = section(card, "How to use it")
    assert "```text\nsadness: 0.500\njoy: 0.250\nanger: 0.125\n```" in usage
    assert 'And for "What a day!":\n\n```text\nanger: 0.500\njoy: 0.250\nsadness: 0.125\n```' in usage
    assert usage.count('"Nobody told me."') == 2

    errors = section(card, "Errors to know")
    assert "12 of 100 texts (12.0%) get another label than they carry" in errors
    assert rows(errors)[1:] == [
        ["so i left", "joy", "sadness", "98.8%"],
        ["it is what it is", "sadness", "joy", "75.0%"],
    ]
    speed = section(card, "Speed and size")
    assert "22,713,603 parameters, 45.4 MB on disk as float16" in speed
    assert [row[1] for row in rows(speed)[1:]] == ["12.3 ms", "18.2 ms", "172 texts per second"]
    assert "on A Processor 3000 (cpu) with 1 thread." in speed
    assert "It saw sadness 2.0 times as often in training as joy (400 rows against 200)." in card
    assert "4 to 87 tokens, half of them at most 20." in card


def test_without_a_description_the_card_leaves_out_what_only_that_knows() -> None:
    card = card_of(make_run_record(), described=False)
    for title in ("Errors to know", "Speed and size", "```text", "Examples, drawn", "times as often"):
        assert title not in card
    assert "I did not expect such a warm welcome" in section(card, "How to use it")


def test_what_the_test_split_shares_is_said() -> None:
    card = card_of(make_run_record())
    assert "11 texts stand both in train and in test, so the test figures say less of them." in card
    assert "both in validation and in test" not in card
    assert "No text of either stands in test." in card_of(make_run_record(), in_test={"train": 0, "validation": 0})
    assert "not looked up" in card_of(make_run_record(), in_test=None)
    splits = {split: {"rows": 100} for split in ("train", "validation")}
    without = make_run_record(make_recipe(corpus=make_corpus(splits=splits)))
    assert "There is no test split" in card_of(without, in_test=None)


def test_nothing_to_show_of_a_description_is_no_empty_table() -> None:
    described = make_description()
    labels = tuple(label.model_copy(update={"examples": ()}) for label in described.labels)
    splits = {name: split.model_copy(update={"shared": {}}) for name, split in described.splits.items()}
    card = card_of(make_run_record(), labels=labels, splits=splits, answers=(), mistakes=(), mistakes_in_all=0)
    assert "No text stands both in train and in validation." in card
    assert "0 of 100 texts (0.0%)" in card
    for said in ("Examples, drawn", "most confident of these errors", "Either prints", "And for"):
        assert said not in card
    assert "widget" not in parse(card).front_matter


def test_the_widget_offers_what_the_model_answered() -> None:
    widget = parse(card_of(make_run_record())).front_matter["widget"]
    assert widget[1] == {
        "text": "What a day!",
        "output": [
            {"label": "anger", "score": 0.5},
            {"label": "joy", "score": 0.25},
            {"label": "sadness", "score": 0.125},
        ],
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": ModelIdentity(id="x", revision=None, fingerprint=sha256("x"))}, "of other weights"),
        ({"labels": make_description().labels[::-1]}, "labels are not those"),
        ({"answers": (Answer(text="x", probabilities={"joy": 1.0}),)}, "not one of the run's labels"),
        ({"splits": {"train": make_description().splits["train"]}}, "validation split is not the one"),
        (
            {"splits": make_description().splits | {"train": make_description().splits["validation"]}},
            "train split is not the one",
        ),
        (
            {
                "splits": {
                    name: split.model_copy(update={"labels": dict.fromkeys(split.labels, 1)})
                    for name, split in make_description().splits.items()
                }
            },
            "labels of train are not as many as its rows",
        ),
        (
            {
                "splits": {
                    name: split.model_copy(update={"labels": {"joy": split.data.rows}})
                    for name, split in make_description().splits.items()
                }
            },
            "does not count the run's labels in train",
        ),
        (
            {"labels": tuple(label.model_copy(update={"rows": 1}) for label in make_description().labels)},
            "counts the rows of a label in two ways",
        ),
    ],
)
def test_a_description_of_something_else_gives_no_card(changes: dict[str, Any], said: str) -> None:
    run = make_run_record()
    with pytest.raises(CardError, match=said):
        render(run, make_eval_record(run), make_description(run, **changes))


# How the numbers came about


def test_how_the_numbers_were_selected_is_said() -> None:
    run = make_run_record(overrides={"learning_rate": 1e-4})
    said = " ".join(section(card_of(run), "How these numbers were selected").split())
    assert "one evaluation of the exported files on the test split" in said
    assert "did not read: its record names train and validation alone." in said
    assert 'one of 3 that were measured on the validation split, by the rule "highest validation macro_f1"' in said
    assert "with the seed 42." in said
    assert "learning_rate was set for this run, beside its recipe." in said
    one = make_run_record(history=run.history[:1])
    assert "One checkpoint was measured on the validation split, so none was chosen" in card_of(one)
    validation = run.data["validation"].model_copy(update={"rows": 120})
    run = make_run_record(data={**run.data, "validation": validation})
    on_validation = render(run, make_eval_record(run, split="validation", data=validation))
    assert "did not read" not in on_validation


def test_energy_is_told_in_words_and_to_the_hub() -> None:
    energy = Energy(
        kilowatt_hours=0.0123456, kg_co2e=0.0047, country="DEU", method="CPU by its TDP.", codecarbon="3.0.1"
    )
    run = make_run_record(energy=energy)
    card = card_of(run)
    assert (
        "It used 12.3 Wh of energy, which with the electricity of DEU is 4.7 g of CO2 equivalent. "
        "Counted by CodeCarbon 3.0.1: CPU by its TDP.\n" in card
    )
    assert parse(card).front_matter["co2_eq_emissions"] == {
        "emissions": pytest.approx(4.7),
        "source": "CodeCarbon 3.0.1",
        "training_type": "fine-tuning",
        "geographical_location": "DEU",
        "hardware_used": "A Processor 3000",
    }
    nowhere = make_run_record(energy=energy.model_copy(update={"kg_co2e": None, "country": None}))
    assert "12.3 Wh of energy; no country was given that would say how much CO2 that is." in card_of(nowhere)
    assert "co2_eq_emissions" not in parse(card_of(nowhere)).front_matter
    large = make_run_record(energy=energy.model_copy(update={"kilowatt_hours": 12.3456}))
    assert "It used 12,300 Wh" in card_of(large)
    assert "CodeCarbon" not in card_of(make_run_record())


# Sources


def test_a_published_model_can_be_cited_with_its_base_and_its_data() -> None:
    base = ModelIdentity(id="google-bert/bert-base-cased", revision="a" * 40, fingerprint=sha256("base"))
    run = make_run_record(make_recipe(base_model=base.id), base_model=base)
    card = card_of(run, repo_id="ada/my-feelings")
    citation = section(card, "Citation")
    entries = re.findall(r"^Of ([^\n:]*):\n\n```bibtex\n(.*?)^```", citation, re.MULTILINE | re.DOTALL)
    assert [of for of, _ in entries] == ["this model", "its base model", "its training data"]
    own, of_base, of_data = (entry for _, entry in entries)
    assert own.startswith("@misc{ada-my-feelings,\n")
    assert "url = {https://huggingface.co/ada/my-feelings}" in own
    assert run.exported.fingerprint in own
    assert "author" not in own
    assert "@inproceedings{devlin-etal-2019-bert" in of_base
    assert of_data.startswith("@article{someone2018")
    for entry in (own, of_base, of_data):
        assert entry.count("{") == entry.count("}")
    assert "`google-bert/bert-base-cased` (BERT, base size, cased), fine-tuned on" in card
    assert "Its base model has the licence `apache-2.0`." in card
    assert "this model:" not in section(card_of(run), "Citation")


def test_two_corpora_of_one_work_are_cited_once() -> None:
    records = RunRecords(make_run_record(), make_recipe())
    corpora = [make_corpus(), make_corpus(name="feelings-without-labels"), make_corpus(citation="@misc{other}")]
    found = list(citations(records, "mine", None, *corpora))
    assert [of for of, _ in found] == ["its training data"] * 2
    assert len({entry for _, entry in found}) == 2


def test_every_base_of_a_built_in_recipe_is_known() -> None:
    known = base_models()
    bases = {hub_base(name) for name in list_recipes()}
    assert len(bases) >= 5
    assert bases <= known.keys()
    for model in known.values():
        assert model.license in {"apache-2.0", "mit"}
        assert model.citation.count("{") == model.citation.count("}")
        assert re.search(r"\d{4}\.\d{5}|10\.18653", model.citation)


# Others


def test_reported_figures_stand_beside_ours_with_what_parts_them() -> None:
    corpus = load_recipe("distilbert-emotion").corpus
    run = make_run_record(make_recipe(corpus=corpus))
    confusion = [[10 if a == b else 1 for a in range(6)] for b in range(6)]
    card = render(run, make_eval_record(run, confusion=confusion))
    table = {(row[0], row[1]): row[2:] for row in rows(section(card, "Reported by others"))[1:]}
    models = {model for model, _ in table}
    assert len(models) == 3  # the documented models of that corpus
    reported, ours, why = table["bert-tiny-mlm-finetuned-imdb-finetuned-emotion", "Accuracy"]
    assert (reported, ours[:6]) == ("0.9065", "0.6667")  # 60 right of 90
    assert why.startswith("no: another base model (a bert-tiny that was first adapted by masked-LM on IMDB)")
    assert "its rows are 2,000, ours are 90 of test" in why
    evaluation = make_eval_record(
        run, confusion=[[335 if a == b == 0 else 333 * (a == b) for a in range(6)] for b in range(6)]
    )
    card_of_2000 = render(run, evaluation)
    assert "its 2,000 rows can be validation or test, ours are test" in card_of_2000
    _, ours, why = table["bert-tiny-mlm-finetuned-imdb-finetuned-emotion", "F1 (average not stated)"]
    assert re.fullmatch(r"0\.6667 \(.*\) \(macro\); 0\.6667 \(.*\) \(weighted\)", ours)
    assert why.endswith("; its average is not stated")
    _, ours, _ = table["bert-finetuned-emotion", "Loss"]
    assert ours.startswith("0.5123")
    assert "What the document of" not in card  # those are models of others
    assert "distilbert-emotion" in section(card, "Reported by others")


def test_a_figure_on_the_same_rows_with_the_same_base_is_comparable() -> None:
    documented = load_recipe("sst2-distilbert-5e").documented
    assert documented is not None
    values = documented.model_dump(mode="json") | {"evaluated_rows": 120}
    base = ModelIdentity(id="distilbert/distilbert-base-uncased", revision="a" * 40, fingerprint=sha256("base"))
    recipe = make_recipe(documented=values, base_model=base.id)
    run = make_run_record(recipe, base_model=base)
    table = rows(section(render(run, make_eval_record(run)), "Reported by others"))
    assert [row[4] for row in table[1:]] == ["yes", "yes"]


def test_a_documented_page_shows_the_checks_on_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    from emohub.card import reported
    from emohub.card.findings import Finding

    found = (Finding("warning", "results", "row <3> is best"), Finding("warning", "results", "150 rows"))
    monkeypatch.setattr(reported, "check_claims", lambda claims: found)
    recipe = load_recipe("bert-emotion")
    page = render_documented(recipe)
    assert "## The checks on them\n" in page
    assert "- row &lt;3&gt; is best\n- 150 rows\n" in page
    run = make_run_record(make_recipe(documented=recipe.model_dump(mode="json")["documented"]))
    card = render(run, make_eval_record(run))
    assert "### Checks on the figures of BERT-Emotion\n\n- row &lt;3&gt; is best\n" in card
    assert card.count("150 rows") == 1


# Uses and limits


def test_limits_are_those_of_this_model() -> None:
    run = make_run_record()
    limits = part(card_of(run), "uses-and-limits")
    assert "It confuses sadness and anger most: 8 of its 18 errors." in limits
    assert "The labels come from hashtags, not from readers." in limits
    assert "for sadness (45), joy (55) and anger (20)." in limits
    # 80 texts above 0.8, 93% of them right.
    assert "of the 80 texts that it was more than 80% sure of, 6 are wrong." in limits
    assert "2 of 120 texts of the test split were longer." in limits
    assert "Terms of its data: research and education only" in limits
    assert "No label stands for a text that is none of sadness, joy and anger" in limits

    corpus = make_corpus(labels=["neutral", "joy"], terms=None, flaws=[])
    run = make_run_record(make_recipe(corpus=corpus))
    evaluation = make_eval_record(run, confusion=((60, 0), (0, 120)))
    sure = CalibrationBin(lower=0.9, upper=1.0, count=180, confidence=0.95, accuracy=1.0)
    evaluation = evaluation.model_copy(
        update={"calibration": (sure,), "data": evaluation.data.model_copy(update={"truncated": 0})}
    )
    limits = part(render(run, evaluation), "uses-and-limits")
    for said in ("No label stands", "confuses", "Being sure", "more confident", "Terms", "flaws", "hashtags"):
        assert said not in limits
    assert "weakest" not in limits  # all are right
    assert "for neutral (60)." in limits
    assert "no text of the test split was longer, so what that costs was not measured." in limits


def test_limits_say_nothing_that_is_true_of_any_model() -> None:
    run = make_run_record(make_recipe(corpus=make_corpus(labels=["sadness", "joy"], flaws=["One.", "Two."])))
    evaluation = make_eval_record(run, confusion=((1, 1), (0, 118)))
    unsure = CalibrationBin(lower=0.4, upper=0.6, count=120, confidence=0.5, accuracy=119 / 120)
    evaluation = evaluation.model_copy(
        update={"calibration": (unsure,), "data": evaluation.data.model_copy(update={"truncated": 1})}
    )
    described = make_description(run)
    train = described.splits["train"].model_copy(update={"labels": {"sadness": 400, "joy": 400}})
    described = described.model_copy(
        update={
            "labels": tuple(label.model_copy(update={"rows": 400}) for label in described.labels),
            "splits": described.splits | {"train": train},
        }
    )
    limits = part(render(run, evaluation, described), "uses-and-limits")
    for said in ("confuses", "Being sure", "times as often"):  # two labels, never sure, as many rows of each
        assert said not in limits
    assert "of 2 rows with it, 1 was taken for joy." in limits
    assert "1 of 120 texts of the test split was longer." in limits
    assert "One. 1 more flaw of its data stands under *Data*." in limits


def test_the_bars_of_the_calibration_picture_are_explained() -> None:
    said = section(card_of(make_run_record()), "Calibration")
    assert "its bar the 95% Wilson interval" in said

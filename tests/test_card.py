"""Cards hold the numbers of their records and no others; each number is looked up apart from the template."""

import contextlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from card_text import rows, section
from factories import (
    LABELS,
    make_corpus,
    make_description,
    make_eval_record,
    make_history,
    make_recipe,
    make_run_record,
    random_records,
    sha256,
)
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import EvalResult
from markdown_it import MarkdownIt

from emohub.card import (
    audit_card,
    check_card,
    parse,
    render,
    render_documented,
    render_folder,
    results_rows,
    validate,
    write_card,
)
from emohub.card.markdown import code, escape, fence, show, words
from emohub.card.tables import ONLY_IF_CHOSEN
from emohub.cli import main
from emohub.errors import CardError, RecordError, UsageError
from emohub.pictures import draw_calibration, draw_confusion_matrix, draw_learning_curves, read_digest, shown_digest
from emohub.recipe import Corpus, list_recipes, load_recipe
from emohub.record import (
    Answer,
    EvalRecord,
    Finding,
    Interval,
    ModelIdentity,
    PreviousStage,
    RunRecord,
    SmallerBatch,
)

RANDOM_RECORDS = 200


def four(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


@pytest.mark.parametrize("seed", range(RANDOM_RECORDS))
def test_headline_bold_row_metadata_and_records_agree(seed: int) -> None:
    run, evaluation = random_records(seed)
    card = render(run, evaluation)

    # The headline is the evaluation's.
    headline = re.search(
        r"^\*\*On the test split \(([\d,]+) rows\) its accuracy is (\S+) and its macro F1 (\S+)\*\*\n"
        r"\(95% intervals: (\S+) to (\S+), and (\S+) to (\S+)\)\.$",
        card,
        re.MULTILINE,
    )
    assert headline is not None
    accuracy, macro_f1 = evaluation.metrics["accuracy"], evaluation.metrics["macro_f1"]
    expected = [accuracy.value, macro_f1.value, accuracy.low, accuracy.high, macro_f1.low, macro_f1.high]
    assert list(headline.groups()) == [f"{evaluation.data.rows:,}", *map(four, expected)]

    # The metadata, read by the Hub's own client, is the evaluation's to the last digit.
    data = ModelCard(card).data
    found = {(r.metric_type, (r.metric_args or {}).get("average")): r.metric_value for r in data.eval_results}
    kinds = {"accuracy": ("accuracy", None), "log_loss": ("loss", None)}
    for name, interval in evaluation.metrics.items():
        average, _, figure = name.partition("_")
        if name != "expected_calibration_error":
            assert found.pop(kinds.get(name, (figure, average))) == interval.value
    assert found == {}
    assert {(r.dataset_type, r.dataset_split) for r in data.eval_results} == {("someone/feelings", "test")}
    assert parse(card).results() == {k: i.value for k, i in evaluation.metrics.items() if "calibration" not in k}

    # One row is bold: the first of the best, which is the checkpoint that was exported and measured.
    recipe = run.recipe
    columns, target = recipe["evaluation"]["metrics"], recipe["evaluation"]["metric_for_best_model"]
    header, *body = rows(section(card, "Training"))
    assert header[:4] == ["Training loss", "Epoch", "Step", "Validation loss"]
    assert len(header) == 4 + len(columns)
    assert len(body) == len(run.history)
    [bold] = [index for index, cells in enumerate(body) if cells[0].startswith("**")]
    goodness = [-r.validation_loss if target == "loss" else r.metrics[target] for r in run.history]
    assert bold == goodness.index(max(goodness))
    assert run.history[bold].step == run.exported.step
    assert evaluation.model.fingerprint == run.exported.fingerprint
    for index, (cells, row) in enumerate(zip(body, run.history, strict=True)):
        plain = [cell.strip("*") for cell in cells]
        assert all(cell.startswith("**") for cell in cells) == (index == bold)
        assert plain[0] == four(row.training_loss)
        assert float(plain[1]) == round(row.epoch, 2)
        assert plain[2:4] == [f"{row.step:,}", four(row.validation_loss)]
        assert plain[4:] == [four(row.metrics.get(name)) for name in columns]

    # The tables of the test split.
    labels = list(evaluation.labels)
    results = dict(rows(section(card, "Results on the test split"))[1:])
    assert results["Accuracy"] == f"{four(accuracy.value)} ({four(accuracy.low)} to {four(accuracy.high)})"
    assert len(results) == len(evaluation.metrics)
    confusion = rows(section(card, "Confusion matrix"))
    assert [[int(cell.replace(",", "")) for cell in row[1:]] for row in confusion[1:]] == [
        list(row) for row in evaluation.confusion_matrix
    ]
    by_label = rows(section(card, "By label"))[1:]
    assert [row[0] for row in by_label] == labels
    for cells, row in zip(by_label, evaluation.confusion_matrix, strict=True):
        assert int(cells[4].replace(",", "")) == sum(row)
    right = sum(evaluation.confusion_matrix[i][i] for i in range(len(labels)))
    assert four(right / evaluation.data.rows) == headline[2]

    # And the card as a whole.
    assert validate(card) == ()
    assert render(run, evaluation) == card
    assert not re.search(r"\b(nan|inf|None|Undefined)\b|\{\{|\{%", card.replace("top_k=None", ""))
    assert "\n\n\n" not in card


def test_numbers_of_a_known_card() -> None:
    card = render(*_records())
    assert (
        "**On the test split (120 rows) its accuracy is 0.8500 and its macro F1 0.8034**\n"
        "(95% intervals: 0.8377 to 0.8601, and 0.7911 to 0.8135)." in card
    )
    assert "| **0.5500** | **2.0** | **100** | **0.4300** | **0.8800** | **0.8400** |" in card
    assert "| Accuracy | 0.8800 | 0.8795 | -0.0005 |" in section(card, "What the export cost")
    assert "| Loss | 0.4300 | 0.4303 | +0.0003 |" in section(card, "What the export cost")
    assert "22,713,603 parameters in 45.4 MB" in card
    # 18 right of 30 would be another label: anger has F1 = 2 * 12 / (20 + 18).
    assert "weakest label is anger: F1 0.6316 (0.6193 to 0.6417); of 20 rows with it, 6 were taken for sadness." in card
    assert "0.0412 (0.0301 to 0.0588)" in section(card, "Calibration")
    # Mean confidence: (40 * 0.71 + 80 * 0.97) / 120.
    assert "more confident than it is right: 0.8833 on average, against an accuracy of 0.8500" in card
    assert "Training took 123.4 seconds, evaluations included; between evaluations it took in 98.7 texts" in card
    assert "at 80 texts per second on A Processor 3000." in card  # 120 rows in 1.5 seconds
    by_label = rows(section(card, "By label"))
    assert [cell.partition(" ")[0] for cell in by_label[1]] == ["sadness", "0.8511", "0.8889", "0.8696", "45", "47"]
    assert rows(section(card, "Calibration"))[-1] == ["0.8000", "1.0000", "80", "0.9700", "0.9300"]
    assert "The labels come from hashtags, not from readers." in section(card, "Data")
    assert ["train", "800", "3", "1", "0.1%", "hub:someone/feelings@" + "b" * 40] in rows(section(card, "Data"))
    assert ["test", "120", "1", "2", "1.7%", "hub:someone/feelings@" + "b" * 40] in rows(section(card, "Data"))


def test_front_matter_is_the_closed_list_in_its_order() -> None:
    front_matter = parse(render(*_records())).front_matter
    assert list(front_matter) == [
        "language",
        "license",
        "library_name",
        "pipeline_tag",
        "base_model",
        "base_model_relation",
        "datasets",
        "metrics",
        "tags",
        "widget",
        "model-index",
    ]
    assert front_matter["library_name"] == "transformers"
    assert front_matter["pipeline_tag"] == "text-classification"
    assert (front_matter["base_model"], front_matter["base_model_relation"]) == ("someone/tiny-bert", "finetune")
    assert front_matter["datasets"] == ["someone/feelings"]
    assert front_matter["metrics"] == ["accuracy", "precision", "recall", "f1", "loss"]
    assert all(list(item) == ["text"] for item in front_matter["widget"])
    [result] = front_matter["model-index"][0]["results"]
    assert result["dataset"]["revision"] == "b" * 40
    assert [type(metric["value"]) for metric in result["metrics"]] == [float] * 8


def test_what_is_unknown_has_no_key_and_is_said() -> None:
    corpus = make_corpus(hub_id=None, language=[], terms=None, citation=None, flaws=[], splits=_file_splits())
    run = make_run_record(make_recipe(corpus=corpus, license=None))
    card = render(run, make_eval_record(run))
    assert {"license", "language", "datasets", "widget"}.isdisjoint(parse(card).front_matter)
    assert {finding.key for finding in validate(card)} == {"license", "language"}
    assert "The author of this model has chosen no licence for it." in card
    assert "The source of its training data names no licence." in card
    assert "The language of its training texts is not recorded." in card
    assert "## Citation" not in card
    assert "Known flaws" not in card


def test_a_local_base_model_is_named_only_when_its_weights_are_proven() -> None:
    run = make_run_record()
    local = run.base_model.model_copy(update={"id": "my-copy", "revision": None})
    unproven = render(make_run_record(base_model=local), make_eval_record(run))
    assert "base_model" not in parse(unproven).front_matter
    assert "A local folder named `my-copy`; where it comes from is not recorded." in unproven

    recipe = make_recipe(base_model_sha256=run.base_model.fingerprint, base_model_revision="c" * 40)
    copy = run.base_model.model_copy(update={"revision": None})
    proven_run = make_run_record(recipe, base_model=copy)
    proven = render(proven_run, make_eval_record(proven_run))
    assert parse(proven).front_matter["base_model"] == "someone/tiny-bert"
    assert f"`someone/tiny-bert` at revision `{'c' * 40}`, read from a local copy" in proven


def test_settings_are_complete_and_overrides_marked() -> None:
    run = make_run_record(overrides={"learning_rate": 1.5e-4, "evaluation.early_stopping_patience": 2})
    said = section(render(run, make_eval_record(run)), "Settings")
    chosen, every = said.split("<details>")
    settings = rows(every)[1:]
    found = {key: value for key, value, _ in settings}
    for part in ("training", "evaluation", "export"):
        assert set(run.recipe[part]) - ONLY_IF_CHOSEN <= set(found)
    assert found["learning_rate"] == "0.00015"
    assert found["adam_epsilon"] == "1e-08"
    assert found["attention_dropout"] == "not set"
    origins = {key: origin for key, _, origin in settings}
    assert [origins[key] for key in ("max_length", "adam_epsilon", "seed")] == ["recipe", "default", "recipe"]
    marked = {key for key, _, origin in settings if origin == "set for this run"}
    assert marked == {"learning_rate", "early_stopping_patience"}
    assert rows(chosen) == [
        ["Setting", "Value", "Default", "Origin"],
        ["max_length", "64", "128", "recipe"],
        ["learning_rate", "0.00015", "–", "set for this run"],
        ["per_device_train_batch_size", "16", "–", "recipe"],
        ["num_train_epochs", "4", "–", "recipe"],
        ["seed", "42", "–", "recipe"],
        ["early_stopping_patience", "2", "not set", "set for this run"],
        ["dtype", "float16", "float32", "recipe"],
    ]


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ("test", "the test split had no part in the choice"),
        ("validation", "chosen on these same rows, so these figures flatter it"),
        ("train", "trained on these same rows, so these figures say nothing about new texts"),
    ],
)
def test_the_split_and_what_it_means_are_named(split: str, said: str) -> None:
    run = make_run_record()
    data = run.data[split] if split in run.data else make_eval_record(run).data
    data = data.model_copy(update={"rows": 120})
    card = render(run, make_eval_record(run, split=split, data=data))
    assert f"**On the {split} split (120 rows)" in card
    assert said in card
    assert parse(card).front_matter["model-index"][0]["results"][0]["dataset"]["split"] == split


def test_labels_that_the_split_lacks_are_not_called_weak() -> None:
    run = make_run_record()
    card = render(run, make_eval_record(run, confusion=((30, 2, 3), (1, 40, 0), (0, 0, 0))))
    assert "The test split has no row with the label anger, so nothing is known about it." in card
    assert "weakest label is sadness" in card


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda run, ev: (run, _with(ev, model=ev.model.model_copy(update={"fingerprint": "0" * 64}))),
            "other weights",
        ),
        (lambda run, ev: (_with(run, exported=_with(run.exported, step=75)), ev), "not in the run's history"),
        (lambda run, ev: (_with(run, exported=_with(run.exported, step=150)), ev), "not those of the history's"),
        (lambda run, ev: (_with(run, recipe_digest="0" * 64), ev), "digest"),
        (lambda run, ev: (run, _with(ev, corpus="other")), "is of the corpus 'other'"),
        (lambda run, ev: (run, _with(ev, labels=ev.labels[::-1])), "labels in their order"),
        (lambda run, ev: (run, _with(ev, per_label=ev.per_label[::-1])), "results per label"),
        (lambda run, ev: (run, _with(ev, metrics={"accuracy": ev.metrics["accuracy"]})), "lacks macro_f1"),
        (lambda run, ev: (run, _with(ev, confusion_matrix=((1, 2), (3, 4)))), "not 3 x 3"),
        (lambda run, ev: (run, _with(ev, confusion_matrix=((40, 3, 2), (1, 50, 4), (6, 3, 11)))), "contradicts"),
        (
            lambda run, ev: (run, _with(ev, confusion_matrix=((40, 3, 2), (1, 50, 4), (6, 2, 13)))),
            "contradicts its rows",
        ),
        (
            lambda run, ev: (run, _with(ev, metrics=ev.metrics | {"macro_f1": ev.metrics["weighted_f1"]})),
            "contradicts its macro_f1",
        ),
        (
            lambda run, ev: (run, _with(ev, per_label=(*ev.per_label[:2], _with(ev.per_label[2], support=30)))),
            "contradicts its rows of anger",
        ),
        (
            lambda run, ev: (
                run,
                _with(ev, per_label=(_with(ev.per_label[0], f1=ev.per_label[0].recall), *ev.per_label[1:])),
            ),
            "contradicts its f1 of sadness",
        ),
        (lambda run, ev: (run, _with(ev, split="train")), "not the one that the run used"),
    ],
)
def test_records_that_contradict_each_other_give_no_card(change: Callable[..., Any], said: str) -> None:
    with pytest.raises(CardError, match=said):
        render(*change(*_records()))


HOSTILE = (
    "a|b\n# c `d` *e* _f_ <script>alert(1)</script> [g](javascript:h) {{ i }} {% j %} $$k$$ &lt; ~~l~~ \\| \u2028 m"
)


def test_text_from_outside_cannot_change_the_page() -> None:
    labels = [f"{index} {HOSTILE}" for index in range(3)]
    corpus = make_corpus(title=HOSTILE, labels=labels, flaws=["1. " + HOSTILE, "- x", "```", "# y"], terms=HOSTILE)
    recipe = make_recipe(corpus=corpus, summary=HOSTILE)
    run = make_run_record(recipe, environment=_with(make_run_record().environment, processor=HOSTILE))
    described = make_description(run)
    mistakes = tuple(_with(mistake, text=HOSTILE) for mistake in described.mistakes)
    examples = tuple(_with(label, examples=(HOSTILE,)) for label in described.labels)
    answers = tuple(_with(answer, text=HOSTILE) for answer in described.answers)
    described = _with(described, mistakes=mistakes, labels=examples, answers=answers)
    card = render(run, make_eval_record(run), described)
    assert [finding for finding in validate(card) if finding.key != "tags"] == []
    plain_run = make_run_record(make_recipe(corpus=make_corpus(flaws=["a", "b", "c", "d"])))
    plain = render(plain_run, make_eval_record(plain_run), make_description(plain_run))
    assert _structure(card) == _structure(plain)

    shown = " ".join(HOSTILE.split())
    contents = [child.content for token in _parse(card) for child in token.children or [] if child.type == "text"]
    assert "".join(contents).count(shown) > 10
    [definition] = ModelCard(card).data.to_dict()["model-index"][0]["results"]
    assert definition["dataset"]["name"] == HOSTILE


def test_a_citation_cannot_close_its_block() -> None:
    corpus = make_corpus(citation="@misc{x,\n```\n# not a heading\n}")
    run = make_run_record(make_recipe(corpus=corpus))
    [token] = [t for t in _parse(render(run, make_eval_record(run))) if t.type == "fence" and t.info == "bibtex"]
    assert token.content == "@misc{x,\n```\n# not a heading\n}\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.00005, "0.0001"),
        (-0.00001, "0.0000"),
        (1.0, "1.0000"),
        (12345, "12,345"),
        (True, "yes"),
        (None, "–"),
        (Interval(value=0.5, low=0.25, high=0.75), "0.5000 (0.2500 to 0.7500)"),
        ("macro_f1 of SST2_5E", "macro_f1 of SST2_5E"),
        ("_emphasis_", "\\_emphasis\\_"),
        ("2.13.0", "2.13.0"),
        ("2. item", "2\\. item"),
        ("- item", "\\- item"),
        ("-0.5", "-0.5"),
        ("# title", "\\# title"),
        ("abc \u202egnp.exe\u2069 x", "abc gnp.exe x"),  # it would turn the rest of the line around
    ],
)
def test_values_are_shown_by_their_type(value: object, shown: str) -> None:
    assert show(value) == shown


def test_markdown_helpers() -> None:
    assert show(escape("a|b")) == "a\\|b"
    assert code("a`b|c") == "``a`b\\|c``"
    assert code("`") == "`` ` ``"
    assert fence("x", "bash") == "```bash\nx\n```"
    assert words(["a", "b", "c"]) == "a, b and c"
    assert words(["a"], last="or") == "a"


def test_usage_runs_as_it_stands(
    make_tiny_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from emohub.inference import Classifier
    from emohub.inference.loading import save_pretrained

    run = make_run_record()
    source = make_tiny_model(labels=LABELS)
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(source), AutoTokenizer.from_pretrained(source)
    save_pretrained(model, tokenizer, tmp_path / "models" / "tiny-feelings", dtype="float16")
    monkeypatch.chdir(tmp_path)
    text = 'Nobody knew it, and then "everybody" did.'
    prediction = Classifier.from_pretrained("models/tiny-feelings", engine="torch").classify(text)
    answer = Answer(text=text, probabilities=dict(zip(prediction.labels, prediction.probabilities, strict=True)))
    card = render(run, make_eval_record(run), make_description(run, answers=(answer,)))
    [printed] = re.findall(r"```text\n(.*?)```", section(card, "How to use it"), re.DOTALL)
    by_hand = sorted(zip(prediction.probabilities, prediction.labels, strict=True), reverse=True)
    assert printed.splitlines() == [f"{label}: {probability:.3f}" for probability, label in by_hand]
    snippets = re.findall(r"```python\n(.*?)```", section(card, "How to use it"), re.DOTALL)
    assert len(snippets) == 2
    for snippet in snippets:
        assert json.dumps(text) in snippet
        assert _run_and_read(snippet) == printed.splitlines()


def test_card_of_a_real_run(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emohub.evaluate import evaluate
    from emohub.train import train

    folder = tmp_path / "run"
    recipe = make_recipe(corpus=made_corpus, training={"num_train_epochs": 2, "learning_rate": 1e-3}, max_length=32)
    run = train(recipe, base_model=str(tiny_base_dir), output_dir=folder, overrides={"seed": 7})
    evaluation = evaluate(folder, made_corpus, "test", output_dir=folder, resamples=99)
    card = write_card(folder).read_text()
    assert check_card(folder) == folder / "README.md"
    assert f"**On the test split (60 rows) its accuracy is {four(evaluation.metrics['accuracy'].value)} and" in card
    assert len(rows(section(card, "Training"))) == 1 + len(run.history) == 3
    assert ["seed", "7", "–", "set for this run"] in rows(section(card, "Settings"))
    assert f"A local folder named `{tiny_base_dir.name}`" in card
    assert str(tmp_path) not in card
    assert str(Path(made_corpus.base_folder)) not in card
    assert {finding.severity for finding in validate(card)} == {"warning"}  # the corpus states no language
    assert {finding.rule for finding in audit_card(card)} == {"base-model-missing"}  # it is a folder

    monkeypatch.chdir(folder)
    snippets = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert all(len(_run_and_read(snippet)) == len(made_corpus.labels) for snippet in snippets)


def test_the_repository_names_the_published_card() -> None:
    card = render(*_records(), repo_id="ada/my-feelings")
    assert card.count('"ada/my-feelings"') == 2
    assert "# my-feelings\n" in card
    assert "models/" not in card
    assert parse(card).front_matter["model-index"][0]["name"] == "my-feelings"
    for wrong in ("my-feelings", "a/b/c", '"x/y', "ada/..", "/x"):
        with pytest.raises(UsageError, match="no id of a repository"):
            render(*_records(), repo_id=wrong)


def test_documented_pages_show_every_reported_figure_as_reported() -> None:
    recipes = [recipe for name in list_recipes() if (recipe := load_recipe(name)).documented]
    assert len(recipes) >= 5
    for recipe in recipes:
        page, documented = render_documented(recipe), recipe.documented
        assert documented is not None
        assert page.startswith("<!-- emohub:documented-page -->\n\n<!-- emohub:begin summary -->\n\n")
        assert f"\n# {documented.name}\n\n> **Reported by others. This project has not reproduced it.**" in page
        assert "model-index" not in page
        headline = dict(rows(section(page, "Reported results"))[1:])
        reported = documented.headline.model_dump(exclude_none=True)
        assert list(map(float, headline.values())) == list(reported.values())
        for row in documented.results:
            figures = [v for v in row.model_dump().values() if v is not None]
            assert any(set(map(str, figures)) <= {c.strip() for c in line.split("|")} for line in page.splitlines())
        settings = dict(rows(section(page, "Reported settings"))[1:])
        for key, value in documented.hyperparameters.model_dump().items():
            assert settings[key] == ("not stated" if value is None else str(value))
        versions = [version or "not stated" for version in documented.frameworks.values()]
        assert all(
            f"| {library} | {version} |" in page
            for library, version in zip(documented.frameworks, versions, strict=True)
        )
        inferred = section(page, "Inferred from the reported figures")
        for note in documented.notes:
            assert (show(note.text) in inferred) == note.inferred
            assert show(note.text) in page
        for text in (*documented.uses, *documented.limits, *documented.preprocessing, *documented.troubleshooting):
            assert f"- {text}\n" in page


def test_documented_results_stand_apart_from_ours() -> None:
    documented = load_recipe("distilbert-emotion").documented
    assert documented is not None
    recipe = make_recipe(documented=documented.model_dump(mode="json"))
    run = make_run_record(recipe)
    card = render(run, make_eval_record(run))
    ours, theirs = card.split("## Reported by others\n")
    assert theirs.lstrip().startswith("**Not reproduced here.**")
    assert "| 0.2479 | 2.0 | 500 | 0.2211 | 0.926 | 0.926 |" in theirs
    assert "0.926" not in ours
    assert validate(card) == ()


def test_folder_written_checked_and_read_as_results(tmp_path: Path) -> None:
    run, evaluation = _records()
    folder = tmp_path / "tiny-feelings"
    run.save(folder / "run.json")
    with pytest.raises(RecordError, match=r"eval\.json cannot be read"):
        write_card(folder)
    assert [path.name for path in folder.iterdir()] == ["run.json"]
    evaluation.save(folder / "eval.json")
    with pytest.raises(CardError, match=r"README\.md cannot be read"):
        check_card(folder)
    card = write_card(folder)
    assert card.read_bytes() == render_folder(folder).encode() == render(run, evaluation).encode()
    assert check_card(folder) == card

    card.write_text(card.read_text().replace("0.8500", "0.8600", 1))
    line = next(i for i, text in enumerate(card.read_text().splitlines(), 1) if "0.8600" in text)
    with pytest.raises(CardError, match=f"not what its records give, from line {line} on"):
        check_card(folder)

    results = results_rows(tmp_path)
    [measured] = results.measured
    assert (measured.name, measured.corpus, measured.split, measured.rows) == ("tiny-feelings", "feelings", "test", 120)
    assert measured.metrics == evaluation.metrics
    assert (measured.parameters, measured.size_bytes, measured.level) == (22_713_603, 45_438_000, 0.95)
    assert len(results.reported) >= 5
    tweet = next(result for result in results.reported if result.recipe == "bert-emotion")
    assert tweet.metrics["f1_unstated_average"] == 0.7268
    assert "accuracy" not in tweet.metrics
    assert results_rows(tmp_path / "nothing").measured == ()


def test_the_card_shows_the_pictures_of_its_records_and_of_no_others(tmp_path: Path) -> None:
    run, evaluation = _records()
    run.save(tmp_path / "run.json")
    evaluation.save(tmp_path / "eval.json")
    card = write_card(tmp_path).read_text()
    images = [child for token in _parse(card) for child in token.children or [] if child.type == "image"]
    assert {image.attrs["src"]: image.content for image in images} == {
        "confusion_matrix.png": "Confusion matrix; share of each label's rows that is recognised: "
        "sadness 0.8889, joy 0.9091, anger 0.6000.",
        "calibration.png": "Accuracy at each confidence, over 120 texts; expected calibration error 0.0412.",
        "learning_curves.png": "Learning curves over 150 steps: training loss, validation loss, accuracy, macro F1; "
        "step 100 is marked.",
    }
    assert read_digest(tmp_path / "learning_curves.png") == shown_digest(run)

    other = _with(evaluation, split="validation")
    draw_others: dict[str, Callable[[Path], None]] = {
        "learning_curves.png": lambda path: draw_learning_curves(_with(run, total_steps=999), path),
        "confusion_matrix.png": lambda path: draw_confusion_matrix(other, path),
        "calibration.png": lambda path: draw_calibration(other, path),
    }
    for name, draw_other in draw_others.items():
        picture = tmp_path / name
        picture.write_bytes(picture.read_bytes()[:-100])
        assert check_card(tmp_path)  # what it says of itself is whole
        draw_other(picture)
        with pytest.raises(CardError, match=rf"{re.escape(name)} does not show what the records say"):
            check_card(tmp_path)
        picture.unlink()
        with pytest.raises(CardError, match=rf"{re.escape(name)} is missing"):
            check_card(tmp_path)
        write_card(tmp_path)
        assert check_card(tmp_path)
    (tmp_path / "confusion_matrix.png").write_bytes((tmp_path / "calibration.png").read_bytes())
    with pytest.raises(CardError, match="confusion_matrix"):
        check_card(tmp_path)


def _training(run: RunRecord) -> str:
    """The training section of the card with its subsections, on one line."""
    [text] = re.findall(r"^## Training\n(.*?)^## ", render(run, make_eval_record(run)), re.MULTILINE | re.DOTALL)
    return " ".join(text.split())


def test_overfitting_is_named_with_its_figures_and_only_where_it_is() -> None:
    def training(*losses: tuple[float | None, float]) -> str:
        figures = [(before, after, 0.5 + number / 100, 0.4) for number, (before, after) in enumerate(losses)]
        return _training(make_run_record(make_recipe(evaluation=accuracy), history=make_history(figures)))

    accuracy = {"metrics": ["accuracy"], "metric_for_best_model": "accuracy"}
    said = training((1.0, 0.5), (0.6, 0.7), (0.3, 0.9))
    assert (
        "The validation loss was lowest at step 50 (0.5000) and stood at 0.9000 in the end, while the training loss "
        "fell from 1.0000 to 0.3000: a sign of overfitting. The exported step comes after that lowest point."
    ) in said
    for risen in (((0.3, 0.5), (0.6, 0.7)), ((None, 0.5), (0.6, 0.7))):  # it diverged, or nobody knows
        said = training(*risen)
        assert "stood at 0.7000 in the end. The exported step comes after" in said
        assert "overfitting" not in said
    assert "lowest" not in training((1.0, 0.5), (0.6, 0.4))
    exported_between = make_run_record(
        history=make_history([(1.0, 0.4, 0.7, 0.6), (0.5, 0.5, 0.8, 0.7), (0.2, 0.6, 0.7, 0.6)])
    )
    assert "comes after that lowest point; there it was 0.5000." in _training(exported_between)


def test_what_a_run_noticed_stands_in_its_card() -> None:
    findings = (
        Finding(kind="data", message="3 texts of train stand there twice", remedy="remove them."),
        Finding(kind="convergence", message="The loss is <flat>.", remedy="raise learning_rate", step=1200),
    )
    said = _training(make_run_record(findings=findings))
    assert (
        "### What the run noticed - 3 texts of train stand there twice; remove them. "
        "- Step 1,200: The loss is &lt;flat&gt;; raise learning_rate. ###"
    ) in said
    nothing = "Neither the audit of the data before the run nor the watch over its losses found anything to warn of."
    noticed = make_run_record(findings=findings)
    assert "\n\n\n" not in render(noticed, make_eval_record(noticed))
    assert nothing in _training(make_run_record(padding_share=0.0))
    assert nothing not in _training(make_run_record())  # from before there was an audit


def test_how_a_run_went_on_the_machine_stands_in_its_card() -> None:
    plain = _training(make_run_record())
    assert "Texts were packed, without padding." in plain
    assert not re.search("sitting|interrupted|memory|first stage", plain)

    smaller = (
        SmallerBatch(step=1, per_device_train_batch_size=8, gradient_accumulation_steps=2),
        SmallerBatch(step=40, per_device_train_batch_size=4, gradient_accumulation_steps=4),
    )
    said = _training(make_run_record(batching="padded", padding_share=0.2345, sittings=3, smaller_batches=smaller))
    assert "From step 1 on, each process took them 8 at a time, 2 times a step, because" in said
    assert "From step 40 on, each process took them 4 at a time, 4 times a step, because" in said
    assert "Texts were padded to the longest of their batch; 23.4% of the computed positions were padding." in said
    assert "went on from its last checkpoint, and so ran in 3 sittings." in said
    assert "Texts were packed; 1.2% of the computed" in _training(make_run_record(padding_share=0.012))


def test_a_second_stage_names_the_first() -> None:
    first = PreviousStage(
        stage="masked_lm",
        run_id="adapted-1",
        recipe_digest=sha256("recipe"),
        fingerprint=sha256("adapted"),
        base_model=ModelIdentity(id="someone/small-bert", revision="a" * 40, fingerprint=sha256("base")),
    )
    base = ModelIdentity(id="checkpoint", revision=None, fingerprint=first.fingerprint)
    run = make_run_record(previous=first, base_model=base)
    said = _training(run)
    assert parse(render(run, make_eval_record(run))).front_matter["base_model"] == "someone/small-bert"
    assert f"the run `adapted-1`, of a recipe with the digest `{first.recipe_digest}`." in said
    assert f"SHA-256 of its weights: `{first.fingerprint}`" in said
    assert "where it comes from is not recorded" not in said
    with pytest.raises(CardError, match="did not start from the weights of the stage"):
        render(run.model_copy(update={"base_model": make_run_record().base_model}), make_eval_record(run))


def test_a_run_folder_loads_its_own_checkpoint(tmp_path: Path) -> None:
    run, evaluation = _records()
    (tmp_path / "checkpoint").mkdir()
    run.save(tmp_path / "run.json")
    evaluation.save(tmp_path / "eval.json")
    assert 'from_pretrained("checkpoint", engine="torch")' in render_folder(tmp_path)
    assert str(tmp_path) not in render_folder(tmp_path)


@pytest.fixture
def emohub(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str]]]:
    """Runs the command line in this process: (exit code, what it said), without the line breaks of the console."""

    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as exit_:
            main(arguments)
        return int(exit_.value.code or 0), " ".join(capsys.readouterr().err.split())

    return run


def test_command_writes_checks_and_explains(
    emohub: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run, evaluation = _records()
    folder = tmp_path / "cards" / "tiny-feelings"
    run.save(folder / "run.json")
    evaluation.save(folder / "eval.json")
    assert emohub("card", "tiny-feelings", "--check")[0] == 1
    assert emohub("card", "tiny-feelings")[0] == 0
    assert emohub("card", "cards/tiny-feelings", "--check")[0] == 0
    code_, said = emohub("card", "tiny-feelings", "--check", "--repo-id", "ada/x")
    assert code_ == 1
    assert "is not what its records give, from line" in said

    assert emohub("card", "distilbert-emotion")[0] == 0
    assert (folder.parent / "distilbert-emotion" / "README.md").is_file()
    assert emohub("card", "distilbert-emotion", "--check")[0] == 0
    assert emohub("card", "distilbert-emotion", "--repo-id", "ada/x")[0] == 2
    code_, said = emohub("card", "minilm-emotion")
    assert (code_, "train and evaluate it first" in said) == (1, True)
    code_, said = emohub("card", "nothing")
    assert (code_, "there are no records and no recipe called 'nothing'" in said) == (2, True)
    assert emohub("card", "x" * 5000)[0] == 2
    monkeypatch.chdir(folder)  # a name that is nothing must not find the records of the working directory
    assert emohub("card", "nothing")[0] == 2
    assert emohub("card", ".", "--check")[0] == 0
    monkeypatch.chdir(tmp_path)
    (folder / "eval.json").write_text("{")
    code_, said = emohub("card", "tiny-feelings")
    assert (code_, "is not JSON" in said) == (1, True)


def test_importing_cards_is_light() -> None:
    heavy = ("torch", "gradio", "transformers", "huggingface_hub", "datasets")
    script = f"import sys, json, emohub.card; print(json.dumps([m for m in {heavy!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_the_hubs_own_classes_write_the_same_model_index() -> None:
    run, evaluation = _records()
    data = ModelCard(render(run, evaluation)).data
    assert all(isinstance(result, EvalResult) for result in data.eval_results)
    assert data.to_dict()["model-index"] == parse(render(run, evaluation)).front_matter["model-index"]


def _records() -> tuple[RunRecord, EvalRecord]:
    run = make_run_record(history=make_history())
    return run, make_eval_record(run)


def _with(record: Any, **changes: Any) -> Any:
    return record.model_copy(update=changes)


def _file_splits() -> dict[str, dict[str, str]]:
    return {split: {"file": f"{split}.csv"} for split in ("train", "validation", "test")}


def _parse(card: str) -> list[Any]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(parse(card).body)


def _structure(card: str) -> list[str]:
    """The kinds of all blocks in order, with the kinds of what each line holds where it is more than text."""
    kinds = []
    for token in _parse(card):
        kinds.append(token.type)
        kinds += [child.type for child in token.children or [] if child.type not in ("text", "text_special", "entity")]
    return kinds


def _run_and_read(snippet: str) -> list[str]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(snippet, {})
    return printed.getvalue().strip().splitlines()

"""A card is held against the model that it comes with: true figures are reproduced, others are named."""

import dataclasses
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from emohub.cli import main
from emohub.errors import CardError, ModelError
from emohub.evaluate import evaluate
from emohub.recipe import Corpus
from emohub.record import EvalRecord
from emohub.verify import Outcome, verify
from emohub.verify.claims import Figure, figure
from tests.hub import Blob, Hub, serve_hub
from tests.publishing import reachable


@pytest.fixture(scope="module")
def truth(tiny_model_dir: Path, made_corpus: Corpus) -> EvalRecord:
    return evaluate(tiny_model_dir, made_corpus, "test", resamples=200)


@pytest.fixture
def model(tiny_model_dir: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_model_dir, tmp_path / "model")


def metric(kind: str, value: object, average: str | None = None) -> dict[str, Any]:
    return {"type": kind, "value": value} | ({"args": {"average": average}} if average else {})


def write_card(folder: Path, *metrics: dict[str, Any], **dataset: str) -> None:
    """A card that claims these figures of the made corpus' test split, unless ``dataset`` says otherwise."""
    named = {"type": "made", "name": "Made sentences", "split": "test"} | dataset
    result = {"task": {"type": "text-classification"}, "dataset": named, "metrics": list(metrics)}
    front_matter = {"model-index": [{"name": "model", "results": [result]}]}
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump(front_matter)}---\n\n# Model\n", encoding="utf-8")


def outcomes(folder: Path, corpus: Corpus) -> list[Outcome]:
    return [checked.outcome for checked in verify(folder, corpus=corpus, resamples=200).claims]


def test_true_figures_are_reproduced_whole_or_rounded(model: Path, made_corpus: Corpus, truth: EvalRecord) -> None:
    accuracy, macro_f1 = truth.metrics["accuracy"].value, truth.metrics["macro_f1"].value
    write_card(
        model,
        metric("accuracy", accuracy),
        metric("accuracy", round(accuracy, 2)),
        metric("f1", round(macro_f1, 4), "macro"),
        metric("f1", truth.metrics["weighted_f1"].value, "weighted"),
        metric("loss", truth.metrics["log_loss"].value),
    )
    found = verify(model, corpus=made_corpus, resamples=200)
    assert [checked.outcome for checked in found.claims] == ["reproduced"] * 5
    assert found.holds
    assert found.model.fingerprint == truth.model.fingerprint


def test_a_false_figure_differs_and_the_interval_says_how_much_that_means(
    model: Path, made_corpus: Corpus, truth: EvalRecord
) -> None:
    accuracy = truth.metrics["accuracy"]
    write_card(model, metric("accuracy", accuracy.high + 0.1), metric("accuracy", (accuracy.value + accuracy.high) / 2))
    found = verify(model, corpus=made_corpus, resamples=200)
    outside, inside = found.claims
    assert (outside.outcome, inside.outcome) == ("differs", "differs")
    assert outside.reason.startswith("+")
    assert "outside the 95% interval" in outside.reason
    assert "inside the 95% interval" in inside.reason
    assert outside.measured == accuracy
    assert not found.holds


def test_a_score_above_two_is_a_percentage(model: Path, made_corpus: Corpus, truth: EvalRecord) -> None:
    accuracy = truth.metrics["accuracy"].value
    write_card(
        model,
        metric("accuracy", round(100 * accuracy, 2)),
        metric("accuracy", f"{100 * accuracy:.1f} ± 0.1"),
        metric("accuracy", round(100 * accuracy, 2) + 0.02),
        metric("accuracy", 101.5),
    )
    assert outcomes(model, made_corpus) == ["reproduced", "reproduced", "differs", "cannot be checked"]


def test_a_last_digit_that_is_wrong_is_seen(model: Path, made_corpus: Corpus, truth: EvalRecord) -> None:
    accuracy = round(truth.metrics["accuracy"].value, 4)
    write_card(model, metric("accuracy", accuracy + 0.0001), metric("accuracy", round(accuracy, 2) + 0.01))
    assert outcomes(model, made_corpus) == ["differs", "differs"]


@pytest.mark.parametrize(
    ("value", "stated"),
    [
        (0.9265, Figure(0.9265, 0.00005)),
        (0.9, Figure(0.9, 0.005)),
        (1, Figure(1.0, 0.005)),
        ("0.90", Figure(0.9, 0.005)),
        ("0.9300", Figure(0.93, 0.00005)),
        ("92.7%", Figure(0.927, 0.0005)),
        ("92.70 %", Figure(0.927, 0.00005)),
        ("0.93 ± 0.01", Figure(0.93, 0.005, 0.92, 0.94)),
        ("92.7 +/- 0.5 %", Figure(0.927, 0.0005, 0.922, 0.932)),
        ("0.93 ± 1%", None),
        ("92.7% +/- 0.5%", Figure(0.927, 0.0005, 0.922, 0.932)),
        ("0.9275 (0.9160 to 0.9385)", Figure(0.9275, 0.00005, 0.916, 0.9385)),
        ("0.9275 [0.9160, 0.9385]", Figure(0.9275, 0.00005, 0.916, 0.9385)),
        ("1e-3", Figure(0.001, 0.0005)),
        ("high", None),
        ("1e999", None),
        ("", None),
        (True, None),
        (None, None),
        ([0.9], None),
        (float("inf"), None),
    ],
)
def test_a_figure_is_read_with_its_rounding_and_its_interval(value: object, stated: Figure | None) -> None:
    found = figure(value)
    assert (found is None) == (stated is None)
    if found is not None and stated is not None:
        expected = dataclasses.astuple(stated)
        assert [bound is None for bound in dataclasses.astuple(found)] == [bound is None for bound in expected]
        numbers = [[bound for bound in each if bound is not None] for each in (dataclasses.astuple(found), expected)]
        assert numbers[0] == pytest.approx(numbers[1], abs=1e-12)


def test_a_claim_with_an_interval_is_reproduced_when_our_value_is_inside(
    model: Path, made_corpus: Corpus, truth: EvalRecord
) -> None:
    accuracy = truth.metrics["accuracy"].value
    write_card(
        model,
        metric("accuracy", f"{accuracy + 0.03:.4f} ± 0.05"),
        metric("accuracy", f"{accuracy + 0.03:.4f} ± 0.02"),
        metric("accuracy", f"{100 * accuracy:.2f}%"),
    )
    inside, outside, percent = verify(model, corpus=made_corpus, resamples=200).claims
    assert (inside.outcome, outside.outcome, percent.outcome) == ("reproduced", "differs", "reproduced")
    assert "inside the interval that the card states" in inside.reason
    assert outside.reason.startswith("+0.0300")


@pytest.mark.parametrize(
    ("claimed", "dataset", "reason"),
    [
        (metric("f1", 0.9), {}, "its average is not named"),
        (metric("f1", 0.9, "micro"), {}, r"does not measure f1 \(micro\)"),
        (metric("bleu", 0.9), {}, "does not measure bleu"),
        (metric("accuracy", 192.6), {}, "no share between 0 and 1"),
        (metric("accuracy", "high"), {}, "no number"),
        (metric("accuracy", "0.9 or so"), {}, "no number"),
        (metric("accuracy", None), {}, "no number"),
        (metric("accuracy", True), {}, "no number"),
        (metric("loss", float("nan")), {}, "no number"),
        (metric("accuracy", 0.9), {"split": "dev"}, "no split 'dev'"),
    ],
)
def test_what_cannot_be_checked_says_why(
    model: Path, made_corpus: Corpus, claimed: dict[str, Any], dataset: dict[str, str], reason: str
) -> None:
    write_card(model, claimed, **dataset)
    found = verify(model, corpus=made_corpus, resamples=200)
    assert [checked.outcome for checked in found.claims] == ["cannot be checked"]
    assert re.search(reason, found.claims[0].reason)
    assert not found.holds


def test_an_unknown_corpus_and_data_out_of_reach_cannot_be_checked(model: Path, made_corpus: Corpus) -> None:
    write_card(model, metric("accuracy", 0.5))
    assert "declares no corpus made" in verify(model).claims[0].reason
    gone = made_corpus.model_copy(update={"base_folder": "/nowhere"})
    assert outcomes(model, gone) == ["cannot be checked"]
    other = made_corpus.model_copy(update={"labels": ("sadness", "joy", "disgust")})
    assert "disgust" in verify(model, corpus=other).claims[0].reason


def test_the_built_in_corpus_is_found_by_its_hub_id(model: Path, tmp_path: Path) -> None:
    write_card(model, metric("accuracy", 0.5), type="dair-ai/emotion", config="split")
    assert "lacks love, fear, surprise" in verify(model, data_dir=tmp_path).claims[0].reason


def test_a_card_that_is_missing_or_claims_nothing_is_an_error(model: Path) -> None:
    with pytest.raises(CardError, match="has no card"):
        verify(model)
    (model / "README.md").write_text("---\nlicense: mit\nmodel-index: nonsense\n---\n", encoding="utf-8")
    with pytest.raises(CardError, match="claims no figure"):
        verify(model)
    (model / "README.md").write_text("# A model\n", encoding="utf-8")
    with pytest.raises(CardError, match=r"does not begin with front matter.*nothing to hold it against"):
        verify(model)
    (model / "README.md").write_bytes(b"---\n\xff\n---\n")
    with pytest.raises(CardError, match="UTF-8"):
        verify(model)
    with pytest.raises(ModelError):
        verify("no/such-model")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A loopback Hub and an empty cache for this process."""
    with serve_hub() as hub, reachable(hub, monkeypatch, tmp_path / "cache"):
        yield hub


def test_a_published_model_is_fetched_with_its_card_and_nothing_else(
    hub: Hub, model: Path, made_corpus: Corpus, truth: EvalRecord
) -> None:
    write_card(model, metric("accuracy", truth.metrics["accuracy"].value))
    repo = hub.add_repo("ada/model")
    files = {path.name: Blob(path.read_bytes(), lfs=path.suffix == ".safetensors") for path in model.iterdir()}
    code = {"modeling.py": Blob(b"raise SystemExit('ran')"), "pytorch_model.bin": Blob(b"a pickle")}
    head = repo.commit("main", "a model", repo.head.files | files | code, repo.head.oid)
    found = verify("ada/model", corpus=made_corpus, resamples=200)
    assert found.holds
    assert (found.model.id, found.model.revision) == ("ada/model", head.oid)
    fetched = {request.path.rpartition("/")[2] for request in hub.requests if "/resolve/" in request.path}
    assert "README.md" in fetched
    assert not fetched & set(code)


def test_the_command_prints_the_outcomes_and_exits_by_them(
    model: Path, made_corpus: Corpus, truth: EvalRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declaration = Path(made_corpus.base_folder) / "made.toml"
    lines = ['name = "made"', 'title = "Made"', f"labels = {json.dumps(made_corpus.labels)}", "[splits.test]"]
    declaration.write_text("\n".join([*lines, 'file = "test.csv"']), encoding="utf-8")
    command = ["verify", str(model), "--corpus", str(declaration), "--resamples", "200"]
    for value, code, outcome in ((truth.metrics["accuracy"].value, 0, "reproduced"), (0.999, 1, "differs")):
        write_card(model, metric("accuracy", value))
        with pytest.raises(SystemExit) as stop:
            main([*command, "--format", "json"])
        assert stop.value.code == code
        assert json.loads(capsys.readouterr().out)["claims"][0]["outcome"] == outcome
        with pytest.raises(SystemExit):
            main(command)
        assert outcome in capsys.readouterr().out

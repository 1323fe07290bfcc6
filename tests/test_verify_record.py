"""``verify.json``: a verification is kept whole, beside the records or where it was asked for, and read back."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from emohub.audit import audit
from emohub.cli import main
from emohub.errors import RecordError
from emohub.evaluate import evaluate
from emohub.recipe import Corpus
from emohub.record import EvalRecord, VerificationRecord
from emohub.verify import verify
from tests.factories import make_eval_record, make_run_record


@pytest.fixture(scope="module")
def truth(tiny_model_dir: Path, made_corpus: Corpus) -> EvalRecord:
    return evaluate(tiny_model_dir, made_corpus, "test", resamples=200)


@pytest.fixture
def project(tiny_model_dir: Path, made_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one model and its records, and the declaration of the corpus that its card names."""
    shutil.copytree(tiny_model_dir, tmp_path / "models" / "tiny")
    records = tmp_path / "cards" / "tiny"
    records.mkdir(parents=True)
    run = make_run_record()
    run.save(records / "run.json")
    make_eval_record(run).save(records / "eval.json")
    declaration = Path(made_corpus.base_folder) / "made-record.toml"
    lines = ['name = "made"', 'title = "Made"', f"labels = {json.dumps(made_corpus.labels)}", "[splits.test]"]
    declaration.write_text("\n".join([*lines, 'file = "test.csv"']), encoding="utf-8")
    (tmp_path / "corpus.toml").symlink_to(declaration)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_card(project: Path, *metrics: dict[str, Any]) -> None:
    result = {"task": {"type": "text-classification"}, "dataset": {"type": "made", "split": "test"}}
    front_matter = {"model-index": [{"name": "tiny", "results": [result | {"metrics": list(metrics)}]}]}
    card = f"---\n{yaml.safe_dump(front_matter)}---\n\n# Tiny\n"
    (project / "models" / "tiny" / "README.md").write_text(card, encoding="utf-8")


def run_verify(project: Path, *options: str) -> object:
    corpus = str((project / "corpus.toml").resolve())
    with pytest.raises(SystemExit) as stop:
        main(["verify", "tiny", "--corpus", corpus, "--resamples", "50", *options])
    return stop.value.code


def test_the_record_says_what_the_verification_found(project: Path, made_corpus: Corpus, truth: EvalRecord) -> None:
    accuracy = truth.metrics["accuracy"].value
    write_card(
        project,
        {"type": "accuracy", "value": accuracy},
        {"type": "f1", "value": 0.999, "args": {"average": "macro"}},
        {"type": "rouge", "value": "a lot"},
        {"type": "loss", "value": math.nan},
        {"type": "recall", "value": [1, 2]},
    )
    found = verify("tiny", corpus=made_corpus, resamples=50)
    record = found.record()
    record.save(project / "verify.json")
    assert VerificationRecord.load(project / "verify.json") == record
    assert [claim.outcome for claim in record.claims] == [checked.outcome for checked in found.claims]
    assert [claim.claimed for claim in record.claims] == [accuracy, 0.999, "a lot", "nan", "[1, 2]"]
    assert record.claims[0].measured == found.claims[0].measured
    assert (record.model, record.holds, record.weights_named) == (found.model, False, None)
    assert "differs" in {claim.outcome for claim in record.claims}
    assert str(project) not in (project / "verify.json").read_text(encoding="utf-8")


def test_the_command_keeps_it_beside_the_records_or_in_a_file(
    project: Path, truth: EvalRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    write_card(project, {"type": "accuracy", "value": truth.metrics["accuracy"].value})
    kept = project / "cards" / "tiny" / "verify.json"
    assert run_verify(project) == 0
    assert not kept.exists()
    capsys.readouterr()
    assert run_verify(project, "--save", "--format", "json") == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["holds"] is True  # the note of where it is kept is no part of the output
    assert "verify.json" in shown.err
    assert VerificationRecord.load(kept).holds
    # What differs is kept as well.
    write_card(project, {"type": "accuracy", "value": 0.999})
    assert run_verify(project, "--save-to", str(project / "elsewhere" / "result.json")) == 1
    assert not VerificationRecord.load(project / "elsewhere" / "result.json").holds
    assert VerificationRecord.load(kept).holds


def test_without_records_or_a_writable_folder_nothing_is_measured(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_card(project, {"type": "accuracy", "value": 0.5})
    for path in ("run.json", "eval.json"):
        (project / "cards" / "tiny" / path).unlink()
    assert run_verify(project, "--save") == 2
    assert "--save-to" in capsys.readouterr().err
    assert run_verify(project, "--save", "--save-to", "result.json") == 2
    assert "give one of them" in capsys.readouterr().err
    (project / "a-file").write_text("", encoding="utf-8")
    assert run_verify(project, "--save-to", "a-file/result.json") == 1
    assert "nothing can be written" in capsys.readouterr().err


def test_neither_card_nor_audit_depends_on_it(project: Path) -> None:
    folder = project / "cards" / "tiny"
    with pytest.raises(SystemExit):
        main(["card", str(folder)])
    before = (folder / "README.md").read_bytes(), audit(str(folder))
    (folder / "verify.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["card", str(folder), "--check"])
    assert ((folder / "README.md").read_bytes(), audit(str(folder))) == before
    with pytest.raises(RecordError, match="no verification record of version 1"):
        VerificationRecord.load(folder / "verify.json")

"""The card of a masked-LM stage, and its publication: as strict as a classifier's, with a perplexity for a headline."""

import json
import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import AutoConfig, AutoTokenizer, BertForMaskedLM

from emohub.card import audit_card, check_card, parse, render_folder, render_masked_lm, validate, write_card
from emohub.cli import main
from emohub.errors import CardError, EmohubError, UsageError
from emohub.pictures import draw_learning_curves
from emohub.publish import plan, preflight, publish
from emohub.recipe import Recipe
from emohub.record import Exported, HistoryRow, ModelIdentity, RunRecord, SplitIdentity, sha256_file
from tests.factories import make_recipe, make_run_record, sha256
from tests.hub import Hub, serve_hub
from tests.publishing import reachable

# The client's own upload over LFS uses an argument that httpx2 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning:httpx2")

TOKEN = "hf_AdasTokenThatNobodyMaySee"
REPO = "ada/tiny-films"
LOSSES = ((3.1, 2.6), (2.5, 2.25), (2.3, 2.31))
"""Training and validation loss of each epoch; the second validates best."""
FILMS: dict[str, Any] = {
    "name": "films",
    "title": "Reviews of films",
    "hub_id": "someone/films",
    "config": "plain",
    "language": ["en"],
    "validation_share": 0.05,
    "flaws": ["The reviews hold remains of HTML."],
    "citation": "@article{films,\n  title = {Films},\n}",
}


def stage_recipe(**films: Any) -> Recipe:
    return make_recipe(
        adaptation={
            "corpus": {**FILMS, **films},
            "max_length": 16,
            "mlm_probability": 0.2,
            "training": {"learning_rate": 5e-5, "per_device_train_batch_size": 8, "num_train_epochs": 3, "seed": 7},
        }
    )


def stage_run(recipe: Recipe | None = None, *, fingerprint: str = sha256("weights"), **changes: Any) -> RunRecord:
    """The record of a masked-LM stage of three epochs of 40 steps, the second exported."""
    recipe = recipe or stage_recipe()
    rows = tuple(
        HistoryRow(
            training_loss=training,
            epoch=float(number),
            step=40 * number,
            validation_loss=validation,
            metrics={"perplexity": math.exp(validation)},
        )
        for number, (training, validation) in enumerate(LOSSES, start=1)
    )
    figures = {"loss": 2.25, "perplexity": math.exp(2.25)}
    exported = Exported(
        step=80,
        epoch=2.0,
        rule="lowest validation loss, the earlier step on a tie",
        dtype="float32",
        parameters=4_400_000,
        size_bytes=17_600_000,
        fingerprint=fingerprint,
        validation=figures,
        validation_before_export=figures,
    )
    source = "hub:someone/films@" + "c" * 40
    values = make_run_record(recipe).model_dump() | {
        "run_id": "tiny-feelings-20260102-030405-masked_lm",
        "recipe_digest": recipe.adaptation_digest,
        "stage": "masked_lm",
        "batching": "padded",
        "history": rows,
        "exported": exported,
        "steps_run": 120,
        "total_steps": 120,
        "stopped": "finished",
        "data": {
            part: SplitIdentity(rows=count, fingerprint=sha256(part), source=source, duplicates=2, truncated=0)
            for part, count in (("train", 1900), ("validation", 100))
        },
    }
    return RunRecord(**(values | changes))


def front_matter(card: str) -> dict[str, Any]:
    return parse(card).front_matter


def test_the_front_matter_names_task_base_data_and_perplexity() -> None:
    values = front_matter(render_masked_lm(stage_run(), repo_id=REPO))
    assert values == {
        "language": ["en"],
        "license": "apache-2.0",
        "library_name": "transformers",
        "pipeline_tag": "fill-mask",
        "base_model": "someone/tiny-bert",
        "base_model_relation": "finetune",
        "datasets": ["someone/films"],
        "metrics": ["perplexity"],
        "tags": ["emohub", "films"],
        "model-index": [
            {
                "name": "tiny-films",
                "results": [
                    {
                        "task": {"type": "fill-mask", "name": "Masked language modeling"},
                        "dataset": {
                            "type": "someone/films",
                            "name": "Reviews of films",
                            "config": "plain",
                            "split": "train (held-out share)",
                            "revision": "c" * 40,
                        },
                        "metrics": [{"type": "perplexity", "value": math.exp(2.25), "name": "Perplexity"}],
                    }
                ],
            }
        ],
    }


def test_the_card_is_valid_and_names_what_was_measured() -> None:
    card = render_masked_lm(stage_run(), repo_id=REPO)
    assert validate(card) == ()
    assert [finding for finding in audit_card(card) if finding.severity == "error"] == []
    body = parse(card).body
    # Perplexities by hand: e^2.25 = 9.4877, e^2.6 = 13.4637, e^2.31 = 10.0744.
    assert "**On 100 held-out texts its perplexity is 9.4877**: a mean loss of 2.2500 nats" in body
    assert "| 3.1000 | 1.0 | 40 | 2.6000 | 13.4637 |" in body
    assert "| **2.5000** | **2.0** | **80** | **2.2500** | **9.4877** |" in body
    assert "| 2.3000 | 3.0 | 120 | 2.3100 | 10.0744 |" in body
    assert "The validation loss was lowest at step 80 (2.2500) and stood at 2.3100 in the end" in body
    assert "20% of the tokens of each block were hidden" in body
    assert "They are 5% of the different texts" in body
    assert "| max_length | 16 | recipe |" in body
    assert "| mlm_probability | 0.2 | recipe |" in body
    assert "| learning_rate | 5e-05 | recipe |" in body  # the stage's, not that of the classification
    assert "One step saw 16 blocks" in body
    assert 'emohub train tiny-feelings --stage classification --base-model "ada/tiny-films"' in body
    assert "The reviews hold remains of HTML." in body
    assert "learning_curves.png" in body
    for foreign in ("accuracy", "label", "split (", "classifier = "):
        assert foreign not in body.replace("label_smoothing", ""), foreign


def test_unknown_things_are_not_filled_in() -> None:
    recipe = stage_recipe(hub_id=None, files=["a.txt"], language=[], citation=None, flaws=[])
    local = ModelIdentity(id="some-folder", revision=None, fingerprint=sha256("base"))
    recipe = recipe.model_copy(update={"license": None, "base_model": "some-folder"})
    source = SplitIdentity(rows=5, fingerprint=sha256("x"), source="file:a.txt", duplicates=0, truncated=0)
    run = stage_run(recipe, base_model=local, data={"train": source, "validation": source})
    card = render_masked_lm(run)
    values = front_matter(card)
    assert not {"language", "license", "base_model", "base_model_relation", "datasets"} & values.keys()
    assert values["model-index"][0]["name"] == "tiny-feelings-masked-lm"
    dataset = values["model-index"][0]["results"][0]["dataset"]
    assert dataset == {"type": "films", "name": "Reviews of films", "config": "plain", "split": "held-out share"}
    assert [finding.severity for finding in validate(card)] == ["warning", "warning"]
    assert "The language of its training texts is not recorded." in card
    assert "The author of this model has chosen no licence for it." in card


def test_only_settings_of_the_stage_are_marked_as_set() -> None:
    overrides = {"adaptation.training.weight_decay": 0.5, "training.learning_rate": 0.1}
    recipe = stage_recipe().with_overrides(overrides)
    card = render_masked_lm(stage_run(recipe, overrides=overrides))
    assert "| weight_decay | 0.5 | set for this run |" in card
    assert "| learning_rate | 5e-05 | recipe |" in card


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe_digest": sha256("another")}, "does not have the digest"),
        ({"stage": "classification"}, "does not have the digest"),
        ({"history": stage_run().history[:1]}, "exported step 80 is not in the run's history"),
        (
            {"exported": {"validation_before_export": {"loss": 2.0, "perplexity": math.exp(2.0)}}},
            "not those of the history's exported row",
        ),
        ({"exported": {"validation": {"loss": 2.25, "perplexity": 9.0}}}, "is not e to the loss"),
        ({"exported": {"validation": {"loss": 2.25}}}, "is not e to the loss"),
    ],
)
def test_a_record_that_contradicts_itself_gets_no_card(changes: dict[str, Any], message: str) -> None:
    run = stage_run()
    if isinstance(changes.get("exported"), dict):
        changes = {"exported": run.exported.model_copy(update=changes["exported"])}
    with pytest.raises(CardError, match=message):
        render_masked_lm(run.model_copy(update=changes))


def test_a_repository_id_must_be_one() -> None:
    with pytest.raises(UsageError, match="is no id of a repository"):
        render_masked_lm(stage_run(), repo_id="films")


def test_a_card_of_one_task_must_not_hold_results_of_another() -> None:
    card = render_masked_lm(stage_run(), repo_id=REPO)
    (finding,) = (f for f in validate(card.replace("type: fill-mask", "type: text-classification")))
    assert "these models have 'fill-mask'" in finding.message
    findings = validate(card.replace("pipeline_tag: fill-mask", "pipeline_tag: text-classification"))
    assert ["these models have 'text-classification'" in finding.message for finding in findings] == [True]
    (finding,) = validate(card.replace("pipeline_tag: fill-mask", "pipeline_tag: fill_mask"))[:1]
    assert "did you mean 'fill-mask'?" in finding.message


# The run folder of a stage


@pytest.fixture
def stage_folder(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """``RUN/masked_lm`` as training leaves it, around a real tiny language model, with its card written."""
    folder = tmp_path / "run" / "masked_lm"
    checkpoint = folder / "checkpoint"
    config = AutoConfig.from_pretrained(tiny_model_dir)
    torch.manual_seed(0)
    BertForMaskedLM(config).save_pretrained(checkpoint)
    AutoTokenizer.from_pretrained(tiny_model_dir).save_pretrained(checkpoint)
    run = stage_run(fingerprint=sha256_file(checkpoint / "model.safetensors"))
    run.save(folder / "run.json")
    draw_learning_curves(run, folder / "learning_curves.png")
    (checkpoint / ".env").write_text("SECRET", encoding="utf-8")
    write_card(folder)
    return folder


def test_the_card_command_writes_and_checks_the_card(stage_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (stage_folder / "README.md").unlink()
    for arguments in (["card", str(stage_folder)], ["card", str(stage_folder), "--check"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert not stopped.value.code, capsys.readouterr().err
    text = (stage_folder / "README.md").read_text(encoding="utf-8")
    assert text == render_folder(stage_folder)
    assert 'pipeline("fill-mask", model="checkpoint")' in text
    (stage_folder / "README.md").write_text(text.replace("9.4877", "8.4877"), encoding="utf-8")
    with pytest.raises(CardError, match=r"is not what its records give, from line \d+ on"):
        check_card(stage_folder)


def test_the_example_of_the_card_runs(stage_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = render_folder(stage_folder)
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(stage_folder)
    printed: list[Any] = []
    exec(program, {"print": printed.append})
    assert len(printed[0]) == 5
    assert {"score", "token_str", "sequence"} <= printed[0][0].keys()


def test_the_plan_holds_the_model_its_card_and_its_run(stage_folder: Path) -> None:
    (stage_folder / "eval.json").write_text("{}", encoding="utf-8")
    for model in (stage_folder, stage_folder / "checkpoint"):
        planned = plan(str(model), REPO)
        assert {file.path for file in planned.files} == {
            "README.md",
            "learning_curves.png",
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
            "run.json",
        }
        assert set(planned.left_out) == {".env", "eval.json"}
        checks = preflight(planned)
        assert "is what the run exported and measured" in " ".join(checks)
        assert "config.json is of a BertForMaskedLM, and its tokenizer has a mask token" in checks


def change_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("card", "is not what its records give"),
        ("no card", "has no card"),
        ("no picture", r"learning_curves\.png is missing"),
        ("weights", "is not the file that the run exported and measured"),
        ("classifier", "names no masked language model in architectures"),
        ("no architecture", "names no masked language model in architectures"),
        ("code", "asks its users to run code"),
        ("no mask token", "names no mask token"),
        ("no tokenizer", r"has no tokenizer\.json"),
        ("no run", r"has no run\.json"),
    ],
)
def test_the_preflight_refuses_what_does_not_hold(stage_folder: Path, what: str, message: str) -> None:
    checkpoint = stage_folder / "checkpoint"
    match what:
        case "card":
            path = stage_folder / "README.md"
            path.write_text(path.read_text(encoding="utf-8").replace("9.4877", "8.4877"), encoding="utf-8")
        case "no card":
            (stage_folder / "README.md").unlink()
        case "no picture":
            (stage_folder / "learning_curves.png").unlink()
        case "weights":
            with (checkpoint / "model.safetensors").open("r+b") as file:
                file.seek(-1, 2)
                file.write(b"\1")
        case "classifier":
            change_json(checkpoint / "config.json", architectures=["BertForSequenceClassification"])
        case "no architecture":
            change_json(checkpoint / "config.json", architectures=[])
        case "code":
            change_json(checkpoint / "config.json", auto_map={"AutoModel": "x.Y"})
        case "no mask token":
            change_json(checkpoint / "tokenizer_config.json", mask_token=None)
        case "no tokenizer":
            (checkpoint / "tokenizer.json").unlink()
        case _:
            (stage_folder / "run.json").unlink()
    with pytest.raises(EmohubError, match=message):
        preflight(plan(str(stage_folder), REPO))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """The loopback Hub for this process."""
    with serve_hub() as hub, reachable(hub, monkeypatch, tmp_path / "cache"):
        hub.add_user(TOKEN, "ada")
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub


def test_a_stage_is_published_by_itself(hub: Hub, stage_folder: Path) -> None:
    published = publish(plan(str(stage_folder), REPO))
    held = hub.repos[REPO].head.files
    assert set(held) - {".gitattributes"} == set(published.uploaded)
    assert "eval.json" not in held
    card = held["README.md"].content.decode()
    assert card == render_folder(stage_folder, repo_id=REPO)
    assert yaml.safe_load(card.split("---\n")[1])["pipeline_tag"] == "fill-mask"
    assert publish(plan(str(stage_folder), REPO)).commit is None


def test_the_run_around_a_stage_needs_an_evaluation_all_the_same(stage_folder: Path) -> None:
    run = stage_folder.parent
    shutil.copytree(stage_folder / "checkpoint", run / "checkpoint")
    make_run_record().save(run / "run.json")
    with pytest.raises(EmohubError, match=r"has no eval\.json"):
        plan(str(run), REPO)

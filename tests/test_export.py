"""Models as ONNX files: the same answers in ONNX Runtime and Transformers.js, tied to the weights, whole or not."""

import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

import emohub.export
from emohub.card import render_folder, validate
from emohub.errors import DataError, ModelError, PublishError, UsageError
from emohub.export import ComparedTexts, export, texts_of_file, texts_of_run
from emohub.inference import Classifier, onnx_engine
from emohub.inference.engine import Batch
from emohub.inference.onnx_engine import OnnxEngine
from emohub.inference.onnx_graph import OPSET
from emohub.inference.onnx_int8 import quantize
from emohub.publish import plan, preflight, publish
from emohub.record import ExportRecord
from tests.conftest import LABELS, Architecture, MakeModel, made_rows, write_rows
from tests.hub import serve_hub
from tests.publishing import REPO, TOKEN, make_hub, make_run, reachable, write_records

ROOT = Path(__file__).resolve().parent.parent
TEXTS = [text for text, _ in made_rows(60, seed=3)]
HARD = ["", "so", "?!", "happy " * 100]
"""Nothing, little, no word that the tokenizer knows, and more than the model reads."""


@pytest.fixture(scope="module")
def exported(make_tiny_model: MakeModel) -> Callable[[Architecture], Path]:
    """``exported(architecture)`` → a model's folder with both ONNX files, each made once. Read only."""
    made: dict[str, Path] = {}

    def make(architecture: Architecture) -> Path:
        if architecture not in made:
            made[architecture] = make_tiny_model(architecture=architecture)
            export(made[architecture], int8=True, compared=ComparedTexts(TEXTS, "made rows"))
        return made[architecture]

    return make


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta"])
def test_onnx_answers_as_torch_does_for_each_family(
    exported: Callable[[Architecture], Path], architecture: Architecture
) -> None:
    folder = exported(architecture)
    torch = Classifier.from_pretrained(folder, engine="torch")
    asked = TEXTS + HARD
    expected = torch.predict_proba(asked)
    for engine, apart in (("onnx", 1e-5), ("onnx-int8", 0.05)):
        classifier = Classifier.from_pretrained(folder, engine=engine)
        assert classifier.engine == engine
        assert (classifier.labels, classifier.max_length) == (torch.labels, torch.max_length)
        assert (classifier.num_parameters, classifier.device) == (torch.num_parameters, "cpu")
        assert classifier.identity() == torch.identity()
        np.testing.assert_allclose(classifier.predict_proba(asked), expected, atol=apart)
        assert classifier.classify("so happy").label == torch.classify("so happy").label


@pytest.mark.parametrize("engine", ["onnx", "onnx-int8"])
def test_an_answer_does_not_depend_on_its_company(exported: Callable[[Architecture], Path], engine: str) -> None:
    classifier = Classifier.from_pretrained(exported("bert"), engine=engine)
    together = classifier.predict_proba(TEXTS + HARD)
    backwards = classifier.predict_proba((TEXTS + HARD)[::-1])[::-1]
    alone = np.concatenate([classifier.predict_proba([text]) for text in TEXTS + HARD])
    np.testing.assert_allclose(backwards, together, atol=1e-6)
    np.testing.assert_allclose(alone, together, atol=1e-6)


def test_a_lone_batch_is_divided_where_it_is_worth_it_and_several_go_side_by_side(
    exported: Callable[[Architecture], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, bool]] = []
    compute = OnnxEngine._logits

    def see(engine: OnnxEngine, batch: Batch, threads: int) -> NDArray[np.float32]:
        seen.append((threads, threading.current_thread() is threading.main_thread()))
        return compute(engine, batch, threads)

    monkeypatch.setattr(OnnxEngine, "_logits", see)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    classifier = Classifier.from_pretrained(exported("bert"), engine="onnx")
    alone = classifier.predict_proba(TEXTS[:1])
    assert seen == [(1, True)]
    seen.clear()
    together = classifier.predict_proba(TEXTS + HARD)
    assert len(seen) > 3
    assert set(seen) == {(1, False)}
    seen.clear()
    monkeypatch.setattr(onnx_engine, "_WORTH_DIVIDING", {"onnx": 1})
    divided = Classifier.from_pretrained(exported("bert"), engine="onnx").predict_proba(TEXTS[:1])
    assert seen == [(3, True)]
    np.testing.assert_allclose([alone[0], divided[0]], [together[0]] * 2, atol=1e-6)


def test_the_graph_is_what_the_libraries_of_the_hub_expect(exported: Callable[[Architecture], Path]) -> None:
    for architecture, names in (
        ("bert", ["input_ids", "attention_mask", "token_type_ids"]),
        ("distilbert", ["input_ids", "attention_mask"]),
    ):
        for file in ("model.onnx", "model_quantized.onnx"):
            session = onnxruntime.InferenceSession(exported(architecture) / "onnx" / file)
            assert [each.name for each in session.get_inputs()] == names
            assert {tuple(each.shape) for each in session.get_inputs()} == {("batch_size", "sequence_length")}
            assert [(each.name, each.shape) for each in session.get_outputs()] == [("logits", ["batch_size", 3])]
    graph = (exported("bert") / "onnx" / "model.onnx").read_bytes()
    assert str(ROOT).encode() not in graph
    assert b"site-packages" not in graph  # the exporter notes the lines of code that made each node


def test_integer_products_are_the_float_ones_within_their_rounding() -> None:
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(64, 16)).astype(np.float32)
    weights[:, 3] *= 1000  # a column, and below a row, that one scale for all would drown the others with
    weights[:, 5] = 0
    make = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
            "one_layer",
            [make("x", onnx.TensorProto.FLOAT, ["n", "m", 64])],
            [make("y", onnx.TensorProto.FLOAT, ["n", "m", 16])],
            [onnx.numpy_helper.from_array(weights, "w")],
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=10,
    )
    quantize(graph)
    onnx.checker.check_model(graph.SerializeToString())
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    rows = generator.normal(size=(3, 7, 64)).astype(np.float32)
    rows[1, 2] *= 1e4
    rows[2, 0] = 0
    (products,) = session.run(None, {"x": rows})
    # Each factor is off by at most half a step, a step being 1/127 of the largest in its row or column.
    steps = np.abs(rows).max(axis=-1, keepdims=True) / 127, np.abs(weights).max(axis=0) / 127
    most = 0.5 * steps[0] * np.abs(weights).sum(axis=0) + 0.5 * np.abs(rows).sum(axis=-1, keepdims=True) * steps[1]
    most = most + 64 * 0.25 * steps[0] * steps[1]
    assert (np.abs(products - rows @ weights) <= 1.001 * most + 1e-6).all()
    assert not products[2, 0].any()
    assert not products[..., 5].any()


def test_the_record_ties_the_files_to_the_weights(exported: Callable[[Architecture], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(exported("bert"), tmp_path / "model")
    record = ExportRecord.load(folder / "onnx" / "export.json")
    classifier = Classifier.from_pretrained(folder, engine="onnx")
    assert record.model.fingerprint == classifier.fingerprint
    assert (record.texts, record.source) == (len(TEXTS), "made rows")
    assert [file.path for file in record.files] == ["onnx/model.onnx", "onnx/model_quantized.onnx"]
    assert record.files[0].max_difference < 1e-5 < record.files[1].max_difference
    assert "packages" in record.model_dump()
    with (folder / "model.safetensors").open("ab") as weights:
        weights.write(b"\0")
    with pytest.raises(ModelError, match="made from other weights than lie beside them; write them again with"):
        Classifier.from_pretrained(folder, engine="onnx")


def test_the_same_weights_give_the_same_bytes_and_what_is_not_written_again_goes(
    exported: Callable[[Architecture], Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(exported("bert"), tmp_path / "model")
    (folder / "onnx" / "notes.txt").write_text("mine")
    record = export(folder)
    assert (folder / "onnx" / "model.onnx").read_bytes() == (exported("bert") / "onnx" / "model.onnx").read_bytes()
    assert sorted(path.name for path in (folder / "onnx").iterdir()) == ["export.json", "model.onnx", "notes.txt"]
    assert record.source == f"{len(emohub.export.SENTENCES)} sentences made for this check"
    assert not list(folder.glob(".export-*"))


@pytest.mark.parametrize(("engine", "says"), [("onnx", "in a probability"), ("onnx-int8", "the label of the original")])
def test_a_graph_that_answers_otherwise_gets_no_name(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, says: str
) -> None:
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    write = emohub.export._write_graphs

    def damage(checkpoint, made, engines, report) -> None:
        write(checkpoint, made, engines, report)
        path = made / ("onnx/model.onnx" if engine == "onnx" else "onnx/model_quantized.onnx")
        graph = onnx.load(path)
        graph.graph.node[-1].output[0] = "true"
        graph.graph.node.append(onnx.helper.make_node("Add", ["true", "wrong"], ["logits"]))
        graph.graph.initializer.append(onnx.numpy_helper.from_array(np.array([9, 0, 0], np.float32), "wrong"))
        onnx.save(graph, path)

    monkeypatch.setattr("emohub.export._write_graphs", damage)
    with pytest.raises(ModelError, match=says):
        export(folder, int8=True)
    assert not (folder / "onnx").exists()
    assert not list(folder.glob(".export-*"))


def test_texts_to_compare_come_from_a_file_or_from_the_run(
    tiny_model_dir: Path, made_data_dir: Path, tmp_path: Path
) -> None:
    file = write_rows(tmp_path / "rows.csv", made_rows(5, seed=1))
    assert texts_of_file(file, "text") == ComparedTexts([text for text, _ in made_rows(5, seed=1)], "file:rows.csv")
    with pytest.raises(DataError, match="no column 'review'"):
        texts_of_file(file, "review")
    assert texts_of_run(tiny_model_dir) is None  # no records
    write_records(tmp_path, tiny_model_dir / "model.safetensors")
    assert texts_of_run(tmp_path) is None  # of a corpus that cannot be reached
    with pytest.raises(DataError):
        texts_of_run(tmp_path, tmp_path)


def test_what_cannot_be_exported_or_run_is_said_in_a_sentence(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="ada/tiny is not a model on this machine"):
        export("ada/tiny")
    with pytest.raises(ModelError, match=r"has no onnx/model_quantized.onnx; write it with .*--int8`"):
        Classifier.from_pretrained(tiny_model_dir, engine="onnx-int8")
    with pytest.raises(UsageError, match="computes on the CPU and not on cuda"):
        Classifier.from_pretrained(tiny_model_dir, engine="onnx", device="cuda")
    folder = shutil.copytree(tiny_model_dir, tmp_path / "damaged")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match=r"model.onnx of damaged cannot be loaded \(.*\); export or fetch it again"):
        Classifier.from_pretrained(folder, engine="onnx")
    for package in ("onnxruntime", "onnxscript"):
        monkeypatch.setitem(__import__("sys").modules, package, None)
        with pytest.raises(UsageError, match=rf"package {package}; install it with pip install 'emohub\[onnx\]'"):
            export(tiny_model_dir)
        monkeypatch.undo()


@pytest.mark.parametrize(
    ("inputs", "output", "says"),
    [
        (["input_ids", "pixels"], ("logits", 3), "asks for pixels"),
        (["input_ids"], ("scores", 3), "gives no logits"),
        (["input_ids"], ("logits", 2), "gives 2 logits for the 3 labels of the configuration"),
    ],
)
def test_a_graph_of_another_kind_is_refused(
    tiny_model_dir: Path, tmp_path: Path, inputs: list[str], output: tuple[str, int], says: str
) -> None:
    name, width = output
    make = onnx.helper.make_tensor_value_info
    nodes = [
        onnx.helper.make_node("Cast", ["input_ids"], ["floats"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("MatMul", ["floats", "w"], [name]),
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "foreign",
        [make(each, onnx.TensorProto.INT64, ["n", 4]) for each in inputs],
        [make(name, onnx.TensorProto.FLOAT, ["n", width])],
        [onnx.numpy_helper.from_array(np.zeros((4, width), np.float32), "w")],
    )
    folder = shutil.copytree(tiny_model_dir, tmp_path / "foreign")
    (folder / "onnx").mkdir()
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=10),
        folder / "onnx" / "model.onnx",
    )
    with pytest.raises(ModelError, match=f"onnx/model.onnx of foreign {says}"):
        Classifier.from_pretrained(folder, engine="onnx")


SCRIPT = """
import { env, pipeline } from "@huggingface/transformers";
const [models, dtype, ...texts] = process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = models;
const classifier = await pipeline("text-classification", "model", { dtype });
const answers = [];
for (const text of texts) answers.push(await classifier(text, { top_k: null }));
console.log(JSON.stringify(answers));
"""


@pytest.mark.parametrize(("dtype", "engine"), [("fp32", "onnx"), ("q8", "onnx-int8")])
def test_transformers_js_gives_the_same_labels_and_probabilities(
    exported: Callable[[Architecture], Path], tmp_path: Path, dtype: str, engine: str
) -> None:
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "@huggingface" / "transformers").is_dir():
        pytest.skip("`npm install --ignore-scripts @huggingface/transformers` was not run here")
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model").symlink_to(exported("bert"))
    (tmp_path / "classify.mjs").write_text(SCRIPT)
    asked = TEXTS[:8]
    done = subprocess.run(
        [node, "classify.mjs", "models/", dtype, *asked], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    classifier = Classifier.from_pretrained(exported("bert"), engine=engine)
    assert classifier.labels == LABELS
    for answer, expected in zip(json.loads(done.stdout), classifier.predict_proba(asked), strict=True):
        scores = {each["label"]: each["score"] for each in answer}
        assert answer[0]["label"] == LABELS[int(expected.argmax())]
        np.testing.assert_allclose([scores[label] for label in LABELS], expected, atol=1e-4)


@pytest.fixture
def run_with_onnx(exported: Callable[[Architecture], Path], tmp_path: Path) -> Path:
    """A run that is ready to be published, its model exported."""
    run = make_run(tmp_path / "run", exported("bert"))
    (run / "README.md").write_text(render_folder(run), encoding="utf-8")
    return run


def test_the_files_go_along_when_they_are_of_the_weights(run_with_onnx: Path) -> None:
    (run_with_onnx / "checkpoint" / "onnx" / "notes.txt").write_text("mine")
    planned = plan(str(run_with_onnx), REPO)
    going = {file.path for file in planned.files if file.path.startswith("onnx/")}
    assert going == {"onnx/model.onnx", "onnx/model_quantized.onnx", "onnx/export.json"}
    assert "onnx/notes.txt" in planned.left_out
    assert "onnx/" not in planned.left_out
    made = "onnx/model.onnx, onnx/model_quantized.onnx: made from model.safetensors, and checked against it"
    assert made in preflight(planned)


# The client's own upload over LFS uses an argument that httpx2 has deprecated.
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning:httpx2")
def test_published_files_are_fetched_for_the_engine_that_runs_them(
    run_with_onnx: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with serve_hub() as hub, reachable(make_hub(hub), monkeypatch, tmp_path / "cache"):
        publish(plan(str(run_with_onnx), REPO))
        assert Classifier.from_pretrained(REPO, engine="torch").engine == "torch"
        fetched = {path.name for path in (tmp_path / "cache").rglob("*.onnx")}
        assert fetched == set()
        for engine, file in (("onnx", "model.onnx"), ("onnx-int8", "model_quantized.onnx")):
            there = Classifier.from_pretrained(REPO, engine=engine)
            here = Classifier.from_pretrained(run_with_onnx, engine=engine)
            assert there.predict_proba(TEXTS).tobytes() == here.predict_proba(TEXTS).tobytes()
            fetched |= {file}
            assert {path.name for path in (tmp_path / "cache").rglob("*.onnx")} == fetched


def test_files_of_other_weights_or_other_bytes_do_not_leave(run_with_onnx: Path) -> None:
    folder = run_with_onnx / "checkpoint" / "onnx"
    record = ExportRecord.load(folder / "export.json")
    (folder / "model.onnx").write_bytes((folder / "model_quantized.onnx").read_bytes())
    with pytest.raises(PublishError, match=r"onnx/model.onnx is not what onnx/export.json says was exported"):
        preflight(plan(str(run_with_onnx), REPO))
    (folder / "model_quantized.onnx").unlink()
    record.model_copy(update={"files": record.files[1:]}).save(folder / "export.json")
    (run_with_onnx / "README.md").write_text(render_folder(run_with_onnx), encoding="utf-8")
    with pytest.raises(PublishError, match=r"onnx/model.onnx is not what"):
        preflight(plan(str(run_with_onnx), REPO))
    stale = record.model_copy(update={"model": record.model.model_copy(update={"fingerprint": "0" * 64})})
    stale.save(folder / "export.json")
    (run_with_onnx / "README.md").write_text(render_folder(run_with_onnx), encoding="utf-8")
    assert "onnx" not in (run_with_onnx / "README.md").read_text(encoding="utf-8").lower()
    with pytest.raises(PublishError, match="the ONNX files were made from other weights"):
        preflight(plan(str(run_with_onnx), REPO))
    (folder / "export.json").unlink()  # nothing says what they are of, so they stay here
    assert not [file for file in plan(str(run_with_onnx), REPO).files if file.path.startswith("onnx/")]


@pytest.mark.parametrize(
    ("hidden", "kind"), [(f"hf_{'Q7' * 17}", "a Hugging Face token"), ("/home/ada/model.py", "a folder of a person")]
)
def test_a_graph_is_read_for_what_must_not_leave(run_with_onnx: Path, hidden: str, kind: str) -> None:
    path = run_with_onnx / "checkpoint" / "onnx" / "model.onnx"
    graph = onnx.load(path)
    graph.graph.node[0].doc_string = f"made by {hidden}"
    onnx.save(graph, path)
    with pytest.raises(PublishError, match=f"onnx/model.onnx, the graph holds {kind}"):
        preflight(plan(str(run_with_onnx), REPO))
    for content in (b"\x80\x04.", b"\x0f\x01", path.read_bytes()[:-3]):
        path.write_bytes(content)
        with pytest.raises(PublishError, match=r"onnx/model.onnx holds (a pickle|what is no ONNX file)"):
            preflight(plan(str(run_with_onnx), REPO))


def test_the_card_says_how_to_use_them_and_what_they_cost(run_with_onnx: Path) -> None:
    card = render_folder(run_with_onnx, repo_id="ada/feelings")
    record = ExportRecord.load(run_with_onnx / "checkpoint" / "onnx" / "export.json")
    small = record.files[1]
    cells = f"{small.size_bytes / 1e6:.1f} | {small.agreement:.2%} | {small.max_difference:.1g} |"
    assert f"| `onnx/model_quantized.onnx` | int8 | {cells}" in card
    assert f"on {len(TEXTS)} texts (made rows):" in card
    assert 'Classifier.from_pretrained("ada/feelings", engine="onnx-int8")' in card
    assert 'await pipeline("text-classification", "ada/feelings", { dtype: "q8" })' in card
    assert not [finding for finding in validate(card) if finding.severity == "error"]
    shutil.rmtree(run_with_onnx / "checkpoint" / "onnx")
    assert "onnx" not in render_folder(run_with_onnx, repo_id="ada/feelings").lower()

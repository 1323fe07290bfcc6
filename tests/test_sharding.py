"""FSDP2 on two processes over gloo gives the figures and the files of two processes with a whole model each.

Accelerate offers FSDP on GPUs alone, so the processes are told that they are GPUs; all that follows is FSDP2 itself.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_train import write_recipe

from emohub.recipe import Corpus
from emohub.record import RunRecord

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = """
import sys
from accelerate import DistributedType, PartialState
from emohub.cli import main
PartialState(cpu=True)
if sys.argv.pop(1) == "fsdp":
    PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
main(["train", *sys.argv[1:]])
"""
FSDP = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_TRANSFORMER_CLS_TO_WRAP": "BertLayer",
}
"""What ``accelerate launch`` makes of configs/accelerate/fsdp2.yaml."""


def train(recipe: Path, run: Path, kind: str, *options: str) -> RunRecord:
    program = recipe.parent / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", str(program)]
    done = subprocess.run(
        [*launcher, kind, str(recipe), "--output-dir", str(run), *options],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "ACCELERATE_USE_CPU": "true",
            **(FSDP if kind == "fsdp" else {}),
        },
    )
    assert done.returncode == 0, done.stderr
    return RunRecord.load(run / "run.json")


def test_sharded_training_measures_and_exports_what_whole_training_does(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path, made_corpus, tiny_base_dir)
    still = ("--set", "num_train_epochs=4", "--set", "dropout=0.0", "--set", "attention_dropout=0.0")
    whole, sharded = (train(recipe, tmp_path / kind, kind, *still) for kind in ("ddp", "fsdp"))
    for one, other in zip(whole.history, sharded.history, strict=True):
        assert other.metrics == one.metrics
        assert other.training_loss == pytest.approx(one.training_loss, abs=1e-4)
        assert other.validation_loss == pytest.approx(one.validation_loss, abs=1e-4)
    assert sharded.exported.step == whole.exported.step
    assert sharded.exported.parameters == whole.exported.parameters
    assert sharded.exported.validation == pytest.approx(sharded.exported.validation_before_export, abs=1e-6)
    assert whole.history[-1].validation_loss < whole.history[0].validation_loss - 0.1

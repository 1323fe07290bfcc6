"""The launch configurations are read by Accelerate's own launcher, and the Slurm script is run by a real shell."""

import itertools
import os
import re
import signal
import subprocess
import time
from argparse import Namespace
from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DistributedType
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

from docs import generate_scaling
from docs.parts import parts
from tests.test_inference_benchmark import contender, result

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = sorted((ROOT / "configs" / "accelerate").glob("*.yaml"))
SBATCH = ROOT / "configs" / "slurm" / "train.sbatch"
CLASSIFY_SBATCH = ROOT / "configs" / "slurm" / "classify.sbatch"
EXPECTED = {
    "cpu-2": (DistributedType.MULTI_GPU, 2, 1),
    "gpus": (DistributedType.MULTI_GPU, 4, 1),
    "fsdp2": (DistributedType.FSDP, 4, 1),
    "zero2": (DistributedType.DEEPSPEED, 4, 1),
    "two-machines": (DistributedType.MULTI_GPU, 8, 2),
}
"""Kind, processes and machines of each configuration."""


def launch_arguments(config: Path, *options: str) -> Namespace:
    """What ``accelerate launch`` makes of a configuration."""
    command = ["--config_file", str(config), *options, "-m", "emohub.train", "minilm-emotion"]
    return _validate_launch_command(launch_command_parser().parse_args(command))[0]


def test_every_configuration_is_expected() -> None:
    assert {path.stem for path in CONFIGS} == set(EXPECTED)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_a_configuration_is_what_it_says(config: Path) -> None:
    loaded = load_config_from_file(str(config))
    assert (loaded.distributed_type, loaded.num_processes, loaded.num_machines) == EXPECTED[config.stem]
    command = f"accelerate launch --config_file configs/accelerate/{config.name}"
    assert command in config.read_text(encoding="utf-8")


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_the_launcher_that_starts_several_processes_takes_it(
    config: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accelerate.utils.launch.is_port_in_use", lambda port: False)
    arguments = launch_arguments(config)
    kind = EXPECTED[config.stem][0]
    assert [bool(arguments.multi_gpu), bool(arguments.use_fsdp), bool(arguments.use_deepspeed)] == [
        kind == DistributedType.MULTI_GPU,
        kind == DistributedType.FSDP,
        kind == DistributedType.DEEPSPEED,
    ]
    assert "were not passed" not in capfd.readouterr().err  # no value is left to a default that it warns about
    if kind == DistributedType.DEEPSPEED:
        arguments.deepspeed_fields_from_accelerate_config = ""
        environment = prepare_deepspeed_cmd_env(arguments)[1]
        assert environment["ACCELERATE_DEEPSPEED_ZERO_STAGE"] == "2"
    else:
        environment = prepare_multi_gpu_env(arguments)
        processes, machines = EXPECTED[config.stem][1:]
        assert int(arguments.nproc_per_node) == processes // machines
    if kind == DistributedType.FSDP:
        assert environment["FSDP_VERSION"] == "2"
        assert environment["FSDP_STATE_DICT_TYPE"] == "FULL_STATE_DICT"
        assert environment["FSDP_CPU_RAM_EFFICIENT_LOADING"] == "false"


def test_each_machine_gets_its_rank_and_the_address_of_the_first() -> None:
    arguments = launch_arguments(
        ROOT / "configs/accelerate/two-machines.yaml", "--main_process_ip", "10.0.0.7", "--machine_rank", "1"
    )
    prepare_multi_gpu_env(arguments)
    assert (arguments.node_rank, arguments.nnodes, arguments.rdzv_endpoint) == (1, "2", "10.0.0.7:29500")


# Slurm ---------------------------------------------------------------------------------------------------------------

STUBS = {
    "srun": """
export SLURM_NODEID=1 SLURM_GPUS_ON_NODE=4
exec "$@"
""",
    "scontrol": """
echo "$*" >> scontrol.log
if [ "$1" = show ]; then printf 'node-a\\nnode-b\\n'; fi
""",
}


def start_sbatch(folder: Path, training: str) -> subprocess.Popen[str]:
    """The batch script as the first node runs it, with stand-ins for Slurm and for ``accelerate``."""
    for name, script in {**STUBS, "accelerate": f'printf "%s\\n" "$@" > launched.log\n{training}\n'}.items():
        place = folder / ".venv/bin" if name == "accelerate" else folder / "bin"
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(f"#!/bin/bash\n{script}", encoding="utf-8")
        (place / name).chmod(0o755)
    return subprocess.Popen(
        ["bash", str(SBATCH), "minilm-emotion", "run", "--set", "seed=3"],
        env={
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "SLURM_SUBMIT_DIR": str(folder),
            "SLURM_JOB_NODELIST": "node-[a-b]",
            "SLURM_JOB_ID": "77",
            "SLURM_NNODES": "2",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_batch_script_launches_with_every_gpu_of_every_node(tmp_path: Path) -> None:
    batch = start_sbatch(tmp_path, "mkdir run; echo {} > run/run.json")
    said, _ = batch.communicate(timeout=60)
    assert batch.returncode == 0, said
    launched = (tmp_path / "launched.log").read_text(encoding="utf-8").split()
    assert launched[:3] == ["launch", "--config_file", "configs/accelerate/two-machines.yaml"]
    options = {name: value for name, value in itertools.pairwise(launched) if name.startswith("--")}
    assert options["--num_machines"] == "2"
    assert options["--num_processes"] == "8"
    assert options["--machine_rank"] == "1"
    assert options["--main_process_ip"] == "node-a"
    script = launched[launched.index("-m") :]
    assert script == ["-m", "emohub.train", "minilm-emotion", "--output-dir", "run", "--set", "seed=3"]
    launch_command_parser().parse_args(launched[1:])
    assert "requeue" not in (tmp_path / "scontrol.log").read_text(encoding="utf-8")


def test_a_run_that_was_stopped_queues_again_and_one_that_failed_does_not(tmp_path: Path) -> None:
    # Bash runs a trap at once only while it waits for a child.
    stopping = (
        "mkdir -p run; sleep 600 >/dev/null 2>&1 & trap 'kill $!; touch run/saved; exit 143' TERM; touch started; wait"
    )
    batch = start_sbatch(tmp_path, stopping)
    deadline = time.monotonic() + 30
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        assert batch.poll() is None
    batch.send_signal(signal.SIGTERM)
    said, _ = batch.communicate(timeout=60)
    assert batch.returncode == 0, said
    assert (tmp_path / "run/saved").exists()
    assert "requeue 77" in (tmp_path / "scontrol.log").read_text(encoding="utf-8")

    failed = tmp_path / "failed"
    failed.mkdir()
    batch = start_sbatch(failed, "exit 1")
    batch.communicate(timeout=60)
    assert batch.returncode == 1
    assert "requeue" not in (failed / "scontrol.log").read_text(encoding="utf-8")


def test_the_batch_script_makes_a_ray_cluster_of_every_node(tmp_path: Path) -> None:
    # Ray as its documentation says that it is called: what stands after -- runs on the first node.
    ray = 'printf "%s\\n" "$@" > ray.log\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'
    tools = {"srun": 'exec "$@"\n', "scontrol": STUBS["scontrol"], ".venv/bin/ray": ray}
    tools[".venv/bin/emohub"] = 'printf "%s\\n" "$@" > emohub.log\nexit 3\n'
    for name, script in tools.items():
        place = tmp_path / (name if "/" in name else f"bin/{name}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"#!/bin/bash\n{script}", encoding="utf-8")
        place.chmod(0o755)
    arguments = ["minilm-emotion", "--input", "my reviews", "--output", "out"]
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "SLURM_SUBMIT_DIR": str(tmp_path),
        "SLURM_JOB_NODELIST": "node-[a-b]",
        "SLURM_NNODES": "2",
        "SLURM_CPUS_PER_TASK": "16",
    }
    command = ["bash", str(CLASSIFY_SBATCH), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3, done.stderr  # that of emohub
    said = (tmp_path / "ray.log").read_text(encoding="utf-8").splitlines()
    cluster = ["symmetric-run", "--address", "node-a:6379", "--min-nodes", "2", "--num-cpus", "16"]
    assert said[: said.index("--")] == cluster
    asked = (tmp_path / "emohub.log").read_text(encoding="utf-8").splitlines()
    assert asked == ["classify", *arguments, "--engine", "ray", "--address", "node-a:6379"]


# The page ------------------------------------------------------------------------------------------------------------


def test_the_page_names_every_configuration_and_every_file_that_it_names_exists() -> None:
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\bconfigs/[\w./-]+\w", page))
    assert named >= {str(path.relative_to(ROOT)) for path in [*CONFIGS, SBATCH, CLASSIFY_SBATCH]}
    assert all((ROOT / name).is_file() for name in named)


def test_what_a_billion_texts_cost_is_computed_from_the_benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ROOT / "docs" / "scaling.md"
    assert parts(page.read_text(encoding="utf-8"))["billion"] == generate_scaling.billion(), "run `make readme`"
    assert f"${generate_scaling.CORE_HOUR_DOLLARS} for a core-hour" in page.read_text(encoding="utf-8")
    # 1,000 texts a second on 2 processors: a million seconds, of two processors.
    assert generate_scaling.core_hours(10**9, 1000, 2) == pytest.approx(2e6 / 3600)

    measured = result(contender("pipeline", (1.0,), (8.0,)), contender("torch-bf16", (0.2,), (4.0,)))
    measured.save(tmp_path / "inference.json")
    monkeypatch.setattr(generate_scaling, "RESULT", tmp_path / "inference.json")
    (row,) = [line for line in generate_scaling.billion().splitlines() if line.startswith("| `")]
    # 250 texts a second on one processor are 4 million seconds.
    assert row == "| `torch-bf16` | 250 | 1,000 texts | 1 | 1,111 | 44 |"

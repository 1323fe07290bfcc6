"""Nothing is lost: runs that are really killed go on, and end bit for bit as if they never had been.

``EMOHUB_TEST_KILLS`` sets how many kills the test makes; 50 were made without a difference (docs/training.md).
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file
from test_train import make_recipe, write_recipe

from emohub.errors import StoppedError, TrainingError
from emohub.recipe import Corpus, load_recipe
from emohub.record import RunRecord
from emohub.train import Progress, loop, train

KILLS = int(os.environ.get("EMOHUB_TEST_KILLS", "6"))

TRAIN = """
import os, signal, sys
from pathlib import Path
from accelerate import Accelerator
from emohub.recipe import load_recipe
from emohub.train import checkpoints, train

recipe, folder, kill_at, where = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

def die(step):
    if step == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)

if where != "step":  # inside a checkpoint's writing: amid its files, before the seal, before it has its name
    owner, hooked = {
        "files": (Accelerator, "save_state"), "seal": (checkpoints, "_seal"), "name": (checkpoints, "_sync")
    }[where]
    real = getattr(owner, hooked)
    def torn(*arguments):
        target = Path(arguments[-1])
        if f"step-{kill_at:08d}" in str(target):
            if where == "files":
                (target / "model.safetensors").write_bytes(b"half a file")
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)
    setattr(owner, hooked, torn)
train(
    load_recipe(recipe), output_dir=folder, on_progress=lambda progress: die(progress.step) if where == "step" else None
)
"""
SITTING_KEYS = {"run_id", "created", "training_seconds", "samples_per_second", "sittings"}
"""What a record says of time and sittings, and not of the training."""


def one_sitting(recipe: Path, folder: Path, kill_at: int = 0, where: str = "step") -> int:
    """Train in a process of its own that kills itself at a step; its exit status."""
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(recipe), str(folder), str(kill_at), where],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def trained_values(folder: Path) -> dict[str, object]:
    """What a record says of the training."""
    values = json.loads((folder / "run.json").read_text())
    del values["environment"]["git_commit"]  # somebody may commit while the tests run
    return {key: value for key, value in values.items() if key not in SITTING_KEYS}


@pytest.fixture(scope="module")
def recipe_file(made_corpus: Corpus, tiny_base_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two epochs of 15 steps with dropout, an evaluation every 4 steps and a checkpoint every 3."""
    path = write_recipe(tmp_path_factory.mktemp("recipe"), made_corpus, tiny_base_dir)
    settings = 'num_train_epochs = 2\ncheckpoint_steps = 3\n\n[evaluation]\neval_strategy = "steps"\neval_steps = 4\n'
    path.write_text(path.read_text().replace("num_train_epochs = 1\n", "") + settings)
    return path


@pytest.fixture(scope="module")
def undisturbed(recipe_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, never killed."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    assert one_sitting(recipe_file, folder) == 0
    assert RunRecord.load(folder / "run.json").sittings == 1
    return folder


def assert_same_run(folder: Path, undisturbed: Path) -> None:
    assert trained_values(folder) == trained_values(undisturbed)
    weights = [(each / "checkpoint" / "model.safetensors").read_bytes() for each in (folder, undisturbed)]
    assert weights[0] == weights[1]
    assert {path.name for path in folder.iterdir()} == {"run.json", "checkpoint", "learning_curves.png"}


@pytest.mark.timeout(300 + 15 * KILLS)
def test_killed_at_any_step_a_run_ends_as_if_it_had_not_been(
    recipe_file: Path, undisturbed: Path, tmp_path: Path
) -> None:
    generator = random.Random(KILLS)
    killed, runs = 0, 0
    while killed < KILLS:
        folder = tmp_path / f"run-{runs}"
        # Kills in one run: at growing steps, so that each is reached; every third within a checkpoint's writing.
        steps = sorted(generator.sample(range(1, 31), k=min(3, KILLS - killed)))
        for number, step in enumerate(steps):
            where = "step" if number % 3 else generator.choice(["files", "seal", "name"])
            at = step if where == "step" else min(30, 3 * -(-step // 3))
            killed += one_sitting(recipe_file, folder, at, where) == -signal.SIGKILL
        assert one_sitting(recipe_file, folder) == 0
        assert_same_run(folder, undisturbed)
        runs += 1
    assert killed >= KILLS
    print(f"{killed} kills in {runs} runs, no difference")


def test_a_torn_checkpoint_is_recognised_and_the_one_before_is_used(
    recipe_file: Path, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    assert one_sitting(recipe_file, folder, 14) == -signal.SIGKILL
    newest, before = sorted((folder / "resume").glob("step-*"), reverse=True)
    assert (newest.name, before.name) == ("step-00000012", "step-00000009")
    optimizer = newest / "optimizer.bin"
    optimizer.write_bytes(optimizer.read_bytes()[:-100])
    assert one_sitting(recipe_file, folder) == 0
    assert_same_run(folder, undisturbed)


def test_without_any_whole_checkpoint_it_starts_anew(recipe_file: Path, undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert one_sitting(recipe_file, folder, 4) == -signal.SIGKILL
    (checkpoint,) = (folder / "resume").glob("step-*")
    (checkpoint / "manifest.json").unlink()
    (folder / "resume" / ".step-00000006.writing").mkdir()
    assert one_sitting(recipe_file, folder) == 0
    assert_same_run(folder, undisturbed)


def test_a_run_of_something_else_is_refused_with_the_difference(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, checkpoint_steps=2)
    folder = tmp_path / "run"

    def stop(progress: Progress) -> None:
        if progress.step == 5:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(StoppedError, match=r"stopped after step 5 of 30, and saved; .*--output-dir") as stopped:
        train(recipe, output_dir=folder, on_progress=stop)
    assert stopped.value.exit_code == 128 + signal.SIGTERM
    with pytest.raises(TrainingError, match=r"recipe\.training\.learning_rate: 0\.005 there, 0\.001 now.*--no-resume"):
        train(recipe, output_dir=folder, overrides={"learning_rate": 1e-3})
    assert (folder / "resume" / "step-00000005").is_dir()
    # How often it is saved does not matter to what is trained.
    steps: list[int] = []
    record = train(
        recipe.with_overrides({"checkpoint_steps": 7}),
        output_dir=folder,
        on_progress=lambda progress: steps.append(progress.step),
    )
    assert steps == list(range(6, 31))
    assert record.sittings == 2
    straight = train(recipe, output_dir=tmp_path / "straight")
    assert record.exported == straight.exported
    assert record.history == straight.history
    with pytest.raises(TrainingError, match="finished run"):
        train(recipe, output_dir=folder)


def test_no_resume_discards_what_was_begun(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, num_train_epochs=1)

    def stop(progress: Progress) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(StoppedError, match="after step 1") as stopped:
        train(recipe, output_dir=tmp_path / "run", on_progress=stop)
    assert stopped.value.exit_code == 130
    steps: list[int] = []
    record = train(
        recipe,
        output_dir=tmp_path / "run",
        overrides={"seed": 8},
        resume=False,
        on_progress=lambda progress: steps.append(progress.step),
    )
    assert steps == list(range(1, 16))
    assert record.sittings == 1


def test_two_processes_do_not_train_in_one_folder(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, num_train_epochs=1)
    refused: list[str] = []

    def second(progress: Progress) -> None:
        if progress.step == 1:
            with pytest.raises(TrainingError, match="another process is training in") as error:
                train(recipe, output_dir=tmp_path / "run")
            refused.append(str(error.value))

    train(recipe, output_dir=tmp_path / "run", on_progress=second)
    assert len(refused) == 1


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_command_saves_and_says_how_to_go_on(
    recipe_file: Path, undisturbed: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "emohub", "train", str(recipe_file), "--output-dir", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*command, "--progress", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line).get("step") == 5:
                process.send_signal(sent)
                break
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + sent, errors
    stopped = re.search(r"stopped after step (\d+) of 30, and saved", errors)
    assert stopped is not None
    assert f"--output-dir {folder}" in errors
    assert "Traceback" not in errors
    assert (folder / "resume" / f"step-{int(stopped[1]):08d}").is_dir()
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    assert_same_run(folder, undisturbed)


FULL_DISK = """
import resource, sys
from emohub.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
main(sys.argv[2:])
"""


def test_a_disk_that_takes_no_more_is_an_error_with_nothing_half_written(
    recipe_file: Path, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    assert one_sitting(recipe_file, folder, 5) == -signal.SIGKILL  # step 3 is saved
    whole = sorted(path.name for path in (folder / "resume" / "step-00000003").iterdir())
    largest = max(path.stat().st_size for path in (folder / "resume" / "step-00000003").iterdir())
    arguments = ["train", str(recipe_file), "--output-dir", str(folder), "--progress", "quiet"]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(largest // 2), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 1, done.stderr
    assert "Error: the checkpoint of step 6 cannot be written" in done.stderr
    assert "goes on from step 3" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in (folder / "resume").iterdir()) == ["lock", "started.json", "step-00000003"]
    assert sorted(path.name for path in (folder / "resume" / "step-00000003").iterdir()) == whole
    assert one_sitting(recipe_file, folder) == 0
    assert_same_run(folder, undisturbed)


def test_a_failure_after_training_loses_no_training(
    recipe_file: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patched:

        def fail(*_: object) -> None:
            raise RuntimeError("a mistake in the picture")

        patched.setattr(loop, "draw_learning_curves", fail)
        with pytest.raises(RuntimeError, match="a mistake"):
            train(load_recipe(str(recipe_file)), output_dir=folder)
    steps: list[int] = []
    train(load_recipe(str(recipe_file)), output_dir=folder, on_progress=lambda progress: steps.append(progress.step))
    assert steps == []
    assert_same_run(folder, undisturbed)


def test_time_alone_makes_checkpoints_too(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, num_train_epochs=1)
    seen: list[list[str]] = []

    def look(progress: Progress) -> None:
        seen.append(sorted(path.name for path in (tmp_path / "run" / "resume").glob("step-*")))

    train(recipe, output_dir=tmp_path / "run", checkpoint_minutes=0.0, on_progress=look)
    assert seen[0] == []
    assert seen[5] == ["step-00000004", "step-00000005"]  # the newest two


def test_a_checkpoint_holds_what_it_says(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, num_train_epochs=2)
    copies = tmp_path / "copies"

    def keep(progress: Progress) -> None:
        if progress.step == 17:
            shutil.copytree(tmp_path / "run" / "resume" / "step-00000016", copies)

    record = train(recipe, output_dir=tmp_path / "run", checkpoint_minutes=0.0, on_progress=keep)
    manifest = json.loads((copies / "manifest.json").read_text())
    assert set(manifest) == {path.name for path in copies.iterdir()} - {"manifest.json"}
    progress = json.loads((copies / "progress.json").read_text())
    assert progress["step"] == 16
    assert progress["history"] == [record.history[0].model_dump(mode="json")]
    best = load_file(copies / "best.safetensors")
    state = load_file(copies / "model.safetensors")
    assert {f"model.{name}" for name in best} == set(state)


def stop_at(step: int, *signals: signal.Signals) -> Callable[[Progress], None]:
    def stop(progress: Progress) -> None:
        if progress.step == step:
            for each in signals:
                signal.raise_signal(each)

    return stop


def test_a_folder_that_is_somebody_elses_is_left_alone(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir)
    papers = tmp_path / "documents" / "resume" / "cv.pdf"
    papers.parent.mkdir(parents=True)
    papers.write_text("ten years of practice")
    for resume in (True, False):
        with pytest.raises(TrainingError, match="exists and is not empty"):
            train(recipe, output_dir=tmp_path / "documents", resume=resume)
    assert papers.read_text() == "ten years of practice"
    with pytest.raises(TrainingError, match=r"cv\.pdf is a file and no folder"):
        train(recipe, output_dir=papers)
    with pytest.raises(TrainingError, match="cannot be made"):
        train(recipe, output_dir=tmp_path / ("x" * 300))


def test_checkpoints_of_which_nobody_knows_what_they_are_of_are_not_gone_on_from(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, num_train_epochs=1)
    folder, started = tmp_path / "run", tmp_path / "run" / "resume" / "started.json"
    steps: list[int] = []
    for damage in (lambda: started.write_text('{"torn'), lambda: started.write_text("[]")):
        with pytest.raises(StoppedError):
            train(recipe, output_dir=folder, resume=False, on_progress=stop_at(3, signal.SIGTERM))
        damage()
        with pytest.raises(TrainingError, match=r"started\.json is damaged.*--no-resume"):
            train(recipe, output_dir=folder)
    started.unlink()  # as it is when discarding a run was itself killed
    train(recipe, output_dir=folder, overrides={"seed": 8}, on_progress=lambda progress: steps.append(progress.step))
    assert steps == list(range(1, 16))


def test_damaged_checkpoints_do_not_push_out_whole_ones(recipe_file: Path, undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert one_sitting(recipe_file, folder, 5) == -signal.SIGKILL
    for step in (20, 23):
        (folder / "resume" / f"step-{step:08d}").mkdir()
    assert one_sitting(recipe_file, folder, 7) == -signal.SIGKILL
    assert sorted(path.name for path in (folder / "resume").glob("step-*")) == ["step-00000003", "step-00000006"]
    assert one_sitting(recipe_file, folder) == 0
    assert_same_run(folder, undisturbed)


def test_a_second_ctrl_c_stops_at_once_and_says_what_was_saved(
    recipe_file: Path, undisturbed: Path, tmp_path: Path
) -> None:
    folder, recipe = tmp_path / "run", load_recipe(str(recipe_file))
    with pytest.raises(
        StoppedError, match="at once after step 5 of 30, and the last step that was saved is 3"
    ) as error:
        train(recipe, output_dir=folder, on_progress=stop_at(5, signal.SIGINT, signal.SIGINT))
    assert error.value.exit_code == 130
    train(recipe, output_dir=folder)
    assert_same_run(folder, undisturbed)


def test_a_signal_after_the_last_step_or_in_the_export_loses_nothing(
    recipe_file: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, recipe = tmp_path / "run", load_recipe(str(recipe_file))
    with pytest.raises(StoppedError, match="after step 30 of 30, and saved"):
        train(recipe, output_dir=folder, on_progress=stop_at(30, signal.SIGINT))
    with monkeypatch.context() as patched:
        patched.setattr(loop, "export", lambda *_: signal.raise_signal(signal.SIGTERM))
        with pytest.raises(StoppedError, match="after step 30 of 30, and saved") as error:
            train(recipe, output_dir=folder)
    assert error.value.exit_code == 128 + signal.SIGTERM
    done = subprocess.run(
        [sys.executable, "-m", "emohub", "train", str(recipe_file), "--output-dir", str(folder), "--progress", "quiet"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == f"{folder}\n", done.stderr  # it reports, though no step was left
    assert_same_run(folder, undisturbed)


def test_a_reader_that_goes_away_stops_the_run_with_the_step_saved(
    recipe_file: Path, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "emohub", "train", str(recipe_file), "--output-dir", str(folder)]
    with subprocess.Popen(
        [*command, "--progress", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["step"] == 1
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 128 + signal.SIGTERM
    assert re.search(r"^Error: the run was stopped after step \d+ of 30, and saved", errors)
    assert "Traceback" not in errors
    train(load_recipe(str(recipe_file)), output_dir=folder)
    assert_same_run(folder, undisturbed)

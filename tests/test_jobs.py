"""Jobs are planned offline and started on the loopback Hub with the real client; the token shows up nowhere."""

import json
import os
import shlex
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import HfApi, close_session, constants

from emohub.errors import EmohubError, TrainingError, UsageError
from emohub.jobs import Job, job_plan, submit
from emohub.recipe import Corpus, Recipe, load_recipe
from tests.factories import make_recipe
from tests.hub import Bucket, Hub, serve_hub

TOKEN = "hf_AdasTokenThatNobodyMaySee"
BUCKET = "ada/jobs-artifacts"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The loopback Hub for this process; the client's waits between its retries take no time."""
    with serve_hub() as hub:
        hub.add_user(TOKEN, "ada", organizations=("lovelace",))
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr("huggingface_hub.utils._http.time", SimpleNamespace(sleep=lambda seconds: None))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        close_session()
        yield hub
        close_session()


def plan(**options: object) -> Job:
    return job_plan("minilm-sst2-teacher-1", load_recipe("minilm-sst2-teacher-1"), **{"flavor": "cpu-basic", **options})


# Plans ---------------------------------------------------------------------------------------------------------------


def test_a_plan_needs_no_network_and_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    job = plan(flavor="t4-small", timeout="90m", settings=["learning_rate=1e-4"], max_steps=7, secrets=["HF_TOKEN"])
    shown = json.dumps(job.plain())
    assert TOKEN not in shown + repr(job)
    assert job.plain()["secrets"] == ["HF_TOKEN"]
    assert job.timeout == 5400
    assert job.name.startswith("minilm-sst2-teacher-1-")
    assert job.name == plan(flavor="l4x1", settings=["learning_rate=1e-4"], max_steps=7).name  # goes on there
    assert job.name != plan(settings=["learning_rate=2e-4"], max_steps=7).name
    assert plan(output_dir=Path("runs/mine")).name == "mine"
    assert (
        "python -m emohub.train minilm-sst2-teacher-1 --max-steps 7 --set learning_rate=1e-4 --output-dir /tmp/run"
        in job.command[2]
    )


def test_the_equivalent_command_is_one_that_the_hubs_own_client_reads() -> None:
    """Its ``--dry-run`` parses everything and shows what it would start."""
    job = plan(flavor="a10g-small", timeout="2h", namespace="lovelace")
    arguments = shlex.split(job.hf_command())
    assert arguments[:3] == ["hf", "jobs", "run"]
    done = subprocess.run(
        [Path(sys.executable).with_name("hf"), *arguments[1:3], "--dry-run", *arguments[3:]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    for part in (job.name, "a10g-small", "7200s", "lovelace", "hf://buckets/lovelace/jobs-artifacts/emohub/"):
        assert part in said


@pytest.mark.parametrize(("flavor", "processes"), [("cpu-basic", 1), ("h200", 1), ("l4x1", 1), ("a10g-largex2", 2)])
def test_every_gpu_gets_a_process(flavor: str, processes: int) -> None:
    job = plan(flavor=flavor)
    assert job.processes == processes
    assert ("accelerate launch --multi_gpu --num_processes 2" in job.command[2]) == (processes == 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flavor": "t4-smal"}, "no hardware flavor 't4-smal'; did you mean 't4-small'"),
        ({"timeout": "5m"}, "'5m' is no time that a job can use"),
        ({"timeout": "tomorrow"}, "'tomorrow' is no time"),
        ({"secrets": ["HF_TOKEN=hf_x"]}, "a secret is given by the name of an environment variable"),
        ({"data_dir": Path("nowhere")}, "nowhere has no folder sst2"),
    ],
)
def test_what_no_job_can_use_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        plan(**options)
    assert "hf_x" not in str(raised.value)


def test_what_a_job_would_look_for_in_vain_is_refused_before_it_starts(
    tiny_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job has neither the models of this machine nor those that recipes make."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "models").mkdir()
    plain = load_recipe("minilm-tweet-emotion-teacher-1").model_dump(mode="json")
    for name in ("distilbert-emotion", "mine", "models/gone"):
        starts = Recipe.from_values({**plain, "base_model": name, "base_model_revision": None}, "a recipe")
        with pytest.raises(
            UsageError, match=f"the base model {name} is a model of this machine, which a job"
        ) as refused:
            job_plan("mine.toml", starts, flavor="cpu-basic")
        assert "or give its folder with --base-model" in refused.value.remedy
        job = job_plan("mine.toml", starts, flavor="cpu-basic", base_model=str(tiny_base_dir))
        assert "--base-model /job/base_model" in job.command[2]
        learns = Recipe.from_values({**plain, "distillation": {"teachers": [name]}}, "a recipe")
        with pytest.raises(UsageError, match=f"the teacher {name} is a model of this machine, which a job does not"):
            job_plan("mine.toml", learns, flavor="cpu-basic")


def test_a_corpus_of_local_files_needs_a_data_folder(made_corpus: Corpus, made_data_dir: Path) -> None:
    recipe = make_recipe(corpus=made_corpus)
    with pytest.raises(UsageError, match="read from files of this machine, which a job does not see; give --data-dir"):
        job_plan("mine.toml", recipe, flavor="cpu-basic")
    job = job_plan("mine.toml", recipe, flavor="cpu-basic", data_dir=made_data_dir)
    assert [str(mount.local) for mount in job.mounts[2:]] == [str(made_data_dir / made_corpus.data_folder)]


# The script ----------------------------------------------------------------------------------------------------------


def run_script(job: Job, root: Path, training: str) -> subprocess.CompletedProcess[str]:
    """The job's script in a real shell, its folders under ``root``; Python is a stand-in, and training ``training``."""
    for folder in ("job/source", "job/run", "bin", "tmp"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    python = root / "bin" / "python"
    python.write_text(f'#!/bin/bash\ncase "$*" in *emohub.train*) cd {root}/tmp/run; {training};; esac\n')
    python.chmod(0o755)
    script = job.command[2].replace("/job/", f"{root}/job/").replace("/tmp/run", f"{root}/tmp/run")
    return subprocess.run(
        [*job.command[:2], script],
        env={**os.environ, "PATH": f"{root / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_run_is_stored_whatever_way_training_ends(tmp_path: Path) -> None:
    job, stored = plan(), tmp_path / "job" / "run"
    stored.mkdir(parents=True)
    (stored / ".keep").touch()
    stopped = run_script(job, tmp_path, "test ! -e .keep && mkdir resume && touch resume/step-3 && exit 143")
    assert stopped.returncode == 143, stopped.stderr
    assert (stored / "resume" / "step-3").is_file()

    (tmp_path / "tmp" / "run").rename(tmp_path / "another machine")
    done = run_script(job, tmp_path, "test -e resume/step-3 && rm -r resume && echo {} > run.json")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in stored.iterdir()) == [".keep", "run.json"]


def test_a_job_that_runs_out_of_time_stops_training_first(tmp_path: Path) -> None:
    job = plan(timeout="15m")
    limit = 600
    assert f"$(({limit} - SECONDS))" in job.command[2]
    script = job.command[2].replace(f"$(({limit} - SECONDS))", "0.2")
    shortened = SimpleNamespace(command=(*job.command[:2], script))
    stopping = "trap 'touch saved; exit 143' TERM; while :; do read -t 1 <> <(:) || :; done"
    done = run_script(shortened, tmp_path, stopping)  # type: ignore[arg-type]  # only its command is used
    assert done.returncode == 143, done.stderr
    assert (tmp_path / "job" / "run" / "saved").is_file()


# Starting ------------------------------------------------------------------------------------------------------------


def test_a_job_is_started_with_its_code_and_data_in_a_private_bucket(
    hub: Hub, made_corpus: Corpus, made_data_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("one text\n", encoding="utf-8")
    recipe = make_recipe(corpus=made_corpus)
    job = job_plan("mine.toml", recipe, flavor="t4-small", data_dir=made_data_dir, texts=[texts], secrets=["HF_TOKEN"])
    started = submit(job)

    bucket = hub.buckets[BUCKET]
    assert bucket.private
    home = f"emohub/{job.name}"
    for path in ("source/emohub/jobs.py", "source/requirements.txt", "source/texts/0-texts.txt", "run/.keep"):
        assert f"{home}/{path}" in bucket.files
    assert not [path for path in bucket.files if "__pycache__" in path]
    assert bucket.files[f"{home}/data/made/train.parquet"][0] == (made_data_dir / "made/train.parquet").read_bytes()
    (tmp_path / "recipe.toml").write_bytes(bucket.files[f"{home}/source/recipe.toml"][0])
    assert load_recipe(str(tmp_path / "recipe.toml")).training == recipe.training

    (sent,) = hub.jobs
    assert sent["command"] == list(job.command)
    assert sent["flavor"] == "t4-small"
    assert sent["timeoutSeconds"] == 3 * 3600
    assert sent["secrets"] == {"HF_TOKEN": TOKEN}
    assert sent["environment"] == {}
    assert {volume["mountPath"]: volume["readOnly"] for volume in sent["volumes"]} == {
        "/job/source": True,
        "/job/run": False,
        "/job/data/made": True,
    }
    assert started.url == f"{hub.url}/jobs/ada/{started.id}"
    assert started.results == f"hf://buckets/{BUCKET}/{home}/run"
    printed = capfd.readouterr()
    assert printed.out == ""
    assert TOKEN not in printed.err + repr(started)

    uploads = hub.count("POST", "/batch$")
    submit(job)
    assert hub.count("POST", "/batch$") < 2 * uploads  # what has not changed is not sent again


def test_the_run_comes_back_with_the_command_that_is_named(hub: Hub, tmp_path: Path) -> None:
    results = submit(plan(namespace="lovelace", output_dir=Path("mine"))).results
    assert results == "hf://buckets/lovelace/jobs-artifacts/emohub/mine/run"
    api = HfApi(token=TOKEN)
    api.batch_bucket_files("lovelace/jobs-artifacts", add=[(b"{}", "emohub/mine/run/run.json")])
    planned = api.sync_bucket(results, str(tmp_path), dry_run=True)
    assert {operation.path for operation in planned.operations} == {".keep", "run.json"}


REFUSALS = [
    (401, "the Hub refused to start the job .401.*; log in with"),
    (402, "the Hub refused to start the job .402: no credits.; add a payment method or credits"),
    (403, "the Hub refused to start the job .403.*; use a token that may start jobs"),
    (404, "the Hub refused to start the job .404.*; check --namespace"),
    (429, "the Hub refused to start the job .429.*; wait"),
    (503, "the Hub failed to start the job .503."),
    (None, "the connection to http://127.0.0.1:[0-9]+ failed when it was asked to start the job"),
]


@pytest.mark.parametrize(("status", "message"), REFUSALS, ids=[str(status) for status, _ in REFUSALS])
def test_a_refusal_is_one_sentence_without_the_token(hub: Hub, status: int | None, message: str) -> None:
    hub.fail("POST", "^/api/jobs/", status, times=9, headers={"X-Error-Message": "no credits"})
    error = assert_refused(plan(secrets=["HF_TOKEN"]))
    assert "\n" not in str(error)
    with pytest.raises(TrainingError, match=message):
        raise error


def test_a_public_bucket_gets_nothing(hub: Hub) -> None:
    hub.buckets[BUCKET] = Bucket(BUCKET, private=False)
    assert "the bucket ada/jobs-artifacts is public" in str(assert_refused(plan()))
    assert hub.buckets[BUCKET].files == {}


def test_another_namespace_is_refused_before_anything_is_sent(hub: Hub) -> None:
    assert "refused to make the bucket grace/jobs-artifacts (403" in str(assert_refused(plan(namespace="grace")))
    assert hub.jobs == []


def test_without_a_token_or_a_secret_nothing_is_sent(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with pytest.raises(UsageError, match="the secret WANDB_API_KEY is not set"):
        submit(plan(secrets=["WANDB_API_KEY"]))
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr("emohub.publish.hub.get_token", lambda: None)
    assert "there is no usable Hugging Face token" in str(assert_refused(plan()))
    assert hub.requests == []


def assert_refused(job: Job) -> TrainingError:
    """The error of a submission; the token is in nothing that a logger or crash reporter would see of it."""
    with pytest.raises(TrainingError) as raised:
        submit(job)
    error = raised.value
    for seen in (str(error), repr(error), "".join(traceback.format_exception(error, chain=True)), repr(vars(error))):
        assert TOKEN not in seen
    assert error.__context__ is None or isinstance(error.__context__, EmohubError)
    return error

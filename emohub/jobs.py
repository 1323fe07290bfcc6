"""A training run as a Hugging Face job: planned, shown, and started.

A job sees folders of the private bucket ``<namespace>/jobs-artifacts``, where the Hub's own client keeps what jobs read
and write. Code, recipe and data go there before the job starts; the run folder comes back there when training ends, is
stopped, or runs out of time. The job needs no token for any of this.

Training writes to the machine's own disk and the folder is copied at the end, because a mounted bucket takes files only
from beginning to end and has no locks.
"""

import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, JobHardware, JobInfo, Volume, constants

from emohub import layout
from emohub.errors import PublishError, TrainingError, UsageError
from emohub.inference import is_of_this_project
from emohub.publish.failures import REMEDIES
from emohub.publish.hub import Hub, find_token
from emohub.publish.waiting import bounded_waits
from emohub.recipe import Recipe, Stage, list_recipes
from emohub.recipe.declaration import canonical_json, one_of, sha256_text
from emohub.recipe.toml import recipe_toml

IMAGE = "python:3.11"
"""The Python that emohub is tested with; pip adds the pinned requirements when the job starts."""
SOURCE, RESULTS = "/job/source", "/job/run"
"""Where a job sees the code, and where it leaves the run folder."""
LOCAL = "/tmp/run"
"""Where a job trains."""
RESERVE = 300
"""Seconds before the end of its time at which a job stops training, to finish the step and store the run."""
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
YOURS = "<you>"
"""Stands in a plan for the account that the token belongs to."""
JOB_REMEDIES = {
    **REMEDIES,
    400: "correct what it names, and run the same command again",
    402: "add a payment method or credits at https://huggingface.co/settings/billing",
    403: "use a token that may start jobs and write buckets there, or give another --namespace",
    404: "check --namespace, and that the token may see it",
}


@dataclass(frozen=True)
class Mount:
    """A folder of the bucket as a job sees it."""

    folder: str
    """Folder in the bucket."""
    path: str
    """Where the job sees it."""
    local: Path | None = None
    """Folder of this machine that is copied there first; None for the code, and for the run, which starts empty."""
    read_only: bool = True


@dataclass(frozen=True)
class Job:
    """A training run on Hugging Face Jobs, before anything was sent."""

    name: str
    """Name of the run. Jobs of one name share a run folder, so the second goes on where the first stopped."""
    flavor: str
    processes: int
    timeout: int
    """Seconds after which the Hub ends the job."""
    image: str
    command: tuple[str, ...]
    secrets: tuple[str, ...]
    """Names of the environment variables that the Hub hands to the job encrypted; their values are read on submit."""
    namespace: str | None
    """Account or organization that pays; None is the token's owner."""
    mounts: tuple[Mount, ...]
    files: Mapping[str, Path | str]
    """What the folder of the code holds beside the package: a file of this machine, or a text, by name."""

    def plain(self) -> dict[str, Any]:
        """The plan as JSON shows it."""
        return {
            "name": self.name,
            "flavor": self.flavor,
            "processes": self.processes,
            "timeout_seconds": self.timeout,
            "image": self.image,
            "namespace": self.namespace,
            "secrets": list(self.secrets),
            "uploads": {
                **{mount.folder: str(mount.local) for mount in self.mounts if mount.local},
                self.mounts[0].folder: ["emohub", *self.files],
            },
            "volumes": [_uri(mount, self.namespace) for mount in self.mounts],
            "results": self.results(),
            "command": list(self.command),
            "equivalent": self.hf_command(),
        }

    def results(self, namespace: str | None = None) -> str:
        """Address of the run folder in the bucket, as ``hf buckets sync`` takes it."""
        return f"hf://buckets/{_bucket(namespace or self.namespace)}/{self.mounts[1].folder}"

    def hf_command(self) -> str:
        """The ``hf jobs run`` command that starts the same job, once the folders are in the bucket."""
        parts = ["hf", "jobs", "run", "--detach", "--name", self.name, "--flavor", self.flavor]
        parts += ["--timeout", f"{self.timeout}s"]
        parts += [] if self.namespace is None else ["--namespace", self.namespace]
        for name in self.secrets:
            parts += ["--secrets", name]
        for mount in self.mounts:
            parts += ["--volume", _uri(mount, self.namespace)]
        return shlex.join([*parts, self.image, *self.command])


@dataclass(frozen=True)
class Submitted:
    """A job that the Hub has taken."""

    id: str
    url: str
    namespace: str
    results: str
    """Address of the run folder in the bucket."""


def job_plan(
    recipe: str,
    declared: Recipe,
    *,
    flavor: str,
    timeout: str = "3h",
    namespace: str | None = None,
    secrets: Sequence[str] = (),
    stage: Stage | None = None,
    base_model: str | None = None,
    data_dir: Path | None = None,
    texts: Sequence[Path] = (),
    output_dir: Path | None = None,
    max_steps: int | None = None,
    settings: Sequence[str] = (),
    log_with: str | None = None,
) -> Job:
    """The job that runs ``emohub train`` with these options; nothing is sent and no token is needed.

    Args:
        recipe: what the command line was given: a name or a file.
        declared: the recipe that it means.
        flavor: hardware, such as ``cpu-basic``, ``t4-small`` or ``a10g-largex2``; one process for each GPU.
        timeout: when the Hub ends the job: a number with ``s``, ``m``, ``h`` or ``d``.
        namespace: account or organization to run under; None is the token's owner.
        secrets: names of environment variables to hand over encrypted; ``HF_TOKEN`` is the Hub's token from wherever
            it is kept.
        settings: ``KEY=VALUE`` pairs for ``--set``.
        output_dir: its last part names the run; the recipe and a digest of the options do when None.
        stage, base_model, data_dir, texts, max_steps, log_with: as :func:`emohub.train.train` takes them; folders and
            files of this machine are copied to the bucket.

    Raises:
        UsageError: a value is not one that a job can use, or the data is on this machine alone.
    """
    known = [str(each.value) for each in JobHardware]
    if flavor not in known:
        raise UsageError(f"there is no hardware flavor {flavor!r}", one_of(known, flavor))
    for secret in secrets:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", secret):
            raise UsageError("a secret is given by the name of an environment variable", "write --secret HF_TOKEN")
    seconds, processes = _seconds(timeout), _gpus(flavor)
    files = _files(recipe, declared)
    arguments = ["recipe.toml" if "recipe.toml" in files else recipe]
    options = {"--stage": stage, "--max-steps": max_steps, "--log-with": log_with}
    arguments += [part for key, value in options.items() if value is not None for part in (key, str(value))]
    arguments += [part for setting in settings for part in ("--set", setting)]
    for number, text in enumerate(texts):
        files[f"texts/{number}-{text.name}"] = text
        arguments += ["--texts", f"texts/{number}-{text.name}"]

    for teacher in declared.distillation.teachers if declared.distillation is not None else ():
        _refuse_own("teacher", teacher, "name another teacher")
    folders: dict[str, Path] = {}
    local_base = None if base_model is None else layout.find_model(base_model)
    if local_base is not None:
        folders["base_model"] = local_base
    else:
        _refuse_own("base model", base_model or declared.base_model, "give its folder with --base-model")
    if base_model is not None:
        arguments += ["--base-model", "/job/base_model" if local_base else base_model]
    if data_dir is not None:
        folders |= _data_folders(declared, data_dir)
        arguments += ["--data-dir", "/job/data"]
    elif any(split.file is not None for split in declared.corpus.splits.values()):
        raise UsageError(
            f"the corpus {declared.corpus.name} is read from files of this machine, which a job does not see",
            "give --data-dir a folder that has it as parquet files",
        )

    digest = sha256_text(canonical_json({"recipe": declared.digest, "arguments": arguments, "processes": processes}))
    name = output_dir.name if output_dir is not None else f"{declared.name}-{digest[:8]}"
    home = f"emohub/{name}"
    return Job(
        name=name,
        flavor=flavor,
        processes=processes,
        timeout=seconds,
        image=IMAGE,
        command=("bash", "-c", _script(arguments, processes, seconds - RESERVE, log_with)),
        secrets=tuple(secrets),
        namespace=namespace,
        mounts=(
            Mount(f"{home}/source", SOURCE),
            Mount(f"{home}/run", RESULTS, read_only=False),
            *(Mount(f"{home}/{folder}", f"/job/{folder}", local) for folder, local in folders.items()),
        ),
        files=files,
    )


def submit(job: Job) -> Submitted:
    """Copy what the job reads to the bucket, and start it; what the client says meanwhile goes to standard error.

    Raises:
        TrainingError: there is no usable token, the bucket is public, or the Hub refused or did not answer.
        UsageError: a secret is not set.
    """
    secrets = _secret_values(job.secrets)
    try:
        hub = Hub.connect()
        with bounded_waits(), redirect_stdout(sys.stderr):
            namespace = job.namespace or hub.account().name
            _make_private_bucket(hub, _bucket(namespace))
            volumes = [_upload(hub, job, mount, namespace) for mount in job.mounts]
            started = hub.ask("start the job", lambda api: _run(api, job, volumes, secrets, namespace), JOB_REMEDIES)
    except PublishError as error:
        raise TrainingError(error.cause, error.remedy) from None
    return Submitted(started.id, started.url, namespace, job.results(namespace))


def _run(api: HfApi, job: Job, volumes: list[Volume], secrets: dict[str, str], namespace: str) -> JobInfo:
    return api.run_job(
        image=job.image,
        command=list(job.command),
        secrets=secrets,
        flavor=job.flavor,
        timeout=job.timeout,
        name=job.name,
        volumes=volumes,
        namespace=namespace,
    )


def _make_private_bucket(hub: Hub, bucket: str) -> None:
    hub.ask(
        f"make the bucket {bucket}", lambda api: api.create_bucket(bucket, private=True, exist_ok=True), JOB_REMEDIES
    )
    if not hub.ask(f"show the bucket {bucket}", lambda api: api.bucket_info(bucket), JOB_REMEDIES).private:
        raise PublishError(
            f"the bucket {bucket} is public, and code and data would be too",
            f"make it private at {constants.ENDPOINT}/buckets/{bucket}",
        )


def _upload(hub: Hub, job: Job, mount: Mount, namespace: str) -> Volume:
    """Copy a mount's folder to the bucket; what is there already and has not changed stays."""
    with _local_folder(job, mount) as local:
        return hub.ask(
            f"take {mount.folder}",
            lambda api: api.sync_job_volume(
                local, mount.path, remote_name=mount.folder, read_only=mount.read_only, namespace=namespace
            ),
            JOB_REMEDIES,
        )


@contextmanager
def _local_folder(job: Job, mount: Mount) -> Iterator[Path]:
    """The folder to copy: one of this machine's, or one made for the purpose."""
    if mount.local is not None:
        yield mount.local
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if mount.path == SOURCE:
            package = Path(__file__).parent
            shutil.copytree(package, folder / "emohub", ignore=shutil.ignore_patterns("__pycache__"))
            for name, content in job.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                if isinstance(content, Path):
                    shutil.copy2(content, folder / name)
                else:
                    (folder / name).write_text(content, encoding="utf-8")
        yield folder


def _files(recipe: str, declared: Recipe) -> dict[str, Path | str]:
    """The pinned requirements, and the recipe when it is the user's own.

    Raises:
        UsageError: emohub was installed without its checkout, where the requirements lie.
    """
    checkout = Path(__file__).resolve().parent.parent
    pins: dict[str, Path | str] = {name: checkout / name for name in ("requirements.txt", "constraints.txt")}
    if not all((checkout / name).is_file() for name in pins):
        raise UsageError(
            f"{checkout} has no requirements.txt, from which a job installs what it needs",
            "run the command from a checkout of emohub",
        )
    return pins if recipe in list_recipes() else {**pins, "recipe.toml": recipe_toml(declared)}


def _refuse_own(what: str, name: str, instead: str) -> None:
    """Refuse a model that a job would look for in vain, before it is paid for."""
    if is_of_this_project(name):
        raise UsageError(
            f"the {what} {name} is a model of this machine, which a job does not see",
            f"publish it and name its Hub id, or {instead}",
        )


def _data_folders(declared: Recipe, data_dir: Path) -> dict[str, Path]:
    """The folders of ``data_dir`` that the recipe reads, and nothing else of it."""
    corpora = [declared.corpus, *([declared.adaptation.corpus] if declared.adaptation else []), *declared.unlabelled]
    folders = {f"data/{corpus.data_folder}": data_dir / corpus.data_folder for corpus in corpora}
    found = {name: folder for name, folder in folders.items() if folder.is_dir()}
    if not found:
        raise UsageError(f"{data_dir} has no folder {corpora[0].data_folder}", "check --data-dir, or leave it out")
    return found


def _script(arguments: Sequence[str], processes: int, limit: int, package: str | None) -> str:
    """What the job runs: install, fetch what an earlier job stored, train until the time is up, store."""
    install = ["python", "-m", "pip", "install", "--quiet", "--requirement", "requirements.txt"]
    install += ["--constraint", "constraints.txt", *([package] if package else [])]
    launch = ["python", "-m", "emohub.train"]
    if processes > 1:
        launch = ["accelerate", "launch", "--multi_gpu", "--num_processes", str(processes), "--num_machines", "1"]
        launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "-m", "emohub.train"]
    train = shlex.join([*launch, *arguments, "--output-dir", LOCAL])
    return f"""\
set -euo pipefail
cd {SOURCE}
export PYTHONPATH={SOURCE} PYTHONDONTWRITEBYTECODE=1
{shlex.join(install)}
cp -r {RESULTS} {LOCAL}
rm -f {LOCAL}/.keep
store() {{
  if [ -e {LOCAL}/{layout.RUN_FILE} ]; then rm -rf {RESULTS}/{layout.RESUME_FOLDER}; fi
  cp -r {LOCAL}/. {RESULTS}
}}
trap store EXIT
timeout --preserve-status $(({limit} - SECONDS)) {train}
"""


def _seconds(timeout: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", timeout)
    seconds = int(float(match[1]) * UNITS[match[2]]) if match else 0
    if seconds < 3 * RESERVE:
        raise UsageError(f"{timeout!r} is no time that a job can use", "give at least 15 minutes: 15m, 2h, or 1d")
    return seconds


def _gpus(flavor: str) -> int:
    """Number of processes: one for each GPU of the flavor."""
    match = re.search(r"x(\d+)$", flavor)
    return int(match[1]) if match else 1


def _secret_values(names: Sequence[str]) -> dict[str, str]:
    values = {name: find_token() if name == "HF_TOKEN" else os.environ.get(name) for name in names}
    for name, value in values.items():
        if not value:
            raise UsageError(f"the secret {name} is not set", f"export {name}, or leave --secret {name} out")
    return {name: value for name, value in values.items() if value}


def _bucket(namespace: str | None) -> str:
    return f"{namespace or YOURS}/{constants.HF_JOBS_ARTIFACTS_BUCKET_NAME}"


def _uri(mount: Mount, namespace: str | None) -> str:
    mode = "ro" if mount.read_only else "rw"
    return f"hf://buckets/{_bucket(namespace)}/{mount.folder}:{mount.path}:{mode}"

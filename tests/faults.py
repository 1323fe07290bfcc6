"""Every request of a publication, struck by every fault: how a case is set up, struck, and judged.

The Hub of the tests and the real client run in one process. What goes wrong is one rule of the loopback Hub; what is
judged is the state of the repository, what was sent, and what the person was told.
"""

import itertools
import os
import random
import re
import signal
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx2
import pytest
from huggingface_hub import constants
from huggingface_hub.utils._xet import abort_xet_session

from emohub.errors import PublishError
from emohub.publish import Plan, plan, publish
from emohub.record import PublicationRecord
from tests.hub import Blob, Hub, Request
from tests.hub.xet_store import XetStore
from tests.publishing import TOKEN, assert_holds_no_token, clean_environment, failure_of

UploadPath = Literal["lfs", "xet"]
Scenario = Literal["new repository", "existing repository", "pull request"]
PATHS: tuple[UploadPath, ...] = ("lfs", "xet")
SCENARIOS: tuple[Scenario, ...] = ("new repository", "existing repository", "pull request")
REPOS: dict[Scenario, str] = {
    "new repository": "ada/tiny",
    "existing repository": "ada/tiny",
    "pull request": "someone/tiny",
}

ECHO = {"error": f"no, {TOKEN}", "url": "http://127.0.0.1:9/ada/tiny"}
"""What the Hub says when it refuses; it even sends the token back."""
FAULTS: dict[str, dict[str, Any]] = {
    "reset before": {},
    "reset in the middle": {"half": True},
    "answer lost": {"lost": True},
    "answer lost (500)": {"lost": True, "status": 500, "body": ECHO},
    "slow": {"slow": True},
    **{str(status): {"status": status, "body": ECHO} for status in (401, 402, 403, 404, 409, 412, 500, 503)},
    "429": {"status": 429, "body": ECHO, "headers": {"Retry-After": "3"}},
    "429 for an hour": {"status": 429, "body": ECHO, "headers": {"Retry-After": "3600"}},
    "HTML": {"status": 200, "body": b"<html>please log in</html>", "headers": {"Content-Type": "text/html"}},
}
PROSE = "Written on the Hub, by somebody who tried it.\n"


@dataclass(frozen=True)
class Case:
    """One fault at one request of a publication."""

    path: UploadPath
    scenario: Scenario
    method: str
    pattern: str
    """Regular expression of the request's path."""
    nth: int
    fault: str
    lasting: bool
    """Whether every such request fails from then on, and not that one alone."""

    def __str__(self) -> str:
        how = "and after" if self.lasting else "once"
        return f"{self.path}, {self.scenario}: {self.fault} at {self.method} {self.pattern} no. {self.nth} {how}"


@dataclass
class World:
    """A run to publish, and the Hub that it goes to."""

    hub: Hub
    run: Path
    scratch: Path
    monkeypatch: pytest.MonkeyPatch
    card: bytes = b""
    plans: dict[Scenario, Plan] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.card = (self.run / "README.md").read_bytes()
        self.plans = {scenario: self.plan(scenario) for scenario in SCENARIOS}
        self.monkeypatch.setattr("emohub.publish.publication.preflight", lambda plan: ())  # has its own tests
        self.monkeypatch.setattr("emohub.publish.waiting.TIMEOUT", httpx2.Timeout(0.5))
        for name, value in {"BASE_DELAY": "1ms", "MAX_ATTEMPTS": "2"}.items():
            self.monkeypatch.setenv(f"HF_XET_CLIENT_RETRY_{name}", value)
        self.monkeypatch.setenv("HF_XET_CLIENT_READ_TIMEOUT", "500ms")

    def plan(self, scenario: Scenario) -> Plan:
        """What the command would do now."""
        return plan(
            str(self.run),
            REPOS[scenario],
            private=scenario == "new repository",
            create_pr=scenario == "pull request",
        )

    def begin(self, path: UploadPath, scenario: Scenario) -> None:
        """Everything as it was before anybody published, and nothing remembered by the client."""
        self.monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", path == "lfs")
        abort_xet_session()
        self.monkeypatch.setenv("HF_XET_CACHE", str(self.scratch / str(next(self.numbers))))
        (self.run / "README.md").write_bytes(self.card)
        (self.run / "publish.json").unlink(missing_ok=True)
        hub = self.hub
        for state in (hub.repos, hub.objects, hub.faults, hub.requests):
            state.clear()
        hub.xet = XetStore()
        if scenario != "new repository":
            repo = hub.add_repo(REPOS[scenario])
            card = self.plans[scenario].card + f"\n{PROSE}"
            old = {"README.md": Blob(card.encode()), "config.json": Blob(b"{}"), "notes.txt": Blob(b"stays")}
            repo.commit("main", "before", repo.head.files | old, repo.head.oid)

    def discover(self, path: UploadPath, scenario: Scenario) -> list[tuple[str, str, int]]:
        """Method, path and number of every request of a publication that nothing disturbs."""
        self.begin(path, scenario)
        publish(self.plans[scenario])
        seen: Counter[tuple[str, str]] = Counter()
        found = []
        for request in self.hub.requests:
            if request.path == "/v1/telemetry":  # which nobody waits for
                continue
            key = (request.method, re.sub(r"[0-9a-f]{40,64}", "[0-9a-f]{40,64}", f"^{re.escape(request.path)}$"))
            seen[key] += 1
            found.append((*key, seen[key]))
        return found

    def judge(self, case: Case) -> None:
        """Publish with the fault, look, publish again without it, and look again."""
        self.begin(case.path, case.scenario)
        old = self._files(case.scenario)
        times = 1000 if case.lasting else 1
        self.hub.fail(case.method, case.pattern, **({"nth": case.nth, "times": times} | FAULTS[case.fault]))
        error = failure_of(lambda: publish(self.plans[case.scenario]))
        if error is not None:
            assert_is_a_sentence(error)
        self.outcomes["failed" if error else "published in spite of it"] += 1
        self._finish(case, old)

    def judge_kill(self, case: Case) -> None:
        """The same, but the fault is the end of the publishing process, before or after the request is carried out."""
        self.begin(case.path, case.scenario)
        old = self._files(case.scenario)
        planned = self.plans[case.scenario]
        options = ["--private"] * planned.private + ["--create-pr"] * planned.create_pr
        command = [sys.executable, "-m", "emohub.publish", str(self.run), "--repo-id", planned.repo_id, *options]
        environment = clean_environment(
            self.scratch / "home",
            HF_ENDPOINT=self.hub.url,
            HF_TOKEN=TOKEN,
            HF_HUB_DISABLE_XET=str(int(case.path == "lfs")),
            HF_XET_CACHE=os.environ["HF_XET_CACHE"],
        )
        processes: list[subprocess.Popen[str]] = []

        def kill() -> None:
            processes[0].kill()

        with self.hub.lock:  # no request is answered before the process is known
            self.hub.fail(case.method, case.pattern, nth=case.nth, action=kill)
            self.hub.fail(case.method, case.pattern, nth=case.nth, lost=case.fault == "killed after")
            process = subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            processes.append(process)
        shown, _ = process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL, f"{case}: {shown}"
        assert TOKEN not in shown
        self.outcomes["killed"] += 1
        self._finish(case, old)

    def _finish(self, case: Case, old: dict[str, str] | None) -> None:
        new = self._files(case.scenario)
        assert new == old or self._is_whole(case.scenario), f"{case}: neither old nor new"
        self.hub.faults.clear()
        landed, self.hub.requests = {*self.hub.objects, *self._registered_xorbs()}, []
        publish(self.plan(case.scenario))
        assert self._is_whole(case.scenario), f"{case}: not completed by running again"
        self._assert_done_once(case, landed)
        assert publish(self.plan(case.scenario)).commit is None, f"{case}: published although nothing changed"

    def _files(self, scenario: Scenario) -> dict[str, str] | None:
        """SHA-256 of the files of the main branch, by path."""
        repo = self.hub.repos.get(REPOS[scenario])
        if repo is None or len(repo.commits) == 1:
            return None
        return {path: blob.sha256 for path, blob in repo.head.files.items()}

    def _is_whole(self, scenario: Scenario) -> bool:
        """Whether the branch, or else the pull request, has every file of the plan, and everybody's prose."""
        repo = self.hub.repos[REPOS[scenario]]
        commit = repo.find("refs/pr/1") if scenario == "pull request" else repo.head
        if commit is None:
            return False
        for file in self.plans[scenario].files:
            if file.path == "README.md" and scenario != "new repository":
                continue
            if file.path not in commit.files or commit.files[file.path].sha256 != file.sha256:
                return False
        if scenario == "new repository":
            return True
        card, kept = commit.files["README.md"].content.decode(), commit.files["notes.txt"].content
        return PROSE in card and kept == b"stays"

    def _assert_done_once(self, case: Case, landed: set[str]) -> None:
        repo = self.hub.repos[REPOS[case.scenario]]
        before = 1 if case.scenario == "new repository" else 2
        assert len(repo.commits) == before + 1, f"{case}: {len(repo.commits) - before} commits"
        assert len(repo.pull_requests) == (case.scenario == "pull request"), f"{case}: a second pull request"
        assert repo.private == (case.scenario == "new repository"), f"{case}: another visibility"
        assert not [name for name in map(sent, self.hub.requests) if name in landed], f"{case}: sent what had landed"
        record = PublicationRecord.load(self.run / "publish.json")
        assert record.commit in repo.commits
        assert TOKEN not in (self.run / "publish.json").read_text()

    def _registered_xorbs(self) -> set[str]:
        return {term.xorb for file in self.hub.xet.files.values() for term in file.terms}


def sent(request: Request) -> str | None:
    """Name of the blob or xorb whose content a request carries."""
    match = re.fullmatch(r"/lfs/([0-9a-f]{64})|/cas/v1/xorbs/default/([0-9a-f]{64})", request.path)
    return None if match is None or request.method == "GET" else match[1] or match[2]


def assert_is_a_sentence(error: PublishError) -> None:
    """One sentence that says what to do, and no token in it or in anything that can be seen of the error."""
    assert_holds_no_token(error)
    assert error.cause
    assert error.remedy
    assert "\n" not in str(error)
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert TOKEN not in shown


def every_case(world: World, path: UploadPath) -> Iterator[Case]:
    """Scenarios x requests x faults, each fault once and for good."""
    for scenario in SCENARIOS:
        for request in world.discover(path, scenario):
            for fault, lasting in itertools.product(FAULTS, (False, True)):
                yield Case(path, scenario, *request, fault, lasting)


def sample(world: World, path: UploadPath, seed: int) -> Iterator[Case]:
    """Every request of every scenario once, and every fault, drawn by the seed."""
    generator = random.Random(seed)
    faults: Iterator[tuple[str, bool]] = itertools.chain.from_iterable(
        generator.sample(deck, len(deck)) for deck in itertools.repeat(list(itertools.product(FAULTS, (False, True))))
    )
    for scenario in SCENARIOS:
        for request in world.discover(path, scenario):
            yield Case(path, scenario, *request, *next(faults))


def every_kill(world: World, path: UploadPath) -> Iterator[Case]:
    """The end of the process at every request, before and after it is carried out."""
    for scenario in SCENARIOS:
        for request in world.discover(path, scenario):
            for fault in ("killed before", "killed after"):
                yield Case(path, scenario, *request, fault, lasting=False)

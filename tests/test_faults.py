"""The matrix of faults: requests x faults x upload paths x scenarios; a sample of it, or all (``make faults``)."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub.utils import disable_progress_bars, enable_progress_bars

from tests.faults import FAULTS, PATHS, SCENARIOS, Case, World, every_case, every_kill, sample
from tests.hub import Hub
from tests.publishing import TOKEN

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning:httpx2")

ALL = os.environ.get("EMOHUB_FAULTS") == "all"
SEED = 4


@pytest.fixture
def world(online: Hub, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    disable_progress_bars()
    yield World(online, run_folder, tmp_path / "xet", monkeypatch)
    enable_progress_bars()


def test_every_fault_leaves_the_repository_wholly_old_or_new_and_running_again_completes_it(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    cases = list(every_case(world) if ALL else sample(world, SEED))
    wrong: list[str] = []
    for number, case in enumerate(cases, 1):
        try:
            world.judge(case)
        except AssertionError as error:
            wrong.append(str(error).splitlines()[0] if str(case) in str(error) else f"{case}: {error}")
        if ALL and number % 100 == 0:
            with capfd.disabled():
                print(f"{number} of {len(cases)} cases, {len(wrong)} wrong", flush=True)
    seen = capfd.readouterr()
    assert TOKEN not in seen.out + seen.err
    if ALL:
        with capfd.disabled():
            print(counts(cases), dict(world.outcomes), *wrong, sep="\n")
    assert not wrong, "\n".join(wrong)
    assert {case.fault for case in cases} == set(FAULTS)
    assert {(case.path, case.scenario) for case in cases} == {(path, name) for path in PATHS for name in SCENARIOS}
    assert len(cases) >= 70


def test_a_killed_publication_is_completed_by_running_again(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    cases = list(every_kill(world))
    for case in cases if ALL else random.Random(SEED).sample(cases, 6):
        world.judge_kill(case)
    if ALL:
        with capfd.disabled():
            print(f"{len(cases)} kills: {len(set_of_requests(cases))} requests, before and after each is carried out")
    assert world.outcomes["killed"] == (len(cases) if ALL else 6)


def counts(cases: list[Case]) -> str:
    """How many cases there are, and of what."""
    requests = Counter((case.path, case.scenario) for case in set_of_requests(cases))
    listed = ", ".join(f"{number} {path} ({scenario})" for (path, scenario), number in requests.items())
    return f"{len(cases)} cases: {sum(requests.values())} requests x {len(FAULTS)} faults, once and lasting: {listed}"


def set_of_requests(cases: list[Case]) -> list[Case]:
    """One case of each request."""
    return list({(case.path, case.scenario, case.method, case.pattern, case.nth): case for case in cases}.values())

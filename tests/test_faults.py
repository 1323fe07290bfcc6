"""The matrix of faults: requests x faults x upload paths x scenarios; a sample of it, or all (``make faults``)."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub.utils import disable_progress_bars, enable_progress_bars

from tests.faults import FAULTS, PATHS, SCENARIOS, Case, UploadPath, World, every_case, every_kill, sample
from tests.hub import Hub
from tests.publishing import TOKEN

ALL = os.environ.get("EMOHUB_FAULTS") == "all"
pytestmark = [
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning:httpx2"),
    pytest.mark.parametrize("path", PATHS),
    pytest.mark.timeout(0 if ALL else 300),
]
SEED = 4


@pytest.fixture
def world(online: Hub, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    disable_progress_bars()
    yield World(online, run_folder, tmp_path / "xet", monkeypatch)
    enable_progress_bars()


def test_every_fault_leaves_the_repository_wholly_old_or_new_and_running_again_completes_it(
    path: UploadPath, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    cases = list(every_case(world, path) if ALL else sample(world, path, SEED))
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
    assert {case.scenario for case in cases} == set(SCENARIOS)
    assert len(cases) >= 30


def test_a_killed_publication_is_completed_by_running_again(
    path: UploadPath, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    cases = list(every_kill(world, path))
    for case in cases if ALL else random.Random(SEED).sample(cases, 4):
        world.judge_kill(case)
    if ALL:
        with capfd.disabled():
            print(f"{path}: {len(cases)} kills, before and after each of {len(set_of_requests(cases))} requests")
    assert world.outcomes["killed"] == (len(cases) if ALL else 4)


def counts(cases: list[Case]) -> str:
    """How many cases there are, and of what."""
    requests = Counter(case.scenario for case in set_of_requests(cases))
    listed = ", ".join(f"{number} of a {scenario}" for scenario, number in requests.items())
    return f"{cases[0].path}: {len(cases)} cases: {len(FAULTS)} faults, once and lasting, at the requests {listed}"


def set_of_requests(cases: list[Case]) -> list[Case]:
    """One case of each request."""
    return list({(case.path, case.scenario, case.method, case.pattern, case.nth): case for case in cases}.values())

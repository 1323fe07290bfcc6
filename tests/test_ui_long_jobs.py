"""Long jobs: few at a time, and others compute between two of their steps."""

import threading
from collections.abc import Generator

import pytest

from emohub.errors import BusyError
from emohub.steps import run_steps
from emohub.ui.service.long_jobs import LongJobs
from emohub.ui.service.turns import Turns


def counting(to: int, closed: list[int]) -> Generator[int, None, str]:
    step = 0
    try:
        for step in range(1, to + 1):
            yield step
    finally:
        closed.append(step)
    return "done"


def test_steps_and_outcome_pass_through_and_others_compute_in_between() -> None:
    computing = Turns()
    seen = []

    def on_step(step: int) -> None:
        done = threading.Event()

        def compute() -> None:
            with computing:
                done.set()

        threading.Thread(target=compute).start()
        assert done.wait(30)
        seen.append(step)

    assert run_steps(LongJobs(computing, most=1).run(counting(2, [])), on_step) == "done"
    assert seen == [1, 2]


def test_one_job_too_many_is_turned_away_and_a_closed_one_makes_room() -> None:
    jobs = LongJobs(Turns(), most=2)
    closed: list[int] = []
    running = [jobs.run(counting(5, closed)) for _ in range(2)]
    assert [next(job) for job in running] == [1, 1]
    with pytest.raises(BusyError, match="2 long jobs are running already; try again in a minute"):
        next(jobs.run(counting(5, closed)))
    running[0].close()
    assert closed == [1]
    assert next(jobs.run(counting(5, closed))) == 1


def test_a_failing_job_makes_room_too() -> None:
    def failing() -> Generator[int, None, None]:
        yield 1
        raise ValueError("no")

    jobs = LongJobs(Turns(), most=1)
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            list(jobs.run(failing()))

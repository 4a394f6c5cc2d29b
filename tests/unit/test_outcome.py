"""What a demo tells of the time that its job took."""

from typing import Any

import pytest

from avatars.model import Job
from cli.outcome import Stage, Timings
from cli.watching import Sight
from tests.builders import NOON, a_job, a_run, an_inference
from tests.fakes.services import INSTANT


def timings(job: Job, announced_at: int | None = None, **run: Any) -> dict[str, Stage]:
    """Of a job that began at noon, a hundred times as fast as the clock of its provider."""
    inferences = (an_inference(announced_at=announced_at),)
    sight = Sight(job, a_run(inferences=inferences, **run), [], [], None, 0, None)
    return Timings.of(sight, 0.01, started=0.0, ready=5.0, ended=20.0).stages


def test_every_stage_lasts_until_the_next_one_begins() -> None:
    job = a_job(created_at=NOON, chosen_at=NOON + 60, trained_at=NOON + 660)

    stages = timings(job, announced_at=NOON + 690, ended_at=NOON + 700)

    assert stages == {
        "starting": Stage(5.0),
        "collecting": Stage(0.6, 60),
        "training": Stage(6.0, 600),
        "inferring": Stage(0.3, 30),
        "keeping": Stage(0.1, 10),
        "total": Stage(20.0),
    }


def test_where_nothing_is_trained_drawing_comes_after_collecting() -> None:
    job = a_job(provider=INSTANT, created_at=NOON, chosen_at=NOON + 60)

    stages = timings(job, announced_at=NOON + 90, ended_at=NOON + 100)

    assert list(stages) == ["starting", "collecting", "inferring", "keeping", "total"]
    assert stages["inferring"] == Stage(0.3, 30)


@pytest.mark.parametrize(("chosen_at", "last"), [(None, "collecting"), (NOON + 60, "training")])
def test_the_stage_in_which_it_ended_is_the_last(chosen_at: int | None, last: str) -> None:
    stages = timings(a_job(created_at=NOON, chosen_at=chosen_at), ended_at=NOON + 90)

    assert list(stages)[-2:] == [last, "total"]

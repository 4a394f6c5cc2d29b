"""What a redrive says before it starts anything, and when it refuses."""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from avatars.clock import Clock
from avatars.model import Job, JobStatus, Run, Sending
from avatars.provider.catalog import capabilities
from avatars.settings import FIRST_PROVIDER
from cli.redrive import outlook
from cli.saying import RefusedError, printable
from cli.target import Target, find_target
from tests.builders import a_job, a_run, a_submission, an_inference, chosen
from tests.fakes.clock import NOON
from tests.fakes.services import ASTRIA

NO_LISTS, LISTS = capabilities(FIRST_PROVIDER), capabilities(ASTRIA)
PHOTOS = {"chosen": chosen(range(1, 6)), "chosen_at": NOON}
ACCEPTED = {**PHOTOS, "training": a_submission(Sending.ACCEPTED), "model_id": "model-1"}
TRAINED = {**ACCEPTED, "trained_at": NOON}
ORDERED = {"inferences": (an_inference(),)}
ANNOUNCED = {"inferences": (an_inference(links=4, links_expire_at=NOON + 100),)}
SOME_ANNOUNCED = {
    "inferences": (
        *ANNOUNCED["inferences"],
        an_inference(submission=a_submission(Sending.NOT_SENT), inference_id=None, reason="Why."),
        an_inference(submission=a_submission(), inference_id=None, reason="Nobody knows."),
    )
}


def a_stuck_job(**changes: Any) -> Job:
    return replace(a_job(status=JobStatus.NEEDS_ATTENTION, code="A_CODE", reason="Why."), **changes)


@pytest.mark.parametrize(
    ("job", "run", "now", "said"),
    [
        (a_stuck_job(), a_run(), NOON, "photos are collected"),
        (a_stuck_job(), a_run(), NOON + 86_400, "the time to collect photos is over"),
        (a_stuck_job(**PHOTOS), a_run(), NOON, "training is sent"),
        (
            a_stuck_job(**PHOTOS, training=a_submission(Sending.NOT_SENT)),
            a_run(),
            NOON,
            "accepted none so far",
        ),
        (a_stuck_job(**ACCEPTED), a_run(), NOON, "asked for the model model-1 again"),
        (
            a_stuck_job(**TRAINED),
            a_run(),
            NOON,
            "model-1 is trained, and avatars are",
        ),
        (a_stuck_job(**TRAINED), a_run(**ORDERED), NOON, "asked for the avatars inference-1 again"),
        (a_stuck_job(**TRAINED), a_run(**ANNOUNCED), NOON, "by fresh links"),
        (a_stuck_job(**TRAINED), a_run(**ANNOUNCED), NOON + 100, "their links died at 2027-01-15"),
        (a_job(**ACCEPTED, status=JobStatus.TRAINING), a_run(), NOON, "model-1 again"),
        (
            a_stuck_job(**TRAINED),
            a_run(**SOME_ANNOUNCED),
            NOON,
            "by fresh links. Nothing has come of 2 of 3 orders",
        ),
    ],
)
def test_it_says_what_comes_by_the_recorded_ids(job: Job, run: Run, now: int, said: str) -> None:
    assert said in outlook(job, run, now, NO_LISTS)


@pytest.mark.parametrize(
    ("job", "run", "why"),
    [
        (a_job(status=JobStatus.COMPLETED), a_run(), "It has all its avatars"),
        (a_job(status=JobStatus.FAILED), a_run(), "into a new folder"),
        (
            a_job(status=JobStatus.FAILED, **TRAINED),
            a_run(),
            "model model-1 is kept: start another",
        ),
        (a_stuck_job(**PHOTOS, training=a_submission()), a_run(), "with --model-id"),
        (
            a_stuck_job(**PHOTOS, training=a_submission(Sending.ABANDONED)),
            a_run(),
            "nothing is sent again",
        ),
        (
            a_stuck_job(**TRAINED),
            a_run(inferences=(an_inference(submission=a_submission(), inference_id=None),)),
            "start another run, which orders",
        ),
    ],
)
def test_it_refuses_what_cannot_help_and_says_what_can(job: Job, run: Run, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        outlook(job, run, NOON, NO_LISTS)


LOST = an_inference(submission=a_submission(), inference_id=None)


@pytest.mark.parametrize(
    ("job", "run", "said"),
    [
        (
            a_stuck_job(**PHOTOS, training=a_submission()),
            a_run(),
            "asked for the training that was sent at 2027-01-15",
        ),
        (
            a_stuck_job(**TRAINED),
            a_run(inferences=(an_inference(), LOST)),
            "asked for the avatars whose order had no answer",
        ),
    ],
)
def test_what_the_provider_can_be_asked_for_is_left_to_the_execution(
    job: Job, run: Run, said: str
) -> None:
    assert said in outlook(job, run, NOON, LISTS)
    with pytest.raises(RefusedError, match="Nobody knows"):
        outlook(job, run, NOON, NO_LISTS)


def test_what_was_given_up_is_not_looked_up_any_more() -> None:
    given_up = a_stuck_job(**PHOTOS, training=a_submission(Sending.ABANDONED))

    with pytest.raises(RefusedError, match="nothing is sent again"):
        outlook(given_up, a_run(), NOON, LISTS)


def test_without_a_stack_both_ways_to_name_one_are_said(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"avatars up`.*--stack NAME"):
        find_target(None, tmp_path / "stack")


@pytest.mark.parametrize(
    ("region", "said"),
    [(None, "No region is set: .*--region"), ("eu-west-1", "does not know who you are.*aws login")],
)
def test_who_has_not_said_where_or_who_they_are_is_told_how(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, region: str | None, said: str
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    with pytest.raises(RefusedError, match=said):
        find_target("avatars", region=region)


def test_nothing_that_a_stranger_wrote_steers_the_terminal() -> None:
    assert printable("a\x1b[2Jb\r\nÉté") == "a�[2Jb��Été"


def test_a_stack_that_was_taken_down_is_said_to_be_gone() -> None:
    def nothing(**_: object) -> list[dict[str, object]]:
        return [{"StackResourceSummaries": []}]

    cloudformation = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=nothing))
    target = Target("avatars", {}, lambda _: cloudformation, Clock(), local=True)

    with pytest.raises(RefusedError, match=r"is gone.*`avatars up`"):
        target.services.jobs.unfinished_runs()

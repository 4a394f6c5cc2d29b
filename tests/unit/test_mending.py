"""The id of a model whose answer was lost, entered by a person."""

from dataclasses import replace
from typing import Any

import pytest

from avatars.errors import BadRequestError, JobNotFoundError
from avatars.model import Job, JobStatus, Sending, Submission
from avatars.pipeline.mending import enter_model_id, is_open
from avatars.pipeline.training import TrainingLedger
from tests.builders import JOB_ID, a_job, a_run, a_submission, chosen, stored
from tests.fakes import FakeServices, LostConfirmationError
from tests.fakes.clock import NOON
from tests.fakes.services import PICSART


def answer_lost(services: FakeServices, **changes: Any) -> None:
    """A training was sent, and nobody knows what became of it."""
    job = a_job(
        status=JobStatus.NEEDS_ATTENTION,
        code="TRAINING_OUTCOME_UNKNOWN",
        reason="Its answer was lost.",
        chosen=chosen(range(1, 6)),
        chosen_at=NOON,
        training=a_submission(),
    )
    stored(services, replace(job, **changes), run=a_run(ended_at=NOON))


def enter(services: FakeServices, model_id: str = "model-7", run: int = 1) -> Job:
    return enter_model_id(services.jobs, JOB_ID, run, model_id)


def test_the_row_is_as_an_accepted_answer_would_have_left_it(services: FakeServices) -> None:
    accepting = FakeServices()
    for each in (services, accepting):
        answer_lost(each)

    enter(services)
    TrainingLedger(accepting, PICSART, JOB_ID, 1).accept("model-7")

    assert services.jobs.job(JOB_ID) == accepting.jobs.job(JOB_ID)
    assert services.jobs.job(JOB_ID).model_id == "model-7"


def test_the_same_id_may_be_entered_again(services: FakeServices) -> None:
    answer_lost(services)
    first = enter(services)

    assert enter(services) == first


def test_a_confirmation_that_was_lost_is_known_as_our_own(services: FakeServices) -> None:
    answer_lost(services)

    def lose_the_confirmation() -> None:
        raise LostConfirmationError

    services.effects.after("write job", lose_the_confirmation)

    assert enter(services).model_id == "model-7"


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        (
            {"model_id": "model-1", "training": a_submission(Sending.ACCEPTED)},
            "has the model model-1",
        ),
        ({"training": None}, "No training"),
        ({"training": a_submission(Sending.NOT_SENT)}, "No training"),
        ({"status": JobStatus.TRAINING}, "wait until it has ended"),
        ({"run": 2}, "at run 2, not at run 1"),
    ],
)
def test_it_is_refused_where_no_id_is_waited_for(
    services: FakeServices, changes: dict[str, Any], remedy: str
) -> None:
    answer_lost(services, **changes)
    before = services.jobs.job(JOB_ID)

    with pytest.raises(BadRequestError, match=remedy):
        enter(services)

    assert services.jobs.job(JOB_ID) == before


@pytest.mark.parametrize("model_id", ["", "two words", "line\nbreak", "x" * 201])
def test_what_can_be_no_id_is_refused(services: FakeServices, model_id: str) -> None:
    answer_lost(services)

    with pytest.raises(BadRequestError, match="no id of a model"):
        enter(services, model_id)


def test_a_job_that_nobody_knows_gets_no_id(services: FakeServices) -> None:
    with pytest.raises(JobNotFoundError):
        enter(services)


@pytest.mark.parametrize(
    ("submission", "outcome_is_open"),
    [
        (None, False),
        (a_submission(Sending.ACCEPTED, abandoned=1), False),
        (a_submission(Sending.NOT_SENT), False),
        (a_submission(Sending.INTENDED), True),
        (a_submission(Sending.ABANDONED), True),
        (a_submission(Sending.NOT_SENT, abandoned=1), True),
    ],
)
def test_an_outcome_is_open_until_an_id_is_recorded_or_nothing_was_sent(
    submission: Submission | None, outcome_is_open: bool
) -> None:
    assert is_open(submission) is outcome_is_open

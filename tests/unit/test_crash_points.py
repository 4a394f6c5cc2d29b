"""At whatever moment the process is killed, or AWS or the provider fails it, the job ends well."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from avatars.errors import OutcomeUnknownError
from avatars.model import Job, JobStatus, Prompt, Stage
from avatars.settings import SpendingLimits
from tests.builders import (
    JOB_ID,
    PREFIX,
    a_job,
    a_run,
    an_inference,
    chosen,
    ready_to_draw,
    ready_to_train,
    stored,
    trained,
)
from tests.fakes import LostConfirmationError, answer
from tests.fakes.clock import NOON
from tests.fakes.services import ASTRIA
from tests.region import Region
from tests.whole_jobs import (
    AstriaStudio,
    InstantStudio,
    Studio,
    fails,
    folder,
    is_killed,
    it_ended_well_or_says_why,
    no_cap_is_exceeded,
    no_id_is_lost,
    nothing_is_paid_for_twice,
    nothing_stays_reserved,
    picture,
    repeating_changes_nothing,
    surroundings,
    the_job,
)

pytestmark = pytest.mark.usefixtures("no_logs")

LATE = "late.jpg"
TWO_PROMPTS = (Prompt("realistic"), Prompt("anime"))


@dataclass(frozen=True)
class Story:
    """A job, or a part of one, that ends as it should where nothing goes wrong."""

    begin: Callable[[Region], object]
    """What has happened before."""
    go_on: Callable[[Region], object]
    """What happens now."""
    code: str | None = None
    """How it ends."""
    settings: dict[str, Any] = field(default_factory=dict)
    provider: type[Studio] = Studio
    concerns: Callable[[str], bool] = lambda moment: True
    """With which of its moments it is told once more: all, unless the others are like those of
    another story."""


def nothing(region: Region) -> None: ...


def five_photos_are_dropped(region: Region) -> None:
    region.drop(PREFIX, folder())


def one_photo_is_dropped(region: Region) -> None:
    region.drop(PREFIX, folder(photos=1))


def the_photos_are_chosen_of_a_job_that_cannot_be_trained(region: Region) -> None:
    region.services.company.will("check_training", answer(200, {"status": "FAILED"}))
    ready_to_train(region.services)


def the_first_run_has_ended(region: Region) -> None:
    trained(region.services, status=JobStatus.COMPLETED)
    inferences = (an_inference(inference_id="inference-0"),)
    region.services.jobs.change_run(
        JOB_ID,
        1,
        lambda run: a_run(status=JobStatus.COMPLETED, ended_at=NOON, inferences=inferences),
    )


def the_best_photo_of_an_instant_job_is_not_valid(region: Region) -> None:
    ready_to_draw(region.services, *TWO_PROMPTS)


def answers_will_be_lost_of_a_provider_that_can_be_asked(region: Region) -> None:
    company = region.services.company
    company.will("submit_training", OutcomeUnknownError("The request was cut off."))
    company.will("submit_inference", answer(504))
    job = a_job(provider=ASTRIA, chosen=chosen(range(1, 6)), chosen_at=NOON)
    stored(region.services, job, run=a_run(prompts=TWO_PROMPTS))


def a_job_has_failed(region: Region) -> None:
    one_photo_is_dropped(region)
    region.run()


def a_photo_comes_late(region: Region) -> None:
    region.drop(PREFIX, {LATE: picture(1)})


def its_execution_starts(region: Region) -> None:
    region.start({"job_id": JOB_ID, "run": 1}, f"{JOB_ID}-1")


def more_avatars_are_ordered(region: Region) -> None:
    region.start({"job_id": JOB_ID, "prompts": [{"style": "realistic"}]}, f"{JOB_ID}-2")


def is_of_requests(moment: str) -> bool:
    """Whether what is known of requests changes there, or is asked for."""
    asked = ("training", "inference", "keep answer")
    return moment.endswith(asked) or moment in ("after write job", "after write run")


STORIES = {
    "a whole job": Story(nothing, five_photos_are_dropped),
    "more avatars": Story(the_first_run_has_ended, more_avatars_are_ordered),
    "a failed training": Story(
        the_photos_are_chosen_of_a_job_that_cannot_be_trained,
        its_execution_starts,
        code="TRAINING_FAILED",
    ),
    "a photo that is not valid": Story(
        the_best_photo_of_an_instant_job_is_not_valid,
        its_execution_starts,
        provider=InstantStudio,
        concerns=is_of_requests,
    ),
    "answers that are looked up": Story(
        answers_will_be_lost_of_a_provider_that_can_be_asked,
        its_execution_starts,
        provider=AstriaStudio,
        concerns=is_of_requests,
    ),
    "too few photos": Story(nothing, one_photo_is_dropped, code="TOO_FEW_PHOTOS"),
    "a late photo": Story(a_job_has_failed, a_photo_comes_late, code="TOO_FEW_PHOTOS"),
}
every_story = pytest.mark.parametrize("name", STORIES)

TRAINING = ("write job", "submit training")
INFERENCE = ("write run", "submit inference")
SUBMISSIONS = {
    "a whole job": (TRAINING, INFERENCE),
    "more avatars": (INFERENCE,),
    "a failed training": (TRAINING,),
    "a photo that is not valid": (INFERENCE, INFERENCE, INFERENCE),
    "answers that are looked up": (),
    "too few photos": (),
    "a late photo": (),
}
"""The intent and the request of each submission whose outcome only a person can find out."""


Fault = Callable[[Region], None]
"""What goes wrong at a moment."""


def confirmation_is_lost(region: Region) -> None:
    raise LostConfirmationError


def moments_of(story: Story) -> list[str]:
    with told(story) as region:
        moments: list[str] = region.services.effects.moments
        assert the_job(region).code == story.code
        return list(moments)


@contextmanager
def told(story: Story, moment: int = 0, fault: Fault = nothing) -> Iterator[Region]:
    """The story to its end, with a fault at a moment of it."""
    with Region(surroundings(story.provider, **story.settings)) as region:
        with region.services.effects.unwatched():
            story.begin(region)
        region.services.effects.at_moment(moment, lambda: fault(region))
        story.go_on(region)
        region.run()
        yield region


def every_end(
    story: Story, fault: Fault, concerns: Callable[[str], bool]
) -> Iterator[tuple[str, Job]]:
    """How the story ends with the fault at each moment that it concerns; nothing else is wrong."""
    for number, moment in enumerate(moments_of(story)):
        if not concerns(moment):
            continue
        try:
            with told(story, number, fault) as region:
                assert region.services.effects.moments[number] == moment
                nothing_is_paid_for_twice(region)
                no_id_is_lost(region)
                it_ended_well_or_says_why(region)
                no_cap_is_exceeded(region)
                nothing_stays_reserved(region)
                nothing_is_left_behind(region)
                repeating_changes_nothing(region)
                nothing_is_left_behind(region)
                yield moment, the_job(region)
        except Exception as error:
            error.add_note(f"{fault.__name__} {moment}, the {number}th moment")
            raise


def nothing_is_left_behind(region: Region) -> None:
    """No photos of anybody, but for a person who may want to send them again; an upload that came
    after the end lies where its owner has put it."""
    if the_job(region).is_done_with_photos:
        assert {*region.services.upload_bucket.versions} <= {PREFIX + LATE}


def in_need_of_a_person(story: Story, fault: Fault, concerns: Callable[[str], bool]) -> list[str]:
    """The moments with which it ends in need of a person; with all others it ends as always."""
    moments = []
    for moment, job in every_end(story, fault, concerns):
        if job.status is JobStatus.NEEDS_ATTENTION:
            assert job.code in ("TRAINING_OUTCOME_UNKNOWN", "INFERENCE_OUTCOME_UNKNOWN"), moment
            moments.append(moment)
        else:
            assert job.code == story.code, moment
    return moments


VERSIONED = ("job", "run", "photo", "avatar")


@every_story
def test_only_between_intent_and_raw_answer_a_kill_needs_a_person(name: str) -> None:
    found = in_need_of_a_person(STORIES[name], is_killed, STORIES[name].concerns)

    assert found == [
        moment
        for intent, request in SUBMISSIONS[name]
        for moment in (
            f"after {intent}",
            f"before {request}",
            f"after {request}",
            "before keep answer",
        )
    ]


@every_story
def test_only_a_lost_answer_to_intent_or_request_needs_a_person(name: str) -> None:
    found = in_need_of_a_person(STORIES[name], fails, STORIES[name].concerns)

    assert found == [
        moment
        for intent, request in SUBMISSIONS[name]
        for moment in (f"after {intent}", f"after {request}")
    ]


def test_nothing_needs_a_person_who_allows_a_second_request() -> None:
    story = Story(
        lambda region: ready_to_train(region.services),
        its_execution_starts,
        settings={"resubmissions": dict.fromkeys(Stage, 1)},
    )

    def is_in_doubt(moment: str) -> bool:
        return moment.endswith(("write job", "write run", "keep answer")) or "submit" in moment

    for fault in (is_killed, fails):
        assert in_need_of_a_person(story, fault, is_in_doubt) == []


def test_a_budget_is_kept_and_nothing_of_it_lost() -> None:
    story = Story(
        lambda region: ready_to_train(region.services),
        its_execution_starts,
        settings={"spending": SpendingLimits(50, 5, per_day=70, owner_per_day=70)},
    )

    def concerns_money(moment: str) -> bool:
        return moment.endswith(("spending", "balance"))

    for fault in (is_killed, fails):
        assert in_need_of_a_person(story, fault, concerns_money) == []
    assert in_need_of_a_person(story, confirmation_is_lost, is_write_of_money) == []


def is_write_of_money(moment: str) -> bool:
    return moment in ("after write spending", "after write owner's spending")


@every_story
def test_a_lost_confirmation_of_a_write_changes_nothing(name: str) -> None:
    def is_write(moment: str) -> bool:
        is_versioned = moment.startswith("after write ") and moment.split()[-1] in VERSIONED
        return is_versioned and STORIES[name].concerns(moment)

    assert in_need_of_a_person(STORIES[name], confirmation_is_lost, is_write) == []

"""Waiting for a model: looks, patience, and the ways in which it does not come."""

import pytest

from avatars.errors import (
    ModelNotFoundError,
    NotSentError,
    PhotosNotValidError,
    ProviderKeyRefusedError,
    RunRefusedError,
    TrainingFailedError,
    TrainingOverdueError,
)
from avatars.model import JobStatus
from avatars.pipeline.looking import LookReply, Looks
from avatars.pipeline.training import check_training
from tests.builders import JOB_ID, trained, training
from tests.fakes import FakeServices, answer
from tests.fakes.clock import NOON

NO_LOOKS: Looks = {"answered": 0, "not_found": 0}
RUNNING = answer(202, {"status": "IN_PROGRESS"})


@pytest.fixture
def services() -> FakeServices:
    services = FakeServices()
    training(services)
    return services


def look(services: FakeServices, looks: Looks = NO_LOOKS) -> LookReply:
    return check_training(services, JOB_ID, 1, looks)


def test_a_model_that_is_ready_takes_the_job_on_to_inference(services: FakeServices) -> None:
    services.clock.move(600)
    services.company.will("check_training", answer(200, {"status": "DONE"}))

    reply = look(services)

    job = services.jobs.job(JOB_ID)
    assert reply["status"] == "READY"
    assert (job.status, job.trained_at) == (JobStatus.INFERRING, NOON + 600)


def test_a_model_that_is_known_to_be_ready_is_not_asked_for_again(services: FakeServices) -> None:
    look(services)
    first = services.jobs.job(JOB_ID)

    again = look(services)

    assert again["status"] == "READY"
    assert services.jobs.job(JOB_ID) == first
    assert len(services.company.requests("check_training")) == 1


def test_a_running_training_is_looked_at_every_two_minutes(services: FakeServices) -> None:
    services.clock.move(300)
    services.company.will("check_training", RUNNING)

    reply = look(services)

    assert reply["status"] == "RUNNING"
    assert 120 <= reply["wait_seconds"] <= 132
    assert reply["looks"] == {"answered": 1, "not_found": 0, "running_at": 300}


def test_the_last_look_is_at_the_deadline(services: FakeServices) -> None:
    services.clock.move(3590)
    services.company.will("check_training", RUNNING)

    assert look(services)["wait_seconds"] == 10


def test_a_training_that_is_ready_at_the_deadline_is_in_time(services: FakeServices) -> None:
    services.clock.move(3600)

    assert look(services)["status"] == "READY"


def test_a_training_beyond_the_deadline_is_overdue(services: FakeServices) -> None:
    services.clock.move(3600)
    services.company.will("check_training", RUNNING)

    with pytest.raises(TrainingOverdueError, match="model-1"):
        look(services)


def test_a_clock_that_stands_still_does_not_mean_looking_for_ever(services: FakeServices) -> None:
    services.company.will("check_training", *[RUNNING] * 100)

    def look_for_ever() -> None:
        looks = NO_LOOKS
        while True:
            looks = look(services, looks)["looks"]

    with pytest.raises(TrainingOverdueError):
        look_for_ever()

    assert len(services.company.requests("check_training")) == 32


def test_a_failed_training_ends_the_job_with_the_providers_reason(services: FakeServices) -> None:
    failed = answer(200, {"status": "FAILED", "reason": "No faces found."})
    services.company.will("check_training", failed)

    with pytest.raises(TrainingFailedError, match="No faces found"):
        look(services)


def test_unusable_photos_end_the_job_and_say_what_to_do(services: FakeServices) -> None:
    services.company.will("check_training", answer(200, {"status": "IMAGE_NOT_VALID"}))

    with pytest.raises(PhotosNotValidError, match="other photos into a new folder"):
        look(services)


@pytest.mark.parametrize("status", [0, 500, 502, 503, 504])
def test_a_provider_out_of_reach_is_looked_at_again(services: FakeServices, status: int) -> None:
    services.company.will("check_training", answer(status))

    assert look(services)["status"] == "RUNNING"


def test_a_provider_that_is_away_for_hours_is_waited_for(services: FakeServices) -> None:
    services.company.will("check_training", *[answer(0)] * 1000)
    looks = NO_LOOKS

    while services.clock.now() < NOON + 6 * 3600:  # the training's own deadline is an hour
        reply = look(services, looks)
        looks = reply["looks"]
        services.clock.move(reply["wait_seconds"])

    assert reply["status"] == "RUNNING"


def test_too_many_requests_lengthen_the_wait(services: FakeServices) -> None:
    services.company.will("check_training", answer(429, retry_after="500"))

    assert look(services)["wait_seconds"] == 500


def test_an_unknown_word_means_still_running(services: FakeServices) -> None:
    services.company.will("check_training", answer(202, {"status": "MARINATING"}))

    assert look(services)["status"] == "RUNNING"


class TestNotFound:
    def test_a_new_model_may_be_unknown_for_ten_minutes(self, services: FakeServices) -> None:
        services.company.will("check_training", *[answer(404)] * 5)

        looks = NO_LOOKS
        for _ in range(5):
            services.clock.move(120)
            looks = look(services, looks)["looks"]

        assert looks["not_found"] == 5

    def test_after_that_it_is_lost_at_the_second_look(self, services: FakeServices) -> None:
        services.company.will("check_training", *[answer(404)] * 2)
        services.clock.move(601)

        first = look(services)
        with pytest.raises(ModelNotFoundError, match="model-1"):
            look(services, first["looks"])

    def test_looks_that_found_nothing_must_follow_each_other(self, services: FakeServices) -> None:
        services.company.will("check_training", answer(404), RUNNING, answer(404))
        services.clock.move(601)

        looks = NO_LOOKS
        for _ in range(3):
            looks = look(services, looks)["looks"]

        assert looks["not_found"] == 1


class TestKey:
    def test_a_rotated_key_is_fetched_at_once(self, services: FakeServices) -> None:
        services.rotate_key("key-2")

        reply = look(services)

        keys = [request.key for request in services.company.requests("check_training")]
        assert reply["status"] == "READY"
        assert keys == ["key-1", "key-2"]

    def test_a_key_that_is_refused_twice_needs_a_person(self, services: FakeServices) -> None:
        services.company.key = "another"

        with pytest.raises(ProviderKeyRefusedError, match="its id is kept"):
            look(services)

        assert len(services.company.requests("check_training")) == 2

    @pytest.mark.parametrize("status", [401, 403])
    def test_one_refusal_may_be_an_accident(self, services: FakeServices, status: int) -> None:
        services.company.will("check_training", answer(status), RUNNING)

        assert look(services)["status"] == "RUNNING"

    def test_a_secret_that_cannot_be_read_is_worth_another_try(
        self, services: FakeServices
    ) -> None:
        services.effects.fail("fetch key", NotSentError("throttled"))

        with pytest.raises(NotSentError):
            look(services)

        assert look(services)["status"] == "READY"


def test_a_job_that_has_ended_is_not_looked_after() -> None:
    services = FakeServices()
    trained(services, status=JobStatus.NEEDS_ATTENTION, trained_at=None)
    before = services.jobs.job(JOB_ID)

    with pytest.raises(RunRefusedError):
        look(services)

    assert services.jobs.job(JOB_ID) == before
    assert services.company.sent == []

"""How much longer a job takes: told by the jobs before it, and only while anybody can tell."""

from typing import Any

import pytest

from avatars.model import Durations, JobStatus, Run, Sending, Stage, Waiting, WaitReason
from avatars.pipeline.estimating import LEAST_KNOWN, REMEMBERED, estimate, remember
from avatars.pipeline.inference import check_inference
from avatars.pipeline.looking import Looks
from avatars.pipeline.training import check_training
from tests.builders import JOB_ID, a_job, a_run, a_submission, chosen, inferring, stored, training
from tests.fakes import FakeServices, answer
from tests.fakes.clock import NOON
from tests.fakes.services import ACCOUNT, PICSART

NO_LOOKS: Looks = {"answered": 0, "not_found": 0}


def known(services: FakeServices, stage: Stage, *seconds: int) -> None:
    """The jobs before took so long."""
    services.capacity(ACCOUNT).change_durations(stage, lambda _: Durations(seconds))


def estimated(services: FakeServices) -> dict[str, Any] | None:
    return estimate(services, services.jobs.job(JOB_ID), services.jobs.run(JOB_ID, 1))


class TestRemembering:
    def test_a_stage_took_from_its_request_to_its_end(self, services: FakeServices) -> None:
        services.clock.move(740)

        remember(
            services, PICSART, Stage.TRAINING, a_submission(Sending.ACCEPTED, intended_at=NOON)
        )

        assert services.capacity(ACCOUNT).durations(Stage.TRAINING).seconds == (740,)
        assert services.capacity(ACCOUNT).durations(Stage.INFERENCE).seconds == ()

    def test_only_the_last_hundred_are_remembered(self, services: FakeServices) -> None:
        for second in range(REMEMBERED + 5):
            remember(services, PICSART, Stage.TRAINING, a_submission(intended_at=NOON - second))

        seconds = services.capacity(ACCOUNT).durations(Stage.TRAINING).seconds
        assert seconds == tuple(range(5, REMEMBERED + 5))

    def test_a_clock_that_was_set_back_makes_no_duration_negative(
        self, services: FakeServices
    ) -> None:
        remember(services, PICSART, Stage.TRAINING, a_submission(intended_at=NOON + 5))

        assert services.capacity(ACCOUNT).durations(Stage.TRAINING).seconds == (0,)

    def test_what_was_never_sent_took_no_time(self, services: FakeServices) -> None:
        remember(services, PICSART, Stage.TRAINING, None)

        assert services.capacity(ACCOUNT).durations(Stage.TRAINING).seconds == ()

    def test_a_trained_model_is_remembered_once(self, services: FakeServices) -> None:
        training(services)
        services.company.will("check_training", answer(200, {"status": "DONE"}))
        services.clock.move(900)

        for _ in range(2):
            check_training(services, JOB_ID, 1, NO_LOOKS)

        assert services.capacity(ACCOUNT).durations(Stage.TRAINING).seconds == (900,)


class TestEstimate:
    def test_it_is_the_middle_of_those_before_with_the_range_of_eight_in_ten(
        self, services: FakeServices
    ) -> None:
        inferring(services)
        known(services, Stage.INFERENCE, *range(100, 1200, 100))  # eleven, in order

        assert estimated(services) == {"seconds": 600, "least": 200, "most": 1000, "jobs": 11}

    def test_the_order_in_which_they_ended_does_not_matter(self, services: FakeServices) -> None:
        inferring(services)
        known(services, Stage.INFERENCE, 50, 10, 30, 20, 40)

        assert estimated(services) == {"seconds": 30, "least": 10, "most": 50, "jobs": 5}

    def test_what_is_behind_is_taken_off(self, services: FakeServices) -> None:
        inferring(services)
        known(services, Stage.INFERENCE, *[100] * 5)
        services.clock.move(70)

        assert estimated(services) == {"seconds": 30, "least": 30, "most": 30, "jobs": 5}

    def test_those_that_were_faster_by_now_do_not_count_any_more(
        self, services: FakeServices
    ) -> None:
        inferring(services)
        known(services, Stage.INFERENCE, 10, 10, 10, 10, 1000)
        before = estimated(services)
        services.clock.move(10)

        after = estimated(services)

        assert before
        assert before["seconds"] == 10
        assert after == {"seconds": 990, "least": 990, "most": 990, "jobs": 5}

    def test_one_that_takes_longer_than_any_before_is_not_guessed(
        self, services: FakeServices
    ) -> None:
        inferring(services)
        known(services, Stage.INFERENCE, *[100] * 5)
        services.clock.move(100)

        assert estimated(services) is None

    def test_who_trains_waits_for_both_stages(self, services: FakeServices) -> None:
        training(services)
        known(services, Stage.TRAINING, *[900] * 7)
        known(services, Stage.INFERENCE, *[60] * 5)
        services.clock.move(300)

        assert estimated(services) == {"seconds": 660, "least": 660, "most": 660, "jobs": 5}

    def test_the_providers_own_figures_are_used_until_a_few_jobs_are_known(
        self, services: FakeServices
    ) -> None:
        training(services)
        known(services, Stage.TRAINING, *[900] * (LEAST_KNOWN - 1))
        advice = services.capabilities(PICSART)
        schedules = advice.training, advice.inference

        found = estimated(services)

        assert found
        assert found["jobs"] == 0
        assert found["least"] == sum(schedule.first for schedule in schedules)
        assert found["most"] == sum(schedule.advised for schedule in schedules)
        assert found["least"] < found["seconds"] < found["most"]

    def test_one_stage_that_is_unknown_makes_the_whole_a_guess(
        self, services: FakeServices
    ) -> None:
        training(services)
        known(services, Stage.TRAINING, *[900] * 50)

        found = estimated(services)

        assert found
        assert found["jobs"] == 0

    def test_before_the_request_is_sent_all_of_it_is_still_to_come(
        self, services: FakeServices
    ) -> None:
        stored(services, a_job(status=JobStatus.TRAINING, chosen=chosen(range(1, 6))))
        known(services, Stage.TRAINING, *[900] * 5)
        known(services, Stage.INFERENCE, *[60] * 5)
        services.clock.move(500)

        assert estimated(services) == {"seconds": 960, "least": 960, "most": 960, "jobs": 5}


class TestNobodyCanTell:
    @pytest.mark.parametrize(
        "status",
        [status for status in JobStatus if status not in (JobStatus.TRAINING, JobStatus.INFERRING)],
    )
    def test_when_a_job_ends_that_is_not_at_the_provider(
        self, services: FakeServices, status: JobStatus
    ) -> None:
        stored(services, a_job(status=status))

        assert estimated(services) is None

    def test_when_the_turn_of_a_job_comes(self, services: FakeServices) -> None:
        waiting = Waiting(Stage.TRAINING, WaitReason.CAPACITY, NOON, NOON + 100)
        stored(services, a_job(status=JobStatus.TRAINING), run=a_run(waiting=waiting))

        assert estimated(services) is None


def test_fresh_links_to_avatars_that_were_announced_before_tell_nothing_new(
    services: FakeServices,
) -> None:
    inferring(services)
    done = answer(200, {"status": "DONE", "urls": ["https://cdn.results.test/1.jpg"] * 4})
    services.company.will("check_inference", done, done)
    services.clock.move(30)
    check_inference(services, JOB_ID, 1, NO_LOOKS)
    services.clock.move(600)
    services.jobs.change_run(JOB_ID, 1, Run.unannounced)

    check_inference(services, JOB_ID, 1, NO_LOOKS)

    assert services.capacity(ACCOUNT).durations(Stage.INFERENCE).seconds == (30,)

"""How much longer a job takes: told by the jobs before it, and only while anybody can tell."""

from typing import Any

import pytest

from avatars.model import Durations, JobStatus, Stage, Subject, Took, Waiting, WaitReason, Workload
from avatars.pipeline.estimating import LEAST_KNOWN, estimate
from avatars.settings import FIRST_PROVIDER
from tests.builders import JOB_ID, a_job, a_run, chosen, inferring, stored, training
from tests.fakes import FakeServices
from tests.fakes.clock import NOON
from tests.fakes.services import ACCOUNT, PICSART

ALIKE, OF_THIS_SIZE, ANY = range(3)
"""Places in `Workload.keys`."""

SIZES = {Stage.TRAINING: 5, Stage.INFERENCE: 4}
"""Photos and avatars of the jobs here."""


def known(services: FakeServices, stage: Stage, *seconds: int, where: int = ANY) -> None:
    """The jobs before took so long."""
    asked = Workload(FIRST_PROVIDER, stage, Subject.WOMAN, SIZES[stage])
    took = tuple(Took(0, within) for within in seconds)
    services.capacity(ACCOUNT).change_durations(asked.keys[where], lambda _: Durations(took))


def estimated(services: FakeServices) -> dict[str, Any] | None:
    return estimate(services, services.jobs.job(JOB_ID), services.jobs.run(JOB_ID, 1))


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
        schedules = (
            services.capabilities(PICSART).training,
            services.capabilities(PICSART).inference,
        )

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

    def test_jobs_of_its_subject_and_size_tell_more_than_all_the_others(
        self, services: FakeServices
    ) -> None:
        inferring(services)
        known(services, Stage.INFERENCE, *[30] * 80)
        known(services, Stage.INFERENCE, *[60] * LEAST_KNOWN, where=OF_THIS_SIZE)
        of_its_size = estimated(services)
        known(services, Stage.INFERENCE, *[90] * LEAST_KNOWN, where=ALIKE)

        alike = estimated(services)

        assert of_its_size
        assert of_its_size["seconds"] == 60
        assert alike
        assert alike["seconds"] == 90

    def test_a_few_of_them_are_not_enough(self, services: FakeServices) -> None:
        inferring(services)
        known(services, Stage.INFERENCE, *[30] * LEAST_KNOWN)
        known(services, Stage.INFERENCE, *[90] * (LEAST_KNOWN - 1), where=OF_THIS_SIZE)

        found = estimated(services)

        assert found
        assert found["seconds"] == 30


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

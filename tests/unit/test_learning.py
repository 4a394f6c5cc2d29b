"""What earlier jobs tell: how long each took is remembered, and plans the looks at later ones."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from avatars.model import Durations, Run, Sending, Stage, Subject, Took, Workload
from avatars.pipeline.inference import check_inference, start_inference
from avatars.pipeline.learning import REMEMBERED, planned_looks, remember
from avatars.pipeline.looking import Looks
from avatars.pipeline.training import check_training, start_training
from avatars.schedule import LEAST_TO_LEARN, learned_looks
from avatars.settings import FIRST_PROVIDER, LEAST_SECONDS_BETWEEN_LOOKS
from tests.builders import (
    JOB_ID,
    a_job,
    a_submission,
    chosen,
    inferring,
    stored,
    trained,
    training,
)
from tests.fakes import FakeServices, answer
from tests.fakes.clock import NOON
from tests.fakes.services import ACCOUNT, PICSART

NO_LOOKS: Looks = {"answered": 0, "not_found": 0}
TRAINING = Workload(FIRST_PROVIDER, Stage.TRAINING, Subject.WOMAN, 5)
INFERENCE = Workload(FIRST_PROVIDER, Stage.INFERENCE, Subject.WOMAN, 4)
MINUTES = tuple(Took(60 * n, 60 * n + 60) for n in range(8, 18)) * 3
"""As many as are needed, that ended 8 to 18 minutes after they were asked for."""


def remembered(services: FakeServices, asked: Workload = TRAINING) -> list[Sequence[Took]]:
    """What is known at each key, those most like it first."""
    return [services.capacity(ACCOUNT).durations(key).took for key in asked.keys]


def known(services: FakeServices, key: str, took: Sequence[Took] = MINUTES) -> None:
    services.capacity(ACCOUNT).change_durations(key, lambda _: Durations(tuple(took)))


class TestLikeness:
    @pytest.mark.parametrize(("one", "other"), [(8, 15), (16, 30), (4, 5), (1, 1)])
    def test_sizes_that_differ_by_less_than_twice_are_alike(self, one: int, other: int) -> None:
        assert replace(TRAINING, size=one).keys == replace(TRAINING, size=other).keys

    @pytest.mark.parametrize(
        ("change", "alike"),
        [
            ({}, 3), ({"subject": Subject.DOG}, 2), ({"size": 30}, 1),
            ({"subject": Subject.DOG, "size": 30}, 1), ({"stage": Stage.INFERENCE}, 0),
            ({"provider": "another"}, 0),
        ],
    )  # fmt: skip
    def test_the_less_is_alike_the_fewer_keys_are_shared(
        self, change: dict[str, Any], alike: int
    ) -> None:
        assert len(set(TRAINING.keys) & set(replace(TRAINING, **change).keys)) == alike

    def test_a_job_without_photos_has_keys_too(self) -> None:
        assert len(replace(TRAINING, size=0).keys) == 3


class TestRemembering:
    def test_a_job_is_remembered_with_those_like_it_and_with_all(
        self, services: FakeServices
    ) -> None:
        services.clock.move(740)

        remember(services, TRAINING, a_submission(Sending.ACCEPTED, intended_at=NOON), NO_LOOKS)

        assert remembered(services) == [(Took(0, 740),)] * 3
        assert remembered(services, INFERENCE) == [()] * 3

    def test_it_ended_after_the_last_look_that_found_it_under_way(
        self, services: FakeServices
    ) -> None:
        training(services)
        running = answer(202, {"status": "IN_PROGRESS"})
        services.company.will("check_training", running, answer(200, {"status": "DONE"}))
        services.clock.move(600)
        looks = check_training(services, JOB_ID, 1, NO_LOOKS)["looks"]
        services.clock.move(90)

        check_training(services, JOB_ID, 1, looks)

        assert remembered(services)[0] == (Took(600, 690),)

    @pytest.mark.parametrize("code", [404, 503], ids=["not found", "no answer"])
    def test_a_look_that_found_nothing_out_says_nothing_about_it(
        self, services: FakeServices, code: int
    ) -> None:
        training(services)
        services.company.will("check_training", answer(code), answer(200, {"status": "DONE"}))
        services.clock.move(300)
        looks = check_training(services, JOB_ID, 1, NO_LOOKS)["looks"]
        services.clock.move(90)

        check_training(services, JOB_ID, 1, looks)

        assert remembered(services)[0] == (Took(0, 390),)

    def test_only_the_last_ones_are_remembered(self, services: FakeServices) -> None:
        for second in range(REMEMBERED + 5):
            remember(services, TRAINING, a_submission(intended_at=NOON - second), NO_LOOKS)

        kept = [took.within for took in remembered(services)[0]]
        assert kept == list(range(5, REMEMBERED + 5))

    def test_a_clock_that_was_set_back_makes_no_duration_negative(
        self, services: FakeServices
    ) -> None:
        looks: Looks = {**NO_LOOKS, "running_at": 30}

        remember(services, TRAINING, a_submission(intended_at=NOON + 5), looks)

        assert remembered(services)[0] == (Took(0, 0),)

    def test_what_was_never_sent_took_no_time(self, services: FakeServices) -> None:
        remember(services, TRAINING, None, NO_LOOKS)

        assert remembered(services) == [()] * 3

    def test_a_trained_model_is_remembered_once(self, services: FakeServices) -> None:
        training(services)
        services.company.will("check_training", answer(200, {"status": "DONE"}))
        services.clock.move(900)

        for _ in range(2):
            check_training(services, JOB_ID, 1, NO_LOOKS)

        assert remembered(services)[0] == (Took(0, 900),)

    def test_fresh_links_to_avatars_that_were_announced_before_tell_nothing_new(
        self, services: FakeServices
    ) -> None:
        inferring(services)
        done = answer(200, {"status": "DONE", "urls": ["https://cdn.results.test/1.jpg"] * 4})
        services.company.will("check_inference", done, done)
        services.clock.move(30)
        check_inference(services, JOB_ID, 1, NO_LOOKS)
        services.clock.move(600)
        services.jobs.change_run(JOB_ID, 1, Run.unannounced)

        check_inference(services, JOB_ID, 1, NO_LOOKS)

        assert remembered(services, INFERENCE)[0] == (Took(0, 30),)


class TestPlanning:
    def test_too_few_jobs_plan_nothing(self, services: FakeServices) -> None:
        known(services, TRAINING.keys[-1], MINUTES[: LEAST_TO_LEARN - 1])

        assert planned_looks(services, TRAINING) == ()

    def test_enough_of_any_kind_do(self, services: FakeServices) -> None:
        known(services, TRAINING.keys[-1])

        looks = planned_looks(services, TRAINING)

        schedule = services.capabilities(PICSART).training
        closest = LEAST_SECONDS_BETWEEN_LOOKS[Stage.TRAINING]
        wanted = services.settings.mean_looks[Stage.TRAINING]
        assert looks == learned_looks(MINUTES, schedule, closest, wanted)

    def test_those_most_like_it_come_first(self, services: FakeServices) -> None:
        later = tuple(Took(after + 600, within + 600) for after, within in MINUTES)
        for key, took in zip(TRAINING.keys, (later, MINUTES, MINUTES), strict=True):
            known(services, key, took)

        alike = planned_looks(services, TRAINING)
        of_another_subject = planned_looks(services, replace(TRAINING, subject=Subject.CAT))

        assert alike[0] == of_another_subject[0] + 600

    def test_the_settings_can_keep_to_the_advice(self, services: FakeServices) -> None:
        for key in TRAINING.keys:
            known(services, key)
        wanted = {Stage.TRAINING: 0, Stage.INFERENCE: 3}
        services.settings = replace(services.settings, mean_looks=wanted)

        assert planned_looks(services, TRAINING) == ()

    def test_a_training_is_looked_at_as_planned_when_it_was_asked_for(
        self, services: FakeServices
    ) -> None:
        stored(services, a_job(chosen=chosen(range(1, 6)), chosen_at=NOON))
        services.company.will("submit_training", answer(200, {"model_id": "model-1"}))
        running = answer(202, {"status": "IN_PROGRESS"})
        services.company.will("check_training", *[running] * 3)
        known(services, TRAINING.keys[-1])
        planned = planned_looks(services, TRAINING)

        waits = [start_training(services, JOB_ID, 1)["wait_seconds"]]
        known(services, TRAINING.keys[-1], [Took(0, 301)] * LEAST_TO_LEARN)  # too late for this job
        for _ in range(3):
            services.clock.move(waits[-1])
            waits.append(check_training(services, JOB_ID, 1, NO_LOOKS)["wait_seconds"])

        submission = services.jobs.job(JOB_ID).training
        assert submission
        assert submission.looks == planned
        for number in range(4):
            at, apart = sum(waits[: number + 1]), planned[number + 1] - planned[number]
            assert planned[number] <= at <= planned[number] + apart / 10 + 1

    def test_avatars_are_looked_at_as_planned(self, services: FakeServices) -> None:
        trained(services)
        services.company.will("submit_inference", answer(200, {"inference_id": "inference-1"}))
        known(services, INFERENCE.keys[-1], [Took(70 + n, 80 + n) for n in range(LEAST_TO_LEARN)])

        wait = start_inference(services, JOB_ID, 1)["wait_seconds"]

        submission = services.jobs.run(JOB_ID, 1).inferences[0].submission
        assert submission
        assert submission.looks == planned_looks(services, INFERENCE)
        assert submission.looks[0] <= wait <= 1.1 * submission.looks[0] + 1

    def test_a_model_whose_id_somebody_has_put_in_is_looked_at_as_advised(
        self, services: FakeServices
    ) -> None:
        stored(services, a_job(chosen=chosen(range(1, 6)), chosen_at=NOON, model_id="model-1"))

        wait = start_training(services, JOB_ID, 1)["wait_seconds"]

        assert 300 <= wait <= 331

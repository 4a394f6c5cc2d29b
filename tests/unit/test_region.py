"""The region is no kinder than AWS, and tells the same story every time."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from avatars import wiring
from avatars.model import JobStatus, PhotoStatus
from local.ministack import StateFailedError
from tests.builders import DAY, EXECUTION, JOB_ID, PREFIX, ready_to_train
from tests.fakes import FakeServices, KilledError, answer
from tests.region import NeverEndsError, Region
from tests.turns import Turns
from tests.whole_jobs import folder, picture, surroundings, the_job

PHOTO = f"{PREFIX}a.jpg"
MINUTE = 60


@pytest.fixture
def services() -> FakeServices:
    return surroundings()


@pytest.fixture
def region(services: FakeServices) -> Iterator[Region]:
    with Region(services) as region:
        yield region


def times_of(
    region: Region, effect: str, error: type[BaseException] = TimeoutError, times: int = 9
) -> list[float]:
    """When each effect of that name happens from now on, while so many of them fail."""
    moments: list[float] = []

    def fail() -> None:
        moments.append(region.time)
        raise error

    for _ in range(times):
        region.services.effects.before(effect, fail)
    return moments


class TestTime:
    def test_a_folder_becomes_avatars(self, region: Region) -> None:
        region.drop(PREFIX, folder(avatars=3))

        region.run()

        assert the_job(region).status is JobStatus.COMPLETED
        assert region.executions[EXECUTION].status == "SUCCEEDED"
        assert len(region.services.avatar_bucket.current("avatars/")) == 3

    def test_the_same_seed_tells_the_same_story(self) -> None:
        def story(seed: int) -> tuple[list[str], float]:
            with Region(surroundings(), seed) as region:
                region.services.effects.fail("write run", TimeoutError(), times=2)
                region.drop(PREFIX, folder())
                region.run()
                return region.services.effects.moments, region.time

        assert story(1) == story(1)
        assert story(1) != story(2)

    def test_time_can_be_let_pass_bit_by_bit(self, region: Region) -> None:
        before = region.services.clock.now()
        region.drop(PREFIX, folder())

        region.run(MINUTE)

        assert region.services.clock.now() == before + MINUTE
        assert the_job(region).status is JobStatus.TRAINING

    def test_what_never_ends_is_told(self, region: Region) -> None:
        def again() -> None:
            region.services.effects.after("read unfinished runs", again)
            region.deliver("sweep_jobs", {}, after=DAY)

        again()
        region.sweeping = False

        with pytest.raises(NeverEndsError):
            region.run()

    def test_a_slow_handler_lets_others_go_on(self, region: Region) -> None:
        region.services.effects.before("put photo", lambda: region.sleep(30))
        slow, quick = (region.put(f"{PREFIX}{name}.jpg", picture(0)) for name in "ab")

        region.publish(slow)
        region.publish(quick)
        region.run(MINUTE)

        verdicts = [
            event["requestPayload"]["detail"]["object"]["key"][-5:]
            for function, event in region.taken
            if function == "judge_photo"
        ]
        assert verdicts == ["b.jpg", "a.jpg"]

    def test_a_handler_that_is_too_slow_is_killed(self, region: Region) -> None:
        times = []

        def sleep() -> None:
            times.append(region.time)
            region.sleep(70)

        for _ in range(3):
            region.services.effects.before("put photo", sleep)
        region.drop(PREFIX, {"a.jpg": picture(0)})

        region.run(10 * MINUTE)

        [photo] = region.services.jobs.photos(JOB_ID)
        assert times == [0, 2 * MINUTE, 5 * MINUTE]  # a minute each, and the delays
        assert photo.code == "PREPARE_FAILED"

    def test_whoever_asked_first_is_first(self) -> None:
        turns = Turns(lambda seconds: None)
        order: list[str] = []

        def slow() -> None:
            turns.sleep(4)
            order.append("slow")

        turns.plan(5, lambda: order.append("late"))
        turns.plan(1, slow)
        turns.plan(1, lambda: order.append("early"))

        while len(turns):
            turns.take()

        assert order == ["early", "late", "slow"]

    def test_an_error_in_a_line_of_work_is_raised_where_it_is_run(self) -> None:
        turns = Turns(lambda seconds: None)
        turns.plan(0, lambda: 1 / 0)

        with pytest.raises(ZeroDivisionError):
            turns.take()


class TestEvents:
    def test_a_failing_function_is_tried_after_one_and_two_minutes_more(
        self, region: Region
    ) -> None:
        times = times_of(region, "put photo", KilledError)
        region.drop(PREFIX, {"a.jpg": picture(0)})

        region.run(5 * MINUTE)

        [photo] = region.services.jobs.photos(JOB_ID)
        assert times == [0, MINUTE, 3 * MINUTE]
        assert (photo.status, photo.code) == (PhotoStatus.REJECTED, "PREPARE_FAILED")

    def test_a_photo_whose_storage_was_down_is_judged_by_a_later_sweep(
        self, region: Region
    ) -> None:
        times = times_of(region, "put photo", times=3)
        region.drop(PREFIX, {"a.jpg": picture(0)})

        region.run(40 * MINUTE)

        [photo] = region.services.jobs.photos(JOB_ID)
        assert times == [0, MINUTE, 3 * MINUTE]
        assert photo.status is PhotoStatus.ACCEPTED
        assert [function for function, _ in region.dead_letters] == ["judge_photo"]

    def test_what_nobody_takes_is_a_dead_letter(self, region: Region) -> None:
        times = times_of(region, "read job", KilledError)
        event = region.put(PHOTO, picture(0))

        region.publish(event)
        region.sweeping = False
        region.run()

        [(function, letter)] = region.dead_letters
        assert (function, letter["requestPayload"]) == ("judge_photo", event)
        assert times == [time * MINUTE for time in (0, 1, 3)]

    @pytest.mark.parametrize("lost", ["prepare_photo", "judge_photo"])
    def test_an_event_or_a_record_may_be_lost_and_the_sweep_finds_its_upload(
        self, region: Region, lost: str
    ) -> None:
        losses = {lost: []}
        region.deliveries = lambda function, event: losses.pop(function, [0])
        region.drop(PREFIX, {"a.jpg": picture(0)})

        region.run(40 * MINUTE)

        [photo] = region.services.jobs.photos(JOB_ID)
        assert photo.status is PhotoStatus.ACCEPTED

    def test_an_event_may_come_late_and_twice(self, region: Region) -> None:
        delays = {"prepare_photo": [10, 20], "judge_photo": [0, 5]}
        region.deliveries = lambda function, event: delays[function]

        region.drop(PREFIX, {"a.jpg": picture(0)})
        region.run(5)
        early = list(region.taken)
        region.run(MINUTE)

        assert early == []
        taken = [function for function, _ in region.taken if function != "sweep_jobs"]
        assert taken == ["prepare_photo", "judge_photo", "judge_photo"] * 2

    def test_only_what_a_rule_names_reaches_a_function(self, region: Region) -> None:
        region.drop("photos/", {"a.jpg": picture(0)})

        region.run()

        assert {function for function, _ in region.taken} == {"sweep_jobs"}

    def test_nothing_sweeps_where_that_is_switched_off(self, region: Region) -> None:
        region.sweeping = False

        region.run(120 * MINUTE)

        assert region.taken == []


class TestFunctions:
    def test_an_error_keeps_its_name(self, region: Region) -> None:
        with pytest.raises(StateFailedError) as failure:
            region.invoke("start_training", {"job_id": JOB_ID, "run": 1})

        assert failure.value.error == "JobNotFoundError"
        assert "errorMessage" in failure.value.cause

    def test_after_a_kill_the_next_process_makes_its_services_anew(self, region: Region) -> None:
        before = wiring.services()
        region.services.effects.before("read unfinished runs", region.services.effects.kill)

        with pytest.raises(StateFailedError, match=r"Runtime\.ExitError"):
            region.invoke("sweep_jobs", {})

        assert wiring.services() is not before
        assert region.invoke("sweep_jobs", {})["runs"] == 0

    def test_a_function_that_step_functions_lost_sight_of_goes_on(self, region: Region) -> None:
        ready_to_train(region.services)
        region.lose_sight("start_training", "Lambda.ServiceException", after=20)
        region.start({"job_id": JOB_ID, "run": 1}, f"{JOB_ID}-1")

        region.run()

        calls = [met.call[0] for met in region.executions[EXECUTION].met if met.call]
        assert "recover_training" in calls
        assert calls[:3] == ["begin_run", "collect_photos", "start_training"]
        assert len(region.services.company.requests("submit_training")) == 1
        assert the_job(region).status is JobStatus.COMPLETED

    def test_a_throttled_function_never_ran(self, region: Region) -> None:
        ready_to_train(region.services)
        region.lose_sight("start_training", "Lambda.TooManyRequestsException")
        region.start({"job_id": JOB_ID, "run": 1}, f"{JOB_ID}-1")

        region.run()

        assert len(region.services.company.requests("submit_training")) == 1


def started(region: Region, given: dict[str, Any] | None = None, name: str = f"{JOB_ID}-1") -> str:
    ready_to_train(region.services)
    return region.start(given or {"job_id": JOB_ID, "run": 1}, name)


class TestExecutions:
    def test_a_name_starts_once(self, region: Region) -> None:
        started(region)
        started(region)

        region.run()

        assert len(region.executions) == 1

    def test_its_end_is_told_to_close_job(self, region: Region) -> None:
        arn = started(region)
        region.run(MINUTE)

        region.abort(arn)
        region.run()

        assert region.executions[arn].status == "ABORTED"
        assert the_job(region).code == "EXECUTION_ENDED"

    def test_it_is_running_until_then(self, region: Region) -> None:
        arn = started(region)

        assert region.services.executions.status(arn) == "RUNNING"
        region.run()
        assert region.services.executions.status(arn) == "SUCCEEDED"

    def test_its_time_is_limited(self, region: Region) -> None:
        region.services.company.will("check_training", *[answer(429, retry_after="3600")] * 10_000)
        region.sweeping = False
        region.deliveries = lambda function, event: []
        arn = started(region)
        region.executions[arn].deadline = 1000

        region.run()

        assert (region.executions[arn].status, region.time) == ("TIMED_OUT", 1000)

    def test_retries_come_as_the_definition_says(self, region: Region) -> None:
        arn = started(region)
        times = times_of(region, "read run")

        region.run(60 * MINUTE)

        between = [later - earlier for earlier, later in pairwise(times)]
        assert len(between) == 8
        assert all(0 <= wait <= 2 * 2**n for n, wait in enumerate(between))
        assert max(between) > MINUTE  # the longest wait of the interpreter itself
        assert region.executions[arn].met[8].error

    def test_a_function_goes_on_after_the_end_of_its_execution(self, region: Region) -> None:
        arn = started(region)
        region.services.effects.after("submit training", lambda: region.sleep(30))
        region.run(10)

        region.abort(arn)
        region.run(MINUTE)

        assert the_job(region).model_id
        assert [met.call[0] for met in region.executions[arn].met if met.call] == [
            "begin_run",
            "collect_photos",
        ]

    def test_a_redrive_repeats_only_the_state_that_did_not_succeed(self, region: Region) -> None:
        arn = started(region)
        region.run(MINUTE)
        region.deliveries = lambda function, event: []
        region.abort(arn)
        before = list(region.services.effects.names)

        region.redrive(arn)
        region.run()

        assert region.executions[arn].status == "SUCCEEDED"
        again = region.services.effects.names[len(before) :]
        assert "submit training" in before
        assert "submit training" not in again
        assert "check training" in again

    def test_a_redrive_tries_a_task_anew_that_has_failed_every_time(self, region: Region) -> None:
        region.deliveries = lambda function, event: []
        region.services.company.will("check_training", answer(200, {"status": "FAILED"}))
        arn = started(region)
        region.run(MINUTE)
        region.services.effects.fail("write job", TimeoutError(), times=99)
        region.run(300 * MINUTE)

        failed = region.executions[arn].status
        region.services.effects.forget_plans()
        region.redrive(arn)
        region.run()

        assert failed == "FAILED"
        assert the_job(region).code == "TRAINING_FAILED"

    def test_a_redrive_of_a_fail_state_fails_again(self, region: Region) -> None:
        region.services.company.will("check_training", answer(200, {"status": "FAILED"}))
        arn = started(region)
        region.run()
        effects = len(region.services.effects.names)

        region.redrive(arn)
        region.run(1)

        assert region.executions[arn].status == "FAILED"
        assert "check training" not in region.services.effects.names[effects:]

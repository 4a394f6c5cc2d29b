"""A request whose answer was lost is looked up where the provider can be asked for it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from avatars.errors import (
    NotLookedUpError,
    OutcomeUnknownError,
    ProviderOutageError,
    RunRefusedError,
)
from avatars.model import Answer, JobStatus, Prompt, Sending
from avatars.pipeline.admission import stack_capacity
from avatars.pipeline.inference import check_inference, recover_inference, start_inference
from avatars.pipeline.looking import LOOKS_SECONDS, no_looks
from avatars.pipeline.running import begin_run
from avatars.pipeline.submitting import FINDABLE_AFTER, SubmitReply
from avatars.pipeline.training import recover_training, start_training
from avatars.settings import SUBMIT_TIMEOUT, SpendingLimits
from tests.builders import JOB_ID, a_job, a_run, chosen, stored, trained
from tests.fakes import FakeAstria, FakeServices, KilledError, answer
from tests.fakes.clock import NOON
from tests.fakes.provider import FIRST_ID
from tests.fakes.services import ASTRIA

KNOWN_AFTER = SUBMIT_TIMEOUT + FINDABLE_AFTER
"""Seconds after the intent: its sender may have taken all of its time."""

LOST = OutcomeUnknownError("The request was cut off (ReadTimeout).")
UNKNOWN = [
    pytest.param(answer(504), "TrainingOutcomeUnknownError", id="504"),
    pytest.param(answer(200, b"<html>"), "TrainingOutcomeUnknownError", id="no id"),
    pytest.param(LOST, "OutcomeUnknownError", id="timeout"),
]
TWO = (Prompt("realistic", 2), Prompt("anime", 2))


@dataclass(frozen=True)
class Stage:
    """Training or inference, which must behave alike."""

    name: str
    prepare: Callable[[FakeServices], None]
    start_step: Callable[[FakeServices, str, int], SubmitReply]
    recover_step: Callable[[FakeServices, str, int, str], SubmitReply]

    def start(self, services: FakeServices) -> SubmitReply:
        return self.start_step(services, JOB_ID, 1)

    def recover(self, services: FakeServices, trouble: str = "Lambda.Unknown") -> SubmitReply:
        return self.recover_step(services, JOB_ID, 1, trouble)

    def sends(self, services: FakeServices) -> int:
        return len(services.company.requests(f"submit_{self.name}"))

    def looks_up(self, services: FakeServices) -> int:
        return len(services.company.requests(f"find_{self.name}"))

    def state(self, services: FakeServices) -> Sending | None:
        if self.name == "training":
            submission = services.jobs.job(JOB_ID).training
        else:
            submission = services.jobs.run(JOB_ID, 1).inferences[0].submission
        return submission.state if submission else None

    def lost(self, services: FakeServices, reply: Answer | Exception = LOST) -> None:
        """One request is sent, and nobody knows what became of it."""
        services.company.will(f"submit_{self.name}", reply)
        with pytest.raises(OutcomeUnknownError):
            self.start(services)


def ready_to_train(services: FakeServices) -> None:
    stored(services, a_job(provider=ASTRIA, chosen=chosen(range(1, 6)), chosen_at=NOON))


def ready_to_draw(services: FakeServices) -> None:
    trained(services, provider=ASTRIA, model_id="77")


STAGES = [
    Stage("training", ready_to_train, start_training, recover_training),
    Stage("inference", ready_to_draw, start_inference, recover_inference),
]


def at_astria(**changes: object) -> FakeServices:
    services = FakeServices(**changes)
    services.company = FakeAstria(services.effects)
    return services


@pytest.fixture
def services() -> FakeServices:
    return at_astria()


@pytest.fixture(params=STAGES, ids=lambda stage: stage.name)
def stage(request: pytest.FixtureRequest, services: FakeServices) -> Stage:
    stage: Stage = request.param
    stage.prepare(services)
    return stage


@pytest.mark.parametrize(("reply", "trouble"), UNKNOWN)
class TestLostAnswer:
    def test_what_the_provider_has_is_taken(
        self, services: FakeServices, stage: Stage, reply: Answer | Exception, trouble: str
    ) -> None:
        stage.lost(services, reply)
        services.clock.move(KNOWN_AFTER)

        recovered = stage.recover(services, trouble)

        assert (recovered["status"], recovered["accepted_id"]) == ("ACCEPTED", str(FIRST_ID))
        assert stage.state(services) is Sending.ACCEPTED
        assert stage.sends(services) == 1

    def test_what_it_does_not_have_is_sent_again(
        self, services: FakeServices, stage: Stage, reply: Answer | Exception, trouble: str
    ) -> None:
        services.company.takes_what_it_loses = False
        stage.lost(services, reply)
        services.clock.move(KNOWN_AFTER)

        recovered = stage.recover(services, trouble)
        services.clock.move(recovered["wait_seconds"])
        again = stage.start(services)

        assert (recovered["status"], again["status"]) == ("WAITING", "ACCEPTED")
        assert stage.sends(services) == 2


class TestPatience:
    def test_it_is_not_looked_up_before_the_provider_knows_it_for_certain(
        self, services: FakeServices, stage: Stage
    ) -> None:
        stage.lost(services, answer(504))
        services.clock.move(20)

        early = stage.recover(services)
        services.clock.move(early["wait_seconds"])
        late = stage.recover(services)

        assert (early["status"], early["wait_seconds"]) == ("IN_FLIGHT", KNOWN_AFTER - 20)
        assert late["status"] == "ACCEPTED"
        assert stage.looks_up(services) == 1

    def test_while_another_may_be_sending_it_is_waited_for(
        self, services: FakeServices, stage: Stage
    ) -> None:
        stage.lost(services)
        services.clock.move(FINDABLE_AFTER)

        waiting = stage.recover(services, "Lambda.ServiceException")

        rest = SUBMIT_TIMEOUT - FINDABLE_AFTER
        assert (waiting["status"], waiting["wait_seconds"]) == ("IN_FLIGHT", rest)
        assert stage.looks_up(services) == 0

    def test_a_killed_sender_may_have_sent_it(self, services: FakeServices, stage: Stage) -> None:
        services.effects.after(f"submit {stage.name}", services.effects.kill)
        with pytest.raises(KilledError):
            stage.start(services)
        services.effects.revive()
        services.clock.move(KNOWN_AFTER)

        recovered = stage.recover(services)

        assert recovered["accepted_id"] == str(FIRST_ID)
        assert stage.sends(services) == 1

    def test_an_outage_counts_once_however_often_its_answer_is_read(
        self, services: FakeServices, stage: Stage
    ) -> None:
        stage.lost(services, answer(504))
        for _ in range(3):
            stage.recover(services)

        gate = services.capacity("astria").gate()
        assert (gate.troubles, gate.closed) == (1, None)

    @pytest.mark.parametrize("reply", [answer(500), answer(0), answer(200, {"error": "later"})])
    def test_a_look_that_says_nothing_is_made_again(
        self, services: FakeServices, stage: Stage, reply: Answer
    ) -> None:
        stage.lost(services)
        services.clock.move(KNOWN_AFTER)
        services.company.will(f"find_{stage.name}", reply)

        with pytest.raises(NotLookedUpError):
            stage.recover(services)

        assert stage.state(services) is Sending.INTENDED
        assert stage.recover(services)["status"] == "ACCEPTED"
        assert stage.sends(services) == 1

    def test_it_is_looked_up_for_another_one_too_who_finds_it_under_way(
        self, services: FakeServices, stage: Stage
    ) -> None:
        stage.lost(services)
        services.clock.move(KNOWN_AFTER)

        with pytest.raises(OutcomeUnknownError) as trouble:
            stage.start(services)
        recovered = stage.recover(services, trouble.type.__name__)

        assert recovered["status"] == "ACCEPTED"
        assert stage.sends(services) == 1

    def test_of_two_who_look_at_once_one_sends_it_again(
        self, services: FakeServices, stage: Stage
    ) -> None:
        services.company.takes_what_it_loses = False
        stage.lost(services)
        services.clock.move(KNOWN_AFTER)
        row = "job" if stage.name == "training" else "run"

        def another_recovers_and_sends() -> None:
            services.clock.move(stage.recover(services)["wait_seconds"])
            stage.start(services)

        services.effects.before(f"write {row}", another_recovers_and_sends)
        stage.recover(services)

        assert stage.state(services) is Sending.ACCEPTED
        assert stage.start(services)["status"] == "ACCEPTED"
        assert stage.sends(services) == 2

    def test_a_job_that_has_ended_takes_what_is_found_and_sends_nothing(
        self, services: FakeServices, stage: Stage
    ) -> None:
        stage.lost(services)
        services.clock.move(KNOWN_AFTER)
        services.jobs.change_job(JOB_ID, lambda job: replace(job, status=JobStatus.NEEDS_ATTENTION))

        assert stage.recover(services)["status"] == "ACCEPTED"
        with pytest.raises(RunRefusedError):
            stage.start(services)
        assert stage.sends(services) == 1

    def test_a_job_that_ended_over_it_is_taken_up_again_and_finds_it(
        self, services: FakeServices, stage: Stage
    ) -> None:
        stage.lost(services)
        services.clock.move(KNOWN_AFTER)
        services.jobs.change_job(JOB_ID, lambda job: replace(job, status=JobStatus.NEEDS_ATTENTION))

        begin_run(services, JOB_ID, "an-execution", run=1)
        with pytest.raises(OutcomeUnknownError) as trouble:
            stage.start(services)
        recovered = stage.recover(services, trouble.type.__name__)

        assert recovered["status"] == "ACCEPTED"
        assert stage.sends(services) == 1

    def test_patience_ends_where_it_is_never_taken(
        self, services: FakeServices, stage: Stage
    ) -> None:
        services.company.takes_what_it_loses = False
        stage.lost(services)
        services.clock.move(services.settings.provider_patience)

        with pytest.raises(ProviderOutageError, match="nothing was paid"):
            stage.recover(services)

        assert stage.state(services) is Sending.NOT_SENT


class TestSeveral:
    """Two prompts, each a request of its own."""

    @pytest.fixture(autouse=True)
    def two_prompts(self, services: FakeServices) -> None:
        ready_to_draw(services)
        services.jobs.change_run(JOB_ID, 1, lambda run: a_run(prompts=TWO, version=run.version))

    def test_the_one_that_was_lost_is_found_and_the_others_are_sent(
        self, services: FakeServices
    ) -> None:
        services.company.will("submit_inference", answer(504))
        with pytest.raises(OutcomeUnknownError):
            start_inference(services, JOB_ID, 1)
        services.clock.move(KNOWN_AFTER)

        recovered = recover_inference(services, JOB_ID, 1, "Lambda.Unknown")
        last = start_inference(services, JOB_ID, 1)

        assert (recovered["status"], last["status"]) == ("MORE", "ACCEPTED")
        assert len(services.company.requests("submit_inference")) == 2

    @pytest.mark.parametrize("is_taken", [True, False])
    def test_equal_prompts_are_not_taken_for_each_other(
        self, services: FakeServices, is_taken: bool
    ) -> None:
        equal = (Prompt("realistic", 16),)
        services.jobs.change_run(JOB_ID, 1, lambda run: a_run(prompts=equal, version=run.version))
        services.company.takes_what_it_loses = is_taken
        services.company.will("submit_inference", answer(200, {"id": 1}), answer(504))
        with pytest.raises(OutcomeUnknownError):
            start_inference(services, JOB_ID, 1)
        services.clock.move(KNOWN_AFTER)

        recovered = recover_inference(services, JOB_ID, 1, "Lambda.Unknown")

        first, _ = services.jobs.run(JOB_ID, 1).inferences
        assert recovered["status"] == ("ACCEPTED" if is_taken else "WAITING")
        assert recovered["accepted_id"] != first.inference_id

    def test_looks_are_at_each_by_its_own_id(self, services: FakeServices) -> None:
        start_inference(services, JOB_ID, 1)
        start_inference(services, JOB_ID, 1)
        images = [f"https://cdn.results.test/{n}.jpg" for n in range(2)]
        services.company.will("check_inference", answer(200, {"images": images}))

        check_inference(services, JOB_ID, 1, no_looks())

        asked = [one.arguments for one in services.company.requests("check_inference")]
        ids = services.jobs.run(JOB_ID, 1).inference_ids
        assert asked == [("77", ids[0]), ("77", ids[1])]

    def test_looks_that_take_longer_than_a_function_has_are_left_to_the_next_call(
        self, services: FakeServices
    ) -> None:
        start_inference(services, JOB_ID, 1)
        start_inference(services, JOB_ID, 1)
        images = [f"https://cdn.results.test/{n}.jpg" for n in range(2)]
        for _ in range(2):
            services.company.will("check_inference", answer(200, {"images": images}))
        services.effects.after("check inference", lambda: services.clock.move(LOOKS_SECONDS + 1))

        early = check_inference(services, JOB_ID, 1, no_looks())
        run = services.jobs.run(JOB_ID, 1)
        late = check_inference(services, JOB_ID, 1, early["looks"])

        assert (early["status"], early["wait_seconds"]) == ("RUNNING", 1)
        assert [one.announced_at is not None for one in run.inferences] == [True, False]
        assert late["status"] == "READY"
        assert len(services.company.requests("check_inference")) == 2


@pytest.mark.parametrize("is_taken", [True, False])
def test_what_was_looked_up_is_paid_for_once(is_taken: bool) -> None:
    services = at_astria(spending=SpendingLimits(50, 5, per_day=500, owner_per_day=500))
    ready_to_draw(services)
    services.company.takes_what_it_loses = is_taken
    services.company.will("submit_inference", answer(504))
    with pytest.raises(OutcomeUnknownError):
        start_inference(services, JOB_ID, 1)
    services.clock.move(KNOWN_AFTER)
    recovered = recover_inference(services, JOB_ID, 1, "Lambda.Unknown")
    if not is_taken:
        services.clock.move(recovered["wait_seconds"])
        start_inference(services, JOB_ID, 1)

    spending = stack_capacity(services).spending()
    assert (spending.spent, spending.reserved) == (20, {})


def test_who_keeps_no_list_is_never_asked_for_one() -> None:
    services = FakeServices()
    trained(services)
    services.company.will("submit_inference", LOST)
    with pytest.raises(OutcomeUnknownError):
        start_inference(services, JOB_ID, 1)
    services.clock.move(KNOWN_AFTER)

    with pytest.raises(OutcomeUnknownError):
        recover_inference(services, JOB_ID, 1, "Lambda.Unknown")

    assert services.company.requests("find_inference") == []

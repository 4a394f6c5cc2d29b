"""The two paid requests: whatever comes back, and whoever else is at it, each is sent once."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from avatars.errors import (
    InferenceOutcomeUnknownError,
    JobError,
    NotSentError,
    OutcomeUnknownError,
    OutOfOrderError,
    ProviderBusyError,
    ProviderOutageError,
    ProviderRejectedError,
    ProviderUnreachableError,
    RunRefusedError,
    TrainingOutcomeUnknownError,
)
from avatars.model import (
    Answer,
    InferenceRequest,
    JobStatus,
    Leases,
    Sending,
    Subject,
    Submission,
)
from avatars.model import Stage as StageName
from avatars.pipeline.inference import check_inference, recover_inference, start_inference
from avatars.pipeline.looking import LookReply, Looks, no_looks
from avatars.pipeline.submitting import SubmitReply
from avatars.pipeline.training import check_training, recover_training, start_training
from avatars.settings import SUBMIT_TIMEOUT
from tests.builders import (
    JOB_ID,
    PROMPTS,
    a_run,
    a_submission,
    an_inference,
    ready_to_train,
    trained,
)
from tests.fakes import FakeServices, KilledError, LostConfirmationError, answer
from tests.fakes.clock import NOON

PATIENCE = 86_400
FATAL_EVENTS = 25_000
EVENTS_A_TRY = 9


@dataclass(frozen=True)
class Stage:
    """Training or inference, which must behave alike."""

    name: str
    prepare: Callable[[FakeServices], None]
    start_step: Callable[[FakeServices, str, int], SubmitReply]
    recover_step: Callable[[FakeServices, str, int, str], SubmitReply]
    check_step: Callable[[FakeServices, str, int, Looks], LookReply]
    unknown: type[OutcomeUnknownError]
    first_look: int

    @property
    def call(self) -> str:
        return f"submit_{self.name}"

    @property
    def row(self) -> str:
        return "job" if self.name == "training" else "run"

    def start(self, services: FakeServices) -> SubmitReply:
        return self.start_step(services, JOB_ID, 1)

    def recover(self, services: FakeServices, trouble: str = "Lambda.Unknown") -> SubmitReply:
        return self.recover_step(services, JOB_ID, 1, trouble)

    def look(self, services: FakeServices) -> LookReply:
        return self.check_step(services, JOB_ID, 1, no_looks())

    def submission(self, services: FakeServices) -> Submission | None:
        if self.name == "training":
            return services.jobs.job(JOB_ID).training
        inferences = services.jobs.run(JOB_ID, 1).inferences
        return inferences[0].submission if inferences else None

    def accepted_id(self, services: FakeServices) -> str | None:
        if self.name == "training":
            return services.jobs.job(JOB_ID).model_id
        inferences = services.jobs.run(JOB_ID, 1).inferences
        return inferences[0].inference_id if inferences else None

    def put(self, services: FakeServices, submission: Submission) -> None:
        if self.name == "training":
            services.jobs.change_job(JOB_ID, lambda job: replace(job, training=submission))
        else:
            inferences = (an_inference(submission=submission, inference_id=None),)
            services.jobs.change_run(JOB_ID, 1, lambda run: replace(run, inferences=inferences))

    def lose(self, services: FakeServices) -> None:
        """The row is as it was before anything was sent."""
        if self.name == "training":
            services.jobs.change_job(JOB_ID, lambda job: replace(job, training=None, model_id=None))
        else:
            services.jobs.change_run(JOB_ID, 1, lambda run: replace(run, inferences=()))

    def accepted(self, provider_id: str = "id-1") -> Answer:
        field = "model_id" if self.name == "training" else "inference_id"
        return answer(202, {field: provider_id})

    def kept(self, services: FakeServices, attempt: int = 1) -> Answer | None:
        prefix = "" if self.name == "training" else "run-001-"
        return services.answers.find(JOB_ID, f"{prefix}{self.name}-{attempt:03}")


TRAINING = Stage(
    "training",
    ready_to_train,
    start_training,
    recover_training,
    check_training,
    TrainingOutcomeUnknownError,
    300,
)
INFERENCE = Stage(
    "inference",
    trained,
    start_inference,
    recover_inference,
    check_inference,
    InferenceOutcomeUnknownError,
    20,
)


@pytest.fixture(params=[TRAINING, INFERENCE], ids=lambda stage: stage.name)
def stage(request: pytest.FixtureRequest, services: FakeServices) -> Stage:
    stage: Stage = request.param
    stage.prepare(services)
    return stage


def a_full_house() -> Leases:
    """As many under way as there may be, for ever."""
    return Leases(holders={f"another-{number}": NOON + 9 * PATIENCE for number in range(1000)})


def sends(services: FakeServices, stage: Stage) -> int:
    return len(services.company.requests(stage.call))


class TestAccepted:
    def test_the_id_is_in_the_table_and_the_first_look_is_when_the_provider_advises(
        self, services: FakeServices, stage: Stage
    ) -> None:
        services.company.will(stage.call, stage.accepted())

        reply = stage.start(services)

        assert (reply["status"], reply["accepted_id"]) == ("ACCEPTED", "id-1")
        assert stage.first_look <= reply["wait_seconds"] <= 1.1 * stage.first_look
        assert stage.accepted_id(services) == "id-1"
        assert sends(services, stage) == 1

    def test_the_intent_says_when_it_was_and_when_it_will_be_overdue(
        self, services: FakeServices, stage: Stage
    ) -> None:
        stage.start(services)

        submission = stage.submission(services)
        assert submission is not None
        assert submission.state is Sending.ACCEPTED
        assert (submission.intended_at, submission.deadline) == (NOON, NOON + 3600)

    def test_nothing_that_can_fail_lies_between_the_intent_and_the_request(
        self, services: FakeServices, stage: Stage
    ) -> None:
        stage.start(services)

        names = services.effects.names
        request = names.index(f"submit {stage.name}")
        assert names[request - 1] == f"write {stage.row}"
        assert names[request + 1] == "keep answer"
        assert names[request + 2 :].count(f"write {stage.row}") == 1

    def test_the_raw_answer_is_kept(self, services: FakeServices, stage: Stage) -> None:
        reply = stage.accepted()
        services.company.will(stage.call, reply)

        stage.start(services)

        assert stage.kept(services) == reply

    def test_a_repetition_sends_nothing(self, services: FakeServices, stage: Stage) -> None:
        stage.start(services)

        again = stage.start(services)
        recovered = stage.recover(services)

        assert again["status"] == recovered["status"] == "ACCEPTED"
        assert again["accepted_id"] == recovered["accepted_id"] == stage.accepted_id(services)
        assert sends(services, stage) == 1


def test_a_training_is_asked_for_with_links_to_the_chosen_versions(services: FakeServices) -> None:
    ready_to_train(services)

    start_training(services, JOB_ID, 1)

    [request] = services.company.requests("submit_training")[0].arguments
    versions = [link.rpartition("=")[2] for link in request.photo_links]
    assert versions == [f"prepared-{n}" for n in range(1, 6)]
    assert request.subject == Subject.WOMAN
    assert services.jobs.job(JOB_ID).status is JobStatus.TRAINING


def test_every_attempt_at_a_training_has_one_title_and_other_photos_have_another(
    services: FakeServices,
) -> None:
    ready_to_train(services)
    services.company.will("submit_training", answer(429), answer(429), answer(429))
    for _ in range(2):
        services.clock.move(200)
        start_training(services, JOB_ID, 1)
    services.jobs.change_job(JOB_ID, lambda job: replace(job, chosen=job.chosen[1:]))
    services.clock.move(200)

    start_training(services, JOB_ID, 1)

    first, second, other = (
        sent.arguments[0].title for sent in services.company.requests("submit_training")
    )
    assert first == second != other
    assert first.startswith(JOB_ID)


def test_an_inference_is_asked_for_with_the_model_and_all_prompts(services: FakeServices) -> None:
    trained(services)

    start_inference(services, JOB_ID, 1)

    [request] = services.company.requests("submit_inference")[0].arguments
    expected = InferenceRequest(PROMPTS, Subject.WOMAN, "model-1", title=f"{JOB_ID}-1-1")
    assert request == expected


def test_an_inference_without_a_model_is_out_of_order(services: FakeServices) -> None:
    ready_to_train(services)

    with pytest.raises(OutOfOrderError):
        start_inference(services, JOB_ID, 1)


@pytest.mark.parametrize(
    ("reply", "least"),
    [
        pytest.param(ProviderUnreachableError("refused"), 30, id="unreachable"),
        pytest.param(answer(429), 60, id="no wait named"),
        pytest.param(answer(429, retry_after="17"), 17, id="seconds"),
        pytest.param(answer(429, retry_after="0"), 15, id="no time at all"),
        pytest.param(answer(429, x_picsart_ratelimit_reset_time="42"), 42, id="rest of window"),
        pytest.param(answer(429, retry_after="Wed, 21 Oct 2099 07:28:00 GMT"), 3600, id="far date"),
        pytest.param(
            answer(429, {"fault": {"faultstring": "Rate limit quota violation"}}),
            60,
            id="gateway's body",
        ),
    ],
)
class TestLater:
    def test_it_is_sent_again_after_the_wait(
        self,
        services: FakeServices,
        stage: Stage,
        reply: Answer | Exception,
        least: int,
    ) -> None:
        services.company.will(stage.call, reply, stage.accepted())

        first = stage.start(services)
        waiting = stage.submission(services)
        services.clock.move(first["wait_seconds"])
        second = stage.start(services)

        assert first["status"] == "WAITING"
        assert least <= first["wait_seconds"] <= math.ceil(1.1 * least)
        assert waiting is not None
        assert waiting.state is Sending.NOT_SENT
        assert second["status"] == "ACCEPTED"
        assert stage.accepted_id(services) == "id-1"

    def test_recovery_says_the_same_and_sends_nothing(
        self,
        services: FakeServices,
        stage: Stage,
        reply: Answer | Exception,
        least: int,
    ) -> None:
        services.company.will(stage.call, reply)
        stage.start(services)

        recovered = stage.recover(services)

        assert recovered["status"] == "WAITING"
        assert sends(services, stage) == 1

    def test_patience_ends_at_the_deadline(
        self,
        services: FakeServices,
        stage: Stage,
        reply: Answer | Exception,
        least: int,
    ) -> None:
        services.clock.move(PATIENCE - least + 1)
        services.company.will(stage.call, reply)

        with pytest.raises((ProviderOutageError, ProviderBusyError), match="nothing was paid"):
            stage.start(services)


@pytest.mark.parametrize(
    "reply", [ProviderUnreachableError("refused"), answer(429, retry_after="1"), answer(429)]
)
def test_all_tries_together_stay_far_below_the_limit_of_a_history(
    services: FakeServices, stage: Stage, reply: Answer | Exception
) -> None:
    services.company.will(stage.call, *[reply] * FATAL_EVENTS)

    tries = 0

    def try_until_the_deadline() -> None:
        nonlocal tries
        while tries < FATAL_EVENTS:
            tries += 1
            services.clock.move(stage.start(services)["wait_seconds"])

    with pytest.raises((ProviderOutageError, ProviderBusyError)):
        try_until_the_deadline()

    assert tries * EVENTS_A_TRY < 0.3 * FATAL_EVENTS


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        *(
            (status, {"detail": "images must be a list"}, ProviderRejectedError, "must be a list")
            for status in (400, 404, 405, 413, 415, 422, 431)
        ),
    ],
)
class TestRefused:
    def test_the_job_ends_with_the_reason(
        self,
        services: FakeServices,
        stage: Stage,
        status: int,
        body: object,
        error: type[JobError],
        words: str,
    ) -> None:
        services.company.will(stage.call, answer(status, body))

        with pytest.raises(error, match=words):
            stage.start(services)

        submission = stage.submission(services)
        assert submission is not None
        assert submission.state is Sending.NOT_SENT
        assert stage.kept(services) is not None

    def test_recovery_after_a_crash_finds_the_same_reason(
        self,
        services: FakeServices,
        stage: Stage,
        status: int,
        body: object,
        error: type[JobError],
        words: str,
    ) -> None:
        services.company.will(stage.call, answer(status, body))
        services.effects.after("keep answer", services.effects.kill)
        with pytest.raises(KilledError):
            stage.start(services)
        services.effects.revive()

        with pytest.raises(error, match=words):
            stage.recover(services)

        assert sends(services, stage) == 1


UNKNOWN = [
    *(pytest.param(answer(status), id=str(status)) for status in (500, 502, 503, 504, 302, 408)),
    pytest.param(answer(200, b"<html>Welcome</html>"), id="HTML"),
    pytest.param(answer(200), id="nothing"),
    pytest.param(answer(202, {"status": "ACCEPTED"}), id="no id"),
    pytest.param(answer(202, {"model_id": "", "inference_id": " "}), id="empty id"),
    pytest.param(answer(202, {"model_id": None, "inference_id": None}), id="null"),
    pytest.param(answer(202, {"model_id": False, "inference_id": False}), id="false"),
    pytest.param(answer(200, b"[" * 100_000), id="nested without end"),
    pytest.param(OutcomeUnknownError("The request was cut off (ReadTimeout)."), id="timeout"),
    pytest.param(OutcomeUnknownError("The request was cut off (ReadError)."), id="reset"),
]


@pytest.mark.parametrize("reply", UNKNOWN)
class TestUnknown:
    def test_nobody_sends_it_again(
        self, services: FakeServices, stage: Stage, reply: Answer | Exception
    ) -> None:
        services.company.will(stage.call, reply)

        for step in (stage.start, stage.recover, stage.start, stage.recover):
            with pytest.raises(OutcomeUnknownError):
                step(services)

        assert sends(services, stage) == 1

    def test_recovery_says_what_is_unknown_under_a_stable_code(
        self, services: FakeServices, stage: Stage, reply: Answer | Exception
    ) -> None:
        services.company.will(stage.call, reply)
        with pytest.raises(OutcomeUnknownError):
            stage.start(services)

        with pytest.raises(stage.unknown):
            stage.recover(services)

    def test_the_raw_answer_is_kept_where_there_was_one(
        self, services: FakeServices, stage: Stage, reply: Answer | Exception
    ) -> None:
        services.company.will(stage.call, reply)

        with pytest.raises(OutcomeUnknownError):
            stage.start(services)

        assert stage.kept(services) == (reply if isinstance(reply, Answer) else None)


def test_a_row_that_was_lost_gets_its_id_back_from_the_answer_and_sends_nothing(
    services: FakeServices, stage: Stage
) -> None:
    services.company.will(stage.call, answer(429), stage.accepted())
    services.clock.move(stage.start(services)["wait_seconds"])
    stage.start(services)
    stage.lose(services)

    services.clock.move(stage.start(services)["wait_seconds"])
    reply = stage.start(services)

    assert reply["accepted_id"] == "id-1"
    assert stage.accepted_id(services) == "id-1"
    assert sends(services, stage) == 2


class TestGettingReady:
    @pytest.mark.parametrize("name", ["fetch key", "sign links"])
    def test_what_fails_before_the_intent_leaves_no_trace(
        self, services: FakeServices, name: str
    ) -> None:
        ready_to_train(services)
        services.effects.fail(name, NotSentError("not now"))

        with pytest.raises(NotSentError):
            start_training(services, JOB_ID, 1)

        assert services.jobs.job(JOB_ID).training is None
        assert start_training(services, JOB_ID, 1)["status"] == "ACCEPTED"

    def test_a_step_that_never_got_ready_is_started_again_until_the_deadline(
        self, services: FakeServices, stage: Stage
    ) -> None:
        early = stage.recover(services)
        services.clock.move(PATIENCE)

        assert early["status"] == "WAITING"
        assert 30 <= early["wait_seconds"] <= 33
        with pytest.raises(ProviderOutageError):
            stage.recover(services)

    def test_a_submission_uses_the_newest_key(self, services: FakeServices, stage: Stage) -> None:
        services.rotate_key("key-2")

        stage.start(services)

        assert services.company.requests(stage.call)[0].key == "key-2"


class TestStorageFails:
    def test_an_answer_that_cannot_be_kept_still_brings_its_id_into_the_table(
        self, services: FakeServices, stage: Stage
    ) -> None:
        services.company.will(stage.call, stage.accepted())
        services.effects.fail("keep answer", OSError("S3 is down"))

        with pytest.raises(OSError, match="S3 is down"):
            stage.start(services)

        assert stage.accepted_id(services) == "id-1"
        assert stage.recover(services)["status"] == "ACCEPTED"

    def test_an_id_that_cannot_be_saved_is_recovered_from_the_answer(
        self, services: FakeServices, stage: Stage
    ) -> None:
        services.company.will(stage.call, stage.accepted())
        services.effects.after(
            "keep answer",
            lambda: services.effects.fail(f"write {stage.row}", OSError("DynamoDB is down")),
        )
        with pytest.raises(OSError, match="DynamoDB is down"):
            stage.start(services)

        recovered = stage.recover(services)

        assert recovered["status"] == "ACCEPTED"
        assert stage.accepted_id(services) == "id-1"
        assert sends(services, stage) == 1

    def test_an_intent_that_cannot_be_written_sends_nothing(
        self, services: FakeServices, stage: Stage
    ) -> None:
        services.effects.fail(f"write {stage.row}", OSError("DynamoDB is down"))

        with pytest.raises(OSError, match="DynamoDB is down"):
            stage.start(services)

        assert sends(services, stage) == 0
        assert stage.start(services)["status"] == "ACCEPTED"

    def test_an_intent_whose_confirmation_was_lost_is_known_as_our_own(
        self, services: FakeServices, stage: Stage
    ) -> None:
        services.effects.after(f"write {stage.row}", lose_the_confirmation)

        reply = stage.start(services)

        assert reply["status"] == "ACCEPTED"
        assert sends(services, stage) == 1

    def test_an_id_whose_confirmation_was_lost_is_saved_once(
        self, services: FakeServices, stage: Stage
    ) -> None:
        services.company.will(stage.call, stage.accepted())
        services.effects.after(
            "keep answer",
            lambda: services.effects.after(f"write {stage.row}", lose_the_confirmation),
        )

        stage.start(services)

        assert stage.accepted_id(services) == "id-1"


class TestTwoCallers:
    @pytest.mark.parametrize("moment", ["before", "after"])
    @pytest.mark.parametrize("effect", ["write", "submit", "keep answer"])
    def test_only_one_of_them_sends(
        self, services: FakeServices, stage: Stage, moment: str, effect: str
    ) -> None:
        name = {"write": f"write {stage.row}", "submit": f"submit {stage.name}"}.get(effect, effect)
        others: list[object] = []

        def another() -> None:
            try:
                others.append(stage.start(services)["status"])
            except OutcomeUnknownError as error:
                others.append(type(error))

        getattr(services.effects, moment)(name, another)
        try:
            stage.start(services)
        except OutcomeUnknownError as error:
            others.append(type(error))

        assert sends(services, stage) == 1
        assert stage.recover(services)["status"] == "ACCEPTED"
        assert others in (["ACCEPTED"], [stage.unknown], ["ACCEPTED", stage.unknown])

    def test_a_refusal_that_is_noted_late_takes_no_newer_intent_back(
        self, services: FakeServices, stage: Stage
    ) -> None:
        lost = OutcomeUnknownError("The request was cut off (ReadTimeout).")
        services.company.will(stage.call, answer(429), lost)

        def another_recovers_and_sends() -> None:
            services.clock.move(stage.recover(services)["wait_seconds"])
            with pytest.raises(OutcomeUnknownError):
                stage.start(services)

        services.effects.after("keep answer", another_recovers_and_sends)

        stage.start(services)

        with pytest.raises(stage.unknown):
            stage.start(services)
        assert sends(services, stage) == 2

    def test_the_one_that_lost_waits_while_the_other_may_be_sending(
        self, services: FakeServices, stage: Stage
    ) -> None:
        stage.put(services, a_submission())

        with pytest.raises(stage.unknown) as trouble:
            stage.start(services)
        waiting = stage.recover(services, trouble.type.__name__)

        assert (waiting["status"], waiting["wait_seconds"]) == ("IN_FLIGHT", SUBMIT_TIMEOUT)


class TestBeforeThereIsAnythingToLookAt:
    """A look says what comes before it."""

    @pytest.mark.parametrize(
        "state", [None, Sending.NOT_SENT, Sending.ABANDONED, Sending.FRUITLESS]
    )
    def test_what_is_not_under_way_is_to_be_sent(
        self, services: FakeServices, stage: Stage, state: Sending | None
    ) -> None:
        if state:
            stage.put(services, a_submission(state=state))

        assert stage.look(services)["status"] == "ORDER"
        assert services.company.sent == []

    def test_what_may_be_under_way_is_found_out_by_whoever_would_send_it(
        self, services: FakeServices, stage: Stage
    ) -> None:
        stage.put(services, a_submission())

        assert stage.look(services)["status"] == "ORDER"
        with pytest.raises(stage.unknown):
            stage.start(services)
        assert services.company.sent == []

    def test_who_is_in_line_waits_on_until_its_turn_has_come(
        self, services: FakeServices, stage: Stage
    ) -> None:
        services.company.will(stage.call, answer(429, retry_after="600"))
        told = stage.start(services)

        early = stage.look(services)
        services.clock.move(told["wait_seconds"])
        late = stage.look(services)

        assert (early["status"], late["status"]) == ("WAITING", "ORDER")
        assert early["wait_seconds"] >= 600
        assert stage.start(services)["status"] == "ACCEPTED"
        assert sends(services, stage) == 2

    def test_what_somebody_else_has_sent_meanwhile_is_not_looked_at_too_early(
        self, services: FakeServices, stage: Stage
    ) -> None:
        """Of whom Step Functions had lost sight."""
        services.company.will(stage.call, answer(429, retry_after="600"))
        stage.start(services)
        in_line = stage.look(services)["looks"]
        services.clock.move(700)
        stage.start(services)
        services.clock.move(2)

        early = stage.check_step(services, JOB_ID, 1, in_line)
        services.clock.move(early["wait_seconds"])
        stage.check_step(services, JOB_ID, 1, early["looks"])

        assert early["status"] == "RUNNING"
        assert early["wait_seconds"] >= stage.first_look
        assert len(services.company.requests(f"check_{stage.name}")) == 1

    def test_the_time_for_waiting_ends_there_too(
        self, services: FakeServices, stage: Stage
    ) -> None:
        for each in StageName:
            services.capacity("picsart").change_leases(each, lambda leases: a_full_house())
        stage.start(services)
        services.clock.move(PATIENCE)

        with pytest.raises(ProviderBusyError, match="take the job up again"):
            stage.look(services)


class TestKilled:
    def test_a_killed_function_is_not_waited_for(
        self, services: FakeServices, stage: Stage
    ) -> None:
        stage.put(services, a_submission())

        with pytest.raises(stage.unknown):
            stage.recover(services, "Lambda.Unknown")

    @pytest.mark.parametrize(
        "trouble", ["Lambda.ServiceException", "Lambda.ClientExecutionTimeoutException"]
    )
    def test_a_function_out_of_sight_is_waited_for_until_its_own_timeout(
        self, services: FakeServices, stage: Stage, trouble: str
    ) -> None:
        stage.put(services, a_submission())

        waiting = stage.recover(services, trouble)
        services.clock.move(SUBMIT_TIMEOUT)

        assert (waiting["status"], waiting["wait_seconds"]) == ("IN_FLIGHT", SUBMIT_TIMEOUT)
        with pytest.raises(stage.unknown):
            stage.recover(services, trouble)

    def test_an_answer_that_comes_while_it_is_waited_for_is_used(
        self, services: FakeServices, stage: Stage
    ) -> None:
        services.effects.before(
            f"submit {stage.name}",
            lambda: stage.recover(services, "Lambda.ServiceException"),
        )

        stage.start(services)

        assert stage.recover(services, "Lambda.ServiceException")["status"] == "ACCEPTED"

    def test_an_answer_that_was_kept_repairs_the_row(
        self, services: FakeServices, stage: Stage
    ) -> None:
        services.company.will(stage.call, stage.accepted("id-7"))
        services.effects.after("keep answer", services.effects.kill)
        with pytest.raises(KilledError):
            stage.start(services)
        services.effects.revive()

        recovered = stage.recover(services)

        assert recovered["status"] == "ACCEPTED"
        assert stage.accepted_id(services) == "id-7"
        assert sends(services, stage) == 1

    def test_an_answer_to_an_earlier_attempt_proves_nothing_about_this_one(
        self, services: FakeServices, stage: Stage
    ) -> None:
        services.company.will(stage.call, answer(429), stage.accepted())
        services.clock.move(stage.start(services)["wait_seconds"])
        services.effects.after(f"submit {stage.name}", services.effects.kill)
        with pytest.raises(KilledError):
            stage.start(services)
        services.effects.revive()

        with pytest.raises(stage.unknown):
            stage.recover(services)

        assert sends(services, stage) == 2


@pytest.mark.parametrize("end", [JobStatus.FAILED, JobStatus.NEEDS_ATTENTION])
def test_a_job_that_has_ended_sends_nothing_any_more(
    services: FakeServices, stage: Stage, end: JobStatus
) -> None:
    services.jobs.change_job(JOB_ID, lambda job: replace(job, status=end))

    with pytest.raises(RunRefusedError):
        stage.start(services)

    assert sends(services, stage) == 0


def test_a_run_that_another_one_has_followed_sends_nothing_any_more(
    services: FakeServices, stage: Stage
) -> None:
    services.jobs.change_job(JOB_ID, lambda job: replace(job, run=2))

    with pytest.raises(RunRefusedError, match="run 1 must not go on"):
        stage.start(services)

    assert sends(services, stage) == 0


def test_an_answer_that_comes_after_the_end_of_the_job_is_not_lost(
    services: FakeServices, stage: Stage
) -> None:
    def end_meanwhile() -> None:
        services.jobs.change_job(JOB_ID, lambda job: replace(job, status=JobStatus.FAILED))

    services.company.will(stage.call, stage.accepted("id-7"))
    services.effects.before(f"submit {stage.name}", end_meanwhile)

    stage.start(services)

    assert stage.accepted_id(services) == "id-7"
    assert services.jobs.job(JOB_ID).status is JobStatus.FAILED


def test_the_next_run_has_its_own_inference_and_its_own_answers(services: FakeServices) -> None:
    trained(services)
    start_inference(services, JOB_ID, 1)
    services.jobs.create_run(a_run(run=2))
    services.jobs.change_job(JOB_ID, lambda job: replace(job, run=2))

    reply = start_inference(services, JOB_ID, 2)

    assert reply["status"] == "ACCEPTED"
    assert services.answers.find(JOB_ID, "run-002-inference-001") is not None
    assert len(services.company.requests("submit_inference")) == 2


def lose_the_confirmation() -> None:
    raise LostConfirmationError

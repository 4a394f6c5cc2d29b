"""The two requests that cost money: sent once, and never again while nobody knows what became
of them."""

import math
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, Protocol, TypedDict

from aws_lambda_powertools import Logger

from avatars.errors import (
    JobError,
    NotAcceptedError,
    OutcomeUnknownError,
    OutOfCreditsError,
    OutOfOrderError,
    ProviderKeyRefusedError,
    ProviderUnreachableError,
    RunRefusedError,
)
from avatars.model import Answer, Sending, Stage, Submission, WaitReason, Workload
from avatars.pipeline.admission import (
    LONGEST_WAIT,
    Applicant,
    Request,
    await_turn,
    give_back,
    pause,
    report_outage,
    report_success,
    wait,
)
from avatars.pipeline.learning import planned_looks
from avatars.pipeline.looking import LookReply, Looks, schedule_of, to_send, until_first_look
from avatars.pipeline.spending import (
    await_budget,
    book,
    close_accounts,
    settle_refusal,
)
from avatars.ports import Services
from avatars.settings import SUBMIT_TIMEOUT

logger = Logger(child=True)

RETRY_WAIT = 30
ASKS_PER_AGE = 10
"""While nothing reaches a provider, waits grow with the time that this has lasted."""

MAYBE_IN_FLIGHT = {
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "TrainingOutcomeUnknownError",
    "InferenceOutcomeUnknownError",
}
"""Errors after which a sender may still be at work: Step Functions lost sight of it, or it was
another one that had the intent. Every other error says that the sender is over."""


PAUSES: dict[type[JobError], WaitReason] = {
    OutOfCreditsError: WaitReason.CREDITS,
    ProviderKeyRefusedError: WaitReason.KEY,
}
"""Refusals that concern no job, but all of them: nothing is sent until they are over."""

FINDABLE_AFTER = 60
"""Seconds of the clock until a provider that can look up requests knows one for certain: so long
the documentation of the one that can has us wait before asking again (docs/providers.md)."""

Step = Callable[[Submission | None], Submission]
Send = Callable[[], Answer]


class SubmitReply(TypedDict):
    status: Literal["ACCEPTED", "MORE", "WAITING", "IN_FLIGHT"]
    """Only after IN_FLIGHT another try to find out comes next. After all others the row is looked
    at, and says more; their names are for the log, and for executions that began before an update.
    MORE: it is accepted, and the run has another to send."""
    accepted_id: str | None
    """The `model_id` or `inference_id`: a copy of it stays in the execution's history."""
    wait_seconds: int


class Ledger(Protocol):
    """Where a stage keeps its submission and, once it is known, the provider's id."""

    @property
    def stage(self) -> Stage: ...

    @property
    def provider(self) -> str: ...

    @property
    def job_id(self) -> str: ...

    @property
    def number(self) -> int: ...

    @property
    def place(self) -> int:
        """Which of a run's requests of the stage it is, from 0."""

    def require_run(self) -> None:
        """Raises RunRefusedError where the job has ended or another run has begun."""

    def submission(self) -> Submission | None: ...

    def accepted_id(self) -> str | None: ...

    def workload(self) -> Workload:
        """What is asked for, as far as it tells how long that takes."""

    def asked_since(self) -> int:
        """Since when the provider may have been asked, Unix seconds of the clock."""

    def intend(self, step: Step) -> Submission:
        """Apply *step* to the newest submission; see `Jobs.change_job`.

        Raises as `require_run`.
        """

    def change(self, step: Step) -> None:
        """The same, whatever has become of the job: what is known of a request stays true."""

    def accept(self, accepted_id: str) -> None: ...

    def answer_name(self, attempt: int) -> str: ...

    def look_up(self) -> str | None:
        """The id of the request at the provider, if that can say; costs nothing."""

    def outcome_unknown(self, submission: Submission) -> OutcomeUnknownError: ...


def submit(
    services: Services,
    ledger: Ledger,
    get_ready: Callable[[], Send],
    read: Callable[[Answer], str],
) -> SubmitReply:
    """Send one request when it is its turn, unless an earlier one was accepted or may have been.

    Everything that can fail before the request (the key, the links, the client) is done by
    *get_ready*: between the intent and the wire there is nothing left to fail. Raises a JobError
    where the provider refuses, OutcomeUnknownError where nobody can tell.
    """
    ledger.require_run()
    before = ledger.submission()
    if accepted_id := ledger.accepted_id():
        return _accepted(services, ledger, before, accepted_id)
    _require_not_under_way(ledger, before)
    name = ledger.answer_name(before.attempt + 1 if before else 1)
    if forgotten := services.answers.find(ledger.job_id, name):
        # It was sent, and the row has been lost since: what the answer says is still true.
        return _settle(services, ledger, _intend(services, ledger), forgotten, read)
    applicant = _applicant(ledger)
    if seconds := await_turn(services, applicant) or await_budget(services, applicant):
        return _waiting(seconds)
    send = get_ready()
    try:
        submission = _intend(services, ledger)
    except RunRefusedError:
        # It has ended since, perhaps before this step reserved what it costs.
        job, run = services.jobs.job(ledger.job_id), services.jobs.run(ledger.job_id, ledger.number)
        close_accounts(services, job, run)
        raise
    try:
        answer = send()
    except ProviderUnreachableError as error:
        return _not_accepted(services, ledger, submission, error)
    except OutcomeUnknownError:
        report_outage(services, ledger.provider)
        raise
    try:
        services.answers.keep(ledger.job_id, ledger.answer_name(submission.attempt), answer)
    finally:
        # Even if the answer could not be kept, its id must reach the table.
        reply = _settle(services, ledger, submission, answer, read, is_news=True)
    return reply


def look_at_line(services: Services, ledger: Ledger, looks: Looks) -> LookReply:
    """How far a request has come that is not accepted, and so cannot be looked at yet.

    Nothing is sent, nor reserved: whoever waits in line costs no more than whoever is looked at.
    Whether it may be under way, who would send it finds out. Raises a JobError when the time for
    waiting is over.
    """
    if seconds := await_turn(services, _applicant(ledger)):
        looks = {**looks, "in_line": True}
        return {"status": "WAITING", "wait_seconds": seconds, "looks": looks, "batches": 0}
    return to_send(looks)


def recover(
    services: Services, ledger: Ledger, read: Callable[[Answer], str], trouble: str
) -> SubmitReply:
    """Find out what became of a request without sending anything.

    *trouble* is the name of the error that the sending step ended with. Repairs the row from the
    raw answer where there is one. Where there is none, or it says nothing, and the request can no
    longer be under way, it is looked up where the provider can do that: what it does not know was
    not accepted. Else raises OutcomeUnknownError, unless the settings allow to send it once more.
    Raises RunRefusedError where it is not for this run to be sent any more.
    """
    submission = ledger.submission()
    if accepted_id := ledger.accepted_id():
        return _accepted(services, ledger, submission, accepted_id)
    if submission is None or submission.may_be_sent_again:
        ledger.require_run()
        why = f"the step that sends it ended with {trouble}"
        return _ask_again(services, ledger, WaitReason.NOT_SENT, why)
    answer = services.answers.find(ledger.job_id, ledger.answer_name(submission.attempt))
    in_flight = services.clock.from_wall(SUBMIT_TIMEOUT)
    remaining = submission.intended_at + in_flight - services.clock.now()
    if answer is None and trouble in MAYBE_IN_FLIGHT and remaining > 0:
        seconds = max(1, round(min(remaining, LONGEST_WAIT)))
        return {"status": "IN_FLIGHT", "accepted_id": None, "wait_seconds": seconds}
    try:
        if answer is None:
            raise ledger.outcome_unknown(submission)
        return _settle(services, ledger, submission, answer, read)
    except OutcomeUnknownError:
        if services.capabilities(ledger.provider).finds_requests:
            return _look_up(services, ledger, submission)
        if submission.abandoned >= services.settings.resubmissions[ledger.stage]:
            raise
        # First: what may be paid for must be counted before it can be sent, and reserved, again.
        book(services, _request(ledger))
        _mark(ledger, submission, Sending.ABANDONED)
        why = "its outcome stayed unknown"
        return _ask_again(services, ledger, WaitReason.NOT_SENT, why)


def settle_from_answer(services: Services, ledger: Ledger, read: Callable[[Answer], str]) -> None:
    """Before a job ends: if an id lies unread in the raw answer, it belongs into the table.

    Raises OutcomeUnknownError where a request may have been accepted and its id is not known.
    """
    submission = ledger.submission() or _remembered(services, ledger)
    if submission is None or submission.state is Sending.ACCEPTED:
        return
    if submission.state is Sending.INTENDED:
        answer = services.answers.find(ledger.job_id, ledger.answer_name(submission.attempt))
        if answer is None:
            raise ledger.outcome_unknown(submission)
        try:
            ledger.accept(read(answer))
            return
        except OutcomeUnknownError:
            raise
        except (JobError, NotAcceptedError):
            pass  # nothing was accepted, this time
    if submission.abandoned or submission.state is Sending.ABANDONED:
        raise ledger.outcome_unknown(submission)


def sent(submission: Submission | None) -> Submission:
    """The submission that must be there by now. Raises OutOfOrderError."""
    if submission is None:
        raise OutOfOrderError("Nothing was submitted yet.")
    return submission


def known(provider_id: str | None) -> str:
    """The provider's id that must be there by now. Raises OutOfOrderError."""
    if provider_id is None:
        raise OutOfOrderError("The provider has given no id yet.")
    return provider_id


def _applicant(ledger: Ledger) -> Applicant:
    return Applicant(
        ledger.provider,
        ledger.stage,
        ledger.job_id,
        ledger.number,
        ledger.place,
        ledger.asked_since(),
    )


def _request(ledger: Ledger) -> Request:
    return Request(ledger.provider, ledger.stage, ledger.job_id, ledger.number, ledger.place)


def _require_not_under_way(ledger: Ledger, submission: Submission | None) -> None:
    if submission and not submission.may_be_sent_again:
        raise ledger.outcome_unknown(submission)


def _intend(services: Services, ledger: Ledger) -> Submission:
    token = uuid.uuid4().hex
    looks = planned_looks(services, ledger.workload())

    def intend(submission: Submission | None) -> Submission:
        if submission and submission.token == token:
            return submission  # our own write, whose confirmation was lost on the way
        _require_not_under_way(ledger, submission)
        attempt, abandoned = 1, 0
        if submission:
            attempt = submission.attempt + 1
            abandoned = submission.abandoned + (submission.state is Sending.ABANDONED)
        submission = _submission(services, ledger, attempt, token=token, abandoned=abandoned)
        return replace(submission, looks=looks)

    return ledger.intend(intend)


def _remembered(services: Services, ledger: Ledger) -> Submission | None:
    """The submission of a row that was lost, written again; None where nothing was answered."""
    attempt = 0
    while services.answers.find(ledger.job_id, ledger.answer_name(attempt + 1)):
        attempt += 1
    if attempt == 0:
        return None
    submission = _submission(services, ledger, attempt, token=uuid.uuid4().hex, abandoned=0)
    ledger.change(lambda newest: newest or submission)
    return ledger.submission()


def _submission(
    services: Services, ledger: Ledger, attempt: int, *, token: str, abandoned: int
) -> Submission:
    now = services.clock.now()
    deadline = now + schedule_of(services, ledger.provider, ledger.stage).deadline
    return Submission(attempt, token, Sending.INTENDED, now, deadline, abandoned)


def _look_up(services: Services, ledger: Ledger, submission: Submission) -> SubmitReply:
    """What became of a request that the provider can be asked for."""
    in_flight = services.clock.from_wall(SUBMIT_TIMEOUT)
    rest = submission.intended_at + in_flight + FINDABLE_AFTER - services.clock.now()
    if rest > 0:
        seconds = max(1, math.ceil(min(rest, LONGEST_WAIT)))
        return {"status": "IN_FLIGHT", "accepted_id": None, "wait_seconds": seconds}
    found = ledger.look_up()
    if found is not None:
        return _take(services, ledger, submission, found)
    _mark(ledger, submission, Sending.NOT_SENT)
    settle_refusal(services, _request(ledger))
    why = "the provider does not know it"
    return _ask_again(services, ledger, WaitReason.NOT_SENT, why)


def _settle(
    services: Services,
    ledger: Ledger,
    submission: Submission,
    answer: Answer,
    read: Callable[[Answer], str],
    is_news: bool = False,
) -> SubmitReply:
    try:
        accepted_id = read(answer)
    except OutcomeUnknownError:
        if is_news and answer.status_code >= 500:  # else it is one outage, read once more
            report_outage(services, ledger.provider)
        raise
    except JobError as error:
        # Refused: once the cause is removed it may be sent again.
        _mark(ledger, submission, Sending.NOT_SENT)
        settle_refusal(services, _request(ledger))
        give_back(services, ledger.provider, ledger.stage, _request(ledger).name)
        reason = PAUSES.get(type(error))
        if reason is None:
            raise
        pause(services, ledger.provider, reason)
        return _waiting(wait(services, _applicant(ledger), reason, RETRY_WAIT, trouble=str(error)))
    except NotAcceptedError as error:
        return _not_accepted(services, ledger, submission, error)
    return _take(services, ledger, submission, accepted_id)


def _take(
    services: Services, ledger: Ledger, submission: Submission, accepted_id: str
) -> SubmitReply:
    """Record that a request was accepted."""
    logger.info("accepted", extra={"accepted_id": accepted_id})  # one more place to find it
    ledger.accept(accepted_id)
    book(services, _request(ledger))
    report_success(services, ledger.provider)
    return _accepted(services, ledger, submission, accepted_id)


def _accepted(
    services: Services, ledger: Ledger, submission: Submission | None, accepted_id: str
) -> SubmitReply:
    schedule = schedule_of(services, ledger.provider, ledger.stage)
    seconds = until_first_look(services, schedule, submission)
    return {"status": "ACCEPTED", "accepted_id": accepted_id, "wait_seconds": seconds}


def _waiting(seconds: int) -> SubmitReply:
    return {"status": "WAITING", "accepted_id": None, "wait_seconds": seconds}


def _not_accepted(
    services: Services, ledger: Ledger, submission: Submission, error: NotAcceptedError
) -> SubmitReply:
    _mark(ledger, submission, Sending.NOT_SENT)
    settle_refusal(services, _request(ledger))
    if error.wait_seconds is None:
        report_outage(services, ledger.provider)
        return _ask_again(services, ledger, WaitReason.OUTAGE, str(error))
    pause(services, ledger.provider, WaitReason.BUSY, error.wait_seconds)
    return _ask_again(services, ledger, WaitReason.BUSY, str(error), error.wait_seconds)


def _mark(ledger: Ledger, submission: Submission, state: Sending) -> None:
    ledger.change(
        lambda newest: (
            replace(submission, state=state) if newest == submission else newest or submission
        )
    )


def _ask_again(
    services: Services,
    ledger: Ledger,
    reason: WaitReason,
    trouble: str,
    asked_wait: int | None = None,
) -> SubmitReply:
    applicant = _applicant(ledger)
    give_back(services, ledger.provider, ledger.stage, applicant.name)
    age = services.clock.now() - applicant.since
    # Growing in any case: a wait of a second, asked for again and again, would fill the history.
    growing = max(RETRY_WAIT if asked_wait is None else 1, age // ASKS_PER_AGE)
    seconds = max(asked_wait or 0, min(growing, LONGEST_WAIT))
    return _waiting(wait(services, applicant, reason, seconds, trouble=trouble))

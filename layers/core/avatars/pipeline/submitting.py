"""The two requests that cost money: sent once, and never again while nobody knows what became
of them."""

import contextlib
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, Protocol, TypedDict

from aws_lambda_powertools import Logger

from avatars.errors import (
    JobError,
    NotAcceptedError,
    OutcomeUnknownError,
    OutOfOrderError,
    ProviderOutageError,
    ProviderUnreachableError,
)
from avatars.model import Answer, Sending, Submission
from avatars.ports import Services
from avatars.schedule import Schedule
from avatars.settings import SUBMIT_TIMEOUT

logger = Logger(child=True)

SHORTEST_WAIT = 30
LONGEST_WAIT = 300
ASKS_PER_AGE = 10
"""While a provider accepts nothing, waits grow with the time that this has lasted."""

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


Step = Callable[[Submission | None], Submission]


class SubmitReply(TypedDict):
    status: Literal["ACCEPTED", "NOT_ACCEPTED", "IN_FLIGHT"]
    accepted_id: str | None
    """The `model_id` or `inference_id`: a copy of it stays in the execution's history."""
    wait_seconds: int


class Ledger(Protocol):
    """Where a stage keeps its submission and, once it is known, the provider's id."""

    def submission(self) -> Submission | None: ...

    def accepted_id(self) -> str | None: ...

    def asked_since(self) -> int:
        """Since when the provider may have been asked, Unix seconds of the clock."""

    def intend(self, step: Step) -> Submission:
        """Apply *step* to the newest submission; see `Jobs.change_job`.

        Raises RunRefusedError where the job has ended or another run has begun.
        """

    def change(self, step: Step) -> None:
        """The same, whatever has become of the job: what is known of a request stays true."""

    def accept(self, accepted_id: str) -> None: ...

    def answer_name(self, attempt: int) -> str: ...

    def schedule(self) -> Schedule: ...

    def outcome_unknown(self, submission: Submission) -> OutcomeUnknownError: ...


def submit(
    services: Services,
    job_id: str,
    ledger: Ledger,
    send: Callable[[], Answer],
    read: Callable[[Answer], str],
) -> SubmitReply:
    """Send one request, unless an earlier one was accepted or may have been.

    Everything that can fail before the request (the key, the links, the client) has been done
    when *send* arrives here: between the intent and the wire there is nothing left to fail.
    Raises a JobError where the provider refuses, OutcomeUnknownError where nobody can tell.
    """
    if accepted_id := ledger.accepted_id():
        return _accepted(ledger, accepted_id)
    submission = _intend(services, ledger)
    try:
        answer = send()
    except ProviderUnreachableError as error:
        return _not_accepted(services, ledger, submission, error)
    try:
        services.answers.keep(job_id, ledger.answer_name(submission.attempt), answer)
    finally:
        # Even if the answer could not be kept, its id must reach the table.
        reply = _settle(services, ledger, submission, answer, read)
    return reply


def recover(
    services: Services,
    job_id: str,
    ledger: Ledger,
    read: Callable[[Answer], str],
    trouble: str,
) -> SubmitReply:
    """Find out what became of a request without sending anything.

    *trouble* is the name of the error that the sending step ended with. Repairs the row from the
    raw answer where there is one. Raises OutcomeUnknownError where there is none and the request
    can no longer be under way.
    """
    submission = ledger.submission()
    if accepted_id := ledger.accepted_id():
        return _accepted(ledger, accepted_id)
    if submission is None or submission.state is Sending.NOT_SENT:
        return _ask_again(services, ledger, f"the step that sends it ended with {trouble}")
    answer = services.answers.find(job_id, ledger.answer_name(submission.attempt))
    if answer:
        return _settle(services, ledger, submission, answer, read)
    in_flight = services.clock.from_wall(SUBMIT_TIMEOUT)
    remaining = submission.intended_at + in_flight - services.clock.now()
    if trouble in MAYBE_IN_FLIGHT and remaining > 0:
        wait = max(1, round(min(remaining, LONGEST_WAIT)))
        return {"status": "IN_FLIGHT", "accepted_id": None, "wait_seconds": wait}
    raise ledger.outcome_unknown(submission)


def settle_from_answer(
    services: Services, job_id: str, ledger: Ledger, read: Callable[[Answer], str]
) -> None:
    """Before a job ends: if an id lies unread in the raw answer, it belongs into the table.

    Raises OutcomeUnknownError where a request may have been accepted and its id is not known.
    """
    submission = ledger.submission()
    if submission is None or submission.state is not Sending.INTENDED:
        return
    answer = services.answers.find(job_id, ledger.answer_name(submission.attempt))
    if answer is None:
        raise ledger.outcome_unknown(submission)
    with contextlib.suppress(NotAcceptedError):
        ledger.accept(read(answer))


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


def _intend(services: Services, ledger: Ledger) -> Submission:
    token = uuid.uuid4().hex

    def intend(submission: Submission | None) -> Submission:
        if submission and submission.token == token:
            return submission  # our own write, whose confirmation was lost on the way
        if submission and submission.state is not Sending.NOT_SENT:
            raise ledger.outcome_unknown(submission)
        attempt = submission.attempt + 1 if submission else 1
        now = services.clock.now()
        deadline = now + ledger.schedule().deadline
        return Submission(attempt, token, Sending.INTENDED, intended_at=now, deadline=deadline)

    return ledger.intend(intend)


def _settle(
    services: Services,
    ledger: Ledger,
    submission: Submission,
    answer: Answer,
    read: Callable[[Answer], str],
) -> SubmitReply:
    try:
        accepted_id = read(answer)
    except OutcomeUnknownError:
        raise
    except JobError:
        # Refused: once a person has removed the cause it may be sent again.
        _mark_not_sent(ledger, submission)
        raise
    except NotAcceptedError as error:
        return _not_accepted(services, ledger, submission, error)
    logger.info("accepted", extra={"accepted_id": accepted_id})  # one more place to find it
    ledger.accept(accepted_id)
    return _accepted(ledger, accepted_id)


def _accepted(ledger: Ledger, accepted_id: str) -> SubmitReply:
    wait = ledger.schedule().first_wait()
    return {"status": "ACCEPTED", "accepted_id": accepted_id, "wait_seconds": wait}


def _not_accepted(
    services: Services, ledger: Ledger, submission: Submission, error: NotAcceptedError
) -> SubmitReply:
    _mark_not_sent(ledger, submission)
    return _ask_again(services, ledger, str(error), error.wait_seconds)


def _mark_not_sent(ledger: Ledger, submission: Submission) -> None:
    ledger.change(
        lambda newest: (
            replace(submission, state=Sending.NOT_SENT)
            if newest == submission
            else newest or submission
        )
    )


def _ask_again(
    services: Services, ledger: Ledger, trouble: str, asked_wait: int | None = None
) -> SubmitReply:
    now, since = services.clock.now(), ledger.asked_since()
    # Growing in any case: a wait of a second, asked for again and again, would fill the history.
    growing = max(SHORTEST_WAIT if asked_wait is None else 1, (now - since) // ASKS_PER_AGE)
    wait = max(asked_wait or 0, min(growing, LONGEST_WAIT))
    if now + wait > since + services.settings.start_patience:
        raise ProviderOutageError(
            "The provider accepted no request until the deadline for starting; nothing was paid. "
            f"The last trouble: {trouble}. When it is over, take the job up again."
        )
    return {"status": "NOT_ACCEPTED", "accepted_id": None, "wait_seconds": wait}

"""Looking at what the provider is doing, once per Wait state."""

from collections.abc import Callable
from typing import Literal, NotRequired, TypedDict

from avatars.errors import JobError, ProviderKeyRefusedError
from avatars.model import Answer, Progress, ProgressState, Stage, Submission
from avatars.ports import Provider, Services
from avatars.schedule import Schedule

NOT_FOUND_GRACE = 600
"""Seconds after the submission during which an unknown id means "not ready yet"."""

LOOKS_SECONDS = 25
"""Wall seconds after which a function begins no further look: it has 90, and one may take 60."""

KEY_REFUSED = (401, 403)

WAIT_TO_ORDER = 10
"""Seconds until the next look of an execution that began before an update, with a state machine
that does not know of ORDER: it takes it for RUNNING, and must not look again at once."""


def schedule_of(services: Services, provider: str, stage: Stage) -> Schedule:
    """When to look at what a provider does in a stage."""
    return services.settings.schedule(services.capabilities(provider), stage)


class Looks(TypedDict):
    """What the execution remembers of earlier looks."""

    answered: int
    """How many there were, without those that a provider in trouble gave no answer to."""
    not_found: int
    """How many in a row did not find the id."""
    in_line: NotRequired[bool]
    """Whether nobody knew, when the wait for this one began, that the request is accepted."""
    running_at: NotRequired[int]
    """When it was last seen under way, in seconds after the intent; absent where it never was."""


def no_looks() -> Looks:
    """What there is to remember before the first look."""
    return {"answered": 0, "not_found": 0}


class LookReply(TypedDict):
    status: Literal["WAITING", "ORDER", "RUNNING", "READY"]
    """Before a request is accepted, there is nothing to look at: it is WAITING in line, or its turn
    to be sent has come (ORDER)."""
    wait_seconds: int
    looks: Looks
    batches: int
    """How many batches of avatars there are to keep; 0 while there are none."""


def to_send(looks: Looks) -> LookReply:
    """A request is to be sent before there is anything to look at."""
    return {"status": "ORDER", "wait_seconds": WAIT_TO_ORDER, "looks": looks, "batches": 0}


def until_first_look(services: Services, schedule: Schedule, submission: Submission | None) -> int:
    """Seconds, once a request is known to be accepted."""
    if submission is None:  # a person has put in the id
        return schedule.first_wait()
    elapsed = services.clock.now() - submission.intended_at
    return schedule.first_wait(submission.looks, elapsed)


def first_look(
    services: Services, schedule: Schedule, submission: Submission | None, looks: Looks
) -> LookReply | None:
    """How long to wait for the first look at what somebody else has sent meanwhile, of whom Step
    Functions had lost sight; None where the wait was for a look."""
    if not looks.get("in_line"):
        return None
    seconds = until_first_look(services, schedule, submission)
    looks = {**looks, "in_line": False}
    return {"status": "RUNNING", "wait_seconds": seconds, "looks": looks, "batches": 0}


def look(
    services: Services,
    provider: str,
    looks: Looks,
    ask: Callable[[Provider], Answer],
    read: Callable[[Answer], Progress],
) -> tuple[Answer, Progress, Looks]:
    """One look: what came, what it means, and what to remember.

    Asks a second time with a freshly fetched key where the key is refused: it may have been
    rotated. Raises ProviderKeyRefusedError where that one is refused, too.
    """
    answer = ask(services.provider(provider))
    if answer.status_code in KEY_REFUSED:
        answer = ask(services.provider(provider, fresh_key=True))
        if answer.status_code in KEY_REFUSED:
            raise ProviderKeyRefusedError(
                "The provider refuses our API key. Put a valid one into the secret and take the "
                "job up again: what was started there goes on, and its id is kept."
            )
    progress = read(answer)
    missing = looks["not_found"] + 1 if progress.state is ProgressState.NOT_FOUND else 0
    answered = looks["answered"] + (progress.state is not ProgressState.UNAVAILABLE)
    return answer, progress, {**looks, "answered": answered, "not_found": missing}


def look_again(
    services: Services,
    schedule: Schedule,
    submission: Submission,
    progress: Progress,
    looks: Looks,
    *,
    lost: JobError,
    overdue: JobError,
) -> LookReply:
    """Wait for the next look, unless the id is lost or the time is over.

    A provider that does not answer has not said that it is late: it is asked for longer.
    """
    now, deadline = services.clock.now(), submission.deadline
    if progress.state is ProgressState.UNAVAILABLE:
        deadline += services.settings.provider_patience
    elapsed, remaining = now - submission.intended_at, deadline - now
    if elapsed > NOT_FOUND_GRACE and looks["not_found"] >= 2:
        raise lost
    if remaining <= 0 or looks["answered"] > max(schedule.most_looks, len(submission.looks)):
        raise overdue
    if progress.state is ProgressState.RUNNING:
        looks = {**looks, "running_at": elapsed}
    # The last look is at the deadline, unless the provider asks for a longer wait.
    wait = max(
        min(schedule.next_wait(elapsed, submission.looks), remaining), progress.wait_seconds or 0
    )
    return {"status": "RUNNING", "wait_seconds": wait, "looks": looks, "batches": 0}

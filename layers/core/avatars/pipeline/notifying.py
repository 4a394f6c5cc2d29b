"""Tell one receiver how a job ended: now, or later, or never, and then say why."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Literal, NotRequired, TypedDict

from standardwebhooks import Webhook

from avatars.errors import AddressRefusedError, WebhookFailedError
from avatars.model import Job, Receiver, WebhookMessage
from avatars.ports import Services
from avatars.schedule import with_jitter
from avatars.webhooks.secret import THE_STACK

TYPES = {
    "AvatarsReady": "avatars.ready",
    "AvatarJobFailed": "avatars.failed",
    "AvatarJobNeedsAttention": "avatars.needs_attention",
}
"""What a webhook calls our notices."""

WAITS = (30, 120, 600, 1800, 3600, 7200, 14400, 28800, 28800)
"""Seconds before each further try: ten tries within a day."""

MOST_RETRY_AFTER = 3600
"""Wall seconds for which a receiver may put us off."""

WORTH_ANOTHER_TRY = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
)
"""Whatever else from 400 to 499 a receiver answers, it would answer again."""


class SendReply(TypedDict):
    outcome: Literal["DELIVERED", "POSTPONED", "BURIED", "DROPPED"]
    why: NotRequired[str]
    wait_seconds: NotRequired[int]
    """Of the wall, until the next try."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a receiver has not been told."""

    code: str
    why: str
    for_good: bool = False
    retry_after: float = 0


def send_webhook(services: Services, message: WebhookMessage) -> SendReply:
    """Send a message to its receiver, signed as Standard Webhooks says.

    Who does not take it is sent it again after 30 s, 2, 10 and 30 min, 1, 2, 4, 8 and 8 h of the
    clock, each up to a tenth longer, or when its `Retry-After` says, but an hour later at most. It
    becomes a dead letter after the tenth try; and at once where another would not help: the address
    is refused, or the answer is 410 or any other 4xx but 408, 409, 425 and 429.

    All tries and all repetitions of a notice have the same `webhook-id`, so that a receiver can
    drop what it knows. Who has no webhook (any more) is told nothing, and nobody of an erased job.
    """
    job = services.jobs.find_job(message.notice["detail"]["job_id"])
    if job is None or job.erased_at is not None:
        return {"outcome": "DROPPED"}
    url = job.webhook if message.receiver is Receiver.JOB else services.settings.webhook_url
    if not url:
        return {"outcome": "DROPPED"}
    trouble = _trouble(services, message, job, url)
    if trouble is None:
        return {"outcome": "DELIVERED"}
    if trouble.for_good or message.tries > len(WAITS):
        services.webhook_queue.bury(message, trouble.code, trouble.why)
        return {"outcome": "BURIED", "why": trouble.why}
    wait = services.clock.to_wall(with_jitter(WAITS[message.tries - 1]))
    seconds = math.ceil(max(wait, trouble.retry_after))
    services.webhook_queue.postpone(message, seconds)
    return {"outcome": "POSTPONED", "why": trouble.why, "wait_seconds": seconds}


def _trouble(services: Services, message: WebhookMessage, job: Job, url: str) -> Trouble | None:
    """What went wrong with this one try; None where the receiver has taken it."""
    body = _payload(message, job)
    try:
        answer = services.webhooks.post(url, _headers(services, message, job, body), body.encode())
    except AddressRefusedError as error:
        return Trouble("ADDRESS_REFUSED", f"Its address is refused. {error}", for_good=True)
    except WebhookFailedError as error:
        return Trouble("RECEIVER_FAILED", str(error))
    status = answer.status_code
    why = f"The receiver answered {status}."
    if 200 <= status < 300:
        return None
    if 400 <= status < 500 and status not in WORTH_ANOTHER_TRY:
        return Trouble("RECEIVER_REFUSED", why, for_good=True)
    asked = _seconds_asked_for(answer.retry_after, services.clock.wall())
    return Trouble("RECEIVER_FAILED", why, retry_after=asked)


def _payload(message: WebhookMessage, job: Job) -> str:
    """Ids and codes: no face, no link, no secret."""
    detail = message.notice["detail"]
    return json.dumps(
        {
            "type": TYPES[message.notice["detail-type"]],
            "timestamp": message.notice["time"],
            "data": {
                "job_id": job.job_id,
                "run": detail["run"],
                "status": detail["status"],
                "code": detail["code"],
                "folder": job.folder,
            },
        }
    )


def _headers(services: Services, message: WebhookMessage, job: Job, body: str) -> dict[str, str]:
    detail = message.notice["detail"]
    # A run that a person takes up again may end the same way, as something new.
    message_id = f"{job.job_id}-{detail['run']}-{detail['status']}-{detail['started_at']}"
    owner = job.owner if message.receiver is Receiver.JOB else THE_STACK
    now = datetime.fromtimestamp(services.clock.wall(), UTC)
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(services.webhook_secret(owner)).sign(message_id, now, body),
    }


def _seconds_asked_for(retry_after: str | None, wall: float) -> float:
    """What a `Retry-After` says, in seconds or as a date, within bounds; 0 without one."""
    text = (retry_after or "").strip()
    try:
        asked = float(text) if text.isdecimal() else _seconds_until(text, wall)
    except (ValueError, OverflowError):
        return 0
    return max(0.0, min(asked, MOST_RETRY_AFTER))


def _seconds_until(date: str, wall: float) -> float:
    """Raises ValueError."""
    return parsedate_to_datetime(date).timestamp() - wall

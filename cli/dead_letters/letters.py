"""What a message of the dead-letter queue says: what was to happen, and why it did not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from avatars.aws.events import job_id_from, upload_from
from avatars.aws.notices import SOURCE
from avatars.model import Receiver, Upload

MAX_WORDS = 300
"""Of what an error says; the whole is in the logs."""

ALARM, NOTICE = "alarm", "notice"
"""The topics by which people are told."""

WEBHOOK = "send_webhook"
WEBHOOK_RECEIVES = 20
"""How often the queue of webhooks hands a message out before it gives up by itself, and says
nothing of why."""

JUDGE = "judge_photo"
"""Who gets the records of what became of `prepare_photo`."""

FUNCTIONS = {"aws.s3": "prepare_photo", "aws.states": "close_job", SOURCE: ALARM}
"""Who takes the events of a source; of ours, unless another rule has taken them."""

NOTICE_RULES = ("TellOfAvatarsRule", "TellOfOtherEndsRule")
WEBHOOK_RULES = {
    "TellReceiversOfJobsRule": Receiver.JOB,
    "TellReceiverOfStackRule": Receiver.STACK,
}
"""The rules of the template that tell webhooks, and whose."""


@dataclass(frozen=True, slots=True)
class PhotoUploaded:
    """A photo was to be prepared."""

    upload: Upload

    @property
    def about(self) -> str:
        return f"{self.upload.owner}/{self.upload.folder}/{self.upload.file}"


@dataclass(frozen=True, slots=True)
class ExecutionEnded:
    """A job was to be seen to whose execution had ended past its own Catch."""

    job_id: str
    execution: str
    status: str

    @property
    def about(self) -> str:
        return self.job_id


@dataclass(frozen=True, slots=True)
class SweepDue:
    """All jobs were to be looked through."""

    about = "all jobs"


@dataclass(frozen=True, slots=True)
class PackingDue:
    """The avatars of a job were to be packed into an archive."""

    job_id: str

    @property
    def about(self) -> str:
        return self.job_id


@dataclass(frozen=True, slots=True)
class AlarmDue:
    """People were to be told."""

    kind: str
    job_id: str | None
    detail: Mapping[str, Any]

    @property
    def about(self) -> str:
        return self.job_id or "the provider"


@dataclass(frozen=True, slots=True)
class NoticeDue:
    """People were to be told how a job ended."""

    kind: str
    job_id: str

    @property
    def about(self) -> str:
        return self.job_id


@dataclass(frozen=True, slots=True)
class WebhookDue:
    """A webhook was to be told how a job ended."""

    kind: str
    job_id: str
    receiver: Receiver

    @property
    def about(self) -> str:
        return self.job_id


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Nobody can tell what was to happen."""

    why: str
    about = "?"


Matter = (
    PhotoUploaded
    | ExecutionEnded
    | SweepDue
    | PackingDue
    | AlarmDue
    | NoticeDue
    | WebhookDue
    | Unreadable
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something did not happen."""

    function: str | None
    """Whose failure it is, or a topic; None where no such is known."""
    error: str
    message: str
    tries: int
    """How often it was tried, as far as AWS says."""
    delivered: bool
    """Whether the function failed; else AWS could not even call it."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of the queue."""

    id: str
    sent_at: int
    """Unix seconds of the wall clock."""
    event: Any = field(repr=False)
    """What the function was given at first."""
    function: str | None
    """The function that is given the event, or a topic; None where no such is known."""
    matter: Matter
    failures: tuple[Failure, ...]
    """In the order in which they happened: the function's, then its destination's."""
    receipt: str = field(repr=False)
    """What SQS wants to see before it deletes or releases the message."""


def read_letter(message: Mapping[str, Any]) -> Letter:
    """The letter in a message as ReceiveMessage gives it, with all its attributes."""
    attributes = {
        name: attribute.get("StringValue", "")
        for name, attribute in message.get("MessageAttributes", {}).items()
    }
    event, records = _unwrapped(_json(message["Body"]))
    receiver = next(
        (whose for rule, whose in WEBHOOK_RULES.items() if _is_of(rule, attributes)), None
    )
    if receiver:
        event = {"receiver": receiver, "notice": event}  # as the rule would have written it
    function = _function(event, attributes)
    failures = [
        _not_done(name, record)
        for name, record in zip((function, JUDGE), records, strict=False)
        if _context(record).get("condition") != "Success"
    ]
    if attributes.keys() & {"RULE_ARN", "SCHEDULE_ARN"}:
        failures.insert(0, _not_delivered(function, attributes))
    elif function == WEBHOOK:
        failures.append(_not_taken(attributes))
    return Letter(
        id=message["MessageId"],
        sent_at=int(message["Attributes"]["SentTimestamp"]) // 1000,
        event=event,
        function=function,
        matter=_matter(event, function),
        failures=tuple(failures),
        receipt=message["ReceiptHandle"],
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _unwrapped(body: Any) -> tuple[Any, list[Mapping[str, Any]]]:
    """The original event in Lambda's records of invocations, which may lie in each other; and
    these records, the first one first.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    records: list[Mapping[str, Any]] = []
    while isinstance(body, dict) and "requestPayload" in body:
        records.insert(0, body)
        body = body["requestPayload"]
    return body, records


def _not_done(function: str | None, record: Mapping[str, Any]) -> Failure:
    context, reply = _context(record), _dict(record.get("responsePayload"))
    tries = context.get("approximateInvokeCount")
    return Failure(
        function=function,
        error=str(reply.get("errorType") or context.get("condition") or "an unknown error"),
        message=str(reply.get("errorMessage") or "")[:MAX_WORDS],
        tries=tries if isinstance(tries, int) else 1,
        delivered=True,
    )


def _context(record: Mapping[str, Any]) -> dict[str, Any]:
    return _dict(record.get("requestContext"))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _not_delivered(function: str | None, attributes: Mapping[str, str]) -> Failure:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html and, for the
    Scheduler, https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
    """
    retries = attributes.get("RETRY_ATTEMPTS", "")
    return Failure(
        function=function,
        error=attributes.get("ERROR_CODE") or "an unknown error",
        message=attributes.get("ERROR_MESSAGE", "")[:MAX_WORDS],
        tries=1 + (int(retries) if retries.isdecimal() else 0),
        delivered=False,
    )


def _not_taken(attributes: Mapping[str, str]) -> Failure:
    """What `send_webhook` wrote when it gave up, or the queue did without a word."""
    if "ERROR_CODE" in attributes:
        return replace(_not_delivered(WEBHOOK, attributes), delivered=True)
    return Failure(WEBHOOK, "an unknown error", "its logs say more", WEBHOOK_RECEIVES, True)


def _is_of(rule: str, attributes: Mapping[str, str]) -> bool:
    """Whether a letter is of that rule of the template; CloudFormation names it so."""
    return f"-{rule}-" in attributes.get("RULE_ARN", "")


def _function(event: Any, attributes: Mapping[str, str]) -> str | None:
    if "SCHEDULE_ARN" in attributes or event == {}:
        return "sweep_jobs"
    if not isinstance(event, dict):
        return None
    if {"receiver", "notice"} <= event.keys():
        return WEBHOOK
    if any(_is_of(rule, attributes) for rule in NOTICE_RULES):
        return NOTICE
    if "source" not in event and "detail" in event:
        return "prepare_photo"  # asked by the sweep
    if event.keys() == {"job_id"}:
        return "pack_avatars"
    return FUNCTIONS.get(str(event.get("source")))


def _matter(event: Any, function: str | None) -> Matter:
    try:
        match function:
            case "prepare_photo":
                upload = upload_from(event)
                if upload is None:
                    return Unreadable("The upload lies in nobody's folder.")
                return PhotoUploaded(upload)
            case "close_job":
                detail, job_id = event["detail"], job_id_from(event)
                if job_id is None:
                    return Unreadable("The execution names no job.")
                return ExecutionEnded(str(job_id), detail["executionArn"], detail["status"])
            case "sweep_jobs":
                return SweepDue()
            case "pack_avatars":
                return PackingDue(str(event["job_id"]))
            case "send_webhook":
                notice, receiver = event["notice"], Receiver(event["receiver"])
                return WebhookDue(
                    str(notice["detail-type"]), str(notice["detail"]["job_id"]), receiver
                )
            case "notice":
                return NoticeDue(str(event["detail-type"]), str(event["detail"]["job_id"]))
            case "alarm":
                detail = event["detail"]
                job_id = detail.get("job_id")
                return AlarmDue(event["detail-type"], str(job_id) if job_id else None, detail)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Unreadable(f"Its event is not one of ours ({type(error).__name__}: {error}).")
    return Unreadable("It holds no event of ours.")

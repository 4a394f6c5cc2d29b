"""What AWS sends to our functions."""

import json
from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict

from avatars import keys
from avatars.errors import BadKeyError
from avatars.model import Upload

SEQUENCER_LENGTH = 64
"""Sequencers are compared after padding with zeros on the right (S3 User Guide, event messages);
no key's sequencer is longer than this."""


class ObjectCreatedEvent(TypedDict):
    """`Object Created` of S3 as EventBridge delivers it; the parts that we read."""

    time: str
    detail: dict[str, Any]


class Execution(TypedDict):
    executionArn: str
    status: str
    input: NotRequired[str | None]


class ExecutionEndedEvent(TypedDict):
    """`Step Functions Execution Status Change`; the parts that we read."""

    detail: Execution


def upload_from(event: ObjectCreatedEvent) -> Upload | None:
    """The upload that an event tells of; None where it lies in nobody's folder."""
    item = event["detail"]["object"]
    try:
        owner, folder, file = keys.parse_upload_key(item["key"])
    except BadKeyError:
        return None
    return Upload(
        owner=owner,
        folder=folder,
        file=file,
        version_id=item["version-id"],
        sequencer=item["sequencer"].ljust(SEQUENCER_LENGTH, "0"),
        uploaded_at=int(datetime.fromisoformat(event["time"]).timestamp()),
        bytes=item.get("size", 0),
    )


def job_id_from(event: ExecutionEndedEvent) -> str | None:
    """The job of an execution; None where a person started it with an input that names none."""
    given = json.loads(event["detail"].get("input") or "{}")
    return given.get("job_id") if isinstance(given, dict) else None


def event_for(upload: Upload) -> ObjectCreatedEvent:
    """The event that tells of an upload; the opposite of `upload_from`."""
    return {
        "time": datetime.fromtimestamp(upload.uploaded_at, UTC).isoformat(),
        "detail": {
            "object": {
                "key": keys.upload_prefix(upload.owner, upload.folder) + upload.file,
                "version-id": upload.version_id,
                "sequencer": upload.sequencer,
                "size": upload.bytes,
            }
        },
    }

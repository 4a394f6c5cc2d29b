"""What AWS sends to our functions."""

from datetime import UTC, datetime
from typing import Any, TypedDict

from avatars import keys
from avatars.model import Upload

SEQUENCER_LENGTH = 64
"""Sequencers are compared after padding with zeros on the right (S3 User Guide, event messages);
no key's sequencer is longer than this."""


class ObjectCreatedEvent(TypedDict):
    """`Object Created` of S3 as EventBridge delivers it; the parts that we read."""

    time: str
    detail: dict[str, Any]


def upload_from(event: ObjectCreatedEvent) -> Upload:
    """The upload that an event tells of. Raises BadKeyError."""
    item = event["detail"]["object"]
    owner, folder, file = keys.parse_upload_key(item["key"])
    return Upload(
        owner=owner,
        folder=folder,
        file=file,
        version_id=item["version-id"],
        sequencer=item["sequencer"].ljust(SEQUENCER_LENGTH, "0"),
        uploaded_at=int(datetime.fromisoformat(event["time"]).timestamp()),
        bytes=item.get("size", 0),
    )


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

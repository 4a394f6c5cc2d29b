"""Notices of how jobs ended, on EventBridge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "avatars"


class EventBridgeNotices:
    """Puts notices on the default event bus, with ids, never with faces, links or secrets."""

    def __init__(self, client: EventBridgeClient) -> None:
        self._client = client

    def publish(self, kind: str, detail: Mapping[str, object]) -> None:
        reply = self._client.put_events(
            Entries=[{"Source": SOURCE, "DetailType": kind, "Detail": json.dumps(detail)}]
        )
        if reply["FailedEntryCount"]:
            raise OSError(f"The notice {kind} was refused: {reply['Entries'][0]['ErrorCode']}")

"""Notices of how jobs end and how the provider is, on EventBridge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "avatars"


class EventBridgeNotices:
    """Puts notices on the default event bus, with ids, never with faces, links or secrets."""

    def __init__(self, client: EventBridgeClient, table: str) -> None:
        self._client = client
        self._table = table

    def publish(self, kind: str, detail: Mapping[str, object]) -> None:
        # All stacks of an account share the bus: rules tell them apart by the table.
        text = json.dumps({**detail, "table": self._table})
        reply = self._client.put_events(
            Entries=[{"Source": SOURCE, "DetailType": kind, "Detail": text}]
        )
        if reply["FailedEntryCount"]:
            raise OSError(f"The notice {kind} was refused: {reply['Entries'][0]['ErrorCode']}")

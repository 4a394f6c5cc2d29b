"""Asks the function that packs avatars."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class LambdaPacking:
    """Invokes `pack_avatars` asynchronously: its retries and its dead-letter queue apply."""

    def __init__(self, client: LambdaClient, function: str) -> None:
        self._client = client
        self._function = function

    def ask(self, job_id: str) -> None:
        self._client.invoke(
            FunctionName=self._function,
            InvocationType="Event",
            Payload=json.dumps({"job_id": job_id}).encode(),
        )

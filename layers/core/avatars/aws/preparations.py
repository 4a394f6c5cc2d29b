"""Asks the function that prepares photos, as S3's event would have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from avatars.aws.events import event_for
from avatars.model import Upload

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class LambdaPreparations:
    """Invokes `prepare_photo` asynchronously: its retries and destinations apply."""

    def __init__(self, client: LambdaClient, function: str) -> None:
        self._client = client
        self._function = function

    def ask(self, upload: Upload) -> None:
        self._client.invoke(
            FunctionName=self._function,
            InvocationType="Event",
            Payload=json.dumps(event_for(upload)).encode(),
        )

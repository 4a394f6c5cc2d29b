"""The queue in front of `send_webhook`: what it holds, and what becomes of what was not taken."""

import json
from typing import Any, TypedDict

from avatars.model import Receiver, WebhookMessage


class QueueRecord(TypedDict):
    """A message of SQS as Lambda hands it over; the parts that we read."""

    messageId: str
    receiptHandle: str
    body: str
    attributes: dict[str, str]


def message_from(record: QueueRecord) -> WebhookMessage:
    """The message in a record; rules write it as `{"receiver": ..., "notice": the event}`."""
    content: dict[str, Any] = json.loads(record["body"])
    return WebhookMessage(
        receiver=Receiver(content["receiver"]),
        notice=content["notice"],
        tries=int(record["attributes"]["ApproximateReceiveCount"]),
        body=record["body"],
        receipt=record["receiptHandle"],
    )


class SqsWebhookQueue:
    """Hands messages out later, or to the dead-letter queue."""

    def __init__(self, client: Any, queue_url: str, dead_letter_url: str) -> None:
        self._client = client
        self._queue_url = queue_url
        self._dead_letter_url = dead_letter_url

    def postpone(self, message: WebhookMessage, seconds: int) -> None:
        self._client.change_message_visibility(
            QueueUrl=self._queue_url, ReceiptHandle=message.receipt, VisibilityTimeout=seconds
        )

    def bury(self, message: WebhookMessage, code: str, why: str) -> None:
        # Named as EventBridge names them in its own letters.
        notes = {
            "ERROR_CODE": code,
            "ERROR_MESSAGE": why,
            "RETRY_ATTEMPTS": str(message.tries - 1),
        }
        self._client.send_message(
            QueueUrl=self._dead_letter_url,
            MessageBody=message.body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in notes.items()
            },
        )

"""The dead-letter queue in SQS."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from cli.dead_letters.letters import Letter, read_letter

HIDDEN_SECONDS = 60
"""SQS shows a message only by handing it out: for so long nobody else sees it, unless it is given
back before. Enough to page through thousands of them."""

MOST_AT_ONCE = 10


class DeadLetterQueue:
    """The letters of one stack."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    @contextlib.contextmanager
    def held(self) -> Iterator[list[Letter]]:
        """All letters, oldest first; the block has them to itself, and whatever it has not deleted
        is given back at its end."""
        letters: dict[str, Letter] = {}
        try:
            while messages := self._receive(letters):
                letters |= messages
            yield sorted(letters.values(), key=lambda letter: letter.sent_at)
        finally:
            self._give_back(list(letters.values()))

    def delete(self, letter: Letter) -> None:
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt)

    def _receive(self, known: dict[str, Letter]) -> dict[str, Letter]:
        """Some letters that are not *known* yet, by id."""
        reply = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=MOST_AT_ONCE,
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=1,  # asks all of SQS's servers: without it some messages stay unseen
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        letters = {
            message["MessageId"]: read_letter(message) for message in reply.get("Messages", [])
        }
        return letters if letters.keys() - known.keys() else {}

    def _give_back(self, letters: Sequence[Letter]) -> None:
        for first in range(0, len(letters), MOST_AT_ONCE):
            self._client.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": letter.id, "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
                    for letter in letters[first : first + MOST_AT_ONCE]
                ],
            )

"""Receivers of webhooks, and the queue in front of them, in memory."""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from avatars.addresses import check_url
from avatars.errors import AddressRefusedError, WebhookFailedError
from avatars.model import WebhookAnswer, WebhookMessage
from tests.fakes.effects import Effects


@dataclass(frozen=True)
class Posted:
    """What a receiver got."""

    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class FakeWebhooks:
    """Receivers take what they are sent, unless another answer was planned. A receiver of
    `away.test` is not there, one of `inside.test` leads to an address that is not public."""

    def __init__(self, effects: Effects | None = None) -> None:
        self.posted: list[Posted] = []
        self._answers: dict[str, deque[WebhookAnswer]] = defaultdict(deque)
        self._effects = effects or Effects()

    def will_answer(self, url: str, status_code: int, retry_after: str | None = None) -> None:
        """The receiver's next answer that is not planned yet."""
        self._answers[url].append(WebhookAnswer(status_code, retry_after))

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookAnswer:
        with self._effects.happen("post webhook"):
            check_url(url)
            if "inside.test" in url:
                raise AddressRefusedError("inside.test leads to an address that is not public.")
            if "away.test" in url:
                raise WebhookFailedError("The receiver did not answer (ConnectError).")
            self.posted.append(Posted(url, dict(headers), body))
            return self._answers[url].popleft() if self._answers[url] else WebhookAnswer(204)


class FakeWebhookQueue:
    """Remembers for how long messages were put off, and which are dead."""

    def __init__(self, effects: Effects | None = None) -> None:
        self.postponed: list[int] = []
        self.buried: list[tuple[str, str, str]] = []
        """Body, code and reason."""
        self._effects = effects or Effects()

    def postpone(self, message: WebhookMessage, seconds: int) -> None:
        with self._effects.happen("postpone webhook"):
            if not 0 <= seconds <= 43_200:
                raise ValueError(f"SQS hides a message for 12 hours at most, not for {seconds} s.")
            self.postponed.append(seconds)

    def bury(self, message: WebhookMessage, code: str, why: str) -> None:
        with self._effects.happen("bury webhook"):
            self.buried.append((message.body, code, why))

"""The provider, in memory: it answers what a test has scripted, and else as on a good day."""

import json
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from avatars.errors import (
    DownloadFailedError,
    DownloadRefusedError,
    OutcomeUnknownError,
    OutOfOrderError,
)
from avatars.model import Answer, Capabilities, InferenceRequest, TrainingRequest
from avatars.provider.astria_prompt import wanted
from tests.fakes.effects import Effects

Reply = Answer | Exception

ACCOUNT = {
    "x-picsart-correlation-id": "5c1d9a52-3f0b-4f5e-9d57-1f6a4c3b2e10",
    "x-picsart-ratelimit-limit": "500",
    "x-picsart-ratelimit-available": "499",
    "x-picsart-ratelimit-reset-time": "60",
}
"""What the vendor puts on every answer, beside the credits that are left."""


def answer(status: int, body: object = b"", **headers: str) -> Answer:
    """An answer; a *body* that is no bytes goes out as JSON, `retry_after` as `retry-after`.

    A success has the headers of the account, too.
    """
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {name.replace("_", "-"): text for name, text in headers.items()}
    if 200 <= status < 300:
        credits = body.get("credits", 1000) if isinstance(body, dict) else 1000
        told = {**ACCOUNT, "x-picsart-credit-available": str(credits), **told}
    return Answer(status, told, data)


@dataclass(frozen=True)
class Sent:
    """One request that our side sent, and what came back."""

    call: str
    key: str
    arguments: tuple[Any, ...]
    reply: Reply


class FakeCompany:
    """Who runs a provider: the key that it accepts, the requests that it got, what it says next."""

    def __init__(self, effects: Effects | None = None) -> None:
        self.key = "key-1"
        self.sent: list[Sent] = []
        self._effects = effects or Effects()
        self._replies: dict[str, deque[Reply]] = defaultdict(deque)
        self._numbers = count(1)

    def will(self, call: str, *replies: Reply) -> None:
        """Answer the next requests of that *call* (a method of `Provider`) with these."""
        self._replies[call].extend(replies)

    def forget_plans(self) -> None:
        """From now on every day is a good one."""
        self._replies.clear()

    def requests(self, call: str) -> list[Sent]:
        """The requests of that call, in order."""
        return [request for request in self.sent if request.call == call]

    def take(self, call: str, key: str, *arguments: object) -> Answer:
        """A request arrives (or provably does not, where the reply is that error)."""
        with self._effects.happen(call.replace("_", " ")):
            reply = self._reply(call, key)
            self.sent.append(Sent(call, key, arguments, reply))
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _reply(self, call: str, key: str) -> Reply:
        if key != self.key:
            return answer(401, {"detail": "Invalid API key"})
        if self._replies[call]:
            return self._replies[call].popleft()
        return self._on_a_good_day()[call]()

    def _on_a_good_day(self) -> Mapping[str, Callable[[], Answer]]:
        number = next(self._numbers)
        return {
            "submit_training": lambda: answer(202, {"model_id": f"model-{number}"}),
            "check_training": lambda: answer(200, {"status": "DONE"}),
            "submit_inference": lambda: answer(202, {"inference_id": f"inference-{number}"}),
            "check_inference": lambda: answer(202, {"status": "IN_PROGRESS"}),
            "balance": lambda: answer(200, {"credits": 1000}),
        }


FIRST_ID = 1000
DONE_AT = "2026-11-29T12:00:00.000Z"


class FakeAstria(FakeCompany):
    """Astria: ids are numbers, times stand for words, and what was asked for is listed."""

    takes_what_it_loses = True
    """Whether it has taken what it gave no answer to, or one that says nothing."""

    def is_listed(self, request: Sent) -> bool:
        """Whether a request that it has taken can be found already."""
        return True

    def id_of(self, request: Sent) -> str | None:
        """What it calls a request that it has taken, whether it has said so or not."""
        if isinstance(request.reply, Exception):
            is_told, is_lost = False, type(request.reply) is OutcomeUnknownError
        else:
            code = request.reply.status_code
            is_told, is_lost = code == 201, code < 400 or code >= 500
        if is_told or (is_lost and self.takes_what_it_loses):
            return str(FIRST_ID + self.sent.index(request))
        return None

    def _on_a_good_day(self) -> Mapping[str, Callable[[], Answer]]:
        number = FIRST_ID + len(self.sent)
        return {
            "submit_training": lambda: answer(201, {"id": number, "trained_at": None}),
            "check_training": lambda: answer(200, {"id": number, "trained_at": DONE_AT}),
            "find_training": lambda: answer(200, self._tunes()),
            "submit_inference": lambda: answer(201, {"id": number, "trained_at": None}),
            "check_inference": self._unfinished,
            "find_inference": lambda: answer(200, self._prompts()),
            "balance": lambda: answer(200, self._tunes()),
        }

    def _unfinished(self) -> Answer:
        return answer(200, {"trained_at": None, "images": []})

    def _tunes(self) -> list[dict[str, Any]]:
        return [
            {"id": int(tune_id), "title": request.arguments[0].title}
            for request in reversed(self.requests("submit_training"))
            if (tune_id := self.id_of(request)) and self.is_listed(request)
        ]

    def _prompts(self) -> list[dict[str, Any]]:
        return [
            {"id": int(prompt_id), **wanted(request.arguments[0])}
            for request in reversed(self.requests("submit_inference"))
            if (prompt_id := self.id_of(request)) and self.is_listed(request)
        ]


@dataclass(frozen=True)
class FakeProvider:
    """The port, bound to the key that our side holds."""

    company: FakeCompany
    key: str
    capabilities: Capabilities

    def submit_training(self, request: TrainingRequest) -> Answer:
        self._require_model()
        return self.company.take("submit_training", self.key, request)

    def check_training(self, model_id: str) -> Answer:
        self._require_model()
        return self.company.take("check_training", self.key, model_id)

    def find_training(self, title: str) -> Answer:
        self._require_list()
        return self.company.take("find_training", self.key, title)

    def submit_inference(self, request: InferenceRequest) -> Answer:
        return self.company.take("submit_inference", self.key, request)

    def check_inference(self, model_id: str | None, inference_id: str) -> Answer:
        return self.company.take("check_inference", self.key, model_id, inference_id)

    def find_inference(self, model_id: str | None) -> Answer:
        self._require_list()
        return self.company.take("find_inference", self.key, model_id)

    def balance(self) -> Answer:
        return self.company.take("balance", self.key)

    def _require_model(self) -> None:
        if not self.capabilities.trains:
            raise OutOfOrderError("Nothing is trained.")

    def _require_list(self) -> None:
        if not self.capabilities.finds_requests:
            raise OutOfOrderError("There is no list of requests.")


class FakeDownloads:
    """Pictures by link. A link that nobody knows is dead, one to `evil.test` is refused."""

    def __init__(self, effects: Effects | None = None) -> None:
        self.pictures: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self._effects = effects or Effects()

    def fetch(self, link: str, file: Path) -> int:
        with self._effects.happen("download"):
            self.fetched.append(link)
            if "evil.test" in link:
                raise DownloadRefusedError("The link leads to evil.test.")
            if link not in self.pictures:
                raise DownloadFailedError("The download was answered with 404.")
            return file.write_bytes(self.pictures[link])

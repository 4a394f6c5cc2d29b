"""The HTTP API and the buckets as clients meet them, in memory: a region is behind them."""

import json
import math
import threading
from collections.abc import Callable
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import unquote

import httpx

from cli.signing_in.current import OwnerAuth
from cli.signing_in.tokens import Tokens
from tests.conftest import ROOT
from tests.region import Context, Region

TOKEN = "a-token"
AUTH = OwnerAuth(lambda refused: Tokens(TOKEN, math.inf))
OWNER = "alice"

Handler = Callable[[httpx.Request], httpx.Response]


class FakeApi(httpx.BaseTransport):
    """The deployed routes behind API Gateway, for whoever has TOKEN."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.out_of_order: list[httpx.Response | BaseException | None] = []
        """What is answered, or happens, instead, in this order; the request is not carried out.

        Nothing is out of order with None.
        """
        self._kept: dict[str, tuple[bytes, httpx.Response]] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        if self.out_of_order:
            match self.out_of_order.pop(0):
                case httpx.Response() as response:
                    return response
                case BaseException() as error:
                    raise error
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return httpx.Response(401, json={"message": "Unauthorized"})
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return self._answer(request)
        # The table of outcomes is tested in tests/contract; this keeps whole answers instead.
        known, answer = self._kept.get(key, (request.content, None))
        assert known == request.content
        if answer is None:
            answer = self._answer(request)
            self._kept[key] = request.content, answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        from avatars.api.routes import resolve

        event: Any = json.loads((ROOT / "events/api_get_job.json").read_text())
        method, path = request.method, request.url.path
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
        event["requestContext"]["http"]["method"] = method
        event["queryStringParameters"] = dict(request.url.params)
        event["headers"] = {
            name: value for name, value in request.headers.items() if name != "idempotency-key"
        }
        event["body"] = request.content.decode() or None
        event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = OWNER
        reply = resolve(event, Context("api"))  # type: ignore[arg-type]
        return httpx.Response(
            reply["statusCode"], headers=reply["headers"], text=reply.get("body") or ""
        )


class FakeStorage(httpx.BaseTransport):
    """Forms and links to the buckets of a region; what is uploaded causes its events."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._lock = threading.Lock()
        self.uploaded: list[str] = []
        """Files in the order in which they arrived."""
        self.before_upload: Callable[[str], httpx.Response | None] = lambda file: None
        """May answer instead, or raise."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        if request.method == "GET":
            data = self._region.services.avatar_bucket.read(unquote(request.url.path.lstrip("/")))
            return httpx.Response(404) if data is None else httpx.Response(200, content=data)
        form = _form(request)
        key = form["key"].decode()
        file = key.rsplit("/", 1)[-1]
        if refused := self.before_upload(file):
            return refused
        with self._lock:  # several come at once
            self.uploaded.append(file)
            self._region.publish(self._region.put(key, form["file"]))
        return httpx.Response(204)


def _form(request: httpx.Request) -> dict[str, bytes]:
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message: Any = message_from_bytes(head + request.content, policy=policy.HTTP)
    return {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in message.iter_parts()
    }

"""The embedded AWS, with a list of all requests that functions and links of theirs have made.

    python -m benchmarks.counting

runs the engine as `local.ministack` does, and writes one JSON line for each request into the file
that the variable CALLS names. What its root user does is not written down: that is us.
"""

import json
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from local import ministack
from local.engine import ROOT_KEYS, Engine

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_KEY = re.compile(r"Credential=([^/]+)/[^/]+/[^/]+/([^/]+)/")


class CountingEngine(Engine):
    """An engine whose requests are written down, in `calls`."""

    module = "benchmarks.counting"

    @property
    def calls(self) -> Path:
        return self.state_dir / "calls.jsonl"

    def environment(self) -> dict[str, str]:
        return super().environment() | {"CALLS": str(self.calls)}


class Counting:
    """An ASGI application around the engine."""

    def __init__(self, app: Any, file: Path) -> None:
        self._app = app
        self._file = file

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        service = signer(scope)
        if service is None:
            await self._app(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        # Bodies only where units depend on them: pictures are none of our business.
        said, answered, status, size = bytearray(), bytearray(), 0, 0
        keeps = service == "dynamodb"

        async def hear() -> Message:
            message = await receive()
            said.extend(message.get("body", b"") if keeps else b"")
            return message

        async def tell(message: Message) -> None:
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b""))
            answered.extend(message.get("body", b"") if keeps else b"")
            await send(message)

        await self._app(scope, hear, tell)
        call: dict[str, Any] = {
            "service": service,
            "method": scope["method"],
            "target": headers.get("x-amz-target", "").rpartition(".")[2],
            # Names alone: the values may be keys.
            "query": sorted(parse_qs(scope["query_string"].decode(), keep_blank_values=True)),
            "is_link": "authorization" not in headers,
            "status": status,
            "bytes": size,
            "said": json.loads(said) if said else None,
            "answered": json.loads(answered) if answered else None,
        }
        with self._file.open("a") as file:
            file.write(json.dumps(call) + "\n")


def signer(scope: Message) -> str | None:
    """The service that a request is signed for, by anybody but the root user."""
    if scope["type"] != "http":
        return None
    headers = dict(scope["headers"])
    signed = headers.get(b"authorization", b"").decode()
    if not signed:
        query = parse_qs(scope["query_string"].decode())
        signed = f"Credential={query.get('X-Amz-Credential', [''])[0]}/"
    found = _KEY.search(signed)
    if found is None or found[1] == ROOT_KEYS["aws_access_key_id"]:
        return None
    return found[2]


if __name__ == "__main__":
    ministack.main(lambda app: Counting(app, Path(os.environ["CALLS"])))

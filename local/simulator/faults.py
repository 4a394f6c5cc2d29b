"""Gives an answer, or what a planned fault makes of it."""

import asyncio
import os
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

import psutil
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.simulator.scenario import (
    Answer,
    AnyFault,
    Cut,
    Delay,
    Drip,
    Drop,
    Echo,
    KillClient,
    Oversize,
)

_DRIPS = 50
# How often a stopped process is looked at, a millisecond apart, before it is killed anyway.
_STOP_LOOKS = 1000

Address = tuple[str, int]


class TrackedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with its open connections within reach so that one can be cut."""

    open: ClassVar[dict[tuple[Address, Address], asyncio.Transport]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the connection by its two ends."""
        super().connection_made(transport)
        self._ends = (transport.get_extra_info("peername"), transport.get_extra_info("sockname"))
        self.open[self._ends] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        super().connection_lost(exc)
        self.open.pop(self._ends, None)


@dataclass(frozen=True)
class Line:
    """One call's way back to its caller."""

    scope: Scope
    receive: Receive
    send: Send

    async def give(self, response: Response) -> None:
        """The whole answer."""
        await response(self.scope, self.receive, self.send)

    async def begin(self, response: Response) -> None:
        """Status and headers alone."""
        await self.send(
            {
                "type": "http.response.start",
                "status": response.status_code,
                "headers": response.raw_headers,
            }
        )

    async def add(self, piece: bytes, *, last: bool = False) -> None:
        """A piece of the body."""
        await self.send({"type": "http.response.body", "body": piece, "more_body": not last})

    async def hang_up(self) -> None:
        """Close the connection, once what was given has gone out."""
        ends = self.scope["client"], self.scope["server"]
        if ends in TrackedProtocol.open:
            TrackedProtocol.open[ends].close()
        # The server must know of the loss before this call returns, or it would answer 500.
        while ends in TrackedProtocol.open:
            await asyncio.sleep(0.001)

    def caller(self) -> psutil.Process | None:
        """The one other process of this machine that holds the caller's end, if there is one."""
        ends = self.scope["client"], self.scope["server"]
        # No pid: a socket of another user's process.
        pids = {
            connection.pid
            for connection in psutil.net_connections("tcp4")
            if (connection.laddr, connection.raddr) == ends
        } - {None, os.getpid()}
        return psutil.Process(pids.pop()) if len(pids) == 1 else None


async def respond(app: ASGIApp, fault: AnyFault | None, line: Line) -> Response:
    """What the caller is to be told; *app* does its work unless the fault prevents that."""
    match fault:
        case Echo():
            return _echo(fault, line.scope, await _body(line.receive))
        case Answer(created=False) | Drop(created=False):
            response = Response()
        case _:
            response = await _whole(app, line)
    return _forced(fault) if isinstance(fault, Answer) else response


async def deliver(response: Response, fault: AnyFault | None, line: Line) -> dict[str, Any]:
    """Give the answer the way the fault wants it; returns what the journal should know."""
    facts: dict[str, Any] = {"status": response.status_code}
    if asked_wait := response.headers.get("Retry-After"):
        facts["retry_after"] = asked_wait
    body = bytes(response.body)
    match fault:
        case Drop():
            await line.hang_up()
            facts["status"] = None
        case Delay():
            await asyncio.sleep(fault.seconds)
            await line.give(response)
        case Cut():
            await line.begin(response)
            await line.add(body[: len(body) // 2])
            await line.hang_up()
        case Drip():
            await line.begin(response)
            size = len(body) // _DRIPS + 1
            for start in range(0, len(body), size):
                await line.add(body[start : start + size])
                await asyncio.sleep(fault.seconds / _DRIPS)
            await line.add(b"", last=True)
        case Oversize():
            response.body = body.ljust(fault.megabytes * 10**6, b"\0")
            response.headers["Content-Length"] = str(len(response.body))
            await line.give(response)
        case KillClient():
            facts["killed"] = await _kill_with_answer_unread(response, line)
        case _:
            await line.give(response)
    return facts


async def _kill_with_answer_unread(response: Response, line: Line) -> int | None:
    """Stop, answer, kill: the caller dies with the answer in its socket. Its process id."""
    caller = line.caller()
    if caller is None:
        await line.give(response)
        return None
    caller.suspend()
    for _ in range(_STOP_LOOKS):
        if caller.status() == psutil.STATUS_STOPPED:
            break
        await asyncio.sleep(0.001)
    await line.give(response)
    caller.kill()
    return caller.pid


async def _whole(app: ASGIApp, line: Line) -> Response:
    """What *app* answers, held back."""
    response = Response()
    body = bytearray()

    async def collect(message: Any) -> None:
        if message["type"] == "http.response.start":
            response.status_code = message["status"]
            response.raw_headers = list(message["headers"])
        else:
            body.extend(message.get("body", b""))

    await app(line.scope, line.receive, collect)
    response.body = bytes(body)
    return response


async def _body(receive: Receive) -> str:
    """What came with the request."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body.decode("utf-8", "replace")


def _echo(fault: Echo, scope: Scope, body: str) -> Response:
    """All that was sent, in the words of a service that is not careful."""
    headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
    said = f"cannot handle {scope['method']} {scope['path']} with {headers} and {body}"
    if fault.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        page = f"<pre>Traceback (most recent call last):\n  ValueError: {said}</pre>"
        return HTMLResponse(page, fault.status)
    return JSONResponse({"detail": said, "code": fault.status}, fault.status)


def _forced(fault: Answer) -> Response:
    """The answer that a fault prescribes."""
    form = HTMLResponse if isinstance(fault.body, str) else JSONResponse
    return form(fault.body, fault.status, fault.headers)

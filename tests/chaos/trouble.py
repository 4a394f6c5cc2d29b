"""What can become of a call: acts of a strike."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from local.simulator import scenario
from tests.chaos.aws import DAMAGE, answered
from tests.chaos.seam import Call, Go, Seam

Act = Callable[[Call, Go], Any]

THROTTLES = {
    "dynamodb": (400, "ProvisionedThroughputExceededException"),
    "s3": (503, "SlowDown"),
}
BREAKDOWNS = {"dynamodb": (500, "InternalServerError"), "s3": (500, "InternalError")}


def killed_before(seam: Seam) -> Act:
    """The process dies just before it calls."""

    def act(call: Call, go: Go) -> Any:
        seam.kill()

    return act


def killed_after(seam: Seam) -> Act:
    """The process dies with the answer in its hands."""

    def act(call: Call, go: Go) -> Any:
        go()
        seam.kill()

    return act


def throttled(call: Call, go: Go) -> Any:
    """AWS has too much to do, and has not done it."""
    return _refused(call, *THROTTLES.get(call.service, (400, "ThrottlingException")))


def broken(call: Call, go: Go) -> Any:
    """AWS has an error of its own, and has not done it."""
    return _refused(call, *BREAKDOWNS.get(call.service, (500, "InternalFailure")))


def cut_off(call: Call, go: Go) -> Any:
    """The connection to AWS breaks before the request arrives."""
    raise ConnectionClosedError(endpoint_url=call.service)


def unreachable(call: Call, go: Go) -> Any:
    """There is no connection to AWS at all."""
    raise EndpointConnectionError(endpoint_url=call.service)


def unconfirmed(call: Call, go: Go) -> Any:
    """AWS has done it, and its answer is lost."""
    go()
    raise ConnectionClosedError(endpoint_url=call.service)


def confirmed_too_late(call: Call, go: Go) -> Any:
    """AWS has done it, and its answer takes too long."""
    go()
    raise ReadTimeoutError(endpoint_url=call.service)


def damaged(call: Call, go: Go) -> Any:
    """A bit of the body falls over on its way to AWS."""
    call.faults.append(DAMAGE)
    return go()


def never_sent(error: type[httpx.TransportError], words: str) -> Act:
    """No byte of the request leaves this machine."""

    def act(call: Call, go: Go) -> Any:
        raise error(words)

    return act


def answer_lost(error: type[httpx.TransportError], words: str) -> Act:
    """The provider has done it, and its answer never arrives."""

    def act(call: Call, go: Go) -> Any:
        go()
        raise error(words)

    return act


def answer_late(seconds: float, sleep: Callable[[float], None]) -> Act:
    """The provider's answer takes so long that it arrives no more: nobody waits that long."""

    def act(call: Call, go: Go) -> Any:
        go()
        sleep(seconds)
        raise httpx.ReadTimeout("The read operation timed out")

    return act


def simulated(fault: scenario.AnyFault) -> Act:
    """The provider itself errs, as the simulator's scenario says."""

    def act(call: Call, go: Go) -> Any:
        call.faults.append(fault)
        return go()

    return act


def answers(
    route: Any,
    status: int,
    body: Any = "",
    created: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Act:
    """The provider answers something else than the truth."""
    return simulated(
        scenario.Answer(
            what="answer",
            route=route,
            status=status,
            body=body,
            headers=dict(headers or {}),
            created=created,
        )
    )


def half_a_body(call: Call, go: Go) -> Any:
    """The connection breaks in the middle of the answer."""
    return _in_pieces(go(), lambda body: [body[: len(body) // 2]], cut=True)


def slow_drip(move: Callable[[float], None]) -> Act:
    """A byte now and then, for longer than anybody should wait."""

    def act(call: Call, go: Go) -> Any:
        def drips(body: bytes) -> Any:
            for place in range(0, len(body), 16):
                move(2)
                yield body[place : place + 16]

        return _in_pieces(go(), drips)

    return act


def endless(call: Call, go: Go) -> Any:
    """A body that never ends, without saying so."""

    def pieces(body: bytes) -> Any:
        while True:
            yield bytes(1_000_000)

    reply = _in_pieces(go(), pieces)
    reply.headers.pop("content-length", None)
    return reply


def stale() -> Act:
    """The answer is the one before: what is asked lags behind."""
    answered_before: dict[str, bytes] = {}

    def act(call: Call, go: Go) -> Any:
        reply = go()
        body = answered_before.get(call.about, reply.content)
        answered_before[call.about] = reply.content
        return answered("", reply.status_code, {"content-type": "application/x-amz-json-1.0"}, body)

    return act


def wait_first(seconds: float, sleep: Callable[[float], None]) -> Act:
    """Others go on before this call is made."""

    def act(call: Call, go: Go) -> Any:
        sleep(seconds)
        return go()

    return act


def do_first(action: Callable[[], object]) -> Act:
    """Something else happens just before this call."""

    def act(call: Call, go: Go) -> Any:
        action()
        return go()

    return act


def do_afterwards(action: Callable[[], object]) -> Act:
    """Something else happens as soon as this call is answered."""

    def act(call: Call, go: Go) -> Any:
        reply = go()
        action()
        return reply

    return act


class _Pieces(httpx.SyncByteStream):
    def __init__(self, pieces: Any, cut: bool) -> None:
        self._pieces, self._cut = pieces, cut

    def __iter__(self) -> Any:
        yield from self._pieces
        if self._cut:
            raise httpx.RemoteProtocolError(
                "peer closed connection without sending complete message body"
            )


def _in_pieces(reply: Any, pieces: Callable[[bytes], Any], cut: bool = False) -> httpx.Response:
    stream = _Pieces(pieces(reply.content), cut)
    return httpx.Response(reply.status_code, headers=reply.headers, stream=stream)


def _refused(call: Call, status: int, code: str) -> Any:
    if call.service == "s3":
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>later</Message></Error>"
        return answered("", status, {"content-type": "application/xml"}, body.encode())
    content = json.dumps({"__type": f"com.amazonaws#{code}", "message": "later"})
    return answered("", status, {"content-type": "application/x-amz-json-1.0"}, content.encode())

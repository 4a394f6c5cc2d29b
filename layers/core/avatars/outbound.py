"""Connections to where strangers' links lead: to the address that was checked, for a while."""

import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import urlsplit

import httpcore
import httpx

from avatars.addresses import Resolve, origin_of, public_addresses
from avatars.errors import AddressRefusedError


class OutboundTransport(httpx.BaseTransport):
    """Sends a request to a public address over TLS, on port 443, or to one of the *origins*.

    A host is resolved once: what was checked is what is connected to, so that no second answer
    of its name server leads elsewhere. A connection serves one request and is cut *seconds* after
    it was begun, however little there is still to come. *resolve*, *network* and *tls* take the
    place of the system's.
    """

    def __init__(
        self,
        origins: Collection[str],
        seconds: float,
        resolve: Resolve | None = None,
        network: httpcore.NetworkBackend | None = None,
        tls: Any = None,
    ) -> None:
        self._origins = {origin.lower() for origin in origins if "://" in origin}
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(trust_env=False),
            max_connections=None,  # those of its threads
            max_keepalive_connections=0,
            network_backend=_CheckedNetwork(
                {_host_and_port(origin) for origin in self._origins},
                seconds,
                resolve,
                network or httpcore.SyncBackend(),
            ),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        # Of the very object that is connected by: another parser may have read something else.
        is_usual = url.scheme == "https" and url.port in (None, 443)
        if not is_usual and origin_of(str(url)) not in self._origins:
            raise AddressRefusedError("Only https is spoken, and only on port 443.")
        with _told_as_httpx():
            reply = self._pool.handle_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(
                        scheme=url.raw_scheme,
                        host=url.raw_host,
                        port=url.port,
                        target=url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            reply.status,
            headers=reply.headers,
            stream=_Body(reply),
            extensions=reply.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, reply: httpcore.Response) -> None:
        self._reply = reply

    def __iter__(self) -> Iterator[bytes]:
        with _told_as_httpx():
            yield from self._reply.iter_stream()

    def close(self) -> None:
        self._reply.close()


class _CheckedNetwork(httpcore.NetworkBackend):
    """Resolves, checks and connects in one go. What is *exempt* is connected to unchecked."""

    def __init__(
        self,
        exempt: Collection[tuple[str, int]],
        seconds: float,
        resolve: Resolve | None,
        network: httpcore.NetworkBackend,
    ) -> None:
        self._exempt = exempt
        self._seconds = seconds
        self._resolve = resolve
        self._network = network

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        deadline = time.monotonic() + self._seconds
        trouble: Exception = httpcore.ConnectError("It resolves to nothing.")
        for address in self._addresses(host, port):
            left = deadline - time.monotonic()
            if left <= 0:
                raise httpcore.ConnectTimeout("None of its addresses answers.")
            try:
                stream = self._network.connect_tcp(
                    address, port, min(timeout or left, left), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
            else:
                return _HurriedStream(stream, deadline)
        raise trouble

    def _addresses(self, host: str, port: int) -> list[str]:
        if (host, port) in self._exempt:
            return [host]
        try:
            return public_addresses(host, port, self._resolve)
        except OSError as error:
            raise httpcore.ConnectError("Its name cannot be resolved.") from error


class _HurriedStream(httpcore.NetworkStream):
    """A connection on which whoever drips is not waited for after its deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout, httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._left(timeout, httpcore.ConnectTimeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, left)
        return _HurriedStream(stream, self._deadline)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _left(self, timeout: float | None, overdue: type[Exception]) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise overdue("The time for this connection is over.")
        return left if timeout is None else min(left, timeout)


@contextmanager
def _told_as_httpx() -> Iterator[None]:
    """The errors of both have the same names, and callers know those of httpx."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        told = cast("type[Exception]", getattr(httpx, type(error).__name__))
        raise told(str(error)) from error


def _host_and_port(origin: str) -> tuple[str, int]:
    parts = urlsplit(origin)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

"""HTTP clients that repeat what may be repeated."""

import ipaddress
from http import HTTPStatus
from urllib.request import getproxies, proxy_bypass

import httpx
from httpx_retries import Retry, RetryTransport

CONNECT_SECONDS, READ_SECONDS = 10, 60
TRIES_AGAIN = 5

ANY_METHOD = ("GET", "POST", "DELETE")
PASSING = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
PROBLEM = "application/problem+json"


def repeating_client(
    base_url: str = "",
    auth: httpx.Auth | None = None,
    transport: httpx.BaseTransport | None = None,
    tries_again: int = TRIES_AGAIN,
) -> httpx.Client:
    """A client whose every call is repeated while nobody answers, or with 429, 502, 503 or 504.

    A 429 that the API gives as a problem is final: the owner has reached a limit of days, not of
    seconds. Whoever uses it sends only what may arrive twice. *transport* takes the place of the
    network.
    """
    retry = Retry(
        total=tries_again,
        allowed_methods=ANY_METHOD,
        status_forcelist=PASSING,
        backoff_factor=0.3,
        validate_response=_require_room,
    )
    return httpx.Client(
        base_url=base_url,
        auth=auth,
        transport=RetryTransport(transport or _Network(), retry=retry),
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
    )


def _require_room(answer: httpx.Response) -> None:
    """Raises what is repeated where requests come too fast."""
    if (
        answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
        and answer.headers.get("Content-Type") != PROBLEM
    ):
        raise httpx.RemoteProtocolError("Too many requests.")


def is_this_machine(host: str) -> bool:
    """Whether what is sent there never leaves this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Network(httpx.BaseTransport):
    """Through the proxy that the environment names: given a transport, httpx asks for none."""

    def __init__(self) -> None:
        self._transports: dict[str | None, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        direct = is_this_machine(host) or bool(proxy_bypass(host))
        proxy = None if direct else getproxies().get(request.url.scheme)
        if proxy not in self._transports:
            self._transports[proxy] = httpx.HTTPTransport(proxy=proxy)
        return self._transports[proxy].handle_request(request)

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()

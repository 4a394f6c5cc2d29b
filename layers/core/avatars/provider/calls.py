"""One HTTP request, sent once: what came of it, or that nobody can tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx

from avatars.errors import OutcomeUnknownError, ProviderUnreachableError
from avatars.model import Answer

CONNECT_TIMEOUT = 10
READ_TIMEOUT = 60
"""Far below the functions' own timeouts, so that our code sees the end of every request."""
BALANCE_TIMEOUT = httpx.Timeout(10, connect=5)
"""Asked on the way to a submission, whose time it must not take."""

_KEPT_HEADERS = ("content-type", "date", "retry-after", "deprecation", "sunset")


def http_client(transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """A client that sends each request once, on a connection of its own: no retries, no
    redirects, no proxies. *transport* takes the place of the network."""
    return httpx.Client(
        transport=transport,
        # A kept connection may have died unnoticed while the function was frozen, and a request
        # that is lost on it looks like one that was lost on its way.
        limits=httpx.Limits(max_keepalive_connections=0),
        timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT),
        follow_redirects=False,
        trust_env=False,
    )


@dataclass(frozen=True, slots=True)
class Calls:
    """Requests in JSON to one provider, with the headers that each of them has."""

    http: httpx.Client
    headers: Mapping[str, str] = field(repr=False)
    """One of them is the key."""
    kept: Sequence[str] = ()
    """Headers of answers that matter with this provider, beside those that do with all."""

    def submit(self, url: str, body: Mapping[str, object]) -> Answer:
        """One POST. Raises ProviderUnreachableError where it provably never arrived,
        OutcomeUnknownError where nobody can tell."""
        try:
            return self._send("POST", url, body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ProviderUnreachableError(
                f"the provider could not be reached ({type(error).__name__})"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OutcomeUnknownError(
                f"The request was cut off ({type(error).__name__})."
            ) from error

    def look(self, url: str, timeout: httpx.Timeout | None = None) -> Answer:
        """One GET; an answer of status 0 where there was none."""
        try:
            return self._send("GET", url, None, timeout)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(0, {}, type(error).__name__.encode())

    def _send(
        self,
        method: str,
        url: str,
        body: Mapping[str, object] | None,
        timeout: httpx.Timeout | None = None,
    ) -> Answer:
        reply = self.http.request(
            method,
            url,
            json=body,
            headers={**self.headers, "Accept": "application/json"},
            timeout=timeout or self.http.timeout,
        )
        kept = (*_KEPT_HEADERS, *self.kept)
        headers = {name: reply.headers[name] for name in kept if name in reply.headers}
        return Answer(reply.status_code, headers, reply.content)


def part(provider_id: str) -> str:
    """An id as one part of a path, whatever it consists of."""
    return quote(provider_id, safe="")

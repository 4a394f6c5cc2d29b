"""Picsart's trained-model flow: train on 5 to 30 photos, then make avatars from the model.

The public documentation leaves names open; those are settings. What it says is in the guide
"AI Avatars 101" and the reference pages of genai-avatars-api.picsart.io.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx

from avatars.errors import OutcomeUnknownError, ProviderUnreachableError
from avatars.model import Answer, Prompt, Subject
from avatars.settings import ProviderSettings

CONNECT_TIMEOUT = 10
READ_TIMEOUT = 60
"""Far below the functions' own timeouts, so that our code sees the end of every request."""
BALANCE_TIMEOUT = httpx.Timeout(10, connect=5)
"""Asked on the way to a submission, whose time it must not take."""

_KEPT_HEADERS = (
    "content-type",
    "date",
    "retry-after",
    "x-picsart-correlation-id",
    "x-picsart-ratelimit-available",
    "x-picsart-ratelimit-reset-time",
    "x-picsart-credit-available",
)


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


@dataclass(frozen=True)
class PicsartProvider:
    """The provider, with the key that it is called with; see `ports.Provider`."""

    settings: ProviderSettings
    key: str = field(repr=False)
    http: httpx.Client

    def submit_training(self, photo_links: Sequence[str], subject: Subject) -> Answer:
        body = {self.settings.fields["photos"]: list(photo_links), "type": subject.value}
        return self._submit(f"{self.settings.url}/avatars/models", body)

    def check_training(self, model_id: str) -> Answer:
        return self._look(f"{self.settings.status_url}/avatars/models/{_part(model_id)}")

    def submit_inference(self, model_id: str, prompts: Sequence[Prompt]) -> Answer:
        names = self.settings.fields
        lines = [
            {names["style"]: prompt.style, names["count"]: prompt.count}
            | ({names["prompt"]: prompt.prompt} if prompt.prompt else {})
            for prompt in prompts
        ]
        return self._submit(
            f"{self.settings.url}/avatars/models/{_part(model_id)}/inferences",
            {names["prompts"]: lines},
        )

    def check_inference(self, model_id: str, inference_id: str) -> Answer:
        return self._look(
            f"{self.settings.url}/avatars/models/{_part(model_id)}/inferences/{_part(inference_id)}"
        )

    def balance(self) -> Answer:
        return self._look(f"{self.settings.url}/balance", BALANCE_TIMEOUT)

    def _submit(self, url: str, body: Mapping[str, object]) -> Answer:
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

    def _look(self, url: str, timeout: httpx.Timeout | None = None) -> Answer:
        """One look; an answer of status 0 where there was none."""
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
            headers={"X-Picsart-API-Key": self.key, "Accept": "application/json"},
            timeout=timeout or self.http.timeout,
        )
        headers = {name: reply.headers[name] for name in _KEPT_HEADERS if name in reply.headers}
        return Answer(reply.status_code, headers, reply.content)


def _part(provider_id: str) -> str:
    """An id as one part of a path, whatever it consists of."""
    return quote(provider_id, safe="")

"""Sends webhooks to where their receivers want them, as far as that is on the internet."""

from collections.abc import Collection, Mapping

import httpx

from avatars.addresses import check_url
from avatars.errors import AddressRefusedError, WebhookFailedError
from avatars.model import WebhookAnswer
from avatars.outbound import OutboundTransport

MAX_SECONDS = 15
"""From the connection to the end of the answer's headers. Standard Webhooks advises 15 to 30; a
receiver should note what it is told, and work on it later."""


class HttpWebhooks:
    """Posts to public addresses and to *origins*, without following redirects.

    *transport* takes the place of the network.
    """

    def __init__(
        self, origins: Collection[str], transport: httpx.BaseTransport | None = None
    ) -> None:
        self._origins = {origin.lower() for origin in origins}
        self._http = httpx.Client(
            headers={"User-Agent": "avatars", "Accept": "*/*"},
            timeout=httpx.Timeout(MAX_SECONDS, connect=5),
            follow_redirects=False,
            trust_env=False,
            transport=transport or OutboundTransport(self._origins, MAX_SECONDS),
        )

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookAnswer:
        check_url(url, self._origins)
        try:
            # Streamed, so that nothing of the answer's body is waited for or kept.
            with self._http.stream("POST", url, headers=headers, content=body) as reply:
                return WebhookAnswer(reply.status_code, reply.headers.get("Retry-After"))
        except (httpx.InvalidURL, ValueError) as error:
            raise AddressRefusedError("It is malformed.") from error
        except httpx.HTTPError as error:
            raise WebhookFailedError(
                f"The receiver did not answer ({type(error).__name__})."
            ) from error

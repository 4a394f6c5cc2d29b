"""Fetches finished avatars, from the provider's own hosts only."""

import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from avatars.errors import DownloadFailedError, DownloadRefusedError

MAX_BYTES = 25 * 1024 * 1024
MAX_SECONDS = 60
"""For the whole picture: a server that drips a byte at a time must not hold a function."""


class HttpDownloads:
    """Streams pictures to disk from allowed origins, without following redirects.

    *transport* takes the place of the network.
    """

    def __init__(
        self, origins: Sequence[str], transport: httpx.BaseTransport | None = None
    ) -> None:
        self._origins = [origin.lower() for origin in origins]
        self._http = httpx.Client(
            timeout=httpx.Timeout(20, connect=10),
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    def fetch(self, link: str, file: Path) -> int:
        if not self._is_allowed(link):
            raise DownloadRefusedError(
                f"The provider's link leads to {_host(link)}, which is not an allowed host "
                "(parameter ProviderResultOrigins)."
            )
        try:
            return self._stream(link, file)
        except (httpx.InvalidURL, ValueError) as error:
            raise DownloadRefusedError("The provider's link is malformed.") from error
        except httpx.HTTPError as error:
            raise DownloadFailedError(
                f"The download was cut off ({type(error).__name__})."
            ) from error

    def _stream(self, link: str, file: Path) -> int:
        deadline = time.monotonic() + MAX_SECONDS
        size = 0
        with self._http.stream("GET", link) as reply, file.open("wb") as picture:
            if reply.is_redirect:
                raise DownloadRefusedError("The provider's link redirects, which is not followed.")
            if reply.status_code != httpx.codes.OK:
                raise DownloadFailedError(f"The download was answered with {reply.status_code}.")
            for chunk in reply.iter_bytes():
                size += picture.write(chunk)
                if size > MAX_BYTES:
                    raise DownloadFailedError(f"The picture is larger than {MAX_BYTES} bytes.")
                if time.monotonic() > deadline:
                    raise DownloadFailedError(f"The download took more than {MAX_SECONDS} s.")
        return size

    def _is_allowed(self, link: str) -> bool:
        try:
            parts = urlsplit(link)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            return False
        if f"{parts.scheme}://{parts.netloc}".lower() in self._origins:
            return True
        if parts.scheme != "https" or "@" in parts.netloc or port not in (None, 443):
            return False
        return any(
            host == allowed or (allowed.startswith("*.") and host.endswith(allowed[1:]))
            for allowed in self._origins
        )


def _host(link: str) -> str:
    try:
        return (urlsplit(link).hostname or "no host")[:100]
    except ValueError:
        return "no host"

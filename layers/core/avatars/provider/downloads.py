"""Fetches finished avatars, from the provider's own hosts only."""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from avatars.addresses import check_url, origin_of
from avatars.errors import AddressRefusedError, DownloadFailedError, DownloadRefusedError
from avatars.outbound import OutboundTransport

MAX_BYTES = 25 * 1024 * 1024
MAX_SECONDS = 60
"""For the whole picture: a server that drips a byte at a time must not hold a function."""

_NAME = re.compile(r"([a-z0-9_-]+\.)*[a-z0-9_-]+", re.IGNORECASE)
"""Nothing that another program could read as more, or less, than the name of a host."""


class HttpDownloads:
    """Streams pictures to disk from allowed origins, without following redirects.

    An allowed host must lead to public addresses; an origin that is allowed as a whole may be on
    this machine. *transport* takes the place of the network.
    """

    def __init__(
        self, origins: Sequence[str], transport: httpx.BaseTransport | None = None
    ) -> None:
        self._origins = [origin.lower() for origin in origins]
        self._http = httpx.Client(
            headers={"Accept": "image/*", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(20, connect=10),
            follow_redirects=False,
            trust_env=False,
            transport=transport or OutboundTransport(self._origins, MAX_SECONDS),
        )

    def fetch(self, link: str, file: Path) -> int:
        if not self._is_allowed(link):
            raise DownloadRefusedError(
                f"The provider's link leads to {_host(link)}, which is not an allowed host "
                "(parameter ProviderResultOrigins)."
            )
        deadline = time.monotonic() + MAX_SECONDS
        try:
            return self._stream(link, file, deadline)
        except AddressRefusedError as error:
            raise DownloadRefusedError(f"The provider's link is refused: {error}") from error
        except (httpx.InvalidURL, ValueError) as error:
            raise DownloadRefusedError("The provider's link is malformed.") from error
        except httpx.HTTPError as error:
            if time.monotonic() > deadline:
                raise _too_slow() from error
            raise DownloadFailedError(
                f"The download was cut off ({type(error).__name__})."
            ) from error

    def _stream(self, link: str, file: Path, deadline: float) -> int:
        size = 0
        with self._http.stream("GET", link) as reply, file.open("wb") as picture:
            if reply.is_redirect:
                raise DownloadRefusedError("The provider's link redirects, which is not followed.")
            if reply.status_code != httpx.codes.OK:
                raise DownloadFailedError(f"The download was answered with {reply.status_code}.")
            # As it came: a few bytes that say they are compressed could become any number.
            for chunk in reply.iter_raw():
                size += picture.write(chunk)
                if size > MAX_BYTES:
                    raise DownloadFailedError(f"The picture is larger than {MAX_BYTES} bytes.")
                if time.monotonic() > deadline:
                    raise _too_slow()
        return size

    def _is_allowed(self, link: str) -> bool:
        try:
            check_url(link, self._origins)
            return self._leads_to_ours(link)
        except (AddressRefusedError, httpx.InvalidURL):
            return False

    def _leads_to_ours(self, link: str) -> bool:
        """Whether it is an allowed host as it was checked, and as it is connected to: two parsers
        must agree. Raises httpx.InvalidURL."""
        checked, asked = urlsplit(link).hostname or "", httpx.URL(link).raw_host.decode("ascii")
        return origin_of(link) in self._origins or (
            _NAME.fullmatch(asked) is not None and self._is_host(checked) and self._is_host(asked)
        )

    def _is_host(self, name: str) -> bool:
        host = name.lower()
        return any(
            host == allowed or (allowed.startswith("*.") and host.endswith(allowed[1:]))
            for allowed in self._origins
        )


def _too_slow() -> DownloadFailedError:
    return DownloadFailedError(f"The download took more than {MAX_SECONDS} s.")


def _host(link: str) -> str:
    try:
        return (urlsplit(link).hostname or "no host")[:100]
    except ValueError:
        return "no host"

"""The page in its bucket: its files, and config.json, which says where API and sign-in are."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from avatars.errors import IssuerError

if TYPE_CHECKING:
    import httpx

CONFIG = "config.json"
INDEX = "index.html"

CACHE_CONTROL = "no-cache"
"""Kept, but asked for again each time: files keep their names when they change."""

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}

DISCOVERY = "/.well-known/openid-configuration"
DISCOVERY_TIMEOUT = 10.0


class PageStore(Protocol):
    """Where the page is served from."""

    def put(self, file: str, data: bytes, content_type: str, cache_control: str) -> None:
        """Store a file by its path in the page; a browser gets both headers with it."""

    def files(self) -> set[str]:
        """The paths of all files."""

    def delete(self, files: Collection[str]) -> None:
        """Serve these files no longer."""

    def erase(self) -> None:
        """Leave nothing, former versions included."""


def page_files(folder: Path) -> dict[str, bytes]:
    """The files of the page by their paths in *folder*; hidden ones are none of them."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    }


def publish_page(store: PageStore, files: Mapping[str, bytes], config: Mapping[str, Any]) -> int:
    """Make *files* and *config* all that the store serves; returns how many files that are.

    The first page comes last: it never names a file that is not there yet.
    """
    page = {**files, CONFIG: json.dumps(config, indent=2).encode()}
    for file in sorted(page, key=lambda file: file == INDEX):
        store.put(file, page[file], content_type(file), CACHE_CONTROL)
    store.delete(store.files() - page.keys())
    return len(page)


def content_type(file: str) -> str:
    """The media type of a file, by the end of its name."""
    return CONTENT_TYPES.get(PurePosixPath(file).suffix.lower(), "application/octet-stream")


def with_sign_in(
    config: Mapping[str, str], transport: httpx.BaseTransport | None = None
) -> dict[str, str]:
    """The page's configuration with `authorize`, `token` and `logout`.

    Where it lacks them they are the issuer's, by its discovery document. Raises IssuerError.
    https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata
    """
    if "authorize" in config:
        return dict(config)
    issuer = config["issuer"]
    found = _discovered(issuer, transport)
    if found.get("issuer") != issuer:
        raise IssuerError(
            f"The issuer {issuer} calls itself {found.get('issuer')!r}. The API compares that with "
            "what tokens say, so the parameter Issuer must be the same to the letter."
        )
    ends = {name: str(found.get(f"{name}_endpoint", "")) for name in ("authorization", "token")}
    for name, address in ends.items():
        if not address.startswith("https://"):
            raise IssuerError(f"The issuer {issuer} names no {name}_endpoint with https.")
    if urlsplit(ends["token"]).netloc != urlsplit(issuer).netloc:
        raise IssuerError(
            f"The issuer {issuer} hands out tokens at {ends['token']}. The page may only speak to "
            "the issuer's own host: add that host to connect-src of PageHeaders in the template."
        )
    return {
        **config,
        "authorize": ends["authorization"],
        "token": ends["token"],
        "logout": str(found.get("end_session_endpoint", "")),
    }


def _discovered(issuer: str, transport: httpx.BaseTransport | None) -> dict[str, Any]:
    import httpx

    address = issuer.rstrip("/") + DISCOVERY
    try:
        with httpx.Client(transport=transport, timeout=DISCOVERY_TIMEOUT) as client:
            found = client.get(address).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise IssuerError(f"The issuer's {address} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise IssuerError(f"The issuer's {address} is no JSON object.")
    return found

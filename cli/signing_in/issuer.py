"""Who gives out tokens for an API, and what a client must know of it."""

from dataclasses import dataclass
from typing import Any

import httpx

from cli.doors.http import is_this_machine
from cli.saying import RefusedError


@dataclass(frozen=True)
class Issuer:
    """An OpenID Connect provider, as one client of it sees it."""

    authorize: str
    token: str
    client_id: str
    scope: str = "openid"


def from_page(page: str, http: httpx.Client) -> tuple[str, Issuer]:
    """The address of the API and its issuer, by the `config.json` that lies beside the page."""
    config = _document(http, page.removesuffix("/") + "/config.json")
    try:
        issuer = Issuer(
            authorize=checked(config["authorize"]),
            token=checked(config["token"]),
            client_id=config["client_id"],
            scope=config.get("scope", "openid"),
        )
        return checked(config["api"]).rstrip("/"), issuer
    except KeyError as error:
        raise RefusedError(
            f"{page} is no page of Avatars: its config.json says nothing of {error}."
        ) from error


def from_discovery(address: str, client_id: str, http: httpx.Client) -> Issuer:
    """The issuer at an address, by its own discovery document."""
    where = address.removesuffix("/") + "/.well-known/openid-configuration"
    found = _document(http, where)
    try:
        return Issuer(
            authorize=checked(found.get("authorization_endpoint") or found["token_endpoint"]),
            token=checked(found["token_endpoint"]),
            client_id=client_id,
        )
    except KeyError as error:
        raise RefusedError(f"{address} is no issuer of tokens: {where} lacks {error}.") from error


def checked(address: str) -> str:
    """An address that tokens may be sent to. Raises RefusedError."""
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, TypeError):
        url = httpx.URL("")
    private = url.scheme == "https" or (url.scheme == "http" and is_this_machine(url.host))
    if url.host and private:
        return address
    raise RefusedError(
        f"{address!r} is no address that a token may be sent to: it begins with https://, or leads "
        "to this machine."
    )


def _document(http: httpx.Client, address: str) -> dict[str, Any]:
    try:
        found = http.get(checked(address)).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise RefusedError(
            f"{address} cannot be read ({type(error).__name__}): check the address."
        ) from error
    if not isinstance(found, dict):
        raise RefusedError(f"{address} holds no JSON object: check the address.")
    return found

"""The token for an API: given, got with a client's secret, or kept from a sign-in."""

import math
import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace

import httpx

from cli.saying import RefusedError, UsageError
from cli.signing_in.issuer import from_discovery
from cli.signing_in.store import SignIns
from cli.signing_in.tokens import Tokens, for_machine, renewed

SECONDS = 30


def token_client(transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """A client that sends each request once and follows nothing: it carries secrets."""
    return httpx.Client(timeout=SECONDS, transport=transport)


class OwnerAuth(httpx.Auth):
    """Gives every request a token that is good by then: commands may outlive their first one.

    *find* is told the token that the API has refused, if it has. Requests raise RefusedError.
    """

    def __init__(self, find: Callable[[str | None], Tokens]) -> None:
        self._find = find
        self._tokens = find(None)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        if not self._tokens.is_fresh:
            self._tokens = self._find(None)
        request.headers["Authorization"] = f"Bearer {self._tokens.access}"
        answer = yield request
        if answer.status_code != httpx.codes.UNAUTHORIZED:
            return
        refused, self._tokens = self._tokens, self._find(self._tokens.access)
        if self._tokens != refused:
            request.headers["Authorization"] = f"Bearer {self._tokens.access}"
            yield request


def tokens_for(
    api: str,
    environment: Mapping[str, str] = os.environ,
    sign_ins: SignIns | None = None,
    transport: httpx.BaseTransport | None = None,
    refused: str | None = None,
) -> Tokens:
    """Tokens of which the access token is fresh, and not the *refused* one if there is another.

    Raises RefusedError.
    """
    if token := environment.get("AVATARS_TOKEN"):
        return Tokens(token.strip(), math.inf)
    with token_client(transport) as http:
        if secret := environment.get("AVATARS_CLIENT_SECRET"):
            client_id, issuer = (
                _required(environment, f"AVATARS_{name}") for name in ("CLIENT_ID", "ISSUER")
            )
            return for_machine(from_discovery(issuer, client_id, http), secret, http)
        kept = sign_ins or SignIns()
        sign_in = kept.find(api)
        if sign_in is None:
            raise RefusedError(
                f"Nobody is signed in at {api}: use `avatars sign-in`, or AVATARS_TOKEN with a "
                "token of yours."
            )
        if not sign_in.tokens.is_fresh or sign_in.tokens.access == refused:
            sign_in = replace(sign_in, tokens=renewed(sign_in.tokens, sign_in.issuer, http))
            kept.keep(sign_in)
        return sign_in.tokens


def _required(environment: Mapping[str, str], name: str) -> str:
    try:
        return environment[name]
    except KeyError:
        raise UsageError(f"AVATARS_CLIENT_SECRET needs {name} beside it.") from None

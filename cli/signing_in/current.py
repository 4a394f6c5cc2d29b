"""The token for an API: given, got with a client's secret, or kept from a sign-in."""

import os
from collections.abc import Mapping
from dataclasses import replace

import httpx

from cli.saying import RefusedError, UsageError
from cli.signing_in.issuer import from_discovery
from cli.signing_in.store import SignIns
from cli.signing_in.tokens import for_machine, renewed

SECONDS = 30


def token_client(transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """A client that sends each request once and follows nothing: it carries secrets."""
    return httpx.Client(timeout=SECONDS, transport=transport)


def token_for(
    api: str,
    environment: Mapping[str, str] = os.environ,
    sign_ins: SignIns | None = None,
    transport: httpx.BaseTransport | None = None,
) -> str:
    """An access token. Raises RefusedError."""
    if token := environment.get("AVATARS_TOKEN"):
        return token.strip()
    with token_client(transport) as http:
        if secret := environment.get("AVATARS_CLIENT_SECRET"):
            client_id, issuer = (
                _required(environment, f"AVATARS_{name}") for name in ("CLIENT_ID", "ISSUER")
            )
            return for_machine(from_discovery(issuer, client_id, http), secret, http).access
        kept = sign_ins or SignIns()
        sign_in = kept.find(api)
        if sign_in is None:
            raise RefusedError(
                f"Nobody is signed in at {api}: use `avatars sign-in`, or AVATARS_TOKEN with a "
                "token of yours."
            )
        if not sign_in.tokens.is_fresh:
            sign_in = replace(sign_in, tokens=renewed(sign_in.tokens, sign_in.issuer, http))
            kept.keep(sign_in)
        return sign_in.tokens.access


def _required(environment: Mapping[str, str], name: str) -> str:
    try:
        return environment[name]
    except KeyError:
        raise UsageError(f"AVATARS_CLIENT_SECRET needs {name} beside it.") from None

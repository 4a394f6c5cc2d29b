"""Get a token: with a code and PKCE (RFC 7636), a refresh token, or a client's secret."""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field, replace

import httpx

from cli.saying import RefusedError
from cli.signing_in.issuer import Issuer

EARLY_SECONDS = 60
"""A token that ends so soon is renewed: the command may use it for a while."""


@dataclass(frozen=True)
class Tokens:
    """What the issuer gave; it is shown to nobody."""

    access: str = field(repr=False)
    expires_at: float
    """Unix seconds of the wall clock."""
    refresh: str | None = field(default=None, repr=False)

    @property
    def is_fresh(self) -> bool:
        return time.time() + EARLY_SECONDS < self.expires_at


@dataclass(frozen=True)
class Attempt:
    """One sign-in of a person: what is asked, and what the answer must match."""

    issuer: Issuer
    redirect: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)

    @property
    def address(self) -> str:
        """Where the person signs in."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        asked = {
            "response_type": "code",
            "client_id": self.issuer.client_id,
            "redirect_uri": self.redirect,
            "scope": self.issuer.scope,
            "state": self.state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return str(httpx.URL(self.issuer.authorize).copy_merge_params(asked))

    def code(self, address: str) -> str:
        """The code in the address that the browser was led to. Raises RefusedError."""
        answer = httpx.URL(address).params
        if not secrets.compare_digest(answer.get("state", "").encode(), self.state.encode()):
            raise RefusedError(
                "This is not the answer to the sign-in that was begun here: begin anew."
            )
        if "code" not in answer:
            why = answer.get("error_description") or answer.get("error") or "no code was given"
            raise RefusedError(f"The sign-in was refused: {why}.")
        return str(answer["code"])

    def finish(self, code: str, http: httpx.Client) -> Tokens:
        """The tokens for a code. Raises RefusedError."""
        return _fetch(
            self.issuer,
            http,
            grant_type="authorization_code",
            code=code,
            redirect_uri=self.redirect,
            code_verifier=self.verifier,
        )


def renewed(tokens: Tokens, issuer: Issuer, http: httpx.Client) -> Tokens:
    """New tokens for those that have ended. Raises RefusedError."""
    if tokens.refresh is None:
        raise RefusedError("The sign-in has ended: sign in again with `avatars sign-in`.")
    fresh = _fetch(issuer, http, grant_type="refresh_token", refresh_token=tokens.refresh)
    return fresh if fresh.refresh else replace(fresh, refresh=tokens.refresh)


def for_machine(issuer: Issuer, secret: str, http: httpx.Client) -> Tokens:
    """The tokens of a client that signs in by itself. Raises RefusedError."""
    return _fetch(issuer, http, secret=secret, grant_type="client_credentials")


def _fetch(issuer: Issuer, http: httpx.Client, secret: str | None = None, **asked: str) -> Tokens:
    # Once: a code, or a refresh token, may be good for one use.
    try:
        answer = http.post(
            issuer.token,
            data=asked if secret else {"client_id": issuer.client_id, **asked},
            auth=(issuer.client_id, secret) if secret else httpx.USE_CLIENT_DEFAULT,
            headers={"Accept": "application/json"},
        )
        document = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise RefusedError(
            f"{issuer.token} gives no tokens ({type(error).__name__}): try again."
        ) from error
    if answer.is_success and isinstance(document, dict) and document.get("access_token"):
        return Tokens(
            access=str(document["access_token"]),
            expires_at=time.time() + float(document.get("expires_in", 3600)),
            refresh=document.get("refresh_token"),
        )
    why = document.get("error_description") or document.get("error") if document else None
    raise RefusedError(
        f"{issuer.token} gives no tokens ({answer.status_code}: {why or 'no reason given'}): sign "
        "in again with `avatars sign-in`."
    )

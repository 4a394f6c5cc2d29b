"""What a stranger meets: the page, the sign-in, and an API that takes no made-up token."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator, Mapping

import httpx

from cli.doctor.finding import Finding, different, fine, wrong
from cli.doctor.storage import DEPLOY
from cli.target import Target

SECONDS = 20

HEADERS = {
    "content-security-policy": "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}
"""Headers of the page, and what each must say among other things."""

NO_CONNECTION = "Look at your connection; a new distribution is everywhere after some minutes."


def page(target: Target) -> Iterator[Finding]:
    """It is there, over TLS, with its headers, and knows its API."""
    about, url = "page", target.outputs["PageUrl"]
    with _browser(target) as browser:
        try:
            answer = browser.get(url)
            config = browser.get(f"{url}config.json").json()
        except (httpx.HTTPError, ValueError) as error:
            yield wrong(about, f"{url} does not give it ({type(error).__name__}).", NO_CONNECTION)
            return
        if answer.status_code != 200 or "text/html" not in answer.headers.get("content-type", ""):
            yield wrong(about, f"{url} answers {answer.status_code}.", DEPLOY)
            return
        bad = _missing(answer.headers)
        if bad:
            yield wrong(about, f"It comes without {', '.join(bad)}.", DEPLOY)
        else:
            yield fine(about, "It is served with its headers.")
        if config.get("api"):
            yield fine(about, "It knows its API.")
        else:
            yield wrong(about, "Its config.json names no API.", DEPLOY)
        yield _over_tls(target, browser, url, answer.headers)


def sign_in(target: Target) -> Iterator[Finding]:
    """People are shown where to sign in."""
    about, client = "sign-in", target.outputs.get("OwnerPoolClient")
    if client is None:
        yield fine(about, "It is at an issuer of your own, which is not looked at.")
        return
    url = target.outputs["PageUrl"] if target.local else f"{target.outputs['SignInUrl']}/"
    wanted = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": target.outputs["PageUrl"],
        "scope": "openid",
        "state": "doctor",
        "code_challenge_method": "S256",
        "code_challenge": _unpadded(hashlib.sha256(b"doctor").digest()),
    }
    with _browser(target) as browser:
        try:
            answer = browser.get(f"{url}oauth2/authorize", params=wanted, follow_redirects=True)
        except httpx.HTTPError as error:
            yield wrong(about, f"{url} cannot be reached ({type(error).__name__}).", NO_CONNECTION)
            return
    there = str(answer.url).startswith(url) and "error" not in answer.url.params
    if answer.status_code == 200 and there:
        yield fine(about, "The sign-in page answers, and would come back to the page.")
    else:
        yield wrong(about, f"{url} answers {answer.status_code} instead of a sign-in page.", DEPLOY)


def tokens(target: Target) -> Iterator[Finding]:
    """The API takes neither an unsigned token nor one that we signed ourselves."""
    about, url = "tokens", f"{target.outputs['ApiUrl']}/styles"
    with _browser(target) as browser:
        for what, token in _made_up(target.outputs).items():
            try:
                answer = browser.get(url, headers={"Authorization": f"Bearer {token}"})
            except httpx.HTTPError as error:
                yield wrong(
                    about, f"{url} cannot be reached ({type(error).__name__}).", NO_CONNECTION
                )
                return
            if answer.status_code == 401:
                yield fine(about, f"One that is {what} is refused.")
            else:
                yield wrong(
                    about,
                    f"One that is {what} gets {answer.status_code} instead of 401.",
                    f"Anybody may order at your cost: take the API off the net. {DEPLOY}",
                )


def _over_tls(
    target: Target, browser: httpx.Client, url: str, headers: Mapping[str, str]
) -> Finding:
    about = "page"
    if target.local:
        return different(about, "It comes without TLS.")
    if not url.startswith("https://"):
        return wrong(about, f"Its address {url} is not https.", "Give an https PageOrigin.")
    if "max-age" not in headers.get("strict-transport-security", ""):
        return wrong(about, "It does not insist on TLS (Strict-Transport-Security).", DEPLOY)
    try:
        plain = browser.get(url.replace("https://", "http://", 1))
    except httpx.HTTPError:
        return fine(about, "It insists on TLS, and nobody answers without.")
    if plain.is_redirect and plain.headers.get("location", "").startswith("https://"):
        return fine(about, "It insists on TLS.")
    return wrong(
        about, f"Without TLS it answers {plain.status_code} instead of leading to it.", DEPLOY
    )


def _missing(headers: Mapping[str, str]) -> list[str]:
    return [name for name, part in HEADERS.items() if part not in headers.get(name, "")]


def _made_up(outputs: Mapping[str, str]) -> dict[str, str]:
    """Tokens that say all that is right, but that nobody whom the API trusts has signed."""
    now = int(time.time())
    pool = outputs.get("OwnerPool", "")
    region = pool.partition("_")[0]
    claims = {
        "iss": f"https://cognito-idp.{region}.amazonaws.com/{pool}",
        "aud": outputs.get("OwnerPoolClient", "avatars"),
        "sub": "doctor",
        "token_use": "id",
        "iat": now,
        "exp": now + 300,
    }
    body = _unpadded(json.dumps(claims).encode())
    none = _unpadded(b'{"alg":"none","typ":"JWT"}')
    signed = _unpadded(b'{"alg":"RS256","typ":"JWT","kid":"doctor"}')
    return {
        "unsigned": f"{none}.{body}.",
        "signed by somebody else": f"{signed}.{body}.{_unpadded(bytes(256))}",
    }


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _browser(target: Target) -> httpx.Client:
    # The local one needs no proxy, and must not be looked for behind one.
    return httpx.Client(timeout=SECONDS, trust_env=not target.local)

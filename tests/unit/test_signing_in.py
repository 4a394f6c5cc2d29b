"""Sign-in: what is asked of an issuer, what is believed of its answers, and what is kept."""

import base64
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from cli.saying import RefusedError, UsageError
from cli.signing_in.current import OwnerAuth, tokens_for
from cli.signing_in.issuer import Issuer, checked, from_discovery, from_page
from cli.signing_in.store import SignIn, SignIns
from cli.signing_in.tokens import Attempt, Tokens, renewed

ISSUER = Issuer(
    authorize="https://id.test/authorize?lang=en",
    token="https://id.test/token",
    client_id="a-client",
)
API = "https://api.test"
REDIRECT = "http://localhost:8764/"
HOUR = 3600


class FakeIssuer:
    """Gives tokens for the one code, refresh token or secret that it knows."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.challenge: str | None = None
        self.given = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = {name: values[0] for name, values in parse_qs(request.read().decode()).items()}
        self.asked.append(asked | {"authorization": request.headers.get("Authorization", "")})
        good = {
            "authorization_code": lambda: (
                asked["code"] == "good" and challenge_of(asked["code_verifier"]) == self.challenge
            ),
            "refresh_token": lambda: asked["refresh_token"] == "refresh",
            "client_credentials": lambda: "authorization" in request.headers,
        }[asked["grant_type"]]()
        if not good:
            return httpx.Response(400, json={"error": "invalid_grant"})
        self.given += 1
        return httpx.Response(
            200, json={"access_token": f"access-{self.given}", "expires_in": HOUR}
        )


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def client_of(handler: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(handler))


def answered(status: int, content: Any) -> httpx.Client:
    return client_of(lambda _: httpx.Response(status, json=content))


@pytest.fixture
def sign_ins(tmp_path: Path) -> SignIns:
    return SignIns(tmp_path / "deep" / "sign-ins.json")


class TestAttempt:
    def test_the_address_asks_for_a_code_with_a_challenge(self) -> None:
        attempt = Attempt(ISSUER, REDIRECT)

        asked = parse_qs(urlsplit(attempt.address).query)

        assert asked == {
            "lang": ["en"],
            "response_type": ["code"],
            "client_id": ["a-client"],
            "redirect_uri": [REDIRECT],
            "scope": ["openid"],
            "state": [attempt.state],
            "code_challenge": [challenge_of(attempt.verifier)],
            "code_challenge_method": ["S256"],
        }

    def test_no_two_attempts_have_the_same_secrets(self) -> None:
        one, other = Attempt(ISSUER, REDIRECT), Attempt(ISSUER, REDIRECT)

        assert one.state != other.state
        assert one.verifier != other.verifier
        assert one.verifier not in repr(one)

    def test_a_code_becomes_tokens(self) -> None:
        attempt, issuer = Attempt(ISSUER, REDIRECT), FakeIssuer()
        issuer.challenge = challenge_of(attempt.verifier)

        code = attempt.code(f"{REDIRECT}?code=good&state={attempt.state}")
        tokens = attempt.finish(code, client_of(issuer))

        assert tokens.access == "access-1"
        assert tokens.is_fresh
        assert issuer.asked[0]["redirect_uri"] == REDIRECT
        assert "access-1" not in repr(tokens)

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            ("?code=good&state=another", "not the answer to the sign-in"),
            ("?code=good", "not the answer to the sign-in"),
            ("?error=access_denied&state={state}", "access_denied"),
            ("?state={state}", "no code"),
        ],
    )
    def test_an_answer_that_does_not_fit_is_refused(self, answer: str, said: str) -> None:
        attempt = Attempt(ISSUER, REDIRECT)

        with pytest.raises(RefusedError, match=said):
            attempt.code(REDIRECT + answer.format(state=attempt.state))

    @pytest.mark.parametrize(
        ("http", "said"),
        [
            (answered(400, {"error": "invalid_grant"}), "400: invalid_grant"),
            (answered(200, {"token_type": "Bearer"}), "no reason given"),
            (answered(200, []), "no reason given"),
            (client_of(lambda _: httpx.Response(502, text="<html>")), "JSONDecodeError"),
        ],
    )
    def test_an_issuer_that_gives_no_tokens_is_told(self, http: httpx.Client, said: str) -> None:
        with pytest.raises(RefusedError, match=said):
            Attempt(ISSUER, REDIRECT).finish("bad", http)


class TestIssuer:
    def test_a_page_names_its_api_and_its_issuer(self) -> None:
        config = {
            "api": f"{API}/",
            "authorize": ISSUER.authorize,
            "token": ISSUER.token,
            "client_id": "a-client",
            "try": {"username": "alice", "password": "secret"},
        }

        assert from_page("https://page.test/", answered(200, config)) == (API, ISSUER)

    def test_an_issuer_describes_itself(self) -> None:
        described = {
            "authorization_endpoint": ISSUER.authorize,
            "token_endpoint": ISSUER.token,
        }

        assert from_discovery("https://id.test", "a-client", answered(200, described)) == ISSUER

    @pytest.mark.parametrize(
        "http",
        [
            answered(404, {}),
            answered(200, []),
            answered(200, {"api": API}),
            answered(200, {"authorize": "http://id.test/", "token": "http://id.test/"}),
        ],
    )
    def test_a_page_that_is_none_is_refused(self, http: httpx.Client) -> None:
        with pytest.raises(RefusedError):
            from_page("https://page.test", http)

    @pytest.mark.parametrize(
        "address", ["https://api.test/v1", "http://127.0.0.1:8000/api", "http://localhost/x"]
    )
    def test_tokens_go_to_private_addresses(self, address: str) -> None:
        assert checked(address) == address

    @pytest.mark.parametrize(
        "address", ["http://api.test", "ftp://api.test", "api.test", "", "http://127.0.0.1.test/"]
    )
    def test_tokens_go_nowhere_else(self, address: str) -> None:
        with pytest.raises(RefusedError, match="no address that a token may be sent to"):
            checked(address)


class TestTokens:
    def test_a_token_that_is_given_is_used(self, sign_ins: SignIns) -> None:
        assert tokens_for(API, {"AVATARS_TOKEN": " given\n"}, sign_ins).access == "given"

    def test_a_machine_gets_one_with_its_secret(self, sign_ins: SignIns) -> None:
        issuer = FakeIssuer()
        machine = {
            "AVATARS_CLIENT_ID": "machine",
            "AVATARS_CLIENT_SECRET": "secret",
            "AVATARS_ISSUER": "https://id.test",
        }

        def answer(request: httpx.Request) -> httpx.Response:
            if request.method == "GET":
                return httpx.Response(200, json={"token_endpoint": ISSUER.token})
            return issuer(request)

        assert tokens_for(API, machine, sign_ins, httpx.MockTransport(answer)).access == "access-1"
        user = base64.b64decode(issuer.asked[0]["authorization"].removeprefix("Basic "))
        assert user == b"machine:secret"

    def test_a_secret_without_an_issuer_is_wrong_usage(self, sign_ins: SignIns) -> None:
        given = {"AVATARS_CLIENT_SECRET": "secret", "AVATARS_CLIENT_ID": "machine"}

        with pytest.raises(UsageError, match="AVATARS_ISSUER"):
            tokens_for(API, given, sign_ins)

    def test_a_fresh_sign_in_is_used_as_it_is(self, sign_ins: SignIns) -> None:
        sign_ins.keep(SignIn(API, ISSUER, Tokens("kept", time.time() + HOUR)))

        assert tokens_for(API, {}, sign_ins, httpx.MockTransport(FakeIssuer())).access == "kept"

    def test_a_sign_in_that_ends_is_renewed_and_kept(self, sign_ins: SignIns) -> None:
        sign_ins.keep(SignIn(API, ISSUER, Tokens("old", time.time() + 10, "refresh")))

        token = tokens_for(API, {}, sign_ins, httpx.MockTransport(FakeIssuer())).access

        kept = sign_ins.find(API)
        assert token == "access-1"
        assert kept
        assert (kept.tokens.access, kept.tokens.refresh) == ("access-1", "refresh")

    @pytest.mark.parametrize("seconds", [10, HOUR])  # it ends meanwhile; it was taken back
    def test_a_token_that_is_good_no_more_is_renewed_between_two_requests(
        self, sign_ins: SignIns, seconds: int
    ) -> None:
        sign_ins.keep(SignIn(API, ISSUER, Tokens("old", time.time() + seconds, "refresh")))
        issuer = httpx.MockTransport(FakeIssuer())
        first = iter([Tokens("old", time.time() + seconds)])
        auth = OwnerAuth(
            lambda refused: (
                next(first, None) or tokens_for(API, {}, sign_ins, issuer, refused=refused)
            )
        )

        def answer(request: httpx.Request) -> httpx.Response:
            good = request.headers["Authorization"] == "Bearer access-1"
            return httpx.Response(200 if good else 401)

        with client_of(answer) as http:
            answers = [http.get(API, auth=auth).status_code for _ in range(2)]

        assert answers == [200, 200]

    def test_a_given_token_that_is_refused_is_sent_once(self, sign_ins: SignIns) -> None:
        sent: list[httpx.Request] = []
        auth = OwnerAuth(lambda refused: tokens_for(API, {"AVATARS_TOKEN": "bad"}, sign_ins))

        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return httpx.Response(401)

        with client_of(answer) as http:
            assert http.get(API, auth=auth).status_code == 401
        assert len(sent) == 1

    def test_without_a_refresh_token_somebody_has_to_sign_in_again(self) -> None:
        with pytest.raises(RefusedError, match="avatars sign-in"):
            renewed(Tokens("old", 0), ISSUER, client_of(FakeIssuer()))

    def test_where_nobody_is_signed_in_the_way_is_said(self, sign_ins: SignIns) -> None:
        with pytest.raises(RefusedError, match=r"avatars sign-in.*AVATARS_TOKEN"):
            tokens_for(API, {}, sign_ins)


class TestStore:
    def test_only_its_owner_may_read_it(self, sign_ins: SignIns) -> None:
        sign_ins.keep(SignIn(API, ISSUER, Tokens("kept", 1.0, "refresh")))

        assert sign_ins.file.stat().st_mode & 0o777 == 0o600
        assert sign_ins.file.parent.stat().st_mode & 0o777 == 0o700
        assert [each.name for each in sign_ins.file.parent.iterdir()] == ["sign-ins.json"]

    def test_each_api_has_a_sign_in_of_its_own(self, sign_ins: SignIns) -> None:
        one = SignIn(API, ISSUER, Tokens("one", 1.0))
        other = SignIn("https://other.test", ISSUER, Tokens("other", 1.0, "refresh"))

        sign_ins.keep(one)
        sign_ins.keep(other)
        forgotten = [sign_ins.forget(API) for _ in range(2)]

        assert sign_ins.all() == {"https://other.test": other}
        assert forgotten == [True, False]

    @pytest.mark.parametrize("content", ["", "{", "[1]", '{"https://api.test": {}}'])
    def test_a_file_that_is_damaged_is_told_with_a_remedy(
        self, sign_ins: SignIns, content: str
    ) -> None:
        sign_ins.file.parent.mkdir()
        sign_ins.file.write_text(content)

        with pytest.raises(RefusedError, match="delete it and sign in again"):
            sign_ins.all()

    def test_what_is_kept_is_json(self, sign_ins: SignIns) -> None:
        sign_ins.keep(SignIn(API, ISSUER, Tokens("kept", 1.0)))

        assert json.loads(sign_ins.file.read_text())[API]["issuer"]["client_id"] == "a-client"

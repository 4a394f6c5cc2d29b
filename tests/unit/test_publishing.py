"""The page in its bucket, and what its configuration says."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from avatars.errors import IssuerError
from avatars.publishing import content_type, page_files, publish_page, with_sign_in
from tests.fakes.pages import FakePage

ISSUER = "https://login.example.com/realms/a"
DISCOVERED = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "end_session_endpoint": f"{ISSUER}/end",
}
CONFIG = {"api": "https://api.example.com", "issuer": ISSUER, "client_id": "page"}


class TestPublishing:
    def test_the_files_and_the_configuration_are_served(self) -> None:
        page = FakePage()

        published = publish_page(page, {"index.html": b"<p>", "app.js": b"1"}, CONFIG)

        assert published == 3
        assert page.files() == {"index.html", "app.js", "config.json"}
        config = page.versions["config.json"][-1]
        assert config
        assert json.loads(config.data) == CONFIG
        assert (config.content_type, config.cache_control) == ("application/json", "no-cache")

    def test_what_is_no_longer_part_of_the_page_is_no_longer_served(self) -> None:
        page = FakePage()
        publish_page(page, {"index.html": b"<p>", "old.js": b"1"}, CONFIG)

        publish_page(page, {"index.html": b"<p>", "new.js": b"1"}, CONFIG)

        assert page.files() == {"index.html", "new.js", "config.json"}

    def test_the_first_page_comes_when_all_that_it_names_is_there(self) -> None:
        page = FakePage()

        publish_page(page, {"index.html": b"", "app.js": b"", "style.css": b""}, CONFIG)

        assert page.order[-1] == "index.html"

    def test_a_page_of_its_own_making_cannot_take_the_configurations_place(self) -> None:
        page = FakePage()

        publish_page(page, {"index.html": b"", "config.json": b"{}"}, CONFIG)

        config = page.versions["config.json"][-1]
        assert config
        assert json.loads(config.data) == CONFIG

    def test_hidden_files_are_no_part_of_the_page(self, tmp_path: Path) -> None:
        for file in ("index.html", "a/b.js", ".DS_Store", ".git/config", "a/.b"):
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).write_text(file)

        assert page_files(tmp_path) == {"a/b.js": b"a/b.js", "index.html": b"index.html"}

    @pytest.mark.parametrize(
        ("file", "kind"),
        [
            ("index.html", "text/html; charset=utf-8"),
            ("a/b.JS", "text/javascript; charset=utf-8"),
            ("style.css", "text/css; charset=utf-8"),
            ("icon.svg", "image/svg+xml"),
            ("site.webmanifest", "application/manifest+json"),
            ("LICENSE", "application/octet-stream"),
        ],
    )
    def test_a_file_has_the_type_that_its_name_says(self, file: str, kind: str) -> None:
        assert content_type(file) == kind


def discovery(status: int = 200, **changes: Any) -> httpx.MockTransport:
    """An issuer that answers at one address only."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == f"{ISSUER}/.well-known/openid-configuration"
        return httpx.Response(status, json=DISCOVERED | changes)

    return httpx.MockTransport(answer)


class TestSignIn:
    def test_the_stacks_own_pool_needs_no_discovery(self) -> None:
        own = CONFIG | {"authorize": "https://a/authorize", "token": "https://a/token"}

        assert with_sign_in(own, discovery(status=500)) == own

    def test_another_issuer_says_where_to_sign_in(self) -> None:
        assert with_sign_in(CONFIG, discovery()) == CONFIG | {
            "authorize": f"{ISSUER}/auth",
            "token": f"{ISSUER}/token",
            "logout": f"{ISSUER}/end",
        }

    def test_an_issuer_need_not_offer_a_way_out(self) -> None:
        without = DISCOVERED.keys() - {"end_session_endpoint"}
        transport = httpx.MockTransport(
            lambda request: httpx.Response(200, json={name: DISCOVERED[name] for name in without})
        )

        assert with_sign_in(CONFIG, transport)["logout"] == ""

    @pytest.mark.parametrize(
        ("transport", "words"),
        [
            (discovery(issuer=f"{ISSUER}/"), "to the letter"),
            (discovery(issuer=None), "to the letter"),
            (discovery(status=404), "cannot be read"),
            (httpx.MockTransport(lambda r: httpx.Response(200, text="<html>")), "cannot be read"),
            (httpx.MockTransport(lambda r: httpx.Response(200, json=[])), "no JSON object"),
            (discovery(token_endpoint="http://login.example.com/token"), "token_endpoint"),
            (discovery(authorization_endpoint=None), "authorization_endpoint"),
            (discovery(token_endpoint="https://tokens.example.com/"), "connect-src"),
        ],
    )
    def test_an_issuer_that_the_page_could_not_use_is_refused(
        self, transport: httpx.MockTransport, words: str
    ) -> None:
        with pytest.raises(IssuerError, match=words) as refused:
            with_sign_in(CONFIG, transport)

        assert ISSUER in str(refused.value)

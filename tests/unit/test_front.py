"""What the front lets through to the engine, and what it makes of requests and answers."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from local.front import application
from local.passage import Upstream

ORIGIN = "http://127.0.0.1:8080"
ENGINE = "http://127.0.0.1:4000"
API = f"{ENGINE}/_aws/execute-api/a1b2c3/$default"
UPSTREAM = Upstream(ENGINE, API, "avatars-uploads", "avatars-kept", "us-east-1_pool")
HEADERS = {"content-security-policy": "default-src 'none'", "referrer-policy": "no-referrer"}
SIGNED = "X-Amz-Credential=a%2Fb&X-Amz-Signature=c"
FORM = {"content-type": "multipart/form-data; boundary=b"}

Answer = Callable[[httpx.Request, bytes], httpx.Response]


class Pieces(httpx.AsyncByteStream):
    """A body that comes piece by piece."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        self.closed = True


class Engine(httpx.AsyncBaseTransport):
    """An engine that notes what it gets, and answers as it is told to.

    Like the real one it lets every site read what it says.
    """

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.bodies: list[bytes] = []
        self.answer: Answer = lambda request, body: httpx.Response(200, json={})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        assert isinstance(request.stream, httpx.AsyncByteStream)
        self.bodies.append(b"".join([piece async for piece in request.stream]))
        answer = self.answer(request, self.bodies[-1])
        headers = [*answer.headers.multi_items(), ("Access-Control-Allow-Origin", "*")]
        stream = Pieces(answer.content) if answer.is_stream_consumed else answer.stream
        return httpx.Response(answer.status_code, headers=headers, stream=stream)

    @property
    def targets(self) -> list[bytes]:
        return [request.extensions["target"] for request in self.requests]


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "app.js").write_text("'use strict'")
    return tmp_path


Browse = Callable[..., httpx.Response]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def call(
    engine: httpx.AsyncBaseTransport,
    page: Path,
    request: tuple[str, str, list[tuple[bytes, bytes]]],
    receive: Receive,
    send: Send,
) -> None:
    """One call of the front by a server: method, target and headers, exactly as they came."""
    app = application(ORIGIN, UPSTREAM, page, {"api": f"{ORIGIN}/api"}, HEADERS, engine)
    method, target, headers = request
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers,
    }
    asyncio.run(asyncio.wait_for(app(scope, receive, send), 10))  # type: ignore[arg-type]


@pytest.fixture
def browse(engine: Engine, page: Path) -> Browse:
    """Sends a request to the front, and returns its whole answer."""

    def send_request(method: str, target: str, **more: Any) -> httpx.Response:
        request = httpx.Request(method, ORIGIN, **more)
        unread, answer = [request.read()], []

        async def receive() -> dict[str, Any]:
            if not unread:
                await asyncio.Event().wait()  # the browser stays
            return {"type": "http.request", "body": unread.pop(), "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            answer.append(message)

        headers = [(name.lower(), value) for name, value in request.headers.raw]
        call(engine, page, (method, target, headers), receive, send)
        return httpx.Response(
            answer[0]["status"],
            headers=answer[0]["headers"],
            content=b"".join(message["body"] for message in answer[1:]),
        )

    return send_request


class TestPage:
    def test_the_page_lies_at_the_address_itself(self, browse: Browse) -> None:
        page = browse("GET", "/")

        assert (page.status_code, page.text) == (200, "<!doctype html>")
        assert page.headers["cache-control"] == "no-cache"

    def test_its_files_have_the_types_that_they_have_in_the_bucket(self, browse: Browse) -> None:
        script = browse("GET", "/app.js")

        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        assert script.headers["cache-control"] == "no-cache"

    def test_its_configuration_is_made_for_this_address(self, browse: Browse) -> None:
        assert browse("GET", "/config.json").json() == {"api": f"{ORIGIN}/api"}

    @pytest.mark.parametrize("target", ["/", "/app.js", "/config.json", "/none", "/api/styles"])
    def test_every_answer_has_the_headers_of_the_page(self, target: str, browse: Browse) -> None:
        headers = browse("GET", target).headers

        assert {name: headers[name] for name in HEADERS} == HEADERS

    def test_who_comes_by_the_other_name_is_sent_where_signing_in_works(
        self, browse: Browse
    ) -> None:
        sent = browse("GET", "/", headers={"host": "localhost:8080"})

        assert (sent.status_code, sent.headers["location"]) == (307, f"{ORIGIN}/")

    def test_a_file_outside_of_its_folder_is_none_of_it(self, browse: Browse, page: Path) -> None:
        (page.parent / "secret.txt").write_text("secret")

        for target in ("/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt"):
            assert browse("GET", target).status_code == 404


class TestWayToTheEngine:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/jobs?limit=2&next=a%2Fb"),
            ("POST", "/jobs"),
            ("PATCH", "/jobs/A/avatars/1/2"),
            ("DELETE", "/jobs/A"),
        ],
    )
    def test_the_api_is_passed_on_to_its_place_there(
        self, method: str, path: str, browse: Browse, engine: Engine
    ) -> None:
        assert browse(method, f"/api{path}").status_code == 200
        assert engine.requests[0].method == method
        assert engine.targets == [f"/_aws/execute-api/a1b2c3/$default{path}".encode()]

    @pytest.mark.parametrize(
        ("method", "target"),
        [
            ("GET", f"/avatars-kept/a%20b/%C3%BC.jpg?{SIGNED}"),
            ("HEAD", f"/avatars-kept/a.jpg?{SIGNED}"),
            ("GET", f"/avatars-uploads/photos/a.jpg?{SIGNED}"),
            ("GET", "/oauth2/authorize?client_id=a"),
            ("POST", "/oauth2/token"),
            ("POST", "/login"),
            ("GET", "/logout?client_id=a"),
            ("GET", "/us-east-1_pool/.well-known/jwks.json"),
        ],
    )
    def test_all_else_that_the_page_needs_is_as_it_is(
        self, method: str, target: str, browse: Browse, engine: Engine
    ) -> None:
        assert browse(method, target).status_code == 200
        assert engine.requests[0].method == method
        assert engine.targets == [target.encode()]

    @pytest.mark.parametrize(
        ("method", "target"),
        [
            ("GET", "/_ministack/health"),
            ("POST", "/_ministack/reset"),
            ("GET", "/_aws/execute-api/a1b2c3/$default/jobs"),
            ("GET", "/2015-03-31/functions/"),
            ("POST", "/"),
            ("GET", f"/another-bucket/a?{SIGNED}"),
            ("GET", f"/avatars-kept?{SIGNED}"),
            ("PUT", f"/avatars-uploads/uploads/a/b/c.jpg?{SIGNED}"),
            ("DELETE", f"/avatars-kept/a?{SIGNED}"),
            ("POST", "/avatars-kept"),
            ("GET", "/another_pool/.well-known/jwks.json"),
            ("GET", "/api"),
            ("PUT", "/api/jobs"),
            ("GET", "/api/../_ministack/health"),
            ("GET", "/api/%2e%2e/%2E%2E/_ministack/health"),
            ("GET", "/api/..%2f..%2f_ministack/health"),
            ("GET", "/api/..%5c_ministack/health"),
            ("GET", f"/avatars-kept/../_ministack/health?{SIGNED}"),
            ("GET", "/%61pi/jobs"),
            ("GET", "/api%2Fjobs"),
            ("GET", "http://127.0.0.1:4000/_ministack/health"),
        ],
    )
    def test_nothing_else_is(
        self, method: str, target: str, browse: Browse, engine: Engine
    ) -> None:
        answer = browse(method, target, headers=FORM if method == "POST" else {})

        assert answer.status_code in {404, 405}
        assert engine.requests == []

    def test_objects_are_for_those_with_a_signed_link(self, browse: Browse, engine: Engine) -> None:
        unsigned = browse("GET", "/avatars-kept/avatars/a.jpg")
        by_key = browse("GET", "/avatars-kept/a.jpg", headers={"authorization": "AWS4-HMAC-SHA256"})

        assert (unsigned.status_code, by_key.status_code) == (403, 403)
        assert engine.requests == []

    def test_uploads_are_forms(self, browse: Browse, engine: Engine) -> None:
        refused = browse("POST", "/avatars-uploads", content=b"<Delete/>")
        taken = browse("POST", "/avatars-uploads", headers=FORM, content=b"--b--")

        assert (refused.status_code, taken.status_code) == (403, 200)
        assert engine.bodies == [b"--b--"]

    def test_the_engine_is_called_by_its_own_name(self, browse: Browse, engine: Engine) -> None:
        browse("GET", f"/avatars-kept/a.jpg?{SIGNED}")

        assert engine.requests[0].headers["host"] == "127.0.0.1:4000"

    def test_only_headers_that_mean_something_there_are_passed_on(
        self, browse: Browse, engine: Engine
    ) -> None:
        sent = {
            "authorization": "Bearer a.b.c",
            "idempotency-key": "1",
            "content-type": "application/json",
            "connection": "keep-alive, x-hop",
            "x-hop": "1",
            "te": "trailers",
            "cookie": "of=another-port",
            "x-amz-target": "DynamoDB_20120810.Scan",
            "x-forwarded-host": "example.com",
            "range": "bytes=0-1",
        }

        browse("POST", "/api/jobs", headers=sent, json={})

        passed_on = engine.requests[0].headers.keys() - {"host", "content-length"}
        assert passed_on >= {"authorization", "idempotency-key", "content-type"}
        assert passed_on.isdisjoint(
            {"connection", "x-hop", "te", "cookie", "x-amz-target", "x-forwarded-host", "range"}
        )

    def test_a_part_of_an_object_may_be_asked_for_but_not_with_a_token(
        self, browse: Browse, engine: Engine
    ) -> None:
        sent = {"range": "bytes=0-1", "authorization": "Bearer a.b.c"}

        browse("GET", f"/avatars-kept/a.jpg?{SIGNED}", headers=sent)

        assert engine.requests[0].headers["range"] == "bytes=0-1"
        assert "authorization" not in engine.requests[0].headers

    def test_an_engine_that_does_not_answer_is_told_of(
        self, browse: Browse, engine: Engine
    ) -> None:
        def refuse(request: httpx.Request, body: bytes) -> httpx.Response:
            raise httpx.ConnectError("refused")

        engine.answer = refuse

        answer = browse("GET", "/api/jobs")

        assert answer.status_code == 502
        assert "engine" in answer.text


class TestStrangers:
    @pytest.mark.parametrize(
        "host", ["evil.example", "127.0.0.1", "127.0.0.1:81", "localhost.evil.example:8080", ""]
    )
    def test_a_name_that_leads_here_is_not_ours_for_that(
        self, host: str, browse: Browse, engine: Engine
    ) -> None:
        for method, target in (("GET", "/"), ("GET", "/config.json"), ("POST", "/api/jobs")):
            assert browse(method, target, headers={"host": host}).status_code == 421

        assert engine.requests == []

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:81"])
    @pytest.mark.parametrize("target", ["/api/jobs", "/login", "/oauth2/token", "/avatars-uploads"])
    def test_their_pages_can_send_nothing(
        self, origin: str, target: str, browse: Browse, engine: Engine
    ) -> None:
        answer = browse("POST", target, headers={"origin": origin, **FORM}, content=b"--b--")

        assert answer.status_code == 403
        assert engine.requests == []

    @pytest.mark.parametrize("origin", [ORIGIN, "http://localhost:8080"])
    def test_our_own_page_can(self, origin: str, browse: Browse) -> None:
        assert browse("POST", "/api/jobs", headers={"origin": origin}, json={}).status_code == 200

    def test_their_pages_can_read_nothing(self, browse: Browse) -> None:
        answer = browse("GET", "/api/jobs", headers={"origin": "https://evil.example"})

        assert not any(name.startswith("access-control-") for name in answer.headers)


class TestAnswers:
    def test_links_to_the_engine_lead_to_the_front(self, browse: Browse, engine: Engine) -> None:
        answer = {
            "uploads": [{"url": f"{ENGINE}/avatars-uploads", "fields": {"key": "uploads/a"}}],
            "avatars": [{"link": f"{ENGINE}/avatars-kept/a%20b.jpg?{SIGNED}", "width": 512}],
            "elsewhere": [f"{ENGINE}/another-bucket/a", f"{ENGINE}/_ministack/reset", None, 1.5],
            "reason": f"it lies at {ENGINE}/avatars-kept/a",
        }
        engine.answer = lambda request, body: httpx.Response(201, json=answer)

        seen = browse("POST", "/api/jobs", json={})

        assert seen.status_code == 201
        assert seen.json() == answer | {
            "uploads": [{"url": f"{ORIGIN}/avatars-uploads", "fields": {"key": "uploads/a"}}],
            "avatars": [{"link": f"{ORIGIN}/avatars-kept/a%20b.jpg?{SIGNED}", "width": 512}],
        }
        assert int(seen.headers["content-length"]) == len(seen.content)

    def test_so_do_they_in_a_problem(self, browse: Browse, engine: Engine) -> None:
        problem = {"content-type": "application/problem+json"}
        engine.answer = lambda request, body: httpx.Response(
            409, headers=problem, content=json.dumps({"link": f"{ENGINE}/avatars-kept/a"})
        )

        seen = browse("GET", "/api/jobs/A")

        assert (seen.status_code, seen.json()) == (409, {"link": f"{ORIGIN}/avatars-kept/a"})
        assert seen.headers["content-type"] == "application/problem+json"

    def test_who_discovers_the_sign_in_is_led_here(self, browse: Browse, engine: Engine) -> None:
        issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_pool"
        engine.answer = lambda request, body: httpx.Response(
            200, json={"issuer": issuer, "token_endpoint": f"{ENGINE}/oauth2/token"}
        )

        seen = browse("GET", "/us-east-1_pool/.well-known/openid-configuration").json()

        assert seen == {"issuer": issuer, "token_endpoint": f"{ORIGIN}/oauth2/token"}

    def test_headers_of_one_connection_go_no_further(self, browse: Browse, engine: Engine) -> None:
        headers = [
            ("Connection", "close, X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"),
            ("Server", "engine"), ("ETag", '"a"'), ("Content-Range", "bytes 0-1/2"),
        ]  # fmt: skip
        engine.answer = lambda request, body: httpx.Response(206, headers=headers, content=b"ab")

        seen = browse("GET", f"/avatars-kept/a.jpg?{SIGNED}")

        assert (seen.status_code, seen.content) == (206, b"ab")
        assert (seen.headers["etag"], seen.headers["content-range"]) == ('"a"', "bytes 0-1/2")
        assert {"connection", "x-hop", "keep-alive", "server"}.isdisjoint(seen.headers)

    def test_the_sign_in_form_may_have_its_style_and_say_where_it_comes_from(
        self, browse: Browse, engine: Engine
    ) -> None:
        engine.answer = lambda request, body: httpx.Response(200, html="<style></style>")

        seen = browse("GET", "/oauth2/authorize?client_id=a").headers

        assert "style-src 'unsafe-inline'" in seen["content-security-policy"]
        assert "script-src" not in seen["content-security-policy"]
        assert seen["referrer-policy"] == "same-origin"
        assert seen["cache-control"] == "no-store"

    def test_a_redirect_is_for_the_browser_to_follow(self, browse: Browse, engine: Engine) -> None:
        engine.answer = lambda request, body: httpx.Response(
            302, headers={"location": f"{ORIGIN}/?code=a"}
        )

        seen = browse("POST", "/login", data={"username": "a"})

        assert (seen.status_code, seen.headers["location"]) == (302, f"{ORIGIN}/?code=a")


class TestStreaming:
    LINK = ("GET", f"/avatars-kept/a.jpg?{SIGNED}", [(b"host", b"127.0.0.1:8080")])
    UPLOAD = (
        "POST",
        "/avatars-uploads",
        [
            (b"host", b"127.0.0.1:8080"),
            (b"content-type", b"multipart/form-data"),
            (b"content-length", b"6"),
        ],
    )

    def test_an_upload_goes_on_piece_by_piece(self, page: Path) -> None:
        arrived = asyncio.Event()
        got: list[bytes] = []

        class Slow(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                assert request.headers["content-length"] == "6"
                assert "transfer-encoding" not in request.headers
                assert isinstance(request.stream, httpx.AsyncByteStream)
                async for piece in request.stream:
                    got.append(piece)
                    arrived.set()
                return httpx.Response(204, stream=Pieces())

        messages = iter(
            [
                {"type": "http.request", "body": b"one", "more_body": True},
                {"type": "http.request", "body": b"two", "more_body": False},
            ]
        )

        async def receive() -> dict[str, Any]:
            message = next(messages, {"type": "http.disconnect"})
            if message.get("body") == b"two":
                await arrived.wait()  # for ever, if the first piece is kept back
            return message

        async def send(message: dict[str, Any]) -> None: ...

        call(Slow(), page, self.UPLOAD, receive, send)

        assert b"".join(got) == b"onetwo"

    def test_an_object_comes_piece_by_piece_and_its_connection_is_given_back(
        self, page: Path, engine: Engine
    ) -> None:
        body = Pieces(b"one", b"two")
        engine.answer = lambda request, _: httpx.Response(200, stream=body)
        sent: list[bytes] = []

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()  # the browser stays
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            sent.append(message.get("body", b""))

        call(engine, page, self.LINK, receive, send)

        assert [piece for piece in sent if piece] == [b"one", b"two"]
        assert body.closed

    def test_who_breaks_off_an_upload_disturbs_nobody(self, page: Path, engine: Engine) -> None:
        messages = iter([{"type": "http.request", "body": b"one", "more_body": True}])

        async def receive() -> dict[str, Any]:
            return next(messages, {"type": "http.disconnect"})

        async def send(message: dict[str, Any]) -> None: ...

        call(engine, page, self.UPLOAD, receive, send)

        assert engine.bodies == []

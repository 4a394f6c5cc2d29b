"""The page and all that it calls at one address of this machine, in place of CloudFront.

Stands before the engine and lets through what the page needs, nothing else: the HTTP API, the
sign-in, and signed links to two buckets. The engine's own doors (`/_ministack/` first of all)
stay closed to whatever a browser brings along.
"""

import contextlib
import json
import re
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avatars.publishing import CACHE_CONTROL, content_type

HOST = "127.0.0.1"

# What is passed on: an allowlist, since the engine routes by headers such as X-Amz-Target, too.
REQUEST_HEADERS = {
    "accept",
    "accept-language",
    "authorization",
    "content-length",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "range",
    "user-agent",
}
# https://datatracker.ietf.org/doc/html/rfc9110#section-7.6.1, and what the front itself says.
NOT_RETURNED = {
    "connection",
    "date",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
SAFE_METHODS = {"GET", "HEAD"}
# The engine's sign-in form brings its style along, and is sent to where it came from.
SIGN_IN_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "same-origin",  # with none, browsers send the form with Origin: null
}
# Nothing that the engine answers takes longer, and no browser waits longer.
UPSTREAM_TIMEOUT = httpx.Timeout(60, connect=5)


@dataclass(frozen=True)
class Upstream:
    """The engine, and the few things on it that may be reached."""

    url: str
    api_url: str
    """Base URL of the HTTP API on the engine."""
    upload_bucket: str
    avatar_bucket: str
    pool: str
    """Id of the user pool."""

    @property
    def buckets(self) -> tuple[str, str]:
        return self.upload_bucket, self.avatar_bucket


class Front:
    """Has an address from the moment it is made; `serving` answers there.

    The deployment has to know the address, and what is served comes from the deployment.
    """

    def __init__(self, port: int = 0) -> None:
        self._socket = socket.create_server((HOST, port))
        self.origin = f"http://{HOST}:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        """Give the address back."""
        self._socket.close()

    @contextlib.contextmanager
    def serving(self, app: ASGIApp) -> Iterator[None]:
        """Serve *app* in a thread for the length of the block."""
        config = uvicorn.Config(
            app,
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=[[self._socket]], name="front")
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join()


def application(
    origin: str,
    upstream: Upstream,
    page: Path,
    config: Mapping[str, Any],
    headers: Mapping[str, str],
    transport: httpx.AsyncBaseTransport | None = None,
) -> ASGIApp:
    """The front at *origin*, with the files of the folder *page* and its *config*.

    *headers* are those of `page_headers`; *transport* stands in for the engine in tests.
    """
    client = httpx.AsyncClient(transport=transport, trust_env=False, timeout=UPSTREAM_TIMEOUT)
    passing = _Passing(origin, upstream, client)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client:
            yield

    def first(request: Request) -> Response:
        if request.url.netloc != urlsplit(origin).netloc:  # people sign in at one address only
            return RedirectResponse(f"{origin}/")
        return FileResponse(page / "index.html", headers={"Cache-Control": CACHE_CONTROL})

    def configuration(_: Request) -> Response:
        return JSONResponse(dict(config), headers={"Cache-Control": "no-store"})

    sign_in: list[tuple[str, str]] = [
        ("/oauth2/authorize", "GET"),
        ("/oauth2/token", "POST"),
        ("/oauth2/userInfo", "GET"),
        ("/login", "POST"),
        ("/logout", "GET"),
        (f"/{upstream.pool}/.well-known/jwks.json", "GET"),
        (f"/{upstream.pool}/.well-known/openid-configuration", "GET"),
    ]
    app = Starlette(
        routes=[
            Route("/", first),
            Route("/config.json", configuration),
            Route("/api/{path:path}", passing.api, methods=["GET", "POST", "PATCH", "DELETE"]),
            *(Route(path, passing.sign_in, methods=[method]) for path, method in sign_in),
            *(
                Route(f"/{bucket}/{{key:path}}", passing.signed_link, methods=["GET"])
                for bucket in upstream.buckets
            ),
            *(
                Route(f"/{upstream.upload_bucket}{end}", passing.upload, methods=["POST"])
                for end in ("", "/")
            ),
            Mount("/", _PageFiles(directory=page)),
        ],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return _Door(app, origin, headers)


def page_headers(template: Path) -> dict[str, str]:
    """The headers that CloudFront adds to the page, as far as they apply here.

    All that the page calls is here of one origin, so hosts leave its policy; and without TLS there
    is nothing strict about transport.
    """
    resources = yaml_parse(template.read_text())["Resources"]
    config = resources["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    security = config["SecurityHeadersConfig"]
    text, _ = security["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
    return {
        "content-security-policy": re.sub(r" https://[^ ;]+", "", " ".join(text.split())),
        "x-content-type-options": "nosniff",
        "x-frame-options": security["FrameOptions"]["FrameOption"],
        "referrer-policy": security["ReferrerPolicy"]["ReferrerPolicy"],
    } | {item["Header"].lower(): item["Value"] for item in config["CustomHeadersConfig"]["Items"]}


class _Door:
    """Lets in whom this machine's browser means, and gives each answer the page's headers.

    A page elsewhere may have its name resolved to this address (DNS rebinding), or send a form
    here; its requests name another host or another origin.
    """

    def __init__(self, app: ASGIApp, origin: str, headers: Mapping[str, str]) -> None:
        port = urlsplit(origin).port
        self._app = app
        self._hosts = {f"{HOST}:{port}", f"localhost:{port}"}
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    given.setdefault(name, value)
            await send(message)

        answer = self._refusal(scope) or self._app
        await answer(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if headers.get("host") not in self._hosts:
            return PlainTextResponse("This address answers to its own name only.\n", 421)
        origins = {f"http://{host}" for host in self._hosts}
        if scope["method"] not in SAFE_METHODS and headers.get("origin") not in {None, *origins}:
            return PlainTextResponse("Other sites may change nothing here.\n", 403)
        if {".", ".."} & set(re.split(r"[/\\]", scope["path"])):
            return PlainTextResponse("Not Found", 404)
        return None


class _PageFiles(StaticFiles):
    """The files of the page, as they are served from their bucket."""

    def file_response(self, full_path: Any, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(full_path, *args, **kwargs)
        response.headers["Cache-Control"] = CACHE_CONTROL
        response.headers["Content-Type"] = content_type(str(full_path))
        return response


class _Passing:
    """Hands requests on to the engine, and its answers back."""

    def __init__(self, origin: str, upstream: Upstream, client: httpx.AsyncClient) -> None:
        self._origin = origin
        self._upstream = upstream
        self._client = client
        self._api_path = urlsplit(upstream.api_url).path.encode()
        self._reachable = re.compile(
            re.escape(upstream.url)
            + "/("
            + "|".join(map(re.escape, [*upstream.buckets, "oauth2", "logout", upstream.pool]))
            + r")(?=[/?]|$)"
        )

    async def api(self, request: Request) -> Response:
        """The HTTP API: links in its answers are made to lead here."""
        target = _raw_path(request)
        if not target.startswith(b"/api/"):  # the same in other characters
            return PlainTextResponse("Not Found", 404)
        return await self._pass_on(
            request, self._api_path + target.removeprefix(b"/api"), self._json
        )

    async def sign_in(self, request: Request) -> Response:
        """The user pool's sign-in, and its keys."""
        path = request.url.path.encode()
        return await self._pass_on(request, path, self._sign_in)

    async def signed_link(self, request: Request) -> Response:
        """An object of a bucket, for whoever has a link."""
        if "X-Amz-Signature" not in request.query_params:
            return PlainTextResponse("Only links that are signed lead here.\n", 403)
        return await self._pass_on(request, _raw_path(request), self._stream)

    async def upload(self, request: Request) -> Response:
        """A form for one upload."""
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            return PlainTextResponse("Only forms that are signed lead here.\n", 403)
        return await self._pass_on(request, _raw_path(request), self._stream)

    async def _pass_on(
        self,
        request: Request,
        path: bytes,
        answer_with: Callable[[httpx.Response], Awaitable[Response]],
    ) -> Response:
        query = request.scope["query_string"]
        # Byte by byte as it came, since signatures cover it; httpx would write it anew.
        target = path + (b"?" + query if query else b"")
        passed_on = httpx.Request(
            request.method,
            httpx.URL(self._upstream.url),
            headers=[
                (name, value)
                for name, value in request.headers.items()
                if name in REQUEST_HEADERS and not self._is_credential_for_s3(name, answer_with)
            ],
            content=request.stream() if _has_body(request) else None,
            extensions={"target": target, "timeout": UPSTREAM_TIMEOUT.as_dict()},
        )
        try:
            answer = await self._client.send(passed_on, stream=True)
        except httpx.TransportError as error:
            return PlainTextResponse(f"The engine does not answer: {error}\n", 502)
        return await answer_with(answer)

    def _is_credential_for_s3(self, name: str, answer_with: Any) -> bool:
        return name == "authorization" and answer_with == self._stream

    async def _json(self, answer: httpx.Response) -> Response:
        if "json" not in answer.headers.get("content-type", ""):
            return await self._stream(answer)
        try:
            text = json.dumps(self._rewritten(json.loads(await answer.aread())))
        finally:
            await answer.aclose()
        headers = _returned(answer.headers, but={"content-length", "content-encoding"})
        return _response(Response(text, answer.status_code), headers)

    async def _sign_in(self, answer: httpx.Response) -> Response:
        response = await self._json(answer)
        if answer.headers.get("content-type", "").startswith("text/html"):
            response.headers.update(SIGN_IN_HEADERS)
        return response

    async def _stream(self, answer: httpx.Response) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                async for piece in answer.aiter_raw():
                    yield piece
            finally:
                await answer.aclose()

        response = StreamingResponse(pieces(), answer.status_code)
        return _response(response, _returned(answer.headers))

    def _rewritten(self, node: Any) -> Any:
        """JSON with every link to what can be reached here leading here."""
        match node:
            case str():
                return (
                    self._reachable.sub(rf"{self._origin}/\1", node, count=1)
                    if (self._reachable.match(node))
                    else node
                )
            case dict():
                return {key: self._rewritten(value) for key, value in node.items()}
            case list():
                return [self._rewritten(value) for value in node]
        return node


def _raw_path(request: Request) -> bytes:
    raw: bytes = request.scope["raw_path"]
    return raw.partition(b"?")[0]


def _has_body(request: Request) -> bool:
    return not {"content-length", "transfer-encoding"}.isdisjoint(request.headers.keys())


def _returned(headers: httpx.Headers, but: Iterable[str] = ()) -> list[tuple[bytes, bytes]]:
    """The headers of the engine's answer that go on; it lets any site read (`Access-Control-`)."""
    named = {name.strip().lower() for name in headers.get("connection", "").split(",")}
    dropped = NOT_RETURNED | named | set(but)
    return [
        (name.lower(), value)
        for name, value in headers.raw
        if (text := name.decode("latin-1").lower()) not in dropped
        and not text.startswith("access-control-")
    ]


def _response(response: Response, headers: list[tuple[bytes, bytes]]) -> Response:
    """The response with these headers added to its own."""
    response.raw_headers = [
        *((name, value) for name, value in response.raw_headers if name != b"content-type"),
        *headers,
    ]
    return response

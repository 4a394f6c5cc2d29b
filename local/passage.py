"""The way from the front to the engine: what the page needs, and nothing else.

Behind the engine's one address are all of AWS and its own controls (`/_ministack/`), and it routes
by headers, too. So what is passed on is listed here: paths, methods and headers.
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

# The longest answer is that of API Gateway, which gives up after 30 s.
TIMEOUT = httpx.Timeout(60, connect=5)

REQUEST_HEADERS = {"accept", "accept-language", "content-length", "content-type", "user-agent"}
WITH_CREDENTIALS = REQUEST_HEADERS | {"authorization", "idempotency-key"}
WITH_CONDITIONS = REQUEST_HEADERS | {
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "range",
}
# Of one connection only (https://datatracker.ietf.org/doc/html/rfc9110#section-7.6.1), and what
# the front says itself.
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
# The engine's sign-in form brings its style along, and is sent to where it came from.
SIGN_IN_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "same-origin",  # with none, browsers send a form with Origin: null
}

Answering = Callable[[httpx.Response], Awaitable[Response]]


@dataclass(frozen=True)
class Upstream:
    """The engine, and what on it may be reached."""

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


class Passage:
    """Hands requests on to the engine, byte by byte as they are, and its answers back."""

    def __init__(
        self, origin: str, upstream: Upstream, transport: httpx.AsyncBaseTransport | None
    ) -> None:
        self._origin = origin
        self._upstream = upstream
        self._engine = httpx.AsyncClient(transport=transport, trust_env=False)
        self._api_path = urlsplit(upstream.api_url).path.encode()
        reachable = "|".join(map(re.escape, [*upstream.buckets, upstream.pool, "oauth2", "logout"]))
        self._link = re.compile(rf"{re.escape(upstream.url)}(?=/({reachable})(?:[/?]|$))")

    async def __aenter__(self) -> Self:
        await self._engine.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._engine.__aexit__(*error)

    def routes(self) -> list[Route]:
        """The API, sign-in, and signed links to two buckets."""
        sign_in = [
            ("/oauth2/authorize", "GET"),
            ("/oauth2/token", "POST"),
            ("/oauth2/userInfo", "GET"),
            ("/login", "POST"),
            ("/logout", "GET"),
            (f"/{self._upstream.pool}/.well-known/jwks.json", "GET"),
            (f"/{self._upstream.pool}/.well-known/openid-configuration", "GET"),
        ]
        uploads = f"/{self._upstream.upload_bucket}"
        return [
            Route("/api/{path:path}", self._api, methods=["GET", "POST", "PATCH", "DELETE"]),
            *(Route(path, self._sign_in, methods=[method]) for path, method in sign_in),
            *(
                Route(f"/{bucket}/{{key:path}}", self._signed_link, methods=["GET"])
                for bucket in self._upstream.buckets
            ),
            *(Route(path, self._upload, methods=["POST"]) for path in (uploads, f"{uploads}/")),
        ]

    async def _api(self, request: Request) -> Response:
        path = _path(request)
        if not path.startswith(b"/api/"):  # but in other characters
            return PlainTextResponse("Not Found", 404)
        target = self._api_path + path.removeprefix(b"/api")
        return await self._pass_on(request, target, WITH_CREDENTIALS, self._answer)

    async def _sign_in(self, request: Request) -> Response:
        return await self._pass_on(request, _path(request), WITH_CREDENTIALS, self._sign_in_answer)

    async def _signed_link(self, request: Request) -> Response:
        if "X-Amz-Signature" not in request.query_params:
            return PlainTextResponse("Only signed links lead here.\n", 403)
        return await self._pass_on(request, _path(request), WITH_CONDITIONS, self._stream)

    async def _upload(self, request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            return PlainTextResponse("Only signed forms are taken here.\n", 403)
        return await self._pass_on(request, _path(request), REQUEST_HEADERS, self._stream)

    async def _pass_on(
        self, request: Request, path: bytes, headers: Iterable[str], answer_with: Answering
    ) -> Response:
        query = request.scope["query_string"]
        has_body = not {"content-length", "transfer-encoding"}.isdisjoint(request.headers.keys())
        passed_on = httpx.Request(
            request.method,
            self._upstream.url,  # and so the engine's own Host: signatures cover it
            headers=[item for item in request.headers.items() if item[0] in headers],
            content=request.stream() if has_body else None,
            extensions={
                # They cover the target, too, which httpx would write in its own way.
                "target": path + (b"?" + query if query else b""),
                "timeout": TIMEOUT.as_dict(),
            },
        )
        try:
            answer = await self._engine.send(passed_on, stream=True)
        except httpx.TransportError as error:
            return PlainTextResponse(f"The engine does not answer: {error!r}\n", 502)
        except ClientDisconnect:
            return Response(status_code=400)  # to nobody
        return await answer_with(answer)

    async def _answer(self, answer: httpx.Response) -> Response:
        """With the links in JSON leading here."""
        if "json" not in answer.headers.get("content-type", ""):
            return await self._stream(answer)
        try:
            content = await answer.aread()
        finally:
            await answer.aclose()
        with_links = json.dumps(self._rewritten(json.loads(content))) if content else b""
        headers = _returned(answer.headers, but={"content-length", "content-encoding"})
        return _response(Response(with_links, answer.status_code), headers)

    async def _sign_in_answer(self, answer: httpx.Response) -> Response:
        response = await self._answer(answer)
        if answer.headers.get("content-type", "").startswith("text/html"):
            response.headers.update(SIGN_IN_HEADERS)
        response.headers["cache-control"] = "no-store"  # codes and tokens
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
        match node:
            case str():
                link = self._link.match(node)
                return self._origin + node[link.end() :] if link else node
            case dict():
                return {key: self._rewritten(value) for key, value in node.items()}
            case list():
                return [self._rewritten(value) for value in node]
        return node


def _path(request: Request) -> bytes:
    """The path as it was sent."""
    path: bytes = request.scope["raw_path"]
    return path


def _returned(headers: httpx.Headers, but: Iterable[str] = ()) -> list[tuple[bytes, bytes]]:
    """What of the engine's headers goes on. It lets every site read (`Access-Control-`)."""
    named = {name.strip().lower() for name in headers.get("connection", "").split(",")}
    dropped = NOT_RETURNED | named | set(but)
    return [
        (name.lower(), value)
        for name, value in headers.raw
        if (text := name.decode("latin-1").lower()) not in dropped
        and not text.startswith("access-control-")
    ]


def _response(response: Response, headers: list[tuple[bytes, bytes]]) -> Response:
    """The response with these headers; its own is only a length."""
    response.raw_headers = [*response.raw_headers, *headers]
    return response

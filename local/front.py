"""The page and all that it calls at one address of this machine, in place of CloudFront."""

import contextlib
import re
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
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
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avatars.publishing import CACHE_CONTROL, CONFIG, INDEX, content_type
from local.passage import Passage, Upstream

HOST = "127.0.0.1"
SAFE_METHODS = {"GET", "HEAD"}


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
    """The front at *origin*: the files of the folder *page*, its *config*, and a way to the engine.

    *headers* are those of `page_headers`; *transport* stands in for the network to the engine.
    """
    passage = Passage(origin, upstream, transport)

    def first(request: Request) -> Response:
        if request.url.netloc != urlsplit(origin).netloc:  # sign-in knows one of the two names
            return RedirectResponse(f"{origin}/")
        return FileResponse(page / INDEX, headers={"Cache-Control": CACHE_CONTROL})

    def configuration(_: Request) -> Response:
        return JSONResponse(dict(config), headers={"Cache-Control": "no-store"})

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with passage:
            yield

    routes = [
        Route("/", first),
        Route(f"/{CONFIG}", configuration),
        *passage.routes(),
        Mount("/", _PageFiles(directory=page)),
    ]
    return _Door(Starlette(routes=routes, lifespan=lifespan), origin, headers)


def page_headers(template: Path) -> dict[str, str]:
    """The headers that CloudFront adds to the page, as far as they apply here.

    What the page calls is all of its own origin here, so the hosts leave its policy; and without
    TLS there is no strict transport security.
    """
    resources = yaml_parse(template.read_text())["Resources"]
    config = resources["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    security = config["SecurityHeadersConfig"]
    policy, _ = security["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
    return {
        "content-security-policy": re.sub(r"\s+https://[^\s;]+", "", policy),
        "x-content-type-options": "nosniff",
        "x-frame-options": security["FrameOptions"]["FrameOption"],
        "referrer-policy": security["ReferrerPolicy"]["ReferrerPolicy"],
    } | {item["Header"].lower(): item["Value"] for item in config["CustomHeadersConfig"]["Items"]}


class _Door:
    """Lets in who means this machine, and gives each answer the page's headers.

    A site may have its own name lead to this address (DNS rebinding), or send a form here from
    its page: such requests name another host, or another origin.
    """

    def __init__(self, app: ASGIApp, origin: str, headers: Mapping[str, str]) -> None:
        port = urlsplit(origin).port
        self._app = app
        self._hosts = {f"{HOST}:{port}", f"localhost:{port}"}
        self._origins = {f"http://{host}" for host in self._hosts}
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
            return PlainTextResponse("This is another host; here is 127.0.0.1 only.\n", 421)
        safe = scope["method"] in SAFE_METHODS
        if not safe and headers.get("origin") not in {None, *self._origins}:
            return PlainTextResponse("Pages of another origin may send nothing here.\n", 403)
        if not {".", ".."}.isdisjoint(re.split(r"[/\\]", scope["path"])):
            return PlainTextResponse("Not Found", 404)
        return None


class _PageFiles(StaticFiles):
    """The files of the page, with the headers that they have in their bucket."""

    def file_response(self, full_path: Any, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(full_path, *args, **kwargs)
        response.headers["Cache-Control"] = CACHE_CONTROL
        response.headers["Content-Type"] = content_type(str(full_path))
        return response

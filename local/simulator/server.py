"""One server process with two doors: the API's port and the port of the result pictures."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from local.simulator.api import add_account_headers, api
from local.simulator.controls import controls
from local.simulator.faults import TrackedProtocol
from local.simulator.front import Front
from local.simulator.journal import Clock
from local.simulator.photos import photo_fetcher
from local.simulator.results import results
from local.simulator.scenario import Scenario
from local.simulator.world import World

# Longer than any poll rhythm on a scaled clock, so that a kept connection is not cut between.
KEEP_ALIVE_SECONDS = 75


@dataclass(frozen=True)
class Addresses:
    """Where a simulator listens."""

    api_url: str
    results_origin: str
    admin_url: str


class Simulator:
    """Listens from the moment it is made; `run` serves until `stop`.

    Port 0 is any free port. The API answers on 127.0.0.1 and the pictures on localhost: another
    name and another port, as the real ones come from another host than the API.
    """

    def __init__(
        self,
        *,
        api_key: str,
        clock: Clock,
        seed: int = 1,
        scenario: Scenario | None = None,
        port: int = 0,
        results_port: int = 0,
    ) -> None:
        self._sockets = [_listening(port), _listening(results_port)]
        api_port, results_port = (door.getsockname()[1] for door in self._sockets)
        self.addresses = Addresses(
            api_url=f"http://127.0.0.1:{api_port}/v1",
            results_origin=f"http://localhost:{results_port}",
            admin_url=f"http://127.0.0.1:{api_port}/_simulator",
        )
        world = World(clock, seed, scenario or Scenario(), f"localhost:{results_port}")
        config = uvicorn.Config(
            _Doors(_application(world, api_key), Front(results(), "download"), results_port),
            http=TrackedProtocol,
            ws="none",
            lifespan="on",
            headers=[("X-Simulated", "true")],
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Serve until `stop` or, in the main thread, a signal."""
        self._server.run(self._sockets)

    def stop(self) -> None:
        """Let `run` end; may be called from another thread."""
        self._server.should_exit = True


class _Doors:
    """Sends a call to the application of the port it came in by."""

    def __init__(self, api: Starlette, results: Front, results_port: int) -> None:
        self._api = api
        self._results = results
        self._results_port = results_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["server"][1] == self._results_port:
            await self._results(scope, receive, send)
        else:
            await self._api(scope, receive, send)


def _application(world: World, api_key: str) -> Starlette:
    """The API and the controls; its lifespan makes what all calls share."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with photo_fetcher(world) as fetcher:
            easels = asyncio.Semaphore(os.cpu_count() or 1)
            yield {"world": world, "fetcher": fetcher, "easels": easels}

    return Starlette(
        routes=[
            Mount("/_simulator", controls()),
            Mount("/", Front(api(api_key), "call", add_account_headers)),
        ],
        lifespan=lifespan,
    )


def _listening(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))

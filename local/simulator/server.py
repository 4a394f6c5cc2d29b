"""The simulators' process and its doors: a port for each API, and one for all pictures."""

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
from starlette.types import ASGIApp, Receive, Scope, Send

from local.simulator import api as picsart
from local.simulator.account import Account
from local.simulator.astria import api as astria
from local.simulator.astria.scenario import Scenario as AstriaScenario
from local.simulator.astria.world import World as AstriaWorld
from local.simulator.controls import controls
from local.simulator.drawing import draw
from local.simulator.faults import TrackedProtocol
from local.simulator.front import Front
from local.simulator.journal import Clock
from local.simulator.photos import photo_fetcher
from local.simulator.results import Draw, results
from local.simulator.scenario import Scenario
from local.simulator.world import World

# Longer than any poll rhythm on a scaled clock, so that a kept connection is not cut between.
KEEP_ALIVE_SECONDS = 75

PICSART, ASTRIA = "picsart", "astria"


@dataclass(frozen=True)
class Addresses:
    """Where a process listens: Picsart's API, the pictures of both, Astria's API."""

    api_url: str
    results_origin: str
    admin_url: str
    astria_url: str
    astria_admin_url: str


class Simulator:
    """Listens from the moment it is made; `run` serves until `stop`.

    Port 0 is any free port; *draw* makes the pictures. The APIs answer on 127.0.0.1 and the
    pictures on localhost: another name and another port, as the real ones come from another host
    than the API.
    """

    def __init__(
        self,
        *,
        api_key: str,
        astria_key: str,
        clock: Clock,
        seed: int = 1,
        scenario: Scenario | None = None,
        astria_scenario: AstriaScenario | None = None,
        port: int = 0,
        astria_port: int = 0,
        results_port: int = 0,
        draw: Draw = draw,
    ) -> None:
        self._sockets = [_listening(wanted) for wanted in (port, astria_port, results_port)]
        port, astria_port, results_port = (door.getsockname()[1] for door in self._sockets)
        self.addresses = Addresses(
            api_url=f"http://127.0.0.1:{port}/v1",
            results_origin=f"http://localhost:{results_port}",
            admin_url=f"http://127.0.0.1:{port}/_simulator",
            astria_url=f"http://127.0.0.1:{astria_port}",
            astria_admin_url=f"http://127.0.0.1:{astria_port}/_simulator",
        )
        host = f"localhost:{results_port}"
        doors = _Doors(
            {
                PICSART: World(clock, seed, scenario or Scenario(), host),
                ASTRIA: AstriaWorld(clock, seed, astria_scenario or AstriaScenario(), host),
            },
            {
                port: (PICSART, Front(picsart.api(api_key), "call", picsart.add_account_headers)),
                astria_port: (ASTRIA, Front(astria.api(astria_key), "call")),
            },
            draw,
        )
        config = uvicorn.Config(
            doors,
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
    """Sends a call to the application of the port it came in by, in the world of its provider.

    *apis* are the providers and their APIs by port; every other port is that of the pictures,
    where Picsart's are those with a folder.
    """

    def __init__(
        self,
        worlds: dict[str, Account[Any]],
        apis: dict[int, tuple[str, ASGIApp]],
        draw: Draw,
    ) -> None:
        self._apis = {
            port: (provider, _with_controls(api)) for port, (provider, api) in apis.items()
        }
        self._pictures = {
            PICSART: Front(results(draw), "download"),
            ASTRIA: Front(results(draw, "/{key}"), "download"),
        }
        self._life = Starlette(lifespan=_lifespan(worlds))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._life(scope, receive, send)
            return
        provider, app = self._door(scope)
        state = {**scope["state"][provider], "easels": scope["state"]["easels"]}
        await app({**scope, "state": state}, receive, send)

    def _door(self, scope: Scope) -> tuple[str, ASGIApp]:
        if door := self._apis.get(scope["server"][1]):
            return door
        provider = PICSART if scope["path"].startswith("/avatars/") else ASTRIA
        return provider, self._pictures[provider]


def _lifespan(worlds: dict[str, Account[Any]]) -> Any:
    """Makes what all calls share: a fetcher of photos for each world, and room to draw."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with contextlib.AsyncExitStack() as stack:
            shared: dict[str, Any] = {"easels": asyncio.Semaphore(os.cpu_count() or 1)}
            for provider, world in worlds.items():
                fetcher = await stack.enter_async_context(photo_fetcher(world))
                shared[provider] = {"world": world, "fetcher": fetcher}
            yield shared

    return lifespan


def _with_controls(api: ASGIApp) -> Starlette:
    return Starlette(routes=[Mount("/_simulator", controls()), Mount("/", api)])


def _listening(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))

"""The provider in this process: the real simulator, on the world's clock, without a socket."""

import asyncio
import hashlib
import io
import json
import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from avatars.clock import Clock
from local import ministack
from local.simulator.api import add_account_headers, api
from local.simulator.drawing import Style
from local.simulator.front import Front
from local.simulator.photos import PhotoFetcher
from local.simulator.results import results
from local.simulator.scenario import Scenario
from local.simulator.world import World as Simulator
from tests.chaos.aws import answer_of, applications, owner_of
from tests.chaos.seam import Call, Seam

RESULTS = "results.test"
HOSTS = ("provider.test", "status.provider.test")

PROVIDER_ENVIRONMENT = {
    "PROVIDER_URL": "http://provider.test/v1",
    "PROVIDER_STATUS_URL": "http://status.provider.test/v1",
    "PROVIDER_RESULT_ORIGINS": f"http://{RESULTS}",
}

IDS = {"start_training": "model_id", "start_inference": "inference_id"}
"""What the provider gives us, once it has accepted something."""

Knobs = dict[str, Any]


class Wire(httpx.BaseTransport):
    """What our HTTP clients send goes through the seam to the simulator.

    A job may have a provider of its own mood: *knobs* by job id change the scenario for its
    calls, those under "" for calls that belong to no job.
    """

    def __init__(self, seam: Seam, clock: Clock, seed: int) -> None:
        self._seam = seam
        self._world = Simulator(clock, seed, Scenario(), RESULTS)
        self.knobs: dict[str, Knobs] = {}
        self.plan: Callable[[float, Callable[[], None]], object] = lambda at, work: None
        """Does something at that time of the clock."""
        self._jobs: dict[str, str] = {}
        self._fetcher = PhotoFetcher(self._world, _photo_client(), _studio())
        self._results = self._within_world(Front(results(draw_quickly), "download"))
        self.rotate_key("key-1")

    @property
    def journal(self) -> list[dict[str, Any]]:
        return self._world.journal.read()

    def rotate_key(self, key: str) -> None:
        """From now on the provider accepts this key only."""
        self._api = self._within_world(Front(api(key), "call", add_account_headers))

    def look_at_photos(self, model_id: str) -> None:
        """Let the provider fetch the photos of a model, if their time has come."""
        applications().run(self._fetcher.settle(model_id))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        call = self._described(request)
        reply: httpx.Response = self._seam.through(call, lambda: self._send(call, request))
        return reply

    def _send(self, call: Call, request: httpx.Request) -> httpx.Response:
        host, path = request.url.netloc.decode(), request.url.path
        if host not in (*HOSTS, RESULTS):
            self._world.journal.write("canary", host=host, path=path)
            return httpx.Response(200, stream=_Unread(_postcard(b"canary")))
        app = self._results if host == RESULTS else self._api
        with self._mood(call):
            reply = applications().call(app, request)
        if call.operation in IDS:
            self._remember(call)
        body = _Unread(reply.content)
        return httpx.Response(reply.status_code, headers=reply.headers, stream=body)

    def _remember(self, call: Call) -> None:
        """Whose it is, if anything was accepted; and when its photos are looked at again."""
        newest = self._world.journal.read(route=call.operation)[-1]
        accepted_id = str(newest.get(IDS[call.operation]))
        self._jobs[accepted_id] = call.job_id
        if model := self._world.models.get(accepted_id):
            self.look_at_photos(accepted_id)
            again = math.ceil(model.second_look_at)
            self.plan(again, lambda: self.look_at_photos(accepted_id))

    @contextmanager
    def _mood(self, call: Call) -> Iterator[None]:
        knobs = self.knobs.get(call.job_id, {})
        self._world.scenario = Scenario().merged(knobs | {"faults": call.faults})
        yield
        self._world.scenario = Scenario()

    def _described(self, request: httpx.Request) -> Call:
        host, path = request.url.host, request.url.path
        parts = path.strip("/").split("/")
        if host not in HOSTS:
            inference_id = parts[1] if len(parts) > 1 else ""
            return Call("results", "download", path, self._jobs.get(inference_id, ""))
        operation = {
            ("POST", 3): "start_training",
            ("GET", 4): "check_training",
            ("POST", 5): "start_inference",
            ("GET", 6): "check_inference",
        }.get((request.method, len(parts)), "balance")
        if operation == "start_training":
            job_id = _job_of_photos(request)
        else:
            job_id = self._jobs.get(parts[3], "") if len(parts) > 3 else ""
        return Call("provider", operation, path, job_id)

    def _within_world(self, app: Any) -> Any:
        async def within(scope: Any, receive: Any, send: Any) -> None:
            state = {
                "world": self._world,
                "fetcher": self._fetcher,
                "easels": asyncio.Semaphore(),
            }
            await app(scope | {"state": state}, receive, send)

        return within


def _job_of_photos(request: httpx.Request) -> str:
    """Whose photos the links of a training lead to."""
    links = json.loads(request.content).get("images", [])
    path = httpx.URL(links[0]).path if links else ""
    return owner_of(path.lstrip("/").partition("/")[2])


class _Unread(httpx.SyncByteStream):
    """A body that comes piece by piece, as from a network; httpx reads others at once."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body


class _Internet(httpx.AsyncBaseTransport):
    """What the provider sees of it: the engine in this process, where photo links lead."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return await answer_of(ministack.application(), request)


@cache
def _photo_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=_Internet())


@cache
def _studio() -> Path:
    """Where the provider keeps copies of photos, each of which it sees many times."""
    folder = tempfile.TemporaryDirectory(prefix="avatars-chaos-")
    _rented.append(folder)
    return Path(folder.name)


_rented: list[tempfile.TemporaryDirectory[str]] = []


def draw_quickly(photo: Path | None, style: Style, seed: str, side: int) -> bytes:
    """An avatar that is cheap to draw, and like no other."""
    return _postcard(f"{photo and photo.name} {style} {seed} {side}".encode())


def _postcard(text: bytes) -> bytes:
    digest = hashlib.sha256(text).digest()
    picture = io.BytesIO()
    Image.frombytes("RGB", (4, 2), digest[:24]).resize((64, 64)).save(picture, "JPEG", comment=text)
    return picture.getvalue()

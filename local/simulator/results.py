"""The result pictures, on an origin of their own; each is drawn when it is asked for."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.simulator.drawing import Style, draw
from local.simulator.world import World

Draw = Callable[[Path, Style, str], bytes]
"""Photo, style and seed to a JPEG: always the same one."""


def results(draw: Draw = draw) -> Starlette:
    """The application behind the result links."""
    app = Starlette(routes=[Route("/avatars/{inference_id}/{position:int}.jpg", download)])
    app.state.draw = draw
    return app


async def download(request: Request) -> Response:
    """One avatar as JPEG. Drawn anew each time, from the same seed: nothing to keep."""
    world: World = request.state.world
    inference_id, position = request.path_params["inference_id"], request.path_params["position"]
    request.state.entry.update(inference_id=inference_id, position=position)
    picture = world.picture(inference_id, position)
    async with request.state.easels:
        draw = request.app.state.draw
        jpeg = await asyncio.to_thread(draw, picture.photo, picture.style, picture.seed)
    request.state.entry.update(sha256=hashlib.sha256(jpeg).hexdigest())
    return Response(jpeg, media_type="image/jpeg")

"""The result pictures, on an origin of their own; each is drawn when it is asked for."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.simulator.drawing import draw
from local.simulator.styles import Style
from local.simulator.work import Picture

Draw = Callable[[Path | None, Style, str, int], bytes]
"""Photo, style, seed and side to a JPEG: always the same one."""

PICSART = "/avatars/{inference_id}/{position:int}.jpg"


def results(draw: Draw = draw, links: str = PICSART) -> Starlette:
    """The application behind the result *links*, a path whose parts `world.picture` knows."""
    app = Starlette(routes=[Route(links, download)])
    app.state.draw = draw
    return app


async def download(request: Request) -> Response:
    """One avatar as JPEG. Drawn anew each time, from the same seed: nothing to keep."""
    request.state.entry.update(request.path_params)
    picture: Picture = request.state.world.picture(**request.path_params)
    async with request.state.easels:
        draw = request.app.state.draw
        jpeg = await asyncio.to_thread(
            draw, picture.photo, picture.style, picture.seed, picture.side
        )
    request.state.entry.update(sha256=hashlib.sha256(jpeg).hexdigest())
    return Response(jpeg, media_type="image/jpeg")

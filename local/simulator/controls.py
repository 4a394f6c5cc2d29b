"""The simulator's own controls, which no provider has: scenario, journal, reset."""

from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.simulator.account import Account
from local.simulator.bodies import in_words

_CHANGES = TypeAdapter(dict[str, Any])


def controls() -> Starlette:
    """The application behind `/_simulator`."""
    return Starlette(
        routes=[
            Route("/scenario", read_scenario, methods=["GET"]),
            Route("/scenario", change_scenario, methods=["POST"]),
            Route("/journal", read_journal),
            Route("/reset", reset, methods=["POST"]),
        ]
    )


async def read_scenario(request: Request) -> Response:
    """The knobs in force; of the faults, those still to come."""
    return _scenario(request.state.world)


async def change_scenario(request: Request) -> Response:
    """Set the knobs that the JSON body names; 422 and a sentence for one that does not exist."""
    world: Account[Any] = request.state.world
    try:
        changes = _CHANGES.validate_json(await request.body())
        world.scenario = world.scenario.merged(changes)
    except ValidationError as error:
        return JSONResponse({"detail": in_words(error)}, 422)
    return _scenario(world)


async def read_journal(request: Request) -> Response:
    """What happened, as a JSON list; `?route=start_training` and the like select by any fact."""
    return JSONResponse(request.state.world.journal.read(**request.query_params))


async def reset(request: Request) -> Response:
    """Back to the state, and the scenario, at the start."""
    request.state.fetcher.forget()
    request.state.world.reset()
    return _scenario(request.state.world)


def _scenario(world: Account[Any]) -> Response:
    return JSONResponse(world.scenario.model_dump())

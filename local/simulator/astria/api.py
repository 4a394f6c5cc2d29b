"""Astria's API: tunes, their prompts, and the lists of both."""

from datetime import UTC, datetime
from http import HTTPStatus
from math import isinf
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from local.simulator.account import RefusedError
from local.simulator.astria.bodies import PromptBody, TuneBody
from local.simulator.astria.world import (
    LARGEST_PAGE,
    PAGE,
    Listed,
    Prompt,
    Tune,
    World,
)
from local.simulator.bodies import in_words, read_body
from local.simulator.dialect import SELECTIONS, Phase
from local.simulator.gate import Gate

# List all tunes: deeper, and the answer is 400.
DEEPEST_TUNE, DEEPEST_PROMPT = 200, 10_000

JSONObject = dict[str, Any]


def api(api_key: str) -> Starlette:
    """The API's application; its calls need *api_key*."""
    tune, prompts = "/tunes/{tune_id}", "/tunes/{tune_id}/prompts"
    prompt = prompts + "/{prompt_id}"
    return Starlette(
        routes=[
            Route("/tunes", start_training, methods=["POST"]),
            Route("/tunes", list_trainings),
            Route(tune, check_training),
            Route(tune, delete_training, methods=["DELETE"]),
            Route(prompts, start_inference, methods=["POST"]),
            Route(prompts, list_inferences),
            Route(prompt, check_inference),
            Route(prompt, delete_inference, methods=["DELETE"]),
        ],
        middleware=[Middleware(Gate, api_key=api_key, key_in=_key_in, told=_told)],
        exception_handlers={HTTPException: _refused, ValidationError: _invalid},
    )


async def start_training(request: Request) -> Response:
    """Photos in, tune out; they are fetched before it is answered, as its 504 suggests."""
    world: World = request.state.world
    wanted = (await read_body(request, TuneBody)).tune
    photos = [urlsplit(link).path for link in wanted.image_urls]
    request.state.entry.update(
        subject=wanted.name, title=wanted.title, branch=wanted.branch, photos=photos
    )
    if twin := world.twin_of_tune(wanted):
        request.state.entry.update(tune_id=twin.id)
        return JSONResponse(_tune(world, twin))
    tune = world.new_tune(wanted)
    await request.state.fetcher.look(tune)
    world.accept(tune)
    request.state.entry.update(tune_id=tune.id)
    return JSONResponse(_tune(world, tune), HTTPStatus.CREATED)


async def check_training(request: Request) -> Response:
    """A tune; it can draw once `trained_at` is there."""
    world: World = request.state.world
    request.state.entry.update(request.path_params)
    tune = world.tune(**request.path_params)
    request.state.entry.update(phase=tune.phase(world.clock.now()))
    return JSONResponse(_tune(world, tune))


async def list_trainings(request: Request) -> Response:
    """The newest tunes, or those before one."""
    world: World = request.state.world
    tunes = _page(request, world.all_tunes(), DEEPEST_TUNE)
    return JSONResponse([_tune(world, tune) for tune in tunes])


async def delete_training(request: Request) -> Response:
    """Forget a tune and all that is made of it."""
    world: World = request.state.world
    request.state.entry.update(request.path_params)
    world.delete_tune(world.tune(**request.path_params))
    return Response()


async def start_inference(request: Request) -> Response:
    """A text in, prompt out."""
    world: World = request.state.world
    request.state.entry.update(request.path_params)
    tune = world.tune(**request.path_params)
    wanted = (await read_body(request, PromptBody)).prompt
    request.state.entry.update(wanted.model_dump(exclude_defaults=True))
    if twin := world.twin_of_prompt(tune, wanted):
        request.state.entry.update(prompt_id=twin.id)
        return JSONResponse(_prompt(world, twin))
    prompt = world.start_prompt(tune, wanted)
    request.state.entry.update(prompt_id=prompt.id)
    return JSONResponse(_prompt(world, prompt), HTTPStatus.CREATED)


async def check_inference(request: Request) -> Response:
    """A prompt, with its images once they are there."""
    world: World = request.state.world
    request.state.entry.update(request.path_params)
    prompt = world.prompt(**request.path_params)
    request.state.entry.update(phase=prompt.phase(world.clock.now()))
    return JSONResponse(_prompt(world, prompt))


async def list_inferences(request: Request) -> Response:
    """The newest prompts of a tune, or those before one."""
    world: World = request.state.world
    request.state.entry.update(request.path_params)
    tune = world.tune(**request.path_params)
    prompts = _page(request, world.prompts_of(tune), DEEPEST_PROMPT)
    return JSONResponse([_prompt(world, prompt) for prompt in prompts])


async def delete_inference(request: Request) -> Response:
    """Forget a prompt and its images."""
    world: World = request.state.world
    request.state.entry.update(request.path_params)
    world.delete_prompt(world.prompt(**request.path_params))
    return JSONResponse({"message": "Prompt successfully deleted"})


def _page(request: Request, works: list[Listed], deepest: int) -> list[Listed]:
    """What `before_id`, `offset` and `limit` leave."""
    try:
        numbers = {name: int(value) for name, value in request.query_params.items()}
    except ValueError as error:
        raise RefusedError(400, "before_id, offset and limit are whole numbers") from error
    offset = numbers.get("offset", 0)
    if offset > deepest:
        raise RefusedError(400, f"offset is limited to {deepest}, use before_id instead")
    before = numbers.get("before_id")
    earlier = [work for work in works if before is None or int(work.id) < before]
    return earlier[offset : offset + min(numbers.get("limit", PAGE), LARGEST_PAGE)]


def _tune(world: World, tune: Tune) -> JSONObject:
    now = world.clock.now()
    trained = tune.phase(now) is Phase.DONE
    wanted = tune.request
    return {
        "id": int(tune.id),
        "title": wanted.title,
        "name": wanted.name,
        "token": tune.token,
        "base_tune_id": None,
        "args": None,
        "steps": wanted.steps,
        "face_crop": wanted.face_crop,
        "training_face_correct": wanted.training_face_correct,
        "ckpt_url": None,
        "ckpt_urls": [],
        "eta": _time(tune.ends_at),
        "trained_at": _time(tune.ends_at) if trained else None,
        "started_training_at": _time(tune.created_at),
        "expires_at": _time(tune.expires_at) if trained else None,
        "created_at": _time(tune.created_at),
        "branch": wanted.branch,
        "model_type": tune.model_type,
        "updated_at": _time(tune.ends_at if trained else tune.created_at),
        "url": f"https://api.astria.ai/tunes/{tune.id}.json",
        "orig_images": [_link(world, "mock") for _ in tune.links],
    }


def _prompt(world: World, prompt: Prompt) -> JSONObject:
    now = world.clock.now()
    phase = prompt.phase(now)
    done = phase is Phase.DONE
    wanted = prompt.request
    links = [_link(world, key) for key in prompt.keys]
    return {
        "id": int(prompt.id),
        "callback": None,
        "trained_at": _time(prompt.ends_at) if done else None,
        "started_training_at": _time(prompt.starts_at) if now > prompt.starts_at else None,
        "created_at": _time(prompt.created_at),
        "updated_at": _time(prompt.ends_at if done else prompt.created_at),
        "tune_id": int(prompt.tune.id),
        "text": wanted.text,
        "negative_prompt": wanted.negative_prompt,
        "cfg_scale": wanted.cfg_scale,
        "steps": wanted.steps,
        "super_resolution": wanted.super_resolution,
        "ar": "1:1",
        "num_images": wanted.num_images,
        "seed": wanted.seed,
        "controlnet_conditioning_scale": None,
        "controlnet_txt2img": False,
        "denoising_strength": None,
        "url": f"https://api.astria.ai/tunes/{prompt.tune.id}/prompts/{prompt.id}.json",
        "images": list(SELECTIONS[world.scenario.results](links)) if done else [],
        "user_error": prompt.failure if phase is Phase.FAILED else None,
    }


def _link(world: World, key: str) -> str:
    return f"http://{world.scenario.results_host or world.results_host}/{key}"


def _time(seconds: float) -> str | None:
    """As its examples have it, `2023-10-02T14:32:40.363Z`; None for never."""
    if isinf(seconds):
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _key_in(headers: Headers) -> str:
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    return key if scheme == "Bearer" else ""


def _told(_scope: Scope, error: RefusedError) -> Response:
    return _error(error.status_code, error.detail)


def _refused(_request: Request, error: Any) -> Response:
    return _error(error.status_code, error.detail)


def _invalid(_request: Request, error: Any) -> Response:
    return _error(HTTPStatus.UNPROCESSABLE_ENTITY, in_words(error))


def _error(status: int, said: str) -> Response:
    """The message of a 422 is in `error` (the vendor's notes for assistants); other errors are not
    shown anywhere, and look the same here."""
    return JSONResponse({"error": said}, status)

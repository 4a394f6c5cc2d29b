"""Picsart's API: trained models (flow A), instant avatars (flow B) and the balance."""

import uuid
from datetime import UTC, datetime
from http import HTTPStatus
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
from local.simulator.bodies import (
    InferenceRequest,
    InstantRequest,
    TrainingRequest,
    in_words,
    read_body,
)
from local.simulator.dialect import SELECTIONS, Phase
from local.simulator.gate import Gate
from local.simulator.photos import short_lived
from local.simulator.work import Sitting
from local.simulator.world import Inference, Instant, Model, World

# What an API on its way out says of itself (RFC 9745, RFC 8594); the days are the simulator's own.
DEPRECATED_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
SUNSET_AT = datetime(2027, 1, 1, tzinfo=UTC)


def api(api_key: str) -> Starlette:
    """The API's application; its calls need *api_key*."""
    models = "/v1/avatars/models"
    inferences = models + "/{model_id}/inferences"
    instants = "/v1/avatars/instant"
    return Starlette(
        routes=[
            Route(models, start_training, methods=["POST"]),
            Route(models + "/{model_id}", check_training),
            Route(inferences, start_inference, methods=["POST"]),
            Route(inferences + "/{inference_id}", check_inference),
            Route(instants, start_instant, methods=["POST"]),
            Route(instants + "/{inference_id}", check_instant),
            Route("/v1/balance", balance),
        ],
        middleware=[Middleware(Gate, api_key=api_key, key_in=_key_in, told=_told)],
        exception_handlers={HTTPException: _refused, ValidationError: _invalid},
    )


async def start_training(request: Request) -> Response:
    """A1: photos in, model id out."""
    world: World = request.state.world
    wanted = await read_body(request, TrainingRequest)
    photos = [urlsplit(link).path for link in wanted.images]
    request.state.entry.update(subject=wanted.type, links=len(photos), photos=photos)
    complaint = _complaint(world, wanted.images)
    model = world.start_training(wanted)
    request.state.entry.update(model_id=model.id)
    model.bad_photo = complaint
    request.state.fetcher.expect(model)
    return _progress(model, Phase.ACCEPTED, model_id=model.id)


async def check_training(request: Request) -> Response:
    """A2: how far a model is."""
    world: World = request.state.world
    model_id = request.path_params["model_id"]
    request.state.entry.update(model_id=model_id)
    model = world.model(model_id)
    await request.state.fetcher.settle(model_id)
    phase = model.phase(world.clock.now())
    request.state.entry.update(phase=phase)
    return _progress(model, phase, model_id=model_id, **_reason(model, phase))


async def start_inference(request: Request) -> Response:
    """A3: prompts in, inference id out."""
    world: World = request.state.world
    model_id = request.path_params["model_id"]
    wanted = await read_body(request, InferenceRequest)
    prompts = [prompt.model_dump(exclude_none=True) for prompt in wanted.prompts]
    request.state.entry.update(model_id=model_id, prompts=prompts)
    inference = world.start_inference(model_id, wanted)
    request.state.entry.update(inference_id=inference.id)
    return _progress(inference, Phase.ACCEPTED, model_id=model_id, inference_id=inference.id)


async def check_inference(request: Request) -> Response:
    """A4: how far an inference is, and the links once it is done."""
    world: World = request.state.world
    model_id, inference_id = request.path_params["model_id"], request.path_params["inference_id"]
    request.state.entry.update(model_id=model_id, inference_id=inference_id)
    return _drawn(request, world.inference(model_id, inference_id))


async def start_instant(request: Request) -> Response:
    """B1: a photo and a prompt in, inference id out."""
    world: World = request.state.world
    wanted = await read_body(request, InstantRequest)
    photos = [urlsplit(link).path for link in wanted.images]
    said = wanted.model_dump(exclude={"images"}, exclude_none=True)
    request.state.entry.update(links=len(photos), photos=photos, **said)
    complaint = _complaint(world, wanted.images)
    instant = world.start_instant(wanted)
    request.state.entry.update(inference_id=instant.id)
    instant.bad_photo = complaint
    request.state.fetcher.expect(instant)
    return _progress(instant, Phase.ACCEPTED, inference_id=instant.id)


async def check_instant(request: Request) -> Response:
    """B2: how far avatars from a photo are, and the links once they are done."""
    inference_id = request.path_params["inference_id"]
    request.state.entry.update(inference_id=inference_id)
    instant = request.state.world.instant(inference_id)
    await request.state.fetcher.settle(inference_id)
    return _drawn(request, instant)


async def balance(request: Request) -> Response:
    """C1: the credits left."""
    return JSONResponse({"credits": request.state.world.balance})


def add_account_headers(world: World, response: Response) -> None:
    """What the vendor puts on every answer (its OpenAPI files), unless a fault says otherwise."""
    manner = world.scenario.account_headers
    account: dict[str, object] = {
        "Correlation-Id": uuid.uuid4(),
        "Ratelimit-Limit": world.scenario.rate_limit,
        "Ratelimit-Available": world.calls_left,
        "Ratelimit-Reset-Time": world.quota_resets_in,
        "Credit-Available": world.balance,
    }
    if manner == "missing":
        account = {}
    if manner == "retyped":
        resets_at = datetime.fromtimestamp(world.clock.now() + world.quota_resets_in, UTC)
        account |= {"Ratelimit-Reset-Time": resets_at.isoformat(), "Credit-Available": "plenty"}
    for name, value in account.items():
        response.headers.setdefault(f"X-Picsart-{name}", str(value))
    if manner == "sunset":
        response.headers["Deprecation"] = f"@{int(DEPRECATED_SINCE.timestamp())}"
        response.headers["Sunset"] = f"{SUNSET_AT:%a, %d %b %Y %H:%M:%S} GMT"


def error_answer(world: World, status: int, detail: str) -> Response:
    """An error in the vendor's words: two statuses have bodies of their own."""
    message = HTTPStatus(status).phrase
    body: dict[str, Any] = {"detail": detail, "message": message, "code": status}
    headers = {}
    if status == HTTPStatus.PAYMENT_REQUIRED:
        body = {"message": message}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        if world.scenario.quota_body == "gateway":
            errorcode = "policies.ratelimit.QuotaViolation"
            body = {"fault": {"faultstring": detail, "detail": {"errorcode": errorcode}}}
        if world.scenario.quota_retry_after:
            headers["Retry-After"] = str(world.quota_resets_in)
    return JSONResponse(body, status, headers)


def _key_in(headers: Headers) -> str:
    return headers.get("X-Picsart-API-Key", "")


def _told(scope: Scope, error: RefusedError) -> Response:
    return error_answer(scope["state"]["world"], error.status_code, error.detail)


def _refused(request: Request, error: Any) -> Response:
    return error_answer(request.state.world, error.status_code, error.detail)


def _invalid(request: Request, error: Any) -> Response:
    return error_answer(request.state.world, 422, in_words(error))


def _complaint(world: World, links: tuple[str, ...]) -> str | None:
    """What there is to say against links that do not live for long; RefusedError (422) where that
    is said at once. (The guide says it of training; an instant avatar is held to it, too.)"""
    short = short_lived(links, world.clock.wall())
    if not short:
        return None
    complaint = f"images {short} are signed for less than 30 more minutes"
    if world.scenario.short_links == "refuse":
        raise RefusedError(422, complaint)
    return complaint


def _progress(work: Model | Inference | Instant, phase: Phase, **facts: Any) -> Response:
    dialect = work.dialect
    return JSONResponse({"status": dialect.word(phase), **facts}, dialect.code(phase))


def _drawn(request: Request, inference: Inference | Instant) -> Response:
    world: World = request.state.world
    phase = inference.phase(world.clock.now())
    request.state.entry.update(phase=phase)
    if phase is not Phase.DONE:
        reason = _reason(inference, phase)
        return _progress(inference, phase, inference_id=inference.id, **reason)
    announced = len(inference.pictures)
    request.state.entry.update(pictures=announced, expires_at=inference.expires_at)
    host = world.scenario.results_host or world.results_host
    links = [
        f"http://{host}/avatars/{inference.id}/{position}.jpg"
        for position in range(1, announced + 1)
    ]
    facts = {"status": inference.dialect.word(phase), "inference_id": inference.id}
    selected = SELECTIONS[world.scenario.results](links)
    return JSONResponse(inference.dialect.answer_with(facts, selected))


def _reason(work: Model | Inference | Instant, phase: Phase) -> dict[str, str]:
    """Why it came to nothing, if it did."""
    bad_photo = work.bad_photo if isinstance(work, Sitting) else None
    reason = {Phase.FAILED: work.failure, Phase.IMAGE_NOT_VALID: bad_photo}.get(phase)
    return {"detail": reason} if reason else {}

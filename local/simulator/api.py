"""The provider's API: trained models (flow A) and the balance."""

import hmac
import uuid
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local.simulator.bodies import InferenceRequest, TrainingRequest, in_words
from local.simulator.dialect import SELECTIONS, SHAPES, VOCABULARIES, Phase
from local.simulator.photos import short_lived
from local.simulator.world import Inference, RefusedError, World

# Room for 30 presigned links many times over; the vendor's limit is not public.
MAX_BODY_BYTES = 1_000_000

Body = TypeVar("Body", bound=BaseModel)


def api(api_key: str) -> Starlette:
    """The API's application; its calls need *api_key*."""
    models = "/v1/avatars/models"
    inferences = models + "/{model_id}/inferences"
    return Starlette(
        routes=[
            Route(models, start_training, methods=["POST"]),
            Route(models + "/{model_id}", check_training),
            Route(inferences, start_inference, methods=["POST"]),
            Route(inferences + "/{inference_id}", check_inference),
            Route("/v1/balance", balance),
        ],
        middleware=[Middleware(Gate, api_key=api_key)],
        exception_handlers={HTTPException: _refused},
    )


class Gate:
    """Lets a call in that has the key and is within the quota."""

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        self._app = app
        self._key = api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the call or say why not."""
        app = self._app
        try:
            self._admit(scope)
        except RefusedError as error:
            app = error_answer(scope["state"]["world"], error.status_code, error.detail)
        await app(scope, receive, send)

    def _admit(self, scope: Scope) -> None:
        world: World = scope["state"]["world"]
        key = Headers(scope=scope).get("X-Picsart-API-Key", "")
        if not hmac.compare_digest(key.encode(), self._key):
            raise RefusedError(401, "The API key is missing or wrong")
        if world.scenario.locked:
            raise RefusedError(403, "This account has no access to AI Avatars")
        world.admit()


async def start_training(request: Request) -> Response:
    """A1: photos in, model id out."""
    world: World = request.state.world
    wanted = await _body(request, TrainingRequest)
    photos = [urlsplit(link).path for link in wanted.images]
    request.state.entry.update(subject=wanted.type, links=len(photos), photos=photos)
    short = short_lived(wanted.images, world.clock.wall())
    complaint = f"images {short} are signed for less than 30 more minutes"
    if short and world.scenario.short_links == "refuse":
        raise RefusedError(422, complaint)
    model = world.start_training(wanted)
    request.state.entry.update(model_id=model.model_id)
    if short:
        model.bad_photo = complaint
    request.state.fetcher.expect(model)
    return _progress(world, Phase.ACCEPTED, model_id=model.model_id)


async def check_training(request: Request) -> Response:
    """A2: how far a model is."""
    world: World = request.state.world
    model_id = request.path_params["model_id"]
    request.state.entry.update(model_id=model_id)
    model = world.model(model_id)
    await request.state.fetcher.settle(model_id)
    phase = model.phase(world.clock.now())
    request.state.entry.update(phase=phase)
    reason = {Phase.FAILED: model.failure, Phase.IMAGE_NOT_VALID: model.bad_photo}.get(phase)
    return _progress(world, phase, model_id=model_id, **({"detail": reason} if reason else {}))


async def start_inference(request: Request) -> Response:
    """A3: prompts in, inference id out."""
    world: World = request.state.world
    model_id = request.path_params["model_id"]
    wanted = await _body(request, InferenceRequest)
    prompts = [prompt.model_dump(exclude_none=True) for prompt in wanted.prompts]
    request.state.entry.update(model_id=model_id, prompts=prompts)
    inference = world.start_inference(model_id, wanted)
    request.state.entry.update(inference_id=inference.inference_id)
    return _progress(world, Phase.ACCEPTED, model_id=model_id, inference_id=inference.inference_id)


async def check_inference(request: Request) -> Response:
    """A4: how far an inference is, and the links once it is done."""
    world: World = request.state.world
    model_id, inference_id = request.path_params["model_id"], request.path_params["inference_id"]
    request.state.entry.update(model_id=model_id, inference_id=inference_id)
    inference = world.inference(model_id, inference_id)
    phase = inference.phase(world.clock.now())
    request.state.entry.update(phase=phase)
    facts: dict[str, Any] = {}
    if phase is Phase.DONE:
        facts = _links(world, inference)
        announced = len(inference.pictures)
        request.state.entry.update(pictures=announced, expires_at=inference.expires_at)
    elif phase is Phase.FAILED:
        facts = {"detail": inference.failure}
    return _progress(world, phase, inference_id=inference_id, **facts)


async def balance(request: Request) -> Response:
    """C1: the credits left."""
    return JSONResponse({"credits": request.state.world.balance})


def add_account_headers(world: World, response: Response) -> None:
    """What the vendor puts on every answer (its OpenAPI files), unless a fault says otherwise."""
    for name, value in {
        "Correlation-Id": uuid.uuid4(),
        "Ratelimit-Limit": world.scenario.rate_limit,
        "Ratelimit-Available": world.calls_left,
        "Ratelimit-Reset-Time": world.quota_resets_in,
        "Credit-Available": world.balance,
    }.items():
        response.headers.setdefault(f"X-Picsart-{name}", str(value))


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


def _refused(request: Request, error: Any) -> Response:
    return error_answer(request.state.world, error.status_code, error.detail)


def _progress(world: World, phase: Phase, **facts: Any) -> Response:
    pending = phase in (Phase.ACCEPTED, Phase.IN_PROGRESS)
    word = VOCABULARIES[world.scenario.vocabulary][phase]
    status = world.scenario.pending_status if pending else HTTPStatus.OK
    return JSONResponse({"status": word, **facts}, status)


def _links(world: World, inference: Inference) -> dict[str, Any]:
    host = world.scenario.results_host or world.results_host
    links = [
        f"http://{host}/avatars/{inference.inference_id}/{position}.jpg"
        for position in range(1, len(inference.pictures) + 1)
    ]
    shape = SHAPES[world.scenario.result_shape]
    done = VOCABULARIES[world.scenario.vocabulary][Phase.DONE]
    return shape(inference.inference_id, SELECTIONS[world.scenario.results](links), done)


async def _body(request: Request, form: type[Body]) -> Body:
    if request.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
        raise RefusedError(415, "Content-Type must be application/json")
    raw = bytearray()
    async for piece in request.stream():
        raw += piece
        if len(raw) > MAX_BODY_BYTES:
            raise RefusedError(413, f"The body is larger than {MAX_BODY_BYTES} bytes")
    try:
        return form.model_validate_json(raw)
    except ValidationError as error:
        malformed = any(fault["type"] == "json_invalid" for fault in error.errors())
        raise RefusedError(400 if malformed else 422, in_words(error)) from error

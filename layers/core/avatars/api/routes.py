"""The routes of the HTTP API: each checks who asks for what, and calls one verb."""

import base64
import json
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from avatars.api import problems, schema
from avatars.api.once import Facts, Write, once
from avatars.api.problems import AvatarNotFoundError, answered, invalid, problem
from avatars.keys import owner_for
from avatars.manifest import MAX_AVATARS, parse_manifest, parse_prompts
from avatars.model import Avatar, Manifest
from avatars.pipeline import describing, erasing, ordering, packing
from avatars.settings import LINK_SECONDS as SHARE_SECONDS
from avatars.wiring import lines, services

Model = TypeVar("Model", bound=BaseModel)
Verb = TypeVar("Verb", bound=Callable[..., Any])

AVATAR = "/jobs/<job_id>/avatars/<run>/<position>"

JOBS_A_PAGE, AVATARS_A_PAGE, MOST_A_PAGE = 20, 50, 100

app = APIGatewayHttpResolver(
    enable_validation=True,
    # What does not fit our own schema is a fault of ours, not of the caller's.
    response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR,
)
app.exception_handler(list(problems.KINDS))(problem)


def answers(method: str, path: str, status: int, model: type[BaseModel]) -> Callable[[Verb], Verb]:
    """A route, called like its function and described by its docstring."""

    def route(verb: Verb) -> Verb:
        register = app.route(
            path,
            method,
            operation_id=verb.__name__,
            summary=(verb.__doc__ or "").strip(),
            status_code=status,
            responses={
                status: {
                    "description": "As asked for",
                    "content": {"application/json": {"model": model}},
                },
                **problems.ANSWERS,
            },
        )
        registered: Verb = register(verb)
        return registered

    return route


JobId = Annotated[str, Path(description="The job's id", examples=["A" * 26])]
RunNumber = Annotated[int, Path(ge=1, le=999)]
Position = Annotated[int, Path(ge=1, le=MAX_AVATARS)]
Limit = Annotated[int, Query(ge=1, le=MOST_A_PAGE)]
Next = Annotated[str | None, Query(alias="next", max_length=80)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Repeating a request with the same key repeats its outcome, for a day",
    ),
]


@answers("GET", "/styles", HTTPStatus.OK, schema.Styles)
def list_styles() -> schema.Styles:
    """What can be ordered."""
    return _as(schema.Styles, **describing.describe_offer(services()))


@answers("POST", "/jobs", HTTPStatus.CREATED, schema.Ordered)
def create_job(order: Annotated[schema.Order, Body()], key: Key = None) -> schema.Ordered:
    """Order a job; upload its photos with the forms that come back."""
    manifest = _manifest(order)
    photos = {photo.file: photo.type for photo in order.photos}

    def act() -> Facts:
        # Of one key one folder: whoever repeats what was cut off finds the same job.
        made_up = uuid.uuid5(uuid.NAMESPACE_OID, f"{_owner()}/{key}") if key else uuid.uuid4()
        folder = order.folder or made_up.hex
        return {"job_id": ordering.order_job(services(), _owner(), folder, manifest, photos).job_id}

    job = ordering.owned_job(services(), _owner(), _once(key, act)["job_id"])
    forms = ordering.upload_forms(services(), job, photos)
    return _as(
        schema.Ordered,
        job=describing.describe_job(services(), job),
        uploads=[
            {"file": file, "url": form.url, "fields": form.fields} for file, form in forms.items()
        ],
        webhook_secret=services().webhook_secret(_owner()) if order.webhook else None,
    )


@answers("POST", "/jobs/<job_id>/start", HTTPStatus.ACCEPTED, schema.Job)
def start_job(job_id: JobId, key: Key = None) -> schema.Job:
    """Begin with the photos that are there, once they are enough."""
    _once(key, lambda: {"job_id": ordering.ask_start(services(), _owner(), job_id).job_id})
    return _job(job_id)


@answers("GET", "/jobs", HTTPStatus.OK, schema.Jobs)
def list_jobs(limit: Limit = JOBS_A_PAGE, after: Next = None) -> schema.Jobs:
    """Your jobs, the newest first."""
    page = services().jobs.jobs_of(_owner(), limit, after)
    jobs = [describing.summarize_job(job) for job in page.items]
    return _as(schema.Jobs, jobs=jobs, next=page.next)


@answers("GET", "/jobs/<job_id>", HTTPStatus.OK, schema.Job)
def get_job(job_id: JobId) -> schema.Job:
    """How a job stands: verdicts, what is waited for, and for how long probably."""
    return _job(job_id)


@answers("DELETE", "/jobs/<job_id>", HTTPStatus.OK, schema.Receipt)
def erase_job(job_id: JobId, key: Key = None) -> schema.Receipt:
    """Erase a job: photos, avatars, rows. A job that is at work is stopped."""

    def act() -> Facts:
        return erasing.describe_receipt(erasing.erase_job(services(), _owner(), job_id))

    return _as(schema.Receipt, **_once(key, act))


@answers("GET", "/jobs/<job_id>/avatars", HTTPStatus.OK, schema.Avatars)
def list_avatars(
    job_id: JobId,
    run: Annotated[int | None, Query(ge=1, le=999)] = None,
    limit: Limit = AVATARS_A_PAGE,
    after: Next = None,
) -> schema.Avatars:
    """The avatars of a job, of all runs or of one, with links."""
    ordering.owned_job(services(), _owner(), job_id)
    page = services().jobs.avatars_of(job_id, limit, after, run)
    avatars = describing.describe_avatars(services(), page)
    return _as(schema.Avatars, avatars=avatars, next=page.next)


@answers("POST", "/jobs/<job_id>/avatars", HTTPStatus.ACCEPTED, schema.Run)
def create_avatars(
    job_id: JobId, more: Annotated[schema.More, Body()], key: Key = None
) -> schema.Run:
    """Have more avatars made from the same model."""
    prompts = parse_prompts([prompt.model_dump() for prompt in more.prompts])

    def act() -> Facts:
        job, run = ordering.ask_more(services(), _owner(), job_id, prompts)
        lines().about_job(job)  # others were read since, to count those that are open
        return {"job_id": job.job_id, "run": run}

    return _as(schema.Run, **_once(key, act))


@answers("PATCH", AVATAR, HTTPStatus.OK, schema.Avatar)
def like_avatar(
    job_id: JobId,
    run: RunNumber,
    position: Position,
    liking: Annotated[schema.Liking, Body()],
    key: Key = None,
) -> schema.Avatar:
    """Say whether an avatar is one of your favourites."""

    ordering.owned_job(services(), _owner(), job_id)

    def act() -> Facts:
        services().jobs.mark_favourite(job_id, run, position, liking.favourite)
        return {}

    _once(key, act)
    avatar = _avatar(job_id, run, position)
    prompt = services().jobs.run(job_id, run).prompt_of(position)
    return _as(schema.Avatar, **describing.describe_avatar(services(), avatar, prompt))


@answers("POST", f"{AVATAR}/share", HTTPStatus.CREATED, schema.Shared)
def share_avatar(job_id: JobId, run: RunNumber, position: Position) -> schema.Shared:
    """A link to one avatar that anybody can open, for an hour."""
    ordering.owned_job(services(), _owner(), job_id)
    key = _avatar(job_id, run, position).key
    if key is None:
        raise AvatarNotFoundError(f"Avatar {run}/{position} of job {job_id} is not kept yet.")
    expires_at = int(services().clock.wall()) + SHARE_SECONDS
    return _as(
        schema.Shared, link=services().gallery.share(key, SHARE_SECONDS), expires_at=expires_at
    )


@answers("GET", "/jobs/<job_id>/archive", HTTPStatus.OK, schema.Archive)
def get_archive(job_id: JobId) -> Response[schema.Archive]:
    """One ZIP file of all avatars; it is packed when it is asked for first."""
    job = ordering.owned_job(services(), _owner(), job_id)
    archive = packing.ask_for_archive(services(), job)
    if archive is None:
        packed = _as(schema.Archive, status="packing", link=None, expires_at=None, bytes=None)
        return Response(
            HTTPStatus.ACCEPTED, "application/json", packed, headers={"Retry-After": "2"}
        )
    expires_at = int(services().clock.wall()) + describing.LINK_SECONDS
    link = services().gallery.link(
        archive.key, describing.LINK_SECONDS, save_as=packing.file_name(job)
    )
    ready = _as(
        schema.Archive, status="ready", link=link, expires_at=expires_at, bytes=archive.bytes
    )
    return Response(HTTPStatus.OK, "application/json", ready)


@answers("GET", "/models", HTTPStatus.OK, schema.Models)
def list_models(limit: Limit = JOBS_A_PAGE, after: Next = None) -> schema.Models:
    """Your trained models, those of the newest jobs first."""
    page = services().jobs.jobs_of(_owner(), limit, after, with_model=True)
    models = [describing.summarize_model(job) for job in page.items]
    return _as(schema.Models, models=models, next=page.next)


@app.exception_handler(RequestValidationError)  # type: ignore[untyped-decorator]
def not_as_it_must_be(error: RequestValidationError) -> Response[str]:
    return invalid(error.errors())


@app.not_found
def no_route(error: NotFoundError) -> Response[str]:
    return answered(problems.NO_ROUTE, "There is no such route.")


def resolve(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The answer to a request of API Gateway (payload 2.0)."""
    refused = _unreadable(event)
    if refused is None:
        return app.resolve(event, context)
    return {
        "statusCode": int(refused.status_code),
        "headers": {"Content-Type": problems.CONTENT_TYPE},
        "body": refused.body,
    }


def _unreadable(event: dict[str, Any]) -> Response[str] | None:
    """The answer to a body that is no JSON, which the event handler takes for anything else."""
    body = event.get("body")
    if not body:
        return None
    kind = event.get("headers", {}).get("content-type", "application/json")
    if kind.split(";")[0].strip().lower() != "application/json":
        return answered(problems.NOT_TAKEN, f"A body of the type {kind[:80]!r} is not taken.")
    try:
        # With a limit on the depth, and on the length of numbers: those are ValueErrors, too.
        json.loads(base64.b64decode(body) if event.get("isBase64Encoded") else body)
    except (ValueError, RecursionError):
        return answered(problems.UNREADABLE, "The body is not JSON.")
    return None


def _as(model: type[Model], **facts: Any) -> Model:
    return model.model_validate(facts)


def _owner() -> str:
    """Who calls, as the authorizer has verified it."""
    claims = app.current_event.request_context.authorizer.jwt_claim
    owner = owner_for(str(claims["sub"]))
    lines().about_owner(owner)
    return owner


def _once(key: str | None, act: Callable[[], Facts]) -> Facts:
    request = app.current_event
    write = Write(
        owner=_owner(),
        method=request.http_method,
        path=request.path,
        key=key,
        body=request.body or "",
    )
    # Made only where there is a key: most requests write nothing.
    store = services().outcomes if key else None
    return once(store, write, app.lambda_context, act)


def _job(job_id: str) -> schema.Job:
    job = ordering.owned_job(services(), _owner(), job_id)
    return _as(schema.Job, **describing.describe_job(services(), job))


def _avatar(job_id: str, run: int, position: int) -> Avatar:
    """Raises AvatarNotFoundError."""
    avatars = services().jobs.avatars(job_id, run)
    found = next((avatar for avatar in avatars if avatar.position == position), None)
    if found is None:
        raise AvatarNotFoundError(f"Job {job_id} has no avatar {run}/{position}.")
    return found


def _manifest(order: schema.Order) -> Manifest:
    settings = services().settings
    return parse_manifest(order.manifest(), settings.default, settings.webhook_origins)

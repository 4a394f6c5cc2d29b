"""How the API says no: problem details (RFC 9457), with a stable code and a remedy."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from avatars.api import schema
from avatars.errors import (
    ArchiveTooLargeError,
    BadRequestError,
    JobNotEndedError,
    JobNotFoundError,
    JobStartedError,
    LimitReachedError,
    NoAvatarsError,
    NoModelError,
    NotSentError,
    TooExpensiveError,
)

CONTENT_TYPE = "application/problem+json"


class KeyReusedError(Exception):
    """An Idempotency-Key came again, with another request."""


class KeyInUseError(Exception):
    """The first request with this Idempotency-Key is not answered yet."""


class AvatarNotFoundError(Exception):
    """The job has no such avatar."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem."""

    status: HTTPStatus
    code: str
    remedy: str


KINDS: dict[type[Exception], Kind] = {
    JobNotFoundError: Kind(HTTPStatus.NOT_FOUND, "JOB_NOT_FOUND", "GET /jobs lists your jobs."),
    AvatarNotFoundError: Kind(
        HTTPStatus.NOT_FOUND, "AVATAR_NOT_FOUND", "GET /jobs/{job_id}/avatars lists its avatars."
    ),
    JobStartedError: Kind(
        HTTPStatus.CONFLICT, "JOB_STARTED", "Order a new job, in a folder of another name."
    ),
    JobNotEndedError: Kind(
        HTTPStatus.CONFLICT, "JOB_NOT_ENDED", "Wait until GET /jobs/{job_id} says that it has."
    ),
    NoModelError: Kind(
        HTTPStatus.CONFLICT, "NO_MODEL", "GET /models lists the models that can draw more."
    ),
    NoAvatarsError: Kind(
        HTTPStatus.CONFLICT, "NO_AVATARS", "Wait until the job is COMPLETED, or order more."
    ),
    ArchiveTooLargeError: Kind(
        HTTPStatus.CONFLICT, "ARCHIVE_TOO_LARGE", "Fetch the avatars one by one, by their links."
    ),
    LimitReachedError: Kind(
        HTTPStatus.TOO_MANY_REQUESTS,
        "LIMIT_REACHED",
        "Wait, or ask whoever runs this stack for a higher limit.",
    ),
    KeyReusedError: Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "IDEMPOTENCY_KEY_REUSED",
        "Send another request with another key.",
    ),
    KeyInUseError: Kind(
        HTTPStatus.CONFLICT, "IDEMPOTENCY_KEY_IN_USE", "Repeat the request in a few seconds."
    ),
    NotSentError: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE", "Repeat the request in a minute."
    ),
    TooExpensiveError: Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "TOO_EXPENSIVE",
        "Ask for fewer avatars, or whoever runs this stack for a higher cap.",
    ),
    BadRequestError: Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY, "BAD_REQUEST", "Correct the request and send it again."
    ),
}

UNREADABLE = Kind(
    HTTPStatus.BAD_REQUEST, "NOT_JSON", "Send a JSON object in UTF-8, or no body where none is due."
)
NOT_TAKEN = Kind(
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "UNSUPPORTED_TYPE",
    "Send JSON with Content-Type: application/json.",
)
NO_ROUTE = Kind(
    HTTPStatus.NOT_FOUND, "NO_ROUTE", "docs/openapi.json lists what can be asked of the API."
)


ANSWERS: dict[int, Any] = {
    401: {
        "description": "No token, or none that counts here: API Gateway says so itself",
        "content": {"application/json": {"model": schema.Message}},
    },
    **{
        status: {"description": words, "content": {CONTENT_TYPE: {"model": schema.Problem}}}
        for status, words in {
            400: "The body is not JSON",
            404: "There is no such thing of yours",
            409: "It does not fit how the job stands",
            415: "The body is of another type",
            422: "The request is not as it must be",
            429: "Too much is asked for",
            503: "Something is out of order for a moment",
        }.items()
    },
}
"""What any route may answer instead, for the OpenAPI document."""


def kind_of(error: Exception) -> Kind:
    """The kind of problem that an error is."""
    return next(kind for cls, kind in KINDS.items() if isinstance(error, cls))


def problem(error: Exception) -> Response[str]:
    """The answer to whoever has met one of our errors."""
    answer = answered(kind_of(error), str(error))
    if isinstance(error, LimitReachedError) and error.wait_seconds is not None:
        answer.headers["Retry-After"] = str(error.wait_seconds)
    return answer


def answered(
    kind: Kind, detail: str, errors: Sequence[dict[str, str]] | None = None
) -> Response[str]:
    """A problem of that kind, and what is wrong this time."""
    content: dict[str, Any] = {
        "type": f"urn:avatars:problem:{kind.code}",
        "title": kind.status.phrase,
        "status": kind.status,
        "code": kind.code,
        "detail": detail,
        "remedy": kind.remedy,
    }
    if errors is not None:
        content["errors"] = list(errors)
    return Response(kind.status, CONTENT_TYPE, json.dumps(content))


def invalid(errors: Sequence[dict[str, Any]]) -> Response[str]:
    """The answer to a request that is not as the schema says, with each thing that is wrong.

    Nothing of what was sent is repeated but the names of fields.
    """
    found = [
        {"field": ".".join(map(str, error["loc"])), "problem": str(error["msg"])}
        for error in errors
    ]
    first = f"{found[0]['field']}: {found[0]['problem']}"
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return answered(kind_of(BadRequestError()), f"{first}{more}.", found)

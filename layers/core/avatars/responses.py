"""Answers of the HTTP API."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from avatars.errors import BadRequestError, JobNotFoundError, JobStartedError

_STATUSES: list[tuple[type[Exception], HTTPStatus]] = [
    (JobNotFoundError, HTTPStatus.NOT_FOUND),
    (JobStartedError, HTTPStatus.CONFLICT),
    (BadRequestError, HTTPStatus.UNPROCESSABLE_ENTITY),
]


def reply(status: HTTPStatus, content: Mapping[str, Any]) -> Response[str]:
    """A JSON document."""
    return Response(status, "application/json", json.dumps(content))


def problem(error: Exception) -> Response[str]:
    """Problem details (RFC 9457) of what the caller did wrong."""
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    content = {"title": status.phrase, "status": status, "detail": str(error)}
    return Response(status, "application/problem+json", json.dumps(content))

"""What CloudFormation asks of a resource of ours, and what it is told."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from aws_lambda_powertools import Logger

if TYPE_CHECKING:
    import httpx

logger = Logger(child=True)

MOST_BYTES = 4096
"""Of an answer (CloudFormation User Guide, custom resource reference)."""

ANSWER_TIMEOUT = 10.0


class StackEvent(TypedDict):
    """A request about a custom resource; the parts that we read."""

    RequestType: Literal["Create", "Update", "Delete"]
    RequestId: str
    ResponseURL: str
    StackId: str
    LogicalResourceId: str
    ResourceProperties: dict[str, Any]


@contextlib.contextmanager
def answering(
    event: StackEvent, physical_id: str, transport: httpx.BaseTransport | None = None
) -> Iterator[None]:
    """Tell CloudFormation how the block went: a stack that hears nothing waits for minutes.

    An Exception in the block is its reason for a failure, and goes no further: Lambda would try
    again what is answered. httpx.HTTPError where CloudFormation cannot be told.
    """
    failure = None
    try:
        yield
    except Exception as error:
        logger.exception("the stack's request failed")
        failure = f"{type(error).__name__}: {error}"
    answer = {
        "Status": "SUCCESS" if failure is None else "FAILED",
        "PhysicalResourceId": physical_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    if failure is not None:
        answer["Reason"] = failure[: MOST_BYTES // 8]  # six bytes a character at worst, and the ids
    _tell(event["ResponseURL"], json.dumps(answer).encode(), transport)


def _tell(signed_link: str, answer: bytes, transport: httpx.BaseTransport | None) -> None:
    """As bytes: the link is signed for a body without a content type."""
    import httpx

    with httpx.Client(transport=transport, timeout=ANSWER_TIMEOUT) as client:
        client.put(signed_link, content=answer).raise_for_status()

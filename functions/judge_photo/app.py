"""Judge a photo by its preparation; the first object of a folder starts its job."""

from typing import Any, NotRequired, TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.aws.events import ObjectCreatedEvent, upload_from
from avatars.errors import PhotoNotJudgedError
from avatars.logs import failures_told
from avatars.pipeline.preparing import CRASHED, Preparation, rejected
from avatars.pipeline.uploading import judge_photo
from avatars.wiring import lines, services

logger = Logger()


CRASHES = ("Runtime.ExitError", "Runtime.OutOfMemory", "Sandbox.Timedout", None)
"""The photo was too much for the process; a time-out may come without a type. Any other error is
trouble of ours or of AWS, and no fault of the photo's."""


class Context(TypedDict):
    condition: str
    """Success, RetriesExhausted or EventAgeExceeded."""


class Request(TypedDict):
    """What Lambda sends to the destinations of `prepare_photo`; the parts that we read."""

    requestContext: Context
    requestPayload: ObjectCreatedEvent
    responsePayload: NotRequired[Any]
    """The preparation, or an error; absent where the event became too old to be handed over."""


@logger.inject_lambda_context(clear_state=True)
@failures_told
def handler(event: Request, context: LambdaContext) -> None:
    upload = upload_from(event["requestPayload"])
    if upload is None:
        return
    lines().about_upload(upload)
    photo = judge_photo(services(), upload, _preparation(event))
    logger.info("judged photo", extra={"status": photo.status, "code": photo.code} if photo else {})


def _preparation(event: Request) -> Preparation | None:
    reply = event.get("responsePayload")
    if event["requestContext"]["condition"] == "Success":
        preparation: Preparation | None = reply
        return preparation
    if reply is None or reply.get("errorType") not in CRASHES:
        raise PhotoNotJudgedError(
            "Preparing this photo failed, and not because of the photo. The sweep has it judged "
            "again."
        )
    return rejected(CRASHED)

"""Reject a photo over which the function that prepares it crashed every time."""

from typing import NotRequired, TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.aws.events import ObjectCreatedEvent, upload_from
from avatars.errors import PhotoNotJudgedError
from avatars.pipeline.uploading import reject_photo
from avatars.wiring import services

logger = Logger()


CRASHES = ("Runtime.ExitError", "Runtime.OutOfMemory", "Sandbox.Timedout", None)
"""The photo was too much for the process; a time-out may come without a type. Any other error is
trouble of ours or of AWS, and no fault of the photo's."""


class Failure(TypedDict):
    errorType: NotRequired[str]


class Request(TypedDict):
    """What Lambda sends to the on-failure destination of `prepare_photo`; the parts we read."""

    requestPayload: ObjectCreatedEvent
    responsePayload: NotRequired[Failure]
    """Absent where the event became too old before the function could be called."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: Request, context: LambdaContext) -> None:
    upload = upload_from(event["requestPayload"])
    if upload is None:
        return
    logger.append_keys(job_id=upload.job_id, photo_id=upload.photo_id)
    failure = event.get("responsePayload")
    if failure is None or failure.get("errorType") not in CRASHES:
        raise PhotoNotJudgedError(
            "Preparing this photo failed, and not because of the photo. The sweep has it judged "
            "again."
        )
    photo = reject_photo(services(), upload)
    logger.info("rejected photo", extra={"status": photo.status} if photo else {})

"""Reject a photo whose preparation failed every time."""

from typing import TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.aws.events import ObjectCreatedEvent, upload_from
from avatars.pipeline.uploading import reject_photo
from avatars.wiring import services

logger = Logger()


class Request(TypedDict):
    """What Lambda sends to the on-failure destination of `prepare_photo`; the part we read."""

    requestPayload: ObjectCreatedEvent


@logger.inject_lambda_context(clear_state=True)
def handler(event: Request, context: LambdaContext) -> None:
    upload = upload_from(event["requestPayload"])
    if upload is None:
        return
    logger.append_keys(job_id=upload.job_id, photo_id=upload.photo_id)
    photo = reject_photo(services(), upload)
    logger.info("rejected photo", extra={"status": photo.status} if photo else {})

"""Prepare an uploaded photo, under a role that reaches nothing but the upload bucket."""

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.aws.events import ObjectCreatedEvent, upload_from
from avatars.logs import failures_told
from avatars.pipeline.preparing import Preparation, prepare_photo
from avatars.wiring import lines, storage

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
@failures_told
def handler(event: ObjectCreatedEvent, context: LambdaContext) -> Preparation | None:
    upload = upload_from(event)
    if upload is None:
        return None
    lines().about_upload(upload)
    preparation = prepare_photo(storage(), upload)
    found = {"status": preparation["status"]} if preparation else {}
    logger.info("prepared photo", extra=found)
    return preparation

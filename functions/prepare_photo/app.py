"""Judge and prepare an uploaded photo; the first upload of a folder starts its job."""

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.aws.events import ObjectCreatedEvent, upload_from
from avatars.pipeline.uploading import prepare_photo
from avatars.wiring import services

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: ObjectCreatedEvent, context: LambdaContext) -> None:
    upload = upload_from(event)
    if upload is None:
        return
    logger.append_keys(job_id=upload.job_id, photo_id=upload.photo_id)
    photo = prepare_photo(services(), upload)
    verdict = {"status": photo.status, "code": photo.code} if photo else {}
    logger.info("prepared photo", extra=verdict)

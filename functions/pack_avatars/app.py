"""Pack all avatars of a job into one archive."""

from typing import TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.logs import failures_told
from avatars.pipeline.packing import pack_avatars
from avatars.wiring import services

logger = Logger()


class Request(TypedDict):
    job_id: str


@logger.inject_lambda_context(clear_state=True)
@failures_told
def handler(event: Request, context: LambdaContext) -> None:
    logger.append_keys(job_id=event["job_id"])
    archive = pack_avatars(services(), event["job_id"])
    logger.info("packed avatars", extra={"bytes": archive.bytes if archive else None})

"""Copy one batch of avatars into our own bucket."""

from typing import TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.logs import failures_told
from avatars.pipeline.keeping import KeepReply, keep_avatars
from avatars.wiring import lines, services

logger = Logger()


class Request(TypedDict):
    job_id: str
    run: int
    batch: int


@logger.inject_lambda_context(clear_state=True)
@failures_told
def handler(event: Request, context: LambdaContext) -> KeepReply:
    lines().about_run(event["job_id"], event["run"])
    reply = keep_avatars(services(), **event)
    logger.info("kept avatars", extra=dict(reply))
    return reply

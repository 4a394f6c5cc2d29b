"""Copy one batch of avatars into our own bucket."""

from typing import TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.pipeline.keeping import KeepReply, keep_avatars
from avatars.wiring import services

logger = Logger()


class Request(TypedDict):
    job_id: str
    run: int
    batch: int


@logger.inject_lambda_context(clear_state=True)
def handler(event: Request, context: LambdaContext) -> KeepReply:
    logger.append_keys(job_id=event["job_id"], run=event["run"])
    reply = keep_avatars(services(), **event)
    logger.info("kept avatars", extra=dict(reply))
    return reply

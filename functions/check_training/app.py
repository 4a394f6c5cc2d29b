"""Look once whether the model is ready."""

from typing import TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.pipeline.looking import LookReply, Looks
from avatars.pipeline.training import check_training
from avatars.wiring import services

logger = Logger()


class Request(TypedDict):
    job_id: str
    run: int
    looks: Looks


@logger.inject_lambda_context(clear_state=True)
def handler(event: Request, context: LambdaContext) -> LookReply:
    logger.append_keys(job_id=event["job_id"], run=event["run"])
    reply = check_training(services(), **event)
    logger.info("checked training", extra=dict(reply))
    return reply

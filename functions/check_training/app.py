"""Look once whether the model is ready."""

from typing import TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.logs import failures_told
from avatars.pipeline.looking import LookReply, Looks
from avatars.pipeline.training import check_training
from avatars.wiring import lines, services

logger = Logger()


class Request(TypedDict):
    job_id: str
    run: int
    looks: Looks


@logger.inject_lambda_context(clear_state=True)
@failures_told
def handler(event: Request, context: LambdaContext) -> LookReply:
    lines().about_run(event["job_id"], event["run"])
    reply = check_training(services(), **event)
    logger.info("checked training", extra=dict(reply))
    return reply

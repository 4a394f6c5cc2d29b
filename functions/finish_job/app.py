"""End a job: completed, or as a Catch of the state machine says."""

from typing import NotRequired, TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.pipeline.finishing import Failure, FinishReply, finish_job
from avatars.wiring import services

logger = Logger()


class Request(TypedDict):
    job_id: str
    run: int
    failure: NotRequired[Failure]


@logger.inject_lambda_context(clear_state=True)
def handler(event: Request, context: LambdaContext) -> FinishReply:
    logger.append_keys(job_id=event["job_id"], run=event["run"])
    reply = finish_job(services(), **event)
    logger.info("finished job", extra=dict(reply))
    return reply

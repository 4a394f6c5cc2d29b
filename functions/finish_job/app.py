"""End a job: completed, or as a Catch of the state machine says."""

from typing import NotRequired, TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.logs import failures_told
from avatars.pipeline.finishing import Failure, FinishReply, finish_job
from avatars.wiring import lines, services

logger = Logger()


class Request(TypedDict):
    job_id: str
    run: int
    failure: NotRequired[Failure]


@logger.inject_lambda_context(clear_state=True)
@failures_told
def handler(event: Request, context: LambdaContext) -> FinishReply:
    lines().about_run(event["job_id"], event["run"])
    reply = finish_job(services(), **event)
    logger.info("finished job", extra=dict(reply))
    return reply

"""Claim a run of a job for this execution and say where to begin."""

from typing import NotRequired, TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.logs import failures_told
from avatars.pipeline.running import BeginReply, begin_run
from avatars.wiring import lines, services

logger = Logger()


class Request(TypedDict):
    job_id: str
    execution: str
    run: NotRequired[int]
    prompts: NotRequired[list[object]]
    unknown: NotRequired[list[str]]


@logger.inject_lambda_context(clear_state=True)
@failures_told
def handler(event: Request, context: LambdaContext) -> BeginReply:
    lines().about_execution(event["job_id"], event["execution"])
    reply = begin_run(services(), **event)
    lines().about_run(event["job_id"], reply["run"])
    logger.info("began run", extra=dict(reply))
    return reply

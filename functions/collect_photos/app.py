"""Freeze a job's set of photos once its folder is complete."""

from typing import TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.logs import failures_told
from avatars.pipeline.collecting import CollectReply, collect_photos
from avatars.wiring import lines, services

logger = Logger()


class Request(TypedDict):
    job_id: str
    run: int


@logger.inject_lambda_context(clear_state=True)
@failures_told
def handler(event: Request, context: LambdaContext) -> CollectReply:
    lines().about_run(event["job_id"], event["run"])
    reply = collect_photos(services(), **event)
    logger.info("collected photos", extra=dict(reply))
    return reply

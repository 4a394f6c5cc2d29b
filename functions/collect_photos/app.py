"""Freeze a job's set of photos once its folder is complete."""

from typing import TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.pipeline.collecting import CollectReply, collect_photos
from avatars.wiring import services

logger = Logger()


class Request(TypedDict):
    job_id: str
    run: int


@logger.inject_lambda_context(clear_state=True)
def handler(event: Request, context: LambdaContext) -> CollectReply:
    logger.append_keys(job_id=event["job_id"], run=event["run"])
    reply = collect_photos(services(), **event)
    logger.info("collected photos", extra=dict(reply))
    return reply

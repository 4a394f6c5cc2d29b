"""Ask the provider, once, for avatars of a run."""

from typing import TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.logs import failures_told
from avatars.pipeline.inference import start_inference
from avatars.pipeline.submitting import SubmitReply
from avatars.wiring import lines, services

logger = Logger()


class Request(TypedDict):
    job_id: str
    run: int


@logger.inject_lambda_context(clear_state=True)
@failures_told
def handler(event: Request, context: LambdaContext) -> SubmitReply:
    lines().about_run(event["job_id"], event["run"])
    reply = start_inference(services(), **event)
    logger.info("started inference", extra=dict(reply))
    return reply

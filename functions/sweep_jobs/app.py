"""Find jobs and uploads that every event has missed, on a schedule."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.pipeline.sweeping import SweepReply, sweep_jobs
from avatars.wiring import services

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> SweepReply:
    reply = sweep_jobs(services())
    logger.info("swept jobs", extra=dict(reply))
    return reply

"""Find jobs and uploads that every event has missed, on a schedule."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.logs import failures_told
from avatars.pipeline.sweeping import SweepReply, sweep_jobs
from avatars.wiring import lines, services

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
@failures_told
def handler(event: dict[str, Any], context: LambdaContext) -> SweepReply:
    reply = sweep_jobs(services())
    lines().about_nobody()
    logger.info("swept jobs", extra=dict(reply))
    return reply

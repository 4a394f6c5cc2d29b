"""See to a job whose execution was aborted, timed out, or failed past its own Catch."""

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.aws.events import ExecutionEndedEvent, job_id_from
from avatars.logs import failures_told
from avatars.pipeline.finishing import FinishReply, close_job
from avatars.wiring import lines, services

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
@failures_told
def handler(event: ExecutionEndedEvent, context: LambdaContext) -> FinishReply | None:
    detail, job_id = event["detail"], job_id_from(event)
    if job_id is None:
        return None
    lines().about_execution(job_id, detail["executionArn"])
    reply = close_job(services(), job_id, detail["executionArn"], detail["status"])
    logger.info("closed job", extra={"execution_status": detail["status"], "closed": reply})
    return reply

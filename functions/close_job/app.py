"""End a job whose execution was aborted, timed out, or failed past its own Catch."""

import json
from typing import TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.pipeline.finishing import FinishReply, close_job
from avatars.wiring import services

logger = Logger()


class Detail(TypedDict):
    executionArn: str
    status: str
    input: str


class Request(TypedDict):
    """`Step Functions Execution Status Change`; the parts that we read."""

    detail: Detail


@logger.inject_lambda_context(clear_state=True)
def handler(event: Request, context: LambdaContext) -> FinishReply | None:
    detail = event["detail"]
    job_id = json.loads(detail["input"])["job_id"]
    logger.append_keys(job_id=job_id)
    reply = close_job(services(), job_id, detail["executionArn"], detail["status"])
    logger.info("closed job", extra={"execution_status": detail["status"], "closed": reply})
    return reply

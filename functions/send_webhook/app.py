"""Send the webhooks that are due; what is not taken is left in the queue, for later."""

from typing import TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.aws.webhook_queue import QueueRecord, message_from
from avatars.logs import failures_told
from avatars.pipeline.notifying import send_webhook
from avatars.wiring import lines, services

logger = Logger()


class Request(TypedDict):
    Records: list[QueueRecord]


class Reply(TypedDict):
    batchItemFailures: list[dict[str, str]]
    """What SQS must not delete; it is handed out again when its wait is over."""


@logger.inject_lambda_context(clear_state=True)
@failures_told
def handler(event: Request, context: LambdaContext) -> Reply:
    left = []
    for record in event["Records"]:
        message = message_from(record)
        detail = message.notice["detail"]
        lines().about_run(detail["job_id"], detail["run"])
        reply = send_webhook(services(), message)
        if reply["outcome"] == "POSTPONED":
            left.append({"itemIdentifier": record["messageId"]})
        sent = {"receiver": message.receiver, "tries": message.tries}
        logger.info("sent webhook", extra={**sent, **reply})
    return {"batchItemFailures": left}

"""Answer the HTTP API."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.api.routes import resolve
from avatars.logs import failures_told

logger = Logger()


@logger.inject_lambda_context(
    clear_state=True, correlation_id_path=correlation_paths.API_GATEWAY_HTTP
)
@failures_told
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    answer = resolve(event, context)
    logger.info("answered", extra={"route": event["routeKey"], "status": answer["statusCode"]})
    return answer

"""The HTTP API: order a job, ask for its start, see how it stands."""

import base64
import uuid
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.errors import BadRequestError, JobNotFoundError
from avatars.pipeline.ordering import ask_start, describe_job, order_job, owned_job
from avatars.requests import read_order
from avatars.responses import problem, reply
from avatars.wiring import services

logger = Logger()
app = APIGatewayHttpResolver()
app.exception_handler([BadRequestError, JobNotFoundError])(problem)


@app.post("/jobs")
def create_job() -> Response[str]:
    order = read_order(body(), services().settings.default)
    folder = order.folder or uuid.uuid4().hex
    job, forms = order_job(services(), owner(), folder, order.manifest, order.files)
    uploads = [{"file": f, "url": form.url, "fields": form.fields} for f, form in forms.items()]
    return reply(HTTPStatus.CREATED, describe_job(services(), job) | {"uploads": uploads})


@app.post("/jobs/<job_id>/start")
def start_job(job_id: str) -> Response[str]:
    job = ask_start(services(), owner(), job_id)
    return reply(HTTPStatus.ACCEPTED, describe_job(services(), job))


@app.get("/jobs/<job_id>")
def get_job(job_id: str) -> Response[str]:
    return reply(HTTPStatus.OK, describe_job(services(), owned_job(services(), owner(), job_id)))


def body() -> bytes:
    """What was sent; API Gateway encodes whatever does not call itself text."""
    data = (app.current_event.body or "").encode()
    return base64.b64decode(data) if app.current_event.is_base64_encoded else data


def owner() -> str:
    """Who calls, as the authorizer has verified it."""
    claims = app.current_event.request_context.authorizer.jwt_claim
    return str(claims["sub"])


@logger.inject_lambda_context(
    clear_state=True, correlation_id_path=correlation_paths.API_GATEWAY_HTTP
)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    answer = app.resolve(event, context)
    logger.info("answered", extra={"route": event["routeKey"], "status": answer["statusCode"]})
    return answer

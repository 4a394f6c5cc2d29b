"""A function with one route, one model and one client: what any API on Powertools must import."""

from typing import Any

import boto3
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

app = APIGatewayHttpResolver(enable_validation=True)
table = boto3.client("dynamodb")


class Styles(BaseModel):
    """What can be ordered."""

    styles: list[str]


@app.get("/styles")
def list_styles() -> Styles:
    return Styles(styles=["realistic"])


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)

"""Whatever becomes of a custom resource, CloudFormation hears of it."""

import json
from collections.abc import Callable

import httpx
import pytest

from avatars.aws.stacks import MOST_BYTES, StackEvent, answering
from avatars.errors import IssuerError

EVENT: StackEvent = {
    "RequestType": "Create",
    "RequestId": "a-request",
    "ResponseURL": "https://cloudformation.example.com/signed?X-Amz-Signature=a%2Fb",
    "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/avatars/a",
    "LogicalResourceId": "Page",
    "ResourceProperties": {"Bucket": "a-page"},
}


class CloudFormation(httpx.MockTransport):
    """Notes what it is told; refuses what a signed link would not cover."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.told: list[httpx.Request] = []
        super().__init__(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.told.append(request)
        signed = request.method == "PUT" and "content-type" not in request.headers
        return httpx.Response(self.status if signed else 403)


def told(cloudformation: CloudFormation) -> dict[str, str]:
    [request] = cloudformation.told
    assert str(request.url) == EVENT["ResponseURL"]
    answer: dict[str, str] = json.loads(request.content)
    return answer


def tell(work: Callable[[], object], cloudformation: CloudFormation) -> None:
    with answering(EVENT, "a-page", cloudformation):
        work()


def test_what_went_well_is_told() -> None:
    cloudformation = CloudFormation()

    tell(lambda: None, cloudformation)

    assert told(cloudformation) == {
        "Status": "SUCCESS",
        "PhysicalResourceId": "a-page",
        "StackId": EVENT["StackId"],
        "RequestId": "a-request",
        "LogicalResourceId": "Page",
    }


def test_what_did_not_is_told_with_its_reason_and_goes_no_further() -> None:
    cloudformation = CloudFormation()

    def fail() -> None:
        raise IssuerError("The issuer says nothing.")

    tell(fail, cloudformation)

    assert told(cloudformation)["Status"] == "FAILED"
    assert told(cloudformation)["Reason"] == "IssuerError: The issuer says nothing."
    assert told(cloudformation)["PhysicalResourceId"] == "a-page"


def test_a_long_reason_is_cut_to_what_is_taken() -> None:
    cloudformation = CloudFormation()

    def fail() -> None:
        raise IssuerError("ü" * MOST_BYTES)

    tell(fail, cloudformation)

    assert len(cloudformation.told[0].content) <= MOST_BYTES


def test_where_nobody_can_be_told_lambda_tries_again() -> None:
    with pytest.raises(httpx.HTTPStatusError):
        tell(lambda: None, CloudFormation(status=503))

"""Asking for a photo to be prepared: what Lambda is sent is what S3 would have sent."""

import json

import boto3
from botocore.stub import ANY, Stubber

from avatars.aws.events import SEQUENCER_LENGTH, event_for, upload_from
from avatars.aws.preparations import LambdaPreparations
from tests.builders import an_upload

UPLOAD = an_upload("Été 50% + 1.jpg", sequencer="0A".ljust(SEQUENCER_LENGTH, "0"))


def test_the_function_is_invoked_asynchronously_with_the_event(aws: None) -> None:
    client = boto3.client("lambda")
    asked: list[bytes] = []
    client.meta.events.register(
        "before-parameter-build.lambda.Invoke", lambda params, **_: asked.append(params["Payload"])
    )
    expected = {"FunctionName": "prepare", "InvocationType": "Event", "Payload": ANY}
    with Stubber(client) as lambdas:
        lambdas.add_response("invoke", {"StatusCode": 202}, expected)

        LambdaPreparations(client, "prepare").ask(UPLOAD)

    assert upload_from(json.loads(asked[0])) == UPLOAD


def test_an_event_tells_of_the_upload_that_it_was_made_for() -> None:
    assert upload_from(event_for(UPLOAD)) == UPLOAD

"""Asking for avatars to be packed: nobody waits for it, and the function knows for which job."""

import json

import boto3
from botocore.stub import Stubber

from avatars.aws.packing import LambdaPacking
from tests.builders import JOB_ID
from tests.conftest import ROOT


def test_the_function_is_invoked_asynchronously_with_the_job(aws: None) -> None:
    client = boto3.client("lambda")
    payload = json.dumps({"job_id": JOB_ID}).encode()
    expected = {"FunctionName": "pack", "InvocationType": "Event", "Payload": payload}
    with Stubber(client) as lambdas:
        lambdas.add_response("invoke", {"StatusCode": 202}, expected)

        LambdaPacking(client, "pack").ask(JOB_ID)

        lambdas.assert_no_pending_responses()


def test_the_example_in_events_is_what_is_sent() -> None:
    example = json.loads((ROOT / "events/pack_avatars.json").read_text())

    assert example == {"job_id": JOB_ID}

"""Notices on EventBridge: the one call, to the letter."""

import json

import boto3
import pytest
from botocore.stub import Stubber

from avatars.aws.notices import EventBridgeNotices
from tests.fakes import FakeNotices

DETAIL = {"job_id": "a-job", "run": 1, "status": "COMPLETED", "code": None}


def test_a_notice_goes_to_the_default_bus_under_our_name_and_the_names_of_our_table(
    aws: None,
) -> None:
    client = boto3.client("events")
    told = json.dumps({**DETAIL, "table": "jobs"})
    entry = {"Source": "avatars", "DetailType": "AvatarsReady", "Detail": told}
    with Stubber(client) as stubber:
        stubber.add_response(
            "put_events", {"FailedEntryCount": 0, "Entries": [{}]}, {"Entries": [entry]}
        )

        EventBridgeNotices(client, "jobs").publish("AvatarsReady", DETAIL)

        stubber.assert_no_pending_responses()


def test_a_notice_that_was_refused_is_no_success(aws: None) -> None:
    client = boto3.client("events")
    refusal = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
    with Stubber(client) as stubber:
        stubber.add_response("put_events", refusal)

        with pytest.raises(OSError, match="AvatarsReady was refused: ThrottlingException"):
            EventBridgeNotices(client, "jobs").publish("AvatarsReady", DETAIL)


def test_the_fake_takes_what_the_bus_takes() -> None:
    notices = FakeNotices()

    notices.publish("AvatarsReady", DETAIL)

    assert notices.published == [("AvatarsReady", DETAIL)]
    with pytest.raises(TypeError):
        notices.publish("AvatarsReady", {"photo": b"bytes are no JSON"})

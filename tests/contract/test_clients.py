"""Clients without boto3 ask what those of boto3 ask, in the same place."""

import boto3
import pytest
from botocore.exceptions import UnknownServiceError

from avatars.aws.clients import SERVICES, make_client


@pytest.mark.parametrize("service", SERVICES)
def test_a_client_is_as_boto3_makes_it(service: str, aws: None) -> None:
    ours, theirs = make_client(service), boto3.client(service)

    for client in (ours, theirs):
        assert client.meta.service_model.service_name == service
    assert ours.meta.endpoint_url == theirs.meta.endpoint_url
    assert ours.meta.region_name == theirs.meta.region_name
    assert ours.meta.service_model.api_version == theirs.meta.service_model.api_version


def test_the_embedded_engine_takes_the_place_of_aws(
    aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")

    assert make_client("s3").meta.endpoint_url == "http://127.0.0.1:4566"


def test_a_service_that_functions_do_not_use_is_refused(aws: None) -> None:
    with pytest.raises(UnknownServiceError, match="ec2"):
        make_client("ec2")

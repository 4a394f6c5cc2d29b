"""The page in its bucket: put there by a deployment, served by CloudFront, gone with the stack."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from avatars.publishing import page_files
from local.deploy import DeployError, deploy
from local.engine import REGION, ROOT_KEYS
from tests.conftest import ROOT
from tests.e2e.pipeline import Pipeline

STACK = "page-alone"
CONFIG = {
    "api": "https://api.example.com",
    "issuer": "https://login.example.com",
    "authorize": "https://login.example.com/authorize",
}


def served(pipeline: Pipeline, bucket: str) -> dict[str, bytes]:
    """What lies in a page's bucket."""
    listed = pipeline.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {
        item["Key"]: pipeline.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        for item in listed
    }


class TestDeployment:
    def test_the_bucket_holds_the_page_and_its_configuration(self, pipeline: Pipeline) -> None:
        outputs = pipeline.stack.outputs

        found = served(pipeline, outputs["PageBucket"])

        config = json.loads(found.pop("page/config.json"))
        assert found == {f"page/{f}": data for f, data in page_files(ROOT / "web").items()}
        assert config["client_id"] == outputs["OwnerPoolClient"]
        assert config["token"] == f"{outputs['SignInUrl']}/oauth2/token"
        assert config["issuer"].endswith(outputs["OwnerPool"])
        assert "try" not in config

    def test_cloudfront_serves_it_with_its_headers_and_nobody_else_does(
        self, pipeline: Pipeline
    ) -> None:
        bucket = pipeline.stack.outputs["PageBucket"]
        domain = pipeline.aws("cloudfront").get_distribution(Id=pipeline.resources["Distribution"])
        viewer = {"Host": domain["Distribution"]["DomainName"], "X-Forwarded-Proto": "https"}

        with httpx.Client(base_url=pipeline.stack.endpoint_url, trust_env=False) as client:
            page = client.get("/", headers=viewer)
            by_http = client.get("/", headers=viewer | {"X-Forwarded-Proto": "http"})
            directly = client.get(f"/{bucket}/page/index.html")

        assert page.content == (ROOT / "web/index.html").read_bytes()
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["cache-control"] == "no-cache"
        assert page.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert pipeline.stack.outputs["SignInUrl"] in page.headers["content-security-policy"]
        assert by_http.status_code == 301
        assert directly.status_code == 403


def test_the_function_takes_its_event_and_tells_how_it_went(pipeline: Pipeline) -> None:
    event = json.loads((ROOT / "events/publish_page.json").read_text())
    bucket = pipeline.stack.outputs["PageBucket"]
    before = served(pipeline, bucket)
    event["ResourceProperties"]["Bucket"] = bucket
    event["ResourceProperties"]["Config"] = json.loads(before["page/config.json"])
    # An object of a bucket, by a signed link, is where CloudFormation itself takes answers.
    pipeline.s3.create_bucket(Bucket="answers")
    event["ResponseURL"] = links(pipeline).generate_presigned_url(
        "put_object", Params={"Bucket": "answers", "Key": "answer"}
    )

    assert pipeline.invoke("PublishPageFunction", event) is None

    told = json.load(pipeline.s3.get_object(Bucket="answers", Key="answer")["Body"])
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", bucket)
    assert told["RequestId"] == event["RequestId"]
    assert served(pipeline, bucket) == before


def links(pipeline: Pipeline) -> Any:
    """A client that signs links as CloudFormation does."""
    return boto3.client(
        "s3",
        endpoint_url=pipeline.stack.endpoint_url,
        region_name=REGION,
        config=Config(signature_version="s3v4"),
        **ROOT_KEYS,
    )


@dataclass
class Alone:
    """A stack of the page alone, with files and a configuration that a test may change."""

    pipeline: Pipeline
    folder: Path

    def write(self, **files: str) -> None:
        """Make these the files of the page."""
        shutil.rmtree(self.folder / "web", ignore_errors=True)
        (self.folder / "web").mkdir()
        for name, text in files.items():
            (self.folder / "web" / name.replace("_", ".")).write_text(text)

    def deploy(self, config: dict[str, str]) -> str:
        """Returns the bucket. Raises DeployError."""
        wanted = ("PageBucket", "CoreLayer", "PageLayer", "PublishPageFunction", "Page", "LogGroup")
        template: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
        resources = {name: template["Resources"][name] for name in wanted}
        resources["PageBucket"]["DeletionPolicy"] = "Retain"  # to see whether anything is left
        resources["Page"]["Properties"]["Config"] = config
        resources["LogGroup"]["Properties"]["RetentionInDays"] = 1
        template["Globals"]["Function"]["Environment"] = {"Variables": {}}
        for part in ("Parameters", "Conditions", "Rules", "Outputs"):
            template.pop(part, None)
        (self.folder / "template.yaml").write_text(json.dumps(template | {"Resources": resources}))
        deployed = deploy(
            self.folder / "template.yaml", STACK, {}, self.pipeline.stack.endpoint_url
        )
        return deployed.resources["PageBucket"]

    def delete(self) -> None:
        stacks = self.pipeline.aws("cloudformation")
        stacks.delete_stack(StackName=STACK)
        stacks.get_waiter("stack_delete_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )


@pytest.fixture
def alone(pipeline: Pipeline, tmp_path: Path) -> Iterator[Alone]:
    for folder in ("functions", "layers"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    alone = Alone(pipeline, tmp_path)
    yield alone
    alone.delete()


def test_a_changed_page_is_published_by_the_next_deployment_and_erased_with_the_stack(
    alone: Alone, pipeline: Pipeline
) -> None:
    alone.write(index_html="one", app_js="old")
    bucket = alone.deploy(CONFIG)
    first = served(pipeline, bucket)

    alone.write(index_html="two")
    alone.deploy(CONFIG)
    second = served(pipeline, bucket)

    alone.deploy(CONFIG | {"api": "https://other.example.com"})
    third = served(pipeline, bucket)

    alone.delete()

    assert first.keys() == {"page/index.html", "page/app.js", "page/config.json"}
    assert second.keys() == {"page/index.html", "page/config.json"}
    assert second["page/index.html"] == third["page/index.html"] == b"two"
    assert json.loads(third["page/config.json"])["api"] == "https://other.example.com"
    left = pipeline.s3.list_object_versions(Bucket=bucket)
    assert "Versions" not in left
    assert "DeleteMarkers" not in left


def test_a_deployment_whose_page_cannot_be_published_fails_with_the_reason(
    alone: Alone,
) -> None:
    alone.write(index_html="one")

    with pytest.raises(
        DeployError, match=r"Page .*IssuerError: The issuer's https://127\.0\.0\.1:1"
    ):
        alone.deploy({"api": "https://api.example.com", "issuer": "https://127.0.0.1:1"})

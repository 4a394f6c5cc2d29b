"""A stack on the engine taken down, and the doctor who uses one."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import pytest

from cli.deploying.place import SAM_STACK, Place, Standing, require_sams_bucket, standing
from cli.doctor.examining import CHECKS, examine
from cli.doctor.finding import Level
from cli.doctor.live import LIVE
from cli.doctor.live.trial import OWNER
from cli.saying import RefusedError
from cli.target import Target
from cli.teardown import deleting
from cli.teardown.commands import require_removable
from cli.teardown.deleting import delete_stack
from cli.teardown.stock import (
    Piece,
    models_paid_for,
    running_jobs,
    take_stock,
    ways_to_delete,
)
from local.engine import ACCOUNT_ID, REGION, client
from local.stack import STACK
from tests.conftest import ROOT
from tests.e2e.command import avatars, surroundings
from tests.e2e.pipeline import Pipeline, Provider

TEMPLATE = {
    "Resources": {
        "UploadBucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {"VersioningConfiguration": {"Status": "Enabled"}},
        },
        "AvatarBucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
        "JobsTable": {
            "Type": "AWS::DynamoDB::Table",
            "DeletionPolicy": "Retain",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": "job_id", "AttributeType": "S"},
                    {"AttributeName": "record", "AttributeType": "S"},
                ],
                "KeySchema": [
                    {"AttributeName": "job_id", "KeyType": "HASH"},
                    {"AttributeName": "record", "KeyType": "RANGE"},
                ],
            },
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
        },
        "MakeAvatars": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionString": json.dumps(
                    {
                        "StartAt": "Wait",
                        "States": {"Wait": {"Type": "Wait", "Seconds": 99, "End": True}},
                    }
                ),
            },
        },
    },
    "Outputs": {
        "JobsTable": {"Value": {"Ref": "JobsTable"}},
        "StateMachine": {"Value": {"Ref": "MakeAvatars"}},
    },
}


@pytest.fixture
def place(pipeline: Pipeline) -> Place:
    """The engine, as an operator's account."""
    aws = cache(partial(client, endpoint_url=pipeline.stack.endpoint_url))
    return Place(ACCOUNT_ID, f"arn:aws:iam::{ACCOUNT_ID}:root", REGION, aws)


@pytest.fixture
def stack(place: Place) -> Iterator[Standing]:
    """A small stack with a bucket that goes, and a bucket and a table that stay."""
    now = made(place, f"small-{uuid.uuid4().hex[:8]}", TEMPLATE)
    yield now
    place.make_client("cloudformation").delete_stack(StackName=now.id)


def made(place: Place, name: str, template: dict[str, Any]) -> Standing:
    cloudformation = place.make_client("cloudformation")
    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1}
    )
    now = standing(place, name)
    assert now
    return now


def piece(place: Place, stack: Standing, name: str) -> Piece:
    found = take_stock(place, stack.id).named(name)
    assert found
    return found


def buckets(place: Place) -> set[str]:
    return {bucket["Name"] for bucket in place.make_client("s3").list_buckets()["Buckets"]}


class TestTeardown:
    def test_what_stays_is_what_the_deployed_template_keeps(
        self, place: Place, stack: Standing
    ) -> None:
        stock = take_stock(place, stack.id)

        assert {piece.name for piece in stock.stays} == {"AvatarBucket", "JobsTable"}
        assert {piece.name for piece in stock.goes} == {"UploadBucket", "Role", "MakeAvatars"}
        assert all(ways_to_delete(piece) for piece in stock.stays)
        assert all("template" not in piece.why for piece in stock.stays)

    def test_of_the_whole_template_the_avatars_the_table_and_the_people_stay(
        self, place: Place
    ) -> None:
        stock = take_stock(place, STACK)

        kept = {"AvatarBucket", "JobsTable", "OwnerPool", "WebhookSecret"}
        assert {piece.name for piece in stock.stays} == kept
        assert all("template" not in piece.why for piece in stock.stays)

    def test_buckets_are_emptied_and_what_stays_goes_by_the_commands_that_are_told(
        self,
        pipeline: Pipeline,
        place: Place,
        stack: Standing,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(deleting, "LOOK_SECONDS", 0.1)
        s3, told = place.make_client("s3"), list[str]()
        uploads, kept = (piece(place, stack, f"{kind}Bucket") for kind in ("Upload", "Avatar"))
        for data in (b"once", b"twice"):
            s3.put_object(Bucket=uploads.id, Key="uploads/alice/a.jpg", Body=data)
        s3.put_object(Bucket=kept.id, Key="avatars/alice/a.jpg", Body=b"kept")

        delete_stack(place, stack, take_stock(place, stack.id), told.append)

        assert "Emptied UploadBucket: 2 versions." in told
        assert "UploadBucket: DELETE_COMPLETE" in told
        assert buckets(place) & {uploads.id, kept.id} == {kept.id}
        gone = standing(place, stack.id)
        assert gone is None or gone.status == "DELETE_COMPLETE"

        (program,) = ways_to_delete(kept)
        done = subprocess.run(
            ["/bin/sh", "-c", program.replace(".venv/bin/python", sys.executable)],
            cwd=ROOT,
            env=surroundings(pipeline),
            capture_output=True,
            text=True,
        )

        assert done.returncode == 0, done.stderr
        assert kept.id not in buckets(place)

    def test_models_that_were_paid_for_are_counted_once_a_job(
        self, place: Place, stack: Standing
    ) -> None:
        table = piece(place, stack, "JobsTable")
        for job, record, model in (
            ("A", "job", "model-a"),
            ("A", "run#001", "model-a"),
            ("B", "job", "model-b"),
            ("C", "job", None),
        ):
            item = {"job_id": {"S": job}, "record": {"S": record}}
            item |= {"model_id": {"S": model}} if model else {}
            place.make_client("dynamodb").put_item(TableName=table.id, Item=item)

        assert models_paid_for(place, take_stock(place, stack.id)) == 2

    def test_jobs_that_run_are_seen(self, place: Place, stack: Standing) -> None:
        before = running_jobs(place, take_stock(place, stack.id))
        place.make_client("stepfunctions").start_execution(
            stateMachineArn=stack.outputs["StateMachine"], name="A-1"
        )

        running = running_jobs(place, take_stock(place, stack.id))

        assert before == []
        assert [each.rpartition(":")[2] for each in running] == ["A-1"]

    def test_a_protected_stack_is_not_touched(self) -> None:
        protected = Standing("an-id", "CREATE_COMPLETE", {}, protected=True)

        with pytest.raises(RefusedError, match="no-enable-termination-protection"):
            require_removable("mine", protected)

    def test_a_stack_that_is_not_there_or_not_ours_is_refused(
        self, pipeline: Pipeline, place: Place
    ) -> None:
        name = "somebody-elses"
        made(place, name, {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})

        missing = avatars(pipeline, "teardown", "--yes", stack="no-such-stack")
        foreign = avatars(pipeline, "teardown", "--yes", stack=name)

        assert (missing.returncode, foreign.returncode) == (1, 1)
        assert "There is no stack no-such-stack" in missing.stderr
        assert "is none of this template" in foreign.stderr
        assert standing(place, name)
        place.make_client("cloudformation").delete_stack(StackName=name)


def test_the_bucket_that_the_sam_cli_uploads_to_is_there_or_told_to_be_gone(place: Place) -> None:
    require_sams_bucket(place)
    sams = made(
        place,
        SAM_STACK,
        {
            "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}},
            "Outputs": {"SourceBucket": {"Value": {"Ref": "Bucket"}}},
        },
    )
    require_sams_bucket(place)
    place.make_client("s3").delete_bucket(Bucket=sams.outputs["SourceBucket"])

    with pytest.raises(RefusedError, match=f"delete-stack --stack-name {SAM_STACK}"):
        require_sams_bucket(place)
    place.make_client("cloudformation").delete_stack(StackName=SAM_STACK)


def test_somebody_is_invited_and_the_key_reaches_the_secret_by_standard_input(
    pipeline: Pipeline,
) -> None:
    users, pool = pipeline.aws("cognito-idp"), pipeline.stack.outputs["OwnerPool"]
    secret = {"SecretId": pipeline.stack.outputs["ProviderKeySecret"]}
    key = pipeline.aws("secretsmanager").get_secret_value(**secret)["SecretString"]

    invited = avatars(pipeline, "invite", "new@example.com")
    again = avatars(pipeline, "invite", "new@example.com")
    put = avatars(pipeline, "key", "--key-file", "-", said=f"{key}\n")

    assert (invited.returncode, again.returncode) == (0, 1), invited.stderr
    assert "was invited before" in again.stderr
    user = users.admin_get_user(UserPoolId=pool, Username="new@example.com")
    attributes = {each["Name"]: each["Value"] for each in user["UserAttributes"]}
    assert (attributes["email"], attributes["email_verified"]) == ("new@example.com", "true")
    assert put.returncode == 0, put.stderr
    assert "It takes our key" in put.stdout
    assert key not in put.stdout + put.stderr


class TestDoctorWhoActs:
    @pytest.fixture
    def target(self, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Target:
        monkeypatch.setattr("cli.doctor.live.trial.LOOK_SECONDS", 0.1)
        aws = partial(client, endpoint_url=pipeline.stack.endpoint_url)
        return Target(STACK, pipeline.stack.outputs, aws, pipeline.stack.clock, local=True)

    def test_every_link_is_used_and_nothing_is_left_or_paid_for(
        self, pipeline: Pipeline, provider: Provider, target: Target
    ) -> None:
        acting = {name: check for name, check in LIVE.items() if name not in CHECKS}

        findings = examine(target, checks=acting)

        assert [each for each in findings if each.level is Level.FINDING] == []
        # What the engine cannot show: docs/fidelity.md.
        assert {each.about for each in findings if each.level is Level.NOTE} == {
            "page",
            "deliveries",
            "sweep",
        }
        trial = [each.said for each in findings if each.about == "trial job"]
        assert "EventBridge heard of it, and it was judged: not_an_image." in trial
        assert trial[-1] == "It was erased, in all versions, and its execution stopped."
        assert provider.calls("start_training") == []
        left = pipeline.s3.list_object_versions(
            Bucket=pipeline.upload_bucket, Prefix=f"uploads/{OWNER}/"
        )
        assert "Versions" not in left

    def test_a_permission_that_is_gone_is_found(self, pipeline: Pipeline, target: Target) -> None:
        iam, role = pipeline.aws("iam"), pipeline.resources["MakeAvatarsRole"]
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        iam.delete_role_policy(RoleName=role, PolicyName=name)
        try:
            findings = examine(target, checks={"it": LIVE["permissions between services"]})
        finally:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))

        wrong = [each.said for each in findings if each.level is Level.FINDING]
        assert any("The state machine may not lambda:InvokeFunction" in each for each in wrong)

    def test_an_upload_that_nobody_hears_of_is_found_and_erased_all_the_same(
        self, pipeline: Pipeline, target: Target, held_back: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("cli.doctor.live.trial.PATIENCE_SECONDS", 3)

        findings = examine(target, checks={"it": LIVE["trial job"]})

        (wrong,) = [each for each in findings if each.level is Level.FINDING][:1]
        assert "was not judged within 3 seconds" in wrong.said
        assert "PreparePhotoFunctionUploaded" in (wrong.remedy or "")
        left = pipeline.s3.list_object_versions(
            Bucket=pipeline.upload_bucket, Prefix=f"uploads/{OWNER}/"
        )
        assert "Versions" not in left

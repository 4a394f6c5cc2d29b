"""What a stack is made of: what goes with it, what stays and why, and what is under way."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from cli.deploying.place import Place


class Kind(StrEnum):
    """Types of resources that are handled with care."""

    BUCKET = "AWS::S3::Bucket"
    TABLE = "AWS::DynamoDB::Table"
    POOL = "AWS::Cognito::UserPool"
    SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a type, and none itself
    MACHINE = "AWS::StepFunctions::StateMachine"


KEPT = ("Retain", "RetainExceptOnCreate")

WHY = {
    "AvatarBucket": "the finished avatars, and the provider's raw answers, which hold every id",
    "JobsTable": "every job, and the ids of the models that were paid for",
    "OwnerPool": "the people who were invited",
    "WebhookSecret": "what the secrets of all receivers of webhooks follow from",
}
"""What the resources that stay hold."""


@dataclass(frozen=True)
class Piece:
    """One resource of a stack."""

    name: str
    type: str
    id: str

    @property
    def why(self) -> str:
        return WHY.get(self.name, "what the template says is to be kept")


@dataclass(frozen=True)
class Stock:
    """A stack's resources, by what becomes of them with it."""

    goes: list[Piece]
    stays: list[Piece]

    def named(self, name: str) -> Piece | None:
        return next((each for each in [*self.goes, *self.stays] if each.name == name), None)


def take_stock(place: Place, stack: str) -> Stock:
    """What there is, and which of it the template keeps; the template that was deployed."""
    # Every other command would wait for it, too.
    from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

    cloudformation = place.make_client("cloudformation")
    body: Any = cloudformation.get_template(StackName=stack, TemplateStage="Processed")
    template = body["TemplateBody"]
    declared = (yaml_parse(template) if isinstance(template, str) else template)["Resources"]
    stock = Stock([], [])
    pages = cloudformation.get_paginator("list_stack_resources")
    for page in pages.paginate(StackName=stack):
        for found in page["StackResourceSummaries"]:
            if found["ResourceStatus"] == "DELETE_COMPLETE":
                continue
            name = found["LogicalResourceId"]
            piece = Piece(name, found["ResourceType"], found.get("PhysicalResourceId", ""))
            kept = declared.get(name, {}).get("DeletionPolicy") in KEPT
            (stock.stays if kept else stock.goes).append(piece)
    return stock


def running_jobs(place: Place, stock: Stock) -> list[str]:
    """The executions that are under way, by their ARNs."""
    machines = [piece.id for piece in stock.goes if piece.type == Kind.MACHINE and piece.id]
    pages = place.make_client("stepfunctions").get_paginator("list_executions")
    return [
        execution["executionArn"]
        for machine in machines
        for page in pages.paginate(stateMachineArn=machine, statusFilter="RUNNING")
        for execution in page["executions"]
    ]


def models_paid_for(place: Place, stock: Stock) -> int | None:
    """How many models the provider keeps for this stack, by the table; None without a table."""
    table = stock.named("JobsTable")
    if table is None:
        return None
    pages = place.make_client("dynamodb").get_paginator("scan")
    try:
        return sum(
            int(page["Count"])
            for page in pages.paginate(
                TableName=table.id,
                FilterExpression="attribute_exists(model_id) AND #record = :job",
                ExpressionAttributeNames={"#record": "record"},
                ExpressionAttributeValues={":job": {"S": "job"}},
                Select="COUNT",
            )
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise


def ways_to_delete(piece: Piece) -> list[str]:
    """Commands that delete what was kept, once nobody needs it any more."""
    match piece.type:
        case Kind.BUCKET:
            program = (
                f"import boto3; b = boto3.resource('s3').Bucket('{piece.id}'); "
                "b.object_versions.delete(); b.delete()"
            )
            return [f'.venv/bin/python -c "{program}"']
        case Kind.TABLE:
            table = f"--table-name {piece.id}"
            return [
                f"aws dynamodb update-table {table} --no-deletion-protection-enabled",
                f"aws dynamodb delete-table {table}",
            ]
        case Kind.POOL:
            pool = f"--user-pool-id {piece.id}"
            return [
                f"aws cognito-idp update-user-pool {pool} --deletion-protection INACTIVE",
                f"aws cognito-idp delete-user-pool {pool}",
            ]
        case Kind.SECRET:
            return [f"aws secretsmanager delete-secret --secret-id {piece.id}"]
        case _:
            return []

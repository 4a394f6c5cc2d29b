"""What CloudFormation gets is locked down: by default, and under a key of one's own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.expand import expand

ROOT = Path(__file__).parents[2]
TEMPLATE = expand(ROOT / "template.yaml")
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]

KEY = {"Ref": "EncryptionKeyArn"}
KEYED = {"Fn::If": ["HasEncryptionKey", KEY, {"Ref": "AWS::NoValue"}]}

KEYED_PROPERTY = {
    "DynamoDB::Table": ("SSESpecification", "KMSMasterKeyId"),
    "SQS::Queue": ("KmsMasterKeyId",),
    "SNS::Topic": ("KmsMasterKeyId",),
    "SecretsManager::Secret": ("KmsKeyId",),
    "Logs::LogGroup": ("KmsKeyId",),
    "Lambda::Function": ("KmsKeyArn",),
}
"""Where each type is told its key."""

PUBLIC = {"PageBucket"}
"""What holds nothing that is not for everybody."""

CANNOT_BE_MADE_AGAIN = {"JobsTable", "AvatarBucket", "OwnerPool", "WebhookSecret"}

Statement = dict[str, Any]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in RESOURCES.items()
        if resource["Type"] == f"AWS::{kind}"
    }


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def policy_of(kind: str, attribute: str, name: str) -> list[Statement]:
    """The statements of the resource policies of one bucket, queue or topic."""
    return [
        statement
        for properties in of_type(kind).values()
        if {"Ref": name} in listed(properties[attribute])
        for statement in properties["PolicyDocument"]["Statement"]
    ]


GUARDED = [
    *(("S3::BucketPolicy", "Bucket", name, "s3:*") for name in of_type("S3::Bucket")),
    *(("SQS::QueuePolicy", "Queues", name, "sqs:*") for name in of_type("SQS::Queue")),
    *(("SNS::TopicPolicy", "Topics", name, "sns:Publish") for name in of_type("SNS::Topic")),
]


class TestTransport:
    @pytest.mark.parametrize(("kind", "attribute", "name", "action"), GUARDED)
    def test_nobody_comes_without_tls(
        self, kind: str, attribute: str, name: str, action: str
    ) -> None:
        [denied] = [
            statement
            for statement in policy_of(kind, attribute, name)
            if statement["Effect"] == "Deny"
        ]

        assert denied["Principal"] == "*"
        assert denied["Action"] == action
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": False}}
        arn = {"Ref": name} if kind.startswith("SNS") else {"Fn::GetAtt": [name, "Arn"]}
        objects = [{"Fn::Sub": f"${{{name}.Arn}}/*"}] if kind.startswith("S3") else []
        assert listed(denied["Resource"]) == [arn, *objects]

    def test_no_policy_of_ours_is_for_everybody(self) -> None:
        opened = [
            (name, statement["Sid"])
            for name, resource in RESOURCES.items()
            for statement in resource.get("Properties", {})
            .get("PolicyDocument", {})
            .get("Statement", [])
            if statement["Effect"] == "Allow" and statement.get("Principal") in ("*", {"AWS": "*"})
        ]

        assert opened == []


class TestBuckets:
    @pytest.mark.parametrize("name", of_type("S3::Bucket"))
    def test_objects_belong_to_this_account(self, name: str) -> None:
        rules = of_type("S3::Bucket")[name]["OwnershipControls"]["Rules"]

        assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]

    @pytest.mark.parametrize("name", of_type("S3::Bucket"))
    def test_access_is_logged_where_somebody_says_so(self, name: str) -> None:
        condition, logged, otherwise = of_type("S3::Bucket")[name]["LoggingConfiguration"]["Fn::If"]

        assert (condition, otherwise) == ("HasAccessLogBucket", {"Ref": "AWS::NoValue"})
        assert logged["DestinationBucketName"] == {"Ref": "AccessLogBucket"}

    def test_logs_of_one_bucket_do_not_lie_among_those_of_another(self) -> None:
        prefixes = [
            str(bucket["LoggingConfiguration"]["Fn::If"][1]["LogFilePrefix"])
            for bucket in of_type("S3::Bucket").values()
        ]

        assert len(set(prefixes)) == len(prefixes) == 3

    def test_only_the_page_may_send_and_fetch_from_a_browser(self) -> None:
        page = {
            "Fn::If": [
                "HasPageOrigin",
                {"Ref": "PageOrigin"},
                {"Fn::Sub": "https://${Distribution.DomainName}"},
            ]
        }
        origins = {
            name: [
                origin
                for rule in bucket["CorsConfiguration"]["CorsRules"]
                for origin in rule["AllowedOrigins"]
            ]
            for name, bucket in of_type("S3::Bucket").items()
            if "CorsConfiguration" in bucket
        }

        assert origins == {"UploadBucket": [page], "AvatarBucket": [page]}


class TestKey:
    def test_by_default_there_is_none(self) -> None:
        assert TEMPLATE["Parameters"]["EncryptionKeyArn"]["Default"] == ""
        assert TEMPLATE["Conditions"]["HasEncryptionKey"] == {
            "Fn::Not": [{"Fn::Equals": [KEY, ""]}]
        }

    @pytest.mark.parametrize(
        ("name", "path"),
        [(name, path) for kind, path in KEYED_PROPERTY.items() for name in of_type(kind)],
    )
    def test_what_is_kept_is_under_it(self, name: str, path: tuple[str, ...]) -> None:
        value: Any = RESOURCES[name]["Properties"]
        for key in path:
            value = value[key]

        assert value == KEYED

    @pytest.mark.parametrize("name", sorted(of_type("S3::Bucket").keys() - PUBLIC))
    def test_so_are_objects(self, name: str) -> None:
        [rule] = of_type("S3::Bucket")[name]["BucketEncryption"][
            "ServerSideEncryptionConfiguration"
        ]

        assert rule["ServerSideEncryptionByDefault"]["Fn::If"] == [
            "HasEncryptionKey",
            {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
            {"SSEAlgorithm": "AES256"},
        ]
        # One call of KMS for many objects.
        assert rule["BucketKeyEnabled"] == {"Fn::If": ["HasEncryptionKey", True, False]}

    def test_a_queue_has_one_kind_of_encryption(self) -> None:
        for queue in of_type("SQS::Queue").values():
            managed = queue["SqsManagedSseEnabled"]

            assert managed == {"Fn::If": ["HasEncryptionKey", {"Ref": "AWS::NoValue"}, True]}

    @pytest.mark.parametrize("service", ["s3", "dynamodb", "secretsmanager", "sqs"])
    def test_who_may_use_it_is_who_needs_it_and_nobody_else(self, service: str) -> None:
        assert allowed_by_key(service) == needed_of_key(service)

    def test_it_is_used_only_through_these_services(self) -> None:
        for name, properties in key_policies().items():
            [statement] = properties["PolicyDocument"]["Statement"]
            [via] = statement["Condition"]["StringEquals"].items()

            assert RESOURCES[name]["Condition"] == "HasEncryptionKey"
            assert statement["Resource"] == KEY
            assert via[0] == "kms:ViaService"


def key_policies() -> dict[str, dict[str, Any]]:
    return {
        name: properties
        for name, properties in of_type("IAM::Policy").items()
        if "kms:" in json.dumps(properties)
    }


def allowed_by_key(service: str) -> dict[str, set[str]]:
    """The roles that may use the key through a service, with the actions of KMS."""
    found: dict[str, set[str]] = {}
    for properties in key_policies().values():
        [statement] = properties["PolicyDocument"]["Statement"]
        via = statement["Condition"]["StringEquals"]["kms:ViaService"]["Fn::Sub"]
        if via == f"{service}.${{AWS::Region}}.${{AWS::URLSuffix}}":
            for role in properties["Roles"]:
                found.setdefault(role["Ref"], set()).update(listed(statement["Action"]))
    return found


NEEDED = {
    "s3:GetObject": "s3", "s3:GetObjectVersion": "s3", "s3:PutObject": "s3",
    "secretsmanager:GetSecretValue": "secretsmanager",
    "sqs:SendMessage": "sqs", "sqs:ReceiveMessage": "sqs",
    **{
        f"dynamodb:{action}": "dynamodb"
        for action in ("GetItem", "PutItem", "Query", "UpdateItem", "DeleteItem", "Scan")
    },
}  # fmt: skip
"""Actions for which a service asks KMS on behalf of the role."""

ACTIONS = {
    "s3": {"kms:Decrypt", "kms:GenerateDataKey"},
    "dynamodb": {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"},
    "secretsmanager": {"kms:Decrypt"},
    "sqs": {"kms:Decrypt", "kms:GenerateDataKey"},
}


def granted() -> Iterator[tuple[str, str, str]]:
    """Every role with every action that its own policies allow, and on what."""
    for name, role in of_type("IAM::Role").items():
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                for action in listed(statement["Action"]):
                    yield name, action, json.dumps(statement["Resource"])


def needed_of_key(service: str) -> dict[str, set[str]]:
    """The roles that reach through a service what lies under the key."""
    return {
        name: ACTIONS[service]
        for name, action, resource in granted()
        if NEEDED.get(action) == service and not any(each in resource for each in PUBLIC)
    }


class TestLoss:
    def test_what_cannot_be_made_again_outlives_the_stack_and_its_replacement(self) -> None:
        kept = {
            name
            for name, resource in RESOURCES.items()
            if resource.get("DeletionPolicy") == resource.get("UpdateReplacePolicy") == "Retain"
        }

        assert kept == CANNOT_BE_MADE_AGAIN

    def test_a_key_of_the_provider_is_not_lost_to_another_secret_in_its_place(self) -> None:
        secret = RESOURCES["ProviderKeySecret"]

        assert (secret["DeletionPolicy"], secret["UpdateReplacePolicy"]) == ("Delete", "Retain")

    def test_nobody_deletes_the_ids_and_the_people_by_hand(self) -> None:
        assert RESOURCES["JobsTable"]["Properties"]["DeletionProtectionEnabled"] is True
        assert RESOURCES["OwnerPool"]["Properties"]["DeletionProtection"] == "ACTIVE"


class TestFunctions:
    def test_none_has_an_address_of_its_own(self) -> None:
        assert of_type("Lambda::Url") == {}

    def test_only_who_can_wait_for_a_turn_is_held_back(self) -> None:
        reserved = {
            name: properties["ReservedConcurrentExecutions"]
            for name, properties in of_type("Lambda::Function").items()
            if "ReservedConcurrentExecutions" in properties
        }

        assert reserved == {
            "PreparePhotoFunction": {
                "Fn::If": ["HasPhotosAtOnce", {"Ref": "PhotosAtOnce"}, {"Ref": "AWS::NoValue"}]
            }
        }
        # A new account has too few to reserve any.
        assert TEMPLATE["Parameters"]["PhotosAtOnce"]["Default"] == 0

    def test_a_photo_that_waits_too_long_is_not_lost(self) -> None:
        [waiting] = [
            properties
            for properties in of_type("Lambda::EventInvokeConfig").values()
            if properties["FunctionName"] == {"Ref": "PreparePhotoFunction"}
        ]

        assert waiting["MaximumEventAgeInSeconds"] >= 3600
        assert "OnFailure" in waiting["DestinationConfig"]

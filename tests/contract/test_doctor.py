"""What an examination finds of a stack that somebody has changed by hand, in S3 and others."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest

from avatars.clock import Clock
from avatars.model import Reserved, WaitReason
from avatars.settings import DAY, SpendingLimits
from cli.doctor import machinery, provider, storage
from cli.doctor.examining import examine
from cli.doctor.finding import Finding, Level
from cli.target import Target
from tests.contract.conftest import REGION
from tests.fakes import FakeServices, answer
from tests.fakes.services import ACCOUNT, ASTRIA, INSTANT

UPLOADS, AVATARS, TABLE = "uploads", "avatars", "jobs"

Check = Callable[[Target], Iterator[Finding]]


@pytest.fixture
def target(aws: None) -> Target:
    """The storage of a stack as the template makes it, and a secret without a key."""
    s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
    for bucket in (UPLOADS, AVATARS):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block())
        s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        )
    expire(UPLOADS, "")
    expire(AVATARS, "archives/")
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "job_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
        DeletionProtectionEnabled=True,
    )
    recovery(True)
    secret = boto3.client("secretsmanager").create_secret(Name="key", SecretString="random")
    queue = boto3.client("sqs").create_queue(QueueName="letters")
    topic, notices = (boto3.client("sns").create_topic(Name=name) for name in ("alarms", "ends"))
    outputs = {
        "UploadBucket": UPLOADS,
        "AvatarBucket": AVATARS,
        "JobsTable": TABLE,
        "ProviderKeySecret": secret["ARN"],
        "DeadLetterQueue": queue["QueueUrl"],
        "AlarmTopic": topic["TopicArn"],
        "NoticeTopic": notices["TopicArn"],
    }
    return Target("a-stack", outputs, boto3.client, Clock(0, 1))


def block(**changes: bool) -> Any:
    switches = (
        "BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"
    )  # fmt: skip
    return dict.fromkeys(switches, True) | changes


def expire(bucket: str, prefix: str) -> None:
    """A rule that deletes what lies below *prefix*, and no other rule."""
    rule: Any = {
        "ID": "a-rule",
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "Expiration": {"Days": 7},
    }
    boto3.client("s3").put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}
    )


def recovery(enabled: bool) -> None:
    boto3.client("dynamodb").update_continuous_backups(
        TableName=TABLE,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled},
    )


def wrong(check: Check, target: Target) -> list[str]:
    """What is to be mended, each with what to do about it."""
    findings = [each for each in check(target) if each.level is Level.FINDING]
    assert all(each.remedy for each in findings)
    return [f"{each.about}: {each.said}" for each in findings]


class TestStorage:
    def test_as_the_template_makes_it_nothing_is_wrong(self, target: Target) -> None:
        assert wrong(storage.buckets, target) == []
        assert wrong(storage.table, target) == []

    def test_a_bucket_that_may_be_made_public(self, target: Target) -> None:
        s3 = target.client("s3")
        s3.put_public_access_block(
            Bucket=AVATARS, PublicAccessBlockConfiguration=block(BlockPublicPolicy=False)
        )
        s3.delete_public_access_block(Bucket=UPLOADS)

        assert wrong(storage.buckets, target) == [
            "UploadBucket: It may be made public: BlockPublicAcls, IgnorePublicAcls, "
            "BlockPublicPolicy, RestrictPublicBuckets is off.",
            "AvatarBucket: It may be made public: BlockPublicPolicy is off.",
        ]

    def test_a_bucket_without_versions(self, target: Target) -> None:
        target.client("s3").put_bucket_versioning(
            Bucket=UPLOADS, VersioningConfiguration={"Status": "Suspended"}
        )

        assert wrong(storage.buckets, target) == [
            "UploadBucket: It keeps no versions: a job trains on exact ones."
        ]

    def test_uploads_that_nobody_deletes(self, target: Target) -> None:
        target.client("s3").delete_bucket_lifecycle(Bucket=UPLOADS)

        assert wrong(storage.buckets, target) == [
            "UploadBucket: No rule deletes photos that a job forgets."
        ]

    @pytest.mark.parametrize("prefix", ["", "avatars/", "avatars/alice/", "ans"])
    def test_a_rule_that_deletes_avatars_or_answers(self, target: Target, prefix: str) -> None:
        expire(AVATARS, prefix)

        assert wrong(storage.buckets, target) == [
            "AvatarBucket: The rule a-rule deletes avatars or the provider's answers."
        ]

    def test_a_table_that_forgets(self, target: Target) -> None:
        recovery(False)
        target.client("dynamodb").update_time_to_live(
            TableName=TABLE,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "dies_at"},
        )

        assert wrong(storage.table, target) == [
            "JobsTable: It has no point-in-time recovery: ids that were paid for may go.",
            "JobsTable: Items die by dies_at: ids that were paid for must not.",
        ]

    def test_a_table_that_a_slip_deletes(self, target: Target) -> None:
        target.client("dynamodb").update_table(TableName=TABLE, DeletionProtectionEnabled=False)

        assert wrong(storage.table, target) == ["JobsTable: It is not protected against deletion."]

    def test_buckets_that_are_not_encrypted_with_the_key_that_was_asked_for(
        self, target: Target
    ) -> None:
        key = "arn:aws:kms:eu-west-1:123456789012:key/ours"
        asked = replace(target, parameters={"EncryptionKeyArn": key})
        before = wrong(storage.buckets, asked)
        for bucket in (UPLOADS, AVATARS):
            target.client("s3").put_bucket_encryption(
                Bucket=bucket,
                ServerSideEncryptionConfiguration={
                    "Rules": [
                        {
                            "ApplyServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms",
                                "KMSMasterKeyID": key,
                            }
                        }
                    ]
                },
            )

        assert before == [
            f"{name}: It is not encrypted with your key {key}."
            for name in ("UploadBucket", "AvatarBucket")
        ]
        assert wrong(storage.buckets, asked) == []

    def test_the_embedded_aws_is_not_blamed_for_what_it_lacks(self, target: Target) -> None:
        recovery(False)
        target.client("s3").delete_bucket_lifecycle(Bucket=UPLOADS)
        here = replace(target, local=True)

        found = [*storage.table(here), *storage.buckets(here)]

        notes = [each for each in found if each.level is Level.NOTE]
        assert len(notes) == 2
        assert all("docs/fidelity.md" in each.said for each in notes)
        assert not any(each.level is Level.FINDING for each in found)


class TestProvider:
    def test_the_value_that_the_secret_was_made_with_is_no_key(self, target: Target) -> None:
        before = wrong(provider.key, target)
        target.client("secretsmanager").put_secret_value(
            SecretId=target.outputs["ProviderKeySecret"], SecretString="a-key"
        )

        assert len(before) == 1
        assert wrong(provider.key, target) == []

    @pytest.mark.parametrize(
        ("reply", "said"),
        [
            (answer(402, {}), "OUT_OF_CREDITS"),
            (answer(200, {"credits": 0}), "OUT_OF_CREDITS"),
            (answer(401, {}), "PROVIDER_KEY_REFUSED"),
            (answer(503, {}), "PROVIDER_OUTAGE"),
        ],
    )
    def test_a_provider_that_would_take_nothing(
        self, target: Target, reply: Any, said: str
    ) -> None:
        services = FakeServices()
        services.company.will("balance", reply)
        vars(target)["services"] = services

        (found,) = wrong(provider.accounts, target)

        assert said in found

    def test_a_provider_that_has_credits(self, target: Target) -> None:
        vars(target)["services"] = FakeServices(job_providers=(INSTANT,))

        (found,) = provider.accounts(target)

        assert (found.about, found.level, found.said) == (
            "provider picsart",
            Level.OK,
            "It takes our key, and 1000 credits are left; 499 requests are left for this minute.",
        )

    def test_a_provider_that_jobs_may_name_and_for_whom_there_is_no_key(
        self, target: Target
    ) -> None:
        services = FakeServices(job_providers=(INSTANT, ASTRIA))
        services.secret = services.company.key
        vars(target)["services"] = services

        own, other = provider.accounts(target)

        assert own.level is Level.OK
        assert (other.about, other.level) == ("provider key", Level.FINDING)
        assert other.said.startswith("The secret of the provider's key has none for astria.")
        assert other.remedy is not None
        assert "take astria out of the parameter JobProviders" in other.remedy

    def test_each_account_that_jobs_may_need_is_asked_with_its_own_key(
        self, target: Target
    ) -> None:
        services = FakeServices(job_providers=(INSTANT, ASTRIA))
        services.secret = json.dumps({"picsart": services.company.key, "astria": "an-old-key"})
        vars(target)["services"] = services

        found = {each.about: each for each in provider.accounts(target)}

        assert found["provider picsart"].level is Level.OK
        assert "PROVIDER_KEY_REFUSED" in found["provider astria"].said

    def test_a_pause_of_the_pipeline(self, target: Target) -> None:
        services = FakeServices()
        vars(target)["services"] = services
        before = wrong(provider.gates, target)
        services.capacity(ACCOUNT).change_gate(
            lambda gate: replace(gate, closed=WaitReason.CREDITS, since=0)
        )

        assert before == []
        (found,) = wrong(provider.gates, target)
        assert found.startswith("requests to picsart: ")
        assert "OUT_OF_CREDITS" in found


class TestSpending:
    @pytest.mark.parametrize(
        ("limits", "level", "words"),
        [
            (SpendingLimits(0, 0, 0, 0), Level.OK, "not counted"),
            (SpendingLimits(50, 5, 0, 0), Level.OK, "70 credits .* nothing caps it"),
            (SpendingLimits(50, 5, 200, 0), Level.OK, "70 credits .* of 200 at the most"),
            (SpendingLimits(50, 5, 100, 0), Level.NOTE, "another training waits for tomorrow"),
        ],
    )
    def test_what_was_spent_today(
        self, target: Target, limits: SpendingLimits, level: Level, words: str
    ) -> None:
        services = FakeServices(spending=limits)
        vars(target)["services"] = services
        today = target.clock.now() // DAY
        services.capacity(ACCOUNT).change_spending(
            lambda known: replace(known, day=today, spent=50, reserved={"A": Reserved(20, today)})
        )

        (found,) = provider.spending(target)

        assert found.level is level
        assert re.search(words, found.said)

    def test_yesterday_does_not_count(self, target: Target) -> None:
        services = FakeServices(spending=SpendingLimits(50, 5, 100, 0))
        vars(target)["services"] = services
        services.capacity(ACCOUNT).change_spending(lambda known: replace(known, day=1, spent=100))

        (found,) = provider.spending(target)

        assert (found.level, found.said.split()[0]) == (Level.OK, "0")


class TestMachinery:
    def test_a_clock_that_is_not_the_walls(self, target: Target) -> None:
        fast = replace(target, clock=Clock(0, 0.01))

        assert wrong(machinery.clock, target) == []
        assert "ClockScale 0.01" in wrong(machinery.clock, fast)[0]
        assert wrong(machinery.clock, replace(fast, local=True)) == []

    def test_dead_letters(self, target: Target) -> None:
        before = wrong(machinery.dead_letters, target)
        target.client("sqs").send_message(
            QueueUrl=target.outputs["DeadLetterQueue"], MessageBody=json.dumps({})
        )

        assert before == []
        assert wrong(machinery.dead_letters, target) == ["dead letters: There are 1."]

    def test_alarms_that_nobody_hears(self, target: Target) -> None:
        before = wrong(machinery.alarms, target)
        target.client("sns").subscribe(
            TopicArn=target.outputs["AlarmTopic"],
            Protocol="sqs",
            Endpoint="arn:aws:sqs:eu-west-1:123456789012:letters",
        )

        assert len(before) == 1
        assert wrong(machinery.alarms, target) == []

    def test_notices_that_were_never_confirmed(self, target: Target) -> None:
        class Pending:
            def paginate(self, TopicArn: str) -> Iterator[Any]:  # noqa: N803
                yield {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}

        before = wrong(machinery.notices, target)
        vars(target)["client"] = lambda service: Sns()

        class Sns:
            def get_paginator(self, operation: str) -> Pending:
                return Pending()

        assert before == []
        assert "1 subscribed and have not confirmed it" in wrong(machinery.notices, target)[0]


def test_what_cannot_be_looked_at_is_a_finding_and_stops_no_other_check(target: Target) -> None:
    target.client("s3").delete_bucket(Bucket=UPLOADS)

    found = examine(target, checks={"buckets": storage.buckets, "table": storage.table})

    assert (found[0].about, found[0].level) == ("buckets", Level.FINDING)
    assert "NoSuchBucket" in found[0].said
    assert {each.about for each in found if each.level is Level.OK} == {"JobsTable"}

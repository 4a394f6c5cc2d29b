"""The buckets and the table: private, encrypted, and kept."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from cli.doctor.finding import Finding, different, fine, wrong
from cli.target import Target

DEPLOY = "Deploy the template again: somebody has changed it by hand."

KEPT = ("avatars/", "answers/")
"""What no rule may delete."""


def buckets(target: Target) -> Iterator[Finding]:
    """Both buckets are private, encrypted and versioned; uploads go away, avatars never."""
    s3 = target.client("s3")
    for name in ("UploadBucket", "AvatarBucket"):
        bucket = target.outputs[name]
        yield _private(s3, name, bucket)
        yield _encrypted(s3, name, bucket, target.parameters.get("EncryptionKeyArn", ""))
        if s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled":
            yield fine(name, "It keeps versions.")
        else:
            yield wrong(name, "It keeps no versions: a job trains on exact ones.", DEPLOY)
    yield _lets_uploads_go(target, s3)
    yield _keeps_avatars(s3, target.outputs["AvatarBucket"])


def uploads(target: Target) -> Iterator[Finding]:
    """EventBridge hears of them."""
    about = "UploadBucket"
    notifications = target.client("s3").get_bucket_notification_configuration(
        Bucket=target.outputs["UploadBucket"]
    )
    if "EventBridgeConfiguration" in notifications:
        yield fine(about, "It tells EventBridge of uploads.")
    else:
        yield wrong(about, "It tells nobody of uploads: no job begins before the sweep.", DEPLOY)


def table(target: Target) -> Iterator[Finding]:
    """The table of jobs can be put back, is encrypted, and forgets nothing."""
    dynamodb, name = target.client("dynamodb"), target.outputs["JobsTable"]
    about = "JobsTable"
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    if recovery == "ENABLED":
        yield fine(about, "It can be put back to any second of the last weeks.")
    elif target.local:
        yield different(about, "It has no point-in-time recovery.")
    else:
        yield wrong(
            about, "It has no point-in-time recovery: ids that were paid for may go.", DEPLOY
        )
    life = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if life.get("TimeToLiveStatus") in ("ENABLED", "ENABLING"):
        yield wrong(
            about,
            f"Items die by {life.get('AttributeName')}: ids that were paid for must not.",
            "Switch its time to live off.",
        )
    else:
        yield fine(about, "It forgets nothing: no time to live.")
    described = dynamodb.describe_table(TableName=name)["Table"]
    if described.get("DeletionProtectionEnabled"):
        yield fine(about, "Nobody deletes it by mistake.")
    elif target.local:
        yield different(about, "It is not protected against deletion.")
    else:
        yield wrong(about, "It is not protected against deletion.", DEPLOY)
    indexes = described.get("GlobalSecondaryIndexes", [])
    late = [each["IndexName"] for each in indexes if each.get("IndexStatus", "ACTIVE") != "ACTIVE"]
    if described["TableStatus"] == "ACTIVE" and not late:
        yield fine(about, f"It is there, with {len(indexes)} indexes.")
    else:
        what = ", ".join(late) or described["TableStatus"]
        yield wrong(about, f"It is not ready: {what}.", "Wait until AWS has made it.")


def _private(s3: Any, name: str, bucket: str) -> Finding:
    try:
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
            raise
        block = {}
    open_to = [
        switch
        for switch in (
            "BlockPublicAcls",
            "IgnorePublicAcls",
            "BlockPublicPolicy",
            "RestrictPublicBuckets",
        )
        if not block.get(switch)
    ]
    if open_to:
        return wrong(name, f"It may be made public: {', '.join(open_to)} is off.", DEPLOY)
    if _is_public(s3, bucket):
        return wrong(name, "Its policy makes it public.", "Delete that policy. " + DEPLOY)
    return fine(name, "It is private, and cannot be made public.")


def _is_public(s3: Any, bucket: str) -> bool:
    try:
        status = s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
            return False
        raise
    return bool(status.get("IsPublic"))


def _encrypted(s3: Any, name: str, bucket: str, key: str) -> Finding:
    """With the customer's *key*, where one was asked for."""
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    default = rules[0]["ApplyServerSideEncryptionByDefault"] if rules else {}
    if not default:
        return wrong(name, "It is not encrypted.", DEPLOY)
    if key and default.get("KMSMasterKeyID") != key:
        return wrong(name, f"It is not encrypted with your key {key}.", DEPLOY)
    return fine(name, f"It is encrypted ({default['SSEAlgorithm']}).")


def _lets_uploads_go(target: Target, s3: Any) -> Finding:
    about = "UploadBucket"
    if any("Expiration" in rule for rule in _rules(s3, target.outputs["UploadBucket"])):
        return fine(about, "Photos that a job forgets are deleted by a rule.")
    if target.local:
        return different(about, "No rule deletes photos that a job forgets.")
    return wrong(about, "No rule deletes photos that a job forgets.", DEPLOY)


def _keeps_avatars(s3: Any, bucket: str) -> Finding:
    about = "AvatarBucket"
    for rule in _rules(s3, bucket):
        prefix = rule.get("Filter", {}).get("Prefix", rule.get("Prefix", ""))
        if "Expiration" in rule and any(
            kept.startswith(prefix) or prefix.startswith(kept) for kept in KEPT
        ):
            return wrong(
                about,
                f"The rule {rule.get('ID')} deletes avatars or the provider's answers.",
                "Take it away: they cannot be made again.",
            )
    return fine(about, "No rule deletes avatars or the provider's answers.")


def _rules(s3: Any, bucket: str) -> list[dict[str, Any]]:
    try:
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
            return []
        raise
    return [rule for rule in rules if rule["Status"] == "Enabled"]

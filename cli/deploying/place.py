"""Where a stack is to be: an account and a region that take it, told before anything is built."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProfileNotFound,
)

from cli.saying import RefusedError

SAM_STACK = "aws-sam-cli-managed-default"
"""Where `sam deploy` keeps the bucket for what it uploads (samcli/lib/bootstrap/bootstrap.py)."""

UNKNOWN = ("ValidationError", "ResourceNotFoundException")
"""What CloudFormation answers about a stack that there is not."""

SIGN_IN = (
    "Sign in with the AWS CLI: `aws login`, then "
    '`eval "$(aws configure export-credentials --format env)"`; or `aws sso login --profile NAME`, '
    "and --profile NAME. Or set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if you have one, "
    "AWS_SESSION_TOKEN."
)
"""`aws login` alone is for programs with the AWS CRT (botocore/credentials.py, LoginProvider)."""

ABSENT = ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch")


@dataclass(frozen=True)
class Place:
    """An account and a region of it."""

    account: str
    who: str
    """The ARN of whoever acts there."""
    region: str
    make_client: Callable[..., Any]
    profile: str | None = None

    @property
    def options(self) -> list[str]:
        """As commands take it: only what was given, or the SAM CLI asks for."""
        return [*(["--profile", self.profile] if self.profile else []), "--region", self.region]


@dataclass(frozen=True)
class Standing:
    """How a stack stands, as CloudFormation tells it."""

    id: str
    status: str
    outputs: dict[str, str]
    protected: bool


def names_region(profile: str | None) -> bool:
    """Whether the environment or the profile says which region."""
    try:
        return boto3.Session(profile_name=profile).region_name is not None
    except ProfileNotFound:
        return True  # or so it seems: `find_place` says what is wrong with it


def find_place(profile: str | None, region: str | None) -> Place:
    """The account and the region that the options and the environment name. Raises RefusedError."""
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
    except ProfileNotFound as error:
        raise RefusedError(
            f"{error}. `aws configure list-profiles` names those there are."
        ) from error
    if session.region_name is None:
        raise RefusedError(
            "No region is set: give one, near to your users, with --region, e.g. --region "
            "eu-central-1, or set AWS_DEFAULT_REGION."
        )
    where = session.region_name
    try:
        caller = session.client("sts").get_caller_identity()
    except (EndpointConnectionError, ConnectTimeoutError) as error:
        raise RefusedError(
            f"AWS cannot be reached in {where}: is that a region, and is there a connection? "
            f"Regions are called like {', '.join(_similar(session, where))}."
        ) from error
    except ClientError as error:
        code = error.response["Error"]["Code"]
        why = f"AWS refuses your credentials ({code})."
        hint = f" Or {where} is a region that your account must switch on first."
        known = code in ABSENT
        raise RefusedError(f"{why} {SIGN_IN}{hint}" if known else f"{why} {error}") from error
    except BotoCoreError as error:
        raise RefusedError(
            f"AWS does not know who you are: {str(error).rstrip('.')}. {SIGN_IN}"
        ) from error
    return Place(caller["Account"], caller["Arn"], where, cache(session.client), profile)


def standing(place: Place, stack: str) -> Standing | None:
    """How a stack stands, by its name or its id; None where there is none. Raises RefusedError."""
    try:
        found = place.make_client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] in UNKNOWN:
            return None
        raise RefusedError(f"The stack {stack} cannot be looked up: {error}") from error
    return Standing(
        id=found["StackId"],
        status=found["StackStatus"],
        outputs={each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])},
        protected=found.get("EnableTerminationProtection", False),
    )


def require_deployable(place: Place, stack: str, now: Standing | None) -> None:
    """Whether CloudFormation would take a change of the stack. Raises RefusedError."""
    if now is None or now.status == "REVIEW_IN_PROGRESS":
        return
    teardown = f"`avatars teardown --stack {stack} {' '.join(place.options)}`"
    if now.status.endswith("_IN_PROGRESS"):
        raise RefusedError(
            f"The stack {stack} is {now.status}: somebody changes it. Wait until that is over."
        )
    if now.status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
        raise RefusedError(
            f"The stack {stack} is {now.status} and cannot be changed any more. Remove what is "
            f"left of it with {teardown}, then deploy again."
        )
    if now.status == "UPDATE_ROLLBACK_FAILED":
        raise RefusedError(
            f"The stack {stack} is {now.status}: have CloudFormation finish that first (`aws "
            f"cloudformation continue-update-rollback --stack-name {stack}`)."
        )
    if not {"JobsTable", "StateMachine"} <= now.outputs.keys():
        raise RefusedError(
            f"In {place.region} there is a stack {stack} already, and it is none of this template. "
            "Give another name with --stack."
        )


def require_sams_bucket(place: Place) -> None:
    """Whether the bucket that `sam deploy` uploads to is sound, or is yet to be made.

    Raises RefusedError.
    """
    sams = standing(place, SAM_STACK)
    if sams is None:
        return
    remedy = (
        f"Delete that stack (`aws cloudformation delete-stack --stack-name {SAM_STACK} --region "
        f"{place.region}`), and deploy again: the SAM CLI makes both anew."
    )
    bucket = sams.outputs.get("SourceBucket")
    if bucket is None:
        raise RefusedError(
            f"The SAM CLI's own stack {SAM_STACK} is {sams.status} and has no bucket. {remedy}"
        )
    try:
        place.make_client("s3").head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchBucket"):
            raise RefusedError(
                f"The SAM CLI's own stack {SAM_STACK} names the bucket {bucket}, which is gone. "
                f"{remedy}"
            ) from error
        raise RefusedError(
            f"The bucket {bucket}, which the SAM CLI uploads to, cannot be used by you: {error}"
        ) from error


def _similar(session: boto3.Session, region: str) -> list[str]:
    from difflib import get_close_matches

    known = session.get_available_regions("lambda")
    return get_close_matches(region, known, n=3, cutoff=0.5) or ["eu-central-1", "us-east-1"]

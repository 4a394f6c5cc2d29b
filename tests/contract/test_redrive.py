"""A redrive starts one execution, and where it refuses, none."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
import pytest

from avatars import keys
from avatars.clock import Clock
from avatars.errors import BadRequestError, JobNotFoundError
from avatars.model import JobStatus, Run, Sending
from cli.redrive import redrive_job
from cli.saying import RefusedError
from cli.target import Target
from tests.builders import JOB_ID, a_job, a_run, a_submission, chosen
from tests.contract.conftest import REGION
from tests.contract.table import TABLE, rows
from tests.fakes.clock import NOON

BUCKET = "uploads"
WAIT_FOREVER = {"Type": "Wait", "Seconds": 3600, "End": True}
MACHINE = {"StartAt": "Work", "States": {"Work": WAIT_FOREVER}}
PHOTOS = chosen(range(1, 6))


@pytest.fixture
def target(aws: None) -> Target:
    """A stack with nothing in it."""
    rows()
    client: Callable[[str], Any] = cache(boto3.client)
    client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    machine = client("stepfunctions").create_state_machine(
        name="MakeAvatars",
        definition=json.dumps(MACHINE),
        roleArn="arn:aws:iam::123456789012:role/a-role",
    )["stateMachineArn"]
    outputs = {"JobsTable": TABLE, "UploadBucket": BUCKET, "StateMachine": machine}
    return Target("avatars", outputs, client, Clock())


def stuck(target: Target, run: Run | None = None, **changes: Any) -> None:
    """A job that needs attention, its photos chosen."""
    job = {"status": JobStatus.NEEDS_ATTENTION, "code": "A_CODE", "reason": "Why.", **changes}
    target.jobs.create_job(
        a_job(chosen=PHOTOS, chosen_at=NOON, **job),
        run or a_run(execution=None, status=JobStatus.NEEDS_ATTENTION, ended_at=NOON),
    )


def prepared(target: Target, count: int) -> None:
    for photo in PHOTOS[:count]:
        key = keys.prepared_photo_key(JOB_ID, photo.photo_id)
        target.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"a photo")


def inputs(target: Target) -> list[Any]:
    """What executions were started with."""
    states = target.client("stepfunctions")
    started = states.list_executions(stateMachineArn=target.outputs["StateMachine"])["executions"]
    return [
        json.loads(states.describe_execution(executionArn=execution["executionArn"])["input"])
        for execution in started
    ]


@pytest.mark.parametrize("name", [JOB_ID, "alice/summer"])
def test_one_execution_is_started_on_the_jobs_present_run(
    target: Target, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stuck(target)
    prepared(target, 5)

    execution = redrive_job(target, name, None)

    assert ":execution:" in execution
    assert inputs(target) == [{"job_id": JOB_ID, "run": 1}]
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        f"Job {JOB_ID} (alice/summer), run 1: NEEDS_ATTENTION, A_CODE",
        "Why.",
        "Taken up again: its training is sent to the provider, which has accepted none so far.",
    ]


def test_a_model_that_support_has_found_is_looked_for_and_none_is_trained(target: Target) -> None:
    stuck(target, training=a_submission())

    redrive_job(target, JOB_ID, "model-7")

    assert target.jobs.job(JOB_ID).model_id == "model-7"
    assert inputs(target) == [{"job_id": JOB_ID, "run": 1}]


def test_photos_that_are_gone_are_not_paid_for(target: Target) -> None:
    stuck(target, training=a_submission(Sending.NOT_SENT))
    prepared(target, 4)

    with pytest.raises(RefusedError, match="Upload the photos into a new folder"):
        redrive_job(target, JOB_ID, None)

    assert inputs(target) == []


def test_a_job_at_work_is_left_alone(target: Target) -> None:
    execution = target.client("stepfunctions").start_execution(
        stateMachineArn=target.outputs["StateMachine"], name=f"{JOB_ID}-1", input="{}"
    )["executionArn"]
    stuck(target, run=a_run(execution=execution), status=JobStatus.TRAINING, code=None, reason=None)
    prepared(target, 5)

    with pytest.raises(RefusedError, match="wait until that has ended"):
        redrive_job(target, JOB_ID, None)

    assert len(inputs(target)) == 1


def test_an_id_for_a_job_that_waits_for_none_is_refused(target: Target) -> None:
    stuck(target)
    prepared(target, 5)

    with pytest.raises(BadRequestError, match="leave the id out"):
        redrive_job(target, JOB_ID, "model-7")

    assert inputs(target) == []


@pytest.mark.parametrize("name", ["A" * 26, "alice/winter", "alice", "alice/summer/deeper"])
def test_a_job_that_nobody_knows_is_refused(target: Target, name: str) -> None:
    stuck(target)

    with pytest.raises(JobNotFoundError, match="as OWNER/FOLDER"):
        redrive_job(target, name, None)

    assert inputs(target) == []

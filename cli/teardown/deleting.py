"""The deletion itself: jobs stopped, buckets emptied, CloudFormation followed to the end."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from avatars.aws.buckets import S3Uploads
from avatars.aws.jobs import DynamoDBJobs
from avatars.aws.rows import Rows
from cli.deploying.place import Place, Standing, standing
from cli.saying import RefusedError, StillRunningError
from cli.teardown.stock import Kind, Stock

STOP_SECONDS = 60
"""How long jobs that are stopped may take to say so in the table."""

DELETE_SECONDS = 3600
"""CloudFront alone takes minutes to take an address away."""

LOOK_SECONDS = 3.0

Tell = Callable[[str], None]


def stop_jobs(place: Place, stock: Stock, executions: list[str], tell: Tell) -> None:
    """Stop jobs; returns when the table knows, or says that it does not. Their ids stay there."""
    states = place.make_client("stepfunctions")
    for execution in executions:
        # One that has ended in the meantime cannot be stopped.
        with contextlib.suppress(
            states.exceptions.ExecutionDoesNotExist, states.exceptions.ValidationException
        ):
            states.stop_execution(executionArn=execution, cause="the stack is taken down")
    tell(f"Jobs stopped: {len(executions)}.")
    table = stock.named("JobsTable")
    if table is None:
        return
    jobs = DynamoDBJobs(Rows(place.make_client("dynamodb"), table.id))
    names = [execution.rpartition(":")[2] for execution in executions]
    deadline = time.monotonic() + STOP_SECONDS
    while left := [
        job_id
        for job_id, run in jobs.unfinished_runs()
        if any(name.startswith(f"{job_id}-{run}") for name in names)
    ]:
        if time.monotonic() > deadline:
            tell(f"These stand in the table as they were, with their ids: {', '.join(left)}.")
            return
        time.sleep(1)


def delete_stack(place: Place, now: Standing, stock: Stock, tell: Tell) -> None:
    """Empty the buckets that go, and delete the stack; returns when it is gone.

    Raises RefusedError with what could not be deleted, StillRunningError after an hour.
    """
    for attempt in range(2):
        _empty(place, stock, tell)
        if attempt or now.status != "DELETE_IN_PROGRESS":
            place.make_client("cloudformation").delete_stack(StackName=now.id)
        failures = _watch(place, now.id, tell)
        if not failures:
            return
        if attempt == 0:
            # An upload may have come in between; what AWS has let go of late, too, goes now.
            tell("Some of it would not go. Once more.")
    said = "\n".join(f"{name}: {why}" for name, why in failures.items())
    raise RefusedError(
        f"The stack could not be deleted whole:\n{said}\nRemove the cause, and run the same again."
    )


def _empty(place: Place, stock: Stock, tell: Tell) -> None:
    s3 = place.make_client("s3")
    for piece in stock.goes:
        if piece.type != Kind.BUCKET or not piece.id:
            continue
        try:
            erased = S3Uploads(s3, piece.id).erase("")
        except s3.exceptions.NoSuchBucket:
            continue
        except OSError as error:
            raise RefusedError(f"{piece.name} ({piece.id}) cannot be emptied: {error}") from error
        if erased:
            tell(f"Emptied {piece.name}: {erased} versions.")


def _watch(place: Place, stack_id: str, tell: Tell) -> Mapping[str, str]:
    """Follow a deletion, telling of each resource; why those that failed did, by their names."""
    deadline = time.monotonic() + DELETE_SECONDS
    seen: set[str] = set()
    while True:
        now = standing(place, stack_id)
        for event in _news(place, stack_id, seen):
            tell(f"{event['LogicalResourceId']}: {event['ResourceStatus']}")
        if now is None or now.status == "DELETE_COMPLETE":
            return {}
        if now.status == "DELETE_FAILED":
            return _failures(place, stack_id)
        if time.monotonic() > deadline:
            raise StillRunningError(
                f"The stack is {now.status} after an hour. It goes on by itself; run the same "
                "again to follow it."
            )
        time.sleep(LOOK_SECONDS)


def _news(place: Place, stack_id: str, seen: set[str]) -> Iterator[dict[str, Any]]:
    """What was deleted, or would not be, since the last look; the oldest first."""
    try:
        events = place.make_client("cloudformation").describe_stack_events(StackName=stack_id)
    except ClientError:
        return  # of a stack that is gone, some tell nothing any more
    for event in reversed(events["StackEvents"]):
        status = event.get("ResourceStatus", "")
        ended = status.startswith("DELETE_") and not status.endswith("_IN_PROGRESS")
        if event["EventId"] not in seen and ended and event["PhysicalResourceId"] != stack_id:
            yield event
        seen.add(event["EventId"])


def _failures(place: Place, stack_id: str) -> dict[str, str]:
    pages = place.make_client("cloudformation").get_paginator("list_stack_resources")
    return {
        found["LogicalResourceId"]: found.get("ResourceStatusReason", "for no reason that is told")
        for page in pages.paginate(StackName=stack_id)
        for found in page["StackResourceSummaries"]
        if found["ResourceStatus"] == "DELETE_FAILED"
    } or {"the stack": "CloudFormation does not say which resource"}

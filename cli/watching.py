"""Follow a job from outside: by its rows, its prepared photos and its execution."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from avatars import keys
from avatars.aws.executions import StepFunctionsExecutions
from avatars.aws.jobs import DynamoDBJobs
from avatars.aws.rows import Rows
from avatars.clock import Clock
from avatars.model import (
    Avatar,
    AvatarStatus,
    Job,
    JobStatus,
    Photo,
    PhotoStatus,
    Run,
    job_id_for,
)
from avatars.pipeline.collecting import without_unusable
from avatars.pipeline.describing import WAITS
from avatars.pipeline.estimating import open_request
from cli.pictures_out import PicturesOut
from local.engine import client
from local.stack import Stack

POLL_SECONDS = 0.25

CLOSING_SECONDS = 30
"""How long a job may take to be closed once its execution is over."""


@dataclass(frozen=True)
class Sight:
    """A job as it looks right now."""

    job: Job
    run: Run
    photos: list[Photo]
    avatars: list[Avatar]
    wait_state: str | None
    """The Wait state that the execution stands in."""
    wait_seconds: int
    """How long that wait is, in seconds of the pipeline's clock."""
    execution_status: str | None


class Watch:
    """Looks at one job of a local stack, and saves its prepared photos as they appear.

    Their originals and they themselves are deleted when the job ends.
    """

    def __init__(self, stack: Stack, owner: str, folder: str, pictures: PicturesOut) -> None:
        self._stack = stack
        self._job_id = job_id_for(owner, folder)
        self._pictures = pictures
        self._jobs = DynamoDBJobs(
            Rows(client("dynamodb", stack.endpoint_url), stack.outputs["JobsTable"])
        )
        self._s3 = client("s3", stack.endpoint_url)
        self._states = client("stepfunctions", stack.endpoint_url)
        self._executions = StepFunctionsExecutions(self._states, stack.outputs["StateMachine"])
        self.prepared: dict[str, Path] = {}
        """Where the prepared photos were saved, by file."""

    def until_ended(self, most_seconds: float, show: Callable[[Sight], None]) -> Sight:
        """Show one sight after the other, and return the last. Raises TimeoutError."""
        deadline = time.monotonic() + most_seconds
        while time.monotonic() < deadline:
            sight = self.look()
            if sight:
                show(sight)
                if sight.job.status.ended and sight.run.ended_at:
                    return sight
                if sight.execution_status not in (None, "RUNNING", "SUCCEEDED"):
                    deadline = min(deadline, time.monotonic() + CLOSING_SECONDS)
            time.sleep(POLL_SECONDS)
        raise TimeoutError("The job was not closed in time: --keep leaves its log to look into.")

    def look(self) -> Sight | None:
        """The job now; None before its first upload has arrived."""
        job = self._jobs.find_job(self._job_id)
        if job is None:
            return None
        photos = without_unusable(self._jobs.photos(job.job_id), job.subject)
        self._save_prepared(photos)
        wait_state, wait_seconds = self._wait(job)
        return Sight(
            job=job,
            run=self._jobs.run(job.job_id, job.run),
            photos=photos,
            avatars=self._jobs.avatars(job.job_id, job.run),
            wait_state=wait_state,
            wait_seconds=wait_seconds,
            execution_status=self._executions.status(self._executions.name_of(job.job_id, job.run)),
        )

    def fetch_avatar(self, avatar: Avatar) -> Path:
        """Copy a kept avatar out of the permanent bucket."""
        key = avatar.key or ""
        file = self._pictures.file(f"avatars/{Path(key).name}")
        self._s3.download_file(self._stack.outputs["AvatarBucket"], key, str(file))
        return file

    def _save_prepared(self, photos: list[Photo]) -> None:
        for photo in photos:
            if photo.version_id is None or photo.file in self.prepared:
                continue
            stem = "".join(c for c in Path(photo.file).stem if c.isprintable())[:60]
            try:
                reply = self._s3.get_object(
                    Bucket=self._stack.outputs["UploadBucket"],
                    Key=keys.prepared_photo_key(photo.job_id, photo.photo_id),
                    VersionId=photo.version_id,
                )
            except self._s3.exceptions.ClientError:
                continue  # the job has ended and the photo is deleted
            file = self._pictures.file(f"photos/{photo.photo_id[:8]}-{stem}.jpg")
            file.write_bytes(reply["Body"].read())
            self.prepared[photo.file] = file

    def _wait(self, job: Job) -> tuple[str | None, int]:
        execution = self._executions.name_of(job.job_id, job.run)
        try:
            history = self._states.get_execution_history(
                executionArn=execution, reverseOrder=True, maxResults=1
            )
        except self._states.exceptions.ExecutionDoesNotExist:
            return None, 0
        event: dict[str, Any] = next(iter(history["events"]), {})
        if event.get("type") != "WaitStateEntered":
            return None, 0
        details = event["stateEnteredEventDetails"]
        return details["name"], json.loads(details["input"]).get("wait_seconds", 0)


def deadline_of(sight: Sight) -> int | None:
    """Until when the present stage may last, Unix seconds of the pipeline's clock."""
    job, run = sight.job, sight.run
    match job.status:
        case JobStatus.COLLECTING:
            return job.collect_deadline
        case JobStatus.TRAINING:
            return job.training.deadline if job.training else None
        case JobStatus.INFERRING:
            asked = open_request(run)
            return asked.deadline if asked else None
        case JobStatus.KEEPING:
            return run.links_expire_at
    return None


def facts_of(sight: Sight) -> list[str]:
    """What is known of the present stage."""
    job, run = sight.job, sight.run
    match job.status:
        case JobStatus.COLLECTING:
            accepted = sum(photo.status is PhotoStatus.ACCEPTED for photo in sight.photos)
            return [f"{len(sight.photos)} judged, {accepted} accepted"]
        case JobStatus.TRAINING:
            return [f"model {job.model_id}"] if job.model_id else []
        case JobStatus.INFERRING:
            return [f"inference {', '.join(run.inference_ids)}"] if run.inference_ids else []
        case JobStatus.KEEPING:
            kept = sum(avatar.status is AvatarStatus.KEPT for avatar in sight.avatars)
            return [f"{kept} of {run.avatars} in our bucket"]
    return []


def waits_of(sight: Sight, clock: Clock) -> list[str]:
    """What is being waited for, and until when at the latest."""
    waits = []
    if waiting := sight.run.waiting:
        first = f" {waiting.ahead} come first." if waiting.ahead else ""
        waits.append(f"{WAITS[waiting.reason]}{first}")
    if sight.wait_state:
        here = sight.wait_seconds * clock.scale
        name = sight.wait_state.lower()
        waits.append(f"{name}, next look after {sight.wait_seconds} s ({here:.1f} s here)")
    if deadline := deadline_of(sight):
        until = datetime.fromtimestamp(deadline, UTC)
        waits.append(f"until {until:%d %b %H:%M} UTC, simulated time, at the latest")
    return waits

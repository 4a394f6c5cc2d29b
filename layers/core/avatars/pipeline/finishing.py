"""End a job: say how, tidy up, tell the world."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import NotRequired, TypedDict

from aws_lambda_powertools import Logger

from avatars import keys
from avatars.errors import (
    AvatarsMissingError,
    ExecutionEndedError,
    InternalError,
    JobError,
    OutcomeUnknownError,
    RunRefusedError,
    job_errors,
)
from avatars.model import AvatarStatus, Job, JobStatus, Run
from avatars.pipeline.inference import InferenceLedger
from avatars.pipeline.submitting import settle_from_answer
from avatars.pipeline.training import TrainingLedger
from avatars.ports import Services

logger = Logger(child=True)

MAX_REASON = 1000
"""A reason is a sentence or two; strangers' words may be in it."""

NOTICES = {
    JobStatus.COMPLETED: "AvatarsReady",
    JobStatus.FAILED: "AvatarJobFailed",
    JobStatus.NEEDS_ATTENTION: "AvatarJobNeedsAttention",
}


class Failure(TypedDict):
    """What a Catch of the state machine knows."""

    Error: str
    Cause: NotRequired[str]


class FinishReply(TypedDict):
    status: str
    code: str | None
    reason: str | None


def finish_job(
    services: Services, job_id: str, run: int, failure: Failure | None = None
) -> FinishReply:
    """End a job: COMPLETED when every avatar is kept, else as *failure* says.

    Raises AvatarsMissingError, which comes back here as a failure.
    """
    if failure is None:
        _require_all_avatars(services, services.jobs.run(job_id, run))
        return _end(services, job_id, run, None)
    return _end(services, job_id, run, error_of(failure))


def close_job(
    services: Services, job_id: str, execution: str, execution_status: str
) -> FinishReply | None:
    """End a job whose execution ended past its own Catch; None where there is nothing to do."""
    job = services.jobs.find_job(job_id)
    if job is None:
        return None
    run = services.jobs.run(job_id, job.run)
    # An execution that died before it could claim its run is known by its name only.
    is_holder = run.execution == execution
    if not is_holder and (run.execution or not execution.endswith(f":{job_id}-{job.run}")):
        return None
    if run.ended_at is not None:
        return None
    ended = ExecutionEndedError(
        f"The execution ended with {execution_status} before the job did. Its ids are kept: take "
        "the job up again."
    )
    return _end(services, job_id, job.run, ended)


def error_of(failure: Failure) -> JobError:
    """The error behind what a Catch reports: one of ours by its name, else InternalError."""
    known = job_errors().get(failure["Error"])
    if known is None:
        return InternalError(
            f"A step failed with {failure['Error']}. The logs of the execution say more."
        )
    try:
        message = json.loads(failure["Cause"])["errorMessage"]
    except (ValueError, KeyError, TypeError):
        message = (known.__doc__ or "").strip()
    return known(message)


def _require_all_avatars(services: Services, run: Run) -> None:
    avatars = {avatar.position: avatar for avatar in services.jobs.avatars(run.job_id, run.run)}
    missing = [
        position
        for position in range(1, run.avatars + 1)
        if position not in avatars or avatars[position].status is not AvatarStatus.KEPT
    ]
    if missing:
        reasons = {avatar.reason for avatar in avatars.values() if avatar.reason}
        why = " ".join(sorted(reasons)) or "The provider delivered no link to them."
        raise AvatarsMissingError(
            f"{len(missing)} of {run.avatars} avatars are missing, at the positions "
            f"{', '.join(map(str, missing))}. {why} "
            "Take the job up again to fetch them while the provider's links live."
        )


def _end(services: Services, job_id: str, run: int, error: JobError | None) -> FinishReply:
    if error:
        error = _open_outcome(services, job_id, run) or error
    status = error.status if error else JobStatus.COMPLETED
    code, reason = (error.code, str(error)[:MAX_REASON]) if error else (None, None)

    def end(job: Job) -> Job:
        if job.run != run:
            raise RunRefusedError(f"Run {run} of job {job_id} is over; another one has begun.")
        # What ended first stays: a repetition changes nothing.
        return job if job.status.ended else replace(job, status=status, code=code, reason=reason)

    job = services.jobs.change_job(job_id, end)
    if _photos_are_done_with(job):
        services.uploads.erase(keys.upload_prefix(job.owner, job.folder))
        services.photos.erase(job_id)
    if job.status is JobStatus.NEEDS_ATTENTION:
        logger.error("a person is needed", extra={"code": job.code, "reason": job.reason})
    row = services.jobs.run(job_id, run)
    services.notices.publish(NOTICES[job.status], _notice(job, row))
    # Last: whoever finds a run without it finishes what is left of the ending.
    now = services.clock.now()
    services.jobs.change_run(
        job_id,
        run,
        lambda row: row if row.ended_at else replace(row, status=job.status, ended_at=now),
    )
    return {"status": job.status, "code": job.code, "reason": job.reason}


def _open_outcome(services: Services, job_id: str, run: int) -> OutcomeUnknownError | None:
    """What may have been paid for without our knowing weighs more than why the job ends.

    Where the raw answer has the id that the table lacks, the table gets it.
    """
    reader = services.reader
    try:
        settle_from_answer(
            services, job_id, TrainingLedger(services, job_id, run), reader.training_id
        )
        settle_from_answer(
            services, job_id, InferenceLedger(services, job_id, run), reader.inference_id
        )
    except OutcomeUnknownError as unknown:
        return unknown
    except JobError:
        pass  # the answer is a refusal: nothing was accepted
    return None


def _photos_are_done_with(job: Job) -> bool:
    """Whether nobody can need the photos any more.

    A training whose outcome is open may still fetch them, and a person may send it again: then
    the lifecycle rule of the bucket deletes them.
    """
    return job.status is not JobStatus.NEEDS_ATTENTION or job.trained_at is not None


def _notice(job: Job, run: Run) -> Mapping[str, object]:
    return {
        "job_id": job.job_id,
        "run": run.run,
        "status": job.status,
        "code": job.code,
        "model_id": job.model_id,
        "inference_id": run.inference_id,
    }

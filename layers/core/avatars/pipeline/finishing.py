"""End a job: say how, tidy up, tell the world."""

import json
from collections.abc import Iterable, Mapping
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
from avatars.metrics import JOBS_ENDED, STAGE_SECONDS, Phase
from avatars.model import MOST_RESCUES, Avatar, AvatarStatus, Job, JobStatus, Run, Stage
from avatars.pipeline.admission import give_back
from avatars.pipeline.inference import ledgers
from avatars.pipeline.spending import close_accounts
from avatars.pipeline.submitting import settle_from_answer
from avatars.pipeline.training import TrainingLedger
from avatars.ports import Services

logger = Logger(child=True)

MAX_REASON = 1000
"""A reason is a sentence or two; strangers' words may be in it."""

RESUMABLE = ("FAILED", "TIMED_OUT")
"""Not ABORTED: that was a person."""

FIRST_KEEP_WAIT = 600
MOST_KEEP_ROUNDS = 6
"""Each wait is twice as long as the one before: ten hours in all, of the 48 that links live."""

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
    wait_seconds: NotRequired[int]
    """While KEEPING: how long to wait before the avatars that are missing are tried again."""


def finish_job(
    services: Services, job_id: str, run: int, failure: Failure | None = None
) -> FinishReply:
    """End a job: COMPLETED when every avatar is kept, else as *failure* says.

    Raises AvatarsMissingError, which comes back here as a failure. While another try may bring what
    is missing, the job then goes on KEEPING: with fresh links, after a wait. Raises RunRefusedError
    where the job has ended in another way before.
    """
    error = error_of(failure) if failure else None
    if error and not isinstance(error, AvatarsMissingError):
        return _end(services, job_id, run, error)
    row = services.jobs.run(job_id, run)
    avatars = {avatar.position: avatar for avatar in services.jobs.avatars(job_id, run)}
    missing = [
        position
        for position in range(1, row.avatars + 1)
        if position not in avatars or avatars[position].status is not AvatarStatus.KEPT
    ]
    if missing:
        services.jobs.job(job_id)  # read so that the lines that follow say whose it is
        if error is None:
            raise AvatarsMissingError(_what_is_missing(row, missing, avatars.values()))
        due = [at for at in missing if at <= row.links and _is_due(avatars.get(at))]
        again = _keep_again(services, row) if due else None
        return again or _end(services, job_id, run, error)
    reply = _end(services, job_id, run, None)
    if error is None and reply["status"] != JobStatus.COMPLETED:
        raise RunRefusedError(f"Job {job_id} has ended with {reply['status']}.")
    return reply


def close_job(
    services: Services, job_id: str, execution: str, execution_status: str
) -> FinishReply | None:
    """See to a job whose execution ended past its own Catch; None where that is none of ours.

    Where a person aborted it, or it has been resumed often enough, the job ends; else its run is
    resumed by another execution, which goes on with the recorded ids.
    """
    job = services.jobs.find_job(job_id)
    if job is None or job.erased_at is not None:
        return None
    run = services.jobs.run(job_id, job.run)
    # An execution that died before it could claim its run is known by its name only.
    is_holder = run.execution == execution
    if not is_holder and (run.execution or not execution.endswith(f":{run.name}")):
        return None
    if run.ended_at is not None:
        return None
    if execution_status != "RUNNING" and services.executions.status(execution) == "RUNNING":
        return None  # somebody has redriven it since
    if execution_status in RESUMABLE and not job.status.ended and run.rescues < MOST_RESCUES:
        _rescue(services, run)
        return _reply(job)
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


def _rescue(services: Services, run: Run) -> None:
    rescued = replace(run, rescues=run.rescues + 1, started_at=services.clock.now())
    newest = services.jobs.change_run(
        run.job_id, run.run, lambda newest: rescued if newest == run else newest
    )
    if replace(newest, version=run.version) == rescued:  # else somebody was faster
        services.executions.start(run.job_id, run.run, rescue=rescued.rescues)


def _is_due(avatar: Avatar | None) -> bool:
    """Whether another try may bring it; where nothing is known, its batch crashed every time."""
    return avatar is None or avatar.status is AvatarStatus.DUE


def _keep_again(services: Services, row: Run) -> FinishReply | None:
    """How long to wait for fresh links; None where there were enough of them, or none will live."""
    seconds = FIRST_KEEP_WAIT * 2**row.keep_rounds
    links_die_at = row.links_expire_at or 0
    if row.keep_rounds >= MOST_KEEP_ROUNDS or services.clock.now() + seconds >= links_die_at:
        return None
    services.jobs.change_run(
        row.job_id,
        row.run,
        # Not announced: the provider is asked for links to them anew.
        lambda run: replace(run.unannounced(), keep_rounds=run.keep_rounds + 1),
    )
    return {"status": JobStatus.KEEPING, "code": None, "reason": None, "wait_seconds": seconds}


def _what_is_missing(run: Run, missing: list[int], avatars: Iterable[Avatar]) -> str:
    reasons = {avatar.reason for avatar in avatars if avatar.reason}
    reasons |= {inference.reason for inference in run.inferences if inference.reason}
    why = " ".join(sorted(reasons))[:MAX_REASON] or "The provider delivered no link to them."
    has_links = any(run.reason_at(position) is None for position in missing)
    return (
        f"{len(missing)} of {run.avatars} avatars are missing, at the positions "
        f"{', '.join(map(str, missing))}. {why} "
    ) + (
        "Take the job up again to fetch them while the provider's links live."
        if has_links
        else "The others are kept."
    )


def _end(services: Services, job_id: str, run: int, error: JobError | None) -> FinishReply:
    if error:
        error = _open_outcome(services, job_id, run) or error
    holder = services.jobs.run(job_id, run)
    status = error.status if error else JobStatus.COMPLETED
    code, reason = (error.code, str(error)[:MAX_REASON]) if error else (None, None)

    def end(job: Job) -> Job:
        if job.run != run:
            raise RunRefusedError(f"Run {run} of job {job_id} is over; another one has begun.")
        if job.erased_at is not None:
            raise RunRefusedError(f"Job {job_id} is erased.")
        # What ended first stays: a repetition changes nothing.
        if job.status.ended:
            return job
        now = services.clock.now()
        job = replace(job, status=status, code=code, reason=reason, ended_at=now)
        # Once they are gone, another run brings none back.
        had_photos = run == 1 or job.keeps_photos
        keeps = services.settings.upload_retention > 0 and job.is_done_with_photos and had_photos
        return replace(job, keeps_photos=keeps)

    job = services.jobs.change_job(job_id, end)
    if not job.has_photos:
        services.uploads.erase(keys.upload_prefix(job.owner, job.folder))
        services.photos.erase(job_id)
    if job.status is JobStatus.NEEDS_ATTENTION:
        logger.error("a person is needed", extra={"code": job.code, "reason": job.reason})
    services.notices.publish(NOTICES[job.status], _notice(job, holder))
    for stage in Stage:
        give_back(services, job.provider, stage, holder.name)
    close_accounts(services, job, services.jobs.run(job_id, run))
    # Last: whoever finds a run without it finishes what is left of the ending.
    now, is_new = services.clock.now(), False

    def close(row: Run) -> Run:
        nonlocal is_new
        # Somebody who has taken the job up meanwhile ends the run, too.
        is_ours = (row.execution, row.started_at) == (holder.execution, holder.started_at)
        if is_new and row.ended_at == now:
            return row  # our own write, whose confirmation was lost on the way
        is_new = is_ours and not row.ended_at
        return replace(row, status=job.status, ended_at=now, waiting=None) if is_new else row

    closed = services.jobs.change_run(job_id, run, close)
    if is_new:
        _count(services, job, closed)
    return _reply(job)


def _count(services: Services, job: Job, run: Run) -> None:
    """Once for each end: whoever has recorded it counts it."""
    services.meter.add(JOBS_ENDED, status=job.status, code=job.code)
    if job.status is not JobStatus.COMPLETED or run.ended_at is None:
        return
    if run.started_at is not None:
        services.meter.add(STAGE_SECONDS, run.ended_at - run.started_at, stage=Phase.WHOLE)
    if run.links_expire_at is not None:
        announced_at = run.links_expire_at - services.capabilities(job.provider).link_seconds
        services.meter.add(STAGE_SECONDS, run.ended_at - announced_at, stage=Phase.KEEPING)


def _reply(job: Job) -> FinishReply:
    return {"status": job.status, "code": job.code, "reason": job.reason}


def _open_outcome(services: Services, job_id: str, run: int) -> OutcomeUnknownError | None:
    """What may have been paid for without our knowing weighs more than why the job ends.

    Where the raw answer has the id that the table lacks, the table gets it.
    """
    job, row = services.jobs.job(job_id), services.jobs.run(job_id, run)
    reader = services.reader(job.provider)
    try:
        training = TrainingLedger(services, job.provider, job_id, run)
        settle_from_answer(services, training, reader.training_id)
        for inference in ledgers(services, job, row):
            settle_from_answer(services, inference, reader.inference_id)
    except OutcomeUnknownError as unknown:
        return unknown
    return None


def _notice(job: Job, run: Run) -> Mapping[str, object]:
    return {
        "job_id": job.job_id,
        "run": run.run,
        "status": job.status,
        "code": job.code,
        "model_id": job.model_id,
        "inference_ids": list(run.inference_ids),
        # Tells this end from another one of the same run, and a repetition of it from neither.
        "started_at": run.started_at,
        "has_webhook": job.webhook is not None,
    }

"""Begin a run: one running execution per job, picked up where the recorded ids say."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypedDict

from avatars.errors import RunRefusedError
from avatars.manifest import parse_prompts
from avatars.model import Job, JobStatus, Prompt, Run
from avatars.ports import Services


class BeginReply(TypedDict):
    run: int
    begin_with: Literal["COLLECT", "TRAIN", "INFER"]


def begin_run(
    services: Services,
    job_id: str,
    execution: str,
    run: int | None = None,
    prompts: Sequence[object] | None = None,
) -> BeginReply:
    """Claim a run of the job for this execution (an ARN) and say where to begin.

    Without *run*, a job that has ended gets a further run that makes more avatars from its model,
    with *prompts* or those of the run before. Raises RunRefusedError where the job is not this
    execution's to touch, BadManifestError for bad prompts.
    """
    job = services.jobs.job(job_id)
    current = services.jobs.run(job_id, job.run)
    if run is None and current.execution != execution:
        wanted = parse_prompts(list(prompts)) if prompts is not None else current.prompts
        current = _another_run(services, job, wanted, execution)
    elif run is not None and run != job.run:
        raise RunRefusedError(f"Run {run} of job {job_id} is over; the job is at run {job.run}.")
    elif job.status.ended:
        raise RunRefusedError(f"Job {job_id} has ended with {job.status}.")
    _claim(services, current, execution)
    return {"run": current.run, "begin_with": _begin_with(job)}


def _another_run(services: Services, job: Job, prompts: tuple[Prompt, ...], execution: str) -> Run:
    if not job.status.ended:
        raise RunRefusedError(f"Job {job.job_id} is {job.status}: wait until it has ended.")
    if job.trained_at is None:
        raise RunRefusedError(
            f"Job {job.job_id} has no trained model: upload the photos into a new folder."
        )
    number, now = job.run + 1, services.clock.now()
    run = services.jobs.create_run(
        Run(job.job_id, number, prompts, execution=execution, started_at=now)
    )

    def begin(newest: Job) -> Job:
        if newest.run != job.run or run.execution != execution:
            raise RunRefusedError(f"Another execution has just begun run {number} of {job.job_id}.")
        return replace(newest, run=number, status=JobStatus.INFERRING, code=None, reason=None)

    services.jobs.change_job(job.job_id, begin)
    return run


def _claim(services: Services, run: Run, execution: str) -> None:
    def claim(newest: Run) -> Run:
        holder = newest.execution
        if holder and holder != execution and services.executions.is_running(holder):
            raise RunRefusedError(f"Another execution works on run {run.run} of {run.job_id}.")
        return replace(newest, execution=execution)

    services.jobs.change_run(run.job_id, run.run, claim)


def _begin_with(job: Job) -> Literal["COLLECT", "TRAIN", "INFER"]:
    """Every later step finds its own ids in the table, so three places to begin suffice."""
    if not job.chosen:
        return "COLLECT"
    return "INFER" if job.trained_at is not None else "TRAIN"

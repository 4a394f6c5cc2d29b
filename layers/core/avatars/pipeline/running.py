"""Begin a run: one running execution per job, picked up where the recorded ids say."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypedDict

from avatars.errors import RunRefusedError
from avatars.manifest import parse_prompts, require_possible
from avatars.model import Job, JobStatus, Run
from avatars.pipeline.spending import require_affordable
from avatars.ports import Services
from avatars.settings import DAY

SHORTEST_WAIT = 5
"""Seconds until a folder is looked into: its first upload has begun the run, so it is not complete
yet. Who drops all photos at once is not kept waiting: most of what a job takes beside the
provider's own time would be this."""


class BeginReply(TypedDict):
    run: int
    begin_with: Literal["COLLECT", "TRAIN", "INFER"]
    """What is to be done first: for the log, and for executions that began before an update."""
    wait_seconds: int
    """Until the first look into the folder; 0 where its photos are chosen."""


def begin_run(
    services: Services,
    job_id: str,
    execution: str,
    run: int | None = None,
    prompts: Sequence[object] | None = None,
    unknown: Sequence[str] = (),
) -> BeginReply:
    """Claim a run of the job for this execution (an ARN) and say where to begin.

    With *run*, a job that needs attention is taken up again where its recorded ids say. Without
    it, a job that has ended gets a further run that makes more avatars from its model, with
    *prompts* or those of the run before. Raises RunRefusedError where the job is not this
    execution's to touch or its input has *unknown* fields or such of a wrong kind, BadManifestError
    for bad prompts.
    """
    if unknown:
        raise RunRefusedError(
            f"The input has the unknown field {unknown[0][:40]!r}; known are job_id, prompts, run."
        )
    for name, value, kind, words in (
        ("job_id", job_id, str, "text"),
        ("run", run, int | None, "a whole number"),
        ("prompts", prompts, list | tuple | None, "a list"),
    ):
        if not isinstance(value, kind):
            raise RunRefusedError(f"{name} of the input must be {words}.")
    job = services.jobs.job(job_id)
    if job.erased_at is not None:
        raise RunRefusedError(f"Job {job_id} is erased.")
    current = services.jobs.run(job_id, job.run)
    if run is None and current.execution != execution:
        return _begin_another(services, job, current, execution, prompts)
    if run is not None and run != job.run:
        raise RunRefusedError(f"Job {job_id} is at run {job.run}, not at run {run}.")
    if job.status in (JobStatus.COMPLETED, JobStatus.FAILED):
        raise RunRefusedError(f"Job {job_id} has ended with {job.status}.")
    _claim(services, current, execution)
    trains = services.capabilities(job.provider).trains

    def take_up(newest: Job) -> Job:
        needs_attention = newest.status is JobStatus.NEEDS_ATTENTION
        return _open(newest, trains) if needs_attention else newest

    job = services.jobs.change_job(job_id, take_up)
    return _reply(job, trains)


def require_run(job: Job, run: int) -> None:
    """Whether a step may still act for this run. Raises RunRefusedError."""
    if job.run != run or job.status.ended:
        raise RunRefusedError(
            f"Job {job.job_id} is at run {job.run} and {job.status}: run {run} must not go on."
        )


def why_deleted(services: Services, job: Job) -> str | None:
    """Why the provider has the model of a job no more; None where it may have it."""
    life = services.capabilities(job.provider).model_seconds
    if life is None or job.trained_at is None or services.clock.now() <= job.trained_at + life:
        return None
    return (
        f"The provider has deleted the model of job {job.job_id}, which it keeps for "
        f"{life // DAY} days."
    )


def _begin_another(
    services: Services,
    job: Job,
    last: Run,
    execution: str,
    prompts: Sequence[object] | None,
) -> BeginReply:
    if not job.status.ended:
        raise RunRefusedError(f"Job {job.job_id} is {job.status}: wait until it has ended.")
    if job.model_id is None:
        raise RunRefusedError(
            f"Job {job.job_id} has no model: upload the photos into a new folder."
        )
    if deleted := why_deleted(services, job):
        raise RunRefusedError(f"{deleted} Upload the photos into a new folder.")
    number = last.run + 1
    wanted = last.prompts if prompts is None else parse_prompts(list(prompts))
    capabilities = services.capabilities(job.provider)
    require_possible(services.settings, capabilities, job.subject, wanted)
    require_affordable(services.settings, wanted, trains=False)
    run = services.jobs.create_run(Run(job.job_id, number, wanted, started_at=services.clock.now()))
    # Somebody else's run, if that execution died before the job heard of it, becomes ours.
    _claim(services, replace(run, prompts=wanted), execution)

    def begin(newest: Job) -> Job:
        if newest.run == number:
            return newest  # our own write, whose confirmation was lost on the way
        if newest.erased_at is not None:
            raise RunRefusedError(f"Job {newest.job_id} was erased meanwhile.")
        return _open(replace(newest, run=number), capabilities.trains)

    job = services.jobs.change_job(job.job_id, begin)
    return _reply(job, capabilities.trains)


def _claim(services: Services, run: Run, execution: str) -> None:
    def claim(newest: Run) -> Run:
        holder = newest.execution
        if holder and holder != execution and _is_running(services, holder):
            raise RunRefusedError(f"Another execution works on run {run.run} of {run.job_id}.")
        if holder == execution and newest.ended_at is None:
            return newest
        now = services.clock.now()
        return replace(
            # Where avatars were missing, the provider is asked for links to them anew.
            newest.unannounced() if newest.ended_at else newest,
            execution=execution,
            prompts=run.prompts,
            started_at=now,
            ended_at=None,
            status=None,
            waiting=None,
            keep_rounds=0,
        )

    services.jobs.change_run(run.job_id, run.run, claim)


def _is_running(services: Services, execution: str) -> bool:
    return services.executions.status(execution) == "RUNNING"


def _open(job: Job, trains: bool) -> Job:
    """An ended job at work again: the one way back, and only a person goes it."""
    begins = {
        "COLLECT": JobStatus.COLLECTING,
        "TRAIN": JobStatus.TRAINING,
        "INFER": JobStatus.INFERRING,
    }
    return replace(
        job, status=begins[_begin_with(job, trains)], code=None, reason=None, ended_at=None
    )


def _reply(job: Job, trains: bool) -> BeginReply:
    wait_seconds = 0 if job.chosen else SHORTEST_WAIT
    return {"run": job.run, "begin_with": _begin_with(job, trains), "wait_seconds": wait_seconds}


def _begin_with(job: Job, trains: bool) -> Literal["COLLECT", "TRAIN", "INFER"]:
    """Every later step finds its own ids in the table, so three places to begin suffice."""
    if not job.chosen:
        return "COLLECT"
    return "TRAIN" if trains and job.trained_at is None else "INFER"

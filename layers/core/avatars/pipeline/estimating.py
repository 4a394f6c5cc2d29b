"""How much longer a job will take, by how long the jobs before it took."""

from collections.abc import Sequence
from typing import Any

from avatars.model import Inference, Job, JobStatus, Run, Stage, Submission
from avatars.pipeline.learning import known_durations, workload
from avatars.pipeline.looking import schedule_of
from avatars.ports import Services

LEAST_KNOWN = 5
"""Past jobs from which something can be told; with fewer, the provider's own figures are used."""


def estimate(services: Services, job: Job, run: Run) -> dict[str, Any] | None:
    """Seconds of the clock until the job has probably ended, with the range of eight in ten.

    None where nobody can tell: the job has ended, waits for its owner or its turn, or takes longer
    than any before it. *jobs* says from how many past jobs this is told; 0 means that the
    provider's own figures are all there is.
    """
    stages = {JobStatus.TRAINING: list(Stage), JobStatus.INFERRING: [Stage.INFERENCE]}
    if job.status not in stages or run.waiting:
        return None
    now, jobs = services.clock.now(), []
    seconds = least = most = 0
    for stage in stages[job.status]:
        trains = stage is Stage.TRAINING
        asked = workload(stage, job, None if trains else _avatars(run))
        durations = [took.within for took in known_durations(services, asked, LEAST_KNOWN)]
        jobs.append(len(durations))
        submission = job.training if trains else open_request(run)
        elapsed = now - submission.intended_at if submission else 0
        left = sorted(
            duration - elapsed
            for duration in (durations or _advised(services, job, stage))
            if duration > elapsed
        )
        if not left:
            return None
        seconds += _quantile(left, 0.5)
        least += _quantile(left, 0.1)
        most += _quantile(left, 0.9)
    return {"seconds": seconds, "least": least, "most": most, "jobs": min(jobs)}


def open_request(run: Run) -> Submission | None:
    """The request for avatars that is looked at now."""
    inference = _open(run)
    return inference.submission if inference else None


def _open(run: Run) -> Inference | None:
    return next((one for one in run.inferences if one.announced_at is None), None)


def _avatars(run: Run) -> int:
    """Of the request that is looked at now, or of all where none is planned yet."""
    inference = _open(run)
    return inference.avatars if inference else run.avatars


def _advised(services: Services, job: Job, stage: Stage) -> Sequence[int]:
    """The provider's figures: never before its first look, usually within what it advises."""
    schedule = schedule_of(services, job.provider, stage)
    first, last = schedule.first, max(schedule.first, schedule.advised)
    return (first, (first + last) // 2, last)


def _quantile(ordered: Sequence[int], share: float) -> int:
    return ordered[round(share * (len(ordered) - 1))]

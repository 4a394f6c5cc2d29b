"""How much longer a job will take, by how long the jobs before it took."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from avatars.metrics import STAGE_SECONDS
from avatars.model import Durations, Job, JobStatus, Run, Stage, Submission
from avatars.pipeline.admission import capacity_of
from avatars.ports import Services

REMEMBERED = 100
"""Jobs whose durations are remembered: the provider changes, and the row stays small."""

LEAST_KNOWN = 5
"""Past jobs from which something can be told; with fewer, the provider's own figures are used."""


def remember(
    services: Services, provider: str, stage: Stage, submission: Submission | None
) -> None:
    """Note how long a stage has taken that is over now."""
    if submission is None:
        return
    took = max(services.clock.now() - submission.intended_at, 0)
    services.meter.add(STAGE_SECONDS, took, stage=stage)

    def note(known: Durations) -> Durations:
        return replace(known, seconds=(*known.seconds, took)[-REMEMBERED:])

    capacity_of(services, provider).change_durations(stage, note)


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
        durations = capacity_of(services, job.provider).durations(stage).seconds
        is_known = len(durations) >= LEAST_KNOWN
        jobs.append(len(durations) if is_known else 0)
        submission = job.training if stage is Stage.TRAINING else open_request(run)
        elapsed = now - submission.intended_at if submission else 0
        left = sorted(
            duration - elapsed
            for duration in (durations if is_known else _advised(services, job, stage))
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
    waiting = (one.submission for one in run.inferences if one.announced_at is None)
    return next(waiting, None)


def _advised(services: Services, job: Job, stage: Stage) -> Sequence[int]:
    """The provider's figures: never before its first look, usually within what it advises."""
    schedule = services.settings.schedule(services.capabilities(job.provider), stage)
    first, last = schedule.first, max(schedule.first, schedule.advised)
    return (first, (first + last) // 2, last)


def _quantile(ordered: Sequence[int], share: float) -> int:
    return ordered[round(share * (len(ordered) - 1))]

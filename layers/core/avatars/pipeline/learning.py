"""What earlier jobs tell about how long one takes: remembered, and used to plan looks."""

from collections.abc import Sequence
from dataclasses import replace

from avatars.metrics import STAGE_SECONDS
from avatars.model import Durations, Job, Stage, Submission, Took, Workload
from avatars.pipeline.admission import capacity_of
from avatars.pipeline.looking import Looks, schedule_of
from avatars.ports import Services
from avatars.schedule import LEAST_TO_LEARN, learned_looks
from avatars.settings import LEAST_SECONDS_BETWEEN_LOOKS

REMEMBERED = 64
"""Jobs of a kind whose durations are remembered: the provider changes, and a row of so many stays
within the kilobyte that one write unit pays for."""


def workload(stage: Stage, job: Job, avatars: int | None = None) -> Workload:
    """What the training of *job* asks of its provider, or a request for so many *avatars*."""
    size = len(job.chosen) if avatars is None else avatars
    return Workload(job.provider, stage, job.subject, size)


def remember(
    services: Services, asked: Workload, submission: Submission | None, looks: Looks
) -> None:
    """Note how long took what was *asked*, which the last of *looks* has found done just now."""
    if submission is None:
        return
    within = max(services.clock.now() - submission.intended_at, 0)
    services.meter.add(STAGE_SECONDS, within, stage=asked.stage)
    if submission.intended_at + within > submission.deadline:
        return  # somebody has taken it up again much later: when it was done, nobody knows
    took = Took(min(looks.get("running_at", 0), within), within)

    def note(known: Durations) -> Durations:
        return replace(known, took=(*known.took, took)[-REMEMBERED:])

    for key in asked.keys:
        capacity_of(services, asked.provider).change_durations(key, note)


def known_durations(services: Services, asked: Workload, least: int) -> Sequence[Took]:
    """How long at least so many requests took that are as much like it as possible; none where
    fewer are known of all."""
    found: Sequence[Took] = ()
    # From all to those most like it: where one knows too few, so do the ones within it.
    for key in reversed(asked.keys):
        took = capacity_of(services, asked.provider).durations(key).took
        if len(took) < least:
            break
        found = took
    return found


def planned_looks(services: Services, asked: Workload) -> tuple[int, ...]:
    """When to look at what is about to be asked, in seconds after the intent; none to follow the
    provider's advice, where too few jobs are known or the settings say so."""
    looks = services.settings.mean_looks[asked.stage]
    took = known_durations(services, asked, LEAST_TO_LEARN) if looks else ()
    if not took:
        return ()
    schedule = schedule_of(services, asked.provider, asked.stage)
    return learned_looks(took, schedule, LEAST_SECONDS_BETWEEN_LOOKS[asked.stage], looks)

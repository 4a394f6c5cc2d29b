"""What jobs cost at AWS, counts times prices, and what a stack costs without any."""

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from avatars.model import Stage
from avatars.pipeline.collecting import fills_in
from avatars.pipeline.running import SHORTEST_WAIT
from avatars.schedule import LEAST_TO_LEARN, Schedule, learned_looks
from avatars.settings import LEAST_SECONDS_BETWEEN_LOOKS
from cli.cost.counts import Counts, Job, Units, gigabyte_seconds
from cli.cost.prices import Prices
from local.engine import PROJECT

TEMPLATE = PROJECT / "template.yaml"

UPLOAD_SECONDS = 60
"""How long the photos of a folder take to arrive, evenly, and be judged."""

SWEEPS_A_MONTH = 30 * 24 * 4
"""`sweep_jobs` runs every 15 minutes."""

SAMPLES = 400
SPREAD = 0.25
"""Trainings, and avatars, take a quarter less or more than what is said, evenly."""


@dataclass(frozen=True)
class Line:
    """One thing that is charged for."""

    what: str
    count: float
    dollars: float
    """For all of them."""


@dataclass(frozen=True)
class Polling:
    """What looks at so-and-so-long trainings come to."""

    first: int
    """0, as the next, where looks were learned."""
    every: int
    looks: float
    """Of a training, in the mean."""
    delay: float
    """Seconds from its end to the look that sees it, in the mean."""
    dollars: float
    """Of the looks of one job."""


def lines_of(units: Units, prices: Prices) -> list[Line]:
    """What was asked for, with its price, the dearest first."""
    traces = units.get("traces", 0)
    seconds = gigabyte_seconds(units)
    found = [
        _line("Step Functions transitions", units["transitions"], prices["transition"]),
        _line("Lambda invocations", units["invocations"], prices["invocation"]),
        _line("Lambda GB-seconds", seconds, prices["gigabyte_second"]),
        _line("S3 writes and lists", units["s3_writes"], prices["s3_write"]),
        _line("S3 reads", units["s3_reads"], prices["s3_read"]),
        _line("photos to the provider, GB", units["s3_bytes_out"] / 1e9, prices["gigabyte_out"]),
        _line("DynamoDB write units", units["table_writes"], prices["table_write"]),
        _line("DynamoDB read units", units["table_reads"], prices["table_read"]),
        _line("EventBridge events of our own", units["events"], prices["event"]),
        _line("SQS requests", units["queue_requests"], prices["queue_request"]),
        _line("Secrets Manager requests", units["secret_requests"], prices["secret_request"]),
        _line("logs, GB", units["log_bytes"] / 1e9, prices["log_gigabyte"]),
        _line("X-Ray traces", traces, prices["trace"]),
    ]
    return sorted((one for one in found if one.count), key=lambda line: -line.dollars)


def monthly(counts: Counts, prices: Prices, template: Path = TEMPLATE) -> list[Line]:
    """What a stack costs in a month beside its jobs.

    Metrics are charged for by the hour in which they have data: this is all of them, in all hours.
    """
    resources = resources_of(template)
    sweep = {"transitions": 0.0, **counts.sweep}
    a_sweep = sum(line.dollars for line in lines_of(sweep, prices)) + prices["schedule"]
    ours = len(counts.document["metrics"])
    found = [
        _line("secrets", resources["AWS::SecretsManager::Secret"], prices["secret_month"]),
        _line("metrics under alarms", metrics_under_alarms(template), prices["alarm_month"]),
        _line("dashboards", resources["AWS::CloudWatch::Dashboard"], prices["dashboard_month"]),
        _line("metrics of our own, at most", ours, prices["metric_month"]),
        _line("sweeps", SWEEPS_A_MONTH, a_sweep),
    ]
    return [one for one in found if one.count]


@cache
def resources_of(template: Path = TEMPLATE) -> Mapping[str, int]:
    """How many resources of each type the template has, conditional ones too."""
    return Counter(re.findall(r"^    Type: (AWS::\S+)", template.read_text(), re.MULTILINE))


def metrics_under_alarms(template: Path = TEMPLATE) -> int:
    """An alarm is charged for each metric that it looks at: one, or all those of its query."""
    queried = re.findall(r"^ +FunctionName = '\$\{", template.read_text(), re.MULTILINE)
    return resources_of(template)["AWS::CloudWatch::Alarm"] + max(0, len(queried) - 1)


def is_traced(template: Path = TEMPLATE) -> bool:
    """Whether X-Ray follows what happens."""
    return re.search(r"^ +Tracing: Active", template.read_text(), re.MULTILINE) is not None


def a_job(
    photos: int,
    avatars: int,
    seconds: Mapping[Stage, float],
    schedules: Mapping[Stage, Schedule],
    wanted: Mapping[Stage, float],
) -> Job:
    """A job whose stages take so many *seconds*, and its looks in the mean: the advised ones, or
    learned ones where so many are *wanted*."""
    looks = {
        stage: looks_of(
            schedules[stage],
            seconds[stage],
            planned(stage, schedules[stage], seconds[stage], wanted[stage]),
        )[0]
        for stage in Stage
    }
    return Job(
        photos=photos,
        avatars=avatars,
        collecting_looks=looks_into_folder(photos),
        training_looks=looks[Stage.TRAINING],
        inference_looks=looks[Stage.INFERENCE],
    )


def units_of(counts: Counts, job: Job, *, cold: bool = False, traced: bool = False) -> Units:
    """What a job asks for. X-Ray may keep a trace of each upload, of `job.json`, and of the run."""
    units = counts.of(job, cold=cold)
    return {**units, "traces": job.photos + 2} if traced else units


def looks_into_folder(photos: int) -> int:
    """How many looks it takes until all photos are there that were promised."""
    looks, at = 1, float(SHORTEST_WAIT)
    while at < UPLOAD_SECONDS:
        at += fills_in(at, int(photos * at / UPLOAD_SECONDS), photos)
        looks += 1
    return looks


def looks_of(
    schedule: Schedule, seconds: float, learned: Sequence[int] = ()
) -> tuple[float, float]:
    """How many looks something takes that takes so long, and how late the last one comes."""
    random.seed(1)  # the jitter; the same question has the same answer
    looks = late = 0.0
    for end in _spread(seconds, SAMPLES):
        at, count = float(schedule.first_wait(learned)), 1
        while at < end:
            at += schedule.next_wait(at, learned)
            count += 1
        looks += count
        late += at - end
    return looks / SAMPLES, late / SAMPLES


def planned(stage: Stage, schedule: Schedule, seconds: float, wanted: float) -> tuple[int, ...]:
    """The looks that are learned from jobs that took about so long; none where none is *wanted*."""
    if not wanted:
        return ()
    took = [(round(end) - 1, round(end)) for end in _spread(seconds, LEAST_TO_LEARN)]
    return learned_looks(took, schedule, LEAST_SECONDS_BETWEEN_LOOKS[stage], wanted)


def polling(
    counts: Counts,
    prices: Prices,
    schedule: Schedule,
    seconds: float,
    learned: Sequence[int] = (),
) -> Polling:
    """What looks at trainings come to by that schedule, or as *learned*."""
    looks, late = looks_of(schedule, seconds, learned)
    a_look = sum(line.dollars for line in lines_of(counts.each("training_looks"), prices))
    first, every = (0, 0) if learned else (schedule.first, schedule.every)
    return Polling(first, every, looks, late, looks * a_look)


def _spread(seconds: float, many: int) -> list[float]:
    """How long so many take that take about so long."""
    return [seconds * (1 - SPREAD + 2 * SPREAD * one / (many - 1)) for one in range(many)]


def _line(what: str, count: float, price: float) -> Line:
    return Line(what, count, count * price)

"""Looks at the provider: what they cost, and how late they see that something is done.

    make bench BENCH=polling

Jobs are simulated, or replayed from a file (ARGS="--durations FILE": an object of lists of seconds,
"training" and "inference"). Each schedule looks at the same ones, with the code that the pipeline
looks with, jitter included. Those that are learned see only what the looks before them saw: the
first 30 jobs were looked at as the provider advises, the next ones as was learned from those, and
so on; what is told of them is of jobs that came later.
"""

import json
import math
import random
import statistics
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, product, repeat, takewhile
from pathlib import Path
from typing import Annotated

import typer

from avatars.model import Stage
from avatars.pipeline.learning import REMEMBERED
from avatars.schedule import LEAST_TO_LEARN, Schedule, learned_looks
from avatars.settings import LEAST_SECONDS_BETWEEN_LOOKS
from benchmarks.page import Promise, Section, put, table
from cli.cost.commands import INFERENCE, LOOKS, TRAINING
from cli.cost.counts import read_counts
from cli.cost.estimate import lines_of
from cli.cost.prices import read_prices

SEED = 1
ROUNDS = 10
"""How often looks are learned from what the ones before have seen."""

JOBS = 300
"""Simulated in each round."""

ADVICE = {Stage.TRAINING: TRAINING, Stage.INFERENCE: INFERENCE}
AS_ADVISED, AS_OFTEN_AS_ONE_LIKES = LEAST_SECONDS_BETWEEN_LOOKS, dict.fromkeys(Stage, 1)
"""How close looks may be."""

CLOSEST_LEARNED = 20
"""More looks a stage than there is room for: they come as close as they may."""

MEMORY = 0.25
"""GB of the function in which one long invocation would wait."""

STEP = 5
"""Seconds by which the best looks are told apart."""


@dataclass(frozen=True)
class Spread:
    """How long something takes, in seconds: log-normal, without what is shorter or longer."""

    median: float
    sigma: float
    shortest: float
    longest: float

    def draw(self, chance: random.Random) -> float:
        while True:
            seconds = chance.lognormvariate(math.log(self.median), self.sigma)
            if self.shortest <= seconds <= self.longest:
                return seconds


WIDE = {Stage.TRAINING: Spread(720, 0.3, 300, 1200), Stage.INFERENCE: Spread(120, 0.5, 30, 300)}
"""What the provider's guide and users say: 5 to 20 minutes, half a minute to five."""

ALIKE = {
    stage: Spread(one.median, one.sigma / math.sqrt(2), one.shortest, one.longest)
    for stage, one in WIDE.items()
}
"""The same if jobs of one subject and size differ half as much (in variance) as all jobs do."""

Jobs = Mapping[Stage, Sequence[float]]
"""How long each of many jobs took, by stage."""


@dataclass(frozen=True)
class Seen:
    """What looks have seen of one job."""

    took: tuple[int, int]
    """The last look that found it under way, and the one that found it done."""
    looks: int
    late: float


@dataclass(frozen=True)
class Result:
    """What a schedule comes to, for a job in the mean, both stages together."""

    looks: dict[Stage, float]
    late: dict[Stage, float]
    transitions: float
    dollars: float

    @property
    def delay(self) -> float:
        return sum(self.late.values())


def main(
    durations: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Jobs to replay instead.")
    ] = None,
) -> None:
    """Compare schedules, and write what they come to into docs/benchmarks.md."""
    if durations:
        print(_table(rows_of(recorded(durations))))
        return
    jobs = simulated(WIDE)
    rows, alike = rows_of(jobs), rows_of(simulated(ALIKE))
    put(Section("polling", "Polling", _text(rows, alike, jobs), promises(rows)))


def recorded(file: Path) -> Jobs:
    """The jobs of a file. Raises BadParameter where they are too few, or none."""
    try:
        found = json.loads(file.read_text())
        jobs = {stage: [float(seconds) for seconds in found[stage]] for stage in Stage}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise typer.BadParameter(
            f"{file} must hold lists of seconds, named {' and '.join(Stage)}: {error!r}"
        ) from error
    for stage, seconds in jobs.items():
        if len(seconds) < LEAST_TO_LEARN + ROUNDS:
            raise typer.BadParameter(
                f"{file} has {len(seconds)} durations for {stage}; {LEAST_TO_LEARN + ROUNDS} are "
                f"the fewest: looks are learned from {LEAST_TO_LEARN}, and tried on the others."
            )
    return jobs


def simulated(spreads: Mapping[Stage, Spread], seed: int = SEED) -> Jobs:
    """As many jobs as the rounds need, the same for the same seed."""
    chance = random.Random(seed)
    many = LEAST_TO_LEARN + ROUNDS * JOBS
    return {stage: [spreads[stage].draw(chance) for _ in range(many)] for stage in Stage}


FIXED = "every {} s"
ADVISED = "as advised"


def wanted_looks(at_training: float, at_avatars: float) -> Mapping[Stage, float]:
    return {Stage.TRAINING: at_training, Stage.INFERENCE: at_avatars}


def learned_name(at_training: float, at_avatars: float) -> str:
    return f"learned, {at_training:g} looks at a training and {at_avatars:g} at avatars"


DEFAULT = learned_name(*LOOKS.values())
OFTEN = learned_name(10, 5)


def rows_of(jobs: Jobs) -> dict[str, Result]:
    """What each schedule comes to."""
    return {
        **{FIXED.format(every): of_planned(jobs, fixed(every)) for every in (5, 30, 60)},
        "after 15 s, then ever 1.5 times longer, at most 120 s": of_planned(jobs, geometric()),
        ADVISED: as_advised(jobs),
        **{
            learned_name(*wanted): learned(jobs, wanted_looks(*wanted))
            for wanted in ((2, 2), (3, 2), (4, 3), (5, 2.5), (5, 3), (5, 5), (10, 5))
        },
        "learned, as close as allowed": learned(jobs, dict.fromkeys(Stage, CLOSEST_LEARNED)),
        "the best there are, by who knows all durations beforehand": best(jobs, 10, AS_ADVISED),
        "one long invocation, every 5 s": in_one_invocation(jobs),
        "called back, were that offered": called_back(),
    }


def promises(rows: Mapping[str, Result]) -> list[Promise]:
    """What is to hold of the default, and of more looks for less delay."""
    ours, often, advised = rows[DEFAULT], rows[OFTEN], rows[ADVISED]
    half_a_minute = rows[FIXED.format(30)]
    return [
        Promise(
            "transitions of learned looks, to those of the advised ones",
            0.6,
            ours.transitions / advised.transitions,
        ),
        Promise("their delay, to that of the advised ones", 1, ours.delay / advised.delay),
        Promise(
            "transitions of learned looks, 10 and 5, to those of one every 30 s",
            0.45,
            often.transitions / half_a_minute.transitions,
        ),
        Promise(
            "how much later they see it, as they may not come so close",
            20,
            often.delay - half_a_minute.delay,
            "s",
        ),
    ]


def as_advised(jobs: Jobs) -> Result:
    return _result({stage: watch(ADVICE[stage], (), jobs[stage]) for stage in Stage})


def of_planned(jobs: Jobs, planned: Sequence[int]) -> Result:
    """By the same looks for every job and stage."""
    schedule = Schedule(planned[0], planned[0], planned[-1], planned[-1])
    return _result({stage: watch(schedule, planned, jobs[stage]) for stage in Stage})


def learned(
    jobs: Jobs, wanted: Mapping[Stage, float], closest: Mapping[Stage, int] = AS_ADVISED
) -> Result:
    """By what the jobs before told, told of those after them."""
    return _result({stage: _learned(jobs, stage, wanted[stage], closest[stage]) for stage in Stage})


def _learned(jobs: Jobs, stage: Stage, wanted: float, closest: int) -> list[Seen]:
    schedule = ADVICE[stage]
    known = watch(schedule, (), jobs[stage][:LEAST_TO_LEARN])
    rest = jobs[stage][LEAST_TO_LEARN:]
    size = math.ceil(len(rest) / ROUNDS)
    seen: list[Seen] = []
    for start in range(0, len(rest), size):
        took = [one.took for one in known[-REMEMBERED:]]
        looks = learned_looks(took, schedule, closest, wanted)
        known = watch(schedule, looks, rest[start : start + size])
        seen += known
    return seen


def watch(schedule: Schedule, planned: Sequence[int], ends: Iterable[float]) -> list[Seen]:
    """What looks see of jobs that end so many seconds after they were asked for."""
    random.seed(SEED)  # the jitter: the same question has the same answer
    return [_watch(schedule, planned, end) for end in ends]


def _watch(schedule: Schedule, planned: Sequence[int], end: float) -> Seen:
    before, at, looks = 0, schedule.first_wait(planned), 1
    while at < end:
        before, at, looks = at, at + schedule.next_wait(at, planned), looks + 1
    return Seen((before, at), looks, at - end)


def fixed(every: int) -> Sequence[int]:
    return range(every, TRAINING.deadline + every, every)


def geometric() -> Sequence[int]:
    waits = accumulate(repeat(15.0), lambda wait, _: min(wait * 1.5, 120))
    return [*takewhile(lambda at: at < TRAINING.deadline, map(round, accumulate(waits))), 3600]


def in_one_invocation(jobs: Jobs) -> Result:
    """A Wait until one job in twenty is done, then a function that looks until it is."""
    looks, late, transitions, dollars = {}, {}, 0.0, 0.0
    prices = read_prices()
    for stage in Stage:
        known, later = jobs[stage][:LEAST_TO_LEARN], jobs[stage][LEAST_TO_LEARN:]
        first = statistics.quantiles(known, n=20)[0]
        counts = [1 + max(0, math.ceil((end - first) / 5)) for end in later]
        looks[stage] = statistics.fmean(counts)
        late[stage] = statistics.fmean(
            first + 5 * (count - 1) - end for count, end in zip(counts, later, strict=True)
        )
        seconds = 5 * (looks[stage] - 1)
        transitions += 3
        dollars += 3 * prices["transition"] + prices["invocation"]
        dollars += MEMORY * seconds * prices["gigabyte_second"]
    return Result(looks, late, transitions, dollars)


def called_back() -> Result:
    """One state in each stage waits until the provider says that it is done: the limit."""
    return Result(
        dict.fromkeys(Stage, 0), dict.fromkeys(Stage, 0.5), 2, 2 * read_prices()["transition"]
    )


def best(jobs: Jobs, worth: float, closest: Mapping[Stage, int]) -> Result:
    """The best that looks can do who knows beforehand how jobs will end, where each costs as much
    as *worth* seconds of delay: no schedule is cheaper and sees it sooner."""
    looks, late = {}, {}
    for stage in Stage:
        ends = sorted(jobs[stage])
        planned = _best(ends, worth, ADVICE[stage].first, closest[stage])
        found = [bisect_left(planned, end) for end in ends]
        looks[stage] = statistics.fmean(place + 1 for place in found)
        late[stage] = statistics.fmean(
            planned[place] - end for place, end in zip(found, ends, strict=True)
        )
    return _result_of(looks, late)


def _best(ends: Sequence[float], worth: float, first: int, closest: int) -> list[int]:
    """By dynamic programming: what a look costs is how many jobs it is made for, and how late it
    sees those that have ended since the look before."""
    times = list(range(first, math.ceil(ends[-1]) + closest + STEP, STEP))
    done = [bisect_left(ends, time + 1e-9) for time in times]
    sums = [0.0, *accumulate(ends)]
    cost, following = [math.inf] * len(times), [0] * len(times)
    for place in reversed(range(len(times))):
        if done[place] == len(ends):
            cost[place] = 0.0
            continue
        for later in range(place + max(1, math.ceil(closest / STEP)), len(times)):
            new = done[later] - done[place]
            late = times[later] * new - (sums[done[later]] - sums[done[place]])
            total = late + worth * (len(ends) - done[place]) + cost[later]
            if total < cost[place]:
                cost[place], following[place] = total, later
    place = min(
        range(len(times)),
        key=lambda one: times[one] * done[one] - sums[done[one]] + cost[one],
    )
    planned = [times[place]]
    while done[place] < len(ends):
        place = following[place]
        planned.append(times[place])
    return planned


def _result(seen: dict[Stage, list[Seen]]) -> Result:
    looks = {stage: statistics.fmean(one.looks for one in seen[stage]) for stage in Stage}
    late = {stage: statistics.fmean(one.late for one in seen[stage]) for stage in Stage}
    return _result_of(looks, late)


def _result_of(looks: dict[Stage, float], late: dict[Stage, float]) -> Result:
    """With what looks came to on the engine (cli/cost/counts.json)."""
    counts, prices = read_counts(), read_prices()
    each = {stage: counts.each(f"{stage}_looks") for stage in Stage}
    dollars = sum(
        looks[stage] * line.dollars for stage in Stage for line in lines_of(each[stage], prices)
    )
    transitions = sum(looks[stage] * each[stage]["transitions"] for stage in Stage)
    return Result(looks, late, transitions, dollars)


def _table(rows: Mapping[str, Result]) -> str:
    return table(
        (
            "looks",
            "at a training",
            "at avatars",
            "transitions",
            "seen late: training",
            "avatars",
            "both",
            "$ for 1,000 jobs",
        ),
        [
            (
                name,
                *(f"{row.looks[stage]:.1f}" for stage in Stage),
                f"{row.transitions:.1f}",
                *(f"{row.late[stage]:.0f} s" for stage in Stage),
                f"{row.delay:.0f} s",
                f"{1000 * row.dollars:.2f}",
            )
            for name, row in rows.items()
        ],
    )


def _text(rows: Mapping[str, Result], alike: Mapping[str, Result], jobs: Jobs) -> str:
    training, inference = WIDE[Stage.TRAINING], WIDE[Stage.INFERENCE]
    half_a_minute = rows[FIXED.format(30)]
    free = first_as_soon(jobs, half_a_minute.delay)
    limit = best_as_soon(jobs, half_a_minute.delay, AS_OFTEN_AS_ONE_LIKES)
    nearest = best(jobs, 0.5, AS_ADVISED)
    return f"""
{ROUNDS * JOBS:,} jobs with trainings of {training.shortest / 60:g} to {training.longest / 60:g} minutes (log-normal, median {training.median / 60:g}, sigma {training.sigma:g}) and avatars of {inference.shortest:g} to {inference.longest:g} seconds (median {inference.median:g}, sigma {inference.sigma:g}), seed {SEED}. Learned looks come from what the looks before them saw of earlier jobs, {LEAST_TO_LEARN} by the advice to begin with; they are measured with the jobs after those. A look is three transitions, and costs what it came to on the engine ([what a job costs](cost.md)).

{_table(rows)}

Looks at a training every 5 or 30 seconds come closer to each other than we allow (60 seconds; 10 at avatars), and than the provider advises. So does the long invocation, which is a look every 5 seconds on top of one Wait: {rows["one long invocation, every 5 s"].transitions:.0f} transitions and {sum(rows["one long invocation, every 5 s"].looks.values()):.0f} requests a job, of which the provider takes 500 a minute of all jobs together. It is here to be seen, not to be done. Nobody offers to call back.

If jobs of one subject and size differ half as much (in variance) as all jobs do, it takes fewer looks:

{_table({name: alike[name] for name in (FIXED.format(30), ADVISED, learned_name(4, 3), DEFAULT, OFTEN)})}

**How near that is to the limit.** With looks as close as one likes, {sum(free.looks.values()):.1f} learned ones ({free.transitions / half_a_minute.transitions:.2f} of the transitions) see the end as soon as one every 30 seconds does, and the best that could be made by who knows all durations beforehand {sum(limit.looks.values()):.1f} ({limit.transitions / half_a_minute.transitions:.2f}). With a minute between looks at a training nobody sees it as soon: the best possible ones are {nearest.delay:.0f} seconds late.
"""  # noqa: E501 - a paragraph is one line


def first_as_soon(jobs: Jobs, delay: float) -> Result:
    """The fewest learned looks, as close as one likes, that see it no later than that."""
    closest = AS_OFTEN_AS_ONE_LIKES
    tried = (
        [(stage, _learned(jobs, stage, wanted, closest[stage])) for wanted in range(2, 21)]
        for stage in Stage
    )
    results = (_result(dict(pair)) for pair in product(*tried))
    return min(
        (result for result in results if result.delay <= delay),
        key=lambda result: result.transitions,
    )


def best_as_soon(jobs: Jobs, delay: float, closest: Mapping[Stage, int]) -> Result:
    """The fewest looks with which it is possible at all."""
    tried = (best(jobs, worth / 4, closest) for worth in range(40, 0, -1))
    return next(result for result in tried if result.delay <= delay)


if __name__ == "__main__":
    typer.run(main)

"""When to look again at what the provider is doing."""

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_TO_LEARN = 30
"""Finished jobs from which looks are learned; with fewer, the provider's advice is followed."""

MOST_JITTER = 0.1
"""By which share a wait may be longer than planned: those who began together must not ask together.
It only adds, for the provider's advice is the least wait."""

LONGEST_GAP = 0.25
"""Share of the time that has passed after which somebody looks again, wherever the jobs before
ended: a few that took very long must not hide those that take a little longer than most."""

RARER = 0.1
"""Where hardly anything is known, each wait is at least this share of the time that has passed,
and longer by it than the wait before."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """First look, then regular looks, then ever rarer ones. All in seconds."""

    first: int
    every: int
    advised: int
    """How long the provider says it takes."""
    deadline: int
    """How long it may take at all."""

    def first_wait(self, looks: Sequence[int] = (), elapsed: float = 0) -> int:
        """Seconds until the first look, *elapsed* seconds after the intent; never earlier than
        advised. *looks* are those that were learned, if any."""
        if not looks:
            return with_jitter(self.first)
        planned = max(self.first, looks[0] - elapsed)
        return with_jitter(planned, _between(looks, 1))

    def next_wait(self, elapsed: float, looks: Sequence[int] = ()) -> int:
        """Seconds until the next look, *elapsed* seconds after the intent: the next of *looks*, if
        any were learned.

        Else constant until twice the advised duration, then growing in proportion to the time that
        has passed.
        """
        following = bisect_right(looks, elapsed)
        if following == len(looks):
            return with_jitter(self.every * max(1.0, elapsed / (2 * self.advised)))
        # The look before may have come late; this one does not come closer to it for that.
        least = min(_between(looks, following) / (1 + MOST_JITTER), self.every)
        planned = max(looks[following] - elapsed, least)
        return with_jitter(planned, _between(looks, following + 1))

    @property
    def most_looks(self) -> int:
        """More looks that are answered cannot be, unless something is wrong with the clock."""
        return math.ceil(self.deadline / self.every) + 1


def learned_looks(
    took: Sequence[tuple[int, int]], schedule: Schedule, closest: int, looks: float
) -> tuple[int, ...]:
    """When to look, in seconds after the intent, by what earlier jobs *took*; at least one.

    *took* says of each job the last look that found it under way and the one that found it done.
    A look finds a job done that was under way at the look before with the probability

        hazard(s, t) = (F(t) - F(s)) / (1 - F(s))        F(t): the share of jobs done within t

    If it is the same, p, for every look, k looks find done all but (1 - p)^k of the jobs, a job
    takes 1/p looks in the mean whatever F is, and no look is worth less than another: they lie
    where jobs end. So *looks*, the mean, is the price, and p = 1 / looks. The delay is what it
    comes to: about p/2 of the time over which the ends of jobs are spread.

    F is the mean of what each job tells: 0 until it was last seen under way, 1 from when it was
    seen done, evenly growing in between. At the looks that were made it is exact. With the times
    of the looks as durations the schedule would follow itself, later and later, since no job ends
    sooner than somebody looks.

    No look is earlier than the schedule's first, nor closer to the one before than *closest*,
    even if that comes late, nor much later (LONGEST_GAP). Once fewer than one of the known jobs
    would be left, nothing is known of those that are: looks get ever rarer, as if what lasts long
    lasted longer, and the last one is at the deadline.
    """
    apart = math.ceil(closest * (1 + MOST_JITTER))
    longest = max(within for _, within in took)

    def done(time: int) -> float:
        return sum(_done(after, within, time) for after, within in took) / len(took)

    planned: list[int] = []
    left = 1.0
    while left >= 1 / len(took) and (not planned or planned[-1] < schedule.deadline):
        target = 1 - left * (1 - 1 / looks)
        # The sum of many shares may miss a whole by a little.
        time = bisect_left(range(longest), target - 1e-9, key=done)
        if planned:
            time = min(time, math.ceil(planned[-1] * (1 + LONGEST_GAP)))
        planned.append(max(time, planned[-1] + apart if planned else schedule.first))
        left = 1 - done(planned[-1])
    wait = planned[-1] - planned[-2] if len(planned) > 1 else apart
    while planned[-1] < schedule.deadline:
        wait = math.ceil(max((1 + RARER) * wait, RARER * planned[-1]))
        planned.append(planned[-1] + wait)
    last = schedule.deadline - apart
    return (*(time for time in planned if time <= last), schedule.deadline)


def _done(after: int, within: int, time: int) -> float:
    """How probable it is that a job was done at *time*."""
    if time >= within:
        return 1.0
    return (time - after) / (within - after) if time > after else 0.0


def _between(looks: Sequence[int], place: int) -> float:
    """Seconds from the look before to the one at *place*; from the intent to the first."""
    if place >= len(looks):
        return math.inf
    return looks[place] - (looks[place - 1] if place else 0)


def with_jitter(seconds: float, room: float = math.inf) -> int:
    """A little more, so that those who began together do not ask together; *room* is how long the
    wait after this one is to be: it must not be used up."""
    most = MOST_JITTER * min(seconds, room)
    return math.ceil(seconds + random.uniform(0, most))  # noqa: S311 - not a secret

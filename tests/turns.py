"""Lines of work that take turns on a virtual clock: one runs at a time, and nobody really waits."""

import heapq
from collections.abc import Callable
from contextlib import suppress
from itertools import count

from greenlet import getcurrent, greenlet

Work = Callable[[], object]


class StoppedError(BaseException):
    """Nobody waits for this line of work any more: it must go."""


class Strand:
    """One line of work, which only runs while it is its turn."""

    def __init__(self, work: Work) -> None:
        self._greenlet = greenlet(work)

    @property
    def is_current(self) -> bool:
        return self._greenlet is getcurrent()

    def go_on(self) -> None:
        """Let it work until it rests or ends; raises what it died of."""
        self._greenlet.parent = getcurrent()
        with suppress(StoppedError):
            self._greenlet.switch()

    def rest(self) -> None:
        """Its own work waits for its next turn."""
        self._greenlet.parent.switch()

    def stop(self) -> None:
        """Called while it rests, or after its end."""
        self._greenlet.parent = getcurrent()
        with suppress(StoppedError):
            self._greenlet.throw(StoppedError)


class Turns:
    """The agenda: whose turn comes when. At the same time, whoever asked first is first."""

    def __init__(self, move_clock: Callable[[float], None]) -> None:
        self.time = 0.0
        """Seconds since the beginning."""
        self._move_clock = move_clock
        self._agenda: list[tuple[float, int, Strand]] = []
        self._strands: list[Strand] = []
        self._numbers = count()
        self.current: Strand | None = None
        """Whose turn it is."""

    def __len__(self) -> int:
        return len(self._agenda)

    @property
    def next_at(self) -> float:
        return self._agenda[0][0] if self._agenda else float("inf")

    def plan(self, after: float, work: Work) -> Strand:
        """A line of work begins in so many seconds."""
        strand = Strand(work)
        self._strands.append(strand)
        self._enter(after, strand)
        return strand

    def sleep(self, seconds: float) -> None:
        """The line of work whose turn it is lets others go on for so long."""
        strand = self.current
        if strand is None or not strand.is_current:
            raise RuntimeError("Only a line of work can sleep, and none of its own threads.")
        self._enter(seconds, strand)
        strand.rest()

    def wake(self, strand: Strand) -> None:
        """Its turn comes now, and not when it has asked for."""
        self._agenda = [entry for entry in self._agenda if entry[2] is not strand]
        heapq.heapify(self._agenda)
        self._enter(0, strand)

    def take(self) -> Strand:
        """Time passes until the next turn, which is taken; returns whose it was."""
        at, _, strand = heapq.heappop(self._agenda)
        self.pass_until(at)
        self.current = strand
        strand.go_on()
        return strand

    def pass_until(self, time: float) -> None:
        self._move_clock(time - self.time)
        self.time = time

    def stop(self) -> None:
        for strand in self._strands:
            strand.stop()

    def _enter(self, after: float, strand: Strand) -> None:
        heapq.heappush(self._agenda, (self.time + after, next(self._numbers), strand))

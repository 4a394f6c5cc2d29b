"""The clock of the pipeline: the wall clock on AWS, a faster one on a laptop."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """Tells the time by which jobs wait and expire.

    On AWS *scale* is 1 and this is the wall clock. Locally a Wait state of 300 s lasts
    300 * scale seconds, so the clock runs 1/scale times as fast, from *epoch* (Unix seconds)
    on, and durations keep their meaning. Signatures and the quiet period stay on the wall.
    """

    epoch: float = 0.0
    scale: float = 1.0

    def now(self) -> int:
        """Unix seconds of this clock."""
        return int(self.epoch + (self.wall() - self.epoch) / self.scale)

    def wall(self) -> float:
        """Unix seconds of the wall clock."""
        return time.time()

    def from_wall(self, seconds: float) -> float:
        """How long a duration of the wall clock is on this clock, in seconds."""
        return seconds / self.scale

    def to_wall(self, seconds: float) -> float:
        """How long a duration of this clock is on the wall, in seconds."""
        return seconds * self.scale


def as_utc(seconds: int) -> str:
    """Unix seconds as people read them."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"

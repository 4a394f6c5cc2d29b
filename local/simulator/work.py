"""What a simulated provider works on, and the pictures that come of it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from local.simulator.dialect import Phase
from local.simulator.styles import Style

# Guide (AI Avatars 101): training takes up to 20 minutes.
LONGEST_TRAINING = 1200.0
# The time in the queue is the simulator's own.
QUEUED_SHARE = 0.1


@dataclass(kw_only=True)
class Work:
    """A training or an inference on its way; times are Unix seconds of the clock."""

    id_name: ClassVar[str]
    """What the journal calls its id."""

    id: str
    created_at: float
    ends_at: float
    visible_at: float
    failure: str | None = None

    def phase(self, now: float) -> Phase:
        """Where the work is at *now*."""
        if now < self.ends_at:
            # An endless training leaves the queue as the longest real one does.
            seconds = min(self.ends_at - self.created_at, LONGEST_TRAINING)
            queued = now < self.created_at + seconds * QUEUED_SHARE
            return Phase.ACCEPTED if queued else Phase.IN_PROGRESS
        return Phase.FAILED if self.failure else Phase.DONE


@dataclass(kw_only=True)
class Sitting(Work):
    """Work on photos, which are fetched when it begins, and once more at *second_look_at*.

    *photos* are files once the links were fetched.
    """

    links: tuple[str, ...]
    second_look_at: float = math.inf
    looks: int = 0
    photos: tuple[Path, ...] = ()
    bad_photo: str | None = None

    def phase(self, now: float) -> Phase:
        """As for any work, but nothing is made of photos that were not seen as often as planned."""
        if self.bad_photo:
            return Phase.IMAGE_NOT_VALID
        wanted = 2 if math.isfinite(self.second_look_at) else 1
        phase = super().phase(now)
        return Phase.IN_PROGRESS if phase is Phase.DONE and self.looks < wanted else phase


@dataclass(frozen=True)
class Picture:
    """One avatar to draw: which photo, if any, which style, the seed of all its variety, and how
    many pixels wide and high."""

    photo: Path | None
    style: Style
    seed: str
    side: int

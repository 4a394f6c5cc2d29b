"""A clock that is set by hand."""

from avatars.clock import Clock

NOON = 1_800_000_000


class FakeClock(Clock):
    """Stands still until it is moved; both times begin at NOON."""

    __slots__ = ("_wall",)

    _wall: float

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__(NOON, scale)
        object.__setattr__(self, "_wall", NOON)  # a Clock is frozen

    def wall(self) -> float:
        return self._wall

    def move(self, seconds: float) -> None:
        """Let so many seconds of this clock pass."""
        object.__setattr__(self, "_wall", self._wall + seconds * self.scale)

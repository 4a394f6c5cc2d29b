"""What happened, in order: every call, photo fetch, charge and download."""

from typing import Any, Protocol

Entry = dict[str, Any]


class Clock(Protocol):
    """What the simulator needs of `avatars.clock.Clock`; both answers are Unix seconds."""

    def now(self) -> float:
        """The scaled time."""

    def wall(self) -> float:
        """The time on the wall."""


class Journal:
    """A list of entries, each stamped with both times and naming what kind of *event* it is.

    Keys, signatures and other query strings never get in: callers write paths, not links.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[Entry] = []

    def write(self, event: str, **facts: Any) -> Entry:
        """Add an entry; the caller may complete the returned one when it knows more."""
        entry = {"event": event, "clock": self._clock.now(), "wall": self._clock.wall(), **facts}
        self._entries.append(entry)
        return entry

    def read(self, **wanted: str) -> list[Entry]:
        """The entries whose facts, as text, are the *wanted* ones; all of them if none is."""
        return [
            entry
            for entry in self._entries
            if all(str(entry.get(fact)) == value for fact, value in wanted.items())
        ]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

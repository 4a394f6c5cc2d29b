"""The seam between handlers and everything outside: where calls are seen and go wrong."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.fakes import KilledError

Go = Callable[[], Any]
"""Lets the call happen and returns its answer."""


@dataclass
class Call:
    """One request of a handler to AWS or to the provider."""

    service: str
    operation: str
    """As AWS calls it (`PutItem`), or the simulator (`start_training`)."""
    about: str = ""
    """The record of a row, the key of an object, the path of a page."""
    job_id: str = ""
    """Whose it is, where that can be seen."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else can be seen from outside: the row that is written."""
    faults: list[Any] = field(default_factory=list)
    """What the simulator is to do wrong with it."""

    def __str__(self) -> str:
        return f"{self.service} {self.operation} {self.about}".rstrip()


@dataclass
class Strike:
    """What happens to matching calls, *times* of them after *skip* others."""

    matches: Callable[[Call], bool]
    act: Callable[[Call, Go], Any]
    skip: int = 0
    times: float = 1

    def hits(self, call: Call) -> bool:
        if not self.times or not self.matches(call):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass
class Seam:
    """Every call passes through here, and every planned strike waits here.

    One strike at most meets a call; the others wait for the next one.
    """

    tell: Callable[[Call, str], object] = lambda call, outcome: None
    """Hears of every call and what became of it."""
    pause: Callable[[], object] = lambda: None
    """Comes before every call: others may go on meanwhile."""
    strikes: list[Strike] = field(default_factory=list)
    watchers: list[Callable[[Call, Any], object]] = field(default_factory=list)
    """See every call that was answered, and its answer as it came from there."""
    _killed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def through(self, call: Call, go: Go) -> Any:
        if self._killed:
            raise KilledError
        self.pause()
        with self._lock:
            strike = next((strike for strike in self.strikes if strike.hits(call)), None)
        happen: Go = partial(self._happen, call, go)
        try:
            reply = strike.act(call, happen) if strike else happen()
        except BaseException as error:
            self.tell(call, type(error).__name__)
            raise
        self.tell(call, str(reply.status_code))
        return reply

    def kill(self) -> None:
        """The process dies: nothing of it reaches the outside any more, until `revive`."""
        self._killed = True
        raise KilledError

    def revive(self) -> None:
        """A new process takes its place."""
        self._killed = False

    def _happen(self, call: Call, go: Go) -> Any:
        reply = go()
        for watch in self.watchers:
            watch(call, reply)
        return reply

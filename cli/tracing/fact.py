"""What a trace consists of: facts of one job, in the order of the wall clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from string import Formatter
from typing import Any

from avatars.clock import Clock
from avatars.model import Job, Run


class Source(StrEnum):
    """Where a fact was found."""

    TABLE = "table"
    HISTORY = "history"
    """Of the executions of the state machine."""
    LOGS = "logs"
    PROVIDER = "provider"
    """Its raw answers, as far as they are kept."""


@dataclass(frozen=True)
class Fact:
    """Something that happened."""

    at: float
    """Unix seconds of the wall clock, whichever clock the source goes by."""
    source: Source
    what: str
    """In words of ours, with the names of details in braces: nothing of a stranger's."""
    details: Mapping[str, Any] = field(default_factory=dict)
    trouble: bool = False
    """Whether something went wrong."""

    @property
    def said(self) -> str:
        """The whole fact in a line: its words, then the details that are not in them."""
        told = {name for _, name, *_ in Formatter().parse(self.what) if name}
        shown = dict.fromkeys(told, "?") | dict(self.details)
        rest = ", ".join(
            f"{name.replace('_', ' ')} {value}"
            for name, value in self.details.items()
            if name not in told and value not in (None, "")
        )
        text = self.what.format_map(shown)
        return f"{text}: {rest}" if rest else text


@dataclass(frozen=True)
class Gap:
    """A source that said nothing, or not everything."""

    source: Source
    why: str
    """For people: it may name anything."""
    code: str
    """What kind of gap it is, in a word of ours or of AWS."""


@dataclass(frozen=True)
class Story:
    """All that is known of a job."""

    job: Job
    runs: Sequence[Run]
    clock: Clock
    """The job's: what is said in seconds by the table goes by it."""
    facts: Sequence[Fact]
    """The earliest first."""
    gaps: Sequence[Gap]

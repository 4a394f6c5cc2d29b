"""What an examination says."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing, and nothing to mend: so it is on the embedded AWS."""
    FINDING = "finding"
    """To be mended."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was seen, and what to do about it."""

    about: str
    level: Level
    said: str
    remedy: str | None = None


def fine(about: str, said: str) -> Finding:
    return Finding(about, Level.OK, said)


def wrong(about: str, said: str, remedy: str) -> Finding:
    return Finding(about, Level.FINDING, said, remedy)


def different(about: str, said: str) -> Finding:
    """Not as on AWS, which docs/fidelity.md says of the embedded one."""
    return Finding(about, Level.NOTE, f"{said} So it is on the embedded AWS (docs/fidelity.md).")

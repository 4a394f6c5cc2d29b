"""A story for people, a line for each fact, and as JSON."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from cli.printing import in_red
from cli.tracing.fact import Fact, Story


def document(story: Story) -> dict[str, Any]:
    """All of it; seconds are counted from the first fact on."""
    job = story.job
    return {
        "job_id": job.job_id,
        "owner": job.owner,
        "folder": job.folder,
        "status": job.status,
        "code": job.code,
        "reason": job.reason,
        "clock": {"epoch": story.clock.epoch, "scale": story.clock.scale},
        "facts": [
            {
                "at": as_instant(fact.at),
                "seconds": round(fact.at - begun(story), 3),
                "clock_seconds": round(story.clock.from_wall(fact.at - begun(story)), 3),
                "source": fact.source,
                "trouble": fact.trouble,
                "what": fact.said,
                "details": dict(fact.details),
            }
            for fact in story.facts
        ],
        "gaps": [{"source": gap.source, "code": gap.code, "why": gap.why} for gap in story.gaps],
    }


COLUMNS = ("", "UTC", "after", "source", "what")


def rows(story: Story) -> Iterator[tuple[object, ...]]:
    """The cells of a table under COLUMNS; where something went wrong, they stand out."""
    first_day = _moment(begun(story)).date()
    for fact in story.facts:
        moment = _moment(fact.at)
        days = (moment.date() - first_day).days
        time = as_instant(fact.at)[11:-1] + (f" +{days}d" if days else "")
        after = _after(story.clock.from_wall(fact.at - begun(story)))
        cells = (time, after, fact.source, fact.said)
        yield ("", *cells) if not fact.trouble else (in_red("!"), *map(in_red, cells))


def about_times(story: Story) -> str:
    """Which clock says what."""
    since = f"UTC, from {as_instant(begun(story))[:10]} on"
    if story.clock.scale == 1:
        return f"{since}; those of the table, and of uploads, are whole seconds"
    return (
        f'{since}; "after" counts by the job\'s own clock, which runs '
        f"{round(1 / story.clock.scale)} times as fast"
    )


def begun(story: Story) -> float:
    """When the first fact happened."""
    return story.facts[0].at if story.facts else 0.0


def as_instant(seconds: float) -> str:
    """Unix seconds as `2026-07-25T06:49:02.123Z`."""
    moment = _moment(seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def troubles(story: Story) -> list[Fact]:
    return [fact for fact in story.facts if fact.trouble]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _after(seconds: float) -> str:
    """How long after the first fact: `+1:02:03.456`."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"+{hours}:{minutes:02}:{rest:02}.{thousandths:03}"

"""What the shell offers on Tab: styles and jobs, where the stack answers quickly."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import fields
from itertools import islice
from typing import TypeVar

import typer

from cli.doors.door import Door
from cli.doors.finding import Opener, Where, open_door
from cli.saying import PROBLEMS

Found = TypeVar("Found")

MOST = 50
SECONDS = 3
"""Longer than that nobody waits after pressing Tab."""


def complete_style(ctx: typer.Context, incomplete: str) -> list[str]:
    """The styles of the stack; the count is typed behind the colon."""
    styles = _quickly(ctx, lambda door: door.catalogue()["styles"])
    return [style for style in styles if style.startswith(incomplete)]


def complete_job(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The newest jobs, by id."""
    jobs = _quickly(ctx, lambda door: list(islice(door.jobs(), MOST)))
    return [
        (job["job_id"], f"{job['folder']}, {job['status']}")
        for job in jobs
        if job["job_id"].startswith(incomplete.upper())
    ]


def _quickly(ctx: typer.Context, ask: Callable[[Door], list[Found]]) -> list[Found]:
    """What the door answers; nothing where it takes long or refuses: Tab never complains."""
    opener: Opener = ctx.obj or open_door
    given = {each.name: ctx.params[each.name] for each in fields(Where) if each.name in ctx.params}
    found: list[Found] = []

    def look() -> None:
        with contextlib.suppress(*PROBLEMS):
            found.extend(ask(opener(Where(**given))))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return found if not thread.is_alive() else []

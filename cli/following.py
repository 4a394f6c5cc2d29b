"""Follow a job through a door until it has ended."""

import math
import time
from collections.abc import Iterator

from avatars.model import JobStatus
from cli.doors.documents import Estimate, Job
from cli.doors.door import Door, DoorError
from cli.printing import tell
from cli.progress import DOING, Progress
from cli.saying import RefusedError, StillRunningError

WORK = ("PHOTOS", "VERDICTS", "MODEL", "AVATARS", "COPIES")
"""Waiting for these is what a stage is about; everything else keeps it from going on."""


def has_ended(job: Job, run: int) -> bool:
    """Whether this run, or a later one, is over."""
    return job["run"] >= run and JobStatus(job["status"]).ended


def follow(door: Door, job_id: str, run: int = 1, most_seconds: float | None = None) -> Job:
    """Show what a job is doing, on standard error, and return it once the run has ended.

    A fault that passes is shown, and looked over until *most_seconds* (wall) are over; without
    them, until somebody interrupts. Raises StillRunningError after *most_seconds*, DoorError,
    or RefusedError for a run that nobody ordered.
    """
    deadline = math.inf if most_seconds is None else time.monotonic() + most_seconds
    further = f"goes on by itself: `{watch_command(job_id, run)}` follows it further."
    job = door.job(job_id)
    if run > job["run"] + 1:  # the next one may be ordered, and not begun
        raise RefusedError(f"Job {job_id} has {job['run']} runs: `avatars more` orders another.")
    fault: DoorError | None = None
    with Progress() as progress:
        try:
            while not has_ended(job, run):
                doing = DOING.get(JobStatus(job["status"]), f"Beginning run {run}")
                waits = [str(fault)] if fault else _waits(door, job, progress.is_watched)
                progress.update(doing, list(_facts(job)), list(waits))
                if time.monotonic() >= deadline:
                    raise StillRunningError(
                        f"Job {job_id} is still {job['status']} after {most_seconds:g} s, and "
                        f"{further}"
                    )
                time.sleep(door.look_seconds)
                try:
                    job, fault = door.job(job_id), None
                except DoorError as error:
                    if not error.passes:
                        raise
                    fault = error
        except KeyboardInterrupt:
            tell(f"Job {job_id} {further}")
            raise
    return job


def watch_command(job_id: str, run: int) -> str:
    """What follows that run, for people to repeat."""
    return f"avatars watch {job_id}" + (f" --run {run}" if run > 1 else "")


def _facts(job: Job) -> Iterator[str]:
    counts = job["avatars"]
    match JobStatus(job["status"]):
        case JobStatus.COLLECTING:
            accepted = sum(photo["status"] == "accepted" for photo in job["photos"])
            judged = len(job["photos"])
            of = f" of {job['promised']}" if job["promised"] else ""
            yield f"{judged}{of} judged, {accepted} accepted"
        case JobStatus.TRAINING if job["model_id"]:
            yield f"model {job['model_id']}"
        case JobStatus.INFERRING if job["inference_ids"]:
            yield f"inference {', '.join(job['inference_ids'])}"
        case JobStatus.KEEPING:
            yield f"{counts['kept']} of {counts['wanted']} kept"


def _waits(door: Door, job: Job, is_watched: bool) -> Iterator[str]:
    waiting = job["waiting"]
    if waiting and waiting["for"] not in WORK:
        first = f" {waiting['ahead']} come first." if waiting["ahead"] else ""
        yield f"{waiting['sentence']}{first}"
    if is_watched and (estimate := job["estimate"]):
        yield told(estimate, door.clock_scale)


def told(estimate: Estimate, clock_scale: float) -> str:
    """An estimate as people say it, by the clock on their wall."""
    seconds, least, most = (
        _duration(estimate[name] * clock_scale) for name in ("seconds", "least", "most")
    )
    return f"about {seconds} to go ({least} to {most})"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    return f"{round(seconds / 60)} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"

"""Many jobs dropped at once onto the embedded engine: do all complete, in order, within limits?

    .venv/bin/python -m benchmarks.load --jobs 1000

Prints what it measured as a Markdown table; progress goes to standard error. Exit code 1 where a
job did not complete or the provider's limit was exceeded.
"""

import io
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import psutil
import typer
from PIL import Image
from rich.console import Console
from rich.progress import Progress, track

from avatars import keys
from avatars.aws.jobs import DynamoDBJobs
from avatars.aws.rows import Rows
from avatars.model import Job, JobStatus, job_id_for
from local.engine import PROJECT, client
from local.stack import Stack, running_stack

OWNER = "load"
PHOTOS = 5
DROPPERS = 16
REQUESTS_A_MINUTE = 500
"""What the provider takes (vendor's page on quotas and limits)."""


@dataclass(frozen=True)
class Outcome:
    """What a run of the load showed. Minutes are the pipeline's unless said otherwise."""

    jobs: list[Job]
    drop_seconds: float
    """Wall seconds from the first to the last upload."""
    wall_seconds: float
    requests: list[dict[str, Any]]
    """The provider's journal of calls."""
    engine_megabytes: int

    @property
    def statuses(self) -> Counter[str]:
        return Counter(job.status for job in self.jobs)

    @property
    def busiest_minute(self) -> int:
        """Most calls that the provider got in any 60 seconds."""
        times = sorted(entry["clock"] for entry in self.requests)
        first, most = 0, 0
        for last, clock in enumerate(times):
            while clock - times[first] >= 60:
                first += 1
            most = max(most, last - first + 1)
        return most

    @property
    def overtaken_by(self) -> float:
        """Longest time, in seconds, by which a job was ready before one that was sent earlier."""
        ready = {job.model_id: job.chosen_at or 0 for job in self.jobs}
        order = [
            ready[entry["model_id"]]
            for entry in self.requests
            if entry["route"] == "start_training" and entry.get("model_id") in ready
        ]
        newest = itertools.accumulate(order, max)
        return max((latest - own for latest, own in zip(newest, order, strict=True)), default=0)

    @property
    def longest_wait(self) -> int:
        """Longest time from the choice of a job's photos to its training, in seconds."""
        waits = [
            job.training.intended_at - (job.chosen_at or 0) for job in self.jobs if job.training
        ]
        return max(waits, default=0)

    @property
    def completed(self) -> bool:
        return self.statuses.keys() == {JobStatus.COMPLETED}


def main(
    jobs: Annotated[int, typer.Option(help="How many folders are dropped.")] = 1000,
    scale: Annotated[float, typer.Option(help="Wall seconds per second of the pipeline.")] = 0.1,
    training: Annotated[float, typer.Option(help="Minutes that a training takes.")] = 5,
    state_dir: Annotated[Path, typer.Option()] = PROJECT / ".local/load",
) -> None:
    """Drop many jobs at once, wait for all of them, and print what was measured."""
    with running_stack(state_dir, scale=scale, seed=1, training_seconds=60 * training) as stack:
        outcome = run(stack, jobs)
    print(table(outcome, scale))
    print(f"\nTrainings of {training:g} minutes, a clock of {1 / scale:g} times the wall's speed.")
    if not outcome.completed or outcome.busiest_minute > REQUESTS_A_MINUTE:
        raise typer.Exit(1)


def run(stack: Stack, count: int) -> Outcome:
    """Drop the jobs, and see them through."""
    console = Console(file=sys.stderr)
    start = time.monotonic()
    s3, bucket = client("s3", stack.endpoint_url), stack.outputs["UploadBucket"]
    files = list(folder())
    uploads = [(name, file) for name in names(count) for file in files]

    def drop(item: tuple[str, tuple[str, bytes]]) -> None:
        name, (file, content) = item
        s3.put_object(Bucket=bucket, Key=keys.upload_prefix(OWNER, name) + file, Body=content)

    with ThreadPoolExecutor(DROPPERS) as pool:
        dropped = pool.map(drop, uploads)
        for _ in track(dropped, "Dropping", total=len(uploads), console=console):
            pass
    drop_seconds = time.monotonic() - start
    rows = wait(stack, count, console)
    return Outcome(
        jobs=rows,
        drop_seconds=drop_seconds,
        wall_seconds=time.monotonic() - start,
        requests=httpx.get(
            f"{stack.simulator_admin_url}/journal", params={"event": "call"}, timeout=120
        ).json(),
        engine_megabytes=memory() // 2**20,
    )


def wait(stack: Stack, count: int, console: Console) -> list[Job]:
    """The jobs once all have ended."""
    jobs = DynamoDBJobs(Rows(client("dynamodb", stack.endpoint_url), stack.outputs["JobsTable"]))
    left = {job_id_for(OWNER, name) for name in names(count)}
    ended: list[Job] = []
    with Progress(console=console) as progress:
        task = progress.add_task("Completing", total=count)
        while left:
            time.sleep(2)
            unfinished = {job_id for job_id, _ in jobs.unfinished_runs()}
            for job_id in sorted(left - unfinished):
                job = jobs.find_job(job_id)
                if job and job.status.ended:
                    ended.append(job)
                    left.discard(job_id)
            progress.update(task, completed=len(ended))
    return ended


def table(outcome: Outcome, scale: float) -> str:
    """The measurements, as Markdown."""
    count = len(outcome.jobs)
    rows = {
        "jobs, photos each": f"{count}, {PHOTOS}",
        "statuses": ", ".join(f"{n} {status}" for status, n in outcome.statuses.items()),
        "dropped within": f"{outcome.drop_seconds:.0f} s (wall)",
        "all ended after": f"{outcome.wall_seconds:.0f} s (wall), "
        f"{outcome.wall_seconds / scale / 60:.0f} min of the pipeline's clock",
        "jobs a minute (wall)": f"{60 * count / outcome.wall_seconds:.0f}",
        "requests to the provider": f"{len(outcome.requests)}",
        "busiest 60 s at the provider": f"{outcome.busiest_minute} of {REQUESTS_A_MINUTE}",
        "answered with 429": f"{sum(entry['status'] == 429 for entry in outcome.requests)}",
        "longest wait for a turn": f"{outcome.longest_wait / 60:.0f} min",
        "longest that a job was overtaken by": f"{outcome.overtaken_by / 60:.1f} min",
        "memory of engine and handlers": f"{outcome.engine_megabytes} MB",
    }
    lines = [
        "| measured | |",
        "|---|---|",
        *(f"| {name} | {said} |" for name, said in rows.items()),
    ]
    return "\n".join(lines)


def memory() -> int:
    """Bytes that the processes below this one hold."""
    return sum(child.memory_info().rss for child in psutil.Process().children(recursive=True))


def names(count: int) -> list[str]:
    return [f"job-{number:05}" for number in range(count)]


def folder() -> Iterator[tuple[str, bytes]]:
    """The files of one folder: the manifest first, so that the photos are expected."""
    wanted = {"subject": "woman", "photos": PHOTOS, "prompts": [{"style": "realistic", "count": 2}]}
    yield keys.MANIFEST, json.dumps(wanted).encode()
    for number in range(1, PHOTOS + 1):
        gradient = Image.linear_gradient("L").resize((300, 300))
        shade = Image.new("L", gradient.size, number * 40)
        content = io.BytesIO()
        Image.merge("RGB", (gradient, gradient.rotate(90), shade)).save(content, "JPEG")
        yield f"{number}.jpg", content.getvalue()


if __name__ == "__main__":
    typer.run(main)

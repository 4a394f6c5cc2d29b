"""How long a job takes beside the provider's own time, and where that goes.

    make bench BENCH=job

Drops folders onto the embedded engine, some at once, and follows each from its last photo to its
end through the history of its execution: what is not a wait for the provider is ours. Draws the
way of one job (`benchmarks.timeline`), and says how many requests jobs of other sizes make, as
`make bench BENCH=cost` has counted them.
"""

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from avatars import keys
from avatars.model import job_id_for
from benchmarks.copying import ready_drawn
from benchmarks.cost import a_photo, wait_until
from benchmarks.page import PAGE, Section, put, table
from cli.cost.counts import Job, read_counts
from local.engine import PROJECT, client
from local.stack import Stack, running_stack

OWNER = "alice"
PHOTOS, AVATARS = 5, 4
DROPPERS = 16

PICTURE = PAGE.with_name("whole-job.svg")
PAINTER = PROJECT / ".venv-bench/bin/python"

PROVIDER = "provider at work"
STAGES: Mapping[str, tuple[str, ...]] = {
    "photos": ("Begin run", "Collect photos", "Collected?"),
    "until the next look": ("Wait for photos",),
    "training asked for": ("Start training", "Recover training"),
    "training looked at": ("Check training", "Trained?"),
    "avatars asked for": ("Start inference", "Recover inference"),
    "avatars looked at": ("Check inference", "Avatars ready?"),
    "avatars kept": ("Keep avatars", "Keep batch"),
    "job finished": ("Finish job",),
    PROVIDER: ("Wait for training", "Wait for inference"),
}
STAGE_OF = {state: stage for stage, states in STAGES.items() for state in states}
"""A job that enters any other state is not what is measured."""

SIZES = ((5, 1), (15, 40), (30, 120))
"""Photos and avatars of the jobs whose requests are told."""

REQUESTS = {
    "table_reads": "DynamoDB read units",
    "table_writes": "DynamoDB write units",
    "s3_reads": "S3 reads",
    "s3_writes": "S3 writes and lists",
    "transitions": "transitions",
    "invocations": "invocations",
}


@dataclass(frozen=True)
class Step:
    """A part of a job's way, in seconds since its last photo was dropped."""

    stage: str
    begin: float
    end: float


Way = Sequence[Step]


def main(
    at_once: Annotated[list[int] | None, typer.Option(min=1, help="Jobs at once.")] = None,
) -> None:
    """Measure whole jobs, and write the section of the page."""
    console = Console(file=sys.stderr)
    # Looks as early as can be: what the provider takes beyond its second is no part of this.
    parameters = {
        "TrainingFirstLookSeconds": "2",
        "InferenceFirstLookSeconds": "2",
        "MaxInferences": "100",
    }
    ways: dict[int, list[Way]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack(
            Path(folder) / "stack",
            scale=1,
            seed=1,
            parameters=parameters,
            training_seconds=1,
            inference_seconds=1,
            draw=ready_drawn(),
        ) as stack,
    ):
        photos = [a_photo(number) for number in range(PHOTOS)]
        run(stack, "warm", photos, 4)
        for count in at_once or (1, 10, 100):
            console.print(f"Jobs at once: {count}")
            ways[count] = run(stack, f"of-{count}", photos, count)
    put(section(ways))
    draw(ways)


def run(stack: Stack, name: str, photos: Sequence[bytes], count: int) -> list[Way]:
    """Drop so many folders at once, and follow each to its end."""
    s3, bucket = client("s3", stack.endpoint_url), stack.outputs["UploadBucket"]
    prompts = [{"style": "realistic", "count": AVATARS}]
    manifest = {"subject": "woman", "photos": PHOTOS, "prompts": prompts}
    files = [(keys.MANIFEST, json.dumps(manifest).encode())]
    files += [(f"{number}.jpg", photo) for number, photo in enumerate(photos)]

    def drop(folder: str) -> float:
        for file, content in files:
            key = keys.upload_prefix(OWNER, folder) + file
            s3.put_object(Bucket=bucket, Key=key, Body=content)
        return time.time()

    folders = [f"{name}-{number:03}" for number in range(count)]
    with ThreadPoolExecutor(DROPPERS) as pool:
        dropped = list(pool.map(drop, folders))
    machine = stack.outputs["StateMachine"].replace(":stateMachine:", ":execution:")
    executions = [f"{machine}:{job_id_for(OWNER, folder)}-1" for folder in folders]
    steps = client("stepfunctions", stack.endpoint_url)
    return [way(steps, execution, at) for execution, at in zip(executions, dropped, strict=True)]


def way(steps: Any, execution: str, dropped: float) -> Way:
    """What a job went through after its last photo was dropped. Waits for its end.

    Raises RuntimeError where it failed, or had to wait for its turn: that is not measured here.
    """
    wait_until(lambda: _status(steps, execution) != "RUNNING")
    if (status := _status(steps, execution)) != "SUCCEEDED":
        raise RuntimeError(f"{execution} is {status}")
    entered = [("Begin run", dropped), *states_entered(steps, execution)]
    times = Counter(state for state, _ in entered)
    if times["Start training"] > 1 or times["Start inference"] > 1:
        raise RuntimeError(f"{execution} has waited in line")
    ended = steps.describe_execution(executionArn=execution)["stopDate"].timestamp()
    found = []
    for (state, begin), (_, end) in itertools.pairwise([*entered, ("", ended)]):
        if end > dropped:
            found.append(Step(STAGE_OF[state], max(begin - dropped, 0), end - dropped))
    return found


def states_entered(steps: Any, execution: str) -> Iterator[tuple[str, float]]:
    pages = steps.get_paginator("get_execution_history").paginate(executionArn=execution)
    for event in (event for page in pages for event in page["events"]):
        if entered := event.get("stateEnteredEventDetails"):
            yield entered["name"], event["timestamp"].timestamp()


def _status(steps: Any, execution: str) -> str:
    try:
        return str(steps.describe_execution(executionArn=execution)["status"])
    except steps.exceptions.ExecutionDoesNotExist:
        return "RUNNING"  # soon


def spent(way: Way) -> dict[str, float]:
    """Seconds by stage."""
    return {
        stage: sum(step.end - step.begin for step in way if step.stage == stage) for stage in STAGES
    }


def ours(way: Way) -> float:
    return sum(seconds for stage, seconds in spent(way).items() if stage != PROVIDER)


def section(ways: Mapping[int, Sequence[Way]]) -> Section:
    columns = ["jobs at once", "median, s", "longest, s", *(s for s in STAGES if s != PROVIDER)]
    rows = []
    for count, found in ways.items():
        overheads = [ours(one) for one in found]
        stages = [statistics.median(spent(one)[stage] for one in found) for stage in columns[3:]]
        figures = (statistics.median(overheads), max(overheads), *stages)
        rows.append([str(count), *(f"{figure:.2f}" for figure in figures)])
    counts = read_counts()
    sizes = [
        [
            f"{photos}, {avatars}",
            *(f"{counts.of(Job(photos, avatars, 1, 5, 11))[unit]:.0f}" for unit in REQUESTS),
        ]
        for photos, avatars in SIZES
    ]
    return Section(
        "job",
        "The whole job",
        f"""
{PHOTOS} photos dropped, {AVATARS} avatars of 2 MB: seconds from the last photo to COMPLETED that are not a wait for the provider, on the embedded engine, which shares this machine with the functions, the provider's simulator and whoever drops the photos. On AWS a function of many has a CPU of its own; here two jobs at once wait for each other.

{table(columns, rows)}

The stages are medians of their own; "until the next look" is the pause between two looks into a folder that is filling, 5 s at the least. This is where the time of one job goes:

![A timeline of one job]({PICTURE.name})

What jobs ask for, as [counted](cost.md#how-it-is-counted) on the engine, with one look into the folder, 5 at the training and 11 at the avatars; `tests/unit/test_job_counts.py` holds how it grows:

{table(["photos, avatars", *REQUESTS.values()], sizes)}
""",  # noqa: E501 - a paragraph is one line
        packages=("ministack",),
    )


def draw(ways: Mapping[int, Sequence[Way]]) -> None:
    """The job in the middle of those that ran with the fewest beside them."""
    found = sorted(ways[min(ways)], key=ours)
    steps = [[step.stage, step.begin, step.end] for step in found[len(found) // 2]]
    subprocess.run(
        [PAINTER, "-m", "benchmarks.timeline", PICTURE],
        cwd=PROJECT,
        input=json.dumps({"stages": list(STAGES), "provider": PROVIDER, "steps": steps}),
        text=True,
        check=True,
    )


if __name__ == "__main__":
    typer.run(main)

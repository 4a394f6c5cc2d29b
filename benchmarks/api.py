"""How fast the HTTP API answers, and how fast its function starts.

    make bench BENCH=api

Writes what it measured to docs/api-speed.md, and a section of docs/benchmarks.md; progress goes to
standard error. Answers
are those of the local stack: the routes, the authorizer, the function and the table of the template
on the embedded AWS, one request after the other. Each start is a process of its own, in turns with
a bare function. Exit code 1 where a goal is missed.
"""

import shlex
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from benchmarks.page import Promise, Section, machine, put
from benchmarks.reading import AVATARS, OTHERS, PHOTOS, Reader, check, fill, routes
from benchmarks.starting import Build, Start, functions, make_artifacts, peers
from local.engine import PROJECT
from local.stack import Stack, running_stack

GOAL_MS = 100
"""What the 95th percentile of a read's answers stays below."""

GOAL_RATIO = 1.3
"""How many times as long as a bare function the API's may take to start."""

WARM = 20
"""Answers of each route before the first one that counts."""

PACKAGES = ("aws-lambda-powertools", "pydantic", "boto3", "ministack")

PERCENTILES = (50, 95, 99)

Taken = Mapping[str, Sequence[float]]
"""Milliseconds of each answer, by route."""

EVENT = {
    "version": "2.0",
    "routeKey": "GET /styles",
    "rawPath": "/styles",
    "rawQueryString": "",
    "headers": {},
    "requestContext": {
        "stage": "$default",
        "requestId": "id",
        "http": {"method": "GET", "path": "/styles"},
        "authorizer": {"jwt": {"claims": {"sub": "somebody"}}},
    },
    "isBase64Encoded": False,
}

Key = tuple[str, Build]
"""Who starts, and as what."""

KEYS: list[Key] = list(product(("bare", "api"), (Build.SHIPPED, Build.SOURCES)))

Starts = Mapping[Key, Sequence[Start]]


def main(
    jobs: Annotated[int, typer.Option(min=100, help="How many stand in the table.")] = 1000,
    calls: Annotated[int, typer.Option(min=100, help="How often each route is asked.")] = 300,
    starts: Annotated[int, typer.Option(min=3, help="How often each function starts.")] = 15,
    report: Annotated[Path, typer.Option()] = PROJECT / "docs/api-speed.md",
) -> None:
    """Measure the answers and the starts of the HTTP API, and write a report."""
    console = Console(file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        artifacts = Path(folder) / "artifacts"
        with running_stack(Path(folder) / "stack") as stack:
            starters = {
                "api": functions(artifacts, stack)["api"],
                "bare": peers(artifacts)["bare"],
            }
            taken = read(stack, jobs, calls, console)
        make_artifacts(artifacts)
        # Without the engine, which would take its share of the CPU.
        started: dict[Key, list[Start]] = {key: [] for key in KEYS}
        for _, (name, build) in track(
            list(product(range(starts), KEYS)), "Starting", console=console, transient=True
        ):
            one = starters[name].start(build, EVENT)
            if one.reply["statusCode"] != 200:
                raise RuntimeError(f"{name} answered {one.reply}")
            started[name, build].append(one)
    tables = [answers_table(taken), starts_table(started)]
    for table in tables:
        Console().print(table)
    report.write_text(written(jobs, calls, starts, tables))
    put(section(taken, started))


def read(stack: Stack, jobs: int, calls: int, console: Console) -> dict[str, list[float]]:
    """Fill the table, and read each route so often."""
    reader = Reader(stack)
    filled = fill(stack, reader.owner, jobs)
    for job in track(filled, "Writing jobs", total=jobs, console=console, transient=True):
        if job.owner == reader.owner:
            newest = job
    taken: dict[str, list[float]] = {route: [] for route in routes(newest)}
    for number in track(range(WARM + calls), "Reading", console=console, transient=True):
        for route, path in routes(newest).items():
            body, milliseconds = reader.get(path)
            check(route, body)
            if number >= WARM:
                taken[route].append(milliseconds)
    return taken


def answers_table(taken: Taken) -> Table:
    table = Table("Answers, ms", *(f"p{percentile}" for percentile in PERCENTILES), "longest")
    for route, milliseconds in taken.items():
        found = (percentile(milliseconds, number) for number in PERCENTILES)
        table.add_row(route, *(f"{value:.1f}" for value in found), f"{max(milliseconds):.1f}")
    return table


def starts_table(started: Starts) -> Table:
    first = Column("Starts, ms of CPU", no_wrap=True)
    table = Table(first, "least", "median", "of bare", "wall", "answer")
    names = {"bare": "bare Powertools", "api": "avatars"}
    for key in sorted(started, key=lambda key: key[1]):
        name, build = key
        starts = started[key]
        table.add_row(
            f"{names[name]}, {'bytecode' if build is Build.SHIPPED else 'no bytecode'}",
            f"{least(starts):.0f}",
            f"{statistics.median(one.init_cpu for one in starts):.0f}",
            f"{ratio(started, build):.2f}" if name == "api" else "1",
            f"{min(one.init for one in starts):.0f}",
            f"{min(one.answer_cpu for one in starts):.0f}",
        )
    return table


def percentile(values: Sequence[float], number: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[number - 1]


def least(starts: Sequence[Start]) -> float:
    return min(one.init_cpu for one in starts)


def ratio(started: Starts, build: Build) -> float:
    """How many times as long as the bare function ours takes to start: the median of the turns.

    Two that start one after the other meet the same machine; the best of each may not.
    """
    turns = zip(started["api", build], started["bare", build], strict=True)
    return statistics.median(ours.init_cpu / bare.init_cpu for ours, bare in turns)


def section(taken: Taken, started: Starts) -> Section:
    """What the page of all benchmarks says of it."""
    promises = [
        Promise(f"{route}, 95th percentile", GOAL_MS, percentile(milliseconds, 95), "ms")
        for route, milliseconds in taken.items()
    ]
    start = Promise(
        "the API's start, of a bare function's", GOAL_RATIO, ratio(started, Build.SHIPPED)
    )
    return Section(
        "api",
        "The API",
        "[How fast it answers, and starts](api-speed.md): all figures, and how they were taken.",
        [*promises, start],
        PACKAGES,
    )


# ruff: noqa: E501 - a paragraph is one line
def written(jobs: int, calls: int, starts: int, tables: Sequence[Table]) -> str:
    """The report, in Markdown."""
    answers, begun = map(markdown, tables)
    options = shlex.join(sys.argv[1:])
    arguments = f' ARGS="{options}"' if options else ""
    return f"""# How fast the HTTP API answers, and starts

    make bench BENCH=api{arguments}

{machine(PACKAGES)}

## Answers

{jobs:,} jobs of {OTHERS + 1} owners stand in the table, half of them those of the one who reads; each has {PHOTOS} photos and {AVATARS} avatars. The reader is signed in, and asks {calls} times for each, one after the other, from this machine: through the authorizer, into the function in AWS's runtime client, to the table and back, all on the embedded AWS. Every answer is compared with what was written. Goal: p95 below {GOAL_MS} ms.

{answers}

On AWS other things take their time: the network, the API, the table. What this shows is that the function itself does nothing slow.

## Starts

What Lambda waits for in a cold start: importing the function and making its first client, in a new process, {starts} times in turns. The bare function is a Powertools resolver with validation, one model and one DynamoDB client ([`benchmarks/peers/bare`](../benchmarks/peers/bare/app.py)). Both have the packages of `sam build` around them; with bytecode, as it ships them, and without. Times are the CPU's but for the wall's; the first answer comes after the start, and asks nobody else. Goal: at most {GOAL_RATIO} times the bare one with bytecode, in the median of the turns.

{begun}
"""


def markdown(table: Table) -> str:
    rows = zip(*(column.cells for column in table.columns), strict=True)
    lines = [[str(column.header) for column in table.columns], ["---"] * len(table.columns)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in [*lines, *rows])


if __name__ == "__main__":
    typer.run(main)

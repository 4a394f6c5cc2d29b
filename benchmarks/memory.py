"""What functions take in time and money by the memory that they are given.

    make bench BENCH=memory

Writes its section of docs/benchmarks.md; progress goes to standard error. Lambda gives CPU in
proportion to memory, a whole one at 1,769 MB (AWS Lambda developer guide, "Configure Lambda
function memory"), and nothing here computes in two threads. So the CPU's time of each start and of
each step is measured, and what becomes of it with less of a CPU is worked out.
"""

import json
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from avatars.model import job_id_for
from benchmarks.cost import OWNER, Meter, Wanted, counted_stack
from benchmarks.page import Section, put, table
from benchmarks.processes import Spent, spent, step
from benchmarks.reading import Reader
from benchmarks.starting import Starter, functions, make_artifacts
from cli.cost.counts import WHOLE_CPU
from cli.cost.prices import read_prices
from local.engine import client
from local.stack import STACK, Stack

MEMORIES = (128, 256, 512, 1024, WHOLE_CPU)

REPORT = re.compile(r"REPORT RequestId: (\S+)\tDuration: ([\d.]+) ms")

PRICE = read_prices()["gigabyte_second"]

READS = 20
"""Calls of the API between two readings."""


@dataclass(frozen=True)
class Step:
    """One warm invocation, in seconds."""

    cpu: float
    waiting: float
    """For AWS or the provider; here for what plays them on the same machine."""
    peak: int

    def seconds(self, memory: int) -> float:
        return self.waiting + slowed(self.cpu, memory)

    def dollars(self, memory: int) -> float:
        """Of a million, without the price of the invocation itself, which is the same for all."""
        return 1e6 * self.seconds(memory) * memory / 1024 * PRICE


def main(
    jobs: Annotated[int, typer.Option(min=1, help="How many are measured.")] = 3,
    starts: Annotated[int, typer.Option(min=1, help="How often each function starts.")] = 5,
) -> None:
    """Measure what each function takes of a CPU."""
    console = Console(file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        state, artifacts = Path(folder) / "stack", Path(folder) / "artifacts"
        console.print("Building")
        make_artifacts(artifacts)
        with counted_stack(state) as stack:
            starters = functions(artifacts, stack)
            console.print("Starting")
            begun = {
                name: min(starter.start().init_cpu for _ in range(starts)) / 1000
                for name, starter in starters.items()
            }
            meter = Meter(stack, state / "calls.jsonl")
            steps = measured_steps(stack, meter, begun, jobs, console)
            memories = memories_of(stack, starters)
    put(section(begun, steps, memories, jobs))


def measured_steps(
    stack: Stack, meter: Meter, begun: Mapping[str, float], jobs: int, console: Console
) -> dict[str, Step]:
    """What functions take for each invocation of some jobs, once they are warm. The start of a
    process that came in between is not a step's."""
    reader = Reader(stack)
    # A process that was left idle may be gone after a while: what it had taken stays known.
    after: dict[int, Spent] = {}

    def work(name: str) -> None:
        console.print(f"A job: {name}")
        meter.run(name, Wanted(photos=5, avatars=8))
        invoke(stack, "PackAvatarsFunction", {"job_id": job_id_for(OWNER, name)})
        invoke(stack, "SweepJobsFunction", {})
        for _ in range(READS):
            reader.get("/jobs")
        after.update(spent())

    work("first")
    before, told = dict(after), invocations(stack)
    for number in range(jobs):
        work(f"warm-{number}")
    steps = {}
    for function, durations in invocations(stack).items():
        since = durations[len(told.get(function, [])) :]
        processes, then = of(function, after), of(function, before)
        if since:
            started = begun[function] * len(processes.keys() - then.keys())
            cpu = sum(one.cpu for one in processes.values())
            cpu -= sum(one.cpu for one in then.values()) + started
            waiting = sum(since) - started - cpu
            peak = max(one.peak for one in processes.values())
            steps[function] = Step(cpu / len(since), max(0, waiting / len(since)), peak)
    return steps


def invoke(stack: Stack, logical_id: str, event: Mapping[str, str]) -> None:
    resource = client("cloudformation", stack.endpoint_url).describe_stack_resource(
        StackName=STACK, LogicalResourceId=logical_id
    )
    name = resource["StackResourceDetail"]["PhysicalResourceId"]
    reply = client("lambda", stack.endpoint_url).invoke(
        FunctionName=name, Payload=json.dumps(event)
    )
    if "FunctionError" in reply:
        raise RuntimeError(f"{logical_id} failed: {reply['Payload'].read().decode()}")


def of(function: str, processes: Mapping[int, Spent]) -> dict[int, Spent]:
    return {pid: one for pid, one in processes.items() if one.function == function}


def invocations(stack: Stack) -> dict[str, list[float]]:
    """How long each one took, in seconds, by its function."""
    names: dict[str, str] = {}
    durations: dict[str, float] = {}
    for event in _log_events(stack):
        if report := REPORT.match(event):
            durations[report[1]] = float(report[2]) / 1000
        elif event.startswith("{") and "function_request_id" in (line := json.loads(event)):
            names[line["function_request_id"]] = line["function_name"]
    found: defaultdict[str, list[float]] = defaultdict(list)
    for request, seconds in durations.items():
        if request in names:
            found[step(names[request])].append(seconds)
    return found


def _log_events(stack: Stack) -> Iterator[str]:
    logs = client("logs", stack.endpoint_url)
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=stack.outputs["LogGroup"])
    events = [event for page in pages for event in page["events"]]
    yield from (event["message"] for event in sorted(events, key=lambda one: one["timestamp"]))


def memories_of(stack: Stack, starters: Mapping[str, Starter]) -> dict[str, int]:
    """What the template gives to each function, in MB."""
    functions = client("lambda", stack.endpoint_url)
    pages = functions.get_paginator("list_functions").paginate()
    found = {step(one["FunctionName"]): one["MemorySize"] for p in pages for one in p["Functions"]}
    return {name: found[name] for name in starters}


def slowed(cpu: float, memory: int) -> float:
    """Seconds for so many of a whole CPU."""
    return cpu * max(1, WHOLE_CPU / memory)


# ruff: noqa: E501 - a paragraph is one line
def section(
    begun: Mapping[str, float],
    steps: Mapping[str, Step],
    memories: Mapping[str, int],
    jobs: int,
) -> Section:
    def cell(name: str, memory: int, text: str) -> str:
        return f"**{text}**" if memories[name] == memory else text

    columns = [f"{memory} MB" for memory in MEMORIES]
    starting = table(
        ("start", "CPU, ms", *columns),
        [
            (
                f"`{name}`",
                f"{1000 * cpu:.0f}",
                *(cell(name, memory, f"{slowed(cpu, memory):.2f} s") for memory in MEMORIES),
            )
            for name, cpu in begun.items()
        ],
    )
    warm = table(
        ("warm step", "CPU, ms", "waiting, ms", "peak, MB", *columns),
        [
            (
                f"`{name}`",
                f"{1000 * step.cpu:.0f}",
                f"{1000 * step.waiting:.0f}",
                f"{step.peak / 1e6:.0f}",
                *(
                    cell(name, memory, f"{step.seconds(memory):.2f} s, ${step.dollars(memory):.2f}")
                    for memory in MEMORIES
                ),
            )
            for name, step in sorted(steps.items())
        ],
    )
    counted = Counter(memories.values())
    sizes = ", ".join(f"{count} with {memory} MB" for memory, count in sorted(counted.items()))
    return Section(
        name="memory",
        title="Memory",
        packages=("boto3", "ministack", "pillow"),
        text=f"""
How long functions take, and what a million of their steps costs, by the memory that they are given; bold is what the template gives ({sizes}). **Modelled, not measured on Lambda**: the CPU's time of a start (of what `sam build` makes) and of a warm step ({jobs} jobs of 5 photos and 8 avatars on the local engine) is measured, and divided by the share of a CPU that goes with a size, {WHOLE_CPU} MB for a whole one (AWS Lambda developer guide). Waiting stays as it was here, where AWS and the provider are processes of the same machine: on AWS it differs, and each second of it costs in proportion to memory. Lambda is known to give more CPU to what happens before the first event, and does not promise it, so nothing here counts on that.

{starting}

{warm}

A peak is all that a process ever held, interpreter and libraries included. The rule: what computes costs the same with any memory below a whole CPU, and is faster with more; what waits costs less with less. So photos and copies, which compute, have a whole CPU, steps, for which nobody waits but the state machine, the least that starts within some seconds and has room for their peak, and the API, whose callers wait, twice that.
""",
    )


if __name__ == "__main__":
    typer.run(main)

"""What one job asks of AWS: counted on the embedded engine, for `avatars cost`.

    make bench BENCH=cost

Runs jobs that differ in one thing each (photos, avatars, looks into the folder, at the training,
at the inference), one after the other, and writes what each asks for into cli/cost/counts.json:
transitions from the history of its execution, invocations with memory and time from the REPORT
lines of its functions, requests from the engine, with DynamoDB's units from the sizes of items.
Durations, and the CPU's time, are this machine's; everything else is the same on AWS.
"""

import io
import json
import platform
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from PIL import Image
from rich.console import Console

from avatars import keys
from avatars.aws.jobs import DynamoDBJobs
from avatars.aws.rows import Rows
from avatars.model import JobStatus, Stage, job_id_for
from benchmarks.copying import ready_drawn
from benchmarks.counting import CountingEngine
from benchmarks.page import Promise, Section, put, table
from benchmarks.processes import spent
from cli.cost.commands import INFERENCE, LOOKS, TRAINING
from cli.cost.counts import COUNTS, Counted, Counts, Job, Units, gigabyte_seconds, read_counts
from cli.cost.estimate import a_job, is_traced, lines_of, units_of
from cli.cost.looking import states_of, transitions_of
from cli.cost.prices import read_prices
from local.engine import PROJECT, client
from local.stack import STACK, Stack, running_stack

OWNER = "alice"
SCALE = 0.05
"""Wall seconds per second of the pipeline: a look every two minutes comes every six."""

USUAL_PHOTOS, USUAL_AVATARS = 15, 40
"""Of the job whose price is told. So many avatars are counted: between one and these, batches of
avatars are spread evenly, and beyond."""

GOAL_DOLLARS = 1.5
"""What AWS may charge for 1,000 usual jobs."""

PATIENCE = 300
SETTLING = 3
"""Wall seconds after a job's end in which what it has caused has come to an end, too."""

FETCHES = 2
"""How often the provider's simulator fetches each photo, to be late with the last one. One of them
is charged: its guide says only that it fetches them."""

REPORT = re.compile(r"REPORT .*Billed Duration: (\d+) ms\tMemory Size: (\d+) MB")
LOG_OVERHEAD = 26
"""Bytes that CloudWatch Logs charges for each event beside its text (PutLogEvents)."""

FREE_DELETES = "DELETE"
"""S3 charges nothing for them; DeleteObjects is a POST, and one, too (S3 pricing)."""


@dataclass(frozen=True)
class Wanted:
    """What is asked of a job."""

    photos: int = 5
    avatars: int = 1
    training_seconds: float = 60
    """Of the provider; 60 are over at the first look."""
    inference_seconds: float = 5
    pause: float = 0
    """Seconds before the last photo is dropped."""


LEAST = Wanted()
WANTED: dict[str, Wanted] = {
    "cold": LEAST,
    "least": LEAST,
    "collecting looks": replace(LEAST, pause=400),
    "photos": replace(LEAST, photos=USUAL_PHOTOS),
    "avatars": replace(LEAST, avatars=USUAL_AVATARS),
    "training looks": replace(LEAST, training_seconds=300 + 8 * 132 - 30),
    "inference looks": replace(LEAST, inference_seconds=20 + 8 * 11 - 3),
}
"""The first finds no function warm; each of the others differs from the second in one thing."""

TIMES = 3
"""How often each job but the first is counted: what its functions take differs from time to time on
a machine that they share with the engine."""


def main(
    out: Annotated[Path, typer.Option()] = COUNTS,
) -> None:
    """Count what jobs ask for, and write it down."""
    console = Console(file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "stack"
        with counted_stack(state) as stack:
            meter = Meter(stack, state / "calls.jsonl")
            meter.forget()
            jobs = {}
            for name, wanted in WANTED.items():
                console.print(f"Counting: {name}")
                times = 1 if name == "cold" else TIMES
                jobs[name] = middle([meter.run(f"{name}-{n}", wanted) for n in range(times)])
                console.print(jobs[name])
            console.print("Counting: a sweep")
            sweep = meter.sweep()
            metrics = meter.metrics()
    document = {
        "counted": f"{datetime.now(UTC):%Y-%m-%d}",
        "engine": f"MiniStack {version('ministack')}",
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "jobs": {name: asdict(job) for name, job in jobs.items()},
        "sweep": sweep,
        "metrics": metrics,
    }
    out.write_text(json.dumps(document, indent=2) + "\n")
    console.print(f"Written: {out}")
    put(section(read_counts(out)))


@contextmanager
def counted_stack(state: Path) -> Iterator[Stack]:
    """A stack whose requests are written down, and whose provider has its pictures ready.

    It keeps one batch of avatars after the other: on AWS each has a CPU of its own, here none has.
    """
    with running_stack(
        state, scale=SCALE, seed=1, engine_class=CountingEngine, draw=ready_drawn()
    ) as stack:
        steps, machine = client("stepfunctions", stack.endpoint_url), stack.outputs["StateMachine"]
        definition = json.loads(steps.describe_state_machine(stateMachineArn=machine)["definition"])
        definition["States"]["Keep avatars"]["MaxConcurrency"] = 1
        steps.update_state_machine(stateMachineArn=machine, definition=json.dumps(definition))
        yield stack


def section(counts: Counts) -> Section:
    """What the page of all benchmarks says of it."""
    usual = a_job(
        USUAL_PHOTOS,
        USUAL_AVATARS,
        {Stage.TRAINING: 12 * 60, Stage.INFERENCE: 2 * 60},
        {Stage.TRAINING: TRAINING, Stage.INFERENCE: INFERENCE},
        LOOKS,
    )
    lines = lines_of(units_of(counts, usual, traced=is_traced()), read_prices())
    rows = [(line.what, f"{line.count:.4g}", f"{1000 * line.dollars:.3f}") for line in lines]
    dollars = sum(1000 * line.dollars for line in lines)
    return Section(
        "cost",
        "What a job costs",
        f"{USUAL_PHOTOS} photos, {USUAL_AVATARS} avatars, 12 minutes of training and 2 of drawing, "
        "at list prices and without storage ([how it is counted](cost.md#how-it-is-counted)).\n\n"
        + table(("for one job", "count", "dollars for 1,000 jobs"), rows),
        [Promise("1,000 jobs at AWS, without storage", GOAL_DOLLARS, dollars, "$")],
        ("ministack",),
    )


def middle(counted: Sequence[Counted]) -> Counted:
    """The one of a job's counts whose functions took neither longest nor shortest."""
    return sorted(counted, key=lambda one: gigabyte_seconds(one.units))[len(counted) // 2]


class Meter:
    """Counts what happens in a stack from one reading to the next."""

    def __init__(self, stack: Stack, calls: Path) -> None:
        self._stack = stack
        self._calls = calls
        self._read = 0
        self._logged = 0
        self._computed: dict[int, float] = {}
        self._indexed: dict[tuple[str, str], dict[str, str]] = {}
        self._s3 = client("s3", stack.endpoint_url)
        rows = Rows(client("dynamodb", stack.endpoint_url), stack.outputs["JobsTable"])
        self._jobs = DynamoDBJobs(rows)

    def forget(self) -> None:
        """What has happened so far, such as the publishing of the page, is no job's."""
        self._units()

    def run(self, name: str, wanted: Wanted) -> Counted:
        """One job from its first upload to its end, and what it took."""
        name = name.replace(" ", "-")
        scenario = {
            "training_seconds": wanted.training_seconds,
            "inference_seconds": wanted.inference_seconds,
        }
        httpx.post(f"{self._stack.simulator_admin_url}/scenario", json=scenario).raise_for_status()
        job_id = job_id_for(OWNER, name)
        prompts = [{"style": "realistic", "count": wanted.avatars}]
        manifest = {"subject": "woman", "photos": wanted.photos, "prompts": prompts}
        self._drop(name, keys.MANIFEST, json.dumps(manifest).encode())
        for number in range(wanted.photos):
            if number == wanted.photos - 1:
                time.sleep(wanted.pause * SCALE)
            # One by one: those that wait for a place on this machine would be billed for waiting.
            self._drop(name, f"{number}.jpg", a_photo(number))
            wait_until(lambda least=number + 1: len(self._jobs.photos(job_id)) >= least)
        wait_until(lambda: self._jobs.run(job_id, 1).ended_at is not None)
        if (job := self._jobs.job(job_id)).status is not JobStatus.COMPLETED:
            raise RuntimeError(f"{name} ended as {job.status} ({job.code}): {job.reason}")
        time.sleep(SETTLING)
        machine = self._stack.outputs["StateMachine"]
        execution = f"{machine.replace(':stateMachine:', ':execution:')}:{job_id}-1"
        states = states_of(client("stepfunctions", self._stack.endpoint_url), execution)
        asked = Job(
            photos=wanted.photos,
            avatars=wanted.avatars,
            collecting_looks=states["Collect photos"],
            training_looks=states["Check training"],
            inference_looks=states["Check inference"],
        )
        return Counted(
            asked, {"transitions": transitions_of(states, wanted.avatars), **self._units()}
        )

    def sweep(self) -> Units:
        """One sweep that finds nothing to do."""
        resource = client("cloudformation", self._stack.endpoint_url).describe_stack_resource(
            StackName=STACK, LogicalResourceId="SweepJobsFunction"
        )
        name = resource["StackResourceDetail"]["PhysicalResourceId"]
        functions = client("lambda", self._stack.endpoint_url)
        functions.invoke(FunctionName=name, Payload=b"{}")
        self.forget()  # the first one is cold
        functions.invoke(FunctionName=name, Payload=b"{}")
        return self._units()

    def metrics(self) -> list[str]:
        """The metrics that functions have made of their logs (EMF): each is charged for."""
        found: set[str] = set()
        for event in self._log_events():
            if '"_aws"' not in event:
                continue
            line = json.loads(event)
            for told in line["_aws"]["CloudWatchMetrics"]:
                for names in told["Dimensions"]:
                    values = ",".join(str(line[name]) for name in names)
                    found |= {f"{one['Name']} {values}" for one in told["Metrics"]}
        return sorted(found)

    def _drop(self, folder: str, file: str, content: bytes) -> None:
        key = keys.upload_prefix(OWNER, folder) + file
        self._s3.put_object(Bucket=self._stack.outputs["UploadBucket"], Key=key, Body=content)

    def _units(self) -> Units:
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        calls, self._read = [json.loads(line) for line in lines[self._read :]], len(lines)
        events = list(self._log_events())
        new, self._logged = events[self._logged :], len(events)
        reports = [found for event in new if (found := REPORT.match(event))]
        milliseconds: Counter[str] = Counter()
        for report in reports:
            milliseconds[report[2]] += int(report[1])
        s3 = [call for call in calls if call["service"] == "s3"]
        rows = [call for call in calls if call["service"] == "dynamodb"]
        links = [call for call in s3 if call["is_link"]]
        kinds = Counter(s3_kind(call) for call in s3 if not call["is_link"])
        return {
            "invocations": len(reports),
            **{f"milliseconds_{memory}": took for memory, took in sorted(milliseconds.items())},
            **self._computing(),
            "s3_writes": kinds["write"],
            "s3_reads": kinds["read"] + len(links) / FETCHES,
            "s3_bytes_out": sum(call["bytes"] for call in links) / FETCHES,
            "table_writes": sum(self._writes(call) for call in rows),
            "table_reads": sum(reads(call) for call in rows),
            "events": sum(call["target"] == "PutEvents" for call in calls),
            "queue_requests": sum(call["service"] == "sqs" for call in calls),
            "secret_requests": sum(call["service"] == "secretsmanager" for call in calls),
            "log_bytes": sum(len(event.encode()) + LOG_OVERHEAD for event in new),
        }

    def _computing(self) -> Units:
        """Milliseconds of the CPU, by the memory of the functions that took them."""
        processes = spent()
        took: Counter[str] = Counter()
        for pid, one in sorted(processes.items(), key=lambda item: item[1].memory):
            more = one.cpu - self._computed.get(pid, 0)
            took[f"computing_{one.memory}"] += round(1000 * more)
        self._computed = {pid: one.cpu for pid, one in processes.items()}
        return took

    def _log_events(self) -> Iterator[str]:
        """The lines of all functions, in the order in which they are stored."""
        logs = client("logs", self._stack.endpoint_url)
        found = []
        for page in logs.get_paginator("filter_log_events").paginate(
            logGroupName=self._stack.outputs["LogGroup"]
        ):
            found += [(e["timestamp"], e["logStreamName"], e["message"]) for e in page["events"]]
        # The sort is stable: lines of one invocation stay in their order.
        return (message for *_, message in sorted(found, key=lambda event: event[0]))

    def _writes(self, call: Mapping[str, Any]) -> int:
        """Write request units: those of the row, and of each index whose entry changes."""
        if call["target"] not in ("PutItem", "UpdateItem", "DeleteItem"):
            return 0
        said, answered = call["said"], call["answered"] or {}
        item = said.get("Item") or answered.get("Attributes") or said["Key"]
        units = ceil(size(item) / 1024)
        if call["status"] != 200 or call["target"] != "PutItem":
            return units
        place = (item["job_id"]["S"], item["record"]["S"])
        before, after = self._indexed.get(place, {}), entries(item)
        self._indexed[place] = after
        for index in before.keys() | after.keys():
            old, new = before.get(index), after.get(index)
            if old == new:
                continue
            whole = ceil(size(item) / 1024) if index == "OwnersJobs" else 1
            # Another key is a deletion and a new entry; another attribute is one write.
            moved = old and new and old.split("|")[0] != new.split("|")[0]
            units += 2 * whole if moved else whole
        return units


def entries(item: Mapping[str, Any]) -> dict[str, str]:
    """What each index of the table holds of a row: its key, then the rest."""

    def key(*names: str) -> str | None:
        values = [json.dumps(item[name]) for name in names if name in item]
        return " ".join(values) if len(values) == len(names) else None

    found = {
        "UnfinishedRuns": key("unfinished", "started_at"),
        "WaitingRuns": key("waits_for", "waits_since"),
        "OwnersJobs": key("owner", "created_at"),
    }
    rest = {"WaitingRuns": key("waits_until"), "OwnersJobs": json.dumps(item, sort_keys=True)}
    return {name: f"{value}|{rest.get(name)}" for name, value in found.items() if value is not None}


def reads(call: Mapping[str, Any]) -> float:
    """Read request units; half as many where the read need not be consistent."""
    said, answered = call["said"], call["answered"] or {}
    if call["target"] == "GetItem":
        items = [answered["Item"]] if "Item" in answered else []
    elif call["target"] == "Query":
        items = answered.get("Items", [])
    else:
        return 0
    units = max(1, ceil(sum(map(size, items)) / 4096))
    return units if said.get("ConsistentRead") else units / 2


def size(item: Mapping[str, Any]) -> int:
    """Bytes of an item, as DynamoDB counts them (Developer Guide, item sizes and formats)."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return len(content) // 2 + 1
        case "M":
            return 3 + size(content) + len(content)
        case "L":
            return 3 + sum(1 + _size(one) for one in content)
    return 1


def s3_kind(call: Mapping[str, Any]) -> str:
    """Whether a request costs what a PUT costs (lists do), what a GET costs, or nothing."""
    lists = {"list-type", "versions", "prefix"} & set(call["query"])
    if call["method"] == FREE_DELETES or "delete" in call["query"]:
        return "free"
    return "write" if lists or call["method"] in ("PUT", "POST") else "read"


def a_photo(number: int) -> bytes:
    """One of the samples, cut so that it is unlike every other one."""
    files = sorted((PROJECT / "samples").glob("*.jpg"))
    with Image.open(files[number % len(files)]) as image:
        edge = 8 * (number // len(files))
        cut = image.crop((edge, edge, image.width, image.height))
    content = io.BytesIO()
    cut.save(content, "JPEG", quality=92)
    return content.getvalue()


def wait_until(true: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"It did not happen in {PATIENCE} s.")
        time.sleep(0.1)


if __name__ == "__main__":
    typer.run(main)

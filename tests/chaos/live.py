"""Whole jobs on the running engine, with what befalls them from outside, before the same auditor.

    .venv/bin/python -m tests.chaos.live --jobs 100 --seed 1

Workers of Lambda die at any moment, the provider stumbles, events come twice, people stop, restart
and take up executions. Time is real, so a seed repeats the plan but not the story.
"""

import contextlib
import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console
from rich.table import Table

from avatars.model import JobStatus
from tests.chaos.auditor import INVARIANTS, Evidence, Upload, Version, audit
from tests.chaos.aws import plain
from tests.e2e.pictures import portraits
from tests.e2e.pipeline import GENEROUS, Folder, Pipeline, running_pipeline
from tests.machine import ROOT

AT_ONCE = 20
NOT_JUDGED = {"late start", "impatient"}
"""The clock runs hundreds of times as fast as the wall, by which functions work: a minute is over
while a request that has passed the gate is on its way."""

MOST_SECONDS = 300
"""Wall seconds that a block of jobs may take."""

STUMBLES: list[dict[str, Any]] = [
    {"route": "start_training", "what": "answer", "status": 429, "headers": {"Retry-After": "60"}},
    {"route": "start_training", "what": "answer", "status": 500, "created": True},
    {"route": "start_training", "what": "answer", "status": 503},
    {"route": "start_training", "what": "answer", "status": 200, "body": "<html>", "created": True},
    {"route": "start_training", "what": "answer", "status": 402},
    {"route": "start_training", "what": "drop", "created": True},
    {"route": "start_training", "what": "kill_client"},
    {"route": "check_training", "what": "answer", "status": 500},
    {"route": "check_training", "what": "answer", "status": 404},
    {"route": "check_training", "what": "drop"},
    {"route": "start_inference", "what": "answer", "status": 429},
    {"route": "start_inference", "what": "drop", "created": True},
    {"route": "start_inference", "what": "kill_client"},
    {"route": "check_inference", "what": "answer", "status": 503},
    {"route": "check_inference", "what": "kill_client"},
    {"route": "download", "what": "answer", "status": 403},
    {"route": "download", "what": "answer", "status": 200, "body": "<html>no picture</html>"},
    {"route": "download", "what": "cut"},
    {"route": "download", "what": "oversize"},
]

out, err = Console(), Console(stderr=True)


@dataclass
class Live:
    """A running pipeline, and what people did there."""

    pipeline: Pipeline
    chance: random.Random
    taken_up: set[str] = field(default_factory=set)
    uploads: list[Upload] = field(default_factory=list)
    kills: int = 0

    def drop(self, folder: Folder) -> None:
        folder.want(photos=5, prompts=[{"style": "realistic", "count": 2}, {"style": "anime"}])
        for file, data in portraits(range(5)).items():
            stored = self.pipeline.s3.put_object(
                Bucket=self.pipeline.upload_bucket, Key=folder.prefix + file, Body=data
            )
            self.uploads.append(
                Upload(
                    at=self.pipeline.stack.clock.now(),
                    job_id=folder.job_id,
                    photo_id=hashlib.sha256(file.encode()).hexdigest()[:20],
                    version_id=stored["VersionId"],
                    sha256=hashlib.sha256(data).hexdigest(),
                    is_photo=True,
                )
            )

    def nothing(self, folder: Folder) -> None:
        """Nothing befalls it but what befalls all."""

    def everything_comes_twice(self, folder: Folder) -> None:
        """The whole drop, and every event of it, again."""
        self._pause()
        self.drop(folder)
        for event in self.pipeline.heard(lambda event: folder.prefix in str(event["detail"])):
            self.pipeline.invoke_later("PreparePhotoFunction", event)

    def a_second_execution(self, folder: Folder) -> None:
        """Somebody starts another one for the same run."""
        self._pause()
        self.taken_up.add(folder.job_id)
        self.pipeline.start_execution(job_id=folder.job_id, run=1)

    def stopped_and_taken_up(self, folder: Folder) -> None:
        """A person stops it and, once it is closed, takes it up again."""
        self._pause()
        self.taken_up.add(folder.job_id)
        with contextlib.suppress(AssertionError, self.pipeline.states.exceptions.ClientError):
            self.pipeline.stop(self.pipeline.execution_arn(f"{folder.job_id}-1"))
        self.pipeline.start_execution(job_id=folder.job_id, run=1)

    def swept(self, folder: Folder) -> None:
        """The sweep comes, and comes again."""
        for _ in range(3):
            self._pause()
            self.pipeline.invoke_later("SweepJobsFunction", {})

    def kill_workers(self, over: threading.Event) -> None:
        """Until it is over, processes of functions die at random moments."""
        while not over.wait(self.chance.uniform(0.5, 2)):
            workers = [
                process
                for process in psutil.Process().children(recursive=True)
                if "awslambdaric" in " ".join(_command(process))
            ]
            if workers:
                with contextlib.suppress(psutil.NoSuchProcess):
                    self.chance.choice(workers).kill()
                    self.kills += 1

    def _pause(self) -> None:
        time.sleep(self.chance.uniform(0.2, 6))

    def evidence(self) -> Evidence:
        """What the auditor may see. Every time is one of the pipeline's clock."""
        stack, clock = self.pipeline.stack, self.pipeline.stack.clock
        table = self.pipeline.aws("dynamodb").get_paginator("scan")
        pages = table.paginate(TableName=stack.outputs["JobsTable"])
        buckets = {"uploads": self.pipeline.upload_bucket, "avatars": self.pipeline.avatar_bucket}
        return Evidence(
            journal=[
                entry | {"wall": entry["clock"]} for entry in self.pipeline.provider.journal()
            ],
            rows=[plain(item) for page in pages for item in page["Items"]],
            writes=(),
            buckets={name: self._versions(bucket) for name, bucket in buckets.items()},
            now=clock.now(),
            uploads=self.uploads,
            taken_up=frozenset(self.taken_up),
            is_punctual=False,
        )

    def _versions(self, bucket: str) -> dict[str, list[Version]]:
        clock, s3 = self.pipeline.stack.clock, self.pipeline.s3
        found: dict[str, list[Version]] = {}
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for item in page.get("Versions", []):
                name = {"Key": item["Key"], "VersionId": item["VersionId"]}
                data = s3.get_object(Bucket=bucket, **name)["Body"].read()
                stored = (
                    clock.epoch + (item["LastModified"].timestamp() - clock.epoch) / clock.scale
                )
                found.setdefault(item["Key"], []).append(Version(item["VersionId"], stored, data))
        return {key: sorted(all_, key=lambda one: one.stored_at) for key, all_ in found.items()}


ACTS: list[Callable[[Live, Folder], None]] = [
    Live.nothing,
    Live.everything_comes_twice,
    Live.a_second_execution,
    Live.stopped_and_taken_up,
    Live.swept,
]


def main(
    jobs: Annotated[int, typer.Option(help="How many.")] = 100,
    seed: Annotated[str, typer.Option(help="Of everything that is random.")] = "1",
    report: Annotated[Path | None, typer.Option(help="Where to write what was found.")] = None,
) -> None:
    """Fault campaign on the embedded engine: whole jobs, real processes, real time."""
    begun = time.monotonic()
    chance = random.Random(seed)  # noqa: S311 - not a secret
    with running_pipeline(ROOT / ".local/chaos", parameters=GENEROUS) as pipeline:
        live = Live(pipeline, chance)
        ends: Counter[tuple[str, str]] = Counter()
        for first in range(0, jobs, AT_ONCE):
            names = [f"job-{number:04}" for number in range(first, min(first + AT_ONCE, jobs))]
            for act, end in block(live, [Folder(pipeline, "chaos", name) for name in names]):
                ends[act, end] += 1
            err.print(f"{first + len(names)} of {jobs} jobs have ended")
        violations = [one for one in audit(live.evidence()) if one.invariant not in NOT_JUDGED]
    lines = list(told(ends, violations, live.kills, time.monotonic() - begun))
    table = Table("what befell it", "how it ended", "jobs")
    for (act, end), count in sorted(ends.items()):
        table.add_row(act, end, str(count))
    out.print(table)
    out.print("\n".join(lines), markup=False, highlight=False)
    if report:
        command = f".venv/bin/python -m tests.chaos.live --jobs {jobs} --seed {seed}"
        report.write_text(markdown(command, ends, lines))
    raise typer.Exit(bool(violations))


def block(live: Live, folders: list[Folder]) -> Iterator[tuple[str, str]]:
    """Jobs side by side, each with what befalls it, until all have ended."""
    faults = [live.chance.choice(STUMBLES) for _ in range(len(folders) // 2)]
    live.pipeline.provider.behave(faults=faults)
    acts = [live.chance.choice(ACTS) for _ in folders]
    over = threading.Event()
    killer = threading.Thread(target=live.kill_workers, args=[over])
    killer.start()
    with ThreadPoolExecutor(len(folders)) as pool:
        list(pool.map(live.drop, folders))
        for act, folder in zip(acts, folders, strict=True):
            pool.submit(act, live, folder)
    over.set()
    killer.join()
    live.pipeline.provider.behave(faults=[])
    deadline = time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline and not all(map(has_ended, folders)):
        live.pipeline.invoke("SweepJobsFunction", {})
        time.sleep(3)
    for act, folder in zip(acts, folders, strict=True):
        job = live.pipeline.jobs.find_job(folder.job_id)
        end = f"{job.status}/{job.code}" if job and job.code else str(job.status if job else None)
        if job and job.status is JobStatus.FAILED:
            verdicts = {
                photo.file: photo.code or photo.status for photo in folder.photos().values()
            }
            err.print(f"{folder.name}: {job.reason} {verdicts}", markup=False)
        yield act.__name__.replace("_", " "), end


def has_ended(folder: Folder) -> bool:
    job = folder.pipeline.jobs.find_job(folder.job_id)
    return bool(job and job.status.ended and folder.run(job.run).ended_at)


def told(
    ends: Counter[tuple[str, str]], violations: list[Any], kills: int, seconds: float
) -> Iterator[str]:
    """The figures, a sentence each."""
    completed = sum(count for (_, end), count in ends.items() if end == JobStatus.COMPLETED)
    yield f"{ends.total()} jobs in {seconds / 60:.1f} minutes, {kills} processes killed."
    yield f"{completed} were completed; the others say why not."
    yield f"{len(violations)} violations of {len(INVARIANTS)} invariants."
    for violation in violations:
        yield f"VIOLATION {violation.invariant}: {violation.job_id} {violation.words}"


def markdown(command: str, ends: Counter[tuple[str, str]], lines: list[str]) -> str:
    """The report of a campaign."""
    rows = [f"| {act} | {end} | {count} |" for (act, end), count in sorted(ends.items())]
    return "\n".join(
        [
            "# Whole jobs on the embedded engine",
            "",
            "```",
            command,
            "```",
            "",
            "In each block of twenty jobs, ten stumbles of the provider hit whoever asks it next, "
            "and a process of a function is killed every half to two seconds. A start is never "
            "late here: the clock runs 500 times as fast, and work does not.",
            "",
            *lines,
            "",
            "| what else befell it | how it ended | jobs |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


if __name__ == "__main__":
    typer.run(main)

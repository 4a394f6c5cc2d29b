"""What the functions said of a job."""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from avatars.clock import Clock
from avatars.metrics import PROVIDER_CALLS, PROVIDER_DRIFT, CallOutcome
from avatars.model import Job, Run
from cli.target import Target
from cli.tracing.fact import Fact, Gap, Source
from cli.tracing.histories import Failure
from cli.tracing.rows import wall

BEFORE, AFTER = 600, 26 * 3600
"""Seconds around a run: photos are prepared before there is a job, webhooks are sent for a day."""

AROUND = 900
"""Seconds around a failure: a function may run that long before it fails, or be looked at late."""

MOST_FAILURES = 25
"""Each costs a search of its own."""

_NO_TROUBLE = (CallOutcome.OK, CallOutcome.NOT_FOUND)
"""At first the provider does not find what it has just begun."""

_LEVELS_OF_TROUBLE = ("WARNING", "ERROR", "CRITICAL")

_PLUMBING = {
    "level", "location", "message", "timestamp", "service", "cold_start", "function_name",
    "function_memory_size", "function_arn", "function_request_id", "xray_trace_id", "job_id",
    "correlation_id", "owner_hash", "model_id", "exception", "exception_name", "stack_trace",
    "sampling_rate",
}  # fmt: skip
"""What every line has, or what is told otherwise."""

_REPORT = re.compile(
    r"Duration: (?P<ms>[\d.]+) ms.*Memory Size: (?P<memory>\d+) MB\s+"
    r"Max Memory Used: (?P<used>\d+) MB"
)
"""Lambda's own last line of an invocation."""

_END = re.compile(r"Task timed out|Runtime exited")


def facts_of_logs(
    target: Target,
    job: Job,
    runs: Sequence[Run],
    failures: Sequence[Failure],
    gaps: list[Gap],
) -> Iterator[Fact]:
    """Every line that names the job, and those of invocations that failed on it.

    What Lambda says of an invocation that failed names no job, but the invocation.
    """
    logs, group = target.client("logs"), target.outputs["LogGroup"]
    windows = _windows(target.clock, job, runs)
    gaps.extend(_aged_away(logs, group, windows[0][0]))
    for start, end in windows:
        for event in _matching(logs, group, job.job_id, start, end):
            line = _json(event["message"])
            if line.get("job_id") == job.job_id:
                yield from _of_line(event, line)
    for failure in failures[:MOST_FAILURES]:
        around = failure.at - AROUND, failure.at + AROUND
        for event in _matching(logs, group, failure.request_id, *around):
            if not _json(event["message"]):
                yield from _of_text(event, failure)
    if len(failures) > MOST_FAILURES:
        gaps.append(
            Gap(
                Source.LOGS,
                f"Of {len(failures)} failures only the first {MOST_FAILURES} were looked up.",
                "TOO_MANY",
            )
        )


def _windows(clock: Clock, job: Job, runs: Sequence[Run]) -> list[tuple[float, float]]:
    """When something may have been logged, as spans of the wall clock that do not overlap."""
    now = time.time()
    spans = [(wall(clock, job.created_at), now if not runs else 0.0)]
    spans += [
        (wall(clock, run.started_at or job.created_at), wall(clock, run.ended_at or clock.now()))
        for run in runs
    ]
    merged: list[tuple[float, float]] = []
    for began, ended in sorted(spans):
        start, end = began - BEFORE, min(now, max(began, ended) + AFTER) + 1
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _aged_away(logs: Any, group: str, since: float) -> Iterator[Gap]:
    described = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    days = next((each.get("retentionInDays") for each in described), None)
    if days and since + BEFORE < time.time() - days * 86_400:
        yield Gap(
            Source.LOGS, f"What was logged more than {days} days ago has aged away.", "AGED_AWAY"
        )


def _matching(
    logs: Any, group: str, word: str, start: float, end: float
) -> Iterator[Mapping[str, Any]]:
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group,
        startTime=int(start * 1000),
        endTime=int(end * 1000),
        filterPattern=f'"{word}"',
    )
    return (event for page in pages for event in page["events"])


def _of_line(event: Mapping[str, Any], line: Mapping[str, Any]) -> Iterator[Fact]:
    """A line of ours: the function, what it says, and the keys that it adds."""
    at, function = event["timestamp"] / 1000, _step(line.get("function_name", ""))
    if "_aws" in line:
        yield from _of_metric(at, function, line)
        return
    details = {
        "function": function,
        "message": line.get("message"),
        **{name: value for name, value in line.items() if name not in _PLUMBING},
    }
    if "exception_name" in line:
        details["error"] = line["exception_name"]
    is_trouble = line.get("level") in _LEVELS_OF_TROUBLE
    yield Fact(at, Source.LOGS, "{function}: {message}", details, is_trouble)


def _of_metric(at: float, function: str, line: Mapping[str, Any]) -> Iterator[Fact]:
    """What is counted of the provider: each call, which leaves no other trace unless it is paid
    for, and what was not understood. All else that is counted is told by other lines."""
    about = {"function": function}
    if line.get("message") == PROVIDER_CALLS.name:
        outcome = line.get("outcome")
        told = about | {"call": line.get("call"), "outcome": outcome}
        words = "{function} asked: {call}, {outcome}"
        yield Fact(at, Source.PROVIDER, words, told, trouble=outcome not in _NO_TROUBLE)
    elif line.get("message") == PROVIDER_DRIFT.name:
        told = about | {"kind": line.get("kind")}
        words = "{function} was answered otherwise than is known: {kind}"
        yield Fact(at, Source.PROVIDER, words, told, trouble=True)


def _of_text(event: Mapping[str, Any], failure: Failure) -> Iterator[Fact]:
    """What Lambda itself says of a failed invocation: how it ended, and what it took."""
    at, about = event["timestamp"] / 1000, {"request_id": failure.request_id}
    if report := _REPORT.search(event["message"]):
        took = {"milliseconds": report["ms"], "of_mb": report["memory"], "used_mb": report["used"]}
        words = "invocation {request_id} took {milliseconds} ms and {used_mb} of {of_mb} MB"
        yield Fact(at, Source.LOGS, words, about | took)
    elif _END.search(event["message"]):
        yield Fact(at, Source.LOGS, "invocation {request_id} was ended", about, trouble=True)


def _step(function: str) -> str:
    """`check_training` for `avatars-CheckTrainingFunction-1ABC`."""
    match = re.search(r"([A-Z]\w+?)Function\b", function)
    if match is None:
        return function
    return re.sub(r"(?<!^)(?=[A-Z])", "_", match.group(1)).lower()


def _json(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}

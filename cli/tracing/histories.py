"""What the executions of a job did, as Step Functions remembers it for 90 days."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from avatars.model import Job, Run
from cli.target import Target
from cli.tracing.fact import Fact, Gap, Source
from cli.tracing.rows import wall

MOST_LISTED = 5000
"""Executions that are looked through for those that a person has started by hand: their names say
nothing. Five requests."""

MAX_WORDS = 300

_OURS = re.compile(r"[A-Z2-7]{26}-\d{1,3}(-\d{1,3})?")
"""How we name executions, by job, run and rescue."""

_TOLD = (
    "begin_with",
    "status",
    "wait_seconds",
    "batches",
    "kept",
    "missing",
    "code",
    "accepted_id",
)
"""What of a step's reply is told."""

_ENDS = {"SUCCEEDED": False, "FAILED": True, "TIMED_OUT": True, "ABORTED": True}


@dataclass(frozen=True)
class Failure:
    """A step that failed: what Lambda itself says of it names no job, but the invocation."""

    at: float
    request_id: str


class Histories:
    """The executions of one job; *gaps* and *failures* are known once all facts were asked for."""

    def __init__(self, target: Target, job: Job, runs: Sequence[Run]) -> None:
        self._target = target
        self._states = target.client("stepfunctions")
        self._job = job
        self._runs = runs
        self.gaps: list[Gap] = []
        self.failures: list[Failure] = []

    def facts(self) -> Iterator[Fact]:
        for execution in self._executions():
            try:
                described = self._states.describe_execution(executionArn=execution)
            except self._states.exceptions.ExecutionDoesNotExist:
                self.gaps.append(
                    Gap(
                        Source.HISTORY,
                        f"{_name(execution)} is forgotten: Step Functions keeps an execution for "
                        "90 days after its end.",
                        "FORGOTTEN",
                    )
                )
                continue
            yield from self._of_execution(described)

    def _executions(self) -> list[str]:
        """The ARNs of all that worked on the job, as far as they can be found."""
        found: dict[str, None] = {}
        for run in self._runs:
            named = self._target.executions.name_of(run.job_id, run.run)
            if run.run == 1 and self._job.execution_started:
                found[named] = None
            found |= dict.fromkeys(f"{named}-{rescue}" for rescue in range(1, run.rescues + 1))
            if run.execution:
                found[run.execution] = None
        return list(found | dict.fromkeys(self._listed()))

    def _listed(self) -> Iterator[str]:
        """Those that are named after the job, or were given it by a person."""
        begun = wall(self._target.clock, self._job.created_at)
        pages = self._states.get_paginator("list_executions").paginate(
            stateMachineArn=self._target.outputs["StateMachine"],
            PaginationConfig={"MaxItems": MOST_LISTED, "PageSize": 1000},
        )
        seen = 0
        for page in pages:
            for execution in page["executions"]:  # the newest first
                seen += 1
                if execution["startDate"].timestamp() < begun - 1:
                    return
                if self._is_ours(execution):
                    yield execution["executionArn"]
        if seen >= MOST_LISTED:
            self.gaps.append(
                Gap(
                    Source.HISTORY,
                    f"More than {MOST_LISTED} executions began since the job did: one that a "
                    "person started for it before them is not found.",
                    "TOO_MANY",
                )
            )

    def _is_ours(self, execution: Mapping[str, Any]) -> bool:
        name = execution["name"]
        if _OURS.fullmatch(name):
            return bool(name.startswith(f"{self._job.job_id}-"))
        given = self._states.describe_execution(executionArn=execution["executionArn"])
        document = _json(given.get("input"))
        return document.get("job_id") == self._job.job_id

    def _of_execution(self, described: Mapping[str, Any]) -> Iterator[Fact]:
        name, status = described["name"], described["status"]
        about = {"execution": name}
        yield Fact(
            described["startDate"].timestamp(), Source.HISTORY, "execution {execution} began", about
        )
        yield from self._of_steps(described["executionArn"], status)
        if status in _ENDS:
            yield Fact(
                described["stopDate"].timestamp(),
                Source.HISTORY,
                "execution {execution} ended: {status}",
                about | {"status": status, "error": described.get("error")},
                trouble=_ENDS[status],
            )

    def _of_steps(self, execution: str, status: str) -> Iterator[Fact]:
        pages = self._states.get_paginator("get_execution_history").paginate(
            executionArn=execution, PaginationConfig={"PageSize": 1000}
        )
        entered: dict[int, tuple[str, float]] = {}
        last = ("", 0.0)
        for event in (event for page in pages for event in page["events"]):
            at = event["timestamp"].timestamp()
            if "stateEnteredEventDetails" in event:
                last = (event["stateEnteredEventDetails"]["name"], at)
                entered[event["id"]] = last
            else:
                # What came before tells the state where steps go side by side. The embedded engine
                # does not say what that was.
                entered[event["id"]] = entered.get(event.get("previousEventId", 0), last)
            state, since = entered[event["id"]]
            yield from self._of_event(event, at, state, since)
        if status == "RUNNING" and last[0]:
            yield Fact(last[1], Source.HISTORY, "{state}: is at work", {"state": last[0]})

    def _of_event(
        self, event: Mapping[str, Any], at: float, state: str, since: float
    ) -> Iterator[Fact]:
        kind = event["type"]
        details: dict[str, Any] = next(
            (value for name, value in event.items() if name.endswith("EventDetails")), {}
        )
        if kind == "TaskSucceeded":
            reply = _json(details.get("output")).get("Payload")
            told = {name: reply[name] for name in _TOLD if name in reply} if reply else {}
            took = {"state": state, "seconds": round(at - since, 3)}
            yield Fact(at, Source.HISTORY, "{state}: done in {seconds} s", took | told)
        elif kind == "WaitStateEntered":
            yield Fact(at, Source.HISTORY, "{state}", {"state": state})
        elif kind == "ExecutionRedriven":
            yield Fact(at, Source.HISTORY, "redriven by a person")
        elif "error" in details and not kind.startswith("Execution"):
            cause = _json(details.get("cause"))
            if request_id := cause.get("requestId"):
                self.failures.append(Failure(at, str(request_id)))
            yield Fact(
                at,
                Source.HISTORY,
                "{state}: failed with {error}",
                {
                    "state": state,
                    "error": details["error"],
                    "reason": str(cause.get("errorMessage") or details.get("cause") or "")[
                        :MAX_WORDS
                    ],
                    "request_id": cause.get("requestId"),
                },
                trouble=True,
            )


def _name(execution: str) -> str:
    return execution.rpartition(":")[2]


def _json(text: str | None) -> dict[str, Any]:
    try:
        document = json.loads(text or "{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}

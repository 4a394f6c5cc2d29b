"""The deployed state machine: its executions, interpreted while virtual time passes."""

import json
import random
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, takewhile
from pathlib import Path
from typing import Any

import jsonata  # type: ignore[import-untyped]  # noqa: F401 - now: it sets the recursion limit
import yaml
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from local.ministack import StateFailedError, Surroundings, interpret
from tests.turns import StoppedError, Strand, Turns

ROOT = Path(__file__).parents[1]
TEMPLATE: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
FOLDERS: dict[str, str] = {
    name: Path(resource["Properties"]["CodeUri"]).name
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::Serverless::Function"
}
"""What a function is called in tests: as its folder."""

MACHINE: dict[str, Any] = yaml.safe_load(
    re.sub(
        r"\$\{(\w+)\}",
        lambda found: FOLDERS[found[1]],
        (ROOT / "statemachine/make_avatars.asl.yaml").read_text(),
    )
)


@dataclass(frozen=True)
class Met:
    """What an execution met: a call and its reply or error; without a call, a Wait state."""

    call: tuple[str, Any] | None = None
    reply: Any = None
    error: StateFailedError | None = None


@dataclass
class Execution:
    """One execution of the state machine."""

    arn: str
    given: Any
    status: str = "RUNNING"
    deadline: float = 0
    met: list[Met] = field(default_factory=list)
    outcome: dict[str, Any] = field(default_factory=dict)
    """What `interpret` returned, with the history; empty where it was stopped from outside."""
    redrives: int = 0
    walks: bool = False
    """Whether somebody is at work on it, be it that a function goes on after its end."""
    asleep: Strand | None = None

    @property
    def failures(self) -> int:
        """How often the last call has just failed, one time after the other."""
        last = self.met[-1].call if self.met else None
        failed = takewhile(lambda met: met.error and met.call == last, reversed(self.met))
        return sum(1 for _ in failed)

    @property
    def settled(self) -> list[Met]:
        """What a redrive does not do again: all before the state that did not succeed.

        A Fail state is entered again, and fails again.
        """
        events = self.outcome.get("events", [])
        failed_by_state = any(event["type"] == "FailStateEntered" for event in events)
        return self.met if failed_by_state else self.met[: len(self.met) - self.failures]


class Machine:
    """All executions. *call* reaches a function, *tell* hears of each one's end."""

    def __init__(
        self,
        turns: Turns,
        chance: random.Random,
        call: Callable[[str, Any], Any],
        tell: Callable[[Execution], None],
    ) -> None:
        self.executions: dict[str, Execution] = {}
        self._turns = turns
        self._chance = chance
        self._call = call
        self._tell = tell

    def begin(self, arn: str, given: Any) -> None:
        self.executions[arn] = Execution(arn, given)
        self._walk_on(self.executions[arn])

    def redrive(self, execution: Execution) -> None:
        """Let one that ended badly go on, with the state that did not succeed."""
        execution.redrives += 1
        self._walk_on(execution)

    def end(self, execution: Execution, status: str) -> None:
        """It ends; a function that it waits for goes on."""
        execution.status = status
        if execution.asleep:
            self._turns.wake(execution.asleep)
        self._tell(execution)

    def _walk_on(self, execution: Execution) -> None:
        settled = deque(execution.settled)
        execution.status, execution.met, execution.outcome = "RUNNING", [], {}
        execution.deadline = self._turns.time + MACHINE["TimeoutSeconds"]
        self._turns.plan(0, lambda: self._walk(execution, settled, execution.redrives))

    def _walk(self, execution: Execution, settled: deque[Met], redrives: int) -> None:
        """Take it to its end. What is settled it is only told again."""

        def stop_if_ended() -> None:
            if execution.status != "RUNNING" or execution.redrives != redrives:
                raise StoppedError

        def invoke(function: str, payload: Any) -> Any:
            met = settled.popleft() if settled else self._ask(function, payload)
            stop_if_ended()
            execution.met.append(met)
            if met.error:
                raise met.error
            return met.reply

        def sleep(seconds: float) -> None:
            failures = execution.failures
            if not settled:
                wait = self._retry_delay(execution.met[-1], failures) if failures else seconds
                execution.asleep = self._turns.current
                self._turns.sleep(min(wait, execution.deadline - self._turns.time))
                execution.asleep = None
                stop_if_ended()
                if self._turns.time >= execution.deadline:
                    self.end(execution, "TIMED_OUT")
                    raise StoppedError
            if not failures:
                execution.met.append(settled.popleft() if settled else Met())

        while execution.walks:
            self._turns.sleep(1)
        execution.walks = True
        try:
            outcome = interpret(
                json.dumps(MACHINE),
                execution.arn,
                json.dumps(execution.given),
                Surroundings(invoke, sleep),
            )
        finally:
            execution.walks = False
        execution.outcome = outcome
        self.end(execution, outcome["status"])

    def _ask(self, function: str, payload: Any) -> Met:
        try:
            return Met((function, payload), self._call(function, payload))
        except StateFailedError as error:
            return Met((function, payload), error=error)

    def _retry_delay(self, met: Met, failures: int) -> float:
        """As the definition says, with jitter; the interpreter's own delay is a minute at most."""
        assert met.call
        assert met.error
        policy = next(
            retry
            for state in tasks(MACHINE)
            if state["Arguments"]["FunctionName"] == met.call[0]
            for retry in state["Retry"]
            if {met.error.error, "States.ALL"} & {*retry["ErrorEquals"]}
        )
        longest = policy.get("IntervalSeconds", 1) * policy.get("BackoffRate", 2) ** (failures - 1)
        return self._chance.uniform(0, min(longest, policy.get("MaxDelaySeconds", longest)))


def tasks(machine: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The Task states, those inside a Map too."""
    states = machine["States"].values()
    inside = [tasks(state["ItemProcessor"]) for state in states if "ItemProcessor" in state]
    return [state for state in states if state["Type"] == "Task"] + [*chain(*inside)]

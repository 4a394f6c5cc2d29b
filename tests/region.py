"""A region in one process: it delivers events to the deployed handlers, runs executions of the
deployed state machine, and lets time pass."""

import contextlib
import importlib
import json
import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import count
from math import inf
from typing import Any
from unittest import mock

from avatars import photos
from avatars.aws.events import event_for
from local.ministack import StateFailedError
from tests.fakes import ENVIRONMENT, Effects, KilledError
from tests.machine import FOLDERS, MACHINE, RESOURCES, ROOT, TEMPLATE, Execution, Machine
from tests.turns import Strand, Turns
from tests.wired import unwire, wire

FUNCTIONS: dict[str, Any] = {
    folder: RESOURCES[name]["Properties"] for name, folder in FOLDERS.items()
}

ASYNCHRONOUS_DELAYS = (60, 120)
"""Seconds before Lambda tries an event again (Developer Guide, asynchronous error handling)."""

BETWEEN_SWEEPS = 15 * 60
QUIET_SWEEPS = 3
"""After so many sweeps that found nothing no further one will: what was young has grown old."""

FOREVER = 5 * MACHINE["TimeoutSeconds"]
"""Longer than an execution and its rescues may take, in seconds."""

SUCCESS, FAILURE = "judge_photo", "judge_photo_crashed"
"""The payloads in `events/` that are records of calls."""

Event = dict[str, Any]

_prepare_once = lru_cache(256)(photos.prepare)
"""Preparing depends on nothing but a photo's bytes, and took most of a whole job's time."""


class NeverEndsError(AssertionError):
    """Something goes on and on, or waits for what will not come."""


@dataclass
class Context:
    """What Lambda tells a handler; the parts that the Logger reads."""

    function_name: str
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:a-function"
    aws_request_id: str = "a-request"


class Region:
    """AWS around *services*: FakeServices, or AwsServices whose `executions`, `preparations` and
    clock are fakes. A context, whose end stops all executions.

    Time is the services' clock. Whatever happens at the same time happens in the order in which
    it was planned, one thing after the other: the same seed, the same story.
    """

    def __init__(
        self, services: Any, seed: int = 0, environment: Mapping[str, str] = ENVIRONMENT
    ) -> None:
        self.services = services
        self.dead_letters: list[tuple[str, Event]] = []
        """What no function took: the function, and the original event."""
        self.taken: list[tuple[str, Event]] = []
        """What functions took: whatever was delivered with success."""
        self.deliveries: Callable[[str, Event], Sequence[float]] = lambda function, event: [0]
        """After how many seconds each an event, or the record of a call, reaches a function; []
        loses it."""
        self.sweeping = True
        self._environment = mock.patch.dict(os.environ, environment)
        self._preparing = mock.patch.object(photos, "prepare", _prepare_once)
        self._effects: Effects = getattr(services, "effects", Effects())
        self._chance = random.Random(seed)  # noqa: S311 - not a secret
        self._sequencers = count(1)
        self._unseen: dict[str, tuple[str, float | None]] = {}
        self._quiet_sweeps = 0
        self._turns = Turns(services.clock.move)
        self._ends_at: dict[Strand | None, float] = {}
        self._machine = Machine(self._turns, self._chance, self._call, self._tell)
        self._sweeper = self._turns.plan(0, self._sweep_regularly)
        random.seed(seed)  # the jitter of schedules
        services.executions.when_started = self._machine.begin
        services.executions.when_stopped = self.abort
        services.preparations.when_asked = lambda upload: self.deliver(
            "prepare_photo", dict(event_for(upload))
        )
        services.packing.when_asked = lambda job_id: self.deliver(
            "pack_avatars", {"job_id": job_id}
        )

    def __enter__(self) -> "Region":
        self._environment.start()
        self._preparing.start()
        self._new_process()
        return self

    def __exit__(self, *_: object) -> None:
        self._turns.stop()
        self._preparing.stop()
        self._environment.stop()
        unwire()

    # ------------------------------------------------------------------ time

    @property
    def time(self) -> float:
        """Seconds since the region began."""
        return self._turns.time

    def run(self, seconds: float | None = None) -> None:
        """Let *seconds* pass, or as many as it takes until nothing is left to do."""
        end = self.time + (FOREVER if seconds is None else seconds)
        while self._turns.next_at <= end:
            quiet = self._quiet_sweeps >= QUIET_SWEEPS or not self.sweeping
            if seconds is None and quiet and len(self._turns) == 1:
                return
            if self._turns.take() is not self._sweeper:
                self._quiet_sweeps = 0
        if seconds is None:
            running = [arn for arn, one in self.executions.items() if one.status == "RUNNING"]
            raise NeverEndsError(f"After {FOREVER} s there is still work: {running or 'sweeps'}.")
        self._turns.pass_until(end)

    def sleep(self, seconds: float) -> None:
        """In a handler: it is slow, others go on meanwhile, and its time is limited."""
        rest = self._ends_at.get(self._turns.current, inf) - self.time
        self._turns.sleep(min(seconds, rest))
        if seconds >= rest:
            self._effects.kill()

    # ---------------------------------------------------------------- events

    def drop(self, prefix: str, files: Mapping[str, bytes]) -> None:
        """Files arrive in the upload bucket below *prefix*, and their events go out."""
        for name, data in files.items():
            self.publish(self.put(prefix + name, data))

    def put(self, key: str, data: bytes) -> Event:
        """A file arrives in the upload bucket; returns its event, still to be published."""
        event = _example("prepare_photo")
        event["time"] = datetime.fromtimestamp(int(self.services.clock.wall()), UTC).isoformat()
        event["detail"]["object"] |= {
            "key": key,
            "size": len(data),
            "version-id": self.services.upload_bucket.put(key, data),
            "sequencer": f"{next(self._sequencers):018X}",
        }
        return event

    def publish(self, event: Event) -> None:
        """EventBridge takes an event to every function that has a rule for it."""
        for function, properties in FUNCTIONS.items():
            for source in properties.get("Events", {}).values():
                pattern = source["Properties"].get("Pattern")
                if pattern and _matches(pattern, event):
                    for after in self.deliveries(function, event):
                        self.deliver(function, event, after)

    def deliver(self, function: str, event: Event, after: float = 0) -> None:
        """Invoke a function asynchronously: with its retries and its destinations."""
        self._turns.plan(after, lambda: self._asynchronously(function, event))

    def _asynchronously(self, function: str, event: Event) -> Any:
        policy = FUNCTIONS[function]["EventInvokeConfig"]
        cause = ""
        for delay in (0, *ASYNCHRONOUS_DELAYS[: policy["MaximumRetryAttempts"]]):
            if delay:
                self._turns.sleep(delay)
            try:
                reply = self.invoke(function, event)
            except StateFailedError as error:
                cause = error.cause
            else:
                self.taken.append((function, event))
                self._send_record(function, "OnSuccess", SUCCESS, event, reply)
                return reply
        self._send_record(function, "OnFailure", FAILURE, event, json.loads(cause))
        return None

    def _send_record(
        self, function: str, outcome: str, example: str, event: Event, reply: Any
    ) -> None:
        """What became of a call goes to the destination of its function, if it has one."""
        destination = FUNCTIONS[function]["EventInvokeConfig"]["DestinationConfig"].get(outcome)
        if destination is None:
            return
        target, _ = destination["Destination"]["Fn::GetAtt"]
        if target not in FOLDERS:
            self.dead_letters.append((function, event))
            return
        record = _example(example) | {"requestPayload": event, "responsePayload": reply}
        for after in self.deliveries(FOLDERS[target], record):
            self.deliver(FOLDERS[target], record, after)

    def _sweep_regularly(self) -> None:
        self._turns.sleep(self._chance.uniform(0, BETWEEN_SWEEPS))
        while True:
            found = self._asynchronously("sweep_jobs", {}) if self.sweeping else {}
            quiet = found is not None and not any(found.values())
            self._quiet_sweeps = self._quiet_sweeps + 1 if quiet else 0
            self._turns.sleep(BETWEEN_SWEEPS)

    # ------------------------------------------------------------- functions

    def invoke(self, function: str, payload: Any) -> Any:
        """A function's reply. Raises StateFailedError with what Step Functions would see."""
        app = importlib.import_module(f"functions.{function}.app")
        timeout = FUNCTIONS[function].get("Timeout", TEMPLATE["Globals"]["Function"]["Timeout"])
        ends_at = self._ends_at[self._turns.current] = self.time + timeout
        try:
            reply = app.handler(json.loads(json.dumps(payload)), Context(function))
        except KilledError:
            self._new_process()
            name = "Runtime.ExitError" if self.time < ends_at else "Sandbox.Timedout"
            raise _failed(name, "The process has ended.") from None
        except Exception as error:
            raise _failed(type(error).__name__, str(error)) from error
        finally:
            del self._ends_at[self._turns.current]
        return json.loads(json.dumps(reply))

    def lose_sight(self, function: str, error: str, after: float | None = None) -> None:
        """The next step that calls *function* fails with an error of AWS's own; the function runs
        all the same, *after* so many seconds, or never."""
        self._unseen[function] = (error, after)

    def _call(self, function: str, payload: Any) -> Any:
        if function not in self._unseen:
            return self.invoke(function, payload)
        error, after = self._unseen.pop(function)
        if after is not None:
            self._turns.plan(after, lambda: self._unheard(function, payload))
        raise _failed(error, "The function could not be reached.")

    def _unheard(self, function: str, payload: Any) -> None:
        with contextlib.suppress(StateFailedError):
            self.invoke(function, payload)

    def _new_process(self) -> None:
        """A fresh sandbox: its services are made when they are first needed."""
        self._effects.revive()
        wire(self.services)

    # ------------------------------------------------------------ executions

    @property
    def executions(self) -> Mapping[str, Execution]:
        """Every execution by its ARN."""
        return self._machine.executions

    def start(self, given: Any, name: str) -> str:
        """A person starts an execution; returns its ARN."""
        arn: str = self.services.executions.begin(name, given)
        return arn

    def abort(self, arn: str) -> None:
        """A person aborts an execution; a function that it waits for goes on."""
        if self.executions[arn].status == "RUNNING":
            self._machine.end(self.executions[arn], "ABORTED")

    def redrive(self, arn: str) -> None:
        """A person redrives an execution, where Step Functions allows it."""
        execution = self.executions.get(arn)
        if execution and execution.status not in ("RUNNING", "SUCCEEDED"):
            self.services.executions.redrive(arn)
            self._machine.redrive(execution)

    def _tell(self, execution: Execution) -> None:
        """An execution has ended: Step Functions knows, and EventBridge hears of it."""
        self.services.executions.end(execution.arn, execution.status)
        event = _example("close_job")
        event["detail"] |= {
            "executionArn": execution.arn,
            "name": execution.arn.rpartition(":")[2],
            "status": execution.status,
            "input": json.dumps(execution.given),
        }
        self.publish(event)


def _example(name: str) -> Event:
    event: Event = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return event


def _failed(error: str, message: str) -> StateFailedError:
    """What a failed function looks like from outside."""
    return StateFailedError(error, json.dumps({"errorType": error, "errorMessage": message}))


def _matches(pattern: Any, value: Any) -> bool:
    """Whether a rule takes an event; a reference to a resource of the template takes any."""
    if isinstance(pattern, Mapping):
        return all(name in value and _matches(part, value[name]) for name, part in pattern.items())
    return any(_is_choice(choice, value) for choice in pattern)


def _is_choice(choice: Any, value: Any) -> bool:
    if isinstance(choice, Mapping):
        return "Ref" in choice or fnmatchcase(value, choice["wildcard"])
    return bool(choice == value)

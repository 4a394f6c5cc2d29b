"""Step Functions and EventBridge, in memory."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from avatars.errors import JobNotEndedError
from avatars.model import Prompt, Upload
from tests.fakes.effects import Effects

STATE_MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:MakeAvatars"


class FakeExecutions:
    """Executions by name; a name starts once, whatever became of its execution."""

    def __init__(self, effects: Effects | None = None) -> None:
        self._effects = effects or Effects()
        self.started: list[str] = []
        self.running: set[str] = set()
        self.ended: dict[str, str] = {}
        self.inputs: dict[str, Any] = {}
        self.when_started: Callable[[str, Any], None] = lambda execution, given: None
        """What then runs it, by its ARN and its input."""
        self.when_stopped: Callable[[str], None] = lambda execution: None
        """What then ends it, by its ARN."""

    def start(self, job_id: str, run: int, rescue: int = 0) -> None:
        with self._effects.happen("start execution"):
            name = f"{job_id}-{run}-{rescue}" if rescue else f"{job_id}-{run}"
            self.begin(name, {"job_id": job_id, "run": run})

    def start_another(self, job_id: str, run: int, prompts: Sequence[Prompt]) -> None:
        with self._effects.happen("start another execution"):
            given = {"job_id": job_id, "prompts": [asdict(prompt) for prompt in prompts]}
            name = f"{job_id}-{run}"
            if execution_arn(name) in self.running and self.inputs[execution_arn(name)] != given:
                raise JobNotEndedError(f"Job {job_id} is just beginning with other avatars.")
            if execution_arn(name) in self.started and execution_arn(name) not in self.running:
                name = f"unnamed-{len(self.started)}"
            self.begin(name, given)

    def stop(self, execution: str, cause: str) -> bool:
        with self._effects.happen("stop execution"):
            if execution not in self.running:
                return False
            self.end(execution, "ABORTED")
            self.when_stopped(execution)
            return True

    def begin(self, name: str, given: Any) -> str:
        """Whoever starts it: the execution of that name begins with that input; returns its ARN."""
        execution = execution_arn(name)
        if execution not in self.started:
            self.started.append(execution)
            self.running.add(execution)
            self.inputs[execution] = given
            self.when_started(execution, given)
        return execution

    def name_of(self, job_id: str, run: int) -> str:
        return execution_arn(f"{job_id}-{run}")

    def status(self, execution: str) -> str | None:
        with self._effects.happen("look at execution"):
            return "RUNNING" if execution in self.running else self.ended.get(execution)

    def end(self, execution: str, status: str = "FAILED") -> None:
        """It ends, in whatever way."""
        self.running.discard(execution)
        self.ended[execution] = status

    def redrive(self, execution: str) -> None:
        """It runs again."""
        self.running.add(execution)
        del self.ended[execution]


class FakePreparations:
    """Uploads that `prepare_photo` was asked to judge."""

    def __init__(self, effects: Effects | None = None) -> None:
        self._effects = effects or Effects()
        self.asked: list[Upload] = []
        self.when_asked: Callable[[Upload], None] = lambda upload: None
        """What then judges it."""

    def ask(self, upload: Upload) -> None:
        with self._effects.happen("ask for preparation"):
            self.asked.append(upload)
            self.when_asked(upload)


class FakePacking:
    """Jobs whose avatars `pack_avatars` was asked to pack."""

    def __init__(self, effects: Effects | None = None) -> None:
        self._effects = effects or Effects()
        self.asked: list[str] = []
        self.when_asked: Callable[[str], None] = lambda job_id: None
        """What then packs them."""

    def ask(self, job_id: str) -> None:
        with self._effects.happen("ask for packing"):
            self.asked.append(job_id)
            self.when_asked(job_id)


class FakeNotices:
    """What the world was told."""

    def __init__(self, effects: Effects | None = None) -> None:
        self._effects = effects or Effects()
        self.published: list[tuple[str, dict[str, Any]]] = []

    def publish(self, kind: str, detail: Mapping[str, object]) -> None:
        with self._effects.happen("publish notice"):
            self.published.append((kind, json.loads(json.dumps(detail))))


def execution_arn(name: str) -> str:
    """What Step Functions calls the execution of that name."""
    return f"{STATE_MACHINE.replace(':stateMachine:', ':execution:')}:{name}"

"""Step Functions and EventBridge, in memory."""

import json
from collections.abc import Mapping
from typing import Any

from avatars.model import Upload
from tests.fakes.effects import Effects

STATE_MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:MakeAvatars"


class FakeExecutions:
    """Executions by name; a name starts once, whatever became of its execution."""

    def __init__(self, effects: Effects | None = None) -> None:
        self._effects = effects or Effects()
        self.started: list[str] = []
        self.running: set[str] = set()
        self.ended: dict[str, str] = {}

    def start(self, job_id: str, run: int) -> None:
        with self._effects.happen("start execution"):
            execution = execution_arn(f"{job_id}-{run}")
            if execution not in self.started:
                self.started.append(execution)
                self.running.add(execution)

    def name_of(self, job_id: str, run: int) -> str:
        return execution_arn(f"{job_id}-{run}")

    def status(self, execution: str) -> str | None:
        with self._effects.happen("look at execution"):
            return "RUNNING" if execution in self.running else self.ended.get(execution)

    def end(self, execution: str, status: str = "FAILED") -> None:
        """It ends, in whatever way."""
        self.running.discard(execution)
        self.ended[execution] = status


class FakePreparations:
    """Uploads that `prepare_photo` was asked to judge."""

    def __init__(self, effects: Effects | None = None) -> None:
        self._effects = effects or Effects()
        self.asked: list[Upload] = []

    def ask(self, upload: Upload) -> None:
        with self._effects.happen("ask for preparation"):
            self.asked.append(upload)


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

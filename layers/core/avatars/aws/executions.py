"""The executions of the state machine in Step Functions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from avatars.errors import JobNotEndedError
from avatars.model import Prompt

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StepFunctionsExecutions:
    """Starts and looks up executions; their names come from the job, so each starts once."""

    def __init__(self, client: SFNClient, state_machine: str) -> None:
        self._client = client
        self._state_machine = state_machine

    def start(self, job_id: str, run: int, rescue: int = 0) -> None:
        try:
            self._client.start_execution(
                stateMachineArn=self._state_machine,
                name=f"{job_id}-{run}-{rescue}" if rescue else f"{job_id}-{run}",
                input=json.dumps({"job_id": job_id, "run": run}),
            )
        except self._client.exceptions.ExecutionAlreadyExists:
            return  # somebody else was faster; it is the same execution

    def start_another(self, job_id: str, run: int, prompts: Sequence[Prompt]) -> None:
        name = f"{job_id}-{run}"
        wanted = {"job_id": job_id, "prompts": [asdict(prompt) for prompt in prompts]}
        start = {"stateMachineArn": self._state_machine, "input": json.dumps(wanted)}
        try:
            self._client.start_execution(**start, name=name)
        except self._client.exceptions.ExecutionAlreadyExists:
            known = self._client.describe_execution(executionArn=self.name_of(job_id, run))
            if known["status"] != "RUNNING":
                # It died before the job heard of it, else that would be at a later run.
                self._client.start_execution(**start)
            elif json.loads(known["input"]) != wanted:
                raise JobNotEndedError(
                    f"Job {job_id} is just beginning with other avatars: wait until it has ended."
                ) from None

    def stop(self, execution: str, cause: str) -> bool:
        if self.status(execution) != "RUNNING":
            return False
        self._client.stop_execution(executionArn=execution, cause=cause)
        return True

    def name_of(self, job_id: str, run: int) -> str:
        executions = self._state_machine.replace(":stateMachine:", ":execution:")
        return f"{executions}:{job_id}-{run}"

    def status(self, execution: str) -> str | None:
        try:
            return self._client.describe_execution(executionArn=execution)["status"]
        except self._client.exceptions.ExecutionDoesNotExist:
            return None

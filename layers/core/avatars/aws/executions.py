"""The executions of the state machine in Step Functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

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

    def name_of(self, job_id: str, run: int) -> str:
        executions = self._state_machine.replace(":stateMachine:", ":execution:")
        return f"{executions}:{job_id}-{run}"

    def status(self, execution: str) -> str | None:
        try:
            return self._client.describe_execution(executionArn=execution)["status"]
        except self._client.exceptions.ExecutionDoesNotExist:
            return None

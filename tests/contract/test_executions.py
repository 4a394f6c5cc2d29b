"""Executions: Step Functions and the fake keep the same promises."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from avatars.aws.executions import StepFunctionsExecutions
from avatars.errors import JobNotEndedError
from avatars.model import Prompt
from avatars.ports import Executions
from tests.builders import JOB_ID
from tests.fakes import FakeExecutions
from tests.fakes.aws import execution_arn

ARN = "arn:aws:states:eu-west-1:123456789012"
DEFINITION = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})


@dataclass
class Machine:
    """A state machine behind the port, and what tests do to it past the port."""

    executions: Executions
    arn: Callable[[str], str]
    end: Callable[[str], object]
    """Ends the execution of that ARN."""
    names: Callable[[], list[str]]


def fake_machine() -> Machine:
    executions = FakeExecutions()
    return Machine(
        executions,
        execution_arn,
        lambda arn: executions.end(arn, "ABORTED"),
        lambda: [arn.rpartition(":")[2] for arn in executions.started],
    )


def step_functions() -> Machine:
    client = boto3.client("stepfunctions")
    machine = client.create_state_machine(
        name="MakeAvatars", definition=DEFINITION, roleArn="arn:aws:iam::123456789012:role/a-role"
    )["stateMachineArn"]
    return Machine(
        StepFunctionsExecutions(client, machine),
        lambda name: f"{machine.replace(':stateMachine:', ':execution:')}:{name}",
        lambda arn: client.stop_execution(executionArn=arn),
        lambda: [
            execution["name"]
            for execution in client.list_executions(stateMachineArn=machine)["executions"]
        ],
    )


@pytest.fixture(params=["fake", "Step Functions"])
def machine(request: pytest.FixtureRequest) -> Machine:
    if request.param == "fake":
        return fake_machine()
    request.getfixturevalue("aws")
    return step_functions()


def test_an_execution_is_named_after_its_job_and_run(machine: Machine) -> None:
    machine.executions.start(JOB_ID, 2)

    assert machine.names() == [f"{JOB_ID}-2"]
    assert machine.executions.status(machine.arn(f"{JOB_ID}-2")) == "RUNNING"


def test_starting_it_again_starts_no_other(machine: Machine) -> None:
    for _ in range(3):
        machine.executions.start(JOB_ID, 1)

    assert machine.names() == [f"{JOB_ID}-1"]


def test_a_rescue_has_a_name_of_its_own_and_starts_once(machine: Machine) -> None:
    machine.executions.start(JOB_ID, 1)

    for _ in range(2):
        machine.executions.start(JOB_ID, 1, rescue=2)

    assert sorted(machine.names()) == [f"{JOB_ID}-1", f"{JOB_ID}-1-2"]


def test_starting_it_again_after_its_end_starts_no_other(machine: Machine) -> None:
    machine.executions.start(JOB_ID, 1)
    machine.end(machine.arn(f"{JOB_ID}-1"))

    machine.executions.start(JOB_ID, 1)

    assert machine.names() == [f"{JOB_ID}-1"]
    assert machine.executions.status(machine.arn(f"{JOB_ID}-1")) == "ABORTED"


def test_an_execution_that_nobody_knows_any_more_has_no_status(machine: Machine) -> None:
    assert machine.executions.status(machine.arn("long-ago")) is None


def test_it_is_known_by_name_before_it_is_started(machine: Machine) -> None:
    name = machine.executions.name_of(JOB_ID, 2)

    machine.executions.start(JOB_ID, 2)

    assert machine.executions.status(name) == "RUNNING"


PROMPTS = (Prompt("anime", 2, "at sea"), Prompt("realistic"))


class TestAnother:
    def test_a_further_run_has_its_name(self, machine: Machine) -> None:
        machine.executions.start_another(JOB_ID, 2, PROMPTS)

        assert machine.names() == [f"{JOB_ID}-2"]
        assert machine.executions.status(machine.arn(f"{JOB_ID}-2")) == "RUNNING"

    def test_asked_for_twice_while_it_runs_it_is_the_same(self, machine: Machine) -> None:
        machine.executions.start_another(JOB_ID, 2, PROMPTS)
        machine.executions.start_another(JOB_ID, 2, PROMPTS)

        assert machine.names() == [f"{JOB_ID}-2"]

    def test_asked_for_with_other_prompts_while_it_runs_it_is_refused(
        self, machine: Machine
    ) -> None:
        machine.executions.start_another(JOB_ID, 2, PROMPTS)

        with pytest.raises(JobNotEndedError, match="just beginning"):
            machine.executions.start_another(JOB_ID, 2, PROMPTS[:1])

        assert machine.names() == [f"{JOB_ID}-2"]

    def test_one_that_died_before_its_run_began_does_not_stand_in_the_way(
        self, machine: Machine
    ) -> None:
        machine.executions.start_another(JOB_ID, 2, PROMPTS)
        machine.end(machine.arn(f"{JOB_ID}-2"))

        machine.executions.start_another(JOB_ID, 2, PROMPTS)

        [another] = set(machine.names()) - {f"{JOB_ID}-2"}
        assert machine.executions.status(machine.arn(another)) == "RUNNING"

    def test_its_input_says_what_is_wanted_of_which_job(self, aws: None) -> None:
        machine = step_functions()

        machine.executions.start_another(JOB_ID, 2, PROMPTS)

        arn = machine.arn(f"{JOB_ID}-2")
        execution = boto3.client("stepfunctions").describe_execution(executionArn=arn)
        assert json.loads(execution["input"]) == {
            "job_id": JOB_ID,
            "prompts": [
                {"style": "anime", "count": 2, "prompt": "at sea", "negative_prompt": None},
                {"style": "realistic", "count": 1, "prompt": None, "negative_prompt": None},
            ],
        }


class TestStop:
    def test_one_that_runs_is_stopped(self, machine: Machine) -> None:
        machine.executions.start(JOB_ID, 1)

        stopped = machine.executions.stop(machine.arn(f"{JOB_ID}-1"), "its job is erased")

        assert stopped
        assert machine.executions.status(machine.arn(f"{JOB_ID}-1")) == "ABORTED"

    def test_one_that_has_ended_needs_no_stop(self, machine: Machine) -> None:
        machine.executions.start(JOB_ID, 1)
        machine.executions.stop(machine.arn(f"{JOB_ID}-1"), "its job is erased")

        assert not machine.executions.stop(machine.arn(f"{JOB_ID}-1"), "its job is erased")

    def test_one_that_nobody_knows_needs_none_either(self, machine: Machine) -> None:
        assert not machine.executions.stop(machine.arn("long-ago"), "its job is erased")

    def test_nobody_else_is_stopped(self, machine: Machine) -> None:
        for run in (1, 2):
            machine.executions.start(JOB_ID, run)

        machine.executions.stop(machine.arn(f"{JOB_ID}-1"), "its job is erased")

        assert machine.executions.status(machine.arn(f"{JOB_ID}-2")) == "RUNNING"

    def test_whoever_looks_into_it_reads_why(self, aws: None) -> None:
        client, execution = boto3.client("stepfunctions"), f"{ARN}:execution:MakeAvatars:{JOB_ID}-1"
        executions = StepFunctionsExecutions(client, f"{ARN}:stateMachine:MakeAvatars")
        facts: Any = {"stateMachineArn": ARN, "startDate": datetime.now(UTC)}
        with Stubber(client) as stubbed:
            stubbed.add_response(
                "describe_execution", facts | {"executionArn": execution, "status": "RUNNING"}
            )
            stubbed.add_response(
                "stop_execution",
                {"stopDate": datetime.now(UTC)},
                {"executionArn": execution, "cause": "its job is erased"},
            )

            assert executions.stop(execution, "its job is erased")


@pytest.mark.parametrize(("rescue", "name"), [(0, f"{JOB_ID}-3"), (1, f"{JOB_ID}-3-1")])
def test_its_input_says_which_run_of_which_job(aws: None, rescue: int, name: str) -> None:
    machine = step_functions()

    machine.executions.start(JOB_ID, 3, rescue=rescue)

    execution = boto3.client("stepfunctions").describe_execution(executionArn=machine.arn(name))
    assert json.loads(execution["input"]) == {"job_id": JOB_ID, "run": 3}

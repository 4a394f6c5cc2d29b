"""Where a command acts: on the local stack, or on one that is deployed on AWS."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Annotated, Any

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from avatars.aws.executions import StepFunctionsExecutions
from avatars.aws.jobs import DynamoDBJobs
from avatars.aws.rows import Rows
from avatars.clock import Clock
from cli.saying import RefusedError
from local import stack as local_stack
from local.engine import PROJECT, client

STATE_DIR = PROJECT / ".local/stack"

StackOption = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="NAME",
        help="A stack on the AWS account of your environment; without it, the local stack.",
    ),
]


@dataclass(frozen=True)
class Target:
    """A stack, and clients for the AWS that it is on."""

    stack: str
    outputs: Mapping[str, str]
    client: Callable[[str], Any]
    """A boto3 client by the name of its service."""
    clock: Clock
    """The clock of its jobs."""

    @cached_property
    def jobs(self) -> DynamoDBJobs:
        return DynamoDBJobs(Rows(self.client("dynamodb"), self.outputs["JobsTable"]))

    @cached_property
    def executions(self) -> StepFunctionsExecutions:
        return StepFunctionsExecutions(self.client("stepfunctions"), self.outputs["StateMachine"])

    @cached_property
    def resources(self) -> dict[str, str]:
        """Physical ids of the template's resources by their logical ids."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.stack)
            for resource in page["StackResourceSummaries"]
        }


def find_target(stack: str | None, state_dir: Path = STATE_DIR) -> Target:
    """The deployed *stack*, or without a name the local one. Raises RefusedError."""
    return _local(state_dir) if stack is None else _deployed(stack)


def _local(state_dir: Path) -> Target:
    running = local_stack.find(state_dir)
    if running is None:
        raise RefusedError(
            "No local stack runs here. Start one with `.venv/bin/avatars up`, or name one that is "
            "deployed on AWS with `--stack NAME`."
        )
    aws = cache(partial(client, endpoint_url=running.endpoint_url))
    return Target(local_stack.STACK, running.outputs, aws, running.clock)


def _deployed(stack: str) -> Target:
    try:
        aws = cache(boto3.Session().client)
        described = aws("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except (BotoCoreError, ClientError) as error:
        raise RefusedError(f"The stack {stack} cannot be looked up on AWS: {error}") from error
    parameters = {
        parameter["ParameterKey"]: parameter["ParameterValue"]
        for parameter in described.get("Parameters", [])
    }
    outputs = {
        output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])
    }
    if not {"JobsTable", "StateMachine", "ClockScale"} <= outputs.keys() | parameters.keys():
        raise RefusedError(f"The stack {stack} is none of this template, or not deployed whole.")
    clock = Clock(float(parameters["ClockEpoch"]), float(parameters["ClockScale"]))
    return Target(stack, outputs, aws, clock)

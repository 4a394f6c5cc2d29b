"""Where a command acts: on the local stack, or on one that is deployed on AWS."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Annotated, Any

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from avatars.aws.executions import StepFunctionsExecutions
from avatars.aws.jobs import DynamoDBJobs
from avatars.aws.rows import Rows
from avatars.clock import Clock
from avatars.settings import Settings
from avatars.wiring import AwsServices
from cli.deploying.place import SIGN_IN
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
class Resource:
    """One resource of a stack, as CloudFormation lists it."""

    name: str
    """Its logical id."""
    type: str
    id: str
    """Its physical id."""


@dataclass(frozen=True)
class Target:
    """A stack, and clients for the AWS that it is on."""

    stack: str
    outputs: Mapping[str, str]
    make_client: Callable[..., Any]
    """As `boto3.client`, for the AWS of the stack."""
    clock: Clock
    """The clock of its jobs."""
    local: bool = False
    """Whether it is the stack of `avatars up`."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of the template, as they were deployed; none are told of the local stack."""

    @cached_property
    def client(self) -> Callable[[str], Any]:
        """A boto3 client by the name of its service, made once."""
        return cache(self.make_client)

    @cached_property
    def jobs(self) -> DynamoDBJobs:
        return DynamoDBJobs(Rows(self.client("dynamodb"), self.outputs["JobsTable"]))

    @cached_property
    def executions(self) -> StepFunctionsExecutions:
        return StepFunctionsExecutions(self.client("stepfunctions"), self.outputs["StateMachine"])

    @cached_property
    def services(self) -> AwsServices:
        """Everything that the stack's API works with, in this process, as whoever runs it.

        Raises RefusedError where the stack has no API (any more).
        """
        if "ApiFunction" not in self.resources:
            remedy = " Start another one: `avatars down`, then `avatars up`." if self.local else ""
            raise RefusedError(f"The stack {self.stack} is gone, or not deployed whole.{remedy}")
        answer = self.client("lambda").get_function_configuration(
            FunctionName=self.resources["ApiFunction"]
        )
        settings = Settings.from_environment(answer["Environment"]["Variables"])
        return AwsServices(settings, self.make_client)

    @cached_property
    def all_resources(self) -> list[Resource]:
        """What CloudFormation made for the template."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return [
            Resource(
                found["LogicalResourceId"],
                found["ResourceType"],
                found.get("PhysicalResourceId", ""),
            )
            for page in pages.paginate(StackName=self.stack)
            for found in page["StackResourceSummaries"]
        ]

    @cached_property
    def resources(self) -> dict[str, str]:
        """Physical ids of the template's resources by their logical ids."""
        return {resource.name: resource.id for resource in self.all_resources}


def find_target(
    stack: str | None,
    state_dir: Path = STATE_DIR,
    *,
    profile: str | None = None,
    region: str | None = None,
) -> Target:
    """The deployed *stack*, or without a name the local one. Raises RefusedError.

    *profile* and *region* are those of the AWS CLI; without them, the environment's.
    """
    return _local(state_dir) if stack is None else _deployed(stack, profile, region)


def _local(state_dir: Path) -> Target:
    running = local_stack.find(state_dir)
    if running is None:
        raise RefusedError(
            "No local stack runs here. Start one with `.venv/bin/avatars up`, or name one that is "
            "deployed on AWS with `--stack NAME`."
        )
    aws = partial(client, endpoint_url=running.endpoint_url)
    return Target(local_stack.STACK, running.outputs, aws, running.clock, local=True)


def _deployed(stack: str, profile: str | None, region: str | None) -> Target:
    try:
        aws: Callable[..., Any] = boto3.Session(profile_name=profile, region_name=region).client
        described = aws("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except NoRegionError as error:
        raise RefusedError(
            "No region is set: give that of the stack, with --region or as AWS_DEFAULT_REGION."
        ) from error
    except NoCredentialsError as error:
        raise RefusedError(f"AWS does not know who you are. {SIGN_IN}") from error
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
    return Target(stack, outputs, aws, clock, parameters=parameters)

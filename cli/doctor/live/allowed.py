"""What services do for us under our roles: AWS itself is asked whether it would let them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cli.doctor.finding import Finding, fine, wrong
from cli.doctor.storage import DEPLOY
from cli.target import Target

INVOKE, SEND = "lambda:InvokeFunction", "sqs:SendMessage"
TAKE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


@dataclass(frozen=True)
class Call:
    """A call that a service makes under one of our roles."""

    who: str
    role: str
    action: str
    resource: str


def between_services(target: Target) -> Iterator[Finding]:
    """The state machine, the schedules, the queue and the destinations may do what they must; each
    rule may call its function."""
    about = "permissions between services"
    calls = [*_of_state_machine(target), *_of_schedules(target), *_of_functions(target)]
    refused = [call for call in calls if not _allowed(target, call)]
    if refused:
        for call in refused:
            yield wrong(about, f"{call.who} may not {call.action} on {call.resource}.", DEPLOY)
    else:
        yield fine(about, f"AWS would allow all {len(calls)} calls that services make for us.")
    called, locked_out = 0, []
    for rule, function in _functions_of_rules(target):
        called += 1
        if not _lets_in(target, function, rule):
            locked_out.append(f"{rule} may not call {function}")
    if locked_out:
        yield wrong(about, f"{'; '.join(locked_out)}.", DEPLOY)
    else:
        yield fine(about, f"All {called} functions of rules let their rule in.")


def _of_state_machine(target: Target) -> Iterator[Call]:
    machine = target.client("stepfunctions").describe_state_machine(
        stateMachineArn=target.outputs["StateMachine"]
    )
    for function in sorted(set(_values(json.loads(machine["definition"]), "FunctionName"))):
        yield Call("The state machine", machine["roleArn"], INVOKE, function)


def _of_schedules(target: Target) -> Iterator[Call]:
    for resource in target.all_resources:
        if resource.type == "AWS::Scheduler::Schedule":
            led = target.client("scheduler").get_schedule(Name=resource.id)["Target"]
            yield Call(f"The schedule {resource.name}", led["RoleArn"], INVOKE, led["Arn"])


def _of_functions(target: Target) -> Iterator[Call]:
    """Where their outcomes go, and the queues that they are fed from: both under their own role."""
    client = target.client("lambda")
    for resource in target.all_resources:
        if resource.type == "AWS::Lambda::EventInvokeConfig":
            function = resource.id.split("|")[0]
            found = client.get_function_event_invoke_config(FunctionName=function)
            role = client.get_function_configuration(FunctionName=function)["Role"]
            for way in found.get("DestinationConfig", {}).values():
                if destination := way.get("Destination"):
                    action = SEND if ":sqs:" in destination else INVOKE
                    yield Call(function, role, action, destination)
        elif resource.type == "AWS::Lambda::EventSourceMapping":
            mapping = client.get_event_source_mapping(UUID=resource.id)
            function = mapping["FunctionArn"]
            role = client.get_function_configuration(FunctionName=function)["Role"]
            for action in TAKE:
                yield Call(function.rpartition(":")[2], role, action, mapping["EventSourceArn"])


def _functions_of_rules(target: Target) -> Iterator[tuple[str, str]]:
    events = target.client("events")
    for resource in target.all_resources:
        if resource.type == "AWS::Events::Rule":
            for led in events.list_targets_by_rule(Rule=resource.id)["Targets"]:
                if ":lambda:" in led["Arn"]:
                    yield resource.id, led["Arn"]


def _allowed(target: Target, call: Call) -> bool:
    answer = target.client("iam").simulate_principal_policy(
        PolicySourceArn=call.role, ActionNames=[call.action], ResourceArns=[call.resource]
    )
    return all(each["EvalDecision"] == "allowed" for each in answer["EvaluationResults"])


def _lets_in(target: Target, function: str, rule: str) -> bool:
    """Whether the function's own policy names EventBridge and this rule."""
    client = target.client("lambda")
    try:
        policy = json.loads(client.get_policy(FunctionName=function)["Policy"])
    except client.exceptions.ResourceNotFoundException:
        return False
    return any(
        statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": "events.amazonaws.com"}
        and any(arn.endswith(f"/{rule}") for arn in _values(statement, "AWS:SourceArn"))
        for statement in policy["Statement"]
    )


def _values(tree: Any, name: str) -> Iterator[str]:
    """Every text under *name*, however deep, whatever the case of its letters."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key.lower() == name.lower() and isinstance(value, str):
                yield value
            else:
                yield from _values(value, name)
    elif isinstance(tree, list):
        for each in tree:
            yield from _values(each, name)

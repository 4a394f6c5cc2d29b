"""Who may do what: every permission that the template gives, and what they say together."""

import copy
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data

from local.engine import ACCOUNT_ID
from local.ministack import Call, decide, decide_for_resource
from tests.template.expanded import Template, arn, listed, name_of, of_type

Statement = dict[str, Any]


@dataclass(frozen=True)
class Permission:
    """One statement, and where it stands."""

    path: tuple[str | int, ...]
    """The keys that lead to it in the resources; a managed policy is one to its ARN."""
    name: str
    """Its Sid; or the name of the policy, or of the resource that it is."""
    statements: tuple[Statement, ...]
    """One of the template's own, or all of a managed policy."""
    role: str = ""
    """The logical id of the role that has it; empty where it stands on a resource."""
    on: str = ""
    """The ARN of the resource that it stands on; empty where a role has it."""


def permissions(resources: Template) -> list[Permission]:
    """Every permission of these resources, as `expanded.named` has them."""
    return [*_of_roles(resources), *_of_queues_and_such(resources), *_of_functions(resources)]


@cache
def managed_policies() -> Template:
    """The policies that AWS keeps for everybody, by their names."""
    policies: Template = json.loads(aws_managed_policies_data)
    return policies


def session_of(role: str) -> str:
    """Who calls under a role (by its logical id)."""
    return f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{name_of(role)}/session"


def role_of(call: Call) -> str:
    """The logical id of the role that a call is made under; empty for a service's own call."""
    return call.principal.split("/")[1].partition("-")[2] if "/" in call.principal else ""


def allows(given: Iterable[Permission], call: Call) -> bool:
    """Whether AWS lets a call through: by its role's policies, or what the resource says of
    services; and never against a Deny."""
    given = list(given)
    role = role_of(call)
    on = _with_the_policy(call.resource)
    policy = {"Statement": [s for p in given if p.on == on for s in p.statements]}
    of_resource = decide_for_resource(policy, call)
    if not role:
        return of_resource == "Allow"
    held = [{"Statement": list(p.statements)} for p in given if p.role == role]
    return decide(held, call) == "Allow" and of_resource != "Deny"


def sources_of(statement: Statement) -> list[str]:
    """The resources that a service must work for, where a statement lets it in: their ARNs."""
    return [
        source
        for keys in statement.get("Condition", {}).values()
        for key, sources in keys.items()
        if key.lower() == "aws:sourcearn"
        for source in listed(sources)
    ]


def taken_away(resources: Template, permission: Permission) -> Template:
    """The resources without one of their permissions."""
    resources = copy.deepcopy(resources)
    *way, last = permission.path
    place: Any = resources
    for key in way:
        place = place[key]
    del place[last]
    return resources


def _with_the_policy(resource: str) -> str:
    """The resource whose policy counts: an object's is its bucket's."""
    return resource.partition("/")[0] if resource.startswith("arn:aws:s3:::") else resource


def _of_roles(resources: Template) -> Iterator[Permission]:
    roles = {name_of(role): role for role in of_type(resources, "IAM::Role")}
    for role in roles.values():
        properties = resources[role]["Properties"]
        for number, policy in enumerate(properties.get("Policies", [])):
            path = (role, "Properties", "Policies", number, "PolicyDocument")
            yield from _statements(path, policy, role=role)
        for number, managed in enumerate(properties.get("ManagedPolicyArns", [])):
            policy = managed.rpartition("/")[2]
            yield Permission(
                (role, "Properties", "ManagedPolicyArns", number),
                policy,
                tuple(listed(managed_policies()[policy]["Document"]["Statement"])),
                role,
            )
    for name, policy in of_type(resources, "IAM::Policy").items():
        for role in policy["Properties"]["Roles"]:
            path = (name, "Properties", "PolicyDocument")
            yield from _statements(path, policy["Properties"], role=roles[role])


def _of_queues_and_such(resources: Template) -> Iterator[Permission]:
    arns = {
        "Queues": lambda url: arn(url.rpartition("-")[2], "AWS::SQS::Queue"),
        "Topics": lambda topic: topic,
        "Bucket": lambda name: f"arn:aws:s3:::{name}",
    }
    for name, resource in resources.items():
        if resource["Type"].removeprefix("AWS::") in (
            "SQS::QueuePolicy",
            "SNS::TopicPolicy",
            "S3::BucketPolicy",
        ):
            properties = resource["Properties"]
            [kind] = arns.keys() & properties.keys()
            for on in listed(properties[kind]):
                path = (name, "Properties", "PolicyDocument")
                yield from _statements(path, properties, on=arns[kind](on))


def _of_functions(resources: Template) -> Iterator[Permission]:
    """Lambda's permissions, as the statements that Lambda makes of them."""
    for name, permission in of_type(resources, "Lambda::Permission").items():
        properties = permission["Properties"]
        function = function_arn(properties["FunctionName"])
        conditions = {
            "ArnLike": {"aws:SourceArn": properties.get("SourceArn")},
            "StringEquals": {"aws:SourceAccount": properties.get("SourceAccount")},
        }
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": properties["Principal"]},
            "Action": properties["Action"],
            "Resource": function,
            "Condition": {
                operator: keys for operator, keys in conditions.items() if any(keys.values())
            },
        }
        yield Permission((name,), name, (statement,), on=function)


def _statements(
    path: tuple[str | int, ...], policy: Template, *, role: str = "", on: str = ""
) -> Iterator[Permission]:
    for number, statement in enumerate(policy["PolicyDocument"]["Statement"]):
        # What SAM writes has no Sid.
        name = statement.get("Sid") or policy.get("PolicyName") or str(path[0])
        yield Permission((*path, "Statement", number), name, (statement,), role, on)


def function_arn(reference: str) -> str:
    """The ARN of a function that is named in one way or the other."""
    if reference.startswith("arn:"):
        return reference
    return arn(reference.partition("-")[2], "AWS::Lambda::Function")

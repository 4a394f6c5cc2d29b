"""What each role may do, piece by piece, and which pieces something used."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.ministack import Call, decide
from tests.template.expanded import STACK, Template, listed, name_of
from tests.template.permissions import Statement, permissions, session_of

NAME = r"(?<![\w-])[\w-]+?-({logical_ids})-[0-9a-z]{{13}}(-[0-9a-z]{{6}})?"
"""What CloudFormation calls resources, and the engine, too: after their stack and their logical id,
with something random behind, and Secrets Manager with more of it."""


@dataclass(frozen=True, order=True)
class Grant:
    """One action on one resource, as one statement of a role allows it."""

    role: str
    """Its logical id."""
    sid: str
    """Of the statement, or the name of the managed policy."""
    action: str
    resource: str
    """A pattern of ARNs."""
    prefix: str = ""
    """What a list of keys must begin with, where the statement says that."""
    conditions: dict[str, Any] = field(default_factory=dict, compare=False)

    def covers(self, call: Call) -> bool:
        """Whether this alone allows a call of its role."""
        if call.principal != session_of(self.role) or call.action.lower() != self.action.lower():
            return False
        statement = {
            "Effect": "Allow",
            "Action": self.action,
            "Resource": self.resource,
            "Condition": self.conditions,
        }
        return decide([{"Statement": [statement]}], call) == "Allow"

    @property
    def on(self) -> str:
        """The resource as people say it: `JobsTable`, or `AvatarBucket below answers/*`."""
        below = f" below {self.prefix}" if self.prefix else ""
        return f"{plain(self.resource)}{below}"

    def __str__(self) -> str:
        return f"{self.role}: {self.sid}: {self.action} on {self.on}"


def grants(resources: Template) -> list[Grant]:
    """Every grant of every role of these resources, as `expanded.named` has them."""
    return sorted(
        {
            Grant(
                permission.role,
                permission.name,
                action,
                resource,
                *one_prefix(statement),
            )
            for permission in permissions(resources)
            if permission.role
            for whole in permission.statements
            if whole["Effect"] == "Allow"
            for statement in by_prefix(whole)
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
        }
    )


def by_prefix(statement: Statement) -> Iterator[Statement]:
    """A statement for each `s3:prefix` that it lists; the others as they are."""
    conditions = statement.get("Condition", {})
    prefixes = conditions.get("StringLike", {}).get("s3:prefix")
    if prefixes is None:
        yield statement
    for prefix in listed(prefixes or []):
        narrowed = {**conditions["StringLike"], "s3:prefix": prefix}
        yield {**statement, "Condition": {**conditions, "StringLike": narrowed}}


def one_prefix(statement: Statement) -> tuple[str, dict[str, Any]]:
    conditions = statement.get("Condition", {})
    return conditions.get("StringLike", {}).get("s3:prefix", ""), conditions


def used(granted: Iterable[Grant], calls: Iterable[Call]) -> set[Grant]:
    """Those of the grants that something was asked by."""
    by_role_and_action: dict[tuple[str, str], list[Call]] = {}
    for call in calls:
        by_role_and_action.setdefault((call.principal, call.action), []).append(call)
    return {
        grant
        for grant in granted
        if any(
            grant.covers(call)
            for call in by_role_and_action.get((session_of(grant.role), grant.action), [])
        )
    }


def recorded(folder: Path, resources: Template) -> Iterator[Call]:
    """The calls that engines let through and wrote down (`local.ministack.record_calls`), with
    the names of `expanded`."""
    proper = {name_of(name).lower(): name_of(name) for name in resources}
    names = re.compile(NAME.format(logical_ids="|".join(resources)), re.IGNORECASE)

    def named_properly(text: str) -> str:
        return names.sub(lambda found: proper[f"{STACK}-{found[1]}".lower()], text)

    for file in folder.glob("*.jsonl"):
        for line in file.read_text().splitlines():
            call = json.loads(line)
            if call["allowed"]:
                role = named_properly(call["role"]).removeprefix(f"{STACK}-")
                resource = named_properly(call["resource"])
                yield Call(session_of(role), call["action"], resource, call["context"])


def plain(resource: str) -> str:
    """A pattern of ARNs as people say it: `UploadBucket/photos/*`."""
    return re.sub(rf"^arn:aws:[\w-]+:[\w-]*:\d*:(\w+[:/](?={STACK}-))?({STACK}-)?", "", resource)

"""What AWS's services call for us is allowed by what the template says, and to nobody else.

The embedded engine does not look at these permissions; an evaluator of policies does, here.
"""

from typing import Any

import pytest

from local.engine import ACCOUNT_ID, REGION
from local.ministack import Call, decide_for_resource
from tests.template.calls import calls, named_without_a_call, service_of
from tests.template.expanded import (
    arn,
    definition,
    everything,
    expand,
    name_of,
    named,
    of_type,
    source,
)
from tests.template.grants import grants, used
from tests.template.permissions import (
    Permission,
    allows,
    function_arn,
    permissions,
    role_of,
    session_of,
    sources_of,
    taken_away,
)

EXPANDED = expand(source())
RESOURCES = everything(EXPANDED)
PERMISSIONS = permissions(RESOURCES)
DEFINITION = definition()
CALLS = dict(calls(RESOURCES, DEFINITION))

every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)

ROLES = of_type(RESOURCES, "IAM::Role")

SOMEBODY_ELSE = "999999999999"

SERVICES = {
    f"{service}.amazonaws.com"
    for service in (
        "lambda",
        "states",
        "scheduler",
        "events",
        "apigateway",
        "s3",
        "ec2",
        "edgelambda",
    )
}

SCHEDULES = f"arn:aws:scheduler:{REGION}:{ACCOUNT_ID}:schedule-group/default"
"""What EventBridge Scheduler names as the source of a call: the group, never the schedule.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
"""


def users_of(role: str) -> set[tuple[str, str]]:
    """The services that a role is given to, each with the ARN of the resource that it works for."""
    role_arn = arn(role, "AWS::IAM::Role")
    return {
        (
            f"{kind}.amazonaws.com",
            SCHEDULES if kind == "scheduler" else arn(name, resource["Type"]),
        )
        for name, resource in RESOURCES.items()
        for key, kind in {
            "Lambda::Function": "lambda",
            "StepFunctions::StateMachine": "states",
            "Scheduler::Schedule": "scheduler",
            "Events::Rule": "events",
        }.items()
        if resource["Type"] == f"AWS::{key}" and role_arn in roles_in(resource["Properties"])
    }


def roles_in(properties: dict[str, Any]) -> set[str]:
    targets = [*properties.get("Targets", []), properties.get("Target", {}), properties]
    return {t[key] for t in targets for key in ("Role", "RoleArn") if key in t}


def trusts(role: str, principal: str, working_for: str, account: str = ACCOUNT_ID) -> bool:
    """Whether somebody may assume a role, on behalf of a resource."""
    trust = ROLES[role]["Properties"]["AssumeRolePolicyDocument"]
    keys = {"aws:SourceArn": working_for, "aws:SourceAccount": account}
    if principal == "lambda.amazonaws.com":
        keys = {}  # Lambda gives none along
    call = Call(principal, "sts:AssumeRole", arn(role, "AWS::IAM::Role"), keys)
    return decide_for_resource(trust, call) == "Allow"


SERVED = sorted(role for role in ROLES if users_of(role))
OF_FUNCTIONS = {f"{name}Role" for name in of_type(RESOURCES, "Lambda::Function")}


class TestCalls:
    @every_call
    def test_it_is_allowed(self, call: Call) -> None:
        assert allows(PERMISSIONS, call)

    @every_call
    def test_without_its_permission_it_is_refused(self, call: Call) -> None:
        resources = RESOURCES
        # The last ones first, so that the places of the others stay.
        for permission in reversed([p for p in PERMISSIONS if allows([p], call)]):
            resources = taken_away(resources, permission)

        assert not allows(permissions(resources), call)

    @pytest.mark.parametrize("call", [c for c in CALLS.values() if "aws:SourceArn" in c.context])
    def test_it_is_not_allowed_for_a_resource_of_somebody_else(self, call: Call) -> None:
        keys = {
            "aws:SourceArn": call.context["aws:SourceArn"].replace(ACCOUNT_ID, SOMEBODY_ELSE),
            "aws:SourceAccount": SOMEBODY_ELSE,
        }

        assert not allows(PERMISSIONS, Call(call.principal, call.action, call.resource, keys))

    def test_so_it_is_where_nothing_is_optional(self) -> None:
        resources = named(EXPANDED)
        given = permissions(resources)

        made = dict(calls(resources, DEFINITION))

        assert made.keys() < CALLS.keys()
        assert [why for why, call in made.items() if not allows(given, call)] == []

    def test_whatever_names_a_function_a_queue_or_a_topic_is_known_to_call_it(self) -> None:
        assert named_without_a_call(RESOURCES, DEFINITION) == set()

    def test_every_kind_of_call_was_found(self) -> None:
        kinds = {(call.principal, call.action) for call in CALLS.values() if not role_of(call)}
        by_roles = {(role_of(call), call.action) for call in CALLS.values()}

        assert kinds >= {
            ("apigateway.amazonaws.com", "lambda:InvokeFunction"),
            ("cloudfront.amazonaws.com", "s3:GetObject"),
            ("cloudwatch.amazonaws.com", "sns:Publish"),
            ("events.amazonaws.com", "lambda:InvokeFunction"),
            ("events.amazonaws.com", "sns:Publish"),
            ("events.amazonaws.com", "sqs:SendMessage"),
        }
        assert by_roles >= {
            ("MakeAvatarsRole", "lambda:InvokeFunction"),
            ("MakeAvatarsRole", "logs:CreateLogDelivery"),
            ("PreparePhotoFunctionRole", "lambda:InvokeFunction"),
            ("JudgePhotoFunctionRole", "sqs:SendMessage"),
            ("SendWebhookFunctionRole", "sqs:ReceiveMessage"),
        }


class TestPermissions:
    @pytest.mark.parametrize(
        "permission",
        [p for p in PERMISSIONS if not p.role and p.statements[0]["Effect"] == "Allow"],
        ids=lambda p: "-".join(map(str, p.path)),
    )
    def test_what_a_service_may_do_to_a_resource_it_does(self, permission: Permission) -> None:
        assert any(allows([permission], call) for call in CALLS.values())

    def test_it_may_do_so_for_no_resource_that_does_not(self) -> None:
        named_sources = {
            (source, p.on)
            for p in PERMISSIONS
            for statement in p.statements
            for source in sources_of(statement)
            if service_of(source) != "execute-api"
        }

        assert named_sources <= {
            (call.context.get("aws:SourceArn"), call.resource.partition("/")[0])
            for call in CALLS.values()
        }

    @pytest.mark.parametrize("function", of_type(RESOURCES, "Lambda::Function"))
    def test_nobody_but_aws_may_call_a_function(self, function: str) -> None:
        principals = {
            statement["Principal"]["Service"]
            for p in PERMISSIONS
            if p.on == function_arn(name_of(function))
            for statement in p.statements
        }

        assert principals <= {"events.amazonaws.com", "apigateway.amazonaws.com"}


class TestRoles:
    @pytest.mark.parametrize("role", sorted(set(SERVED) - OF_FUNCTIONS))
    def test_one_that_only_a_service_works_under_may_what_that_calls_and_no_more(
        self, role: str
    ) -> None:
        # Which keys of KMS it needs, where a parameter names one, test_hardening.py tells.
        its_own = [grant for grant in grants(named(EXPANDED)) if grant.role == role]

        assert its_own
        assert set(its_own) == used(its_own, CALLS.values())


class TestTrust:
    @pytest.mark.parametrize("role", SERVED)
    def test_who_works_under_a_role_may_assume_it(self, role: str) -> None:
        assert all(trusts(role, *user) for user in users_of(role))

    @pytest.mark.parametrize("role", SERVED)
    def test_nobody_else_may(self, role: str) -> None:
        [(service, working_for)] = users_of(role)
        others = {*SERVICES - {service}, session_of("ApiFunctionRole"), ""}

        assert len(others) == len(SERVICES) + 1
        assert not any(trusts(role, other, working_for) for other in others)

    @pytest.mark.parametrize("role", sorted(set(SERVED) - OF_FUNCTIONS))
    def test_not_even_the_same_service_for_somebody_else(self, role: str) -> None:
        [(service, working_for)] = users_of(role)

        # Lambda gives no keys along by which that could be told: its roles are not among these.
        assert service != "lambda.amazonaws.com"
        assert not trusts(
            role, service, working_for.replace(ACCOUNT_ID, SOMEBODY_ELSE), SOMEBODY_ELSE
        )

    @pytest.mark.parametrize(
        ("role", "signing"),
        [
            ("SignerRole", {"StartTrainingFunction", "StartInferenceFunction"}),
            ("SharerRole", {"ApiFunction"}),
        ],
    )
    def test_a_role_that_signs_is_assumed_by_who_hands_links_on(
        self, role: str, signing: set[str]
    ) -> None:
        functions = of_type(RESOURCES, "Lambda::Function")

        trusted = {name for name in functions if trusts(role, session_of(f"{name}Role"), "")}

        assert trusted == signing
        assert not any(trusts(role, service, "") for service in SERVICES)

    def test_every_role_is_looked_at_here(self) -> None:
        assert {*SERVED, "SignerRole", "SharerRole"} == ROLES.keys()

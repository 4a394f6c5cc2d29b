"""What loses data or money without a word, and no public linter looks for: rules of our own.

A rule is a function of a `Draft` that says what breaks it, one sentence each.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from avatars.errors import job_errors
from tests.template.calls import LOG_DELIVERY, SAMPLED_TRACING, inside, states, tasks
from tests.template.expanded import (
    Template,
    definition,
    everything,
    expand,
    listed,
    named,
    of_type,
    source,
)


@dataclass
class Draft:
    """A template and a definition, ours or with a fault in it."""

    template: Template
    """As it is written."""
    machine: Template
    """The state machine's definition, as it is written."""

    @cached_property
    def expanded(self) -> Template:
        """The resources that there may be, with names in the place of references."""
        return _resources(json.dumps(self.template))[0]

    @cached_property
    def default(self) -> Template:
        """Those that there are with the defaults of all parameters."""
        return _resources(json.dumps(self.template))[1]

    @cached_property
    def states(self) -> dict[str, Template]:
        """Every state by its name, those inside other states too."""
        return dict(states(self.machine))

    @cached_property
    def tasks(self) -> dict[str, Template]:
        return dict(tasks(self.machine))

    @cached_property
    def statements(self) -> list[tuple[str, Template]]:
        """Every statement of a policy that the template has, and the resource that it is in."""
        return [
            (name, statement)
            for name, resource in self.template["Resources"].items()
            for statement in _statements(resource)
        ]


@cache
def _resources(template: str) -> tuple[Template, Template]:
    expanded = expand(json.loads(template))
    return everything(expanded), named(expanded)


def ours() -> Draft:
    return Draft(source(), definition())


Rule = Callable[[Draft], Iterator[str]]

RULES: list[Rule] = []


def a_rule(check: Rule) -> Rule:
    RULES.append(check)
    return check


SUBMITTING = {"StartTrainingFunction", "StartInferenceFunction"}
"""Each call of these may be paid for."""

LOOKING = ("Recover", "Check")
"""Functions that say by the row, and by what the provider tells, what may be sent next."""

PROVE_THAT_NOTHING_WAS_SENT = {
    "NotSentError",
    "Lambda.TooManyRequestsException",
    "Lambda.ResourceNotReadyException",
}
"""Our own error from before the request, and Lambda's from before the invocation."""

ENDING = {"Finish job"}
"""Whose reply says that a job is completed: whatever else it has to say is an error."""

KEPT = {
    "JobsTable": "every id that was paid for",
    "AvatarBucket": "avatars, and the provider's answers",
    "OwnerPool": "who the owners of all jobs are",
}
"""What nobody can make again."""

REPLACEABLE = {
    "UploadBucket": "photos go when their job ends",
    "IdempotencyTable": "outcomes are remembered for a day",
    "PageBucket": "a deployment fills it",
}
"""What can go with the stack, and why."""

KEEPING_TYPES = ("DynamoDB::Table", "S3::Bucket", "Cognito::UserPool", "KMS::Key")

FOR_EVER = ("avatars/", "answers/")
"""Prefixes of the avatar bucket that only an owner's wish empties."""

KNOW_NO_RESOURCE = {*LOG_DELIVERY, *SAMPLED_TRACING}
"""Actions that policies can allow for everything only."""

MANAGED = {"AWSLambdaBasicExecutionRole", "AWSXRayDaemonWriteAccess", "AWSXrayWriteOnlyAccess"}
"""What SAM attaches to the roles of functions, so that they log and trace."""

EXECUTION_ENDS = {"FAILED", "TIMED_OUT", "ABORTED"}


# -------------------------------------------------------------------- paid twice
@a_rule
def a_submission_is_retried_only_on_proof_that_nothing_was_sent(draft: Draft) -> Iterator[str]:
    for name, task in draft.tasks.items():
        if function_of(task) in SUBMITTING:
            for retry in task.get("Retry", []):
                unproven = set(retry["ErrorEquals"]) - PROVE_THAT_NOTHING_WAS_SENT
                if unproven and retry.get("MaxAttempts", 3) > 0:
                    yield f"{name} is sent again after {sorted(unproven)}"
    for name, state in draft.states.items():
        within = {function_of(task) for inner in inside(state) for _, task in tasks(inner)}
        if within & SUBMITTING and state.get("Retry"):
            yield f"{name} is repeated with all that it has sent"


@a_rule
def what_is_caught_of_a_submission_leads_back_to_it_only_after_a_look(
    draft: Draft,
) -> Iterator[str]:
    looking = {name for name, task in draft.tasks.items() if function_of(task).startswith(LOOKING)}
    for name, task in draft.tasks.items():
        if function_of(task) in SUBMITTING:
            for caught in task.get("Catch", []):
                if name in after(draft, caught["Next"], without=looking):
                    yield f"{name} is sent again after {caught['ErrorEquals']} was caught"


@a_rule
def only_the_state_machine_submits(draft: Draft) -> Iterator[str]:
    for name, resource in draft.expanded.items():
        if resource["Type"] in ("AWS::Lambda::Permission", "AWS::Lambda::EventSourceMapping"):
            function = resource["Properties"]["FunctionName"].rpartition("-")[2]
            if function in SUBMITTING:
                yield f"{name} lets {function} be called by somebody who retries"
    for name, statement in draft.statements:
        if "lambda:InvokeFunction" in listed(statement.get("Action")):
            called = [function for function in SUBMITTING if function in str(statement)]
            if called and not name.startswith("MakeAvatars"):
                yield f"{name} may call {sorted(called)}"


@a_rule
def a_run_is_never_run_twice(draft: Draft) -> Iterator[str]:
    for name, machine in of_type(draft.expanded, "StepFunctions::StateMachine").items():
        if machine["Properties"].get("StateMachineType", "STANDARD") != "STANDARD":
            yield f"{name} is EXPRESS: its executions may run more than once"


# --------------------------------------------------------------------- lost data
@a_rule
def what_cannot_be_made_again_outlives_the_stack(draft: Draft) -> Iterator[str]:
    for kind in KEEPING_TYPES:
        for name, resource in of_type(draft.template["Resources"], kind).items():
            if name in REPLACEABLE:
                continue
            if name not in KEPT and kind != "KMS::Key":
                yield f"nobody has said whether {name} is KEPT or REPLACEABLE"
            for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
                if resource.get(policy) not in ("Retain", "RetainExceptOnCreate"):
                    yield f"{name} has no {policy}: Retain"


@a_rule
def no_row_that_was_paid_for_expires(draft: Draft) -> Iterator[str]:
    for name, table in of_type(draft.expanded, "DynamoDB::Table").items():
        expiry = table["Properties"].get("TimeToLiveSpecification", {})
        if name not in REPLACEABLE and expiry.get("Enabled", bool(expiry)):
            yield f"rows of {name} expire"


@a_rule
def any_of_those_rows_can_be_restored(draft: Draft) -> Iterator[str]:
    for name, table in of_type(draft.expanded, "DynamoDB::Table").items():
        recovery = table["Properties"].get("PointInTimeRecoverySpecification", {})
        if name not in REPLACEABLE and recovery.get("PointInTimeRecoveryEnabled") is not True:
            yield f"{name} cannot be restored"


@a_rule
def every_bucket_keeps_versions(draft: Draft) -> Iterator[str]:
    for name, bucket in of_type(draft.expanded, "S3::Bucket").items():
        versions = bucket["Properties"].get("VersioningConfiguration", {})
        if versions.get("Status") != "Enabled":
            yield f"what is overwritten in {name} is gone"


@a_rule
def no_avatar_and_no_answer_ever_expires(draft: Draft) -> Iterator[str]:
    lifecycle = draft.default["AvatarBucket"]["Properties"].get("LifecycleConfiguration", {})
    for rule in lifecycle.get("Rules", []):
        prefix = rule.get("Prefix", "")
        takes = {key for key in rule if "Expiration" in key or "Transition" in key}
        hit = [kept for kept in FOR_EVER if kept.startswith(prefix) or prefix.startswith(kept)]
        if rule["Status"] == "Enabled" and takes and hit:
            yield f"the rule {rule.get('Id')} takes {hit} away: {sorted(takes)}"


@a_rule
def what_happens_is_heard(draft: Draft) -> Iterator[str]:
    uploads = draft.expanded["UploadBucket"]["Properties"].get("NotificationConfiguration", {})
    if uploads.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled") is not True:
        yield "UploadBucket tells nobody of uploads"
    heard = {
        status
        for rule in of_type(draft.expanded, "Events::Rule").values()
        if rule["Properties"].get("EventPattern", {}).get("source") == ["aws.states"]
        for status in rule["Properties"]["EventPattern"]["detail"].get("status", EXECUTION_ENDS)
    }
    if missing := EXECUTION_ENDS - heard:
        yield f"nobody hears of executions that ended as {sorted(missing)}"


@a_rule
def nothing_is_switched_off(draft: Draft) -> Iterator[str]:
    for name, resource in draft.expanded.items():
        properties = resource.get("Properties", {})
        off = {
            "AWS::Events::Rule": properties.get("State") == "DISABLED",
            "AWS::Scheduler::Schedule": properties.get("State") == "DISABLED",
            "AWS::Lambda::EventSourceMapping": properties.get("Enabled") is False,
            "AWS::Lambda::Function": properties.get("ReservedConcurrentExecutions") == 0,
            "AWS::CloudWatch::Alarm": properties.get("ActionsEnabled") is False,
        }
        if off.get(resource["Type"]):
            yield f"{name} is switched off"


@a_rule
def every_dead_letter_rings(draft: Draft) -> Iterator[str]:
    alarms = [
        alarm["Properties"]
        for alarm in of_type(draft.default, "CloudWatch::Alarm").values()
        if alarm["Properties"].get("MetricName") == "ApproximateNumberOfMessagesVisible"
    ]
    watched = {
        dimension["Value"]
        for alarm in alarms
        if alarm.get("AlarmActions")
        if (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
        for dimension in alarm["Dimensions"]
    }
    for queue in sorted(_dead_letter_queues(draft.default) - watched):
        yield f"nobody hears of what is in {queue}"


@a_rule
def every_alarm_tells_somebody(draft: Draft) -> Iterator[str]:
    for name, alarm in of_type(draft.expanded, "CloudWatch::Alarm").items():
        if not alarm["Properties"].get("AlarmActions"):
            yield f"{name} rings where nobody is"


# ------------------------------------------------------------------ endless, open
@a_rule
def a_function_that_writes_into_a_bucket_is_not_called_for_what_it_wrote(
    draft: Draft,
) -> Iterator[str]:
    for name, rule in of_type(draft.expanded, "Events::Rule").items():
        pattern = rule["Properties"].get("EventPattern", {})
        if pattern.get("source") != ["aws.s3"]:
            continue
        buckets = pattern.get("detail", {}).get("bucket", {}).get("name")
        if not buckets:
            yield f"{name} listens to every bucket of the account"
            continue
        keys = pattern["detail"].get("object", {}).get("key", [{"prefix": ""}])
        for target in rule["Properties"]["Targets"]:
            function = target["Arn"].rpartition("-")[2]
            for bucket, written in _written_by(draft.expanded, function):
                if bucket in buckets and any(_overlap(written, key) for key in keys):
                    yield f"{name} calls {function} for {written}, which it wrote itself"


@a_rule
def every_route_asks_who_is_there(draft: Draft) -> Iterator[str]:
    for name, api in of_type(draft.expanded, "ApiGatewayV2::Api").items():
        for path, methods in api["Properties"]["Body"]["paths"].items():
            for method, operation in methods.items():
                schemes = {scheme for one in operation.get("security", []) for scheme in one}
                if not schemes or "NONE" in schemes:
                    yield f"{method.upper()} {path} of {name} is open to everybody"
    for name in of_type(draft.expanded, "Lambda::Url"):
        yield f"{name} has an address of its own"


@a_rule
def only_our_page_may_ask_from_a_browser(draft: Draft) -> Iterator[str]:
    for name, bucket in of_type(draft.expanded, "S3::Bucket").items():
        for rule in bucket["Properties"].get("CorsConfiguration", {}).get("CorsRules", []):
            if any("*" in origin for origin in rule["AllowedOrigins"]):
                yield f"every page may use {name}"
    for name, api in of_type(draft.expanded, "ApiGatewayV2::Api").items():
        cors = api["Properties"]["Body"].get("x-amazon-apigateway-cors", {})
        if any("*" in origin for origin in cors.get("allowOrigins", [])):
            yield f"every page may use {name}"


@a_rule
def nobody_signs_up_by_themselves(draft: Draft) -> Iterator[str]:
    for name, pool in of_type(draft.expanded, "Cognito::UserPool").items():
        invites = pool["Properties"].get("AdminCreateUserConfig", {})
        if invites.get("AllowAdminCreateUserOnly") is not True:
            yield f"everybody can sign up at {name}, and order what is paid for"


@a_rule
def an_api_has_a_limit(draft: Draft) -> Iterator[str]:
    for name, stage in of_type(draft.expanded, "ApiGatewayV2::Stage").items():
        limits = stage["Properties"].get("DefaultRouteSettings", {})
        if not {"ThrottlingRateLimit", "ThrottlingBurstLimit"} <= limits.keys():
            yield f"{name} takes as many requests as come"


@a_rule
def no_log_has_what_an_execution_was_given(draft: Draft) -> Iterator[str]:
    for name, machine in of_type(draft.expanded, "StepFunctions::StateMachine").items():
        if machine["Properties"].get("LoggingConfiguration", {}).get("IncludeExecutionData"):
            yield f"{name} logs what its states get and return"
    for name, stage in of_type(draft.expanded, "ApiGatewayV2::Stage").items():
        log = stage["Properties"].get("AccessLogSettings", {}).get("Format", "")
        if "$context.authorizer" in log:
            yield f"{name} logs who asked, out of their tokens"


# ------------------------------------------------------------------ state machine
@a_rule
def whatever_goes_wrong_is_caught(draft: Draft) -> Iterator[str]:
    for name, task in draft.tasks.items():
        caught = [error for catch in task.get("Catch", []) for error in catch["ErrorEquals"]]
        # Behind what records a failure is nothing but the rule on executions that failed.
        if name != "Record failure" and caught[-1:] != ["States.ALL"]:
            yield f"{name} lets errors through"


@a_rule
def success_has_one_door(draft: Draft) -> Iterator[str]:
    done = {name for name, state in draft.states.items() if state["Type"] == "Succeed"}
    for name, state in draft.machine["States"].items():
        if state.get("End") and name not in ENDING:
            yield f"{name} succeeds, whatever has become of the job"
        doors = [choice for choice in state.get("Choices", []) if choice["Next"] in done]
        if any("'COMPLETED'" not in choice["Condition"] for choice in doors):
            yield f"{name} lets what is not completed succeed"
        if done & followers({**state, "Choices": []}):
            yield f"{name} succeeds unconditionally"


@a_rule
def every_loop_waits_and_has_a_deadline(draft: Draft) -> Iterator[str]:
    if "TimeoutSeconds" not in draft.machine:
        yield "an execution may last for ever"
    pauses = {name for name, state in draft.states.items() if state["Type"] == "Wait"}
    # A decision that ends a job, and is not retried away.
    limited = {
        name
        for name, task in draft.tasks.items()
        for rule in [*task.get("Retry", []), *task.get("Catch", [])]
        if "Next" in rule or rule.get("MaxAttempts", 3) == 0
        if set(rule["ErrorEquals"]) & job_errors().keys()
    }
    for name in draft.machine["States"]:
        if name not in pauses and name in _later(draft, name, without=pauses):
            yield f"{name} comes again without a pause"
        if name not in limited and name in _later(draft, name, without=limited):
            yield f"{name} comes again without a deadline"


@a_rule
def every_task_has_a_time_limit(draft: Draft) -> Iterator[str]:
    for name, task in draft.tasks.items():
        function = draft.expanded[function_of(task)]["Properties"]
        if task.get("TimeoutSeconds", 0) <= function["Timeout"]:
            yield f"{name} has no limit above its function's {function['Timeout']} s"


# -------------------------------------------------------------------- permissions
@a_rule
def every_statement_says_why(draft: Draft) -> Iterator[str]:
    for name, statement in draft.statements:
        if not re.fullmatch(r"([A-Z][a-z]+)+", statement.get("Sid", "")):
            yield f"a statement of {name} has no Sid that reads as a reason"


@a_rule
def no_statement_covers_more_than_it_names(draft: Draft) -> Iterator[str]:
    for name, statement in draft.statements:
        where = f"{name}: {statement.get('Sid')}"
        actions = listed(statement.get("Action", "*"))
        if statement["Effect"] != "Allow":
            continue
        if any("*" in action for action in actions):
            yield f"{where} allows {actions}"
        if {"NotAction", "NotResource", "NotPrincipal"} & statement.keys():
            yield f"{where} allows everything but what it names"
        if "*" in listed(statement.get("Resource", "")) and set(actions) - KNOW_NO_RESOURCE:
            yield f"{where} allows it for everything"
        if statement.get("Principal") in ("*", {"AWS": "*"}):
            yield f"{where} lets everybody in"


@a_rule
def roles_have_no_policies_of_somebody_else(draft: Draft) -> Iterator[str]:
    for name, role in of_type(draft.expanded, "IAM::Role").items():
        for policy in role["Properties"].get("ManagedPolicyArns", []):
            if policy.rpartition("/")[2] not in MANAGED:
                yield f"{name} has {policy}"


def function_of(task: Template) -> str:
    """The logical id of the function behind a Task."""
    function: str = task["Arguments"]["FunctionName"].strip("${}")
    return function


def followers(state: Template) -> set[str]:
    """Every state that may come next."""
    choices = [*state.get("Choices", []), *state.get("Catch", []), state]
    named = [choice["Next"] for choice in choices if "Next" in choice]
    return {*named, *([state["Default"]] if "Default" in state else [])}


def after(draft: Draft, start: str, without: set[str]) -> set[str]:
    """Every state that may come after *start*, and itself, not going through *without*."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in found | without:
            found.add(name)
            waiting.extend(followers(draft.states[name]))
    return found


def _later(draft: Draft, name: str, without: set[str]) -> set[str]:
    """Every state that may come after *name*; itself only where it comes again."""
    nexts = followers(draft.states[name])
    return {later for first in nexts for later in after(draft, first, without)}


def _statements(value: Any) -> Iterator[Template]:
    if isinstance(value, list):
        for inner in value:
            yield from _statements(inner)
    elif isinstance(value, dict):
        if "Effect" in value:
            yield value
        else:
            for inner in value.values():
                yield from _statements(inner)


def _dead_letter_queues(resources: Template) -> set[str]:
    """The names of queues that something goes to when nothing else works."""
    arns = set()
    for resource in resources.values():
        properties = resource.get("Properties", {})
        targets = [*properties.get("Targets", []), properties.get("Target", {})]
        failed = properties.get("DestinationConfig", {}).get("OnFailure", {})
        arns |= {
            *(t["DeadLetterConfig"]["Arn"] for t in targets if "DeadLetterConfig" in t),
            properties.get("RedrivePolicy", {}).get("deadLetterTargetArn", ""),
            failed.get("Destination", ""),
        }
    return {arn.rpartition(":")[2] for arn in arns if ":sqs:" in arn}


def _written_by(resources: Template, function: str) -> Iterator[tuple[str, str]]:
    """Buckets, and the keys that a function may write into each: `photos/*`."""
    if function not in resources:
        return
    role = resources[function]["Properties"]["Role"].rpartition("-")[2]
    for policy in resources[role]["Properties"].get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            if "s3:PutObject" in listed(statement["Action"]):
                for resource in listed(statement["Resource"]):
                    bucket, _, key = resource.removeprefix("arn:aws:s3:::").partition("/")
                    yield bucket, key


def _overlap(written: str, wanted: Any) -> bool:
    """Whether keys that may be written, `photos/*`, can be among those that a filter of an event
    pattern wants: by what both begin with. One that is not known wants everything."""
    match wanted:
        case str(beginning) | {"prefix": str(beginning)} | {"wildcard": str(beginning)}:
            writes, wants = written.partition("*")[0], beginning.partition("*")[0]
            return writes.startswith(wants) or wants.startswith(writes)
    return True

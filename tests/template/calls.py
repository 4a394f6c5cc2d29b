"""What AWS's services call for us: every call that follows from the template and the definition.

The embedded engine makes these calls whatever the permissions are; here they are only described,
each with the keys that AWS gives along, so that a policy evaluator can judge them. Left out is
what no permission of ours decides on: CloudFormation calls as whoever deploys, and CloudWatch Logs
writes the policy itself by which log groups take what is delivered to them.
"""

from collections.abc import Callable, Iterator
from typing import Any

from local.engine import ACCOUNT_ID, REGION
from local.ministack import Call
from tests.template.expanded import Template, arn, name_of, of_type
from tests.template.permissions import function_arn, session_of

Made = tuple[str, Call]
"""Why a call is made, beginning with the logical id of the resource behind it; and the call."""

LOG_DELIVERY = [
    f"logs:{verb}"
    for verb in (
        "CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery",
        "ListLogDeliveries", "PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups",
    )
]  # fmt: skip
"""https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy"""

TRACING = [f"xray:{verb}" for verb in ("PutTraceSegments", "PutTelemetryRecords")]
"""https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html"""

SAMPLED_TRACING = [*TRACING, "xray:GetSamplingRules", "xray:GetSamplingTargets"]
"""https://docs.aws.amazon.com/step-functions/latest/dg/xray-iam.html"""

POLLING = [f"sqs:{verb}" for verb in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")]
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""

SENDING = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage", "sns": "sns:Publish",
           "states": "states:StartExecution", "events": "events:PutEvents"}  # fmt: skip
"""How something is handed to another service, by that."""

BY_ROLE = {"states", "events"}
"""Services that have no policies of their own: whoever calls them needs a role."""


def calls(resources: Template, definition: Template) -> Iterator[Made]:
    """Every call; *resources* are as `expanded.named` has them."""
    for name, resource in resources.items():
        if by := CALLERS.get(resource["Type"].removeprefix("AWS::")):
            for why, call in by(name, resource.get("Properties", {}), resources, definition):
                yield f"{name} {why}", call


def _state_machine(
    name: str, machine: Template, _: Template, definition: Template
) -> Iterator[Made]:
    role = role_named(machine["RoleArn"])
    for state, task in tasks(definition):
        if task["Resource"] != "arn:aws:states:::lambda:invoke":
            raise NotImplementedError(f"{state}: say here what {task['Resource']} calls")
        function = task["Arguments"]["FunctionName"].strip("${}")
        yield (
            f"invokes the function of {state!r}",
            _by(role, "lambda:InvokeFunction", machine["DefinitionSubstitutions"][function]),
        )
    if machine.get("LoggingConfiguration", {}).get("Level", "OFF") != "OFF":
        for action in LOG_DELIVERY:
            yield f"has its log delivered: {action}", _by(role, action, "*")
    if machine.get("TracingConfiguration", {}).get("Enabled"):
        for action in SAMPLED_TRACING:
            yield f"is traced: {action}", _by(role, action, "*")


def _rule(name: str, rule: Template, *_: Template) -> Iterator[Made]:
    source = arn(name, "AWS::Events::Rule")
    for target in rule["Targets"]:
        yield "hands events over", _sent_by("events", source, target["Arn"], target)
        if "DeadLetterConfig" in target:
            letters = target["DeadLetterConfig"]["Arn"]
            yield "writes dead letters", _sent_by("events", source, letters)


def _schedule(name: str, schedule: Template, *_: Template) -> Iterator[Made]:
    target = schedule["Target"]
    role = role_named(target["RoleArn"])
    yield "calls on time", _by(role, SENDING[service_of(target["Arn"])], target["Arn"])
    if "DeadLetterConfig" in target:
        yield "writes dead letters", _by(role, "sqs:SendMessage", target["DeadLetterConfig"]["Arn"])


def _destinations(_: str, config: Template, resources: Template, *__: Template) -> Iterator[Made]:
    role = role_of_function(config["FunctionName"], resources)
    for condition, to in config.get("DestinationConfig", {}).items():
        target = to["Destination"]
        yield f"sends records {condition}", _by(role, SENDING[service_of(target)], target)


def _queue_reader(_: str, mapping: Template, resources: Template, *__: Template) -> Iterator[Made]:
    source = mapping["EventSourceArn"]
    if service_of(source) != "sqs":
        raise NotImplementedError(f"say here what Lambda calls to read {source}")
    for action in POLLING:
        role = role_of_function(mapping["FunctionName"], resources)
        yield f"is read: {action}", _by(role, action, source)


def _function(_: str, function: Template, *__: Template) -> Iterator[Made]:
    role = role_named(function["Role"])
    group = function["LoggingConfig"]["LogGroup"]
    stream = f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:{group}:log-stream:a"
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        yield f"logs: {action}", _by(role, action, stream)
    if function.get("TracingConfig", {}).get("Mode") == "Active":
        for action in TRACING:
            yield f"is traced: {action}", _by(role, action, "*")
    if target := function.get("DeadLetterConfig", {}).get("TargetArn"):
        yield "writes dead letters", _by(role, SENDING[service_of(target)], target)


def _alarm(name: str, alarm: Template, *_: Template) -> Iterator[Made]:
    source = arn(name, "AWS::CloudWatch::Alarm")
    for kind in ("AlarmActions", "OKActions", "InsufficientDataActions"):
        for target in alarm.get(kind, []):
            yield f"rings ({kind})", _sent_by("cloudwatch", source, target)


def _distribution(
    name: str, distribution: Template, resources: Template, *_: Template
) -> Iterator[Made]:
    source = f"arn:aws:cloudfront::{ACCOUNT_ID}:distribution/{name_of(name)}"
    buckets = {f"{name_of(b)}.": name_of(b) for b in of_type(resources, "S3::Bucket")}
    for origin in distribution["DistributionConfig"]["Origins"]:
        [bucket] = [b for start, b in buckets.items() if origin["DomainName"].startswith(start)]
        page = f"arn:aws:s3:::{bucket}{origin.get('OriginPath', '')}/index.html"
        yield "reads the page", _of("cloudfront", "s3:GetObject", page, source)


def _api(name: str, api: Template, *_: Template) -> Iterator[Made]:
    for path, methods in api["Body"]["paths"].items():
        for method, operation in methods.items():
            uri = operation["x-amazon-apigateway-integration"]["uri"]
            function = uri.partition("/functions/")[2].removesuffix("/invocations")
            asked = path.replace("{", "").replace("}", "")
            stage = f"arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{name_of(name)}/$default"
            source = f"{stage}/{method.upper()}{asked}"
            yield (
                f"has {method.upper()} {path} answered",
                _of("apigateway", "lambda:InvokeFunction", function, source),
            )


def _bucket(name: str, bucket: Template, resources: Template, *_: Template) -> Iterator[Made]:
    # EventBridge is told without a permission:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-permissions.html
    others = bucket.get("NotificationConfiguration", {}).keys() - {"EventBridgeConfiguration"}
    if others:
        raise NotImplementedError(f"{name}: say here what S3 calls for {others}")
    logs = bucket.get("LoggingConfiguration", {})
    to = logs.get("DestinationBucketName")
    if to in map(name_of, of_type(resources, "S3::Bucket")):  # and not a bucket from elsewhere
        log = f"arn:aws:s3:::{to}/{logs.get('LogFilePrefix', '')}2026-01-01"
        source = arn(name, "AWS::S3::Bucket")
        yield "logs who reads it", _of("logging.s3", "s3:PutObject", log, source)


def _subscription(_: str, subscription: Template, *__: Template) -> Iterator[Made]:
    if subscription["Protocol"] in ("sqs", "lambda"):
        to = subscription["Endpoint"]
        yield "is told", _sent_by("sns", subscription["TopicArn"], to)


CALLERS: dict[str, Callable[..., Iterator[Made]]] = {
    "StepFunctions::StateMachine": _state_machine,
    "Events::Rule": _rule,
    "Scheduler::Schedule": _schedule,
    "Lambda::EventInvokeConfig": _destinations,
    "Lambda::EventSourceMapping": _queue_reader,
    "Lambda::Function": _function,
    "CloudWatch::Alarm": _alarm,
    "CloudWatch::CompositeAlarm": _alarm,
    "CloudFront::Distribution": _distribution,
    "ApiGatewayV2::Api": _api,
    "S3::Bucket": _bucket,
    "SNS::Subscription": _subscription,
}

NAMING_IS_NOT_CALLING = {
    "IAM::Role", "IAM::Policy", "Lambda::Permission", "SQS::QueuePolicy", "SNS::TopicPolicy",
    "S3::BucketPolicy",  # the permissions themselves
    "SQS::Queue",  # moves what is received too often without a permission
    "SNS::Subscription",  # names its topic; whom that calls, it yields itself
}  # fmt: skip
"""Types that name what can be called, and do not call it."""


def named_without_a_call(resources: Template, definition: Template) -> set[tuple[str, str]]:
    """Resources that name a function, queue, topic or state machine by its ARN, and no call that
    would follow from it: an oversight here."""
    callable_ = {
        arn(name, resource["Type"])
        for name, resource in resources.items()
        if resource["Type"].startswith("AWS::")
        and resource["Type"].split("::")[1] in ("Lambda", "SQS", "SNS", "StepFunctions")
    }
    called = {(why.split()[0], call.resource) for why, call in calls(resources, definition)}
    return {
        (name, target)
        for name, resource in resources.items()
        if resource["Type"].removeprefix("AWS::") not in NAMING_IS_NOT_CALLING
        for target in callable_ & _texts(_that_calls(resource.get("Properties", {})))
        if (name, target) not in called
    }


def tasks(machine: Template) -> Iterator[tuple[str, Template]]:
    """Every Task by its name, those inside other states too."""
    return ((name, state) for name, state in states(machine) if state["Type"] == "Task")


def states(machine: Template) -> Iterator[tuple[str, Template]]:
    """Every state by its name, those inside other states too."""
    for name, state in machine["States"].items():
        yield name, state
        for inner in inside(state):
            yield from states(inner)


def inside(state: Template) -> list[Template]:
    """The state machines in a Map or a Parallel."""
    return [
        *state.get("Branches", []),
        *([state["ItemProcessor"]] if "ItemProcessor" in state else []),
    ]


def service_of(target: str) -> str:
    return target.split(":")[2]


def role_named(role_arn: str) -> str:
    """The logical id of a role."""
    return role_arn.rpartition("/")[2].partition("-")[2]


def role_of_function(function: str, resources: Template) -> str:
    name = function_arn(function).rpartition("-")[2]
    return role_named(resources[name]["Properties"]["Role"])


def _by(role: str, action: str, resource: str) -> Call:
    return Call(session_of(role), action, resource)


def _of(service: str, action: str, resource: str, source: str) -> Call:
    """A service's own call, on behalf of one of our resources."""
    keys = {"aws:SourceArn": source, "aws:SourceAccount": ACCOUNT_ID}
    if (service, action) == ("events", "sns:Publish"):
        # Topic policies know no condition for EventBridge:
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
        keys = {}
    return Call(f"{service}.amazonaws.com", action, resource, keys)


def _sent_by(
    service: str, source: str, target: str, settings: dict[str, Any] | None = None
) -> Call:
    action = SENDING[service_of(target)]
    if role := (settings or {}).get("RoleArn"):
        return _by(role_named(role), action, target)
    if service_of(target) in BY_ROLE:
        raise LookupError(f"{source} calls {target} and has no role for that")
    return _of(service, action, target, source)


def _that_calls(properties: Template) -> Template:
    """Properties without those that only name: what a function's code is told is for its own calls,
    which are recorded where it runs; and CloudFormation calls as whoever deploys."""
    return {
        key: value
        for key, value in properties.items()
        if key not in ("Environment", "EventPattern", "ServiceToken")
    }


def _texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {text for inner in value.values() for text in _texts(inner)}
    if isinstance(value, list):
        return {text for inner in value for text in _texts(inner)}
    return {value} if isinstance(value, str) else set()

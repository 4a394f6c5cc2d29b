"""What is put in the place of the engine's private functions."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from local.ministack import (
    Call,
    EngineChangedError,
    StateFailedError,
    Surroundings,
    count_what_is_logged,
    decide,
    decide_for_resource,
    evaluate_alarms_as_metrics_come,
    fill_in,
    hand_over_events_at_once,
    interpret,
    let_wildcards_match_line_breaks,
    put_versions_into_object_events,
    queue_for_lambda_slots,
    record_calls,
    retry_lambdas_of_event_rules,
    send_records_to_functions,
)


def module(**functions: Any) -> Any:
    made = ModuleType("ministack.services.example")
    made.__dict__.update(functions)
    return made


def test_a_name_that_the_engine_no_longer_has_is_named() -> None:
    with pytest.raises(EngineChangedError, match=r"services\.example has no _acquire_execution"):
        queue_for_lambda_slots(module())


def test_a_call_beyond_the_limit_waits_for_a_slot_to_be_released() -> None:
    free = ["slot"]
    lambdas = module(
        _acquire_execution_slot=lambda *_: (free.pop(), None) if free else (None, "account"),
        _release_execution_slot=free.append,
    )
    queue_for_lambda_slots(lambdas)
    first, _ = lambdas._acquire_execution_slot("function", {})
    got: list[Any] = []
    waiting = threading.Thread(
        target=lambda: got.append(lambdas._acquire_execution_slot("function", {}))
    )

    waiting.start()
    lambdas._release_execution_slot(first)
    waiting.join(timeout=10)

    assert got == [("slot", None)]


def test_a_functions_own_limit_is_answered_at_once() -> None:
    lambdas = module(
        _acquire_execution_slot=lambda *_: (None, "function"),
        _release_execution_slot=lambda _: None,
    )

    queue_for_lambda_slots(lambdas)

    assert lambdas._acquire_execution_slot("function", {}) == (None, "function")


def test_an_event_rule_hands_its_event_to_the_asynchronous_queue() -> None:
    queued: list[Any] = []
    lambdas = module(
        _get_func_record_for_ref=lambda arn: ("function", "configuration", arn),
        _execution_record_for_config=lambda function, configuration: (function, configuration),
        invoke_async_with_retry=lambda record, event: queued.append((record, event)),
    )
    events = module(_dispatch_to_lambda=None)

    retry_lambdas_of_event_rules(events, lambdas)
    events._dispatch_to_lambda("arn", json.dumps({"detail": {}}))

    assert queued == [(("function", "configuration"), {"detail": {}})]


class Lambdas:
    """Functions that are called asynchronously, by their ARN, as the engine does it."""

    def __init__(self, destinations: dict[str, dict[str, str]], failing: str = "") -> None:
        self.calls: list[tuple[str, Any]] = []
        self.letters: list[tuple[str, str]] = []
        self.module = module(
            invoke_async_with_retry=self.invoke,
            _execute_function=lambda function, event: self.execute(function, event, failing),
            _route_async_failure=lambda target, name, *_: self.letters.append((name, target)),
            _get_func_record_for_ref=lambda ref: (
                self.record(ref, destinations),
                {"FunctionArn": ref},
                "",
            ),
            _execution_record_for_config=lambda function, config: {**function, "config": config},
        )
        send_records_to_functions(self.module)

    def record(self, ref: str, destinations: dict[str, dict[str, str]]) -> Any:
        config = {name: {"Destination": arn} for name, arn in destinations.get(ref, {}).items()}
        return {"event_invoke_config": {"DestinationConfig": config}}

    def execute(self, function: Any, event: Any, failing: str) -> Any:
        name = function["config"]["FunctionArn"]
        self.calls.append((name, event))
        return {"body": {"of": name}, "error": name == failing}

    def invoke(self, function: Any, event: Any) -> None:
        result = self.module._execute_function(function, event)
        config = function["event_invoke_config"]["DestinationConfig"]
        if result["error"] and "OnFailure" in config:
            target, name = config["OnFailure"]["Destination"], function["config"]["FunctionArn"]
            self.module._route_async_failure(target, name, event, result)

    def call(self, name: str, event: Any) -> None:
        function, config, _ = self.module._get_func_record_for_ref(name)
        record = self.module._execution_record_for_config(function, config)
        self.module.invoke_async_with_retry(record, event)


NOTE = "arn:aws:lambda:us-east-1:1:function:note"
QUEUE = "arn:aws:sqs:us-east-1:1:queue"


@pytest.mark.parametrize("failing", ["", "work"])
def test_a_function_that_is_a_destination_gets_the_record_of_a_call(failing: str) -> None:
    lambdas = Lambdas({"work": {"OnSuccess": NOTE, "OnFailure": NOTE}}, failing)

    lambdas.call("work", {"a": 1})

    (_, first), (name, record) = lambdas.calls
    assert (first, name) == ({"a": 1}, NOTE)
    assert record["requestContext"]["condition"] == ("RetriesExhausted" if failing else "Success")
    assert record["requestPayload"] == {"a": 1}
    assert record["responsePayload"] == {"of": "work"}
    assert ("functionError" in record["responseContext"]) is bool(failing)


def test_it_has_a_destination_of_its_own() -> None:
    lambdas = Lambdas({"work": {"OnSuccess": NOTE}, NOTE: {"OnFailure": QUEUE}}, failing=NOTE)

    lambdas.call("work", {})

    assert lambdas.letters == [(NOTE, QUEUE)]


def test_a_call_that_somebody_waits_for_sends_no_record() -> None:
    lambdas = Lambdas({"work": {"OnSuccess": NOTE}})
    function, config, _ = lambdas.module._get_func_record_for_ref("work")

    lambdas.module._execute_function({**function, "config": config}, {})

    assert [name for name, _ in lambdas.calls] == ["work"]


@pytest.mark.parametrize("version_id", ["v1", None])
def test_an_object_event_has_a_version_where_the_object_has_one(version_id: str | None) -> None:
    dispatched: list[Any] = []
    events = module(_dispatch_event=dispatched.append)
    event = {"Source": "aws.s3", "Detail": json.dumps({"object": {"key": "a b"}})}
    objects = module(_fire_s3_event=lambda **_: events._dispatch_event(event))

    put_versions_into_object_events(objects, events)
    objects._fire_s3_event(version_id=version_id)

    version = {"version-id": version_id} if version_id else {}
    assert json.loads(dispatched[0]["Detail"]) == {"object": {"key": "a b", **version}}


def test_a_wildcard_in_a_policy_matches_a_key_with_a_line_break() -> None:
    policies = module(_fnmatch_compile=lambda pattern, _: re.compile(f"^{pattern[:-1]}.*$"))

    let_wildcards_match_line_breaks(policies)

    assert policies._fnmatch_compile("uploads/*", False).match("uploads/line\nbreak.jpg")
    assert not policies._fnmatch_compile("uploads/*", False).match("photos/line\nbreak.jpg")


class Policies:
    """The engine's way to look at a call: who asks, is told to `evaluate` by `enforce`."""

    def __init__(self, file: Path) -> None:
        self.module = module(enforce=self.enforce, evaluate=lambda context: context.allows)
        record_calls(self.module, file)

    def enforce(self, asked: Any) -> str | None:
        return None if asked is None or self.module.evaluate(asked) else "denied"


def asked(role: str, action: str, allows: bool = True) -> Any:
    return SimpleNamespace(
        principal_type="AssumedRole",
        principal_arn=f"arn:aws:sts::123456789012:assumed-role/{role}/session",
        action=action,
        resource_arn="arn:aws:s3:::bucket",
        service_context={"s3:prefix": "a/", "aws:tagkeys": None},
        allows=allows,
    )


def test_what_roles_ask_is_written_down_once(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    policies = Policies(file).module

    answers = [
        policies.enforce(asked("reader", "s3:ListBucket")),
        policies.enforce(asked("reader", "s3:ListBucket")),
        policies.enforce(asked("reader", "s3:PutObject", allows=False)),
    ]

    call = {
        "role": "reader",
        "resource": "arn:aws:s3:::bucket",
        "context": {"s3:prefix": "a/"},
    }
    assert answers == [None, None, "denied"]
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        call | {"action": "s3:ListBucket", "allowed": True},
        call | {"action": "s3:PutObject", "allowed": False},
    ]


def test_what_is_asked_by_others_is_not(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    policies = Policies(file).module
    user = asked("root", "s3:ListBucket")
    user.principal_type = "User"

    policies.enforce(user)
    policies.enforce(None)

    assert not file.exists()


SESSION = "arn:aws:sts::123456789012:assumed-role/reader/session"


@pytest.mark.parametrize(
    ("more", "decision"), [([], "Allow"), ([{"Effect": "Deny", "Action": "s3:*"}], "Deny")]
)
def test_policies_decide_on_a_call(more: list[dict[str, str]], decision: str) -> None:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/a/*"}
    policies = [{"Statement": [statement]}, {"Statement": more}]

    assert decide(policies, Call(SESSION, "s3:GetObject", "arn:aws:s3:::bucket/a/b")) == decision
    assert decide(policies[:1], Call(SESSION, "s3:GetObject", "arn:aws:s3:::bucket/b")) == (
        "ImplicitDeny"
    )


@pytest.mark.parametrize(
    ("service", "source", "decision"),
    [
        ("events.amazonaws.com", "rule/ours", "Allow"),
        ("events.amazonaws.com", "rule/other", "ImplicitDeny"),
        ("s3.amazonaws.com", "rule/ours", "ImplicitDeny"),
    ],
)
def test_a_resource_lets_a_service_in_by_its_name_and_its_source(
    service: str, source: str, decision: str
) -> None:
    policy = {
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": "queue",
            "Condition": {"ArnEquals": {"aws:SourceArn": "rule/ours"}},
        }
    }

    call = Call(service, "sqs:SendMessage", "queue", {"aws:SourceArn": source})

    assert decide_for_resource(policy, call) == decision


def test_a_template_is_filled_in_with_names_and_the_defaults_of_its_parameters() -> None:
    template = {
        "Parameters": {"Mail": {"Type": "String", "Default": ""}},
        "Conditions": {"HasMail": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Mail"}, ""]}]}},
        "Resources": {
            "Post": {"Type": "T", "Condition": "HasMail", "Properties": {}},
            "Queue": {
                "Type": "T",
                "Properties": {
                    "Name": {"Fn::Sub": "${AWS::StackName}-${Table}"},
                    "Owner": {"Ref": "AWS::AccountId"},
                    "Of": {"Fn::GetAtt": ["Table", "Arn"]},
                    "Mail": {"Fn::If": ["HasMail", {"Ref": "Mail"}, {"Ref": "AWS::NoValue"}]},
                },
            },
        },
    }
    made = {"Table": ("jobs", {"Arn": "arn:jobs"})}

    filled_in = fill_in(template, "stack", "111122223333", "eu-west-1", made)
    with_mail = fill_in(template, "stack", "111122223333", "eu-west-1", made, {"HasMail": True})

    assert filled_in == {
        "Queue": {
            "Type": "T",
            "Properties": {"Name": "stack-jobs", "Owner": "111122223333", "Of": "arn:jobs"},
        }
    }
    assert "Post" in with_mail
    assert with_mail["Queue"]["Properties"]["Mail"] == ""


def test_a_function_gets_its_event_without_waiting_for_an_acknowledgement() -> None:
    class Worker:
        def _build_handler_class(self, generation: int, pending: str) -> type:
            return type("Handler", (BaseHTTPRequestHandler,), {"made_of": (generation, pending)})

    hand_over_events_at_once(module(ProvidedWorker=Worker))
    handler: Any = Worker()._build_handler_class(1, "pending")

    assert handler.made_of == (1, "pending")
    assert handler.disable_nagle_algorithm


def test_an_execution_is_interpreted_in_this_process() -> None:
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Arguments": {"FunctionName": "ask", "Payload": "{% $states.input %}"},
                "TimeoutSeconds": 5,
                "Retry": [{"ErrorEquals": ["BusyError"], "IntervalSeconds": 7}],
                "Output": "{% $states.result.Payload %}",
                "Next": "Rest",
            },
            "Rest": {"Type": "Wait", "Seconds": 30, "Next": "Each"},
            "Each": {
                "Type": "Map",
                "Items": [1, 2],
                "ItemProcessor": {
                    "StartAt": "Tell",
                    "States": {
                        "Tell": {
                            "Type": "Task",
                            "Resource": "arn:aws:states:::lambda:invoke",
                            "Arguments": {"FunctionName": "tell", "Payload": "{% $states.input %}"},
                            "Output": "{% $states.result.Payload %}",
                            "End": True,
                        }
                    },
                },
                "End": True,
            },
        },
    }
    told: list[tuple[str, Any]] = []
    slept: list[float] = []

    def invoke(function: str, payload: Any) -> Any:
        told.append((function, payload))
        if len(told) == 1:
            raise StateFailedError("BusyError", "come again")
        return payload

    execution = interpret(
        json.dumps(definition),
        "arn:aws:states:us-east-1:123456789012:execution:m:one",
        json.dumps({"job_id": "A"}),
        Surroundings(invoke, slept.append),
    )

    assert execution["status"] == "SUCCEEDED"
    assert told == [("ask", {"job_id": "A"})] * 2 + [("tell", 1), ("tell", 2)]
    assert slept == [7, 30]


def test_an_execution_that_fails_says_with_what() -> None:
    definition = {
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": "ask", "Payload": {}},
                "End": True,
            }
        },
    }

    def fail(function: str, payload: Any) -> Any:
        raise StateFailedError("OopsError", "it broke")

    execution = interpret(
        json.dumps(definition),
        "arn:aws:states:us-east-1:123456789012:execution:m:one",
        "{}",
        Surroundings(fail, lambda seconds: None),
    )

    assert (execution["status"], execution["error"], execution["cause"]) == (
        "FAILED",
        "OopsError",
        "it broke",
    )


class Metrics:
    """The engine's metrics and alarms, as far as alarms are evaluated."""

    def __init__(self, **alarm: Any) -> None:
        self.rung: list[float] = []
        self.module = module(
            _metrics={},
            _alarms={"an-alarm": alarm},
            _dims_key=lambda by: "|".join(f"{name}={by[name]}" for name in sorted(by)),
            _dims_from_list=lambda each: {one["Name"]: one["Value"] for one in each},
            rung=self.rung,
        )
        self.module.record_metric = self.record
        # Of that module, as the engine's own function is.
        exec(  # noqa: S102
            "def _evaluate_alarm(alarm):\n"
            "    rung.append(sum(value for values in _metrics.values() for value in values))",
            vars(self.module),
        )
        evaluate_alarms_as_metrics_come(self.module)

    def record(self, namespace: str, name: str, value: float, unit: str, by: Any) -> None:
        key = (namespace, name, self.module._dims_key(by))
        self.module._metrics.setdefault(key, []).append(value)


def test_an_alarm_sees_what_has_its_dimensions_as_soon_as_it_comes() -> None:
    metrics = Metrics(
        Namespace="Avatars", MetricName="Ends", Dimensions=[{"Name": "code", "Value": "LOST"}]
    )

    for code in ("LATE", "LOST", "LOST"):
        metrics.module.record_metric("Avatars", "Ends", 1, "Count", {"code": code})
    metrics.module.record_metric("Avatars", "Starts", 1, "Count", {"code": "LOST"})

    assert metrics.rung == [0, 1, 2]


def test_a_line_that_measures_something_is_counted_and_kept() -> None:
    recorded: list[Any] = []
    kept: list[Any] = []
    logs = module(_append_log_events=lambda stream, events: kept.extend(events))
    metrics = module(record_metric=lambda *metric: recorded.append(metric))
    group = {
        "Namespace": "Avatars",
        "Dimensions": [["service"], ["service", "code"]],
        "Metrics": [{"Name": "Ends", "Unit": "Count"}],
    }
    line = {"_aws": {"CloudWatchMetrics": [group]}, "service": "a", "code": "LOST", "Ends": [1.0]}
    lines = [
        {"message": message} for message in ("START", '{"message": "began"}', json.dumps(line))
    ]

    count_what_is_logged(logs, metrics)
    logs._append_log_events("a-stream", lines)

    assert kept == lines
    assert recorded == [
        ("Avatars", "Ends", 1.0, "Count", {"service": "a"}),
        ("Avatars", "Ends", 1.0, "Count", {"service": "a", "code": "LOST"}),
    ]

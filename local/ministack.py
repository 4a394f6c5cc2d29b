"""Everything private of MiniStack: what the settings of its process cannot change, and its
interpreters of state machines, templates and policies for use in another process."""

import asyncio
import importlib
import json
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

# Seconds that a call waits for a free Lambda slot; AWS keeps events for hours.
LAMBDA_PATIENCE = 600.0

_logger = logging.getLogger("local")


class EngineChangedError(RuntimeError):
    """This MiniStack lacks a name that is replaced here: keep to the pinned version."""


class StateFailedError(Exception):
    """A task failed, with the *error* name and *cause* that Retry and Catch see."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


@dataclass(frozen=True)
class Surroundings:
    """What an execution in this process meets in place of AWS."""

    invoke: Callable[[str, Any], Any]
    """Function and payload to result. Raises StateFailedError."""
    sleep: Callable[[float], None]
    """Lets the seconds of a Wait state or a retry delay pass."""


_surroundings: ContextVar[Surroundings] = ContextVar("surroundings")


def main(wrap: Callable[[Any], Any] = lambda app: app) -> None:
    """Run the engine, set up by environment variables; `local.engine` starts this module.

    *wrap* may put something around the engine, an ASGI application.
    """
    queue_for_lambda_slots(_module("services.lambda_svc"))
    send_records_to_functions(_module("services.lambda_svc"))
    retry_lambdas_of_event_rules(_module("services.eventbridge"), _module("services.lambda_svc"))
    put_versions_into_object_events(_module("services.s3"), _module("services.eventbridge"))
    let_wildcards_match_line_breaks(_module("core.iam_evaluator"))
    hand_over_events_at_once(_module("core.lambda_runtime"))
    evaluate_alarms_as_metrics_come(_module("services.cloudwatch"))
    count_what_is_logged(_module("services.cloudwatch_logs"), _module("services.cloudwatch"))
    if folder := os.environ.get("RECORD_CALLS"):
        record_calls(_module("core.iam_evaluator"), Path(folder) / f"{os.getpid()}.jsonl")
    threading.Thread(target=stop_when_stdin_closes, daemon=True).start()
    server = Config()
    server.bind = [f"{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"]
    server.graceful_timeout = 0.2  # idle connections are no reason to stay
    asyncio.run(serve(wrap(_module("app").app), server))


def application() -> Any:
    """The engine as an ASGI application, for use in this process instead of one of its own."""
    return _private(_module("app"), "app")


def queue_for_lambda_slots(lambdas: ModuleType) -> None:
    """Let a call wait until the account's Lambda limit has room; AWS's is a hundred times wider.

    MiniStack throttles instead, and Step Functions names its throttle Lambda.Unknown.
    """
    acquire = _private(lambdas, "_acquire_execution_slot")
    release = _private(lambdas, "_release_execution_slot")
    freed = threading.Condition()

    def acquire_in_turn(function: Any, configuration: Any) -> tuple[str | None, str | None]:
        deadline = time.monotonic() + LAMBDA_PATIENCE
        with freed:
            while True:
                slot, limit = acquire(function, configuration)
                if limit != "account" or not freed.wait(deadline - time.monotonic()):
                    return slot, limit

    def release_and_tell(slot: str | None) -> None:
        release(slot)
        with freed:
            freed.notify()

    lambdas._acquire_execution_slot = acquire_in_turn  # type: ignore[attr-defined]
    lambdas._release_execution_slot = release_and_tell  # type: ignore[attr-defined]


def send_records_to_functions(lambdas: ModuleType) -> None:
    """Let a function that is a destination get the records of successes, too, and each of them as
    any asynchronous call: with retries, and a destination of its own.

    MiniStack sends records of failures only, and calls a function with them once.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    invoke = _private(lambdas, "invoke_async_with_retry")
    execute = _private(lambdas, "_execute_function")
    route_failure = _private(lambdas, "_route_async_failure")
    find = _private(lambdas, "_get_func_record_for_ref")
    record_of = _private(lambdas, "_execution_record_for_config")

    def invoke_and_follow(function: dict[str, Any], event: Any) -> None:
        invoke({**function, "is_asynchronous": True}, event)

    def execute_and_tell(function: dict[str, Any], event: Any) -> Any:
        result = execute(function, event)
        if function.get("is_asynchronous") and not result.get("error"):
            configuration = function.get("event_invoke_config") or (
                function.get("event_invoke_configs", {}).get("$LATEST")
            )
            destinations = (configuration or {}).get("DestinationConfig", {})
            target = destinations.get("OnSuccess", {}).get("Destination", "")
            send(target, function["config"]["FunctionArn"], "Success", event, result)
        return result

    def route(target: str, name: str, event: Any, result: dict[str, Any]) -> None:
        if not send(target, find(name)[1]["FunctionArn"], "RetriesExhausted", event, result):
            route_failure(target, name, event, result)

    def send(target: str, sender: str, condition: str, event: Any, result: dict[str, Any]) -> bool:
        """Whether the target is a function."""
        if ":lambda:" not in target:
            return False
        failed = {"functionError": "Unhandled"} if result.get("error") else {}
        record = {
            "version": "1.0",
            "requestContext": {
                "functionArn": f"{sender}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": 3 if failed else 1,
            },
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", **failed},
            "responsePayload": result["body"],
        }
        function, configuration, _ = find(target)
        invoke_and_follow(record_of(function, configuration), record)
        return True

    lambdas.invoke_async_with_retry = invoke_and_follow  # type: ignore[attr-defined]
    lambdas._execute_function = execute_and_tell  # type: ignore[attr-defined]
    lambdas._route_async_failure = route  # type: ignore[attr-defined]


def retry_lambdas_of_event_rules(events: ModuleType, lambdas: ModuleType) -> None:
    """Let an event rule call its function asynchronously: retries, then the failure destination.

    MiniStack calls it once and forgets a failure; bucket notifications it treats as AWS does.
    """
    _private(events, "_dispatch_to_lambda")
    find = _private(lambdas, "_get_func_record_for_ref")
    record = _private(lambdas, "_execution_record_for_config")
    invoke = _private(lambdas, "invoke_async_with_retry")

    def dispatch_to_lambda(arn: str, payload: str) -> None:
        function, configuration, name = find(arn)
        if function and configuration:
            invoke(record(function, configuration), json.loads(payload))
        else:
            _logger.warning("an event rule names the unknown function %s", name)

    events._dispatch_to_lambda = dispatch_to_lambda  # type: ignore[attr-defined]


def put_versions_into_object_events(objects: ModuleType, events: ModuleType) -> None:
    """Give the events of a versioned bucket their `version-id`, which MiniStack leaves out."""
    fire = _private(objects, "_fire_s3_event")
    dispatch = _private(events, "_dispatch_event")
    version: ContextVar[str | None] = ContextVar("version", default=None)

    def fire_with_version(*args: Any, **kwargs: Any) -> None:
        token = version.set(kwargs.get("version_id"))
        try:
            fire(*args, **kwargs)
        finally:
            version.reset(token)

    def dispatch_with_version(event: dict[str, Any], *args: Any) -> None:
        version_id = version.get()
        if version_id and event["Source"] == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version_id
            event = {**event, "Detail": json.dumps(detail)}
        dispatch(event, *args)

    objects._fire_s3_event = fire_with_version  # type: ignore[attr-defined]
    events._dispatch_event = dispatch_with_version  # type: ignore[attr-defined]


def let_wildcards_match_line_breaks(policies: ModuleType) -> None:
    """Let `*` in a policy match any character of a key, as in AWS; here it stops at line breaks."""
    compile_pattern = _private(policies, "_fnmatch_compile")

    def compile_for_all_characters(pattern: str, ignore_case: bool) -> re.Pattern[str]:
        compiled = compile_pattern(pattern, ignore_case)
        return re.compile(compiled.pattern, compiled.flags | re.DOTALL)

    policies._fnmatch_compile = compile_for_all_characters  # type: ignore[attr-defined]


def record_calls(policies: ModuleType, file: Path) -> None:
    """Append to *file* what roles ask for: lines of JSON, each once, with the `role` (its name),
    `action`, `resource` (an ARN), `context` (the keys of conditions) and whether it was `allowed`.
    """
    enforce = _private(policies, "enforce")
    evaluate = _private(policies, "evaluate")
    question: ContextVar[Any] = ContextVar("question", default=None)
    known: set[str] = set()

    def evaluate_and_remember(context: Any, *args: Any) -> Any:
        question.set(context)
        return evaluate(context, *args)

    def enforce_and_record(*args: Any, **kwargs: Any) -> Any:
        question.set(None)  # root, and whoever is unknown, is not looked at by policies
        denial = enforce(*args, **kwargs)
        asked = question.get()
        if asked is not None and asked.principal_type == "AssumedRole":
            record(
                role=asked.principal_arn.split("/")[1],
                action=asked.action,
                resource=asked.resource_arn,
                context={k: v for k, v in asked.service_context.items() if v is not None},
                allowed=denial is None,
            )
        return denial

    def record(**call: Any) -> None:
        line = json.dumps(call, sort_keys=True)
        if line not in known:
            known.add(line)
            with file.open("a") as lines:
                lines.write(line + "\n")

    policies.evaluate = evaluate_and_remember  # type: ignore[attr-defined]
    policies.enforce = enforce_and_record  # type: ignore[attr-defined]


def hand_over_events_at_once(runtime: ModuleType) -> None:
    """Let a warm function get its event at once; here it takes 40 ms.

    MiniStack writes head and body of the answer to `/runtime/invocation/next` one after the other,
    and the system keeps the second back until the client has acknowledged the first, which the
    client's system puts off (Nagle's algorithm, delayed acknowledgements).
    """
    worker = _private(runtime, "ProvidedWorker")
    answerer = _private(worker, "_build_handler_class")

    def build_handler_class(self: Any, *generation: Any) -> type:
        at_once = {"disable_nagle_algorithm": True}
        return type("RuntimeAPIHandler", (answerer(self, *generation),), at_once)

    worker._build_handler_class = build_handler_class  # type: ignore[attr-defined]


def evaluate_alarms_as_metrics_come(metrics: ModuleType) -> None:
    """Let an alarm see its own metric only, and as soon as the engine itself has measured it.

    MiniStack minds no dimensions of alarms, and evaluates them only when somebody puts metrics.
    """
    record = _private(metrics, "record_metric")
    evaluate = _private(metrics, "_evaluate_alarm")
    key_of = _private(metrics, "_dims_key")
    dimensions_of = _private(metrics, "_dims_from_list")
    _private(metrics, "_metrics")
    _private(metrics, "_alarms")

    def evaluate_by_dimensions(alarm: dict[str, Any]) -> None:
        dimensions = key_of(dimensions_of(alarm.get("Dimensions") or []))
        key = (alarm.get("Namespace"), alarm.get("MetricName"), dimensions)
        seen = {"_metrics": {key: list(metrics._metrics.get(key, []))}}
        FunctionType(evaluate.__code__, vars(metrics) | seen)(alarm)

    def record_and_evaluate(namespace: str, name: str, *datum: Any, **more: Any) -> None:
        record(namespace, name, *datum, **more)
        for alarm in list(metrics._alarms.values()):
            if (alarm.get("Namespace"), alarm.get("MetricName")) == (namespace, name):
                evaluate_by_dimensions(alarm)

    metrics._evaluate_alarm = evaluate_by_dimensions  # type: ignore[attr-defined]
    metrics.record_metric = record_and_evaluate  # type: ignore[attr-defined]


def count_what_is_logged(logs: ModuleType, metrics: ModuleType) -> None:
    """Make metrics of the lines of logs that say so (Embedded Metric Format), as CloudWatch does.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    append = _private(logs, "_append_log_events")
    _private(metrics, "record_metric")

    def append_and_count(stream: Any, events: list[dict[str, Any]]) -> None:
        append(stream, events)
        for event in events:
            for namespace, name, value, unit, dimensions in embedded_metrics(event["message"]):
                metrics.record_metric(namespace, name, value, unit, dimensions)

    logs._append_log_events = append_and_count  # type: ignore[attr-defined]


def embedded_metrics(line: str) -> Iterator[tuple[str, str, float, str, dict[str, str]]]:
    """Namespace, name, value, unit and dimensions of whatever a line of a log measures."""
    if '"_aws"' not in line:
        return
    told = json.loads(line)
    for group in told["_aws"]["CloudWatchMetrics"]:
        for metric in group["Metrics"]:
            values = told[metric["Name"]]
            for value in values if isinstance(values, list) else [values]:
                for names in group["Dimensions"]:
                    dimensions = {name: told[name] for name in names}
                    unit = metric.get("Unit", "None")
                    yield group["Namespace"], metric["Name"], value, unit, dimensions


def interpret(
    definition: str, execution: str, given: str, surroundings: Surroundings
) -> dict[str, Any]:
    """Run one execution (an ARN) of a state machine to its end in this thread, and return it.

    *definition* and *given* are JSON. It has `status`, the history `events` and, unless it
    SUCCEEDED, `error` and `cause`. The items of a Map come one after the other. An Exception of
    *surroundings* other than StateFailedError fails the execution with States.Runtime; what is no
    Exception escapes from here.
    """
    states = _interpreter()
    name = execution.rpartition(":")[2]
    row = {
        "executionArn": execution,
        "stateMachineArn": execution,
        "name": name,
        "status": "RUNNING",
        "startDate": "1970-01-01T00:00:00Z",
        "input": given,
        "events": [{"id": 1, "type": "ExecutionStarted"}],
    }
    machines, executions = states._state_machines, states._executions
    machines[execution], executions[execution] = {"name": name, "definition": definition}, row
    token = _surroundings.set(surroundings)
    try:
        states._run_execution(execution)
    finally:
        _surroundings.reset(token)
        del machines[execution], executions[execution]
    return row


@cache
def _interpreter() -> ModuleType:
    """The engine's module of Step Functions, led out of its process into `Surroundings`."""
    states = _module("services.stepfunctions")
    for name in ("_state_machines", "_executions", "_run_execution", "time", "ThreadPoolExecutor"):
        _private(states, name)
    failed = _private(states, "_ExecutionError")

    def invoke(resource: str, given: dict[str, Any], *_: float) -> dict[str, Any]:
        if resource != "arn:aws:states:::lambda:invoke":
            raise NotImplementedError(resource)
        try:
            payload = _surroundings.get().invoke(given["FunctionName"], given["Payload"])
        except StateFailedError as error:
            raise failed(error.error, error.cause) from error
        return {"StatusCode": 200, "Payload": payload}

    replacements = {
        "_invoke_resource": invoke,
        "_invoke_resource_with_timeout": invoke,
        "_scaled_sleep": lambda seconds: _surroundings.get().sleep(seconds),
        "_emit_execution_status_event": lambda execution: None,
        "ThreadPoolExecutor": _InThisThread,
        "time": SimpleNamespace(sleep=lambda seconds: None),  # a pause before the first state
    }
    for name, replacement in replacements.items():
        _private(states, name)
        setattr(states, name, replacement)
    return states


class _InThisThread(Executor):
    """Does everything at once, where it is asked for."""

    def __init__(self, max_workers: int) -> None: ...

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*args, **kwargs))
        return future


def fill_in(
    template: Mapping[str, Any],
    stack: str,
    account: str,
    region: str,
    resources: Mapping[str, tuple[str, Mapping[str, str]]],
    conditions: Mapping[str, bool] | None = None,
) -> dict[str, Any]:
    """The resources of a CloudFormation template as they are once intrinsic functions are
    resolved: with the defaults of parameters, and *resources*, the ids and attributes of each.

    *conditions* take the place of what the parameters make of them. A resource whose condition
    does not hold is left out.
    """
    engine = _module("services.cloudformation.engine")
    with _private(_module("core.responses"), "request_scope")(account, region):
        parameters = _private(engine, "_resolve_parameters")(template, [])
        if conditions is None:
            conditions = _private(engine, "_evaluate_conditions")(template, parameters)
        there = {
            name: resource
            for name, resource in template["Resources"].items()
            if conditions.get(resource.get("Condition", ""), True)
        }
        filled_in: dict[str, Any] = _private(engine, "_resolve_refs")(
            there,
            {
                name: {"PhysicalResourceId": id_, "Attributes": attributes}
                for name, (id_, attributes) in resources.items()
            },
            parameters,
            conditions,
            template.get("Mappings", {}),
            stack,
            f"arn:aws:cloudformation:{region}:{account}:stack/{stack}/0-0-0-0-0",
        )
    return filled_in


@dataclass(frozen=True)
class Call:
    """What is asked of AWS, and by whom."""

    principal: str
    """The ARN of a role's session, or a service such as `events.amazonaws.com`."""
    action: str
    resource: str
    """An ARN."""
    context: Mapping[str, Any] = field(default_factory=dict)
    """The keys of conditions that AWS gives along, but for those of every call."""


def decide(policies: Iterable[Mapping[str, Any]], call: Call) -> str:
    """Allow, Deny or ImplicitDeny: what the policies of a role say to one of its calls."""
    evaluator = _module("core.iam_evaluator")
    parse = _private(evaluator, "parse_policy_document")
    decision: str = _private(evaluator, "evaluate")(
        _context(call), [parse(policy) for policy in policies]
    ).decision
    return decision


def decide_for_resource(policy: Mapping[str, Any], call: Call) -> str:
    """Allow, Deny or ImplicitDeny: what a policy with principals says, a role's trust included."""
    decision: str = _private(_module("core.iam_evaluator"), "evaluate_resource_policy")(
        policy, _context(call), service=call.principal
    ).decision
    return decision


def _context(call: Call) -> Any:
    return _private(_module("core.iam_evaluator"), "EvalContext")(
        principal_arn=call.principal,
        principal_type="AssumedRole" if call.principal.startswith("arn:") else "Service",
        principal_account=call.principal.split(":")[4] if call.principal.startswith("arn:") else "",
        action=call.action,
        resource_arn=call.resource,
        region="",
        secure_transport=True,  # services know no other
        service_context={name.lower(): value for name, value in call.context.items()},
    )


def stop_when_stdin_closes() -> None:
    """End the engine with the process that holds the other end of its standard input."""
    while os.read(0, 1024):  # not sys.stdin: Python could not end while a thread reads from it
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"ministack.{name}")


def _private(owner: ModuleType | Callable[..., Any], name: str) -> Callable[..., Any]:
    """What a module or a class of the engine calls *name*."""
    try:
        return getattr(owner, name)  # type: ignore[no-any-return]
    except AttributeError:
        raise EngineChangedError(f"{owner.__name__} has no {name}") from None


if __name__ == "__main__":
    main()

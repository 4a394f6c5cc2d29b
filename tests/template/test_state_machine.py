"""The definition of the state machine: what it names exists, and every way through it ends.

What it must never do, `rules.py` says.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import jsonata  # type: ignore[import-untyped]
import pytest
import yaml

from avatars import errors
from avatars.errors import job_errors
from avatars.pipeline.collecting import CollectReply
from avatars.pipeline.looking import LookReply, no_looks
from avatars.pipeline.sweeping import LONGEST_RUN
from tests.template.expanded import source
from tests.template.rules import followers

ROOT = Path(__file__).parents[2]
DEFINITION: dict[str, Any] = yaml.safe_load(
    (ROOT / "statemachine/make_avatars.asl.yaml").read_text()
)
TEMPLATE = source()
RESOURCES = TEMPLATE["Resources"]

State = dict[str, Any]


def all_states(machine: dict[str, Any] = DEFINITION) -> Iterator[tuple[str, State]]:
    """Every state by its name, those inside a Map too."""
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from all_states(state["ItemProcessor"])


STATES = dict(all_states())
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}


def reachable(start: str, machine: dict[str, Any] = DEFINITION) -> set[str]:
    """Every state that may come after *start*, and itself."""
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(followers(machine["States"][name]))
    return found


LOOKED_AT = {"training": "Trained?", "inference": "Avatars ready?"}
"""What decides after a look."""


def next_of(choice: str, reply: Any) -> tuple[str, Any]:
    """Where a Choice goes for a step's reply, and what it assigns then."""
    for rule in STATES[choice]["Choices"]:
        condition = jsonata.Jsonata(rule["Condition"].strip()[2:-2])
        condition.assign("states", {"input": reply})
        if condition.evaluate(None):
            return rule["Next"], rule.get("Assign")
    return STATES[choice]["Default"], None


def error_names(state: State) -> set[str]:
    rules = [*state.get("Retry", []), *state.get("Catch", [])]
    return {name for rule in rules for name in rule["ErrorEquals"]}


def expressions(value: Any) -> Iterator[str]:
    """Every JSONata expression below *value*."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner)
    elif isinstance(value, str) and value.strip().startswith("{%"):
        yield value.strip()[2:-2]


class TestNames:
    def test_every_error_that_is_named_exists(self) -> None:
        named = {name for state in STATES.values() for name in error_names(state)}
        ours = {name for name in named if not name.startswith(("States.", "Lambda."))}

        assert ours
        assert all(issubclass(getattr(errors, name), Exception) for name in ours)

    def test_every_substitution_is_used_and_every_use_is_substituted(self) -> None:
        text = (ROOT / "statemachine/make_avatars.asl.yaml").read_text()
        given = RESOURCES["MakeAvatars"]["Properties"]["DefinitionSubstitutions"]

        assert set(re.findall(r"\$\{(\w+)\}", text)) == set(given)
        assert all(value == {"Fn::GetAtt": [name, "Arn"]} for name, value in given.items())

    @pytest.mark.parametrize("name", TASKS)
    def test_a_task_is_called_like_its_function(self, name: str) -> None:
        function = TASKS[name]["Arguments"]["FunctionName"].strip("${}")
        others = {"Keep batch": "KeepAvatars", "Record failure": "FinishJob"}

        assert function == others.get(name, name.title().replace(" ", "")) + "Function"


class TestTasks:
    @pytest.mark.parametrize("name", TASKS)
    def test_it_is_retried_with_jitter(self, name: str) -> None:
        rules = [rule for rule in TASKS[name]["Retry"] if rule["MaxAttempts"] > 0]

        assert rules
        assert all(rule["JitterStrategy"] == "FULL" and rule["BackoffRate"] > 1 for rule in rules)

    def test_what_records_a_failure_has_nothing_behind_it_but_the_rule_on_executions(self) -> None:
        [rule] = RESOURCES["CloseJobFunction"]["Properties"]["Events"].values()

        assert "Catch" not in TASKS["Record failure"]
        assert "FAILED" in rule["Properties"]["Pattern"]["detail"]["status"]

    @pytest.mark.parametrize("name", TASKS)
    def test_a_decision_of_ours_is_not_retried(self, name: str) -> None:
        ends = set(job_errors()) | {"RunRefusedError", "JobNotFoundError"}
        for rule in TASKS[name]["Retry"]:
            if rule["MaxAttempts"] > 0:
                assert not ends & set(rule["ErrorEquals"])

    @pytest.mark.parametrize("name", sorted(TASKS.keys() - {"Start training", "Start inference"}))
    def test_decisions_come_before_accidents(self, name: str) -> None:
        rules = TASKS[name]["Retry"]

        assert rules[-1]["ErrorEquals"] == ["States.ALL"]
        assert all(rule["MaxAttempts"] == 0 for rule in rules[:-1])


@pytest.mark.parametrize("stage", ["training", "inference"])
class TestPaidRequests:
    def test_what_was_not_sent_is_sent_again(self, stage: str) -> None:
        retried = {
            name for rule in TASKS[f"Start {stage}"]["Retry"] for name in rule["ErrorEquals"]
        }

        assert "NotSentError" in retried

    def test_whatever_leaves_its_outcome_open_is_looked_into_and_not_sent_again(
        self, stage: str
    ) -> None:
        decided, everything_else = TASKS[f"Start {stage}"]["Catch"]

        assert everything_else["Next"] == f"Recover {stage}"
        assert everything_else["Assign"] == {"trouble": "{% $states.errorOutput.Error %}"}
        assert decided["Next"] == "Record failure"
        assert not any("Unknown" in name for name in decided["ErrorEquals"])

    def test_it_is_started_again_only_where_a_look_says_so(self, stage: str) -> None:
        before = {name for name, state in STATES.items() if f"Start {stage}" in followers(state)}

        first = {"training": {"Collected?"}, "inference": {"Collected?", "Trained?"}}
        assert before == first[stage] | {LOOKED_AT[stage]}
        assert next_of(LOOKED_AT[stage], {"status": "ORDER"})[0] == f"Start {stage}"

    def test_whatever_became_of_it_a_look_comes_next(self, stage: str) -> None:
        wait, recovered = f"Wait for {stage}", f"{stage.title()} recovered?"

        assert STATES[f"Start {stage}"]["Next"] == STATES[recovered]["Default"] == wait
        assert followers(STATES[wait]) == {f"Check {stage}"}

    @pytest.mark.parametrize(
        ("status", "in_line"), [("ACCEPTED", False), ("MORE", True), ("WAITING", True)]
    )
    def test_whether_it_is_accepted_is_remembered_for_the_look(
        self, stage: str, status: str, in_line: bool
    ) -> None:
        for name in (f"Start {stage}", f"Recover {stage}"):
            remember = jsonata.Jsonata(STATES[name]["Assign"]["looks"].strip()[2:-2])
            remember.assign("looks", no_looks())
            remember.assign("states", {"result": {"Payload": {"status": status}}})
            assert remember.evaluate(None) == {**no_looks(), "in_line": in_line}

    def test_recovering_never_leads_to_sending_without_a_decision(self, stage: str) -> None:
        recovered = f"{stage.title()} recovered?"

        assert followers(STATES[f"Recover {stage}"]) == {recovered, "Record failure"}
        assert followers(STATES[recovered]) == {f"Wait for {stage}", f"Wait to recover {stage}"}
        assert followers(STATES[f"Wait to recover {stage}"]) == {f"Recover {stage}"}

    @pytest.mark.parametrize("status", ["WAITING", "RUNNING"])
    def test_who_waits_is_looked_at_again(self, stage: str, status: str) -> None:
        assert next_of(LOOKED_AT[stage], {"status": status})[0] == f"Wait for {stage}"

    def test_nobody_looks_while_its_sender_may_be_at_work(self, stage: str) -> None:
        """What it is accepted as meanwhile would be looked at before the provider advises."""
        recovered = f"{stage.title()} recovered?"

        assert next_of(recovered, {"status": "IN_FLIGHT"})[0] == f"Wait to recover {stage}"
        assert next_of(recovered, {"status": "WAITING"})[0] == f"Wait for {stage}"


class TestDecisions:
    @pytest.mark.parametrize(
        ("trains", "following"), [(True, "Start training"), (False, "Start inference")]
    )
    def test_who_trains_nothing_goes_from_the_photos_to_the_avatars(
        self, trains: bool, following: str
    ) -> None:
        collected = {"status": "COLLECTED", "trains": trains}
        waiting = {"status": "WAITING", "trains": trains}

        assert next_of("Collected?", collected)[0] == following
        assert next_of("Collected?", waiting)[0] == "Wait for photos"

    def test_what_is_ready_goes_on(self) -> None:
        assert next_of("Trained?", {"status": "READY"})[0] == "Start inference"
        assert next_of("Avatars ready?", {"status": "READY"})[0] == "Keep avatars"

    def test_looks_are_counted_anew_for_what_was_ordered_then(self) -> None:
        anew = {"answered": 0, "not_found": 0}

        assert next_of("Avatars ready?", {"status": "ORDER"})[1] == {"looks": anew}
        assert next_of("Trained?", {"status": "READY"})[1] == {"looks": anew}
        assert STATES["Begin run"]["Assign"]["looks"] == no_looks() == anew

    def test_replies_have_no_other_status(self) -> None:
        known = {
            "Collected?": (CollectReply, {"WAITING"}),
            "Trained?": (LookReply, {"WAITING", "RUNNING"}),
            "Avatars ready?": (LookReply, {"WAITING", "RUNNING"}),
        }
        for choice, (reply, default) in known.items():
            named = set(re.findall(r"'([A-Z_]+)'", str(STATES[choice]["Choices"])))
            statuses = set(get_args(get_type_hints(reply)["status"]))
            assert named == statuses - default, choice


class TestFlow:
    def test_every_run_begins_with_its_photos(self) -> None:
        assert followers(STATES["Begin run"]) == {"Wait for photos", "Run refused"}
        assert (
            "$states.result.Payload.wait_seconds" in STATES["Begin run"]["Assign"]["wait_seconds"]
        )

    def test_it_speaks_jsonata_throughout(self) -> None:
        assert DEFINITION["QueryLanguage"] == "JSONata"
        paths = {"InputPath", "OutputPath", "ResultPath", "Parameters", "ItemsPath", "SecondsPath"}
        assert not any(paths & state.keys() for state in STATES.values())

    @pytest.mark.parametrize("expression", sorted(set(expressions(DEFINITION))))
    def test_every_expression_can_be_read(self, expression: str) -> None:
        jsonata.Jsonata(expression)

    @pytest.mark.parametrize("clock", ["$now", "$millis", "EnteredTime", "StartTime", "Timestamp"])
    def test_no_decision_is_made_by_the_clock_of_the_engine(self, clock: str) -> None:
        assert not any(clock in expression for expression in expressions(DEFINITION))

    def test_every_state_can_be_reached(self) -> None:
        assert reachable(DEFINITION["StartAt"]) == DEFINITION["States"].keys()
        inner = STATES["Keep avatars"]["ItemProcessor"]
        assert reachable(inner["StartAt"], inner) == inner["States"].keys()

    def test_every_state_goes_on_or_ends(self) -> None:
        for name, state in STATES.items():
            ends = state.get("End", False) or state["Type"] in ("Succeed", "Fail")
            assert ends != bool({"Next", "Default"} & state.keys()), name

    def test_what_the_end_says_decides_how_the_execution_ends(self) -> None:
        assert STATES["Finish job"]["End"]
        assert STATES["Record failure"]["Next"] == "Completed?"
        assert next_of("Completed?", {"status": "COMPLETED"})[0] == "Job completed"
        assert next_of("Completed?", {"status": "KEEPING"})[0] == "Wait to keep again"
        assert next_of("Completed?", {"status": "FAILED"})[0] == "Job failed"

    def test_a_failure_is_recorded_and_ends_in_fail(self) -> None:
        ends = {
            name
            for name in reachable("Completed?")
            if name.startswith("Job ") and not followers(STATES[name])
        }

        assert followers(STATES["Record failure"]) == {"Completed?"}
        assert ends == {"Job completed", "Job failed"}  # completed: by whoever was faster
        assert STATES["Job failed"]["Type"] == STATES["Run refused"]["Type"] == "Fail"

    def test_nobody_but_the_holder_records_a_failure(self) -> None:
        catches = {rule["Next"] for rule in STATES["Begin run"]["Catch"]}

        assert catches == {"Run refused"}

    def test_the_whole_has_more_time_than_all_its_deadlines_together(self) -> None:
        most = {
            name: parameter.get("MaxValue", parameter["Default"])
            for name, parameter in TEMPLATE["Parameters"].items()
            if name.endswith(("DeadlineSeconds", "PatienceSeconds", "CollectSeconds"))
        }
        # In each stage a job may wait for its turn and meet an outage at the deadline.
        patience = most.pop("ProviderPatienceSeconds")

        assert DEFINITION["TimeoutSeconds"] > sum(most.values()) + 4 * patience
        assert DEFINITION["TimeoutSeconds"] < LONGEST_RUN

    def test_the_links_of_avatars_never_enter_the_history(self) -> None:
        text = (ROOT / "statemachine/make_avatars.asl.yaml").read_text()
        keep = STATES["Keep avatars"]

        assert keep["Items"] == "{% [0..$batches - 1] %}"
        assert "urls" not in text
        assert "accepted_id" in text

    def test_batches_are_kept_a_few_at_once_and_one_failing_stops_no_other(self) -> None:
        [caught] = STATES["Keep batch"]["Catch"]

        assert STATES["Keep avatars"]["MaxConcurrency"] <= 10
        assert (caught["ErrorEquals"], caught["Next"]) == (["States.ALL"], "Batch incomplete")
        assert STATES["Batch incomplete"]["End"]


def test_every_error_that_ends_a_job_is_a_decision_somewhere() -> None:
    named = {name for state in TASKS.values() for name in error_names(state)}
    from_outside = {"InternalError", "ExecutionEndedError", "OutcomeUnknownError"}

    assert job_errors().keys() == (named & job_errors().keys()) | from_outside

"""Alarms, dashboard and saved queries, held against what the functions really print."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from avatars.metrics import METRICS, NAMESPACE, OTHER
from tests import printed as stories
from tests.printed import STACK, Line, Story, points, printed
from tests.template.expanded import source

ROOT = Path(__file__).parents[2]
TEMPLATE = source()
RUNBOOK = (ROOT / "docs/runbook.md").read_text()

Properties = dict[str, Any]


def of_type(kind: str) -> dict[str, Properties]:
    return {
        name: resource["Properties"]
        for name, resource in TEMPLATE["Resources"].items()
        if resource["Type"] == f"AWS::{kind}"
    }


ALARMS = of_type("CloudWatch::Alarm")
FUNCTIONS = of_type("Serverless::Function")

RINGS: dict[str, Story] = {
    "TrainingOutcomeUnknownAlarm": stories.training_answer_is_lost,
    "InferenceOutcomeUnknownAlarm": stories.inference_answer_is_lost,
    "TrainingOverdueAlarm": stories.training_takes_too_long,
    "InferenceOverdueAlarm": stories.inference_takes_too_long,
    "AvatarsMissingAlarm": stories.avatars_are_lost,
    "ProviderKeyRefusedAlarm": stories.key_is_refused,
    "OutOfCreditsAlarm": stories.credits_are_used_up,
    "AvatarsKeptLateAlarm": stories.avatars_are_fetched_late,
    "ProviderDriftAlarm": stories.provider_speaks_new_words,
}
"""The alarms on what functions print, and a story in which each of them rings."""

OF_AWS = {
    "DeadLetterAlarm": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", ["QueueName"]),
    "FunctionThrottlesAlarm": ("AWS/Lambda", "Throttles", []),
    "SweepSilentAlarm": ("AWS/Lambda", "Invocations", ["FunctionName"]),
    "ApiErrorsAlarm": ("AWS/ApiGateway", "5xx", ["ApiId"]),
}
"""The alarms on what AWS measures, as it calls that: the names of HTTP APIs are not those of REST
APIs. https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html"""

EVERY_STORY = [stories.goes_well, *RINGS.values()]


def resolved(value: Any) -> Any:
    return STACK if value == {"Ref": "AWS::StackName"} else value


def dimensions(alarm: Properties) -> dict[str, Any]:
    return {each["Name"]: resolved(each["Value"]) for each in alarm.get("Dimensions", [])}


def rings(alarm: Properties, lines: tuple[Line, ...]) -> bool:
    """Whether all of the values that these lines count would set it off together."""
    wanted = (alarm["Namespace"], alarm["MetricName"], dimensions(alarm))
    values = [
        value for space, name, value, _, by in points(list(lines)) if (space, name, by) == wanted
    ]
    if not values:
        return alarm["TreatMissingData"] == "breaching"
    seen = {"Sum": sum, "Minimum": min, "Maximum": max}[alarm["Statistic"]](values)
    limit = alarm["Threshold"]
    return {
        "GreaterThanThreshold": seen > limit,
        "LessThanThreshold": seen < limit,
    }[alarm["ComparisonOperator"]]


def anchor(name: str) -> str:
    """The paragraph of an alarm in the runbook: DeadLetterAlarm has `## Dead letter`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name.removesuffix("Alarm")).lower()


class TestAlarms:
    def test_each_is_on_what_functions_print_or_on_what_aws_measures(self) -> None:
        assert ALARMS.keys() == {*RINGS, *OF_AWS, "FunctionErrorsAlarm"}

    @pytest.mark.parametrize("name", RINGS)
    def test_it_rings_when_it_should(self, name: str) -> None:
        assert rings(ALARMS[name], printed(RINGS[name]))

    @pytest.mark.parametrize("name", RINGS)
    def test_and_not_when_all_goes_well(self, name: str) -> None:
        assert not rings(ALARMS[name], printed(stories.goes_well))

    @pytest.mark.parametrize("name", OF_AWS)
    def test_what_aws_measures_is_called_as_aws_calls_it(self, name: str) -> None:
        alarm = ALARMS[name]

        found = (alarm["Namespace"], alarm["MetricName"], list(dimensions(alarm)))

        assert found == OF_AWS[name]

    def test_every_function_is_among_those_whose_errors_are_added_up(self) -> None:
        [query] = ALARMS["FunctionErrorsAlarm"]["Metrics"]
        text = query["Expression"]["Fn::Sub"]

        assert set(re.findall(r"FunctionName = '\$\{(\w+)\}'", text)) == FUNCTIONS.keys()
        # A name of Lambda has 64 characters at most, an expression 2,048.
        assert len(re.sub(r"\$\{\w+\}", "x" * 64, text)) <= 2048

    @pytest.mark.parametrize("name", ALARMS)
    def test_it_says_what_to_do_about_missing_data_and_whom_it_tells(self, name: str) -> None:
        assert ALARMS[name]["TreatMissingData"] in ("notBreaching", "breaching")
        assert ALARMS[name]["AlarmActions"] == [{"Ref": "Alarms"}]

    @pytest.mark.parametrize("name", ALARMS)
    def test_it_links_to_its_paragraph_of_the_runbook(self, name: str) -> None:
        description = ALARMS[name]["AlarmDescription"]["Fn::Sub"]

        assert description.endswith(f" ${{RunbookUrl}}#{anchor(name)}")

    def test_each_has_a_paragraph_and_each_paragraph_an_alarm(self) -> None:
        headings = re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE)

        assert [heading.lower().replace(" ", "-") for heading in headings] == [
            anchor(name) for name in ALARMS
        ]

    @pytest.mark.parametrize("paragraph", re.split(r"^## .+$", RUNBOOK, flags=re.MULTILINE)[1:])
    def test_a_paragraph_says_what_happened_what_to_look_at_and_what_to_do(
        self, paragraph: str
    ) -> None:
        assert re.findall(r"^\*\*(.+?)\*\*", paragraph, re.MULTILINE) == [
            "What happened.", "Look at.", "Do.", "If nobody does anything:",
        ]  # fmt: skip


class TestDashboard:
    @pytest.fixture
    def widgets(self) -> list[Properties]:
        [dashboard] = of_type("CloudWatch::Dashboard").values()
        found: list[Properties] = json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]
        return found

    def test_it_shows_every_alarm(self, widgets: list[Properties]) -> None:
        [shown] = [
            widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"
        ]

        assert sorted(shown) == sorted(f"${{{name}.Arn}}" for name in ALARMS)

    def test_every_metric_of_ours_on_it_is_one_that_functions_print(
        self, widgets: list[Properties]
    ) -> None:
        counted = {
            (name, *by)
            for story in EVERY_STORY
            for _, name, _, _, by in points(list(printed(story)))
        }
        shown = shown_metrics(widgets)

        assert {(name, *by) for name, by in shown} <= counted
        assert {name for name, _ in shown} == {metric.name for metric in METRICS}

    def test_its_values_of_dimensions_are_of_their_sets(self, widgets: list[Properties]) -> None:
        known = {metric.name: metric for metric in METRICS}

        for _, name, *pairs in (row for row in rows(widgets) if row[0] == NAMESPACE):
            by = dict(
                zip(*[iter(each for each in pairs if isinstance(each, str))] * 2, strict=True)
            )
            del by["service"]
            assert known[name].dimensions(**by) == by

    def test_it_shows_the_errors_of_every_function(self, widgets: list[Properties]) -> None:
        shown = {row[3] for row in rows(widgets) if row[:2] == ["AWS/Lambda", "Errors"]}

        assert shown == {f"${{{name}}}" for name in FUNCTIONS}

    def test_no_two_widgets_lie_over_each_other(self, widgets: list[Properties]) -> None:
        places = [
            (x, y)
            for widget in widgets
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        ]

        assert len(places) == len(set(places))
        assert max(x for x, _ in places) < 24


def rows(widgets: list[Properties]) -> list[Any]:
    return [row for widget in widgets for row in widget["properties"].get("metrics", [])]


def shown_metrics(widgets: list[Properties]) -> set[tuple[str, tuple[str, ...]]]:
    """Name and dimensions of each metric of ours: rows name them, or a search does."""
    found = set()
    for row in rows(widgets):
        if row[0] == NAMESPACE:
            names = [each for each in row[2:] if isinstance(each, str)][::2]
            found.add((row[1], tuple(names)))
        elif isinstance(row[0], dict) and (
            search := re.match(
                rf"SEARCH\('{{{NAMESPACE},([\w,]+)}} MetricName=\"(\w+)\"", row[0]["expression"]
            )
        ):
            found.add((search[2], tuple(search[1].split(","))))
    return found


QUERIES = of_type("Logs::QueryDefinition")
WORDS = {
    "fields", "filter", "sort", "limit", "stats", "by", "asc", "desc", "as", "and", "or", "in",
    "like", "count", "count_distinct", "avg", "pct", "max",
}  # fmt: skip
OF_LAMBDA = {"@timestamp", "@message"}


class TestQueries:
    @pytest.mark.parametrize("name", QUERIES)
    def test_every_field_of_it_is_on_lines_that_functions_print(self, name: str) -> None:
        lines = [line for story in EVERY_STORY for line in printed(story)]
        # On AWS, with active tracing, the Logger adds it.
        fields = {field for line in lines for field in line} | {"xray_trace_id"} | OF_LAMBDA
        text = QUERIES[name]["QueryString"]
        aliases = set(re.findall(r"\bas (\w+)", text))
        bare = re.sub(r'"[^"]*"|/[^/]*/|\b\d+\b', "", text)

        used = {field.removesuffix(".") for field in re.findall(r"@?[A-Za-z_]\w*", bare)}

        assert used - WORDS - aliases <= fields

    @pytest.mark.parametrize("name", QUERIES)
    def test_what_it_filters_by_exists(self, name: str) -> None:
        lines = [line for story in EVERY_STORY for line in printed(story)]
        text = QUERIES[name]["QueryString"]

        for field, value in re.findall(r'(\w+) = "(\w+)"', text):
            assert value == "JOB_ID" or any(line.get(field) == value for line in lines), value


def test_no_value_of_a_dimension_is_unforeseen() -> None:
    told = {
        (name, *by.items())
        for story in EVERY_STORY
        for _, name, _, _, by in points(list(printed(story)))
    }

    assert not [each for each in told if OTHER in str(each)]

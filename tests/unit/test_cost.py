"""`avatars cost`: counts times prices, and the looks that a schedule comes to."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from avatars.clock import Clock
from avatars.errors import JobNotFoundError
from avatars.model import Prompt, Run, Stage
from avatars.provider.catalog import capabilities
from avatars.schedule import Schedule
from avatars.settings import Settings
from benchmarks.cost import entries, reads, s3_kind, size
from cli.cost import commands
from cli.cost.counts import Counts, Job, gigabyte_seconds, read_counts
from cli.cost.estimate import (
    lines_of,
    looks_of,
    metrics_under_alarms,
    monthly,
    resources_of,
    units_of,
)
from cli.cost.looking import look_at
from cli.cost.prices import read_prices
from cli.main import app
from cli.saying import RefusedError, UsageError
from cli.target import Target
from tests.builders import JOB_ID, a_job, a_photo, a_run
from tests.fakes import ENVIRONMENT, FakeJobs
from tests.fakes.clock import NOON

RUNNER = CliRunner()


def a_document() -> dict[str, Any]:
    """Counts of a world in which a job takes 10 transitions, a photo 2, an avatar 3, looks 5 to 7;
    the looks into the folder came as they came."""

    def counted(photos: int, avatars: int, *looks: int, extra: float = 0) -> dict[str, Any]:
        collecting, training, inference = looks
        units = 10 + 2 * photos + 3 * avatars + 5 * collecting + 6 * training + 7 * inference
        return {
            "job": {
                "photos": photos, "avatars": avatars, "collecting_looks": collecting,
                "training_looks": training, "inference_looks": inference,
            },
            "units": {"transitions": units, "milliseconds_256": 100 + extra},
        }  # fmt: skip

    return {
        "counted": "2026-11-28",
        "metrics": [],
        "sweep": {},
        "jobs": {
            "cold": counted(5, 1, 4, 1, 1, extra=900),
            "least": counted(5, 1, 3, 1, 1),
            "collecting looks": counted(5, 1, 9, 1, 1),
            "photos": counted(15, 1, 7, 1, 1),
            "avatars": counted(5, 41, 2, 1, 1),
            "training looks": counted(5, 1, 3, 9, 1),
            "inference looks": counted(5, 1, 4, 1, 9),
        },
    }


class TestCounts:
    def test_what_one_more_asks_for_does_not_depend_on_how_long_the_counting_took(self) -> None:
        counts = Counts(a_document())

        each = [counts.each(name)["transitions"] for name in Job.__dataclass_fields__]
        assert each == pytest.approx([2, 3, 5, 6, 7])

    def test_another_job_is_what_its_parts_come_to(self) -> None:
        units = Counts(a_document()).of(Job(30, 120, 5, 4.5, 12))

        assert units["transitions"] == pytest.approx(10 + 60 + 360 + 25 + 27 + 84)

    def test_the_first_job_takes_longer_and_asks_for_nothing_else(self) -> None:
        counts, job = Counts(a_document()), Job(5, 1, 3, 1, 1)

        cold, warm = counts.of(job, cold=True), counts.of(job)
        assert cold["milliseconds_256"] - warm["milliseconds_256"] == pytest.approx(900)
        assert cold["transitions"] == warm["transitions"]

    def test_time_is_billed_as_if_all_of_it_were_computing(self) -> None:
        assert gigabyte_seconds({"milliseconds_1769": 1000, "transitions": 9}) == 1769 / 1024
        assert gigabyte_seconds({"milliseconds_256": 1000}) == 1769 / 1024
        assert gigabyte_seconds({"milliseconds_3538": 1000}) == 3538 / 1024


class TestReading:
    """What the benchmark makes of a request."""

    def test_an_item_is_as_large_as_dynamodb_says(self) -> None:
        item = {
            "name": {"S": "Zoë"}, "n": {"N": "1234"}, "yes": {"BOOL": True},
            "list": {"L": [{"S": "ab"}]}, "map": {"M": {"k": {"N": "1"}}},
        }  # fmt: skip

        assert size(item) == (4 + 4) + (1 + 3) + (3 + 1) + (4 + 3 + 1 + 2) + (3 + 3 + 1 + 1 + 1)

    @pytest.mark.parametrize(("consistent", "units"), [(True, 2), (False, 1)])
    def test_a_read_is_of_four_kilobytes(self, consistent: bool, units: float) -> None:
        call = {
            "target": "GetItem",
            "said": {"ConsistentRead": consistent},
            "answered": {"Item": {"a": {"S": "x" * 5000}}},
        }

        assert reads(call) == units

    def test_what_is_not_there_is_read_too(self) -> None:
        assert reads({"target": "GetItem", "said": {"ConsistentRead": True}, "answered": {}}) == 1

    @pytest.mark.parametrize(
        ("method", "query", "kind"),
        [
            ("PUT", [], "write"),
            ("POST", ["uploads"], "write"),
            ("GET", ["list-type", "prefix"], "write"),
            ("GET", ["prefix", "versions"], "write"),
            ("GET", ["versionId"], "read"),
            ("HEAD", [], "read"),
            ("DELETE", ["versionId"], "free"),
            ("POST", ["delete"], "free"),
        ],
    )
    def test_a_list_costs_as_much_as_a_write_and_a_deletion_nothing(
        self, method: str, query: list[str], kind: str
    ) -> None:
        assert s3_kind({"method": method, "query": query}) == kind

    def test_a_row_is_in_the_indexes_whose_keys_it_has(self) -> None:
        row = {"unfinished": {"S": "yes"}, "started_at": {"N": "1"}, "owner": {"S": "alice"}}

        assert entries(row).keys() == {"UnfinishedRuns"}
        assert entries(row | {"created_at": {"N": "1"}}).keys() == {"UnfinishedRuns", "OwnersJobs"}


class TestPrices:
    def test_those_of_a_file_take_the_places_of_ours(self, tmp_path: Path) -> None:
        file = tmp_path / "prices.json"
        file.write_text(json.dumps({"region": "eu-central-1", "dollars": {"transition": 1}}))

        found = read_prices(file)

        assert (found["transition"], found.region) == (1, "eu-central-1")
        assert found["invocation"] == read_prices()["invocation"]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ('{"dollars": {"transitions": 1}}', "'transitions'; known are .*transition"),
            ('{"dollars": {"transition": -1}}', "transition .* 0 or more"),
            ('{"dollars": {"transition": "1"}}', "must be a number"),
            ('{"dollars": {"transition": true}}', "must be a number"),
            ('{"dollars": [1]}', "must be an object"),
            ("[]", "must hold an object"),
            ("{", "cannot be read"),
        ],
    )
    def test_a_bad_one_is_named(self, tmp_path: Path, content: str, words: str) -> None:
        file = tmp_path / "prices.json"
        file.write_text(content)

        with pytest.raises(UsageError, match=words):
            read_prices(file)

    def test_a_file_that_is_not_there_is_wrong_usage(self, tmp_path: Path) -> None:
        answer = RUNNER.invoke(app, ["cost", "--prices", str(tmp_path / "none.json")])

        assert answer.exit_code == 2
        assert "cannot be read" in answer.stderr


class TestLooks:
    ADVICE = Schedule(300, 120, 1200, 3600)

    def test_what_is_over_at_the_first_look_takes_one(self) -> None:
        looks, late = looks_of(self.ADVICE, 120)

        assert looks == 1
        assert 150 < late < 220

    def test_a_training_of_twelve_minutes_takes_some_and_is_seen_within_two(self) -> None:
        looks, late = looks_of(self.ADVICE, 720)

        assert 4 < looks < 5.5
        assert 30 < late < 120

    def test_the_same_question_has_the_same_answer(self) -> None:
        assert looks_of(self.ADVICE, 720) == looks_of(self.ADVICE, 720)

    def test_rarer_looks_are_fewer_and_see_it_later(self) -> None:
        (often, soon), (rarely, late) = (
            looks_of(Schedule(60, every, 1200, 86_400), 1800) for every in (60, 600)
        )

        assert often > rarely
        assert soon < late


class TestCounted:
    """What lies in the repository."""

    def test_a_usual_job_costs_what_peers_have_measured_and_no_more(self) -> None:
        job = Job(15, 40, 5, 5, 12)

        lines = lines_of(units_of(read_counts(), job), read_prices())

        dollars = 1000 * sum(line.dollars for line in lines)
        assert 0.5 < dollars < 4
        assert max(lines, key=lambda line: line.dollars).what == "Step Functions transitions"

    def test_looks_take_three_transitions_each(self) -> None:
        counts = read_counts()

        assert counts.each("training_looks")["transitions"] == pytest.approx(3)
        assert counts.each("inference_looks")["transitions"] == pytest.approx(3)
        assert counts.each("collecting_looks")["transitions"] == pytest.approx(3)

    def test_a_photo_takes_two_calls_of_functions_and_an_avatar_none_of_its_own(self) -> None:
        counts = read_counts()

        assert counts.each("photos")["invocations"] == pytest.approx(2, abs=0.2)
        assert counts.each("avatars")["invocations"] < 0.2

    def test_a_stack_is_priced_by_what_is_in_its_template(self, tmp_path: Path) -> None:
        template = tmp_path / "template.yaml"
        alarm = "    Type: AWS::CloudWatch::Alarm\n"
        query = "        FunctionName = '${{{}}}' OR\n".format
        template.write_text(
            f"Resources:\n  A:\n{alarm}  B:\n{alarm}{query('One')}{query('Two')}{query('Three')}"
            "  # Type: AWS::S3::Bucket\n"
        )

        lines = {line.what: line for line in monthly(read_counts(), read_prices(), template)}

        alarms = lines["metrics under alarms"]
        assert (alarms.count, alarms.dollars) == (4, pytest.approx(0.4))
        assert "secrets" not in lines
        assert resources_of()["AWS::SecretsManager::Secret"] == 2
        assert metrics_under_alarms() == 13 + resources_of()["AWS::Serverless::Function"]

    def test_its_schedules_are_those_of_the_template(self) -> None:
        settings = Settings.from_environment(ENVIRONMENT)
        advice = capabilities(settings.provider)

        schedules = [settings.schedule(advice, stage) for stage in Stage]
        assert schedules == [commands.TRAINING, commands.INFERENCE]
        assert settings.mean_looks == commands.LOOKS


class TestCommand:
    def test_it_is_told_for_people(self) -> None:
        answer = RUNNER.invoke(app, ["cost"])

        assert answer.exit_code == 0, answer.output
        for words in ("Step Functions transitions", "10,000 jobs", "not told", "seen so late"):
            assert words in answer.stdout

    def test_and_for_programs(self) -> None:
        options = ["--photos", "5", "--avatars", "4", "--training-price", "50"]
        options += ["--avatar-price", "5", "--credit-dollars", "0.1", "--json"]

        answer = RUNNER.invoke(app, ["cost", *options])

        told = json.loads(answer.stdout)
        assert told["job"]["photos"] == 5
        assert told["dollars"]["provider"] == pytest.approx(7)
        assert told["dollars"]["job"] == pytest.approx(sum(one["dollars"] for one in told["lines"]))
        assert told["dollars"]["first_job"] > told["dollars"]["job"]

    def test_learned_looks_cost_less_than_the_advised_ones(self) -> None:
        as_advised = ["--training-looks", "0", "--inference-looks", "0"]
        learned, advised = (
            json.loads(RUNNER.invoke(app, ["cost", "--json", *looks]).stdout)
            for looks in ([], as_advised)
        )

        assert learned["dollars"]["job"] < 0.9 * advised["dollars"]["job"]
        assert learned["polling"][:-1] == advised["polling"]
        assert learned["polling"][-1]["looks"] < learned["polling"][2]["looks"]
        assert learned["polling"][-1]["delay"] < learned["polling"][2]["delay"]

    def test_more_photos_than_a_training_takes_are_wrong_usage(self) -> None:
        assert RUNNER.invoke(app, ["cost", "--photos", "31"]).exit_code == 2


class History:
    """The histories of executions, as Step Functions tells them, two events a page."""

    class exceptions:  # noqa: N801 - as boto3 calls it
        class ExecutionDoesNotExist(Exception): ...  # noqa: N818

    def __init__(self, **states: list[str]) -> None:
        self._states = states

    def get_paginator(self, operation: str) -> "History":
        assert operation == "get_execution_history"
        return self

    def paginate(self, executionArn: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        if executionArn not in self._states:
            raise self.exceptions.ExecutionDoesNotExist
        yield {"events": [{"type": "ExecutionStarted"}]}
        for state in self._states[executionArn]:
            yield {
                "events": [{"stateEnteredEventDetails": {"name": state}}, {"type": "TaskExited"}]
            }


class TestOwnCosts:
    @staticmethod
    def target(history: History) -> Target:
        """A stack in which a job of five photos has had two runs, of four avatars and of one."""
        target = Target("avatars", {}, lambda service: history, Clock())
        jobs = FakeJobs()
        jobs.create_job(a_job(run=2), a_run(execution="first"))
        jobs.create_run(Run(JOB_ID, 2, (Prompt("realistic"),), execution="second"))
        for number in range(5):
            jobs.put_photo(a_photo(number))
        vars(target)["jobs"] = jobs
        return target

    def test_a_jobs_looks_and_transitions_are_those_of_all_its_runs(self) -> None:
        history = History(
            first=["Collect photos", "Wait", "Collect photos", "Check training", "Check inference"],
            second=["Check inference", "Check inference"],
        )

        assert look_at(self.target(history), "alice/summer") == (Job(5, 5, 2, 1, 3), 7 + 2)

    def test_states_within_the_map_count_once_also_where_its_history_tells_of_them(self) -> None:
        history = History(first=["Check inference", "Keep avatars", "Keep batch"], second=["Wait"])

        assert look_at(self.target(history), JOB_ID)[1] == 3 + 1 + 1

    def test_a_history_that_is_gone_is_said_so(self) -> None:
        with pytest.raises(RefusedError, match=r"no history of first any more: .* 90 days"):
            look_at(self.target(History()), JOB_ID)

    def test_an_erased_job_is_not_priced_as_one_without_photos(self) -> None:
        target = self.target(History(first=["Wait"], second=["Wait"]))
        target.jobs.change_job(JOB_ID, lambda job: replace(job, erased_at=NOON))

        with pytest.raises(RefusedError, match=f"{JOB_ID} is erased.* --photos and --avatars"):
            look_at(target, JOB_ID)

    def test_a_job_that_is_none_is_named(self) -> None:
        with pytest.raises(JobNotFoundError, match="alice/winter"):
            look_at(self.target(History()), "alice/winter")

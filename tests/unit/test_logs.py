"""The lines of the logs: whom they are about, and what they must not say."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from aws_lambda_powertools import Logger

from avatars import errors
from avatars.logs import Lines, failures_told
from tests import printed as stories
from tests.builders import FOLDER, JOB_ID, OWNER, a_job, an_upload, stored
from tests.fakes.aws import execution_arn
from tests.printed import STACK, Line, Story, printed, printing
from tests.region import Region
from tests.whole_jobs import folder

ROOT = Path(__file__).parents[2]

IDS = {"job_id", "owner_hash", "correlation_id", "function_name", "function_request_id"}
NO_JOB = {"swept jobs", "RunsUnderWay"}
"""What is said of no job in particular."""

STORIES = [stories.goes_well, stories.avatars_are_lost, stories.training_answer_is_lost]


def log(about: Callable[[Lines], None], key: str = "a-key") -> Line:
    """The line that is logged after that."""
    logger = Logger(STACK)
    with printing() as paper:
        logger.structure_logs()  # as at the beginning of an invocation
        about(Lines(key))
        logger.info("something")
    line: Line = json.loads(paper.getvalue())
    return line


class TestLines:
    def test_all_lines_of_a_run_have_the_name_of_its_execution_in_common(self) -> None:
        by_run, by_upload = (
            log(lambda lines: lines.about_run(JOB_ID, 1)),
            log(lambda lines: lines.about_upload(an_upload("1.jpg"))),
        )

        assert by_run["correlation_id"] == by_upload["correlation_id"] == f"{JOB_ID}-1"

    @pytest.mark.parametrize(
        ("name", "correlation_id"),
        [(f"{JOB_ID}-2", f"{JOB_ID}-2"), (f"{JOB_ID}-2-1", f"{JOB_ID}-2"), ("by-hand", "by-hand")],
    )
    def test_an_execution_speaks_for_its_run_also_when_it_has_rescued_it(
        self, name: str, correlation_id: str
    ) -> None:
        line = log(lambda lines: lines.about_execution(JOB_ID, execution_arn(name)))

        assert (line["job_id"], line["correlation_id"]) == (JOB_ID, correlation_id)

    def test_who_goes_from_job_to_job_speaks_for_the_run_of_each(self) -> None:
        def two_jobs(lines: Lines) -> None:
            lines.about_job(a_job())
            lines.about_job(a_job(job_id="another", run=3))

        assert log(two_jobs)["correlation_id"] == "another-3"

    def test_who_speaks_for_a_run_or_a_request_goes_on_to_do_so(self) -> None:
        def a_run_of_a_job(lines: Lines) -> None:
            lines.about_run(JOB_ID, 1)
            lines.about_job(a_job(run=2))

        assert log(a_run_of_a_job)["correlation_id"] == f"{JOB_ID}-1"

    def test_a_job_without_a_model_says_nothing_of_that_of_the_job_before(self) -> None:
        def two_jobs(lines: Lines) -> None:
            lines.about_job(a_job(model_id="model-1"))
            lines.about_job(a_job(job_id="another"))

        line = log(two_jobs)

        assert (line["job_id"], "model_id" in line) == ("another", False)

    def test_what_is_about_nobody_names_nobody(self) -> None:
        def all_in_turn(lines: Lines) -> None:
            lines.about_run(JOB_ID, 1)
            lines.about_job(a_job(model_id="model-1"))
            lines.about_nobody()

        assert log(all_in_turn).keys().isdisjoint({"job_id", "run", "owner_hash", "model_id"})

    def test_an_owner_is_the_same_in_a_stack_and_another_in_the_next(self) -> None:
        def hash_of(owner: str, key: str) -> object:
            return log(lambda lines: lines.about_owner(owner), key)["owner_hash"]

        assert hash_of("alice", "a-key") == hash_of("alice", "a-key")
        assert len({hash_of("alice", "a-key"), hash_of("bob", "a-key"), hash_of("alice", "b")}) == 3


class TestFailures:
    @pytest.mark.parametrize(
        ("error", "level"),
        [
            (errors.TooFewPhotosError("4 of 4."), "WARNING"),
            (PermissionError("uploads/alice/summer/IMG_1.JPG"), "ERROR"),
        ],
    )
    def test_a_step_that_fails_says_so_by_the_name_of_the_error_only(
        self, error: Exception, level: str
    ) -> None:
        @failures_told
        def fail() -> None:
            raise error

        with printing() as paper, pytest.raises(type(error)):
            fail()
        line = json.loads(paper.getvalue())

        assert (line["message"], line["error"], line["level"]) == (
            "failed", type(error).__name__, level,
        )  # fmt: skip
        assert str(error) not in paper.getvalue()


def test_what_the_api_says_has_the_id_of_its_request_and_of_the_job() -> None:
    request = json.loads((ROOT / "events/api_get_job.json").read_text())
    request["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = OWNER
    request["pathParameters"]["job_id"] = JOB_ID
    request["rawPath"] = f"/jobs/{JOB_ID}"

    def asks(region: Region) -> None:
        stored(region.services, a_job(model_id="model-1"))
        region.invoke("api", request)

    [line] = printed(asks)

    assert line["correlation_id"] == request["requestContext"]["requestId"]
    assert (line["job_id"], line["model_id"], line["status"]) == (JOB_ID, "model-1", 200)
    assert not IDS - line.keys()


@pytest.mark.parametrize("story", STORIES)
class TestWholeJobs:
    def test_every_line_says_whom_it_is_about_and_who_says_it(self, story: Story) -> None:
        lacking = [
            (line["message"], IDS - line.keys())
            for line in printed(story)
            if line["message"] not in NO_JOB and IDS - line.keys()
        ]

        assert lacking == []

    def test_once_there_is_a_model_every_line_of_the_pipeline_names_it(self, story: Story) -> None:
        lines = printed(story)
        first = next((n for n, line in enumerate(lines) if "model_id" in line), len(lines))
        nameless = [
            line["message"]
            for line in lines[first:]
            if "model_id" not in line and line["message"] not in NO_JOB
        ]

        assert nameless == []

    def test_no_line_names_the_owner_the_folder_a_file_or_a_link(self, story: Story) -> None:
        text = "\n".join(json.dumps(line) for line in printed(story))

        for secret in (OWNER, FOLDER, *folder(photos=1), "copy.jpg", "http", "/uploads"):
            assert f"{secret}" not in text.replace("a-function", ""), secret

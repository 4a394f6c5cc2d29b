"""The story of a job as AWS tells it, and what of it may leave the account."""

import io
import json
import re
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from avatars import keys
from avatars.aws.buckets import S3Answers
from avatars.aws.jobs import DynamoDBJobs
from avatars.clock import Clock
from avatars.model import (
    Advice,
    Answer,
    AvatarStatus,
    Job,
    JobStatus,
    PhotoStatus,
    Prompt,
    Run,
    Sending,
    job_id_for,
)
from cli.doctor.finding import Finding, Level
from cli.target import Target
from cli.tracing.bundle import write_bundle
from cli.tracing.fact import Fact, Source, Story
from cli.tracing.gathering import tell_story
from cli.tracing.telling import about_times, as_instant, document, rows
from tests.builders import (
    FOLDER,
    JOB_ID,
    OWNER,
    a_job,
    a_photo,
    a_run,
    a_submission,
    an_avatar,
    an_inference,
)
from tests.contract import table

UPLOADS, AVATARS, LOGS, STACK = "uploads", "avatars", "functions", "a-stack"
REQUEST = "0e1f64b4-1a36-4b11-8a3e-2f9d5a0c7e61"
BEGAN = int(time.time()) - 600
"""Ten minutes ago: logs of yesteryear are not taken."""

PARAMETERS = {"Numbers": "30", "Secret": "https://hooks.test/5ec2e7", "Nothing": ""}

Event = dict[str, Any]


class States:
    """Step Functions as moto has it, with histories as AWS writes them: moto runs nothing.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
    """

    def __init__(self, histories: dict[str, list[Event]]) -> None:
        self._moto = boto3.client("stepfunctions")
        self._histories = histories

    def __getattr__(self, name: str) -> Any:
        return getattr(self._moto, name)

    def get_paginator(self, operation: str) -> Any:
        return self if operation == "get_execution_history" else self._moto.get_paginator(operation)

    def paginate(self, **given: Any) -> Iterator[dict[str, list[Event]]]:
        yield {"events": self._histories.get(given["executionArn"].rpartition(":")[2], [])}


class Account:
    """What a stack of the template would have left on an account."""

    def __init__(self) -> None:
        self.jobs = DynamoDBJobs(table.rows())
        s3 = boto3.client("s3")
        for bucket in (UPLOADS, AVATARS):
            place = {"LocationConstraint": "eu-west-1"}
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
        self.answers = S3Answers(s3, AVATARS)
        self.logs = boto3.client("logs")
        self.logs.create_log_group(logGroupName=LOGS)
        self.logs.create_log_stream(logGroupName=LOGS, logStreamName="all")
        self.machine = boto3.client("stepfunctions").create_state_machine(
            name="MakeAvatars", definition="{}", roleArn="arn:aws:iam::123456789012:role/machine"
        )["stateMachineArn"]
        self.histories: dict[str, list[Event]] = {}

    def target(self, clock: Clock | None = None) -> Target:
        def client(service: str, **given: Any) -> Any:
            if service == "stepfunctions":
                return States(self.histories)
            if service == "cloudformation":
                return described_stack()
            return boto3.client(service, **given)

        outputs = {
            "JobsTable": table.TABLE,
            "StateMachine": self.machine,
            "AvatarBucket": AVATARS,
            "LogGroup": LOGS,
        }
        return Target(STACK, outputs, client, clock or Clock())

    def stored(self, job: Job, *runs: Run) -> Job:
        for run in runs or (replace(a_run(), execution=None, started_at=BEGAN),):
            self.jobs.create_run(run)
        return self.jobs.create_job(job, self.jobs.run(job.job_id, 1))

    def start(self, name: str, history: Sequence[Event] = (), **given: object) -> str:
        arn: str = boto3.client("stepfunctions").start_execution(
            stateMachineArn=self.machine, name=name, input=json.dumps(given)
        )["executionArn"]
        self.histories[name] = list(history)
        return arn

    def log(self, line: dict[str, Any] | str, at: float = BEGAN + 60) -> None:
        message = line if isinstance(line, str) else json.dumps(line)
        self.logs.put_log_events(
            logGroupName=LOGS,
            logStreamName="all",
            logEvents=[{"timestamp": int(at * 1000), "message": message}],
        )


def described_stack() -> Any:
    """CloudFormation, of whom moto makes no stack without a package more: it knows this one."""
    client = boto3.client("cloudformation")
    parameters = [
        {"ParameterKey": name, "ParameterValue": value} for name, value in PARAMETERS.items()
    ]
    stack = {
        "StackName": STACK,
        "StackStatus": "CREATE_COMPLETE",
        "CreationTime": datetime.fromtimestamp(BEGAN, UTC),
        "Parameters": parameters,
    }
    stubber = Stubber(client)
    stubber.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": STACK})
    stubber.activate()
    return client


@pytest.fixture
def account(aws: None) -> Account:
    return Account()


def begun(**changes: Any) -> Job:
    """A job that began ten minutes ago, and no execution of it is known."""
    times = {"created_at": BEGAN, "collect_deadline": BEGAN + 86_400, "execution_started": False}
    return a_job(**times | changes)


def an_event(number: int, after: float, kind: str, before: int | None = None, **more: Any) -> Event:
    """An event of a history, so many seconds after the job's beginning."""
    return {
        "id": number,
        "previousEventId": number - 1 if before is None else before,
        "timestamp": datetime.fromtimestamp(BEGAN + after, UTC),
        "type": kind,
        **more,
    }


def entered(number: int, after: float, state: str, before: int | None = None) -> Event:
    details = {"stateEnteredEventDetails": {"name": state}}
    return an_event(number, after, "TaskStateEntered", before, **details)


def done(number: int, after: float, before: int | None = None, **reply: object) -> Event:
    details = {"output": json.dumps({"Payload": reply}), "resourceType": "lambda"}
    return an_event(number, after, "TaskSucceeded", before, taskSucceededEventDetails=details)


def failed(number: int, after: float, error: str, cause: str) -> Event:
    details = {"error": error, "cause": cause, "resourceType": "lambda"}
    return an_event(number, after, "TaskFailed", taskFailedEventDetails=details)


def cause_of(message: str) -> str:
    """What Lambda says of a function that raised."""
    return json.dumps({"errorMessage": message, "errorType": "AnError", "requestId": REQUEST})


def said(story: Story, source: Source) -> list[str]:
    return [fact.said for fact in story.facts if fact.source is source]


class TestStory:
    def test_every_source_is_told_in_the_order_of_time(self, account: Account) -> None:
        job = account.stored(
            begun(
                execution_started=True,
                training=a_submission(Sending.ACCEPTED, intended_at=BEGAN + 20),
                model_id="model-1",
            )
        )
        account.jobs.put_photo(a_photo(1, uploaded_at=BEGAN + 1))
        account.start(
            f"{JOB_ID}-1",
            [entered(1, 30, "Check training"), done(2, 32.5, status="READY", looks={"words": []})],
        )
        account.log({"job_id": JOB_ID, "message": "judged photo", "status": "accepted"}, BEGAN + 5)
        account.log({"job_id": JOB_ID, "message": "PhotosJudged", "_aws": {}}, BEGAN + 5)
        account.log({"job_id": JOB_ID, "message": "failed", "error": "TimeoutError"}, BEGAN + 6)
        account.log({"job_id": "ANOTHER", "message": f"of a job that is not {JOB_ID}"}, BEGAN + 5)
        account.answers.keep(JOB_ID, "training-001", Answer(202, {}, b'{"model_id": "model-1"}'))

        story = tell_story(account.target(), job)

        times = [fact.at for fact in story.facts]
        assert times == sorted(times)
        assert said(story, Source.TABLE) == [
            "job begun: subject woman, provider picsart-trained",
            "run 1 begun, of 4 avatars: styles realistic:4",
            f"photo {a_photo(1).photo_id} (001.jpg) uploaded, and accepted",
            "training asked for, attempt 1: accepted: model id model-1",
        ]
        assert said(story, Source.LOGS) == [
            ": judged photo: status accepted",
            ": failed: error TimeoutError",
        ]
        assert "Check training: done in 2.5 s: status READY" in said(story, Source.HISTORY)
        assert said(story, Source.PROVIDER) == ["answered training-001 with 202: bytes 23"]
        assert not any(fact.trouble for fact in story.facts)
        assert story.gaps == []

    def test_a_clock_that_runs_faster_is_put_right(self, account: Account) -> None:
        clock = Clock(epoch=BEGAN, scale=0.01)
        job = account.stored(begun(chosen_at=BEGAN + 6000))  # a minute after, by the wall
        account.log({"job_id": JOB_ID, "message": "collected photos"}, BEGAN + 59)
        account.log({"job_id": JOB_ID, "message": "started training"}, BEGAN + 61)

        story = tell_story(account.target(clock), job)
        told = document(story)

        assert [fact.said for fact in story.facts][2:] == [
            ": collected photos",
            "0 photos chosen",
            ": started training",
        ]
        chosen = told["facts"][3]
        assert chosen["at"] == as_instant(BEGAN + 60)
        assert (chosen["seconds"], chosen["clock_seconds"]) == (60, 6000)
        assert "100 times as fast" in about_times(story)

    def test_what_went_wrong_is_marked_and_its_invocation_looked_up(self, account: Account) -> None:
        job = account.stored(begun(execution_started=True))
        wrong = failed(2, 31, "NotSentError", cause_of("no key"))
        account.start(f"{JOB_ID}-1", [entered(1, 30, "Start training"), wrong])
        account.log(
            f"REPORT RequestId: {REQUEST}\tDuration: 1234.56 ms\tBilled Duration: 1235 ms\t"
            "Memory Size: 256 MB\tMax Memory Used: 97 MB",
            BEGAN + 31,
        )
        account.log(f"2026-11-28T19:00:00Z {REQUEST} Task timed out after 60.00 seconds")
        account.log({"job_id": JOB_ID, "message": "unknown status", "level": "WARNING"})

        story = tell_story(account.target(), job)

        assert [fact.said for fact in story.facts if fact.trouble] == [
            f"Start training: failed with NotSentError: reason no key, request id {REQUEST}",
            ": unknown status",
            f"invocation {REQUEST} was ended",
        ]
        assert f"invocation {REQUEST} took 1234.56 ms and 97 of 256 MB" in said(story, Source.LOGS)
        marked = [str(cells[0]) for cells in rows(story)]
        assert marked.count("!") == 3

    def test_calls_to_the_provider_are_told_by_what_is_counted_of_them(
        self, account: Account
    ) -> None:
        job = account.stored(begun())
        line = {"_aws": {}, "job_id": JOB_ID, "function_name": "a-stack-CheckTrainingFunction-1AB"}
        call = line | {"message": "ProviderCalls", "call": "check_training", "ProviderCalls": [1.0]}
        account.log(call | {"outcome": "not_found"}, BEGAN + 1)
        account.log(call | {"outcome": "failed"}, BEGAN + 2)
        account.log(line | {"message": "ProviderDrift", "kind": "new_shape"}, BEGAN + 3)
        account.log(line | {"message": "Looks", "stage": "training"}, BEGAN + 4)

        story = tell_story(account.target(), job)

        told = [fact for fact in story.facts if fact.source is Source.PROVIDER]
        assert [(fact.said, fact.trouble) for fact in told] == [
            ("check_training asked: check_training, not_found", False),
            ("check_training asked: check_training, failed", True),
            ("check_training was answered otherwise than is known: new_shape", True),
        ]
        assert said(story, Source.LOGS) == []

    def test_steps_side_by_side_are_told_apart(self, account: Account) -> None:
        job = account.stored(begun(execution_started=True))
        account.start(
            f"{JOB_ID}-1",
            [
                entered(1, 30, "Keep avatars", before=0),
                entered(2, 31, "Check training", before=0),
                done(3, 34, before=1, kept=20, missing=0),
                done(4, 35, before=2, status="READY"),
            ],
        )

        story = tell_story(account.target(), job)

        assert said(story, Source.HISTORY)[-3:-1] == [
            "Keep avatars: done in 4.0 s: kept 20, missing 0",
            "Check training: done in 4.0 s: status READY",
        ]

    def test_executions_that_a_person_started_are_found_by_their_input(
        self, account: Account
    ) -> None:
        job = account.stored(begun())
        account.start("by-hand", job_id=JOB_ID, run=1)
        account.start("for-another", job_id=job_id_for("bob", "winter"))
        account.start(f"{job_id_for('bob', 'winter')}-1", job_id=job_id_for("bob", "winter"))

        story = tell_story(account.target(), job)

        assert said(story, Source.HISTORY) == ["execution by-hand began"]

    def test_rescues_and_further_runs_are_told_too(self, account: Account) -> None:
        first, second = (
            Run(JOB_ID, number, (Prompt("realistic"),), started_at=BEGAN, rescues=2 - number)
            for number in (1, 2)
        )
        job = account.stored(begun(run=2, execution_started=True), first, second)
        names = [f"{JOB_ID}-1", f"{JOB_ID}-1-1", f"{JOB_ID}-2"]
        for name in names:
            account.start(name, job_id=JOB_ID)

        story = tell_story(account.target(), job)

        assert sorted(said(story, Source.HISTORY)) == [f"execution {name} began" for name in names]

    def test_an_avatar_is_kept_when_its_file_was_stored(self, account: Account) -> None:
        job = account.stored(begun())
        avatar = an_avatar(1)
        account.jobs.put_avatar(avatar)
        account.jobs.put_avatar(an_avatar(2, status=AvatarStatus.MISSING, reason="no link"))
        boto3.client("s3").put_object(Bucket=AVATARS, Key=str(avatar.key), Body=b"jpeg")

        story = tell_story(account.target(), job)

        kept, missing = (
            next(fact for fact in story.facts if fact.said.startswith(f"avatar {position} of run"))
            for position in (1, 2)
        )
        assert abs(kept.at - time.time()) < 60
        assert (kept.trouble, missing.trouble) == (False, True)
        assert (
            missing.said == "avatar 2 of run 1 missing: style realistic, bytes 1000, reason no link"
        )

    def test_neither_links_nor_addresses_nor_prompts_are_told(self, account: Account) -> None:
        run = Run(JOB_ID, 1, (Prompt("realistic", 1, "by the 5ec2e7"),), started_at=BEGAN)
        job = account.stored(begun(webhook="https://hooks.test/5ec2e7"), run)
        links = ["https://results.test/1.jpg?X-Amz-Signature=5ec2e7"]
        body = json.dumps({"status": "DONE", "urls": links}).encode()
        account.answers.keep(JOB_ID, "run-001-result", Answer(200, {}, body))

        told = json.dumps(document(tell_story(account.target(), job)))

        assert "links 1" in told
        assert "5ec2e7" not in told
        assert "://" not in told


class TestGaps:
    def test_a_source_that_cannot_be_looked_at_is_named_and_the_others_are_told(
        self, account: Account
    ) -> None:
        job = account.stored(begun())
        account.logs.delete_log_group(logGroupName=LOGS)
        boto3.client("s3").delete_bucket(Bucket=AVATARS)

        story = tell_story(account.target(), job)

        assert [(gap.source, gap.code) for gap in story.gaps] == [
            (Source.LOGS, "ResourceNotFoundException"),
            (Source.PROVIDER, "NoSuchBucket"),
        ]
        assert "job begun: subject woman, provider picsart-trained" in said(story, Source.TABLE)

    def test_an_execution_that_is_forgotten_is_named(self, account: Account) -> None:
        job = account.stored(begun(execution_started=True))

        story = tell_story(account.target(), job)

        (gap,) = story.gaps
        assert gap.why.startswith(f"{JOB_ID}-1 is forgotten")
        assert "90 days" in gap.why

    def test_logs_that_have_aged_away_are_named(self, account: Account) -> None:
        account.logs.put_retention_policy(logGroupName=LOGS, retentionInDays=30)
        old = BEGAN - int(timedelta(days=60).total_seconds())
        job = account.stored(begun(created_at=old))

        story = tell_story(account.target(), job)

        assert [gap.code for gap in story.gaps] == ["AGED_AWAY"]

    def test_a_run_of_an_erased_job_is_not_said_to_have_been_of_no_avatars(
        self, account: Account
    ) -> None:
        run = replace(a_run(), execution=None, started_at=BEGAN, prompts=())
        job = account.stored(begun(erased_at=BEGAN + 60), run)

        story = tell_story(account.target(), job)

        assert "run 1 begun" in said(story, Source.TABLE)

    def test_rows_that_were_erased_are_named(self, account: Account) -> None:
        job = account.stored(begun(erased_at=BEGAN + 60))
        account.jobs.erase(JOB_ID)

        story = tell_story(account.target(), job)

        assert [gap.why for gap in story.gaps] == ["Run 1 was erased."]


MARK = "5ec2e7"
PROVIDERS_IDS = ("model_id", "inference_id", "accepted_id", "correlation_id")
"""What its support asks for: in as the provider gives them, where they look like ids."""


class TestBundle:
    @pytest.mark.parametrize(
        "form", ["Leak {} " + MARK, "Leak{}" + MARK, "https://{}.test/" + MARK]
    )
    def test_nothing_of_a_strangers_is_in_it(
        self, account: Account, tmp_path: Path, form: str
    ) -> None:
        job = everywhere_marked(account, form)

        contents = bundled(account, job, tmp_path, form)

        told = "\n".join(contents.values())
        assert set(contents) == {
            "README.txt", "doctor.json", "rows.json", "stack.json", "trace.json", "trace.txt",
        }  # fmt: skip
        assert MARK not in told
        for name in (OWNER, FOLDER, "001.jpg", "realistic", "123456789012"):
            assert name not in told

    def test_yet_the_story_is(self, account: Account, tmp_path: Path) -> None:
        job = account.stored(
            begun(
                status=JobStatus.FAILED,
                code="PROVIDER_REJECTED",
                model_id="9cd5b055-f8af-4248",
                training=a_submission(Sending.ACCEPTED, intended_at=BEGAN + 20),
                execution_started=True,
            )
        )
        photo = a_photo(1, uploaded_at=BEGAN + 1, status=PhotoStatus.REJECTED, code="too_small")
        account.jobs.put_photo(photo)
        wrong = failed(2, 31, "ProviderRejectedError", cause_of("no such type"))
        account.start(f"{JOB_ID}-1", [entered(1, 30, "Start training"), wrong])
        line = {"job_id": JOB_ID, "function_name": "a-stack-JudgePhotoFunction-1AB"}
        account.log(line | {"message": "judged photo", "photo_id": photo.photo_id}, BEGAN + 5)

        contents = bundled(account, job, tmp_path)
        told = [cells.split("\t")[-1] for cells in contents["trace.txt"].splitlines()]

        assert "photo photo-1 (photo-1) uploaded, and rejected: code too_small" in told
        assert "judge_photo: judged photo: photo id photo-1" in told
        assert "training asked for, attempt 1: accepted: model id 9cd5b055-f8af-4248" in told
        assert (
            f"Start training: failed with ProviderRejectedError: reason …, request id {REQUEST}"
        ) in told
        stack = json.loads(contents["stack.json"])
        assert stack["parameters"] == {"Numbers": "30", "Secret": "(set)", "Nothing": "(empty)"}
        assert set(stack["versions"]) == {"avatars", "boto3", "python"}
        assert json.loads(contents["doctor.json"])[0]["said"] == "It keeps versions."


def bundled(account: Account, job: Job, folder: Path, form: str = "{}") -> dict[str, str]:
    """The files of a bundle by name."""
    target = account.target()
    findings = [
        Finding("AvatarBucket", Level.OK, "It keeps versions."),
        Finding(
            form.format("about"), Level.FINDING, f"{form.format('said')} is switched off.", "!"
        ),
    ]
    write_bundle(folder / "bundle.zip", target, tell_story(target, job), findings)
    with zipfile.ZipFile(io.BytesIO((folder / "bundle.zip").read_bytes())) as bundle:
        return {name: bundle.read(name).decode() for name in bundle.namelist()}


def everywhere_marked(account: Account, form: str) -> Job:
    """A job with a mark in every text of its rows, answers, histories and logs."""

    def mark(name: str) -> str:
        # As an id of the provider, what looks like one is one.
        looks_like_one = name in PROVIDERS_IDS and " " not in form and ":" not in form
        return f"no id: {form.format(name)}" if looks_like_one else form.format(name)

    def marked(row: Any) -> Any:
        """Every field that holds any text; those of a fixed set of words hold no other."""
        changes: dict[str, Any] = {
            field.name: mark(field.name)
            for field in fields(row)
            if field.name not in ("job_id", "provider")
            and _holds_text(getattr(row, field.name), str(field.type))
        }
        return replace(row, **changes)

    submission = marked(a_submission(Sending.INTENDED, intended_at=BEGAN))
    job = replace(marked(begun(status=JobStatus.FAILED)), training=submission, chosen_at=BEGAN)
    run = replace(
        marked(a_run(started_at=BEGAN, ended_at=BEGAN + 9, status=JobStatus.FAILED)),
        prompts=(marked(Prompt("style", 1, "prompt")),),
        inferences=(
            replace(marked(an_inference()), submission=submission, fruitless=(mark("id"),)),
        ),
    )
    account.stored(job, run)
    photo = replace(marked(a_photo(1)), uploaded_at=BEGAN, advice=(Advice.BLURRED,))
    account.jobs.put_photo(photo)
    account.jobs.put_avatar(marked(an_avatar(1, reason="because")))
    names = (
        "model_id", "inference_id", "status", "urls", "data", "detail", "message", "reason",
        "error",
    )  # fmt: skip
    headers = ("date", "x-picsart-correlation-id", "x-picsart-credit-available", "content-type")
    for name in ("training-001", mark("answer")):
        body = {name: mark("correlation_id") for name in names} | {"urls": [mark("url")]}
        answer = Answer(
            422, {name: mark("correlation_id") for name in headers}, json.dumps(body).encode()
        )
        account.answers.keep(JOB_ID, name, answer)
    reply = {
        name: mark(name) for name in (*names, "begin_with", "code", "kept", "accepted_id", "words")
    }
    account.start(
        f"{JOB_ID}-1",
        [
            entered(1, 1, mark("state")),
            done(2, 2, **reply),
            failed(3, 3, mark("error"), cause_of(mark("message"))),
            failed(4, 4, mark("error"), mark("cause")),
            failed(5, 5, "States.Timeout", json.dumps({"requestId": mark("request")})),
        ],
    )
    account.start(re.sub(r"\W", "-", mark("execution")), job_id=JOB_ID)
    line = {
        name: mark(name)
        for name in (
            *reply, "function_name", "level", "exception", "exception_name", "looks", "photo_id",
            "file", "execution", "route", "why", "owner", mark("key"), "function_request_id",
        )
    }  # fmt: skip
    account.log(line | {"job_id": JOB_ID, "nested": {mark("key"): [mark("value")]}})
    for metric in ("ProviderCalls", "ProviderDrift", mark("metric")):
        account.log(
            line
            | {
                "job_id": JOB_ID,
                "message": metric,
                "_aws": mark("_aws"),
                "call": mark("call"),
                "outcome": mark("outcome"),
            }
        )
    account.log(f"REPORT RequestId: {REQUEST} {mark('text')} Task timed out")
    return account.jobs.job(JOB_ID)


def _holds_text(value: object, kind: str) -> bool:
    return kind.startswith("str") and (value is None or not isinstance(value, Enum))


def test_the_marks_would_be_seen(account: Account) -> None:
    """What the bundle is made of is full of them."""
    job = everywhere_marked(account, "Leak {} " + MARK)

    told = json.dumps(document(tell_story(account.target(), job)))

    assert told.count(MARK) > 30
    assert keys.answer_prefix(JOB_ID) not in told


def test_a_fact_says_its_words_and_then_the_rest() -> None:
    fact = Fact(0, Source.TABLE, "{one} of {two}", {"one": 1, "three_four": "x", "five": None})

    assert fact.said == "1 of ?: three four x"

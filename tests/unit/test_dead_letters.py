"""What the messages of the dead-letter queue say, and what is explained of them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.model import JobStatus, PhotoStatus, Receiver
from cli.dead_letters.explaining import Explanation, explain
from cli.dead_letters.letters import (
    AlarmDue,
    ExecutionEnded,
    Failure,
    Letter,
    NoticeDue,
    PackingDue,
    PhotoUploaded,
    SweepDue,
    Unreadable,
    WebhookDue,
    read_letter,
)
from tests.builders import EXECUTION, JOB_ID, a_job, a_photo, a_run, chosen, stored, training
from tests.conftest import ROOT
from tests.fakes import FakeServices
from tests.fakes.clock import NOON

ACCOUNT = "us-east-1:123456789012"
FUNCTIONS = f"arn:aws:lambda:{ACCOUNT}:function"
PHOTO = "IMG_2050.JPG"

OUR_WORDS = st.sampled_from(
    [
        "source", "detail", "detail-type", "object", "key", "input", "job_id", "time",
        "requestPayload", "requestContext", "responsePayload", "approximateInvokeCount",
        "receiver", "notice",
    ]
)  # fmt: skip
OUR_VALUES = st.sampled_from(
    ["aws.s3", "aws.states", "avatars", "{}", "uploads/a/b/c.jpg", 3, None]
)
NONSENSE = st.recursive(
    OUR_VALUES, lambda inner: st.lists(inner) | st.dictionaries(OUR_WORDS, inner), max_leaves=20
)
"""Bodies with our words in the wrong places."""


def event(name: str) -> Any:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


def a_message(body: object, **attributes: str) -> dict[str, Any]:
    """As SQS hands it out."""
    return {
        "MessageId": "5fea7756-0ea4-451a-a703-a558b933e274",
        "ReceiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "MD5OfBody": "fafb00f5732ab283681e124bf8747ed1",
        "Body": body if isinstance(body, str) else json.dumps(body),
        "Attributes": {"SentTimestamp": str(NOON * 1000)},
        "MessageAttributes": {
            name: {"StringValue": value, "DataType": "String"} for name, value in attributes.items()
        },
    }


def a_record(payload: object, function: str, error: str | None, message: str) -> dict[str, Any]:
    """What Lambda writes of an invocation that failed every time."""
    response = {"errorMessage": message, "errorType": error} if error else {"errorMessage": message}
    return {
        "version": "1.0",
        "timestamp": "2026-07-25T06:40:03.512Z",
        "requestContext": {
            "requestId": "0e1f64b4-1a36-4b11-8a3e-2f9d5a0c7e61",
            "functionArn": f"{FUNCTIONS}:{function}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": payload,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": response,
    }


def judged_in_vain(judged: str = "judge_photo_crashed") -> Letter:
    """Neither preparing nor judging a photo worked: one record in the other."""
    record = a_record(
        event(judged), "avatars-JudgePhotoFunction-Qw3", "ClientError", "Table is gone."
    )
    return read_letter(a_message(record))


def undelivered(payload: object) -> Letter:
    """A rule could not call its function."""
    return read_letter(
        a_message(
            payload,
            RULE_ARN=f"arn:aws:events:{ACCOUNT}:rule/avatars-PreparePhotoFunctionUploaded-1B3",
            TARGET_ARN=f"{FUNCTIONS}:avatars-PreparePhotoFunction-Jx2",
            ERROR_CODE="THROTTLING",
            ERROR_MESSAGE="Rate exceeded.",
            EXHAUSTED_RETRY_CONDITION="MaximumRetryAttempts",
            RETRY_ATTEMPTS="185",
        )
    )


def unclosed() -> Letter:
    """Closing a job failed every time."""
    record = a_record(
        event("close_job"), "avatars-CloseJobFunction-Rt5", "ClientError", "No table."
    )
    return read_letter(a_message(record))


def unpacked() -> Letter:
    """Packing a job's avatars failed every time."""
    record = a_record(
        event("pack_avatars"), "avatars-PackAvatarsFunction-Bq5", "OSError", "No space left."
    )
    return read_letter(a_message(record))


def untold(kind: str, **detail: Any) -> Letter:
    """Telling people failed every time."""
    notice = {"source": "avatars", "detail-type": kind, "detail": detail, "id": "1", "version": "0"}
    return undelivered(notice)


def unsent(receiver: str = "job", **attributes: str) -> Letter:
    """A webhook that its receiver did not take."""
    notice = json.loads(event("send_webhook")["Records"][0]["body"])["notice"]
    return read_letter(a_message({"receiver": receiver, "notice": notice}, **attributes))


REFUSED = {
    "ERROR_CODE": "RECEIVER_REFUSED",
    "ERROR_MESSAGE": "The receiver answered 410.",
    "RETRY_ATTEMPTS": "2",
}


class TestReading:
    def test_a_record_in_a_record_is_about_the_first_event(self) -> None:
        letter = judged_in_vain()

        assert letter.function == "prepare_photo"
        assert letter.event == event("judge_photo_crashed")["requestPayload"]
        assert isinstance(letter.matter, PhotoUploaded)
        assert letter.matter.about == f"alice/summer/{PHOTO}"
        assert [failure.error for failure in letter.failures] == [
            "Runtime.OutOfMemory", "ClientError",
        ]  # fmt: skip
        assert letter.sent_at == NOON

    def test_a_letter_of_a_rule_is_the_event_itself(self) -> None:
        letter = undelivered(event("prepare_photo"))

        assert letter.function == "prepare_photo"
        assert letter.event == event("prepare_photo")
        assert letter.failures == (
            Failure("prepare_photo", "THROTTLING", "Rate exceeded.", 186, delivered=False),
        )

    def test_an_event_that_was_never_tried_again_was_tried_once(self) -> None:
        message = a_message(event("prepare_photo"), RULE_ARN="a rule", ERROR_CODE="NO_PERMISSIONS")

        (failure,) = read_letter(message).failures

        assert (failure.tries, failure.message) == (1, "")

    def test_a_letter_of_the_schedule_is_a_sweep(self) -> None:
        letter = read_letter(
            a_message(
                "{}",
                SCHEDULE_ARN=f"arn:aws:scheduler:{ACCOUNT}:schedule/default/avatars-Regularly-9K",
                TARGET_ARN=f"{FUNCTIONS}:avatars-SweepJobsFunction-Lm8",
                ERROR_CODE="AWS.Scheduler.InternalServerError",
                ERROR_MESSAGE="Unexpected error.",
                EXECUTION_ID="ad06616e51cdf74a",
                SCHEDULED_TIME="2026-07-25T07:00:00Z",
                EXHAUSTED_RETRY_CONDITION="MaximumRetryAttempts",
                RETRY_ATTEMPTS="3",
                IS_PAYLOAD_TRUNCATED="false",
            )
        )

        assert (letter.function, letter.matter, letter.event) == ("sweep_jobs", SweepDue(), {})
        assert letter.failures[0].tries == 4

    def test_a_sweep_that_failed_is_a_sweep(self) -> None:
        record = a_record({}, "avatars-SweepJobsFunction-Lm8", "Sandbox.Timedout", "Timed out.")

        assert read_letter(a_message(record)).matter == SweepDue()

    def test_a_job_that_was_not_closed_is_known_by_its_execution(self) -> None:
        letter = unclosed()

        assert letter.function == "close_job"
        assert letter.matter == ExecutionEnded(
            JOB_ID, event("close_job")["detail"]["executionArn"], "ABORTED"
        )

    def test_an_upload_that_the_sweep_had_asked_about_is_a_photo(self) -> None:
        asked = {name: event("prepare_photo")[name] for name in ("time", "detail")}
        record = a_record(asked, "avatars-PreparePhotoFunction-Jx2", None, "It exited.")

        letter = read_letter(a_message(record))

        assert isinstance(letter.matter, PhotoUploaded)
        assert letter.failures[0].error == "RetriesExhausted"

    def test_avatars_that_were_not_packed_are_known_by_their_job(self) -> None:
        letter = unpacked()

        assert letter.function == "pack_avatars"
        assert letter.matter == PackingDue(JOB_ID)
        assert letter.matter.about == JOB_ID

    def test_people_who_were_not_told_are_an_alarm(self) -> None:
        letter = untold("AvatarJobNeedsAttention", job_id=JOB_ID, code="OUT_OF_CREDITS")

        assert letter.function == "alarm"
        assert isinstance(letter.matter, AlarmDue)
        assert letter.matter.about == JOB_ID

    def test_a_webhook_that_was_not_taken_is_for_its_function(self) -> None:
        letter = unsent("stack", **REFUSED)

        assert letter.function == "send_webhook"
        assert letter.matter == WebhookDue("AvatarsReady", JOB_ID, Receiver.STACK)
        assert letter.failures == (
            Failure("send_webhook", "RECEIVER_REFUSED", "The receiver answered 410.", 3, True),
        )

    def test_a_webhook_that_the_queue_gave_up_was_handed_out_that_often(self) -> None:
        assert unsent().failures == (
            Failure("send_webhook", "an unknown error", "its logs say more", 20, True),
        )

    @pytest.mark.parametrize(
        ("rule", "receiver"),
        [
            ("TellReceiversOfJobsRule", Receiver.JOB),
            ("TellReceiverOfStackRule", Receiver.STACK),
        ],
    )
    def test_a_notice_that_never_reached_the_queue_is_what_its_rule_would_have_written(
        self, rule: str, receiver: Receiver
    ) -> None:
        notice = unsent().event["notice"]
        arn = f"arn:aws:events:{ACCOUNT}:rule/avatars-{rule}-1B3"

        letter = read_letter(a_message(notice, RULE_ARN=arn, ERROR_CODE="THROTTLING"))

        assert letter.function == "send_webhook"
        assert letter.event == {"receiver": receiver, "notice": notice}
        assert letter.matter == WebhookDue("AvatarsReady", JOB_ID, receiver)
        assert [failure.delivered for failure in letter.failures] == [False]

    def test_a_mail_that_was_not_sent_is_a_notice_and_no_alarm(self) -> None:
        arn = f"arn:aws:events:{ACCOUNT}:rule/avatars-TellOfAvatarsRule-1B3"

        letter = read_letter(a_message(unsent().event["notice"], RULE_ARN=arn))

        assert letter.function == "notice"
        assert letter.matter == NoticeDue("AvatarsReady", JOB_ID)

    @pytest.mark.parametrize("body", ["", "{oops", "null", "[]", '"text"', '{"source": "aws.ec2"}'])
    def test_what_is_no_event_of_ours_is_for_no_function(self, body: str) -> None:
        letter = read_letter(a_message(body))

        assert letter.function is None
        assert isinstance(letter.matter, Unreadable)

    @pytest.mark.parametrize(
        ("name", "part", "value"),
        [
            ("prepare_photo", "object", {"key": "uploads//summer/a.jpg"}),
            ("prepare_photo", "object", None),
            ("close_job", "input", "{}"),
            ("close_job", "input", None),
        ],
    )
    def test_an_event_that_its_function_cannot_read_is_still_for_that_function(
        self, name: str, part: str, value: object
    ) -> None:
        broken = event(name)
        broken["detail"][part] = value

        letter = read_letter(a_message(a_record(broken, "a-function", "KeyError", "'job_id'")))

        assert letter.function == name
        assert isinstance(letter.matter, Unreadable)

    def test_a_long_story_is_cut(self) -> None:
        record = a_record({}, "avatars-SweepJobsFunction-Lm8", "ValueError", "x" * 5000)

        (failure,) = read_letter(a_message(record)).failures

        assert len(failure.message) == 300


def verdict(**changes: Any) -> Any:
    """A verdict on the photo of `judged_in_vain`."""
    matter = judged_in_vain().matter
    assert isinstance(matter, PhotoUploaded)
    upload = matter.upload
    photo = a_photo(
        1,
        photo_id=upload.photo_id,
        file=upload.file,
        sequencer=upload.sequencer,
        upload_version=upload.version_id,
    )
    return replace(photo, **changes)


class TestExplaining:
    def explained(self, services: FakeServices, letter: Letter) -> Explanation:
        return explain(letter, services.jobs)

    def test_a_photo_that_nobody_has_looked_at_is_prepared_by_a_redrive(
        self, services: FakeServices
    ) -> None:
        explanation = self.explained(services, judged_in_vain())

        assert explanation.sentences == (
            f"{PHOTO} of alice/summer, uploaded at 2026-07-25 06:31:20 UTC, was to be prepared "
            f"and judged for job {JOB_ID}.",
            "But prepare_photo failed 3 times, in the end with Runtime.OutOfMemory: RequestId: "
            "e4b46cbf-b738-43b0-b3d3-7f1b4c8c9a52 Error: Runtime exited with error: signal: "
            "killed.",
            "But judge_photo, which was to judge what came of it, failed 3 times, in the end with "
            "ClientError: Table is gone.",
            "Its job has not begun and has no verdict on it.",
            "A redrive prepares it and has it judged; sweep_jobs does so by itself within half an "
            "hour, as long as the upload is there.",
        )
        assert not explanation.mended

    def test_a_photo_that_was_prepared_and_not_judged_says_who_failed(
        self, services: FakeServices
    ) -> None:
        letter = judged_in_vain("judge_photo")

        _, failure, *_ = self.explained(services, letter).sentences

        assert letter.function == "prepare_photo"
        assert failure.startswith("But judge_photo, which was to judge what came of it, failed 3")

    @pytest.mark.parametrize(
        "changes", [{}, {"sequencer": "0" * 64}, {"upload_version": "a-newer-one"}]
    )
    def test_a_photo_with_a_verdict_is_mended(
        self, services: FakeServices, changes: dict[str, str]
    ) -> None:
        stored(services, a_job(), verdict(**changes))

        explanation = self.explained(services, judged_in_vain())

        assert explanation.mended
        assert "In the meantime it was judged: accepted." in explanation.sentences

    def test_a_verdict_on_an_older_upload_of_the_file_does_not_count(
        self, services: FakeServices
    ) -> None:
        older = verdict(
            sequencer="0" * 64,
            upload_version="older",
            status=PhotoStatus.REJECTED,
            reason="Blurred.",
        )
        stored(services, a_job(), older)

        explanation = self.explained(services, judged_in_vain())

        assert not explanation.mended
        assert "The job is COLLECTING and has no verdict on it." in explanation.sentences

    def test_a_photo_of_a_job_that_has_chosen_its_photos_comes_late(
        self, services: FakeServices
    ) -> None:
        training(services)

        explanation = self.explained(services, judged_in_vain())

        assert not explanation.mended
        assert explanation.sentences[-2:] == (
            "The job is TRAINING and takes no more photos.",
            "A redrive makes its verdict say that it came late.",
        )

    @pytest.mark.parametrize("has_begun", [True, False])
    def test_a_manifest_only_begins_its_job(self, services: FakeServices, has_begun: bool) -> None:
        upload = event("prepare_photo")
        upload["detail"]["object"]["key"] = "uploads/alice/summer/job.json"
        if has_begun:
            stored(services, a_job())

        explanation = self.explained(services, undelivered(upload))

        assert explanation.mended is has_begun
        assert f"job {JOB_ID} was to begin" in explanation.sentences[0]
        assert explanation.sentences[1] == (
            "But AWS could not hand it to prepare_photo, tried 186 times, in the end with "
            "THROTTLING: Rate exceeded."
        )

    def test_a_job_that_stands_still_is_resumed_or_ended(self, services: FakeServices) -> None:
        ended = event("close_job")["detail"]["executionArn"]
        stored(services, a_job(status=JobStatus.TRAINING), run=a_run(execution=ended))

        explanation = self.explained(services, unclosed())

        assert not explanation.mended
        assert "The job still stands in TRAINING, and nobody works on it." in explanation.sentences

    @pytest.mark.parametrize(
        ("run", "said"),
        [
            (a_run(execution=EXECUTION), "Another execution has taken the job over."),
            (a_run(execution=None, ended_at=NOON), "The job has been seen to: it is COLLECTING."),
        ],
    )
    def test_a_job_that_somebody_has_seen_to_is_mended(
        self, services: FakeServices, run: Any, said: str
    ) -> None:
        stored(services, a_job(), run=run)

        explanation = self.explained(services, unclosed())

        assert explanation.mended
        assert said in explanation.sentences

    def test_a_job_that_is_not_in_the_table_needs_nobody(self, services: FakeServices) -> None:
        assert self.explained(services, unclosed()).mended

    @pytest.mark.parametrize("kind", ["photo", "execution", "archive"])
    def test_what_was_erased_needs_nobody(self, services: FakeServices, kind: str) -> None:
        letter = {"photo": judged_in_vain, "execution": unclosed, "archive": unpacked}[kind]()
        stored(services, a_job(status=JobStatus.FAILED, erased_at=NOON))
        services.jobs.erase(JOB_ID)

        explanation = self.explained(services, letter)

        assert explanation.mended
        assert "Its owner has had the job erased." in explanation.sentences

    def test_an_archive_is_packed_again(self, services: FakeServices) -> None:
        stored(services, a_job(status=JobStatus.COMPLETED))

        explanation = self.explained(services, unpacked())

        assert explanation.sentences == (
            f"The avatars of job {JOB_ID} were to be packed into one archive.",
            "But pack_avatars failed 3 times, in the end with OSError: No space left.",
            "Whoever asks for the archive again has it packed again.",
            "A redrive packs it now.",
        )
        assert not explanation.mended

    def test_one_of_a_job_that_is_not_in_the_table_needs_nobody(
        self, services: FakeServices
    ) -> None:
        assert self.explained(services, unpacked()).mended

    def test_a_sweep_is_done_again(self, services: FakeServices) -> None:
        explanation = self.explained(services, read_letter(a_message({})))

        assert explanation.sentences[-1] == "A redrive sweeps now."

    @pytest.mark.parametrize(
        ("status", "mended"), [(JobStatus.NEEDS_ATTENTION, False), (JobStatus.INFERRING, True)]
    )
    def test_an_alarm_matters_while_the_job_needs_attention(
        self, services: FakeServices, status: JobStatus, mended: bool
    ) -> None:
        stored(services, a_job(status=status, chosen=chosen(range(5))))

        explanation = self.explained(
            services, untold("AvatarJobNeedsAttention", job_id=JOB_ID, code="OUT_OF_CREDITS")
        )

        assert explanation.mended is mended

    def test_a_pause_that_nobody_heard_of_is_told(self, services: FakeServices) -> None:
        explanation = self.explained(services, untold("ProviderPaused", reason="X", since=NOON))

        assert explanation.sentences[-1] == "A redrive tells them now."

    @pytest.mark.parametrize(
        ("receiver", "whose"), [("job", "its own webhook"), ("stack", "the webhook of the stack")]
    )
    def test_a_webhook_is_sent_again(
        self, services: FakeServices, receiver: str, whose: str
    ) -> None:
        stored(services, a_job(webhook="https://hooks.test/5ec2e7"))

        explanation = self.explained(services, unsent(receiver, **REFUSED))

        assert explanation.sentences == (
            f"How job {JOB_ID} ended was to be told to {whose}: AvatarsReady.",
            "But send_webhook failed 3 times, in the end with RECEIVER_REFUSED: The receiver "
            "answered 410.",
            "A redrive sends it again, ten times within a day if need be.",
        )
        assert not explanation.mended

    def test_a_webhook_that_nobody_wants_any_more_is_mended(self, services: FakeServices) -> None:
        gone = self.explained(services, unsent())
        stored(services, a_job())
        unwanted = self.explained(services, unsent())

        assert gone.mended
        assert unwanted.mended
        assert "The job has no webhook any more." in unwanted.sentences

    def test_a_webhook_about_an_erased_job_is_mended(self, services: FakeServices) -> None:
        stored(services, a_job(webhook="https://hooks.test/", erased_at=NOON))

        assert self.explained(services, unsent("stack")).mended

    def test_a_mail_is_sent_again(self, services: FakeServices) -> None:
        arn = f"arn:aws:events:{ACCOUNT}:rule/avatars-TellOfOtherEndsRule-1B3"
        letter = read_letter(a_message(unsent().event["notice"], RULE_ARN=arn, ERROR_CODE="X"))

        explanation = self.explained(services, letter)

        assert explanation.sentences[1].startswith(
            "But AWS could not hand it to the topic of notices"
        )
        assert explanation.sentences[-1] == "A redrive tells them now."

    def test_what_nobody_understands_is_to_be_dropped(self, services: FakeServices) -> None:
        nameless = self.explained(services, read_letter(a_message("hello")))
        typo = event("close_job")
        typo["detail"]["input"] = "{}"
        named = self.explained(services, undelivered(typo))

        assert nameless.sentences[-1] == "It cannot be redriven: drop it."
        assert "hands it to close_job as it is" in named.sentences[-1]

    @given(NONSENSE)
    def test_whatever_lies_in_the_queue_is_explained(self, body: object) -> None:
        letter = read_letter(a_message(body))

        assert self.explained(FakeServices(), letter).sentences

"""Every handler takes the event that `events/` documents, and answers as its step does."""

import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from avatars import keys
from avatars.errors import PhotoNotJudgedError, TooFewPhotosError
from avatars.model import JobStatus, PhotoStatus
from tests.builders import (
    EXECUTION,
    JOB_ID,
    PREFIX,
    a_job,
    a_picture,
    an_avatar,
    inferring,
    ready_to_train,
    stored,
    trained,
    training,
)
from tests.fakes import ENVIRONMENT, FakeServices, answer
from tests.wired import unwire, wire

ROOT = Path(__file__).parents[2]


@dataclass
class Context:
    """What Lambda tells a handler; the parts that the Logger reads."""

    function_name: str = "a-function"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:a-function"
    aws_request_id: str = "a-request"


@pytest.fixture(autouse=True)
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServices]:
    """Fakes in the places where `wiring` would put its adapters when they are first used."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    fakes = FakeServices(styles=())  # any is drawn: `events/` shows more than one
    wire(fakes)
    yield fakes
    unwire()


def event(name: str) -> Any:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


def call(function: str, payload: Any) -> Any:
    app = importlib.import_module(f"functions.{function}.app")
    return app.handler(payload, Context())


def step(name: str) -> Any:
    """The answer of a function to its own event."""
    return call(name, event(name))


class TestPhotos:
    def test_prepare_photo(self, services: FakeServices) -> None:
        upload = event("prepare_photo")
        item = upload["detail"]["object"]
        item["version-id"] = services.upload_bucket.put(item["key"], a_picture())

        preparation = call("prepare_photo", upload)

        sample = event("judge_photo")["responsePayload"]
        assert {name: type(value) for name, value in sample.items()} == {
            name: type(value)
            for name, value in json.loads(json.dumps(preparation | {"taken_at": 0})).items()
        }
        assert services.jobs.unfinished_runs() == []

    def test_prepare_photo_over_a_manifest(self) -> None:
        upload = event("prepare_photo")
        upload["detail"]["object"]["key"] = f"{PREFIX}job.json"

        assert call("prepare_photo", upload) is None

    def test_an_object_in_nobodys_folder_is_none_of_ours(self, services: FakeServices) -> None:
        upload = event("prepare_photo")
        upload["detail"]["object"]["key"] = "uploads//summer/1.jpg"

        assert call("prepare_photo", upload) is None
        call("judge_photo", event("judge_photo") | {"requestPayload": upload})

        assert services.jobs.unfinished_runs() == []

    def test_judge_photo(self, services: FakeServices) -> None:
        step("judge_photo")

        [photo] = services.jobs.photos(JOB_ID)
        assert (photo.file, photo.status) == ("IMG 2041.JPG", PhotoStatus.ACCEPTED)
        assert services.executions.started == [EXECUTION]

    def test_judge_photo_where_there_was_none(self, services: FakeServices) -> None:
        record = event("judge_photo") | {"responsePayload": None}
        record["requestPayload"]["detail"]["object"]["key"] = f"{PREFIX}job.json"

        call("judge_photo", record)

        assert services.jobs.photos(JOB_ID) == []
        assert services.executions.started == [EXECUTION]

    def test_judge_photo_after_a_crash(self, services: FakeServices) -> None:
        call("judge_photo", event("judge_photo_crashed"))

        [photo] = services.jobs.photos(JOB_ID)
        assert (photo.file, photo.code) == ("IMG_2050.JPG", "PREPARE_FAILED")

    def test_a_time_out_without_a_type_is_a_crash(self, services: FakeServices) -> None:
        late = {"responsePayload": {"errorMessage": "Task timed out after 60.00 seconds"}}

        call("judge_photo", event("judge_photo_crashed") | late)

        assert services.jobs.photos(JOB_ID)[0].code == "PREPARE_FAILED"

    @pytest.mark.parametrize(
        "failure", [{"errorType": "EndpointConnectionError"}, {"errorType": "ConflictError"}, None]
    )
    def test_a_photo_is_not_rejected_for_what_is_no_fault_of_its_own(
        self, services: FakeServices, failure: dict[str, str] | None
    ) -> None:
        record = event("judge_photo_crashed")
        del record["responsePayload"]

        with pytest.raises(PhotoNotJudgedError):  # which makes it a dead letter
            call("judge_photo", record | ({"responsePayload": failure} if failure else {}))

        assert services.jobs.photos(JOB_ID) == []


class TestSteps:
    def test_begin_run(self, services: FakeServices) -> None:
        stored(services, a_job())

        assert step("begin_run") == {"run": 1, "begin_with": "COLLECT", "wait_seconds": 5}

    def test_begin_run_for_more_avatars(self, services: FakeServices) -> None:
        trained(services, status=JobStatus.COMPLETED)

        reply = call("begin_run", event("make_more_avatars") | {"execution": "by-hand"})

        assert reply == {"run": 2, "begin_with": "INFER", "wait_seconds": 0}
        assert services.jobs.run(JOB_ID, 2).avatars == 3

    def test_collect_photos(self, services: FakeServices) -> None:
        stored(services, a_job())

        assert step("collect_photos")["status"] == "WAITING"

    @pytest.mark.parametrize("name", ["start_training", "recover_training"])
    def test_training(self, services: FakeServices, name: str) -> None:
        ready_to_train(services)

        reply = step(name)

        assert reply["status"] in ("ACCEPTED", "WAITING")
        assert reply["wait_seconds"] >= 30

    def test_check_training(self, services: FakeServices) -> None:
        training(services)

        assert step("check_training")["status"] == "READY"

    @pytest.mark.parametrize("name", ["start_inference", "recover_inference"])
    def test_inference(self, services: FakeServices, name: str) -> None:
        trained(services)

        reply = step(name)

        assert reply["status"] in ("ACCEPTED", "WAITING")
        assert reply["wait_seconds"] >= 20

    def test_check_inference(self, services: FakeServices) -> None:
        inferring(services)

        reply = step("check_inference")

        assert (reply["status"], reply["batches"]) == ("RUNNING", 0)

    def test_keep_avatars(self, services: FakeServices) -> None:
        inferring(services)
        link = "https://cdn.results.test/1.jpg"
        services.downloads.pictures[link] = a_picture()
        result = answer(200, {"status": "DONE", "urls": [link]})
        services.answers.keep(JOB_ID, keys.result_answer(1, 0), result)

        assert step("keep_avatars") == {"kept": 1, "missing": 0}

    def test_finish_job(self, services: FakeServices) -> None:
        inferring(services)
        for position in range(1, 5):
            services.jobs.put_avatar(an_avatar(position))

        assert step("finish_job")["status"] == "COMPLETED"

    def test_finish_job_with_a_failure(self, services: FakeServices) -> None:
        training(services)
        failure = {"Error": "TooFewPhotosError", "Cause": '{"errorMessage": "4 of 4."}'}

        reply = call("finish_job", event("finish_job") | {"failure": failure})

        assert reply == {"status": "FAILED", "code": "TOO_FEW_PHOTOS", "reason": "4 of 4."}

    def test_close_job(self, services: FakeServices) -> None:
        training(services)
        holder = event("close_job")["detail"]["executionArn"]
        services.jobs.change_run(JOB_ID, 1, lambda run: replace(run, execution=holder))

        assert step("close_job")["code"] == "EXECUTION_ENDED"

    def test_sweep_jobs(self, services: FakeServices) -> None:
        assert step("sweep_jobs") == {
            "runs": 0,
            "started": 0,
            "resumed": 0,
            "closed": 0,
            "asked": 0,
            "cleared": 0,
            "outlived": 0,
        }

    def test_send_webhook(self, services: FakeServices) -> None:
        stored(services, a_job(webhook="https://hooks.test/"))

        assert step("send_webhook") == {"batchItemFailures": []}
        assert [posted.url for posted in services.webhooks.posted] == ["https://hooks.test/"]

    def test_send_webhook_leaves_in_the_queue_what_is_due_later_and_nothing_else(
        self, services: FakeServices
    ) -> None:
        stored(services, a_job(webhook="https://hooks.test/"))
        services.webhooks.will_answer("https://hooks.test/", 500)
        [record] = event("send_webhook")["Records"]
        another = record | {"messageId": "another", "receiptHandle": "its-receipt"}

        reply = call("send_webhook", {"Records": [record, another]})

        assert reply == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
        assert len(services.webhook_queue.postponed) == 1

    @pytest.mark.parametrize("given", ["{}", "[]", None])
    def test_close_job_where_a_person_named_no_job(self, given: str | None) -> None:
        detail = {"executionArn": EXECUTION, "status": "FAILED", "input": given}

        assert call("close_job", {"detail": detail}) is None

    def test_close_job_where_nothing_is_open(self, services: FakeServices) -> None:
        assert step("close_job") is None

    def test_an_error_that_the_state_machine_knows_reaches_it_as_it_is(
        self, services: FakeServices
    ) -> None:
        stored(services, a_job())
        services.clock.move(86_400)

        with pytest.raises(TooFewPhotosError):
            step("collect_photos")

    @pytest.mark.parametrize("name", ["make_avatars", "make_more_avatars"])
    def test_the_inputs_of_the_state_machine_are_what_begin_run_takes(
        self, services: FakeServices, name: str
    ) -> None:
        trained(services, status=JobStatus.COMPLETED if "more" in name else JobStatus.INFERRING)

        reply = call("begin_run", event(name) | {"execution": EXECUTION + "x"})

        assert reply["begin_with"] == "INFER"

"""A provider on bad days: what a job ends with, and that nothing is paid twice."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from avatars import keys
from avatars.model import JobStatus, WaitReason
from tests.e2e.pictures import portraits
from tests.e2e.pipeline import Folder, Pipeline, Provider, eventually


def order(folder: Folder, *styles: str) -> None:
    """Five photos, and one avatar in each style."""
    folder.want(photos=5, prompts=[{"style": style} for style in styles or ["anime"]])
    folder.drop(portraits(range(5)))


def ending(folder: Folder) -> tuple[Any, ...]:
    """How a job ended in all the places where that can be seen."""
    job = folder.ends()
    assert folder.execution()["error"] == job.code
    return job.status, job.code, [notice["detail-type"] for notice in folder.notices()]


def failed(code: str) -> tuple[Any, ...]:
    return JobStatus.FAILED, code, ["AvatarJobFailed"]


def needs_attention(code: str) -> tuple[Any, ...]:
    return JobStatus.NEEDS_ATTENTION, code, ["AvatarJobNeedsAttention"]


@contextlib.contextmanager
def wrong_key(pipeline: Pipeline) -> Iterator[None]:
    """The secret holds a key that the provider does not know."""
    secrets = pipeline.aws("secretsmanager")
    secret = {"SecretId": pipeline.stack.outputs["ProviderKeySecret"]}
    right = secrets.get_secret_value(**secret)["SecretString"]
    secrets.put_secret_value(**secret, SecretString="out of date")
    try:
        yield
    finally:
        secrets.put_secret_value(**secret, SecretString=right)


@contextlib.contextmanager
def another_door(pipeline: Pipeline, function: str) -> Iterator[socket.socket]:
    """A function (by its logical id) sends to a port of its own, which refuses connections."""
    functions, name = pipeline.functions, {"FunctionName": pipeline.resources[function]}
    usual = functions.get_function_configuration(**name)["Environment"]
    with socket.socket() as door:  # bound, but not listening
        door.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{door.getsockname()[1]}/v1"
        variables = usual["Variables"] | {"PROVIDER_URL": url}
        functions.update_function_configuration(**name, Environment={"Variables": variables})
        try:
            yield door
        finally:
            functions.update_function_configuration(**name, Environment=usual)


@contextlib.contextmanager
def opened(door: socket.socket, url: str) -> Iterator[None]:
    """Whatever comes to the door now reaches the provider at *url*."""

    class Forwarding(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent = {name: self.headers[name] for name in ("X-Picsart-API-Key", "Content-Type")}
            address = url.removesuffix("/v1") + self.path
            answer = httpx.post(address, content=body, headers=sent, trust_env=False)
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            pass

    address = door.getsockname()
    door.close()
    with ThreadingHTTPServer(address, Forwarding) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def writing_refused(pipeline: Pipeline, role: str) -> Iterator[None]:
    """A role (by its logical id) can write nothing into the table."""
    roles = pipeline.aws("iam")
    policy = {"RoleName": pipeline.resources[role], "PolicyName": "NoWriting"}
    statement = {"Effect": "Deny", "Action": "dynamodb:PutItem", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    roles.put_role_policy(**policy, PolicyDocument=json.dumps(document))
    try:
        yield
    finally:
        roles.delete_role_policy(**policy)


class TestTraining:
    def test_a_training_that_fails_fails_the_job_in_the_providers_words(
        self, folder: Folder, provider: Provider
    ) -> None:
        provider.behave(training_fails="every face is a different one")

        order(folder)

        assert ending(folder) == failed("TRAINING_FAILED")
        assert "every face is a different one" in str(folder.job().reason)
        assert folder.versions(folder.prefix) == []
        assert provider.calls("start_inference") == []

    def test_photos_that_the_provider_cannot_use_fail_the_job(
        self, folder: Folder, provider: Provider
    ) -> None:
        provider.stumble("check_training", "answer", status=200, body={"status": "IMAGE_NOT_VALID"})

        order(folder)

        assert ending(folder) == failed("PHOTOS_NOT_VALID")

    def test_a_request_that_the_provider_rejects_fails_the_job(
        self, folder: Folder, provider: Provider
    ) -> None:
        provider.stumble("start_training", "answer", status=422, body={"detail": "no such type"})

        order(folder)

        assert ending(folder) == failed("PROVIDER_REJECTED")
        assert "no such type" in str(folder.job().reason)
        assert len(provider.calls("start_training")) == 1

    def test_without_credits_jobs_wait_and_go_on_when_there_are_some(
        self, folder: Folder, provider: Provider
    ) -> None:
        provider.behave(credits=0)
        order(folder)
        waiting = folder.waits()
        spent = provider.charges()

        provider.behave(credits=1000)

        assert waiting.reason is WaitReason.CREDITS
        assert spent == []
        assert folder.ends().status is JobStatus.COMPLETED
        assert [call["status"] for call in provider.calls("start_training")] == [402, 202]

    def test_with_a_key_that_is_refused_jobs_wait_for_the_right_one(
        self, pipeline: Pipeline, folder: Folder, provider: Provider
    ) -> None:
        with wrong_key(pipeline):
            order(folder)

            assert folder.waits().reason is WaitReason.KEY
            pipeline.rings("ProviderKeyRefusedAlarm")

        assert folder.ends().status is JobStatus.COMPLETED
        assert [call["status"] for call in provider.calls("start_training")] == [401, 202]

    def test_whoever_must_act_is_told_that_the_provider_is_paused_and_that_it_goes_on(
        self, pipeline: Pipeline, folder: Folder, provider: Provider
    ) -> None:
        def told() -> list[str]:
            events = pipeline.heard(lambda event: event["detail-type"].startswith("Provider"))
            return [event["detail-type"] for event in events]

        before = len(told())
        with wrong_key(pipeline):
            order(folder)
            folder.waits()

        folder.ends()

        assert told()[before:] == ["ProviderPaused", "ProviderResumed"]

    def test_a_provider_that_cannot_be_reached_is_asked_again(
        self, pipeline: Pipeline, folder: Folder, provider: Provider
    ) -> None:
        with another_door(pipeline, "StartTrainingFunction") as door:
            order(folder)
            eventually(
                lambda: (sent := folder.reaches(JobStatus.TRAINING).training) and sent.attempt > 1,
                "second attempt",
            )
            with opened(door, pipeline.stack.simulator_url):
                job = folder.ends()

        assert job.status is JobStatus.COMPLETED
        assert len(provider.calls("start_training")) == 1

    def test_too_many_requests_are_repeated_when_the_provider_says_so(
        self, folder: Folder, provider: Provider
    ) -> None:
        provider.stumble(
            "start_training", "answer", status=429, headers={"Retry-After": "90"}, times=2
        )

        order(folder)
        job = folder.ends()

        calls = provider.calls("start_training")
        assert job.status is JobStatus.COMPLETED
        assert [call["status"] for call in calls] == [429, 429, 202]
        assert calls[1]["clock"] - calls[0]["clock"] >= 90
        assert len(provider.charges()) == 2  # the training, and its avatars


class TestLostAnswers:
    """Nobody knows what became of a training: a second one is never sent."""

    @pytest.mark.parametrize(
        "stumble",
        [
            {"what": "answer", "status": 500, "created": True},
            {"what": "answer", "status": 200, "body": {"status": "ACCEPTED"}, "created": True},
            {"what": "drop", "created": True},
        ],
        ids=["500", "no-id", "connection-lost"],
    )
    def test_a_training_whose_answer_is_lost_is_not_sent_again(
        self, folder: Folder, provider: Provider, stumble: dict[str, Any]
    ) -> None:
        provider.stumble("start_training", **stumble)

        order(folder)

        assert ending(folder) == needs_attention("TRAINING_OUTCOME_UNKNOWN")
        assert len(provider.calls("start_training")) == 1
        assert len(provider.charges()) == 1
        assert len(folder.versions(f"photos/{folder.job_id}/")) == 5  # it may still fetch them

    def test_a_function_that_dies_between_the_answer_and_the_table_sends_nothing_again(
        self, folder: Folder, provider: Provider
    ) -> None:
        provider.stumble("start_training", "kill_client")

        order(folder)

        assert ending(folder) == needs_attention("TRAINING_OUTCOME_UNKNOWN")
        (call,) = provider.calls("start_training")
        assert call["killed"]
        assert "Runtime.ExitError" in errors_in(folder)
        assert folder.job().model_id is None
        assert len(provider.charges()) == 1

    def test_not_even_when_the_job_is_taken_up_again(
        self, pipeline: Pipeline, folder: Folder, provider: Provider
    ) -> None:
        provider.stumble("start_training", "kill_client")
        order(folder)
        folder.ends()

        again = pipeline.start_execution(job_id=folder.job_id, run=1)
        eventually(
            lambda: "Wait to recover training" in pipeline.states_entered(again),
            "wait for the answer to the first request",
        )

        assert len(provider.calls("start_training")) == 1
        assert folder.job().status is JobStatus.TRAINING

    def test_an_id_that_did_not_reach_the_table_is_found_in_the_raw_answer(
        self, pipeline: Pipeline, folder: Folder, provider: Provider
    ) -> None:
        provider.stumble("start_training", "delay", seconds=2)

        order(folder)
        eventually(lambda: provider.calls("start_training"), "request for a training")
        with writing_refused(pipeline, "StartTrainingFunctionRole"):
            eventually(
                lambda: "Recover training" in pipeline.states_entered(f"{folder.job_id}-1"),
                "failure to save the id",
            )
        job = folder.ends()

        kept = json.loads(folder.answer(keys.training_answer(1))["body"])
        assert job.status is JobStatus.COMPLETED
        assert job.model_id == kept["model_id"]
        assert len(provider.calls("start_training")) == 1

    def test_avatars_whose_order_was_lost_are_not_ordered_again(
        self, folder: Folder, provider: Provider
    ) -> None:
        provider.stumble("start_inference", "kill_client")

        order(folder)

        assert ending(folder) == needs_attention("INFERENCE_OUTCOME_UNKNOWN")
        folder.pipeline.rings("InferenceOutcomeUnknownAlarm")
        assert len(provider.calls("start_inference")) == 1
        assert folder.job().model_id == provider.calls("start_training")[0]["model_id"]


def errors_in(folder: Folder) -> list[str]:
    """The errors that functions ended with in a job's first execution."""
    return [
        event["taskFailedEventDetails"]["error"]
        for event in folder.pipeline.history(f"{folder.job_id}-1")
        if event["type"] == "TaskFailed"
    ]


class TestInference:
    def test_an_inference_that_fails_fails_the_job_and_keeps_the_model(
        self, folder: Folder, provider: Provider
    ) -> None:
        provider.behave(inference_fails="the easel broke")

        order(folder)

        assert ending(folder) == failed("INFERENCE_FAILED")
        assert "the easel broke" in str(folder.job().reason)
        assert folder.job().model_id == provider.calls("start_training")[0]["model_id"]

    def test_a_style_that_nobody_draws_fails_the_job_before_anything_is_paid_for(
        self, folder: Folder, provider: Provider
    ) -> None:
        order(folder, "cubist")

        assert ending(folder) == failed("BAD_MANIFEST")
        assert provider.charges() == []

    def test_a_style_that_the_provider_has_withdrawn_fails_the_job(
        self, folder: Folder, provider: Provider
    ) -> None:
        provider.stumble("start_inference", "answer", status=422, body={"detail": "no such style"})

        order(folder)

        assert ending(folder) == failed("PROVIDER_REJECTED")
        assert len(provider.calls("start_inference")) == 1

    def test_avatars_on_a_strange_host_are_not_fetched_but_named(
        self, folder: Folder, provider: Provider
    ) -> None:
        provider.behave(results_host="elsewhere.example")

        order(folder, "anime", "realistic")

        assert ending(folder) == needs_attention("AVATARS_MISSING")
        assert "at the positions 1, 2" in str(folder.job().reason)
        assert "elsewhere.example" in str(folder.job().reason)
        assert [avatar.status for avatar in folder.avatars()] == ["missing", "missing"]
        folder.pipeline.rings("AvatarsMissingAlarm")

    def test_an_avatar_that_the_provider_leaves_out_is_missing(
        self, folder: Folder, provider: Provider
    ) -> None:
        provider.behave(results="fewer")

        order(folder, "anime", "realistic", "watercolor")

        assert ending(folder) == needs_attention("AVATARS_MISSING")
        assert "1 of 3 avatars are missing, at the positions 3" in str(folder.job().reason)
        assert [avatar.status for avatar in folder.avatars()] == ["kept", "kept"]

    @pytest.mark.parametrize("what", ["cut", "drop"])
    def test_a_download_that_breaks_off_is_tried_again(
        self, folder: Folder, provider: Provider, what: str
    ) -> None:
        provider.stumble("download", what)

        order(folder)
        job = folder.ends()

        assert job.status is JobStatus.COMPLETED
        assert len(provider.journal(event="download")) == 2

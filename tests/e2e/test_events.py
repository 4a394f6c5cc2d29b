"""Every payload in `events/` is accepted by the deployed function that it is for."""

import json
import re
from dataclasses import replace
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from avatars import keys
from avatars.model import JobStatus
from avatars.settings import Settings
from tests.conftest import ROOT
from tests.e2e.pictures import portrait
from tests.e2e.pipeline import Folder, Pipeline, Provider, eventually

EVENTS = ROOT / "events"


def event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def test_the_steps_of_one_job_accept_their_events_in_turn(
    pipeline: Pipeline, summer: Folder, provider: Provider, held_back: None
) -> None:
    provider.behave(training_seconds=0, inference_seconds=0)
    summer.begin()

    assert "realistic" in asked(pipeline, "api_list_styles")["styles"]
    order = asked(pipeline, "api_create_job", status=201)
    assert order["job"]["job_id"] == summer.job_id

    *files, crashing = [upload["file"] for upload in order["uploads"]]
    for number, file in enumerate(files):
        upload = uploaded(summer, file, number)
        preparation = pipeline.invoke("PreparePhotoFunction", upload)
        record = {"requestPayload": upload, "responsePayload": preparation}
        assert pipeline.invoke("JudgePhotoFunction", event("judge_photo") | record) is None
    assert pipeline.invoke("JudgePhotoFunction", event("judge_photo_crashed")) is None
    photos = asked(pipeline, "api_get_job")["photos"]
    assert {photo["file"]: photo["code"] for photo in photos} == {
        **dict.fromkeys(files),
        crashing: "PREPARE_FAILED",
    }

    begun = pipeline.invoke("BeginRunFunction", event("begin_run"))
    assert begun == {"run": 1, "begin_with": "COLLECT", "wait_seconds": 5}
    assert asked(pipeline, "api_start_job", status=202)["job_id"] == summer.job_id
    collected = pipeline.invoke("CollectPhotosFunction", event("collect_photos"))
    assert collected == {"status": "COLLECTED", "trains": True, "wait_seconds": 0}

    started = pipeline.invoke("StartTrainingFunction", event("start_training"))
    recovered = pipeline.invoke("RecoverTrainingFunction", event("recover_training"))
    assert (started["status"], recovered["status"]) == ("ACCEPTED", "ACCEPTED")
    assert min(started["wait_seconds"], recovered["wait_seconds"]) >= 300
    looked = look(pipeline, "CheckTrainingFunction", "check_training")
    assert (looked["batches"], looked["looks"]["answered"]) == (0, 1)

    started = pipeline.invoke("StartInferenceFunction", event("start_inference"))
    recovered = pipeline.invoke("RecoverInferenceFunction", event("recover_inference"))
    assert (started["status"], recovered["status"]) == ("ACCEPTED", "ACCEPTED")
    assert min(started["wait_seconds"], recovered["wait_seconds"]) >= 20
    looked = look(pipeline, "CheckInferenceFunction", "check_inference")
    # What comes next are looks at something else, and counted anew.
    assert (looked["batches"], looked["looks"]["answered"]) == (1, 0)

    kept = pipeline.invoke("KeepAvatarsFunction", event("keep_avatars"))
    assert kept == {"kept": 3, "missing": 0}
    finished = pipeline.invoke("FinishJobFunction", event("finish_job"))
    assert finished == {"status": "COMPLETED", "code": None, "reason": None}
    told = pipeline.invoke("SendWebhookFunction", event("send_webhook"))
    assert told == {"batchItemFailures": []}
    assert len(provider.calls("start_training")) == len(provider.calls("start_inference")) == 1

    what_is_there_is_listed_liked_shared_and_packed(pipeline, summer)
    assert asked(pipeline, "api_create_avatars", status=202) == {"job_id": summer.job_id, "run": 2}
    receipt = asked(pipeline, "api_erase_job")
    assert receipt["erased"]["avatars"] >= 3
    assert [left["what"] for left in receipt["left"]] == ["model"]
    assert asked(pipeline, "api_get_job", status=404)["code"] == "JOB_NOT_FOUND"
    assert pipeline.invoke("PackAvatarsFunction", event("pack_avatars")) is None


def what_is_there_is_listed_liked_shared_and_packed(pipeline: Pipeline, summer: Folder) -> None:
    for name, things in (("api_list_jobs", "jobs"), ("api_list_models", "models")):
        assert summer.job_id in [thing["job_id"] for thing in asked(pipeline, name)[things]]
    avatars = asked(pipeline, "api_list_avatars")["avatars"]
    assert [(avatar["position"], avatar["favourite"]) for avatar in avatars] == [
        (1, False), (2, False), (3, False),
    ]  # fmt: skip
    assert asked(pipeline, "api_like_avatar")["favourite"]
    assert asked(pipeline, "api_share_avatar", status=201)["link"]

    assert asked(pipeline, "api_get_archive", status=202)["status"] == "packing"
    assert pipeline.invoke("PackAvatarsFunction", event("pack_avatars")) is None
    assert asked(pipeline, "api_get_archive")["status"] == "ready"


def asked(pipeline: Pipeline, name: str, status: int = 200) -> Any:
    """What the API says to an event."""
    answer = pipeline.invoke("ApiFunction", event(name))
    assert answer["statusCode"] == status, answer
    return json.loads(answer["body"])


def uploaded(folder: Folder, file: str, number: int) -> dict[str, Any]:
    """The event of a photo that is really there: S3 alone chooses its version."""
    folder.drop({file: portrait(number)})
    (version,) = folder.pipeline.s3.list_object_versions(
        Bucket=folder.pipeline.upload_bucket, Prefix=folder.prefix + file
    )["Versions"]
    created: dict[str, Any] = event("prepare_photo")
    created["detail"]["object"] |= {"key": version["Key"], "version-id": version["VersionId"]}
    return created


def look(pipeline: Pipeline, function: str, name: str) -> dict[str, Any]:
    """The reply of a look once the provider is ready."""

    def ready() -> dict[str, Any] | None:
        reply: dict[str, Any] = pipeline.invoke(function, event(name))
        return reply if reply["status"] == "READY" else None

    return eventually(ready, f"READY from {function}")


def test_the_upload_of_the_event_is_the_first_photo_of_the_order() -> None:
    key = event("prepare_photo")["detail"]["object"]["key"]
    order = json.loads(event("api_create_job")["body"])

    assert key == f"uploads/alice/{order['folder']}/{order['photos'][0]['file']}"


def test_an_execution_that_was_aborted_closes_its_job(pipeline: Pipeline, summer: Folder) -> None:
    summer.begin()
    pipeline.invoke("BeginRunFunction", event("begin_run"))

    reply = pipeline.invoke("CloseJobFunction", event("close_job"))

    assert (reply["status"], reply["code"]) == ("NEEDS_ATTENTION", "EXECUTION_ENDED")
    assert summer.job().status is JobStatus.NEEDS_ATTENTION


def test_one_that_was_aborted_after_its_training_leaves_no_photo(
    pipeline: Pipeline, summer: Folder, held_back: None
) -> None:
    summer.begin()
    pipeline.invoke("BeginRunFunction", event("begin_run"))
    pipeline.jobs.change_job(
        summer.job_id, lambda job: replace(job, status=JobStatus.INFERRING, trained_at=1)
    )
    prefixes = (summer.prefix, keys.prepared_photo_prefix(summer.job_id))
    for prefix in prefixes * 2:  # in two versions
        pipeline.s3.put_object(
            Bucket=pipeline.upload_bucket, Key=f"{prefix}selfie.jpg", Body=portrait(1)
        )

    pipeline.invoke("CloseJobFunction", event("close_job"))

    assert [summer.versions(prefix) for prefix in prefixes] == [[], []]


def test_one_that_timed_out_is_followed_by_another(pipeline: Pipeline, summer: Folder) -> None:
    summer.begin()
    pipeline.invoke("BeginRunFunction", event("begin_run"))
    timed_out = event("close_job")
    timed_out["detail"]["status"] = "TIMED_OUT"

    reply = pipeline.invoke("CloseJobFunction", timed_out)

    assert reply["status"] == "COLLECTING"
    another = pipeline.execution_arn(f"{summer.job_id}-1-1")
    eventually(lambda: summer.run().execution == another, "run that another execution holds")


def test_the_state_machine_runs_on_its_inputs(pipeline: Pipeline, summer: Folder) -> None:
    summer.begin()
    summer.drop({f"{number}.jpg": portrait(number) for number in range(5)})
    summer.want(photos=5, prompts=[{"style": "anime"}])

    first = pipeline.execute(**event("make_avatars"))
    second = pipeline.execute(**event("make_more_avatars"))

    assert [first["status"], second["status"]] == ["SUCCEEDED", "SUCCEEDED"]
    assert [avatar.style for avatar in summer.avatars(1)] == ["anime"]
    assert [avatar.style for avatar in summer.avatars(2)] == ["anime", "anime", "oil_painting"]


def test_every_function_and_every_route_has_a_payload() -> None:
    payloads = {file.stem for file in EVENTS.glob("*.json")}

    functions = {snake_case(name.removesuffix("Function")) for name in functions_of_template()}
    routes = {snake_case(name) for name in functions_of_template()["ApiFunction"]["Events"]}

    assert payloads - {"env", "judge_photo_crashed", "make_avatars", "make_more_avatars"} == (
        functions - {"api"} | {f"api_{route}" for route in routes}
    )


def test_env_json_sets_every_variable_of_the_template() -> None:
    variables = set(template()["Globals"]["Function"]["Environment"]["Variables"])
    for function in functions_of_template().values():
        variables |= set(function.get("Environment", {}).get("Variables", {}))

    environment = event("env")["Parameters"]

    assert environment.keys() == variables
    assert Settings.from_environment(environment).clock.scale == 1


def template() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return parsed


def functions_of_template() -> dict[str, dict[str, Any]]:
    """The properties of every function, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()

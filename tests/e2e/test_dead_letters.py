"""What no function could take is in the queue, is explained there, and is healed from there."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from avatars.model import JobStatus
from tests.conftest import ROOT
from tests.e2e.command import avatars
from tests.e2e.pictures import portraits
from tests.e2e.pipeline import Folder, Pipeline, Provider, eventually

SCHEDULE = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/avatars-Regularly"
RULE = "arn:aws:events:us-east-1:123456789012:rule/avatars-PreparePhotoFunctionUploaded"


@contextlib.contextmanager
def broken(pipeline: Pipeline, *functions: str) -> Iterator[None]:
    """These functions (by their logical ids) look for a table and a bucket that do not exist."""
    names = [{"FunctionName": pipeline.resources[function]} for function in functions]
    usual = [pipeline.functions.get_function_configuration(**name)["Environment"] for name in names]
    for name, environment in zip(names, usual, strict=True):
        variables = environment["Variables"] | {"TABLE": "none-such", "UPLOAD_BUCKET": "none-such"}
        pipeline.functions.update_function_configuration(
            **name, Environment={"Variables": variables}
        )
    try:
        yield
    finally:
        for name, environment in zip(names, usual, strict=True):
            pipeline.functions.update_function_configuration(**name, Environment=environment)


def written_by_hand(pipeline: Pipeline, body: object, **attributes: str) -> str:
    """A letter of a kind that AWS writes and the engine does not; returns its id."""
    sent = pipeline.aws("sqs").send_message(
        QueueUrl=pipeline.stack.outputs["DeadLetterQueue"],
        MessageBody=json.dumps(body),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    )
    message_id: str = sent["MessageId"]
    return message_id


def upload_event(folder: Folder) -> dict[str, Any]:
    """What S3 tells of the one upload in a folder."""
    (version,) = folder.pipeline.s3.list_object_versions(
        Bucket=folder.pipeline.upload_bucket, Prefix=folder.prefix
    )["Versions"]
    event: dict[str, Any] = json.loads((ROOT / "events/prepare_photo.json").read_text())
    event["detail"]["object"] |= {"key": version["Key"], "version-id": version["VersionId"]}
    return event


def listed(pipeline: Pipeline) -> list[dict[str, Any]]:
    done = avatars(pipeline, "dead-letters", "list", "--json")
    assert done.returncode == 0, done.stderr
    letters: list[dict[str, Any]] = json.loads(done.stdout)
    return letters


def letter_about(folder: Folder) -> dict[str, Any]:
    """The one letter about a folder, once it is there."""

    def there() -> dict[str, Any] | None:
        letters = [item for item in listed(folder.pipeline) if item["job_id"] == folder.job_id]
        assert len(letters) < 2
        return letters[0] if letters else None

    return eventually(there, "letter")


def test_a_photo_that_nobody_could_take_is_explained_and_redriven(
    pipeline: Pipeline, folder: Folder
) -> None:
    first, *others = portraits(range(5)).items()
    with broken(pipeline, "PreparePhotoFunction"):
        folder.drop(dict([first]))
        letter = letter_about(folder)
    folder.want(photos=5, prompts=[{"style": "anime"}])
    folder.drop(dict(others))
    assert (letter["function"], letter["tries"], letter["file"]) == ("prepare_photo", 3, first[0])

    explained = avatars(pipeline, "dead-letters", "explain", letter["id"][:8])

    assert explained.returncode == 0, explained.stderr
    purpose, failure, fallback, *_, remedy = explained.stdout.splitlines()
    assert purpose.startswith(f"{first[0]} of alice/{folder.name}, uploaded at ")
    assert failure.startswith(
        f"But prepare_photo failed 3 times, in the end with {letter['error']}"
    )
    assert fallback.startswith(
        "But judge_photo, which was to judge what came of it, failed 3 times"
    )
    assert remedy.startswith(
        "A redrive prepares it and has it judged; sweep_jobs does so by itself"
    )

    redriven = avatars(pipeline, "dead-letters", "redrive", letter["id"])

    assert redriven.stdout == f"{letter['id']}: handed to prepare_photo again\n", redriven.stderr
    assert folder.ends().status is JobStatus.COMPLETED
    assert {photo.status for photo in folder.photos().values()} == {"accepted"}
    assert letter["id"] not in [item["id"] for item in listed(pipeline)]


def test_a_photo_that_was_prepared_and_not_judged_is_judged_by_a_redrive(
    pipeline: Pipeline, folder: Folder
) -> None:
    with broken(pipeline, "JudgePhotoFunction"):
        folder.drop(portraits([1]))
        letter = letter_about(folder)

    explained = avatars(pipeline, "dead-letters", "explain", letter["id"])
    redriven = avatars(pipeline, "dead-letters", "redrive", letter["id"])

    _, failure, *_ = explained.stdout.splitlines()
    assert failure.startswith("But judge_photo, which was to judge what came of it, failed 3 times")
    assert redriven.stdout == f"{letter['id']}: handed to prepare_photo again\n", redriven.stderr
    photos = eventually(lambda: has_job(folder) and folder.photos(), "verdict")
    assert [photo.status for photo in photos.values()] == ["accepted"]


def has_job(folder: Folder) -> bool:
    return folder.pipeline.jobs.find_job(folder.job_id) is not None


def test_a_job_that_nobody_could_close_is_closed_by_a_redrive(
    pipeline: Pipeline, folder: Folder, provider: Provider
) -> None:
    provider.behave(training_never_ends=True)
    folder.want(photos=5)
    folder.drop(portraits(range(5)))
    eventually(lambda: folder.reaches(JobStatus.TRAINING).model_id, "model_id")
    with broken(pipeline, "CloseJobFunction"):
        execution = pipeline.execution_arn(f"{folder.job_id}-1")
        pipeline.states.stop_execution(executionArn=execution)
        letter = letter_about(folder)
    explain = ("dead-letters", "explain", letter["id"], "--json")
    before = json.loads(avatars(pipeline, *explain).stdout)

    redriven = avatars(pipeline, "dead-letters", "redrive", letter["id"], "--json")

    assert (letter["function"], letter["tries"]) == ("close_job", 3)
    assert not before["mended"]
    assert "The job still stands in TRAINING, and nobody works on it." in before["sentences"]
    assert [item["id"] for item in json.loads(redriven.stdout)] == [letter["id"]]
    eventually(lambda: folder.run().ended_at, "end of the job in the table")
    assert folder.job().code == "EXECUTION_ENDED"


def test_a_letter_of_a_rule_is_mended_by_its_original_event(
    pipeline: Pipeline, folder: Folder, held_back: None
) -> None:
    folder.drop(portraits([1]))
    written_by_hand(
        pipeline,
        upload_event(folder),
        RULE_ARN=RULE,
        TARGET_ARN=f"arn:aws:lambda:::function:{pipeline.resources['PreparePhotoFunction']}",
        ERROR_CODE="NO_PERMISSIONS",
        ERROR_MESSAGE="EventBridge may not call it.",
    )
    letter = letter_about(folder)
    assert (letter["error"], letter["tries"]) == ("NO_PERMISSIONS", 1)

    assert avatars(pipeline, "dead-letters", "redrive", letter["id"], "--json").returncode == 0

    eventually(lambda: folder.pipeline.jobs.find_job(folder.job_id), "job")
    photos = eventually(folder.photos, "verdict")
    assert [photo.status for photo in photos.values()] == ["accepted"]


def test_a_letter_of_the_schedule_sweeps_again(pipeline: Pipeline, folder: Folder) -> None:
    sweeps = pipeline.logs().count("swept jobs")
    letter_id = written_by_hand(pipeline, {}, SCHEDULE_ARN=SCHEDULE, ERROR_CODE="THROTTLING")

    redriven = avatars(pipeline, "dead-letters", "redrive", letter_id)

    assert redriven.returncode == 0, redriven.stderr
    eventually(lambda: pipeline.logs().count("swept jobs") > sweeps, "sweep")


def test_what_nobody_understands_stays_until_it_is_dropped(pipeline: Pipeline) -> None:
    letter_id = written_by_hand(pipeline, "\x1b[2Jhello")

    redriven = avatars(pipeline, "dead-letters", "redrive", letter_id)
    table = avatars(pipeline, "dead-letters", "list")
    dropped = avatars(pipeline, "dead-letters", "drop", letter_id)
    gone = avatars(pipeline, "dead-letters", "explain", letter_id)

    assert redriven.returncode == 1
    assert f"stay where they are: {letter_id}" in redriven.stderr
    assert letter_id[:8] in table.stdout
    assert dropped.returncode == 0, dropped.stderr
    assert gone.returncode == 1
    assert "No letter" in gone.stderr

"""What makes a set of photos: promises, quiet, a start that was asked for, and bad photos."""

import random
from typing import Any

import pytest

from avatars import keys
from avatars.model import JobStatus
from tests.e2e.pictures import portrait, portraits
from tests.e2e.pipeline import Folder, Pipeline, Provider, eventually

TWO_AVATARS = [{"style": "anime", "count": 2}]


def test_a_folder_without_a_manifest_starts_once_nothing_more_arrives(
    folder: Folder, provider: Provider
) -> None:
    folder.drop(portraits(range(5)))

    job = folder.ends()

    (training,) = provider.calls("start_training")
    last = max(photo.uploaded_at for photo in folder.photos().values())
    assert training["wall"] >= last + 1
    assert (job.status, job.subject, job.promised) == (JobStatus.COMPLETED, "woman", None)
    assert [avatar.style for avatar in folder.avatars()] == ["realistic"] * 4


def test_a_start_that_is_dropped_overrules_the_promise(folder: Folder, provider: Provider) -> None:
    folder.want(photos=7, prompts=TWO_AVATARS)
    folder.drop(portraits(range(5)))
    eventually(lambda: len(folder.photos()) == 5, "verdict on every photo")

    folder.drop({keys.START: b""})
    job = folder.ends()

    assert job.status is JobStatus.COMPLETED
    assert [call["links"] for call in provider.calls("start_training")] == [5]


def test_four_photos_are_too_few_and_cost_nothing(folder: Folder, provider: Provider) -> None:
    folder.want(photos=4)
    folder.drop(portraits(range(4)))

    job = folder.ends()

    assert (job.status, job.code) == (JobStatus.FAILED, "TOO_FEW_PHOTOS")
    assert "4 of 4 photos were accepted" in str(job.reason)
    assert folder.execution()["status"] == "FAILED"
    assert folder.execution()["error"] == "TOO_FEW_PHOTOS"
    assert [notice["detail-type"] for notice in folder.notices()] == ["AvatarJobFailed"]
    assert folder.versions(folder.prefix) == []
    assert provider.calls("start_training") == []


def test_a_manifest_that_makes_no_sense_fails_the_job_before_anything_is_paid(
    folder: Folder, provider: Provider
) -> None:
    folder.want(subject="dragon", photos=5)
    folder.drop(portraits(range(5)))

    job = folder.ends()

    assert (job.status, job.code) == (JobStatus.FAILED, "BAD_MANIFEST")
    assert "man, woman, couple, dog, cat" in str(job.reason)
    assert folder.execution()["error"] == "BAD_MANIFEST"
    assert provider.calls("start_training") == []


def test_a_storm_of_repeated_events_gives_one_job_and_one_training(
    pipeline: Pipeline, folder: Folder, provider: Provider, held_back: None
) -> None:
    folder.want(photos=6, prompts=TWO_AVATARS)
    folder.drop(portraits(range(6)))
    events = eventually(lambda: uploads_of(folder, 7), "event for every upload") * 3
    random.Random(1).shuffle(events)  # noqa: S311 - not a secret

    for event in events:
        pipeline.invoke_later("PreparePhotoFunction", event)
    job = folder.ends()

    assert job.status is JobStatus.COMPLETED
    assert len(provider.calls("start_training")) == 1
    assert len(provider.calls("start_inference")) == 1
    assert len(folder.photos()) == 6
    assert executions_of(folder) == [f"{folder.job_id}-1"]


def uploads_of(folder: Folder, count: int) -> list[dict[str, Any]]:
    """The events of a folder's uploads, as S3 sent them; empty until there are so many."""
    events = folder.pipeline.heard(
        lambda event: (
            event["source"] == "aws.s3"
            and event["detail"]["object"]["key"].startswith(folder.prefix)
        )
    )
    return events if len(events) == count else []


def executions_of(folder: Folder) -> list[str]:
    pages = folder.pipeline.states.get_paginator("list_executions").paginate(
        stateMachineArn=folder.pipeline.stack.outputs["StateMachine"]
    )
    names = [execution["name"] for page in pages for execution in page["executions"]]
    return [name for name in names if folder.job_id in name]


@pytest.fixture(scope="module")
def crowd(pipeline: Pipeline) -> Folder:
    """More photos than a training takes, and one that comes while it runs."""
    pipeline.provider.forget()
    pipeline.provider.behave(training_seconds=600)
    folder = Folder(pipeline, "alice", "crowd")
    folder.want(photos=32, prompts=TWO_AVATARS)
    folder.drop(portraits(range(32)))
    folder.reaches(JobStatus.TRAINING)
    folder.drop({"straggler.jpg": portrait(99)})
    eventually(lambda: folder.photos().get("straggler.jpg"), "verdict on the late photo")
    folder.ends()
    return folder


def test_the_first_thirty_photos_are_used_and_the_others_are_surplus(crowd: Folder) -> None:
    photos = [photo for photo in crowd.photos().values() if photo.file != "straggler.jpg"]
    photos.sort(key=lambda photo: (photo.uploaded_at, photo.file))

    assert [photo.status for photo in photos] == ["accepted"] * 30 + ["surplus"] * 2
    assert [call["links"] for call in crowd.pipeline.provider.calls("start_training")] == [30]
    assert crowd.job().status is JobStatus.COMPLETED


def test_a_late_photo_is_told_to_use_a_new_folder(crowd: Folder) -> None:
    straggler = crowd.photos()["straggler.jpg"]

    assert straggler.status == "late"
    assert "Use a new folder" in str(straggler.reason)


def test_photos_that_cannot_be_used_do_not_fail_the_job(folder: Folder, provider: Provider) -> None:
    folder.want(photos=8, prompts=TWO_AVATARS)
    folder.drop({"notes.jpg": b"not a picture at all", "again.jpg": portrait(0)})
    # Preparing it crashes every time: S3 does not give out what lies in an archive.
    folder.drop({"archived.jpg": portrait(50)}, StorageClass="GLACIER")
    folder.drop(portraits(range(5)))

    job = folder.ends()

    rejected = {
        photo.file: photo.code for photo in folder.photos().values() if photo.status == "rejected"
    }
    assert rejected == {
        "notes.jpg": "not_an_image",
        "archived.jpg": "PREPARE_FAILED",
        "selfie-00.jpg": "duplicate",
    }
    assert all(folder.photos()[file].reason for file in rejected)
    assert job.status is JobStatus.COMPLETED
    assert [call["links"] for call in provider.calls("start_training")] == [5]

"""What happens when the time is over, in a stack with less of it than the template's defaults."""

from collections.abc import Iterator

import pytest

from avatars.model import JobStatus
from tests.e2e.pictures import portraits
from tests.e2e.pipeline import Folder, running_pipeline

COLLECT_SECONDS = 5000
"""Ten seconds on the wall: enough for five photos, even where the first are slow."""

HURRIED = {"CollectSeconds": str(COLLECT_SECONDS), "TrainingDeadlineSeconds": "1500"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Folder]]:
    """Three folders that nothing will become of, waiting side by side until that is certain."""
    with running_pipeline(
        tmp_path_factory.mktemp("stack"),
        parameters=HURRIED,
        scenario={"training_never_ends": True},
    ) as pipeline:
        endless, few, incomplete = (
            Folder(pipeline, "alice", name) for name in ("endless", "few", "incomplete")
        )
        endless.want(photos=5)
        endless.drop(portraits(range(5)))
        few.drop(portraits(range(4)))
        incomplete.want(photos=9)
        incomplete.drop(portraits(range(6)))
        folders = {folder.name: folder for folder in (endless, few, incomplete)}
        for folder in folders.values():
            folder.ends()
        yield folders


def test_a_training_that_never_ends_needs_a_person(folders: dict[str, Folder]) -> None:
    folder = folders["endless"]
    job, provider = folder.job(), folder.pipeline.provider

    assert (job.status, job.code) == (JobStatus.NEEDS_ATTENTION, "TRAINING_OVERDUE")
    assert job.training
    assert provider.calls("check_training")[-1]["clock"] >= job.training.deadline
    assert len(provider.calls("start_training")) == 1
    folder.pipeline.rings("TrainingOverdueAlarm")


def test_the_model_that_may_still_arrive_is_kept_by_its_id(folders: dict[str, Folder]) -> None:
    (training,) = folders["endless"].pipeline.provider.calls("start_training")

    assert folders["endless"].job().model_id == training["model_id"]


def test_too_few_photos_are_waited_for_until_the_deadline(folders: dict[str, Folder]) -> None:
    job = folders["few"].job()

    assert (job.status, job.code) == (JobStatus.FAILED, "TOO_FEW_PHOTOS")
    assert "4 of 4 photos were accepted" in str(job.reason)
    assert ended_at(folders["few"]) >= job.created_at + COLLECT_SECONDS


def test_a_promise_that_is_not_kept_fails_the_job(folders: dict[str, Folder]) -> None:
    job = folders["incomplete"].job()

    assert (job.status, job.code) == (JobStatus.FAILED, "BATCH_INCOMPLETE")
    assert "9 photos were promised, 6 had arrived" in str(job.reason)
    assert ended_at(folders["incomplete"]) >= job.created_at + COLLECT_SECONDS


def test_nobody_was_told_of_avatars(folders: dict[str, Folder]) -> None:
    told = {name: [n["detail-type"] for n in folder.notices()] for name, folder in folders.items()}

    assert told == {
        "endless": ["AvatarJobNeedsAttention"],
        "few": ["AvatarJobFailed"],
        "incomplete": ["AvatarJobFailed"],
    }


def ended_at(folder: Folder) -> int:
    return folder.run().ended_at or 0

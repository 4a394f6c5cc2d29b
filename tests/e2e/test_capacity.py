"""More jobs than the provider may have at once: they wait in order, say so, and all end well."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from avatars.model import JobStatus, Stage, WaitReason
from tests.e2e.pictures import portraits
from tests.e2e.pipeline import GENEROUS, Folder, Pipeline, running_pipeline
from tests.fakes.services import ACCOUNT

ONE_AT_ONCE = {**GENEROUS, "MaxTrainings": "1", "MaxInferences": "1"}
TRAINING_SECONDS = 900
NAMES = ["first", "second", "third"]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A stack of its own, in which one training and one inference may be under way."""
    with running_pipeline(
        tmp_path_factory.mktemp("stack"),
        parameters=ONE_AT_ONCE,
        scenario={"training_seconds": TRAINING_SECONDS, "inference_seconds": 60},
    ) as pipeline:
        yield pipeline


@pytest.fixture(scope="module")
def folders(pipeline: Pipeline) -> list[Folder]:
    """Three jobs, dropped one after the other; they have ended, and said what they waited for."""
    folders = [Folder(pipeline, "alice", name) for name in NAMES]
    for folder in folders:
        folder.want(photos=5)
        folder.drop(portraits(range(5)))
        if folder is folders[0]:
            folder.reaches(JobStatus.TRAINING)
        else:
            assert folder.waits().reason is WaitReason.CAPACITY
    for folder in folders:
        folder.ends()
    return folders


def test_all_of_them_complete(folders: list[Folder]) -> None:
    assert [folder.job().status for folder in folders] == [JobStatus.COMPLETED] * 3


def test_they_are_trained_in_the_order_in_which_they_were_ready(folders: list[Folder]) -> None:
    calls = folders[0].pipeline.provider.calls("start_training")

    assert [call["model_id"] for call in calls] == [folder.job().model_id for folder in folders]


def test_the_next_one_is_sent_when_the_one_before_is_over(folders: list[Folder]) -> None:
    sent = [call["clock"] for call in folders[0].pipeline.provider.calls("start_training")]

    assert all(later - earlier >= TRAINING_SECONDS for earlier, later in pairwise(sent))


def test_nobody_waits_and_nothing_is_held_in_the_end(
    pipeline: Pipeline, folders: list[Folder]
) -> None:
    for stage in Stage:
        assert pipeline.jobs.waiting_runs(ACCOUNT, stage, 10) == []
        assert pipeline.capacity.leases(stage).holders == {}

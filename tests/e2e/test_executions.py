"""More than one execution for a job: further runs, uninvited ones, and one that is stopped."""

from typing import Any

import pytest

from avatars.model import Job, JobStatus
from tests.e2e.pictures import portraits
from tests.e2e.pipeline import Folder, Pipeline, Provider, eventually


def order(folder: Folder, **prompt: Any) -> None:
    """Five photos, and one line of avatars."""
    folder.want(subject="dog", photos=5, prompts=[prompt or {"style": "anime"}])
    folder.drop(portraits(range(5)))


@pytest.fixture(scope="module")
def twice(pipeline: Pipeline) -> Folder:
    """A job that has ended, and then made other avatars from its model."""
    pipeline.provider.forget()
    folder = Folder(pipeline, "alice", "twice")
    order(folder, style="anime", count=2)
    folder.ends()
    prompts = [{"style": "pop_art"}, {"style": "cartoon"}]
    execution = pipeline.execute(job_id=folder.job_id, prompts=prompts)
    assert execution["status"] == "SUCCEEDED"
    return folder


class TestFurtherRun:
    def test_it_makes_other_avatars_from_the_same_model(self, twice: Folder) -> None:
        provider = twice.pipeline.provider
        (training,) = provider.calls("start_training")
        first, second = provider.calls("start_inference")

        assert training["model_id"] == first["model_id"] == second["model_id"]
        assert second["prompts"] == [
            {"style": "pop_art", "count": 1},
            {"style": "cartoon", "count": 1},
        ]
        assert twice.run(1).inference_ids == (first["inference_id"],)
        assert twice.run(2).inference_ids == (second["inference_id"],)

    def test_its_avatars_lie_beside_the_first_ones(self, twice: Folder) -> None:
        assert [avatar.key for avatar in twice.avatars(1)] == [
            "avatars/alice/twice/001/001-anime.jpg",
            "avatars/alice/twice/001/002-anime.jpg",
        ]
        assert [avatar.key for avatar in twice.avatars(2)] == [
            "avatars/alice/twice/002/001-pop-art.jpg",
            "avatars/alice/twice/002/002-cartoon.jpg",
        ]

    def test_the_job_is_completed_again(self, twice: Folder) -> None:
        job = twice.job()

        assert (job.status, job.run) == (JobStatus.COMPLETED, 2)
        assert [notice["detail"]["run"] for notice in twice.notices()] == [1, 2]


class TestUninvited:
    def test_a_second_execution_of_a_running_job_is_refused_and_changes_nothing(
        self, pipeline: Pipeline, folder: Folder, provider: Provider
    ) -> None:
        provider.behave(training_never_ends=True)
        order(folder)
        before = trained(folder)

        refused = pipeline.execute(job_id=folder.job_id, run=1)
        asking_for_more = pipeline.execute(job_id=folder.job_id, prompts=[{"style": "anime"}])

        first = pipeline.execution(f"{folder.job_id}-1")
        assert [refused["error"], asking_for_more["error"]] == ["RunRefusedError"] * 2
        assert first
        assert first["status"] == "RUNNING"
        assert folder.job() == before
        assert len(provider.calls("start_training")) == 1

    def test_a_job_that_failed_before_its_training_has_no_further_run(
        self, pipeline: Pipeline, folder: Folder
    ) -> None:
        folder.want(photos=2)
        folder.drop(portraits(range(2)))
        before = folder.ends()

        execution = pipeline.execute(job_id=folder.job_id)

        assert execution["error"] == "RunRefusedError"
        assert folder.job() == before

    def test_a_job_that_nobody_knows_is_refused(self, pipeline: Pipeline) -> None:
        execution = pipeline.execute(job_id="A" * 26, run=1)

        assert execution["error"] == "JobNotFoundError"


class TestStopped:
    def test_a_job_whose_execution_is_stopped_is_closed_in_the_table(
        self, pipeline: Pipeline, folder: Folder, provider: Provider
    ) -> None:
        provider.behave(training_never_ends=True)
        order(folder)
        model_id = trained(folder).model_id

        job = pipeline.stop(pipeline.execution_arn(f"{folder.job_id}-1"))

        assert folder.execution()["status"] == "ABORTED"
        assert (job.status, job.code) == (JobStatus.NEEDS_ATTENTION, "EXECUTION_ENDED")
        assert job.model_id == model_id
        assert [notice["detail-type"] for notice in folder.notices()] == ["AvatarJobNeedsAttention"]

    def test_it_is_taken_up_again_where_it_stood(
        self, pipeline: Pipeline, folder: Folder, provider: Provider
    ) -> None:
        provider.behave(training_seconds=2500)
        order(folder)
        trained(folder)
        pipeline.stop(pipeline.execution_arn(f"{folder.job_id}-1"))

        execution = pipeline.execute(job_id=folder.job_id, run=1)

        assert execution["status"] == "SUCCEEDED"
        assert folder.job().status is JobStatus.COMPLETED
        assert len(folder.avatars()) == 1
        assert len(provider.calls("start_training")) == 1


def trained(folder: Folder) -> Job:
    """The job once the provider has said which model it trains."""

    def accepted() -> Job | None:
        job = folder.reaches(JobStatus.TRAINING)
        return job if job.model_id else None

    return eventually(accepted, "model_id")


def test_an_input_that_cannot_be_meant_is_refused_in_a_sentence(
    pipeline: Pipeline, folder: Folder
) -> None:
    misspelt = pipeline.execute(job_id=folder.job_id, promts=[{"style": "anime"}])
    empty = pipeline.execute()

    assert (misspelt["status"], misspelt["error"]) == ("FAILED", "RunRefusedError")
    assert misspelt["cause"].startswith("The input has the unknown field 'promts'")
    assert (empty["status"], empty["cause"]) == ("FAILED", "There is no job (none).")

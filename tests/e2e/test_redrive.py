"""`avatars redrive` on jobs that need attention."""

import subprocess

from avatars.model import JobStatus
from tests.e2e.command import avatars
from tests.e2e.pictures import portraits
from tests.e2e.pipeline import Folder, Pipeline, Provider, eventually


def redrive(folder: Folder, *options: str) -> subprocess.CompletedProcess[str]:
    return avatars(folder.pipeline, "redrive", f"alice/{folder.name}", *options)


def order(folder: Folder) -> None:
    folder.want(photos=5, prompts=[{"style": "anime"}])
    folder.drop(portraits(range(5)))


def test_a_job_whose_execution_was_stopped_goes_on_with_its_model(
    pipeline: Pipeline, folder: Folder, provider: Provider
) -> None:
    provider.behave(training_seconds=2500)
    order(folder)
    model_id = eventually(lambda: folder.reaches(JobStatus.TRAINING).model_id, "model_id")
    pipeline.stop(pipeline.execution_arn(f"{folder.job_id}-1"))

    done = redrive(folder)

    assert done.returncode == 0, done.stderr
    assert f"the provider is asked for the model {model_id} again" in done.stderr
    execution = pipeline.execution_that_ended(done.stdout.strip().rpartition(":")[2])
    assert execution["status"] == "SUCCEEDED"
    assert folder.job().status is JobStatus.COMPLETED
    assert len(provider.calls("start_training")) == 1


def test_a_training_whose_answer_was_lost_goes_on_with_the_id_that_support_has_found(
    pipeline: Pipeline, folder: Folder, provider: Provider
) -> None:
    provider.stumble("start_training", "kill_client")
    order(folder)
    folder.ends()
    (training,) = provider.calls("start_training")

    refused = redrive(folder)
    done = redrive(folder, "--model-id", training["model_id"])

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "enter it with --model-id" in refused.stderr
    assert done.returncode == 0, done.stderr
    pipeline.execution_that_ended(done.stdout.strip().rpartition(":")[2])
    job = folder.job()
    assert (job.status, job.model_id) == (JobStatus.COMPLETED, training["model_id"])
    assert len(provider.calls("start_training")) == 1


def test_a_job_that_nobody_knows_is_refused(pipeline: Pipeline) -> None:
    done = avatars(pipeline, "redrive", "A" * 26)

    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no job AAAAAAAAAAAAAAAAAAAAAAAAAA in stack avatars" in done.stderr


def test_a_stack_that_nobody_knows_is_refused(pipeline: Pipeline) -> None:
    done = avatars(pipeline, "redrive", "alice/summer", stack="no-such-stack")

    assert (done.returncode, done.stdout) == (1, "")
    assert "The stack no-such-stack cannot be looked up" in done.stderr

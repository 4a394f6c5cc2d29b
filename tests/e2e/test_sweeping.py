"""What no event tells of is found by the sweep."""

import json
from dataclasses import replace
from typing import Any

from avatars import keys
from avatars.aws.buckets import S3Answers
from avatars.model import Answer, JobStatus, Sending, Submission
from avatars.pipeline.erasing import NOBODY
from tests.conftest import ROOT
from tests.e2e.pictures import portraits
from tests.e2e.pipeline import Folder, Pipeline, Provider, eventually


def swept(pipeline: Pipeline) -> dict[str, Any]:
    event = json.loads((ROOT / "events/sweep_jobs.json").read_text())
    reply: dict[str, Any] = pipeline.invoke("SweepJobsFunction", event)
    return reply


def test_a_folder_whose_events_are_all_lost_is_found_and_completed(
    pipeline: Pipeline, folder: Folder, provider: Provider, held_back: None
) -> None:
    folder.want(photos=5, prompts=[{"style": "anime"}])
    folder.drop(portraits(range(5)))

    def found() -> bool:
        # Folders of other tests may lie there unjudged, too: what counts is this one's photos.
        swept(pipeline)
        return len(folder.photos()) == 5

    eventually(found, "verdict of every photo")
    job = folder.ends()

    assert job.status is JobStatus.COMPLETED
    assert len(provider.calls("start_training")) == 1


def test_a_job_whose_execution_was_never_started_is_started(
    pipeline: Pipeline, folder: Folder, held_back: None
) -> None:
    folder.begin()

    eventually(lambda: swept(pipeline)["started"], "run without an execution")

    assert pipeline.execution(f"{folder.job_id}-1")


def test_a_job_that_died_unheard_is_ended_with_the_id_that_its_answer_has(
    pipeline: Pipeline, folder: Folder, held_back: None
) -> None:
    folder.begin()
    long_ago = pipeline.stack.clock.now() - 3600
    sent = Submission(1, "token", Sending.INTENDED, intended_at=long_ago, deadline=long_ago)
    pipeline.jobs.change_job(
        folder.job_id, lambda job: replace(job, status=JobStatus.TRAINING, training=sent)
    )
    answers = S3Answers(pipeline.s3, pipeline.avatar_bucket)
    answer = Answer(200, {}, json.dumps({"model_id": "found"}).encode())
    answers.keep(folder.job_id, keys.training_answer(1), answer)
    gone = pipeline.execution_arn("none-such")
    pipeline.jobs.change_run(
        folder.job_id, 1, lambda run: replace(run, started_at=long_ago, execution=gone)
    )

    eventually(lambda: swept(pipeline)["closed"], "run whose execution is gone")

    job = folder.job()
    assert (job.status, job.code) == (JobStatus.NEEDS_ATTENTION, "EXECUTION_ENDED")
    assert job.model_id == "found"
    assert folder.notices()


def test_what_stragglers_left_of_an_erased_job_is_erased_and_in_the_end_whose_it_was(
    pipeline: Pipeline, provider: Provider, held_back: None
) -> None:
    # Of somebody without other orders today: those would count on, by their owner's name.
    folder = Folder(pipeline, "zoe-who-has-left", "summer")
    folder.begin()
    pipeline.jobs.change_job(
        folder.job_id, lambda job: replace(job, status=JobStatus.FAILED, code="ERASED", erased_at=1)
    )
    left = [
        (pipeline.upload_bucket, folder.prefix),
        (pipeline.upload_bucket, keys.prepared_photo_prefix(folder.job_id)),
        (pipeline.avatar_bucket, keys.avatar_prefix(folder.owner, folder.name)),
        (pipeline.avatar_bucket, keys.archive_prefix(folder.job_id)),
        (pipeline.avatar_bucket, keys.answer_prefix(folder.job_id)),
    ]
    for bucket, prefix in left * 2:  # in two versions
        pipeline.s3.put_object(Bucket=bucket, Key=f"{prefix}left", Body=b"behind")

    eventually(lambda: swept(pipeline) and folder.job().owner == NOBODY, "job of nobody")

    for bucket, prefix in left:
        found = pipeline.s3.list_object_versions(Bucket=bucket, Prefix=prefix)
        assert not {"Versions", "DeleteMarkers"} & found.keys()

"""What no event tells of is found by the sweep."""

import json
from typing import Any

from avatars.model import JobStatus
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

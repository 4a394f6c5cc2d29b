"""What one job has asked for: its own looks and transitions, from the histories of its runs."""

from collections import Counter
from math import ceil
from typing import Any

from cli.cost.counts import Job
from cli.redrive import named_job
from cli.saying import RefusedError
from cli.target import Target

BATCH = 20
"""`AvatarsPerBatch`, by default and at the most."""


def look_at(target: Target, name: str) -> tuple[Job, int]:
    """A job by its id or OWNER/FOLDER, with all its runs, and how many transitions they took.

    Raises JobNotFoundError, or RefusedError where it is erased or a history is gone.
    """
    job = named_job(target, name)
    if job.erased_at is not None:
        raise RefusedError(
            f"Job {job.job_id} is erased, and how many photos and avatars it had with it: "
            "say --photos and --avatars."
        )
    runs = [target.jobs.run(job.job_id, number) for number in range(1, job.run + 1)]
    states: Counter[str] = Counter()
    transitions = 0
    for run in runs:
        if run.execution is None:
            raise RefusedError(f"Run {run.run} of {job.job_id} has not begun: ask again later.")
        entered = states_of(target.client("stepfunctions"), run.execution)
        transitions += transitions_of(entered, run.avatars)
        states += entered
    looked = Job(
        photos=len(target.jobs.photos(job.job_id)),
        avatars=sum(run.avatars for run in runs),
        collecting_looks=states["Collect photos"],
        training_looks=states["Check training"],
        inference_looks=states["Check inference"],
    )
    return looked, transitions


def transitions_of(states: Counter[str], avatars: int) -> int:
    """How many there were, of which the embedded engine's history leaves out those within a Map.

    There is one for each batch there, of 20 avatars at the most.
    """
    return states.total() + (0 if "Keep batch" in states else ceil(avatars / BATCH))


def states_of(client: Any, execution: str) -> Counter[str]:
    """How often each state of an execution was entered. Raises RefusedError."""
    try:
        pages = client.get_paginator("get_execution_history").paginate(executionArn=execution)
        return Counter(
            event["stateEnteredEventDetails"]["name"]
            for page in pages
            for event in page["events"]
            if "stateEnteredEventDetails" in event
        )
    except client.exceptions.ExecutionDoesNotExist as error:
        raise RefusedError(
            f"Step Functions has no history of {execution} any more: it keeps them for 90 days "
            "after their end."
        ) from error

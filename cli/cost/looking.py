"""What one job has asked for: its own looks and transitions, from the histories of its runs."""

from collections import Counter

from cli.cost.counts import Job
from cli.redrive import named_job
from cli.saying import RefusedError
from cli.target import Target


def look_at(target: Target, name: str) -> tuple[Job, int]:
    """A job by its id or OWNER/FOLDER, with all its runs, and how many transitions they took.

    Raises JobNotFoundError, or RefusedError where a history is gone.
    """
    job = named_job(target, name)
    runs = [target.jobs.run(job.job_id, number) for number in range(1, job.run + 1)]
    states: Counter[str] = Counter()
    for run in runs:
        if run.execution is None:
            raise RefusedError(f"Run {run.run} of {job.job_id} has not begun: ask again later.")
        states += _states(target, run.execution)
    looked = Job(
        photos=len(target.jobs.photos(job.job_id)),
        avatars=sum(run.avatars for run in runs),
        collecting_looks=states["Collect photos"],
        training_looks=states["Check training"],
        inference_looks=states["Check inference"],
    )
    return looked, states.total()


def _states(target: Target, execution: str) -> Counter[str]:
    """How often each state was entered."""
    client = target.client("stepfunctions")
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

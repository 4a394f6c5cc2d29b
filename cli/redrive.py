"""Take a job up again where its recorded ids say."""

import json
import sys

from avatars import keys
from avatars.aws.buckets import S3Uploads
from avatars.clock import as_utc
from avatars.errors import JobNotFoundError
from avatars.model import (
    Capabilities,
    Job,
    JobStatus,
    Run,
    Sending,
    Submission,
    job_id_for,
)
from avatars.pipeline.mending import enter_model_id, is_open
from avatars.provider.catalog import capabilities
from cli.saying import RefusedError, printable
from cli.target import Target


def redrive_job(target: Target, name: str, model_id: str | None) -> str:
    """Say how the job stands and what comes now, and start an execution for it; returns its ARN.

    *model_id* is what the provider's support has found. Raises RefusedError, JobNotFoundError or
    BadRequestError before anything is started.
    """
    job = named_job(target, name)
    run = target.jobs.run(job.job_id, job.run)
    _tell(f"Job {job.job_id} ({job.owner}/{job.folder}), run {job.run}: {_standing(job)}")
    if job.reason:
        _tell(job.reason)
    _require_not_running(target, run)
    if model_id is not None:
        job = enter_model_id(target.jobs, job.job_id, job.run, model_id)
        _tell(f"The model {model_id} is recorded.")
    comes = outlook(job, run, target.clock.now(), capabilities(job.provider))
    _require_photos(target, job)
    _tell(f"Taken up again: {comes}")
    started = target.client("stepfunctions").start_execution(
        stateMachineArn=target.outputs["StateMachine"],
        input=json.dumps({"job_id": job.job_id, "run": job.run}),
    )
    execution: str = started["executionArn"]
    return execution


def named_job(target: Target, name: str) -> Job:
    """The job of that id, or of that OWNER/FOLDER. Raises JobNotFoundError."""
    job_id = job_id_for(*name.split("/", 1)) if "/" in name else name
    job = target.jobs.find_job(job_id)
    if job is None:
        raise JobNotFoundError(
            f"There is no job {printable(name)} in stack {target.stack}: give its id of 26 letters "
            "and digits, or its folder as OWNER/FOLDER."
        )
    return job


def outlook(job: Job, run: Run, now: int, provider: Capabilities) -> str:
    """What an execution will do for the job, whose *provider* can do that.

    Raises RefusedError where it should not be started.
    """
    match job.status:
        case JobStatus.COMPLETED:
            raise RefusedError(
                "It has all its avatars: there is nothing to take up. For more of them, start "
                "another run."
            )
        case JobStatus.FAILED:
            raise RefusedError(
                "A job that failed is not taken up again: what it was given would fail again. "
                + (
                    f"Its model {job.model_id} is kept: start another run, with other prompts."
                    if job.trained_at
                    else "Upload the photos into a new folder."
                )
            )
    if job.model_id is None and job.training and is_open(job.training):
        sent_at = as_utc(job.training.intended_at)
        if _can_be_looked_up(job.training, provider):
            return (
                f"the provider is asked for the training that was sent at {sent_at}, which costs "
                "nothing; only if it says that it has none is it sent again."
            )
        raise RefusedError(
            f"Nobody knows whether the provider took the training that was sent at {sent_at}, so "
            "nothing is sent again. Ask its support for a model of that time and enter it with "
            "--model-id; if there is none, upload the photos into a new folder."
        )
    due = [one for one in run.inferences if one.reason is None]  # nothing waits for the others
    lost = [one.submission for one in due if one.inference_id is None and is_open(one.submission)]
    if not all(_can_be_looked_up(submission, provider) for submission in lost):
        raise RefusedError(
            "Nobody knows whether the provider took the order for these avatars, so it is not sent "
            f"again. {_another_way(job)}"
        )
    if lost:
        return (
            "the provider is asked for the avatars whose order had no answer, which costs nothing; "
            "only what it says that it has not is ordered again."
        )
    return _next_step(job, run, now, provider.trains)


def _can_be_looked_up(submission: Submission | None, provider: Capabilities) -> bool:
    """Whether an execution can find out what became of a request; see `submitting.recover`."""
    is_intended = submission is not None and submission.state is Sending.INTENDED
    return is_intended and provider.finds_requests


def _another_way(job: Job) -> str:
    if job.has_model:
        return f"The model {job.model_id} is kept: start another run, which orders, and pays, anew."
    return "Upload the photos into a new folder, whose job orders, and pays, anew."


def _next_step(job: Job, run: Run, now: int, trains: bool) -> str:
    if not job.chosen:
        if now < job.collect_deadline:
            return "its photos are collected."
        return "its folder is looked at once more; the time to collect photos is over."
    if trains and job.model_id is None:
        return "its training is sent to the provider, which has accepted none so far."
    if trains and job.trained_at is None:
        return f"the provider is asked for the model {job.model_id} again."
    if any(one.is_due for one in run.inferences) or not run.inferences:
        made_from = f"its model {job.model_id} is trained" if trains else "its photos are chosen"
        return f"{made_from}, and avatars are ordered."
    if not run.links:
        return f"the provider is asked for the avatars {', '.join(run.inference_ids)} again."
    given_up = sum(one.reason is not None for one in run.inferences)
    nothing_came = (
        f" Nothing has come of {given_up} of {len(run.inferences)} orders: the provider is asked "
        "again about what it accepted of them, and nothing is sent again."
        if given_up
        else ""
    )
    if now < (run.links_expire_at or 0):
        return f"the avatars that are missing are fetched, by fresh links.{nothing_came}"
    return (
        f"the avatars that are missing are tried once more, but their links died at "
        f"{as_utc(run.links_expire_at or 0)}: another run would order new ones.{nothing_came}"
    )


def _standing(job: Job) -> str:
    return f"{job.status}, {job.code}" if job.code else job.status


def _require_not_running(target: Target, run: Run) -> None:
    execution = run.execution or target.executions.name_of(run.job_id, run.run)
    if target.executions.status(execution) == "RUNNING":
        raise RefusedError(
            f"The execution {execution} works on it: wait until that has ended, or stop it."
        )


def _require_photos(target: Target, job: Job) -> None:
    """Raises RefusedError where a training would be paid for, of photos that nobody can fetch."""
    if not job.chosen or job.model_id is not None:
        return
    prefix = keys.prepared_photo_prefix(job.job_id)
    bucket = S3Uploads(target.client("s3"), target.outputs["UploadBucket"])
    there = {prefix + photo.file for photo in bucket.list(prefix)}
    if not {keys.prepared_photo_key(job.job_id, photo.photo_id) for photo in job.chosen} <= there:
        raise RefusedError(
            "Its prepared photos are gone: they are deleted after a week. Upload the photos into a "
            "new folder."
        )


def _tell(sentence: str) -> None:
    print(printable(sentence), file=sys.stderr)

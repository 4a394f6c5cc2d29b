"""What the table says of a job: its rows hold what became of it, and when."""

from collections.abc import Iterator, Mapping, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from avatars import keys
from avatars.aws.buckets import S3Uploads
from avatars.clock import Clock
from avatars.model import AvatarStatus, Job, JobStatus, PhotoStatus, Run, Sending, Submission
from cli.target import Target
from cli.tracing.fact import Fact, Source


def facts_of_rows(target: Target, job: Job, runs: Sequence[Run]) -> Iterator[Fact]:
    """Everything in the table, from the job's beginning to the receipt of its erasure.

    Rows go by the clock of the pipeline, to the second; uploads by the wall.
    """
    clock = target.clock
    yield from _of_job(clock, job)
    for photo in target.jobs.photos(job.job_id):
        yield Fact(
            photo.uploaded_at,
            Source.TABLE,
            "photo {photo_id} ({file}) uploaded, and {status}",
            {
                "photo_id": photo.photo_id,
                "file": photo.file,
                "status": photo.status,
                "code": photo.code,
                "reason": photo.reason,
                "advice": " ".join(photo.advice),
                "score": photo.score,
            },
            trouble=photo.status is PhotoStatus.REJECTED,
        )
    for run in runs:
        yield from _of_run(clock, job, run)
        yield from _of_avatars(target, job, run)
    receipt = target.jobs.receipt(job.job_id)
    if receipt:
        erased = receipt.erased
        yield Fact(
            wall(clock, receipt.erased_at),
            Source.TABLE,
            "erased: {photos} photos, {avatars} avatars, {rows} rows",
            {"photos": erased.photos, "avatars": erased.avatars, "rows": erased.rows},
        )


def wall(clock: Clock, seconds: int) -> float:
    """When a time of the pipeline's clock was, by the wall clock."""
    return clock.epoch + clock.to_wall(seconds - clock.epoch)


def _of_job(clock: Clock, job: Job) -> Iterator[Fact]:
    yield Fact(
        wall(clock, job.created_at),
        Source.TABLE,
        "job begun",
        {
            "subject": job.subject,
            "provider": job.provider,
            "promised": job.promised,
            "held": job.held or None,
        },
    )
    if job.chosen_at is not None:
        yield Fact(
            wall(clock, job.chosen_at),
            Source.TABLE,
            "{count} photos chosen",
            {"count": len(job.chosen)},
        )
    if job.training:
        yield _of_submission(clock, "training", job.training, job, {"model_id": job.model_id})
    if job.trained_at is not None:
        yield Fact(
            wall(clock, job.trained_at),
            Source.TABLE,
            "model {model_id} is trained",
            {"model_id": job.model_id},
        )


def _of_run(clock: Clock, job: Job, run: Run) -> Iterator[Fact]:
    about = {"run": run.run}
    if run.started_at is not None:
        yield Fact(
            wall(clock, run.started_at),
            Source.TABLE,
            # An erased job does not know any more what was ordered.
            "run {run} begun, of {avatars} avatars" if run.prompts else "run {run} begun",
            about
            | {
                "avatars": run.avatars or None,
                "styles": " ".join(f"{line.style}:{line.count}" for line in run.prompts),
                "rescues": run.rescues or None,
            },
        )
    if run.waiting:
        yield Fact(
            wall(clock, run.waiting.since),
            Source.TABLE,
            "run {run} waits for the provider: {code}",
            about | {"code": run.waiting.reason, "stage": run.waiting.stage},
            trouble=run.waiting.reason.needs_a_person,
        )
    for inference in run.inferences:
        if inference.submission:
            ids = about | {
                "inference_id": inference.inference_id,
                "photo_id": inference.photo_id,
            }
            yield _of_submission(clock, "inference", inference.submission, job, ids)
    if run.announced_at is not None:
        yield Fact(
            wall(clock, run.announced_at),
            Source.TABLE,
            "the provider announced {links} avatars of run {run}",
            about | {"links": run.links},
        )
    if run.ended_at is not None:
        is_last = run.run == job.run
        yield Fact(
            wall(clock, run.ended_at),
            Source.TABLE,
            "run {run} ended: {status}",
            about
            | {
                "status": run.status,
                "code": job.code if is_last else None,
                "reason": job.reason if is_last else None,
            },
            trouble=run.status is not JobStatus.COMPLETED,
        )


def _of_submission(
    clock: Clock, stage: str, submission: Submission, job: Job, ids: Mapping[str, object]
) -> Fact:
    """A request that is paid for. One that stays INTENDED may have been taken or not."""
    lost = submission.state is Sending.INTENDED and job.status.ended
    return Fact(
        wall(clock, submission.intended_at),
        Source.TABLE,
        f"{stage} asked for, attempt {{attempt}}: {{state}}",
        {"attempt": submission.attempt, "state": submission.state, **ids},
        trouble=lost or submission.state is Sending.ABANDONED,
    )


def _of_avatars(target: Target, job: Job, run: Run) -> Iterator[Fact]:
    """Rows of avatars have no times; those that are kept have that of their file."""
    avatars = target.jobs.avatars(job.job_id, run.run)
    kept_at = _kept_at(target, job) if avatars else {}
    unknown = wall(target.clock, run.ended_at or run.announced_at or run.started_at or 0)
    for avatar in avatars:
        yield Fact(
            kept_at.get(avatar.key or "", unknown),
            Source.TABLE,
            "avatar {position} of run {run} {status}",
            {
                "run": avatar.run,
                "position": avatar.position,
                "status": avatar.status,
                "style": avatar.style,
                "bytes": avatar.bytes,
                "reason": avatar.reason,
            },
            trouble=avatar.status is not AvatarStatus.KEPT,
        )


def _kept_at(target: Target, job: Job) -> dict[str, int]:
    """When each file was stored, by key; nothing where the bucket may not be looked at."""
    prefix = keys.avatar_prefix(job.owner, job.folder)
    try:
        files = S3Uploads(target.client("s3"), target.outputs["AvatarBucket"]).list(prefix)
    except (BotoCoreError, ClientError):
        return {}
    return {prefix + file.file: file.uploaded_at for file in files}

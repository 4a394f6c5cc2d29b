"""What only a person can find out: the id of a model whose answer was lost."""

from dataclasses import replace

from avatars.errors import BadRequestError
from avatars.model import Job, JobStatus, Sending, Submission
from avatars.ports import Jobs

MAX_ID_LENGTH = 200


def enter_model_id(jobs: Jobs, job_id: str, run: int, model_id: str) -> Job:
    """Record the model that the provider's support has found, as its answer would have been.

    Raises JobNotFoundError, or BadRequestError where the job waits for no such id.
    """
    if not model_id.isprintable() or " " in model_id or not 0 < len(model_id) <= MAX_ID_LENGTH:
        raise BadRequestError(
            f"{model_id[:MAX_ID_LENGTH]!r} is no id of a model: it has 1 to {MAX_ID_LENGTH} "
            "printable characters and no spaces. Give it as the provider's support has written it."
        )

    def enter(job: Job) -> Job:
        if job.model_id == model_id:
            return job  # our own write, whose confirmation was lost on the way
        if job.model_id is not None:
            raise BadRequestError(f"Job {job_id} has the model {job.model_id}: leave the id out.")
        if job.run != run:
            raise BadRequestError(f"Job {job_id} is at run {job.run}, not at run {run}.")
        if job.training is None or not is_open(job.training):
            raise BadRequestError(
                f"No training of job {job_id} has an unknown outcome: leave the id out."
            )
        if job.status is not JobStatus.NEEDS_ATTENTION:
            raise BadRequestError(
                f"Job {job_id} is {job.status} and may still find the id: wait until it has ended."
            )
        training = replace(job.training, state=Sending.ACCEPTED)
        return replace(job, training=training, model_id=model_id)

    return jobs.change_job(job_id, enter)


def is_open(submission: Submission | None) -> bool:
    """Whether the provider may have accepted something whose id nobody has recorded."""
    if submission is None or submission.state is Sending.ACCEPTED:
        return False
    if submission.state in (Sending.NOT_SENT, Sending.FRUITLESS):
        return submission.abandoned > 0
    return True

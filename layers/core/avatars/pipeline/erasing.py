"""Forget a job: its pictures, its rows, its name. Only ids stay."""

import secrets
from dataclasses import asdict, replace
from typing import Any

from avatars import keys
from avatars.errors import JobNotFoundError
from avatars.model import Allowance, Erased, Job, JobStatus, Receipt, Stage
from avatars.pipeline.admission import give_back
from avatars.pipeline.ordering import find_owned_job
from avatars.pipeline.spending import book, close_accounts
from avatars.ports import Services

CODE = "ERASED"

NOBODY = "(erased)"
"""The owner of a job that is forgotten: no person can be called so."""

STRAGGLERS = 15 * 60
"""Seconds of the wall after which no function can be at work any more that had begun before."""


def erase_job(services: Services, owner: str, job_id: str) -> Receipt:
    """Erase an owner's job, whatever it is at; once more, the same receipt.

    Its row stays, marked: a late upload must not begin the job anew, and a model that is paid for
    keeps its id. A function that is still at work may leave something behind: the sweep erases
    again, and then forgets whose job it was. Raises JobNotFoundError.
    """
    job = find_owned_job(services, owner, job_id)
    if job is None:
        raise JobNotFoundError(f"There is no job {job_id}.")
    if job.erased_at is not None and (receipt := services.jobs.receipt(job_id)):
        return receipt
    # Not ended any more, so that the sweep finds it, also where this function dies after the mark.
    services.jobs.change_run(job_id, job.run, lambda run: replace(run, ended_at=None))
    # From here on, every step refuses to act for it.
    job = services.jobs.change_job(job_id, lambda job: _marked(job, services.clock.now()))
    run = services.jobs.change_run(
        job_id, job.run, lambda run: replace(run, prompts=(), ended_at=None, waiting=None)
    )
    execution = run.execution or services.executions.name_of(job_id, job.run)
    stopped = services.executions.stop(execution, "its job is erased")
    for stage in Stage:
        give_back(services, stage, run.name)
    close_accounts(services, job, run)
    return _receipt(services, job, _erase(services, job), stopped)


def describe_receipt(receipt: Receipt) -> dict[str, Any]:
    """What an owner is told of an erasure, as JSON has it."""
    left = []
    if receipt.model_id:
        left.append(
            {
                "what": "model",
                "id": receipt.model_id,
                "why": "The provider offers no deletion of models: ask its support, with this id.",
            }
        )
    return {
        "job_id": receipt.job_id,
        "erased_at": receipt.erased_at,
        "stopped": receipt.stopped,
        "erased": asdict(receipt.erased),
        "left": left,
    }


def erase_again(services: Services, job: Job) -> bool:
    """Erase what stragglers have left of an erased job; whether that was the last time.

    The last time, the owner's name and the folder's go, too.
    """
    _receipt(services, job, _erase(services, job), stopped=False)
    age = services.clock.now() - (job.erased_at or 0)
    if age < services.clock.from_wall(STRAGGLERS):
        return False
    services.owners.change_allowance(job.owner, lambda known: _without(known, job))
    for stage in Stage:
        # What was under way when it was erased may be paid for; only the sum stays.
        book(services, stage, job.job_id, job.run)
    services.jobs.change_job(
        job.job_id, lambda newest: replace(newest, owner=NOBODY, folder="", chosen=(), webhook=None)
    )
    services.jobs.erase(job.job_id)
    return True


def _marked(job: Job, now: int) -> Job:
    return replace(
        job,
        status=JobStatus.FAILED,
        code=CODE,
        reason=None,
        webhook=None,
        erased_at=job.erased_at or now,
    )


def _erase(services: Services, job: Job) -> Erased:
    return Erased(
        uploads=services.uploads.erase(keys.upload_prefix(job.owner, job.folder)),
        photos=services.photos.erase(job.job_id),
        avatars=services.gallery.erase(keys.avatar_prefix(job.owner, job.folder)),
        archives=services.gallery.erase(keys.archive_prefix(job.job_id)),
        answers=services.answers.erase(job.job_id),
        rows=services.jobs.erase(job.job_id, keep_run=job.run),
    )


def _receipt(services: Services, job: Job, erased: Erased, stopped: bool) -> Receipt:
    return services.jobs.add_to_receipt(
        Receipt(
            job_id=job.job_id,
            erased_at=job.erased_at or services.clock.now(),
            stopped=stopped,
            erased=erased,
            # By now the answer of a training that was just under way may have come.
            model_id=services.jobs.job(job.job_id).model_id,
        )
    )


def _without(allowance: Allowance, job: Job) -> Allowance:
    """The allowance, in which the orders of a job count on without its name."""
    orders = {
        f"(erased) {secrets.token_hex(8)}" if name.startswith(job.job_id) else name: order
        for name, order in allowance.orders.items()
    }
    return allowance if orders == allowance.orders else replace(allowance, orders=orders)

"""Forget a job: its pictures, its rows, its name. Only ids stay."""

import secrets
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from avatars import keys
from avatars.errors import JobNotEndedError, JobNotFoundError, OutcomeUnknownError
from avatars.model import Allowance, Cause, Erased, Job, JobStatus, Receipt, Run, Spending, Stage
from avatars.pipeline.admission import give_back
from avatars.pipeline.mending import is_open
from avatars.pipeline.ordering import find_owned_job
from avatars.pipeline.spending import book_all, close_accounts
from avatars.pipeline.submitting import settle_from_answer
from avatars.pipeline.training import TrainingLedger
from avatars.ports import Services
from avatars.settings import DAY

CODES = {Cause.OWNER: "ERASED", Cause.RETENTION: "RETENTION_OVER"}
"""The code of a job that is erased, by why."""

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
    job, run = _begin(services, job, Cause.OWNER)
    execution = run.execution or services.executions.name_of(job_id, job.run)
    stopped = services.executions.stop(execution, "its job is erased")
    return _finish(services, job, run, stopped)


def erase_photos(services: Services, job: Job) -> None:
    """Delete the photos that an ended job has been allowed to keep."""
    services.uploads.erase(keys.upload_prefix(job.owner, job.folder))
    services.photos.erase(job.job_id)
    # Last: until then, whoever looks for jobs with photos finds it.
    services.jobs.change_job(job.job_id, lambda newest: replace(newest, keeps_photos=False))


def erase_outlived(services: Services, job: Job) -> Receipt:
    """Erase an ended job that has been kept for long enough, as if its owner had asked for it.

    Raises JobNotEndedError where somebody has just begun with it again.
    """
    job, run = _begin(services, job, Cause.RETENTION)
    return _finish(services, job, run, stopped=False)


def describe_receipt(receipt: Receipt) -> dict[str, Any]:
    """What an owner is told of an erasure, as JSON has it."""
    left = []
    if receipt.model_id:
        left.append(
            {
                "what": "model",
                "id": receipt.model_id,
                "why": "We do not delete models at the provider: ask its support, with this id.",
            }
        )
    return {
        "job_id": receipt.job_id,
        "erased_at": receipt.erased_at,
        "cause": receipt.cause,
        "stopped": receipt.stopped,
        "consent": asdict(receipt.consent) if receipt.consent else None,
        "erased": asdict(receipt.erased),
        "left": left,
    }


def erase_again(services: Services, job: Job) -> bool:
    """Erase what stragglers have left of an erased job; whether that was the last time.

    In the end the names of folder and owner go, too; that of the owner once the order counts
    against no limit any more.
    """
    if job.folder:
        _learn_model_id(services, job)
        answers = services.answers.erase(job.job_id)
        _receipt(services, job, replace(_erase(services, job), answers=answers), stopped=False)
        age = services.clock.now() - (job.erased_at or 0)
        if age < services.clock.from_wall(STRAGGLERS):
            return False
        # What was under way when it was erased may be paid for; only the sum stays.
        book_all(services, job)
        job = services.jobs.change_job(
            job.job_id, lambda newest: replace(newest, folder="", chosen=(), webhook=None)
        )
    if not (_forget_orders(services, job) and _forget_spending(services, job)):
        return False
    services.jobs.change_job(job.job_id, lambda newest: replace(newest, owner=NOBODY))
    services.jobs.erase(job.job_id)
    return True


def _begin(services: Services, job: Job, cause: Cause) -> tuple[Job, Run]:
    """Mark a job as erased: from here on, every step refuses to act for it."""
    # Not ended any more, so that the sweep finds it, also where this function dies after the mark.
    services.jobs.change_run(job.job_id, job.run, lambda run: replace(run, ended_at=None))
    job = services.jobs.change_job(
        job.job_id, lambda job: _marked(job, cause, services.clock.now())
    )
    run = services.jobs.change_run(
        job.job_id, job.run, lambda run: replace(run, prompts=(), ended_at=None, waiting=None)
    )
    return job, run


def _finish(services: Services, job: Job, run: Run, stopped: bool) -> Receipt:
    for stage in Stage:
        give_back(services, job.provider, stage, run.name)
    close_accounts(services, job, run)
    erased = _erase(services, job)
    # In them may stand the id of a model that is paid for; the sweep reads, then erases them.
    if not is_open(job.training):
        erased = replace(erased, answers=services.answers.erase(job.job_id))
    return _receipt(services, job, erased, stopped)


def _learn_model_id(services: Services, job: Job) -> None:
    """Record the id that lies unread in an answer: who got it has died before it said so."""
    if is_open(job.training):
        ledger = TrainingLedger(services, job.provider, job.job_id, job.run)
        with suppress(OutcomeUnknownError):
            settle_from_answer(services, ledger, services.reader(job.provider).training_id)


def _forget_orders(services: Services, job: Job) -> bool:
    """Take the job's name out of its owner's allowance; False while its order counts on.

    An allowance in which only orders of erased jobs are left, and none counts, is deleted.
    """
    allowance = services.owners.change_allowance(job.owner, lambda known: _without(known, job))
    now = services.clock.now()
    if any(now - order.at < DAY for order in allowance.orders.values()):
        # Those of other jobs need the owner's name anyway; those of this one do for a day at most.
        return all(now - o.at >= DAY for n, o in allowance.orders.items() if n.startswith(NOBODY))
    if all(name.startswith(NOBODY) for name in allowance.orders):
        services.owners.forget_allowance(job.owner, allowance.version)
    return True


def _forget_spending(services: Services, job: Job) -> bool:
    """Delete what an owner's jobs have cost; False while that counts on, for a day at most."""

    def forget(known: Spending) -> Spending:
        # Nobody has settled what it had reserved when owners' caps were taken away.
        reserved = {
            name: one
            for name, one in known.reserved.items()
            if one.in_doubt or not name.startswith(job.job_id)
        }
        return replace(known, reserved=reserved)

    # Whatever the settings say now: they may have capped it when it was spent.
    spending = services.owners.change_spending(job.owner, forget)
    if spending.version == 0:
        return True  # nothing was ever counted
    if any(not one.in_doubt for one in spending.reserved.values()):
        return True  # those of other jobs, which need the owner's name anyway
    if spending.day >= services.clock.now() // DAY:
        return False
    services.owners.forget_spending(job.owner, spending.version)
    return True


def _marked(job: Job, cause: Cause, now: int) -> Job:
    if job.erased_at is not None:
        return job
    if cause is Cause.RETENTION and not job.status.ended:
        raise JobNotEndedError(f"Job {job.job_id} is {job.status}: its time is not over.")
    return replace(
        job,
        status=JobStatus.FAILED,
        code=CODES[cause],
        reason=None,
        webhook=None,
        keeps_photos=False,
        erased_at=now,
    )


def _erase(services: Services, job: Job) -> Erased:
    """Erase all but the provider's answers."""
    return Erased(
        uploads=services.uploads.erase(keys.upload_prefix(job.owner, job.folder)),
        photos=services.photos.erase(job.job_id),
        avatars=services.gallery.erase(keys.avatar_prefix(job.owner, job.folder)),
        archives=services.gallery.erase(keys.archive_prefix(job.job_id)),
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
            cause=next(cause for cause, code in CODES.items() if code == job.code),
            consent=job.consent,
        )
    )


def _without(allowance: Allowance, job: Job) -> Allowance:
    """The allowance, in which the orders of a job count on without its name."""
    orders = {
        f"{NOBODY} {secrets.token_hex(8)}" if name.startswith(job.job_id) else name: order
        for name, order in allowance.orders.items()
    }
    return allowance if orders == allowance.orders else replace(allowance, orders=orders)

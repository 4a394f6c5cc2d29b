"""Explain a letter in sentences, and whether anything is left to do for it."""

from collections.abc import Iterator
from dataclasses import dataclass

from avatars import keys
from avatars.clock import as_utc
from avatars.model import JobStatus, Receiver
from avatars.ports import Jobs
from cli.dead_letters import letters
from cli.dead_letters.letters import (
    AlarmDue,
    ExecutionEnded,
    Letter,
    NoticeDue,
    PackingDue,
    PhotoUploaded,
    SweepDue,
    Unreadable,
    WebhookDue,
)

ERASED = "Its owner has had the job erased."
BY_ITSELF = "sweep_jobs does so by itself within half an hour"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was to happen, why it did not, how things stand, what a redrive does."""

    sentences: tuple[str, ...]
    mended: bool
    """Whether what was to happen has happened in the meantime, or cannot matter any more."""


def explain(letter: Letter, jobs: Jobs) -> Explanation:
    """Explain a letter by what stands in the table now."""
    match letter.matter:
        case PhotoUploaded() as uploaded:
            purpose, outcome = _photo_uploaded(uploaded, jobs)
        case ExecutionEnded() as ended:
            purpose, outcome = _execution_ended(ended, jobs)
        case SweepDue():
            purpose, outcome = _sweep_due()
        case PackingDue() as packing:
            purpose, outcome = _packing_due(packing, jobs)
        case AlarmDue() as due:
            purpose, outcome = _alarm_due(due, jobs)
        case NoticeDue() as notice:
            purpose, outcome = _notice_due(notice)
        case WebhookDue() as webhook:
            purpose, outcome = _webhook_due(webhook, jobs)
        case Unreadable() as unreadable:
            purpose, outcome = _unreadable(unreadable, letter.function)
    return Explanation((purpose, *_failures(letter), *outcome.sentences), outcome.mended)


def _photo_uploaded(uploaded: PhotoUploaded, jobs: Jobs) -> tuple[str, Explanation]:
    upload = uploaded.upload
    job = jobs.find_job(upload.job_id)
    where = f"{upload.file} of {upload.owner}/{upload.folder}"
    when = as_utc(upload.uploaded_at)
    if not keys.is_photo(upload.file):
        purpose = f"{where} was uploaded at {when}, and job {upload.job_id} was to begin."
        if job:
            return purpose, _mended("The job has begun in the meantime.")
        return purpose, _open("The job has not begun.", f"A redrive begins it; {BY_ITSELF}.")
    purpose = f"{where}, uploaded at {when}, was to be prepared and judged for job {upload.job_id}."
    photo = jobs.photo(upload.job_id, upload.photo_id)
    if photo and (photo.sequencer >= upload.sequencer or photo.upload_version == upload.version_id):
        reason = f" {photo.reason}" if photo.reason else ""
        return purpose, _mended(f"In the meantime it was judged: {photo.status}.{reason}")
    if job and job.erased_at is not None:
        return purpose, _mended(ERASED)
    if job and job.takes_no_photos:
        return purpose, _open(
            f"The job is {job.status} and takes no more photos.",
            "A redrive makes its verdict say that it came late.",
        )
    standing = f"The job is {job.status} and has" if job else "Its job has not begun and has"
    return purpose, _open(
        f"{standing} no verdict on it.",
        f"A redrive prepares it and has it judged; {BY_ITSELF}, as long as the upload is there.",
    )


def _execution_ended(ended: ExecutionEnded, jobs: Jobs) -> tuple[str, Explanation]:
    purpose = (
        f"The execution {ended.execution} ended with {ended.status} before its job "
        f"{ended.job_id} did, and somebody was to see to the job."
    )
    job = jobs.find_job(ended.job_id)
    if job is None:
        return purpose, _mended("The table knows no such job.")
    if job.erased_at is not None:
        return purpose, _mended(ERASED)
    run = jobs.run(job.job_id, job.run)
    if run.execution not in (None, ended.execution):
        return purpose, _mended("Another execution has taken the job over.")
    if run.ended_at is not None:
        code = f", {job.code}" if job.code else ""
        return purpose, _mended(f"The job has been seen to: it is {job.status}{code}.")
    return purpose, _open(
        f"The job still stands in {job.status}, and nobody works on it.",
        f"A redrive resumes or ends it; {BY_ITSELF}.",
    )


def _sweep_due() -> tuple[str, Explanation]:
    return "sweep_jobs was to find what every event has missed, as it does regularly.", _open(
        "The next sweep that succeeds does the same, and has probably done so.",
        "A redrive sweeps now.",
    )


def _packing_due(due: PackingDue, jobs: Jobs) -> tuple[str, Explanation]:
    purpose = f"The avatars of job {due.job_id} were to be packed into one archive."
    job = jobs.find_job(due.job_id)
    if job is None:
        return purpose, _mended("The table knows no such job.")
    if job.erased_at is not None:
        return purpose, _mended(ERASED)
    return purpose, _open(
        "Whoever asks for the archive again has it packed again.", "A redrive packs it now."
    )


def _alarm_due(due: AlarmDue, jobs: Jobs) -> tuple[str, Explanation]:
    why = due.detail.get("code") or due.detail.get("reason")
    purpose = f"People were to be told: {due.kind}, about {due.about}{f' ({why})' if why else ''}."
    job = jobs.find_job(due.job_id) if due.job_id else None
    if job and job.status is not JobStatus.NEEDS_ATTENTION:
        return purpose, _mended(f"The job is {job.status} now.")
    return purpose, _open("", "A redrive tells them now.")


def _notice_due(due: NoticeDue) -> tuple[str, Explanation]:
    purpose = f"People were to be told how a job ended: {due.kind}, about {due.about}."
    return purpose, _open("", "A redrive tells them now.")


def _webhook_due(due: WebhookDue, jobs: Jobs) -> tuple[str, Explanation]:
    whose = "its own webhook" if due.receiver is Receiver.JOB else "the webhook of the stack"
    purpose = f"How job {due.job_id} ended was to be told to {whose}: {due.kind}."
    job = jobs.find_job(due.job_id)
    if job is None:
        return purpose, _mended("The table knows no such job.")
    if job.erased_at is not None:
        return purpose, _mended("The job has been erased.")
    if due.receiver is Receiver.JOB and not job.webhook:
        return purpose, _mended("The job has no webhook any more.")
    return purpose, _open("", "A redrive sends it again, ten times within a day if need be.")


def _unreadable(unreadable: Unreadable, function: str | None) -> tuple[str, Explanation]:
    if function is None:
        remedy = "It cannot be redriven: drop it."
    else:
        remedy = (
            f"A redrive hands it to {function} as it is; unless that one has changed, it fails "
            "again: drop it."
        )
    return f"Nobody can tell what was to happen. {unreadable.why}", _open("", remedy)


def _failures(letter: Letter) -> Iterator[str]:
    for failure in letter.failures:
        match failure.function:
            case letters.ALARM:
                name = "the alarm topic"
            case letters.NOTICE:
                name = "the topic of notices"
            case letters.JUDGE:
                name = f"{letters.JUDGE}, which was to judge what came of it,"
            case function:
                name = function or "its function"
        words = f"{failure.error}: {failure.message}" if failure.message else failure.error
        times = "once, with" if failure.tries == 1 else f"{failure.tries} times, in the end with"
        trouble = (
            f"{name} failed" if failure.delivered else f"AWS could not hand it to {name}, tried"
        )
        yield f"But {trouble} {times} {words.removesuffix('.')}."


def _mended(standing: str) -> Explanation:
    return Explanation((standing, "A redrive changes nothing and removes the letter."), mended=True)


def _open(standing: str, remedy: str) -> Explanation:
    return Explanation(tuple(filter(None, (standing, remedy))), mended=False)

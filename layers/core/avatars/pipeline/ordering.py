"""The HTTP door: order a job, ask for its start, see how it stands."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from avatars import keys
from avatars.advice import SENTENCES, advice_on, advice_on_set
from avatars.errors import BadKeyError, BadRequestError, JobNotFoundError, JobStartedError
from avatars.manifest import write_manifest
from avatars.model import (
    JOB_ID_LENGTH,
    MAX_PHOTO_BYTES,
    MAX_PHOTOS,
    MIN_PHOTOS,
    Form,
    Job,
    Manifest,
    Photo,
    PhotoStatus,
    Run,
    Subject,
    job_id_for,
)
from avatars.pipeline.collecting import without_unusable
from avatars.pipeline.uploading import ensure_job
from avatars.ports import Services

FORM_SECONDS = 900
"""Wall seconds in which the photos must be uploaded; asking again gives new forms."""

_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".webp": "image/webp",
    ".avif": "image/avif",
}


def order_job(
    services: Services, owner: str, folder: str, manifest: Manifest, files: Sequence[str]
) -> tuple[Job, dict[str, Form]]:
    """A job for *files* of this owner and, for each file, the form that uploads it.

    The manifest goes where a dropped one would be, and promises the number of files; the same
    order again gives the same job with new forms. Raises BadRequestError.
    """
    types = {file: _type_of(file) for file in files}
    if not MIN_PHOTOS <= len(types) <= MAX_PHOTOS:
        raise BadRequestError(
            f"files has {len(types)} names; a training takes {MIN_PHOTOS} to {MAX_PHOTOS} photos: "
            "add some or leave some out."
        )
    known = services.jobs.find_job(job_id_for(owner, folder))
    if known and known.takes_no_photos:
        raise JobStartedError(f"Job {known.job_id} takes no more photos: use a new folder.")
    prefix = keys.upload_prefix(owner, folder)
    services.uploads.put(prefix + keys.MANIFEST, write_manifest(manifest, len(types)))
    job = ensure_job(services, owner, folder)
    if not job.chosen:
        # What the manifest will say when the set is frozen, said at once.
        services.jobs.change_run(
            job.job_id, job.run, lambda run: replace(run, prompts=manifest.prompts)
        )
        job = services.jobs.change_job(
            job.job_id,
            lambda job: replace(
                job, subject=manifest.subject, promised=len(types), webhook=manifest.webhook
            ),
        )
    forms = {
        file: services.uploads.form(prefix + file, kind, MAX_PHOTO_BYTES, FORM_SECONDS)
        for file, kind in types.items()
    }
    return job, forms


def ask_start(services: Services, owner: str, job_id: str) -> Job:
    """Have a collecting job start with the photos that it has, once they are enough.

    Raises JobNotFoundError, or JobStartedError where the job has ended.
    """
    job = owned_job(services, owner, job_id)
    if job.status.ended:
        raise JobStartedError(f"Job {job_id} has ended with {job.status}: use a new folder.")
    if not job.chosen:
        services.uploads.put(keys.upload_prefix(owner, job.folder) + keys.START, b"")
    return job


def owned_job(services: Services, owner: str, job_id: str) -> Job:
    """The owner's job. A stranger's job does not exist: raises JobNotFoundError."""
    job = services.jobs.find_job(job_id) if len(job_id) == JOB_ID_LENGTH else None
    if job is None or job.owner != owner:
        raise JobNotFoundError(f"There is no job {job_id}.")
    return job


def describe_job(services: Services, job: Job) -> dict[str, Any]:
    """What an owner may know of a job, as JSON has it. Times are Unix seconds of the clock."""
    run = services.jobs.run(job.job_id, job.run)
    photos = without_unusable(
        services.jobs.photos(job.job_id), job.subject, services.settings.rejected_advice
    )
    used = [
        photo for photo in photos if photo.status in (PhotoStatus.ACCEPTED, PhotoStatus.SURPLUS)
    ]
    avatars = services.jobs.avatars(job.job_id, job.run)
    return {
        "job_id": job.job_id,
        "folder": job.folder,
        "status": job.status,
        "code": job.code,
        "reason": job.reason,
        "run": job.run,
        "subject": job.subject,
        "prompts": [asdict(prompt) for prompt in run.prompts],
        "promised": job.promised,
        "model_id": job.model_id,
        "inference_id": run.inference_id,
        "waiting": _describe_waiting(run),
        "created_at": job.created_at,
        "photos": [
            {
                "file": photo.file,
                "status": photo.status,
                "code": photo.code,
                "reason": photo.reason,
                "crop": photo.crop,
                "advice": _describe_advice(photo, job.subject, used),
            }
            for photo in photos
        ],
        "advice": [asdict(advice) for advice in advice_on_set(used)],
        "avatars": [
            {"position": a.position, "style": a.style, "status": a.status, "key": a.key}
            for a in avatars
        ],
    }


def _describe_advice(photo: Photo, subject: Subject, used: Sequence[Photo]) -> list[dict[str, str]]:
    """What to say about a photo that is used; about a rejected one, its reason says enough."""
    if photo not in used:
        return []
    earlier = used[: used.index(photo)]
    return [{"code": a, "sentence": SENTENCES[a]} for a in advice_on(photo, subject, earlier)]


def _describe_waiting(run: Run) -> dict[str, Any] | None:
    """What a run waits for before its request is sent, and how many come first."""
    waiting = run.waiting
    if waiting is None:
        return None
    return {"for": waiting.reason, "since": waiting.since, "ahead": waiting.ahead}


def _type_of(file: str) -> str:
    kind = next((kind for end, kind in _TYPES.items() if file.lower().endswith(end)), None)
    if kind is None:
        raise BadRequestError(
            f"{file!r} is no JPEG, PNG, HEIC, WebP or AVIF by its name: convert it first."
        )
    if "/" in file or file[0] == ".":
        raise BadRequestError(f"{file!r} is no plain file name: rename it.")
    try:
        keys.check_name(file)
    except BadKeyError as error:
        raise BadRequestError(f"{file!r} cannot be taken. {error}") from error
    return kind

"""An object arrived: make sure that its folder has a job, and judge the photo."""

from dataclasses import replace
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from avatars import keys
from avatars.errors import BadKeyError, PhotoRejectedError, UploadWithheldError
from avatars.model import Job, JobStatus, Photo, PhotoStatus, Run, Upload, job_id_for
from avatars.ports import Services

if TYPE_CHECKING:
    from avatars.photos import PreparedPhoto

logger = Logger(child=True)

_PREPARE_FAILED = PhotoRejectedError(
    "PREPARE_FAILED",
    "Preparing this photo failed. Save it again as a JPEG of ordinary size and upload that.",
)

_LATE = (
    "It came when this job took no more photos. "
    "Use a new folder to train on a set that includes it."
)


def prepare_photo(services: Services, upload: Upload) -> Photo | None:
    """The verdict on a photo; None where the object stands for no photo (`job.json`, `start`).

    However often and in whatever order the events of a file arrive, the newest upload decides.
    """
    if keys.is_folder(upload.file):
        return None
    job = ensure_job(services, upload.owner, upload.folder)
    if not keys.is_photo(upload.file):
        return None
    known = services.jobs.photo(upload.job_id, upload.photo_id)
    if known and _is_judged(known, upload):
        return known
    photo = _late(upload) if job.takes_no_photos else _judge(services, upload)
    return _record(services, photo)


def reject_photo(services: Services, upload: Upload) -> Photo | None:
    """The verdict on a photo whose preparation crashed every time; an earlier verdict stays."""
    ensure_job(services, upload.owner, upload.folder)
    if not keys.is_photo(upload.file):
        return None
    known = services.jobs.photo(upload.job_id, upload.photo_id)
    if known and _is_judged(known, upload):
        return known
    return _record(services, _rejected(upload, _PREPARE_FAILED))


def _is_judged(known: Photo, upload: Upload) -> bool:
    """Whether the verdict is on this upload, be it by another event of it, or on a newer one."""
    return known.upload_version == upload.version_id or known.sequencer >= upload.sequencer


def ensure_job(services: Services, owner: str, folder: str) -> Job:
    """The job of a folder, created and its execution started if this is the first upload."""
    job = services.jobs.find_job(job_id_for(owner, folder)) or _create_job(services, owner, folder)
    if not job.execution_started:
        services.executions.start(job.job_id, job.run)
        job = services.jobs.change_job(
            job.job_id, lambda newest: replace(newest, execution_started=True)
        )
    return job


def mark_late(services: Services, job: Job) -> None:
    """Tell every photo that came while the set was being frozen, or after, that it is late.

    A verdict written before the set was frozen is seen here, one written afterwards sees the
    frozen set itself: between the two, no photo is forgotten.
    """
    chosen = {choice.photo_id: choice.version_id for choice in job.chosen}
    for photo in services.jobs.photos(job.job_id):
        if photo.status is PhotoStatus.ACCEPTED and chosen.get(photo.photo_id) != photo.version_id:
            services.jobs.put_photo(replace(photo, status=PhotoStatus.LATE, reason=_LATE))


def _create_job(services: Services, owner: str, folder: str) -> Job:
    settings, now = services.settings, services.clock.now()
    job_id = job_id_for(owner, folder)
    return services.jobs.create_job(
        Job(
            job_id=job_id,
            owner=owner,
            folder=folder,
            subject=settings.default.subject,
            status=JobStatus.COLLECTING,
            created_at=now,
            collect_deadline=now + settings.collect_seconds,
        ),
        Run(job_id=job_id, run=1, prompts=settings.default.prompts, started_at=now),
    )


def _judge(services: Services, upload: Upload) -> Photo:
    # Pillow: only where a photo is really prepared
    from avatars.photos import check_size

    try:
        keys.check_name(upload.file)
        check_size(upload.bytes)
        key = keys.upload_prefix(upload.owner, upload.folder) + upload.file
        data = services.uploads.read(key, upload.version_id)
        if data is None:
            raise PhotoRejectedError(
                "gone", "The upload was deleted before it could be read. Upload it again."
            )
        prepared = _prepare(data)
    except PhotoRejectedError as error:
        return _rejected(upload, error)
    except BadKeyError as error:
        return _rejected(upload, PhotoRejectedError("bad_key", str(error)))
    except UploadWithheldError as error:
        return _rejected(upload, PhotoRejectedError(_PREPARE_FAILED.code, str(error)))
    version = services.photos.put(upload.job_id, upload.photo_id, prepared.jpeg)
    return replace(
        _photo(upload, PhotoStatus.ACCEPTED),
        version_id=version,
        pixels=prepared.pixels,
        crop=prepared.crop,
        advice=prepared.advice,
        people=prepared.people,
        likeness=prepared.likeness,
        taken_at=prepared.taken_at,
    )


def _prepare(data: bytes) -> "PreparedPhoto":
    from avatars.photos import prepare

    try:
        return prepare(data)
    except PhotoRejectedError:
        raise
    except Exception as error:
        # Whatever a decoder makes of a file is about this file alone, and the same every time.
        logger.exception("a photo broke its preparation")
        raise _PREPARE_FAILED from error


def _record(services: Services, photo: Photo) -> Photo:
    services.jobs.put_photo(photo)
    job = services.jobs.job(photo.job_id)
    if job.takes_no_photos and photo.status is PhotoStatus.ACCEPTED:
        mark_late(services, job)
    return services.jobs.photo(photo.job_id, photo.photo_id) or photo


def _photo(upload: Upload, status: PhotoStatus) -> Photo:
    return Photo(
        job_id=upload.job_id,
        photo_id=upload.photo_id,
        file=upload.file,
        upload_version=upload.version_id,
        sequencer=upload.sequencer,
        uploaded_at=upload.uploaded_at,
        status=status,
        bytes=upload.bytes,
    )


def _rejected(upload: Upload, error: PhotoRejectedError) -> Photo:
    return replace(_photo(upload, PhotoStatus.REJECTED), code=error.code, reason=error.reason)


def _late(upload: Upload) -> Photo:
    return replace(_photo(upload, PhotoStatus.LATE), reason=_LATE)

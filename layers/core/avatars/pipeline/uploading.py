"""An upload was prepared: make sure that its folder has a job, and judge the photo."""

from dataclasses import replace

from avatars import keys
from avatars.metrics import PHOTOS_JUDGED
from avatars.model import Advice, Job, JobStatus, Photo, PhotoStatus, Run, Upload, job_id_for
from avatars.pipeline.preparing import Preparation
from avatars.ports import Services

_LATE = (
    "It came when this job took no more photos. "
    "Use a new folder to train on a set that includes it."
)


def judge_photo(
    services: Services, upload: Upload, preparation: Preparation | None
) -> Photo | None:
    """The verdict on a photo; None where the object stands for no photo (`job.json`, `start`).

    However often and in whatever order preparations of a file come, its newest upload decides,
    and the first verdict on that one stays.
    """
    if keys.is_folder(upload.file):
        return None
    job = ensure_job(services, upload.owner, upload.folder)
    if job.erased_at is not None:
        services.photos.erase(job.job_id)
        return None
    if preparation is None or not keys.is_photo(upload.file):
        return None
    photo = services.jobs.photo(upload.job_id, upload.photo_id)
    if photo is None or not _is_judged(photo, upload):
        photo = _record(
            services, _late(upload) if job.takes_no_photos else _verdict(upload, preparation)
        )
    _erase_straggler(services, job)
    return photo


def _is_judged(known: Photo, upload: Upload) -> bool:
    """Whether the verdict is on this upload, be it by another event of it, or on a newer one."""
    return known.upload_version == upload.version_id or known.sequencer >= upload.sequencer


def ensure_job(services: Services, owner: str, folder: str) -> Job:
    """The job of a folder, created and its execution started if this is the first upload."""
    job = services.jobs.find_job(job_id_for(owner, folder)) or _create_job(services, owner, folder)
    if not job.execution_started and job.erased_at is None:
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
            put_verdict(services, replace(photo, status=PhotoStatus.LATE, reason=_LATE))


def put_verdict(services: Services, photo: Photo) -> None:
    """Store a verdict that has not been stored before, and count it."""
    if services.jobs.put_photo(photo):
        services.meter.add(PHOTOS_JUDGED, verdict=photo.status, code=photo.code)


def _create_job(services: Services, owner: str, folder: str) -> Job:
    settings, now = services.settings, services.clock.now()
    job_id = job_id_for(owner, folder)
    return services.jobs.create_job(
        Job(
            job_id=job_id,
            owner=owner,
            folder=folder,
            subject=settings.default.subject,
            provider=settings.provider,
            status=JobStatus.COLLECTING,
            created_at=now,
            collect_deadline=now + settings.collect_seconds,
        ),
        Run(job_id=job_id, run=1, prompts=settings.default.prompts, started_at=now),
    )


def _erase_straggler(services: Services, job: Job) -> None:
    # It was stored before this job was read: where that had not ended, its end erases it.
    if not job.has_photos:
        services.photos.erase(job.job_id)


def _record(services: Services, photo: Photo) -> Photo:
    put_verdict(services, photo)
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


def _verdict(upload: Upload, preparation: Preparation) -> Photo:
    photo = _photo(upload, PhotoStatus(preparation["status"]))
    if preparation["status"] == "rejected":
        return replace(photo, code=preparation["code"], reason=preparation["reason"])
    return replace(
        photo,
        version_id=preparation["version_id"],
        pixels=preparation["pixels"],
        crop=tuple(preparation["crop"]),
        advice=tuple(map(Advice, preparation["advice"])),
        people=preparation["people"],
        likeness=preparation["likeness"],
        taken_at=preparation["taken_at"],
        score=preparation.get("score"),
    )


def _late(upload: Upload) -> Photo:
    return replace(_photo(upload, PhotoStatus.LATE), reason=_LATE)

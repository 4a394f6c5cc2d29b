"""One archive of all avatars of a job."""

import hashlib
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from avatars import keys
from avatars.errors import ArchiveTooLargeError, NoAvatarsError
from avatars.model import Archive, ArchiveClaim, Avatar, AvatarStatus, Job
from avatars.pipeline.describing import file_of
from avatars.ports import Services

PAGE = 1000

MOST_BYTES = 3_500_000_000
"""What fits into the 4 GB that `pack_avatars` has in /tmp, and into one PutObject (5 GB)."""

PACKING_SECONDS = 300
"""`Timeout` of the function that packs, wall seconds: after that, nobody does any more."""

_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The earliest date that ZIP knows: the same avatars make the same archive."""


def find_archive(services: Services, job: Job) -> Archive | None:
    """The archive of all avatars that the job has now; None while it has to be packed.

    Raises NoAvatarsError or ArchiveTooLargeError.
    """
    key = _key(job, kept_avatars(services, job))
    size = services.gallery.size(key)
    return None if size is None else Archive(key, size)


def ask_for_archive(services: Services, job: Job) -> Archive | None:
    """The archive as `find_archive` has it; where it is not there, it is packed, once at a time."""
    archive = find_archive(services, job)
    if archive is None:
        key, now = _key(job, kept_avatars(services, job)), int(services.clock.wall())
        if services.jobs.claim_archive(ArchiveClaim(job.job_id, key, now + PACKING_SECONDS), now):
            services.packing.ask(job.job_id)
    return archive


def pack_avatars(services: Services, job_id: str) -> Archive | None:
    """Pack all avatars of a job, unless that is done; None where they are erased meanwhile."""
    job = services.jobs.find_job(job_id)
    if job is None or job.erased_at is not None:
        return None
    try:
        avatars = kept_avatars(services, job)
        found = find_archive(services, job)
    except (NoAvatarsError, ArchiveTooLargeError):
        return None
    if found:
        return found
    key = _key(job, avatars)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "avatars.zip"
        _write(services, avatars, file)
        services.gallery.put(key, file, "application/zip")
        size = file.stat().st_size
    # Whoever erased the job meanwhile did not know of it.
    if services.jobs.job(job_id).erased_at is not None:
        services.gallery.erase(keys.archive_prefix(job_id))
        return None
    return Archive(key, size)


def file_name(job: Job) -> str:
    """What browsers save the archive as."""
    slug = "".join(c if c.isascii() and c.isalnum() else "-" for c in job.folder).strip("-")
    return f"avatars-{slug or job.job_id}.zip"


def kept_avatars(services: Services, job: Job) -> Sequence[Avatar]:
    """All avatars that are in our bucket, of all runs.

    Raises NoAvatarsError, or ArchiveTooLargeError where they do not fit into one file.
    """
    found: list[Avatar] = []
    cursor: str | None = None
    while True:
        page = services.jobs.avatars_of(job.job_id, PAGE, cursor)
        found += [avatar for avatar in page.items if avatar.status is AvatarStatus.KEPT]
        cursor = page.next
        if cursor is None:
            break
    if not found:
        raise NoAvatarsError(f"Job {job.job_id} has no avatars yet: ask again when it has ended.")
    if (size := sum(avatar.bytes or 0 for avatar in found)) > MOST_BYTES:
        raise ArchiveTooLargeError(
            f"The avatars of job {job.job_id} have {size} bytes; an archive holds {MOST_BYTES}."
        )
    return found


def _key(job: Job, avatars: Sequence[Avatar]) -> str:
    contents = "\n".join(f"{avatar.key} {avatar.sha256}" for avatar in avatars)
    return keys.archive_key(job.job_id, hashlib.sha256(contents.encode()).hexdigest()[:20])


def _write(services: Services, avatars: Sequence[Avatar], file: Path) -> None:
    # Stored: pictures are compressed already.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for avatar in avatars:
            entry = zipfile.ZipInfo(file_of(avatar) or "", _EARLIEST)
            entry.external_attr = 0o644 << 16
            pieces = services.gallery.read(avatar.key or "")
            try:
                first = next(pieces, b"")
            except FileNotFoundError:
                continue  # somebody has deleted it by hand; the others are wanted all the same
            with archive.open(entry, "w", force_zip64=True) as target:
                target.write(first)
                for piece in pieces:
                    target.write(piece)

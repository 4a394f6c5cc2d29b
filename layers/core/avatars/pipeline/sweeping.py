"""Find what every event has missed: runs without an execution, uploads without a verdict."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypedDict

from avatars import keys
from avatars.errors import BadKeyError, JobNotEndedError
from avatars.metrics import RUNS_UNDER_WAY
from avatars.model import JobStatus, Photo, StoredUpload, Upload, job_id_for
from avatars.pipeline.collecting import is_judged
from avatars.pipeline.erasing import erase_again, erase_outlived, erase_photos
from avatars.pipeline.finishing import close_job
from avatars.pipeline.uploading import ensure_job
from avatars.ports import Services
from avatars.settings import DAY

PATIENCE = 15 * 60
"""Events and executions that are on their way are left alone for this long, in seconds."""

LONGEST_RUN = 13 * DAY
"""Seconds after which a run that still runs is stuck: all deadlines, and the state machine's own,
are over."""

MOST_OUTLIVED = 50
"""Jobs of each of three kinds whose time is over that one sweep deals with: each takes about a
second of the five minutes that it has. The next sweep goes on."""

LOST_EVENT = "0"
"""The sequencer of an upload whose event was lost: whatever S3 still tells is newer."""


class SweepReply(TypedDict):
    runs: int
    """How many runs have not ended."""
    started: int
    resumed: int
    closed: int
    asked: int
    """How many uploads were sent to be judged, because their events never came."""
    cleared: int
    """How many ended jobs have lost the photos that they were allowed to keep for a while."""
    outlived: int
    """How many were erased, because they have been kept for as long as the settings say."""


def sweep_jobs(services: Services) -> SweepReply:
    """Start what never started, resume or end what died, judge what nobody was told of, and erase
    what has been kept long enough.
    """
    runs = services.jobs.unfinished_runs()
    services.meter.add(RUNS_UNDER_WAY, len(runs))
    outcomes = [_sweep_run(services, job_id, run) for job_id, run in runs]
    # Before the uploads: what is not erased in time makes the list of those ever longer.
    cleared, outlived = sum(_sweep_photos(services)), sum(_sweep_outlived(services))
    return {
        "runs": len(runs),
        "started": outcomes.count("started"),
        "resumed": outcomes.count("resumed"),
        "closed": outcomes.count("closed"),
        "asked": sum(1 for _ in _sweep_uploads(services)),
        "cleared": cleared,
        "outlived": outlived,
    }


def _sweep_run(services: Services, job_id: str, number: int) -> str:
    job = services.jobs.find_job(job_id)
    if job and job.erased_at is not None:
        # Its runs may be gone: another one of this list has brought us here before.
        return "closed" if erase_again(services, job) else "left alone"
    run, now = services.jobs.run(job_id, number), services.clock.now()
    if run.ended_at or now - (run.started_at or 0) < PATIENCE:
        return "left alone"
    if job is None or number != job.run:
        # Whoever made it died before the job heard of it; another one may have begun since.
        services.jobs.change_run(job_id, number, lambda row: replace(row, ended_at=now))
        return "closed"
    execution = run.execution or services.executions.name_of(job_id, number)
    status = services.executions.status(execution)
    if status == "RUNNING" and now - (run.started_at or 0) < LONGEST_RUN:
        return "left alone"
    if status is None and run.execution is None:
        services.executions.start(job_id, number)
        return "started"
    reply = close_job(services, job_id, execution, status or "no trace")
    return "closed" if reply is None or JobStatus(reply["status"]).ended else "resumed"


def _sweep_photos(services: Services) -> Iterator[bool]:
    """Delete the photos whose time is over; of each such job, whether it has lost them."""
    # Also where none are to be kept any more: those that were, by an earlier setting, have to go.
    until = services.clock.now() - services.settings.upload_retention
    for job_id in services.jobs.ended_jobs(until, MOST_OUTLIVED, with_photos=True):
        job = services.jobs.job(job_id)
        # The index lags: somebody may have begun with it again.
        over = bool(job.ended_at and job.ended_at <= until and job.keeps_photos)
        if over:
            erase_photos(services, job)
        yield over


def _sweep_outlived(services: Services) -> Iterator[bool]:
    """Erase jobs that have been kept for as long as the settings say; of each, whether it is."""
    if not services.settings.avatar_retention:
        return
    until = services.clock.now() - services.settings.avatar_retention
    for with_photos in (False, True):
        for job_id in services.jobs.ended_jobs(until, MOST_OUTLIVED, with_photos=with_photos):
            job = services.jobs.job(job_id)
            over = bool(job.ended_at and job.ended_at <= until and job.erased_at is None)
            if over:
                try:
                    erase_outlived(services, job)
                except JobNotEndedError:
                    over = False  # somebody was faster
            yield over


def _sweep_uploads(services: Services) -> Iterator[Upload]:
    clock = services.clock
    folders: dict[tuple[str, str], list[StoredUpload]] = defaultdict(list)
    for stored in services.uploads.list(keys.UPLOADS):
        if clock.from_wall(clock.wall() - stored.uploaded_at) < PATIENCE:
            continue
        try:
            owner, folder, file = keys.parse_upload_key(keys.UPLOADS + stored.file)
        except BadKeyError:
            continue  # it lies in no folder; no event tells of it either
        if not keys.is_folder(file):
            folders[owner, folder].append(replace(stored, file=file))
    # They take no more photos, and there may be a hundred of them for each job that does.
    keepers = set(services.jobs.ended_jobs(clock.now(), with_photos=True))
    for (owner, folder), uploads in folders.items():
        job_id = job_id_for(owner, folder)
        if job_id in keepers:
            continue
        known = services.jobs.find_job(job_id)
        if known and known.erased_at is not None:
            services.uploads.erase(keys.upload_prefix(owner, folder))
        elif known is None or not known.takes_no_photos:
            job = ensure_job(services, owner, folder)
            judged = {photo.file: photo for photo in services.jobs.photos(job.job_id)}
            yield from _ask(services, owner, folder, uploads, judged)


def _ask(
    services: Services,
    owner: str,
    folder: str,
    uploads: list[StoredUpload],
    judged: Mapping[str, Photo],
) -> Iterator[Upload]:
    for stored in uploads:
        known = judged.get(stored.file)
        if not keys.is_photo(stored.file) or is_judged(stored, known):
            continue
        version = services.uploads.newest_version(keys.upload_prefix(owner, folder) + stored.file)
        if version is None:
            continue
        sequencer = _next(known.sequencer) if known else LOST_EVENT
        upload = Upload(
            owner, folder, stored.file, version, sequencer, stored.uploaded_at, stored.bytes
        )
        services.preparations.ask(upload)
        yield upload


def _next(sequencer: str) -> str:
    """Newer than what the photo was judged by, older than whatever S3 may still tell of it."""
    return f"{int(sequencer, 16) + 1:0{len(sequencer)}X}"

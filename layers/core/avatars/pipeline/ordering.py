"""What owners ask for: a job, its start, more avatars from its model."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from avatars import keys
from avatars.errors import (
    BadKeyError,
    BadRequestError,
    ConsentMissingError,
    JobNotEndedError,
    JobNotFoundError,
    JobStartedError,
    LimitReachedError,
    NoModelError,
)
from avatars.manifest import provider_of, require_possible, write_manifest
from avatars.model import (
    JOB_ID_LENGTH,
    MAX_PHOTO_BYTES,
    MOST_RUNS,
    Allowance,
    Consent,
    DoorName,
    Form,
    Job,
    Manifest,
    Ordered,
    Prompt,
    job_id_for,
    photo_id_for,
)
from avatars.pipeline.running import why_deleted
from avatars.pipeline.spending import require_affordable
from avatars.pipeline.uploading import ensure_job
from avatars.ports import Services
from avatars.settings import DAY

FORM_SECONDS = 900
"""Wall seconds in which the photos must be uploaded; asking again gives new forms."""

MAX_FOLDER_LENGTH = 64

_FOLDER = re.compile(rf"[\w .+-]{{1,{MAX_FOLDER_LENGTH}}}")

PHOTO_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".webp": "image/webp",
    ".avif": "image/avif",
}
"""By the end of a file's name."""


def order_job(
    services: Services,
    owner: str,
    folder: str,
    manifest: Manifest,
    photos: Mapping[str, str | None],
    door: DoorName = DoorName.API,
) -> Job:
    """A job for *photos* of this owner, by file and, where it is known, content type.

    The manifest goes where a dropped one would be, and promises the number of photos; the same
    order again is the same job. One that holds may be ordered before anybody agrees to it. Raises
    BadRequestError, ConsentMissingError, JobStartedError or LimitReachedError.
    """
    provider = provider_of(services.settings, manifest)
    capabilities = services.capabilities(provider)
    least, most = capabilities.least_photos, capabilities.most_photos
    if not least <= len(photos) <= most:
        raise BadRequestError(
            f"photos has {len(photos)} names; the provider takes {least} to {most} photos: add "
            "some or leave some out."
        )
    for file, kind in photos.items():
        type_of(file, kind)
    check_folder(folder)
    require_possible(services.settings, capabilities, manifest.subject, manifest.prompts)
    require_affordable(services.settings, manifest.prompts, trains=capabilities.trains)
    if not manifest.hold:
        _require_consent(services, manifest.consent)
    job_id = job_id_for(owner, folder)
    known = services.jobs.find_job(job_id)
    if known and known.takes_no_photos:
        raise JobStartedError(f"Job {job_id} takes no more photos: use a new folder.")
    _allow(services, owner, job_id, photos)
    prefix = keys.upload_prefix(owner, folder)
    services.uploads.put(prefix + keys.MANIFEST, write_manifest(manifest, len(photos)))
    job = ensure_job(services, owner, folder)

    def say(newest: Job) -> Job:
        # What the manifest will say when the set is frozen, said at once; never afterwards.
        if newest.takes_no_photos:
            return newest
        return replace(
            newest,
            subject=manifest.subject,
            provider=provider,
            promised=len(photos),
            held=manifest.hold,
            webhook=manifest.webhook,
            consent=consent_to(newest, manifest, door, services.clock.now()),
        )

    job = services.jobs.change_job(job_id, say)
    if not job.takes_no_photos:
        services.jobs.change_run(
            job_id,
            job.run,
            lambda run: run if run.inferences else replace(run, prompts=manifest.prompts),
        )
    return job


def upload_forms(services: Services, job: Job, photos: Mapping[str, str | None]) -> dict[str, Form]:
    """For each photo, the form that uploads it into the job's folder; see `order_job`."""
    prefix = keys.upload_prefix(job.owner, job.folder)
    return {
        file: services.uploads.form(
            prefix + file, type_of(file, kind), MAX_PHOTO_BYTES, FORM_SECONDS
        )
        for file, kind in photos.items()
    }


def ask_start(services: Services, owner: str, job_id: str) -> Job:
    """Have a collecting job start with the photos that it has, once they are enough.

    Raises JobNotFoundError, ConsentMissingError, or JobStartedError where the job has ended.
    """
    job = owned_job(services, owner, job_id)
    if job.status.ended:
        raise JobStartedError(f"Job {job_id} has ended with {job.status}: use a new folder.")
    if not job.chosen:
        _require_consent(services, job.consent)
        services.uploads.put(keys.upload_prefix(owner, job.folder) + keys.START, b"")
    return job


def ask_more(
    services: Services, owner: str, job_id: str, prompts: Sequence[Prompt]
) -> tuple[Job, int]:
    """Have more avatars made from a job's model; returns the job, and the run that makes them.

    Raises JobNotFoundError, BadRequestError, NoModelError, JobNotEndedError or LimitReachedError.
    """
    job = owned_job(services, owner, job_id)
    capabilities = services.capabilities(job.provider)
    if not capabilities.trains:
        raise NoModelError(
            f"The avatars of job {job_id} are made from a photo, without a model that could make "
            "more: order a new job."
        )
    require_possible(services.settings, capabilities, job.subject, prompts)
    require_affordable(services.settings, prompts, trains=False)
    if not job.status.ended:
        raise JobNotEndedError(f"Job {job_id} is {job.status}: wait until it has ended.")
    if not job.has_model:
        raise NoModelError(f"Job {job_id} has no trained model to make more from: order a new job.")
    if deleted := why_deleted(services, job):
        raise NoModelError(f"{deleted} Order a new job.")
    run = job.run + 1
    if run > MOST_RUNS:
        raise LimitReachedError(f"{MOST_RUNS} runs of a job are the most: order a new job.")
    _allow(services, owner, f"{job_id}-{run}")
    services.executions.start_another(job_id, run, prompts)
    return job, run


def consent_to(job: Job, manifest: Manifest, door: DoorName, now: int) -> Consent | None:
    """What stands in a job's row of the consent that its manifest declares.

    As long as it is to the same text, the first time counts.
    """
    known = job.consent
    if manifest.consent is None or (known and known.text_version == manifest.consent):
        return known if manifest.consent else None
    return Consent(manifest.consent, now, door)


def _require_consent(services: Services, consent: Consent | str | None) -> None:
    if services.settings.require_consent and consent is None:
        raise ConsentMissingError(
            "Nobody has said that whoever is on the photos agrees to it: nothing is trained "
            "without that."
        )


def owned_job(services: Services, owner: str, job_id: str) -> Job:
    """The owner's job. A stranger's job does not exist: raises JobNotFoundError."""
    job = find_owned_job(services, owner, job_id)
    if job is None or job.erased_at is not None:
        raise JobNotFoundError(f"There is no job {job_id}.")
    return job


def find_owned_job(services: Services, owner: str, job_id: str) -> Job | None:
    """The owner's job, also one that was erased a moment ago."""
    job = services.jobs.find_job(job_id) if len(job_id) == JOB_ID_LENGTH else None
    return job if job and job.owner == owner else None


def type_of(file: str, kind: str | None = None) -> str:
    """The content type of a photo by its name, or *kind* where its sender knows better.

    Raises BadRequestError for what is no photo, or has a name that cannot be taken.
    """
    kind = kind or next((t for end, t in PHOTO_TYPES.items() if file.lower().endswith(end)), None)
    if kind not in PHOTO_TYPES.values():
        raise BadRequestError(
            f"{file!r} is no JPEG, PNG, HEIC, WebP or AVIF by its name or type: convert it first."
        )
    # `${filename}` in a form would stand for any name at all.
    if "/" in file or "${" in file or file[0] == "." or not keys.is_photo(file):
        raise BadRequestError(f"{file!r} is no plain name of a photo: rename it.")
    try:
        keys.check_name(file)
    except BadKeyError as error:
        raise BadRequestError(f"{file!r} cannot be taken. {error}") from error
    return str(kind)


def check_folder(folder: str) -> None:
    """Raises BadRequestError for a name that no folder may have."""
    # Dots alone are no name: clients take them out of the addresses of everything below.
    if not _FOLDER.fullmatch(folder) or not folder.strip("."):
        raise BadRequestError(
            f"folder must have 1 to {MAX_FOLDER_LENGTH} letters, digits, spaces or . _ + -, and "
            "not dots alone: rename it."
        )


def _allow(services: Services, owner: str, name: str, photos: Iterable[str] = ()) -> None:
    """Count an order against the owner's limits: of a job, or of more avatars by a run's name.

    It counts from now on, whatever becomes of it: every one may be paid for. Raises
    LimitReachedError.
    """
    limits, now = services.settings.owner_limits, services.clock.now()

    def allow(allowance: Allowance) -> Allowance:
        known = allowance.orders.get(name, Ordered(now))
        others = {
            other: order
            for other, order in allowance.orders.items()
            if other != name and (now - order.at < DAY or _is_open(services, other))
        }
        today = [order for order in others.values() if now - order.at < DAY]
        first = min((order.at for order in today), default=now)
        wait = math.ceil(services.clock.to_wall(first + DAY - now))
        if name not in allowance.orders:
            if len(today) >= limits.jobs_a_day:
                raise LimitReachedError(
                    f"{len(today)} orders were made in a day, {limits.jobs_a_day} are the most: "
                    "order again later.",
                    wait,
                )
            if sum(_is_open(services, other) for other in others) >= limits.open_jobs:
                raise LimitReachedError(
                    f"{limits.open_jobs} jobs at a time are the most: wait until one has ended, or "
                    "erase one."
                )
        offered = sorted({*known.photos, *(photo_id_for(file)[:8] for file in photos)})
        if len(offered) + sum(len(order.photos) for order in today) > limits.photos_a_day:
            raise LimitReachedError(
                f"{limits.photos_a_day} photos a day are the most: order again later, or with "
                "fewer photos.",
                wait,
            )
        return replace(allowance, orders=others | {name: Ordered(known.at, tuple(offered))})

    services.owners.change_allowance(owner, allow)


def _is_open(services: Services, job_id: str) -> bool:
    job = services.jobs.find_job(job_id)
    return job is not None and not job.status.ended

"""Wait until a folder of photos is complete, then freeze the set."""

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal, TypedDict

from avatars import keys
from avatars.advice import SENTENCES, advice_on
from avatars.errors import (
    BadManifestError,
    BatchIncompleteError,
    ConsentMissingError,
    TooFewPhotosError,
    UploadWithheldError,
)
from avatars.manifest import provider_of, read_manifest, require_possible
from avatars.metrics import STAGE_SECONDS, Phase
from avatars.model import (
    MAX_PHOTOS,
    Advice,
    ChosenPhoto,
    DoorName,
    Job,
    Manifest,
    Photo,
    PhotoStatus,
    StoredUpload,
    Subject,
)
from avatars.pipeline.ordering import consent_to
from avatars.pipeline.ranking import ranked
from avatars.pipeline.running import SHORTEST_WAIT, require_run
from avatars.pipeline.spending import require_affordable
from avatars.pipeline.uploading import mark_late, put_verdict
from avatars.ports import Services

LONGEST_WAIT = 300
UNPROMISED_WAIT = 15
LOOKS_PER_AGE = 20
"""Early looks are close together, later ones a twentieth of the folder's age apart: some 370
looks in 24 hours, so that the execution's history stays far below its 25,000 events."""

UNHURRIED_WAIT = 60
"""So far apart are looks while the owner of a folder looks at its verdicts, and at most while one
fills: that takes minutes, and each look is three transitions."""

TRICKLE_WAIT = 300
"""Into a folder that has filled for hours, looks are at least this far apart, however photos
trickle in or are overwritten: each upload may cost two looks."""

SETTLING = 65 * 60
"""Wall seconds after which an upload without a verdict is no longer waited for: `prepare_photo`
is tried for an hour at most (its MaximumEventAgeInSeconds), `judge_photo` right after it."""


class CollectReply(TypedDict):
    status: Literal["COLLECTED", "WAITING"]
    trains: bool
    """Whether a model is to be trained on the photos; else avatars are made at once."""
    wait_seconds: int


@dataclass(frozen=True, slots=True)
class Folder:
    """What is in an upload folder, and the verdicts on it."""

    uploads: Sequence[StoredUpload]
    photos: Sequence[Photo]
    manifest: Manifest
    rejected_advice: Set[Advice]
    least_photos: int
    """That the provider needs."""
    lacks_consent: bool = False
    """Whether nothing may be made of it before somebody says that the subject agrees."""

    @property
    def accepted(self) -> int:
        photos = without_unusable(self.photos, self.manifest.subject, self.rejected_advice)
        return sum(photo.status is PhotoStatus.ACCEPTED for photo in photos)

    @property
    def start_asked(self) -> bool:
        return any(upload.file == keys.START for upload in self.uploads)

    @property
    def last_arrival(self) -> int:
        """Wall time of the newest upload, Unix seconds."""
        return max((upload.uploaded_at for upload in self.uploads), default=0)

    def unsettled(self, wall: float) -> int:
        """How many uploaded photos have no verdict yet, on their newest version."""
        judged = {photo.file: photo for photo in self.photos}
        return sum(
            keys.is_photo(upload.file)
            and not is_judged(upload, judged.get(upload.file))
            and wall - upload.uploaded_at < SETTLING
            for upload in self.uploads
        )


def collect_photos(services: Services, job_id: str, run: int) -> CollectReply:
    """Freeze the set of photos when the folder is complete, else say how long to wait.

    Raises TooFewPhotosError, BatchIncompleteError, ConsentMissingError or BadManifestError when it
    never will be.
    """
    job = services.jobs.job(job_id)
    require_run(job, run)
    if not job.chosen:
        # Verdicts first: a photo that comes and is judged in between lies in the folder, too.
        rows = services.jobs.photos(job_id)
        uploads = services.uploads.list(keys.upload_prefix(job.owner, job.folder))
        manifest, provider, problem = _manifest(services, job, uploads)
        now = services.clock.now()
        if not problem and _as_declared(job, manifest, provider, now) != job:
            # At once: who is never complete is told of, too, and consent counts from now.
            job = services.jobs.change_job(
                job_id, lambda job: _as_declared(job, manifest, provider, now)
            )
        capabilities = services.capabilities(provider)
        rejected_advice = services.settings.rejected_advice
        folder = Folder(
            uploads,
            without_withdrawn(rows, uploads),
            manifest,
            rejected_advice,
            capabilities.least_photos,
            # What is wrong with its job.json is said first.
            lacks_consent=services.settings.require_consent
            and manifest.consent is None
            and not problem,
        )
        wait = seconds_to_wait(services, job, folder)
        if wait > 0:
            return {"status": "WAITING", "trains": capabilities.trains, "wait_seconds": wait}
        if problem:
            again = "To try again, upload everything into a new folder."
            raise type(problem)(f"{problem} {again}")
        verdicts = choose(
            folder.photos, manifest.subject, rejected_advice, capabilities.most_photos
        )
        # Before anything is decided, so that a crash in between leaves nothing undone.
        for before, after in zip(sorted_by_upload(rows), verdicts, strict=True):
            if before != after:
                put_verdict(services, after)
        if folder.accepted < folder.least_photos:
            raise TooFewPhotosError(_too_few(folder, capabilities.most_photos))
        job = _freeze(services, job, run, folder.manifest, provider, verdicts)
        took = (job.chosen_at or job.created_at) - job.created_at
        services.meter.add(STAGE_SECONDS, took, stage=Phase.COLLECTING)
    mark_late(services, job)
    trains = services.capabilities(job.provider).trains and job.trained_at is None
    return {"status": "COLLECTED", "trains": trains, "wait_seconds": 0}


def seconds_to_wait(services: Services, job: Job, folder: Folder) -> int:
    """0 where the folder is complete, else seconds of the clock until the next look.

    Raises BatchIncompleteError at the deadline of a promise that was not kept, ConsentMissingError
    at that of a consent which nobody has declared.
    """
    clock = services.clock
    now, wall = clock.now(), clock.wall()
    age = now - job.created_at
    promised = folder.manifest.photos
    quiet_ends = folder.last_arrival + services.settings.quiet_period
    unsettled = folder.unsettled(wall)

    enough = folder.accepted >= folder.least_photos and not unsettled
    if folder.lacks_consent or (folder.manifest.hold and not folder.start_asked):
        complete = False
    elif promised is not None:
        # A rejected photo counts as one that arrived, but not while one that may be used waits.
        waiting_helps = unsettled and folder.accepted < folder.least_photos
        arrived = len(folder.photos) >= promised and not waiting_helps
        complete = arrived or (folder.start_asked and enough)
    else:
        complete = enough and (folder.start_asked or wall >= quiet_ends)
    if complete:
        return 0
    if now >= job.collect_deadline:
        if folder.lacks_consent:
            raise ConsentMissingError(
                "Until the deadline nobody said that whoever is on the photos agrees to it: "
                "nothing was trained. Upload the whole set into a new folder, with a "
                f"{keys.MANIFEST} that has consent."
            )
        if folder.manifest.hold and not folder.start_asked:
            raise BatchIncompleteError(
                f"It was held with {len(folder.photos)} photos, and nobody asked for its start "
                "until the deadline. Upload the whole set into a new folder."
            )
        if promised is not None and not folder.start_asked:
            raise BatchIncompleteError(
                f"{promised} photos were promised, {len(folder.photos)} had arrived at the "
                "deadline. Upload the whole set into a new folder."
            )
        return 0
    if (
        ((promised is None and not folder.manifest.hold) or folder.start_asked)
        and folder.accepted >= folder.least_photos
        and wall < quiet_ends
    ):
        trickling = min(age / LOOKS_PER_AGE / 3, TRICKLE_WAIT)
        wait = max(clock.from_wall(quiet_ends - wall), trickling)
    else:
        is_held = folder.manifest.hold and not folder.start_asked
        soonest = UNHURRIED_WAIT if is_held else fills_in(age, len(folder.photos), promised)
        wait = max(soonest, age / LOOKS_PER_AGE, clock.from_wall(1))
    return math.ceil(min(wait, LONGEST_WAIT, job.collect_deadline - now))


def fills_in(age: float, arrived: int, promised: int | None) -> float:
    """In how many seconds to look for the rest of those *promised*, *age* seconds after the first
    came: when they are there, if they go on arriving as they have."""
    if promised is None:
        return UNPROMISED_WAIT
    if arrived == 0:
        return SHORTEST_WAIT
    return min(max(SHORTEST_WAIT, age * (promised - arrived) / arrived), UNHURRIED_WAIT)


def is_judged(upload: StoredUpload, photo: Photo | None) -> bool:
    """Whether the verdict is on this upload, and not on one that it has overwritten since."""
    return photo is not None and photo.uploaded_at >= upload.uploaded_at


def without_withdrawn(photos: Sequence[Photo], uploads: Sequence[StoredUpload]) -> list[Photo]:
    """The photos; whose upload somebody has deleted again is rejected."""
    here = {upload.file for upload in uploads}
    return [
        _rejected(photo, "withdrawn", "Its upload was deleted before the photos were chosen.")
        if photo.status is PhotoStatus.ACCEPTED and photo.file not in here
        else photo
        for photo in photos
    ]


def without_unusable(
    photos: Sequence[Photo], subject: Subject, rejected_advice: Set[Advice] = frozenset()
) -> list[Photo]:
    """The photos by time of upload, then key; some that were accepted alone are rejected among
    the others: equal pixels count once, and the settings reject what draws some kinds of advice.
    """
    verdicts: list[Photo] = []
    accepted: dict[str | None, Photo] = {}
    for photo in sorted_by_upload(photos):
        if photo.status is PhotoStatus.ACCEPTED:
            original = accepted.get(photo.pixels) if photo.pixels else None
            advice = advice_on(photo, subject, accepted.values())
            unwanted = next((each for each in advice if each in rejected_advice), None)
            if original:
                reason = f"It is the same picture as {original.file}. Add a different one."
                photo = _rejected(photo, "duplicate", reason)
            elif unwanted:
                photo = _rejected(photo, unwanted, SENTENCES[unwanted])
            else:
                accepted[photo.pixels or photo.photo_id] = photo
        verdicts.append(photo)
    return verdicts


def choose(
    photos: Sequence[Photo],
    subject: Subject,
    rejected_advice: Set[Advice] = frozenset(),
    most: int = MAX_PHOTOS,
) -> list[Photo]:
    """The final verdicts: the first *most* accepted photos are used, the others are surplus."""
    verdicts = []
    accepted = 0
    for photo in without_unusable(photos, subject, rejected_advice):
        if photo.status is PhotoStatus.ACCEPTED:
            accepted += 1
            if accepted > most:
                photo = replace(
                    photo,
                    status=PhotoStatus.SURPLUS,
                    reason=f"{most} photos are the most that a job takes.",
                )
        verdicts.append(photo)
    return verdicts


def _rejected(photo: Photo, code: str, reason: str) -> Photo:
    return replace(photo, status=PhotoStatus.REJECTED, code=code, reason=reason)


def _manifest(
    services: Services, job: Job, uploads: Sequence[StoredUpload]
) -> tuple[Manifest, str, BadManifestError | None]:
    """What the folder asks for, and of whom. A bad `job.json` may be mended until the set is
    frozen."""
    settings = services.settings
    manifest = default = settings.default
    try:
        if any(upload.file == keys.MANIFEST for upload in uploads):
            key = keys.upload_prefix(job.owner, job.folder) + keys.MANIFEST
            manifest = read_manifest(
                services.uploads.read(key) or b"", default, services.settings.webhook_origins
            )
        provider = provider_of(settings, manifest)
        capabilities = services.capabilities(provider)
        require_possible(settings, capabilities, manifest.subject, manifest.prompts)
        require_affordable(settings, manifest.prompts, trains=capabilities.trains)
        return manifest, provider, None
    except BadManifestError as error:
        return default, settings.provider, error
    except UploadWithheldError as error:
        problem = BadManifestError(f"{keys.MANIFEST} cannot be read. {error}")
        return default, settings.provider, problem


def _freeze(
    services: Services,
    job: Job,
    run: int,
    manifest: Manifest,
    provider: str,
    verdicts: Sequence[Photo],
) -> Job:
    accepted = [photo for photo in verdicts if photo.status is PhotoStatus.ACCEPTED]
    if services.capabilities(provider).photos_at_once is not None:
        accepted = ranked(accepted, manifest.subject)
    chosen = tuple(
        ChosenPhoto(photo.photo_id, photo.version_id, photo.score)
        for photo in accepted
        if photo.version_id
    )

    def freeze(newest: Job) -> Job:
        require_run(newest, run)
        if newest.chosen:
            return newest
        return replace(
            newest,
            subject=manifest.subject,
            provider=provider,
            promised=manifest.photos,
            held=manifest.hold,
            webhook=manifest.webhook,
            consent=consent_to(newest, manifest, DoorName.BUCKET, services.clock.now()),
            chosen=chosen,
            chosen_at=services.clock.now(),
        )

    services.jobs.change_run(
        job.job_id,
        run,
        lambda newest: newest if newest.inferences else replace(newest, prompts=manifest.prompts),
    )
    return services.jobs.change_job(job.job_id, freeze)


def _as_declared(job: Job, manifest: Manifest, provider: str, now: int) -> Job:
    if job.chosen:
        return job
    consent = consent_to(job, manifest, DoorName.BUCKET, now)
    return replace(job, webhook=manifest.webhook, consent=consent, provider=provider)


def sorted_by_upload(photos: Sequence[Photo]) -> list[Photo]:
    return sorted(photos, key=lambda photo: (photo.uploaded_at, photo.file))


def _too_few(folder: Folder, most: int) -> str:
    rejected = len(folder.photos) - folder.accepted
    return (
        f"{folder.accepted} of {len(folder.photos)} photos were accepted and {rejected} rejected; "
        f"the provider needs {folder.least_photos} to {most}. Upload the whole set into a new "
        "folder."
    )

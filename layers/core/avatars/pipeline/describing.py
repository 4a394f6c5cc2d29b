"""What an owner may know of jobs, photos and avatars, as JSON has it.

Times are Unix seconds of the clock, those of links of the wall.
"""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from avatars.advice import SENTENCES, advice_on, advice_on_set
from avatars.manifest import MAX_AVATARS, MAX_PROMPTS
from avatars.model import (
    MAX_PHOTO_BYTES,
    Avatar,
    AvatarStatus,
    Capabilities,
    Job,
    JobStatus,
    Page,
    Photo,
    PhotoStatus,
    Prompt,
    Run,
    Subject,
    WaitReason,
)
from avatars.pipeline.collecting import without_unusable
from avatars.pipeline.estimating import estimate, open_request
from avatars.pipeline.ordering import PHOTO_TYPES
from avatars.ports import Services

LINK_SECONDS = 900
"""Wall seconds that the links to photos and avatars live; asking again gives new ones."""

WAITS = {
    WaitReason.CAPACITY: "It waits for its turn at the provider.",
    WaitReason.BUSY: "The provider asks for a pause, and then goes on.",
    WaitReason.CREDITS: "The provider's account has no credits left: its operator has been told.",
    WaitReason.KEY: "The provider refuses our key: its operator has been told.",
    WaitReason.OUTAGE: "The provider does not answer; the job goes on when it does.",
    WaitReason.SPEND_CAP: "What may be spent on a day is spent; it goes on when there is room.",
    WaitReason.NOT_SENT: "A step failed before anything was sent; it is tried again.",
}
"""What keeps a run from going on, for people."""


def describe_offer(services: Services) -> dict[str, Any]:
    """What can be ordered, and of whom.

    The limits are those of the stack's own provider; each has its own among *providers*.
    """
    settings = services.settings
    own = services.capabilities(settings.provider)
    names = dict.fromkeys((settings.provider, *settings.job_providers))
    return {
        "styles": [] if own.free_text else list(settings.styles),
        "provider": settings.provider,
        "providers": [_offer(services, name) for name in names],
        "consent": {
            "required": services.settings.require_consent,
            "text_version": services.settings.consent_text,
        },
        "subjects": _subjects(own),
        "limits": {
            "least_photos": own.least_photos,
            "most_photos": own.most_photos,
            "photo_bytes": MAX_PHOTO_BYTES,
            "photo_types": sorted(set(PHOTO_TYPES.values())),
            "most_avatars": MAX_AVATARS,
            "most_prompts": MAX_PROMPTS,
        },
    }


def _offer(services: Services, name: str) -> dict[str, Any]:
    can = services.capabilities(name)
    return {
        "name": name,
        "trains": can.trains,
        "least_photos": can.least_photos,
        "most_photos": can.most_photos,
        "photos_sent": can.photos_at_once,
        "subjects": _subjects(can),
        "styles": [] if can.free_text else list(services.settings.styles),
        "negative_prompts": can.negative_prompts,
        "avatar_pixels": can.avatar_pixels,
    }


def _subjects(capabilities: Capabilities) -> list[Subject]:
    return [subject for subject in Subject if subject in capabilities.subjects]


def summarize_job(job: Job) -> dict[str, Any]:
    """What a list of jobs says of each."""
    return {
        "job_id": job.job_id,
        "folder": job.folder,
        "status": job.status,
        "code": job.code,
        "reason": job.reason,
        "subject": job.subject,
        "provider": job.provider,
        "run": job.run,
        "created_at": job.created_at,
        "model_id": job.model_id,
    }


def summarize_model(job: Job) -> dict[str, Any]:
    """What a list of models says of the one that a job has trained."""
    return {
        "model_id": job.model_id,
        "job_id": job.job_id,
        "folder": job.folder,
        "subject": job.subject,
        "provider": job.provider,
        "trained_at": job.trained_at,
    }


def describe_job(services: Services, job: Job) -> dict[str, Any]:
    """All that is known of a job, with its photos, and links to those that are prepared."""
    run = services.jobs.run(job.job_id, job.run)
    photos = without_unusable(
        services.jobs.photos(job.job_id), job.subject, services.settings.rejected_advice
    )
    used = [
        photo for photo in photos if photo.status in (PhotoStatus.ACCEPTED, PhotoStatus.SURPLUS)
    ]
    kept = [
        avatar
        for avatar in services.jobs.avatars(job.job_id, job.run)
        if avatar.status is AvatarStatus.KEPT
    ]
    return summarize_job(job) | {
        "prompts": [asdict(prompt) for prompt in run.prompts],
        "promised": job.promised,
        "consent": asdict(job.consent) if job.consent else None,
        "inference_ids": list(run.inference_ids),
        "waiting": _waiting(job, run, photos),
        "estimate": estimate(services, job, run),
        "photos": [_photo(services, job, photo, used) for photo in photos],
        "advice": [asdict(advice) for advice in advice_on_set(used)],
        "avatars": {"wanted": run.avatars, "kept": len(kept)},
    }


def describe_avatars(services: Services, page: Page[Avatar]) -> list[dict[str, Any]]:
    """The avatars of a page, with links to those that are kept."""
    described = []
    for (job_id, number), avatars in groupby(
        page.items, key=lambda avatar: (avatar.job_id, avatar.run)
    ):
        run = services.jobs.run(job_id, number)
        described += [
            describe_avatar(services, avatar, run.prompt_of(avatar.position)) for avatar in avatars
        ]
    return described


def describe_avatar(services: Services, avatar: Avatar, prompt: Prompt) -> dict[str, Any]:
    """One avatar, with a link if it is kept, and what it was asked for."""
    link = services.gallery.link(avatar.key, LINK_SECONDS) if avatar.key else None
    return {
        "run": avatar.run,
        "position": avatar.position,
        "style": avatar.style,
        "prompt": prompt.prompt,
        "status": avatar.status,
        "reason": avatar.reason,
        "favourite": avatar.favourite,
        "file": file_of(avatar),
        "width": avatar.width,
        "height": avatar.height,
        "bytes": avatar.bytes,
        "ai_generated": True,
        "digital_source_type": avatar.source_type,
        "content_credentials": avatar.signed,
        "link": link,
        "expires_at": int(services.clock.wall()) + LINK_SECONDS if link else None,
    }


def file_of(avatar: Avatar) -> str | None:
    """What an avatar's file is called, among those of all runs: `001-001-anime.jpg`."""
    return f"{avatar.run:03}-{avatar.key.rsplit('/', 1)[-1]}" if avatar.key else None


def _photo(services: Services, job: Job, photo: Photo, used: Sequence[Photo]) -> dict[str, Any]:
    there = photo.version_id is not None and job.has_photos
    return {
        "file": photo.file,
        "status": photo.status,
        "code": photo.code,
        "reason": photo.reason,
        "crop": photo.crop,
        "advice": _advice(photo, job.subject, used),
        "score": photo.score,
        "link": services.photos.link(photo, LINK_SECONDS) if there else None,
    }


def _advice(photo: Photo, subject: Subject, used: Sequence[Photo]) -> list[dict[str, str]]:
    """What to say about a photo that is used; about a rejected one, its reason says enough."""
    if photo not in used:
        return []
    earlier = used[: used.index(photo)]
    return [{"code": a, "sentence": SENTENCES[a]} for a in advice_on(photo, subject, earlier)]


def _waiting(job: Job, run: Run, photos: Sequence[Photo]) -> dict[str, Any] | None:
    """What a job waits for; None once it has ended."""
    if job.status.ended:
        return None
    if run.waiting:
        waiting = run.waiting
        return {
            "for": waiting.reason,
            "sentence": WAITS[waiting.reason],
            "since": waiting.since,
            "ahead": waiting.ahead,
        }
    reason, sentence, since = _stage(job, run, photos)
    return {"for": reason, "sentence": sentence, "since": since, "ahead": 0}


def _stage(job: Job, run: Run, photos: Sequence[Photo]) -> tuple[str, str, int]:
    match job.status:
        case JobStatus.COLLECTING:
            return "PHOTOS", _collecting(job, photos), job.created_at
        case JobStatus.TRAINING:
            sent_at = job.training.intended_at if job.training else job.chosen_at
            return "MODEL", "The provider trains the model.", sent_at or job.created_at
        case JobStatus.INFERRING:
            sent = open_request(run)
            sent_at = sent.intended_at if sent else job.trained_at or job.chosen_at
            return "AVATARS", "The provider makes the avatars.", sent_at or job.created_at
    return "COPIES", "The avatars are copied to you.", run.announced_at or job.created_at


def _collecting(job: Job, photos: Sequence[Photo]) -> str:
    judged = f"{len(photos)} photos are judged"
    if job.promised:
        judged = f"{len(photos)} of {job.promised} photos are judged"
    if job.held:
        return f"{judged}; it begins when you ask for it."
    if job.promised:
        return f"{judged}; it begins when all are."
    return f"{judged}; it begins when no more arrive."

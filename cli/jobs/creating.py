"""Order avatars of a folder of photos: check them, upload what is missing, and let it begin."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import DownloadColumn, TimeRemainingColumn

from avatars.model import JobStatus, Subject
from avatars.photos.formats import recognise
from avatars.pipeline.ordering import PHOTO_TYPES
from cli.check import Verdict, check_photos
from cli.doors.documents import Catalogue, Job, Line, Offer, Order, OrderedPhoto
from cli.doors.door import Door, DoorError
from cli.doors.refusals import refusal
from cli.jobs.naming import find_by_folder
from cli.photo_dir import photo_files
from cli.printing import tell
from cli.progress import bars
from cli.saying import RefusedError
from cli.sending import GOES_ON, send_photos

BEGINNING = 4096
"""Bytes that tell what kind of file it is."""

USABLE = ("accepted", "surplus")


@dataclass(frozen=True)
class LeftOut:
    """A file that is not sent, and why."""

    file: str
    code: str
    reason: str


@dataclass(frozen=True)
class Created:
    """A job whose photos are on their way."""

    job: Job
    sent: list[str]
    left_out: list[LeftOut]


def create_job(
    door: Door,
    photo_dir: Path,
    folder: str,
    subject: Subject,
    lines: Sequence[Line],
    key: str,
    consent: str | None = None,
    provider: str | None = None,
) -> Created:
    """A job of the photos in a directory, or the one that was begun before with what it lacks.

    *consent* is the version of the text that whoever is on them has agreed to, *provider* who is to
    make the avatars, if not the stack's own.

    Raises RefusedError, also where the folder's job is another one, or DoorError.
    """
    offer = door.catalogue()
    wanted = _offer_of(offer, provider)
    _require_possible(wanted, subject, lines)
    if offer["consent"]["required"] and consent is None:
        raise refusal("CONSENT_MISSING", "Nothing is trained here without consent.")
    chosen, left_out = choose(photo_files(photo_dir), subject, wanted["most_photos"])
    for each in left_out:
        tell(f"{each.file} is left out, {each.code}: {each.reason}")
    if len(chosen) < wanted["least_photos"]:
        raise RefusedError(
            f"{len(chosen)} of {len(chosen) + len(left_out)} photos can be used, and the provider "
            f"takes {wanted['least_photos']} to {wanted['most_photos']}: add others, or better "
            "ones, and try again. Nothing was sent."
        )
    order: Order = {
        "photos": [_ordered(path) for path in chosen],
        "folder": folder,
        "subject": str(subject),
        "prompts": list(lines),
    }
    if provider:
        order["provider"] = provider
    if consent:
        order["consent"] = {"subject_agrees": True, "text_version": consent}
    known = _known(door, order, {each.file for each in left_out}, offer["provider"])
    if known and known["status"] == JobStatus.COMPLETED:
        tell(f"Job {known['job_id']} of this folder is done already: nothing is sent.")
        return Created(known, [], left_out)
    try:
        ordered = door.order(order, key)
    except DoorError as error:
        if error.code == "JOB_STARTED" and known and not JobStatus(known["status"]).ended:
            tell(f"Job {known['job_id']} of this folder has begun already: nothing is sent.")
            return Created(known, [], left_out)
        raise
    job = ordered["job"]
    tell(f"Job {job['job_id']}, in folder {folder}.")
    there = {photo["file"] for photo in job["photos"] if photo["status"] in USABLE}
    missing = [upload for upload in ordered["uploads"] if upload["file"] not in there]
    if there:
        tell(f"{len(there)} photos are there already; {len(missing)} are sent.")
    paths = {path.name: path for path in chosen}
    size = sum(paths[upload["file"]].stat().st_size for upload in missing)
    try:
        with bars("uploading", size, DownloadColumn(), TimeRemainingColumn()) as advance:
            send_photos(missing, paths, advance, door.storage)
    except KeyboardInterrupt:
        tell(GOES_ON)
        raise
    return Created(job, [upload["file"] for upload in missing], left_out)


def _offer_of(offer: Catalogue, provider: str | None) -> Offer:
    """What a provider can, or the stack's own. Raises RefusedError where there is no such one."""
    name = provider or offer["provider"]
    found = next((each for each in offer["providers"] if each["name"] == name), None)
    if found is None:
        names = ", ".join(each["name"] for each in offer["providers"])
        raise RefusedError(f"There is no provider {name!r} here: take one of {names}.")
    return found


def _require_possible(wanted: Offer, subject: Subject, lines: Sequence[Line]) -> None:
    """Before minutes are spent on photos. Raises RefusedError."""
    if subject not in wanted["subjects"]:
        raise RefusedError(
            f"{wanted['name']} makes no avatars of a {subject}: take one of "
            f"{', '.join(wanted['subjects'])}, or another provider; `avatars styles` lists them."
        )
    known = wanted["styles"]
    unknown = [line["style"] for line in lines if known and line["style"] not in known]
    if unknown:
        raise RefusedError(f"There is no style {unknown[0]!r} here: take {', '.join(known)}.")
    if any(line.get("negative_prompt") for line in lines) and not wanted["negative_prompts"]:
        raise RefusedError(
            f"{wanted['name']} takes no negative prompt: leave out --negative-prompt, or name "
            "another --provider."
        )


def choose(files: Sequence[Path], subject: Subject, most: int) -> tuple[list[Path], list[LeftOut]]:
    """The photos to send, *most* of them, judged as on AWS, and the files that are left out."""
    verdicts = check_photos(files, subject, None).photos
    accepted = [path for path, one in zip(files, verdicts, strict=True) if not one.code]
    left_out = [_left_out(one) for one in verdicts if one.code]
    surplus = [
        LeftOut(path.name, "surplus", f"{most} photos are used at most.")
        for path in accepted[most:]
    ]
    return accepted[:most], left_out + surplus


def _left_out(verdict: Verdict) -> LeftOut:
    return LeftOut(Path(verdict.file).name, verdict.code or "", verdict.reason or "")


def _ordered(path: Path) -> OrderedPhoto:
    if path.suffix.lower() in PHOTO_TYPES:
        return {"file": path.name}
    # Its name does not say so, but it was found to be a photo.
    with path.open("rb") as file:
        return {"file": path.name, "type": f"image/{recognise(file.read(BEGINNING)).lower()}"}


def _known(door: Door, order: Order, left_out: Collection[str], own: str) -> Job | None:
    """The folder's job, if there is one. Raises RefusedError unless it is of the same order.

    *own* is the stack's own provider, which an order need not name.

    Photos are compared by their number and names: no door tells what is in them.
    """
    found = find_by_folder(door, order["folder"])
    if found is None:
        return None
    job = door.job(found["job_id"])
    files = {photo["file"] for photo in order["photos"]}
    differs = {
        "subject": job["subject"] != order["subject"],
        "provider": job["provider"] != (order.get("provider") or own),
        "styles or prompt": _wanted(job["prompts"]) != _wanted(order["prompts"]),
        "photos": job["promised"] not in (None, len(files))
        or not {photo["file"] for photo in job["photos"]} <= files | set(left_out),
    }
    if other := [what for what, is_other in differs.items() if is_other]:
        raise RefusedError(
            f"Job {job['job_id']} has the folder {order['folder']} and other {', '.join(other)}: "
            "give this one another name (--folder NAME). More avatars of the same photos come from "
            "`avatars more`."
        )
    return job


def _wanted(lines: Sequence[Line]) -> list[tuple[str | int | None, ...]]:
    return [
        (line["style"], line["count"], line.get("prompt"), line.get("negative_prompt"))
        for line in lines
    ]

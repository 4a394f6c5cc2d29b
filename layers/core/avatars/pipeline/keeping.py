"""Copy finished avatars into our own bucket before the provider's links die."""

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Semaphore
from typing import TypedDict

from aws_lambda_powertools import Logger

from avatars import keys
from avatars.errors import (
    AvatarsNotKeptError,
    DownloadFailedError,
    DownloadRefusedError,
    NotSignedError,
)
from avatars.metrics import AVATARS_KEPT, LINK_SECONDS_LEFT
from avatars.model import Avatar, AvatarStatus, Job, Run
from avatars.ports import Services

logger = Logger(child=True)

COPIES_AT_ONCE = 16
"""With at most 25 MB each on disk, and two of them twice while they are marked, 450 of the 512 MB
that a function has in /tmp."""

LOOKS_AT_ONCE = Semaphore(2)
"""Looking takes a CPU, and memory: more at once would take more of it, and no less time."""


class KeepReply(TypedDict):
    kept: int
    missing: int


def keep_avatars(services: Services, job_id: str, run: int, batch: int) -> KeepReply:
    """Copy the avatars of one batch (counted from 0), each once, whatever becomes of the others.

    Raises AvatarsNotKeptError while another try may bring more of them: what is kept already is
    not fetched again.
    """
    job, row = services.jobs.job(job_id), services.jobs.run(job_id, run)
    known = {avatar.position: avatar for avatar in services.jobs.avatars(job_id, run)}
    size = services.settings.batch_size
    links = list(enumerate(_links(services, job, row), start=1))[batch * size : (batch + 1) * size]

    def keep(item: tuple[int, str | None]) -> Avatar | DownloadFailedError:
        position, link = item
        if position in known and known[position].status is AvatarStatus.KEPT:
            return known[position]
        return _keep(services, job, row, position, link)

    # Made here, once: each thread that needs one for the first time would make its own.
    _ = services.downloads, services.gallery
    with ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
        outcomes = list(pool.map(keep, links))
    kept = [outcome for outcome in outcomes if _is_kept(outcome)]
    kept_before = sum(_is_kept(known.get(position)) for position, _ in links)
    _count(services, row, len(kept) - kept_before)
    failed = [outcome for outcome in outcomes if isinstance(outcome, DownloadFailedError)]
    if failed:
        raise AvatarsNotKeptError(
            f"{len(failed)} of {len(links)} avatars of batch {batch} are not kept yet: {failed[0]}"
        )
    return {"kept": len(kept), "missing": len(links) - len(kept)}


def _is_kept(outcome: Avatar | DownloadFailedError | None) -> bool:
    return isinstance(outcome, Avatar) and outcome.status is AvatarStatus.KEPT


def _count(services: Services, row: Run, avatars: int) -> None:
    if not avatars:
        return
    services.meter.add(AVATARS_KEPT, avatars)
    if row.links_expire_at is not None:
        services.meter.add(LINK_SECONDS_LEFT, row.links_expire_at - services.clock.now())


def _links(services: Services, job: Job, row: Run) -> Sequence[str | None]:
    """The links of a run by position, from the provider's raw answers; no more than were ordered.

    Where fewer came than one of several inferences asked for, or nothing came of it, the rest of it
    is None.
    """
    reader, links = services.reader(job.provider), list[str | None]()
    for place, inference in enumerate(row.inferences):
        links += [None] * (sum(one.avatars for one in row.inferences[:place]) - len(links))
        answer = services.answers.find(row.job_id, keys.result_answer(row.run, place))
        if answer is not None:
            links += reader.inference_progress(answer).links[: inference.avatars]
        elif inference.reason is not None:
            links += [None] * inference.avatars
    return links


def _keep(
    services: Services, job: Job, row: Run, position: int, link: str | None
) -> Avatar | DownloadFailedError:
    """One avatar, kept or with the reason why not; the error where another try may help."""
    due = Avatar(job.job_id, row.run, position, row.prompt_of(position).style, AvatarStatus.DUE)
    outcome: Avatar | DownloadFailedError
    try:
        if link is None:
            why = row.reason_at(position) or "The provider delivered no link to it."
            raise DownloadRefusedError(why)
        outcome = avatar = _copy(services, job, due, link)
    except DownloadRefusedError as error:
        outcome = avatar = replace(due, status=AvatarStatus.MISSING, reason=str(error))
    except DownloadFailedError as error:
        outcome, avatar = error, replace(due, reason=str(error))
    services.jobs.put_avatar(avatar)
    return outcome


def _copy(services: Services, job: Job, avatar: Avatar, link: str) -> Avatar:
    # Pillow and XML: only where a picture is really looked at.
    from avatars.marks import TRAINED, mark_file
    from avatars.pictures import look_at

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "avatar"
        services.downloads.fetch(link, file)
        with LOOKS_AT_ONCE:
            mark_file(file, TRAINED)
            signed = _sign(services, file)
            picture = look_at(file)  # what is kept, so with its marks
        key = keys.avatar_key(
            job.owner, job.folder, avatar.run, avatar.position, avatar.style, picture.extension
        )
        sha256 = services.gallery.put(key, file, picture.content_type)
        size = file.stat().st_size
    return replace(
        avatar,
        status=AvatarStatus.KEPT,
        key=key,
        sha256=sha256,
        bytes=size,
        width=picture.width,
        height=picture.height,
        source_type=TRAINED,
        signed=signed,
    )


def _sign(services: Services, file: Path) -> bool:
    """Whether the picture is signed now. One that cannot be is kept: its link will die."""
    try:
        credentials = services.credentials()
        if credentials is None:
            return False
        credentials.sign(file)
    except NotSignedError as error:
        logger.error("an avatar is kept without a signature", extra={"reason": str(error)})
        return False
    return True

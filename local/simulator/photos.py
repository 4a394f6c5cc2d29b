"""Fetches the photo links of work, early and late, as strangers on the internet would."""

import asyncio
import contextlib
import hashlib
import heapq
import math
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from PIL import Image, ImageOps

from local.simulator.account import Account
from local.simulator.work import Sitting

# Guide (AI Avatars 101): links must be good for 30 minutes.
LINK_SECONDS = 1800.0
# The vendor's limit for its image APIs; the one for avatars is not public.
MAX_PHOTO_BYTES = 100 * 1000 * 1000
# Copies are kept only to draw avatars of 512 pixels from, with room to crop.
KEPT_PIXELS = 640
FETCHES_AT_ONCE = 8
# Wall seconds between two looks at the clock.
TICK_SECONDS = 0.05
# Wall seconds that an answer waits for fetches which are due: on a fast clock the time that a
# fetch takes on the wall would otherwise look like minutes.
PATIENCE_SECONDS = 2.0


def signed_seconds(link: str, wall: float) -> float:
    """How long an AWS SigV4 query link is still signed for; for ever if it is not signed."""
    query = parse_qs(urlsplit(link).query)
    try:
        signed_at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%S%z")
        return signed_at.timestamp() + int(query["X-Amz-Expires"][0]) - wall
    except (KeyError, ValueError):
        return math.inf


def short_lived(links: tuple[str, ...], wall: float) -> list[int]:
    """Positions, from 1, of the links signed for less than 30 more minutes (guide)."""
    return [
        position
        for position, link in enumerate(links, 1)
        if signed_seconds(link, wall) < LINK_SECONDS
    ]


class BadPhotoError(Exception):
    """A link did not give a JPEG or PNG; the message says what it gave."""


@dataclass
class PhotoFetcher:
    """Looks at the photos of work when it is created and, where it says so, once more, late.

    Lives on one event loop. Keeps one small copy of each different photo in *folder*.
    """

    world: Account[Any]
    client: httpx.AsyncClient
    folder: Path
    _sittings: dict[str, Sitting] = field(default_factory=dict)
    _due: list[tuple[float, str, str]] = field(default_factory=list)
    _looks: dict[asyncio.Task[None], str] = field(default_factory=dict)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FETCHES_AT_ONCE))

    def expect(self, sitting: Sitting) -> None:
        """Plan the looks at the photos of new work and begin the first at once."""
        self._sittings[sitting.id] = sitting
        heapq.heappush(self._due, (sitting.created_at, sitting.id, "submit"))
        heapq.heappush(self._due, (sitting.second_look_at, sitting.id, "late"))
        self.begin_due_looks()

    def begin_due_looks(self) -> None:
        """Begin every look whose time has come."""
        while self._due and self._due[0][0] <= self.world.clock.now():
            _, sitting_id, occasion = heapq.heappop(self._due)
            look = asyncio.create_task(self.look(self._sittings[sitting_id], occasion))
            self._looks[look] = sitting_id
            look.add_done_callback(self._looks.pop)

    async def settle(self, sitting_id: str) -> None:
        """Wait, but not for ever, for the looks that this work should have had by now."""
        self.begin_due_looks()
        looks = [look for look, owner in self._looks.items() if owner == sitting_id]
        if looks:
            await asyncio.wait(looks, timeout=PATIENCE_SECONDS)

    async def look(self, sitting: Sitting, occasion: str = "submit") -> None:
        """Fetch all photos of this work."""
        fetches = (self._fetch(sitting, link, occasion) for link in sitting.links)
        fetched = await asyncio.gather(*fetches)
        photos = tuple(photo for photo in fetched if photo)
        if len(photos) == len(fetched):
            sitting.photos = photos
            sitting.looks += 1
        else:
            sitting.bad_photo = f"photo {fetched.index(None) + 1} is not valid"

    def forget(self) -> None:
        """Drop all plans and break off what is under way."""
        self._due.clear()
        self._sittings.clear()
        for look in self._looks:
            look.cancel()

    async def _fetch(self, sitting: Sitting, link: str, occasion: str) -> Path | None:
        address = urlsplit(link)
        entry = self.world.journal.write(
            "photo",
            **{sitting.id_name: sitting.id},
            occasion=occasion,
            host=address.netloc.rpartition("@")[2],
            path=address.path,
            status=None,
            trouble=None,
        )
        try:
            async with self._turns, self.client.stream("GET", link) as response:
                entry["status"] = response.status_code
                content = await _content(response)
            photo = await asyncio.to_thread(_keep, content, self.folder)
            if not self.world.finds_valid(f"{address.netloc}{address.path}"):
                raise BadPhotoError("found not valid, as the scenario has it")
            return photo
        except BadPhotoError as error:
            entry["trouble"] = str(error)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Its message may quote the link; its name is enough.
            entry["trouble"] = type(error).__name__
        return None


@contextlib.asynccontextmanager
async def photo_fetcher(world: Account[Any]) -> AsyncIterator[PhotoFetcher]:
    """A fetcher at work, with a folder of its own that goes when it does."""
    with TemporaryDirectory(prefix="avatars-simulator-", ignore_cleanup_errors=True) as folder:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            fetcher = PhotoFetcher(world, client, Path(folder))
            ticking = asyncio.create_task(_tick(fetcher))
            try:
                yield fetcher
            finally:
                ticking.cancel()
                fetcher.forget()


async def _tick(fetcher: PhotoFetcher) -> None:
    while True:
        await asyncio.sleep(TICK_SECONDS)
        fetcher.begin_due_looks()


async def _content(response: httpx.Response) -> bytes:
    if response.status_code != httpx.codes.OK:
        raise BadPhotoError(f"the link answered {response.status_code}")
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_PHOTO_BYTES:
            raise BadPhotoError(f"larger than {MAX_PHOTO_BYTES} bytes")
    return bytes(content)


def _keep(content: bytes, folder: Path) -> Path:
    """A square copy, named by content: many jobs with the same photo share one file."""
    path = folder / f"{hashlib.sha256(content).hexdigest()}.jpg"
    if path.exists():
        return path
    try:
        with Image.open(BytesIO(content), formats=("JPEG", "PNG")) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadPhotoError("not a JPEG or PNG that decodes") from error
    side = min(KEPT_PIXELS, *upright.size)
    square = ImageOps.fit(upright, (side, side), centering=(0.5, 0.4))
    # Two threads may meet the same photo: each writes its own file, the last rename wins.
    draft = path.with_name(f"{uuid.uuid4().hex}.part")
    square.save(draft, "JPEG", quality=92)
    draft.replace(path)
    return path

"""Jobs of all kinds, as their owners order them."""

import io
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from PIL import Image

from avatars import keys
from avatars.model import job_id_for
from tests.builders import a_picture
from tests.machine import ROOT

STYLES = ("realistic", "watercolor", "anime", "cartoon", "pop_art")

FOLDERS = ("summer", "me + you", "Été 50", "a.b", "2026")

ARRIVAL_SECONDS = 40.0
"""Less than the quiet period: the photos of a folder come one soon after the other."""


@dataclass
class Order:
    """What somebody uploads into a folder, and wants of it."""

    owner: str
    folder: str
    photos: dict[str, bytes]
    bad: dict[str, bytes]
    manifest: dict[str, Any] | None
    start: bool = False
    by_api: bool = False
    arrival: float = 0
    """When the first file comes."""
    numbers: list[int] = field(default_factory=list)
    """Of pictures that are in none of its files."""
    moments: list[float] = field(default_factory=list)
    """How long after that each file comes, in the order of `files`."""

    @property
    def job_id(self) -> str:
        return job_id_for(self.owner, self.folder)

    @property
    def prefix(self) -> str:
        return keys.upload_prefix(self.owner, self.folder)

    @property
    def files(self) -> dict[str, bytes]:
        return self.photos | self.bad

    @property
    def avatars(self) -> int:
        prompts = (self.manifest or {}).get("prompts")
        return sum(prompt["count"] for prompt in prompts) if prompts else 4


def dice(seed: str) -> random.Random:
    """Chance that can be repeated."""
    return random.Random(seed)  # noqa: S311 - not a secret


def an_order(chance: random.Random, number: int, *, spare: int = 0) -> Order:
    """Any job that a good day completes; *spare* photos more than a training needs."""
    many = chance.random() < 0.04
    photos = chance.choice([30, 31, 33]) if many else chance.choice([5, 5, 6, 7, 8])
    photos = max(photos, 5 + spare)
    numbers = chance.sample(range(256), 256)
    good = {f"{n:02}.{_ending(chance)}": picture(numbers.pop()) for n in range(photos)}
    kinds = chance.sample(sorted(_BAD), chance.choice([0, 0, 0, 1, 2]))
    bad = {f"bad {kind}.jpg": bad_file(kind) for kind in kinds}
    order = Order(f"owner-{number}", chance.choice(FOLDERS), good, bad, None)
    order.numbers = numbers
    order.by_api = chance.random() < 0.2
    wanted = chance.random()
    if order.by_api or wanted < 0.8:
        order.manifest = {"subject": "woman", "prompts": _prompts(chance)}
        if order.by_api or wanted < 0.4:
            order.manifest["photos"] = len(order.files)
    order.start = not order.by_api and chance.random() < 0.1
    shuffle(order, chance)
    return order


def shuffle(order: Order, chance: random.Random) -> None:
    """Let its files come in whatever order."""
    order.moments = [chance.uniform(0, ARRIVAL_SECONDS) for _ in order.files]


def request(route: str, order: Order, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What API Gateway hands to our function: `create_job`, `start_job` or `get_job`."""
    event = an_event(f"api_{route}")
    event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = order.owner
    event["body"] = json.dumps(body) if body is not None else None
    if "pathParameters" in event:
        event["rawPath"] = event["rawPath"].replace(event["pathParameters"]["job_id"], order.job_id)
        event["pathParameters"] = {"job_id": order.job_id}
    return event


@cache
def picture(number: int) -> bytes:
    """A photo like no other."""
    return a_picture(number)


@cache
def bad_file(kind: str) -> bytes:
    """A file that no avatar can be made of."""
    return _BAD[kind]()


def _small() -> bytes:
    return a_picture(1, side=100)


def _blank() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (300, 300), (9, 9, 9)).save(content, "JPEG")
    return content.getvalue()


def _bomb() -> bytes:
    """A picture that says that it has 3,600 megapixels."""
    jpeg = bytearray(a_picture(2))
    frame = jpeg.find(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = (60_000).to_bytes(2) * 2
    return bytes(jpeg)


_BAD = {
    "empty": lambda: b"",
    "text": lambda: b"hello",
    "page": lambda: b"<!doctype html><html>sign in first</html>",
    "script": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "pdf": lambda: b"%PDF-1.7",
    "heic": lambda: b"\0\0\0\x24ftypheic\0\0\0\0mif1MiHEheic" + bytes(100),
    "gif": lambda: a_picture(3, form="GIF"),
    "half": lambda: a_picture(4)[:-900],
    "half png": lambda: a_picture(5, form="PNG")[:-900],
    "noise": lambda: dice("noise").randbytes(5000),
    "header": lambda: b"\xff\xd8\xff\xe0" + bytes(2000),
    "small": _small,
    "blank": _blank,
    "bomb": _bomb,
}

BAD_KINDS = tuple(sorted(_BAD))


def _prompts(chance: random.Random) -> list[dict[str, Any]]:
    if chance.random() < 0.04:
        return [{"style": style, "count": chance.randint(4, 9)} for style in STYLES]
    styles = chance.sample(STYLES, chance.choice([1, 1, 2]))
    return [{"style": style, "count": chance.choice([1, 2, 2])} for style in styles]


def _ending(chance: random.Random) -> str:
    return chance.choice(["jpg", "JPG", "jpeg", "png"])


def an_event(name: str) -> dict[str, Any]:
    """A copy of the event that `events/` documents."""
    event: dict[str, Any] = json.loads(_text_of(name))
    return event


@cache
def _text_of(event: str) -> str:
    return (ROOT / "events" / f"{event}.json").read_text()

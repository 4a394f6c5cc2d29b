"""Judge photos on this machine, with the code that judges them on AWS."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from avatars import keys
from avatars.advice import SENTENCES, SetAdvice, advice_on, advice_on_set
from avatars.errors import BadKeyError, PhotoRejectedError
from avatars.model import Advice, PhotoStatus, Subject
from avatars.photos import PreparedPhoto, check_size
from avatars.pipeline.preparing import prepare_safely
from cli.saying import printable


@dataclass(frozen=True)
class Verdict:
    """What becomes of a file when it is uploaded."""

    file: str
    code: str | None = None
    reason: str | None = None
    advice: list[Advice] = field(default_factory=list)
    crop: tuple[int, ...] | None = None
    score: int | None = None
    out: str | None = None

    @property
    def status(self) -> PhotoStatus:
        return PhotoStatus.REJECTED if self.code else PhotoStatus.ACCEPTED

    def as_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "status": self.status,
            "code": self.code,
            "reason": self.reason,
            "advice": [{"code": each, "sentence": SENTENCES[each]} for each in self.advice],
            "crop": self.crop,
            "score": self.score,
            "out": self.out,
        }


@dataclass(frozen=True)
class Checked:
    """The verdicts on some files, in their order, and what to say about all of them."""

    photos: list[Verdict]
    advice: list[SetAdvice]

    @property
    def accepted(self) -> int:
        return sum(photo.status is PhotoStatus.ACCEPTED for photo in self.photos)

    def as_json(self) -> str:
        content = {
            "photos": [photo.as_json() for photo in self.photos],
            "advice": [asdict(advice) for advice in self.advice],
        }
        return json.dumps(content, indent=2)  # in ASCII: names of files need not be text


def check_photos(files: Sequence[Path], subject: Subject, out: Path | None) -> Checked:
    """The verdict on each file as if it were dropped into one folder in this order.

    The prepared photos go into *out*, numbered. A file that cannot be read raises OSError.
    """
    if out:
        out.mkdir(parents=True, exist_ok=True)
    verdicts: list[Verdict] = []
    accepted: dict[str, tuple[Path, PreparedPhoto]] = {}
    console = Console(stderr=True)
    for number, file in enumerate(
        track(files, "checking", console=console, transient=True, disable=not sys.stderr.isatty()),
        start=1,
    ):
        try:
            photo = _prepared(file)
            if twin := accepted.get(photo.pixels):
                raise PhotoRejectedError(
                    "duplicate",
                    f"It is the same picture as {twin[0].name}. Add a different one.",
                )
        except PhotoRejectedError as error:
            verdicts.append(Verdict(str(file), error.code, error.reason))
            continue
        advice = advice_on(photo, subject, [earlier for _, earlier in accepted.values()])
        accepted[photo.pixels] = file, photo
        kept = _keep(photo, out, number, file) if out else None
        verdicts.append(
            Verdict(str(file), advice=advice, crop=photo.crop, score=photo.score, out=kept)
        )
    return Checked(verdicts, advice_on_set([photo for _, photo in accepted.values()]))


def print_checked(checked: Checked) -> None:
    """For people: a line for each photo with its score, and below it what to do about it."""
    for photo in checked.photos:
        score = "" if photo.score is None else photo.score
        print(f"{photo.status:9} {score:>3} {printable(photo.file)}")
        if photo.code:
            print(f"              {photo.code}: {photo.reason}")
        for advice in photo.advice:
            print(f"              {advice}: {SENTENCES[advice]}")
    for each in checked.advice:
        print(each.sentence)
    print(f"{checked.accepted} of {len(checked.photos)} photos can be used.")


def _prepared(file: Path) -> PreparedPhoto:
    try:
        keys.check_name(file.name)
    except BadKeyError as error:
        raise PhotoRejectedError("bad_key", str(error)) from error
    check_size(file.stat().st_size)
    return prepare_safely(file.read_bytes())


def _keep(photo: PreparedPhoto, out: Path, number: int, file: Path) -> str:
    kept = out / f"{number:02}-{file.stem[:60]}.jpg"
    kept.write_bytes(photo.jpeg)
    return str(kept)

"""What becomes of a photo's score when something is wrong with it.

    .venv/bin/python -m benchmarks.scores [PHOTO...]

By default of three of the samples; the faults are made here. Prints a Markdown table: the score,
and the advice that the photo draws besides.
"""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from avatars.advice import advice_on
from avatars.model import Subject
from avatars.photos import prepare
from avatars.photos.faces import Face, find_faces

SAMPLES = Path(__file__).parents[1] / "samples"
PHOTOS = [SAMPLES / name for name in ("Me & the flag.jpg", "IMG_2041.JPG", "selfie+beach.jpg")]

Spoil = Callable[[Image.Image, Face], Image.Image]
"""From a photo and the face on it to another photo of the same size or a smaller one."""


def _blurred(radius: float) -> Spoil:
    return lambda photo, _: photo.filter(ImageFilter.GaussianBlur(radius * min(photo.size)))


def _times(factor: float) -> Spoil:
    return lambda photo, _: photo.point(lambda value: min(255, round(value * factor)))


def _small(shorter: int) -> Spoil:
    def spoil(photo: Image.Image, _: Face) -> Image.Image:
        factor = shorter / min(photo.size)
        return photo.resize((round(photo.width * factor), round(photo.height * factor)))

    return spoil


def _far(photo: Image.Image, _: Face) -> Image.Image:
    """The photo a third as large, on a grey wall."""
    wall = Image.effect_noise(photo.size, 20).convert("RGB")
    part = photo.resize((photo.width // 3, photo.height // 3), reducing_gap=2.0)
    wall.paste(part, (photo.width // 3, photo.height // 3))
    return wall


def _cut_off(photo: Image.Image, face: Face) -> Image.Image:
    """Without what is left of a third of the face."""
    return photo.crop((round(face.left + face.side / 3), 0, *photo.size))


def _hidden(photo: Image.Image, face: Face) -> Image.Image:
    """With something grey before its lower half."""
    spoilt = photo.copy()
    box = (face.left, face.centre[1], face.right, face.bottom)
    ImageDraw.Draw(spoilt).rectangle(box, (150, 150, 150))
    return spoilt


def _two(photo: Image.Image, _: Face) -> Image.Image:
    """Two halves of a picture of the same size, the other one mirrored."""
    half = ImageOps.fit(photo, (photo.width // 2, photo.height // 2), centering=(0.5, 0))
    pair = Image.effect_noise((photo.width, photo.height // 2), 20).convert("RGB")
    pair.paste(half, (0, 0))
    pair.paste(ImageOps.mirror(half), (photo.width // 2, 0))
    return pair


FAULTS: Mapping[str, Spoil] = {
    "a little out of focus": _blurred(0.003),
    "out of focus": _blurred(0.006),
    "half the light": _times(1 / 2),
    "a quarter of the light": _times(1 / 4),
    "half as much light again": _times(1.5),
    "300 pixels, of which 512 are made": _small(300),
    "from three times as far": _far,
    "a third of the face cut off": _cut_off,
    "the lower half of the face hidden": _hidden,
    "two people": _two,
}


def opened(path: Path) -> Image.Image:
    """A photo as people see it."""
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def as_file(photo: Image.Image) -> bytes:
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=95)
    return out.getvalue()


def main(
    photos: Annotated[list[Path] | None, typer.Argument(exists=True, dir_okay=False)] = None,
) -> None:
    """Spoil photos with one face each, and print what their scores become."""
    paths = photos or PHOTOS
    print("| |", " | ".join(path.name for path in paths), "|")
    print("|---" * (len(paths) + 1) + "|")
    pictures = [opened(path) for path in paths]
    found = [find_faces(picture)[0] for picture in pictures]
    rows: dict[str, Spoil] = {"as it is": lambda photo, _: photo} | dict(FAULTS)
    for name, spoil in rows.items():
        cells = []
        for picture, face in zip(pictures, found, strict=True):
            prepared = prepare(as_file(spoil(picture, face)))
            advice = ", ".join(advice_on(prepared, Subject.WOMAN))
            cells.append(f"{prepared.score} {advice}".rstrip())
        print(f"| {name} |", " | ".join(cells), "|")


if __name__ == "__main__":
    typer.run(main)

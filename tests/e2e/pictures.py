"""Photos for the tests, drawn in memory."""

import io
import random
from collections.abc import Iterable
from functools import cache

from PIL import ExifTags, Image, ImageDraw


@cache
def portrait(number: int, kind: str = "JPEG", *, lying: bool = False) -> bytes:
    """A photo that differs from that of every other number; *lying* needs EXIF to be upright."""
    dice = random.Random(number)  # noqa: S311 - not a secret
    image = Image.linear_gradient("L").resize((320, 400)).convert("RGB")
    pen = ImageDraw.Draw(image)
    for _ in range(12):
        left, top = dice.randrange(280), dice.randrange(360)
        colour = (dice.randrange(256), dice.randrange(256), dice.randrange(256))
        pen.ellipse((left, top, left + dice.randrange(30, 160), top + 80), fill=colour)
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "somebody"
    if lying:
        image = image.transpose(Image.Transpose.ROTATE_90)
        exif[ExifTags.Base.Orientation] = 6
    file = io.BytesIO()
    image.save(file, kind, exif=exif)
    return file.getvalue()


def portraits(numbers: Iterable[int]) -> dict[str, bytes]:
    """So many different photos, under names in the order of their numbers."""
    return {f"selfie-{number:02}.jpg": portrait(number) for number in numbers}

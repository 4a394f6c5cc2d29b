"""What a person sees on a photo at a glance, in figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageFilter, ImageStat

from avatars.model import Advice
from avatars.photos.faces import Face
from avatars.photos.framing import Box

DARK = 45
"""Mean luma of 255 below which a face is hard to make out."""

WHITE, MOST_WHITE = 250, 0.4
"""Pixels above the first are pure white; more than that share of a face or a picture is lost."""

BLACK = 8
"""Pixels below are pure black."""

SOFT = 3.0
"""Standard deviation of the Laplacian below which nothing is sharp. Sharp photos have 6 to 40,
after a blur of half a percent of the picture 2 to 3."""

FLAT = 0.7
"""Share of pixels as light as their neighbour: photos have up to 0.6, drawings and text 0.8."""

SMALL = 0.12
"""Of the side of the crop, the least that a face should take."""

CUT_OFF = 0.15
"""Of its side, how far a face may reach beyond the edge of the crop."""

_LAPLACIAN = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)


@dataclass(frozen=True, slots=True)
class Glance:
    """What is to be seen on a prepared photo: of its largest face, or of all of it where there is
    none. Shares are 0 to 1."""

    has_face: bool
    pixels: float
    """Pixels a side that it has in the prepared photo, not counting those that enlarging made."""
    enlarged: bool
    share: float
    """Of the side of the photo."""
    sharpness: float
    """Standard deviation of the Laplacian, of 255."""
    light: float
    """Mean luma, of 255."""
    white: float
    black: float
    """Shares of pure white and pure black."""
    flatness: float
    """Share of the pixels of the whole photo that are exactly like the one beside them."""
    beyond: float
    """How far a face reaches beyond the edge, as a share of its side; the worst of all faces."""
    sureness: float
    """How sure it is that it is a face: less where a part of it is hidden."""
    turned: float
    """As in `Face`."""


def glance(picture: Image.Image, crop: Box, faces: Sequence[Face]) -> Glance:
    """Looks at a prepared photo, a square *picture*.

    *crop* and *faces* are in pixels of the upright original, the faces those that the photo is of,
    the largest first.
    """
    grey = picture.convert("L")
    side = crop[2] - crop[0]
    part = grey.crop(_in_picture(faces[0], crop, grey.width)) if faces else grey
    seen = ImageStat.Stat(part)
    histogram, area = seen.h, part.width * part.height
    share = faces[0].side / side if faces else 1.0
    return Glance(
        has_face=bool(faces),
        pixels=share * min(side, picture.width),
        enlarged=side < picture.width,
        share=share,
        sharpness=_sharpness(part),
        light=seen.mean[0],
        white=sum(histogram[WHITE + 1 :]) / area,
        black=sum(histogram[:BLACK]) / area,
        flatness=_flatness(grey),
        beyond=max((_beyond(face, crop) / face.side for face in faces), default=0.0),
        sureness=faces[0].score if faces else 1.0,
        turned=faces[0].turned if faces else 0.0,
    )


def advice_after(seen: Glance) -> tuple[Advice, ...]:
    """What to say about a photo, whoever is to be drawn."""
    said = {
        Advice.LOW_RESOLUTION: seen.enlarged,
        Advice.TOO_DARK: seen.light < DARK,
        Advice.BLOWN_OUT: seen.white > MOST_WHITE,
        Advice.BLURRED: seen.sharpness < SOFT,
        Advice.NOT_A_PHOTO: seen.flatness > FLAT,
        Advice.SMALL_FACE: seen.share < SMALL,
        Advice.CUT_OFF_FACE: seen.beyond > CUT_OFF,
    }
    return tuple(advice for advice, is_so in said.items() if is_so)


def likeness(picture: Image.Image) -> str:
    """64 bits in hex: which of two neighbours is the brighter one, on 9 by 8 points (dHash)."""
    points = picture.convert("L").resize((9, 8), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(8):
        for column in range(8):
            here = row * 9 + column
            bits = bits << 1 | (points[here] < points[here + 1])
    return f"{bits:016x}"


def _in_picture(face: Face, crop: Box, size: int) -> Box:
    """The face as a box of the picture of *size* pixels that was made of the crop."""
    factor = size / (crop[2] - crop[0])
    left, top = (face.left - crop[0]) * factor, (face.top - crop[1]) * factor
    right, bottom = (face.right - crop[0]) * factor, (face.bottom - crop[1]) * factor
    left, top = max(0, round(left)), max(0, round(top))
    return left, top, max(left + 1, min(size, round(right))), max(top + 1, min(size, round(bottom)))


def _beyond(face: Face, crop: Box) -> float:
    """How far a face reaches beyond the crop, in pixels of the original."""
    left, top, right, bottom = crop
    return max(left - face.left, top - face.top, face.right - right, face.bottom - bottom)


def _sharpness(grey: Image.Image) -> float:
    # The filter leaves the outermost pixels as they are.
    inner = (1, 1, max(2, grey.width - 1), max(2, grey.height - 1))
    return ImageStat.Stat(grey.filter(_LAPLACIAN).crop(inner)).stddev[0]


def _flatness(grey: Image.Image) -> float:
    """The share of pixels that are exactly like the one beside them."""
    width, height = grey.size
    one, other = (grey.crop((x, 0, width - 1 + x, height)) for x in (0, 1))
    return ImageChops.difference(one, other).histogram()[0] / (one.width * one.height)

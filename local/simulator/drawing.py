"""Draws one avatar: a framing of a photo, a painter's hand, the mark of a simulation."""

import random
from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

from local.simulator import painters
from local.simulator.styles import Style as Style

MARK = "SIMULATED"


PAINTERS = {
    Style.REALISTIC: painters.realistic,
    Style.WATERCOLOR: painters.watercolor,
    Style.ANIME: painters.anime,
    Style.CARTOON: painters.cartoon,
    Style.OIL_PAINTING: painters.oil_painting,
    Style.PENCIL_SKETCH: painters.pencil_sketch,
    Style.POP_ART: painters.pop_art,
    Style.CYBERPUNK: painters.cyberpunk,
}


def draw(photo: Path | None, style: Style, seed: str, side: int = painters.SIDE) -> bytes:
    """A square JPEG, *side* pixels wide: the same bytes for the same seed.

    Painted with 512 pixels and enlarged; without a photo, of nobody.
    """
    rng = random.Random(seed)
    avatar = PAINTERS[style](_framed(_opened(photo), rng), rng)
    if side != painters.SIDE:
        avatar = avatar.resize((side, side), Image.Resampling.BICUBIC)
    _sign(avatar)
    jpeg = BytesIO()
    avatar.save(jpeg, "JPEG", quality=90, comment=f"{MARK}: {style}, drawn by a simulator")
    return jpeg.getvalue()


def _opened(photo: Path | None) -> Image.Image:
    if photo is None:
        return Image.radial_gradient("L").convert("RGB").resize(painters.SIZE)
    with Image.open(photo) as image:
        return image.convert("RGB")


def _framed(photo: Image.Image, rng: random.Random) -> Image.Image:
    """The same person seen a little differently each time."""
    zoom = rng.uniform(0.8, 0.98)
    side = round(min(photo.size) * zoom)
    spare_x, spare_y = photo.width - side, photo.height - side
    # Heads are near the top more often than not, and hair is not to be cut off.
    left, top = round(spare_x * rng.uniform(0.3, 0.7)), round(spare_y * rng.uniform(0, 0.3))
    portrait = photo.resize(
        painters.SIZE, Image.Resampling.BICUBIC, (left, top, left + side, top + side)
    )
    if rng.random() < 0.5:
        portrait = ImageOps.mirror(portrait)
    portrait = ImageOps.autocontrast(portrait, cutoff=0.2, preserve_tone=True)
    return ImageEnhance.Brightness(portrait).enhance(rng.uniform(0.95, 1.08))


def _sign(avatar: Image.Image) -> None:
    """Say in the picture that nobody drew it."""
    mark = _mark()
    corner = (avatar.width - mark.width - 10, avatar.height - mark.height - 10)
    avatar.paste(mark, corner, mark)


@cache
def _mark() -> Image.Image:
    font = ImageFont.load_default(size=11)
    pitch = 10
    mark = Image.new("RGBA", (pitch * len(MARK) + 12, 20))
    pen = ImageDraw.Draw(mark)
    pen.rounded_rectangle((0, 0, mark.width - 1, mark.height - 1), 10, fill=(0, 0, 0, 105))
    for place, letter in enumerate(MARK):
        at = (6 + pitch * (place + 0.5), mark.height / 2)
        pen.text(at, letter, font=font, fill=(255, 255, 255, 220), anchor="mm")
    return mark

"""The contact sheet of a job: the prepared photos above, the avatars below, by style."""

import io
import math
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from avatars.marks import COMPOSITE, marked

Picture = bytes | Path
"""A picture's file, in memory or on disk."""

Band = list[tuple[str, list[Picture]]]
"""Styles with their pictures, side by side."""

WIDTH, MARGIN, GAP = 1600, 96, 20
PAPER, INK, MUTED, RULE, ALARM = "#faf8f4", "#23211e", "#8b857b", "#e2ddd2", "#a8452f"


def contact_sheet(
    photos: Sequence[tuple[str, Picture]],
    avatars: Sequence[tuple[str, Picture]],
    title: str,
    subtitle: str,
    *,
    rejected: Sequence[tuple[str, str]] = (),
    reason: str = "",
) -> bytes:
    """Draws a JPEG, WIDTH pixels wide and as high as it needs, with the mark of AI in it.

    *photos* are file names with prepared pictures, *avatars* styles with pictures, in any order,
    *rejected* file names with why they are not among the photos; *reason* is why there are no
    avatars.
    """
    strips = [
        _space(84),
        _text(title, 64, INK),
        _space(14),
        _text(subtitle, 24, MUTED),
        _space(64),
        _heading("Your photos, prepared", len(photos)),
        *_photo_rows(photos),
        _space(12),
        *(_text(f"{_shortened(name, 18, 480)}: {why}", 18, ALARM) for name, why in rejected),
        _space(44),
        _heading("Your avatars", len(avatars)),
        *(_avatar_rows(avatars) if avatars else [_text(reason, 24, ALARM)]),
        _space(64),
    ]
    sheet = Image.new("RGB", (WIDTH, sum(strip.height for strip in strips)))
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    jpeg = io.BytesIO()
    sheet.save(jpeg, "JPEG", quality=90, subsampling=0)
    return marked(jpeg.getvalue(), COMPOSITE)


def _photo_rows(photos: Sequence[tuple[str, Picture]]) -> Iterator[Image.Image]:
    rows = math.ceil(len(photos) / 10)
    columns = max(6, math.ceil(len(photos) / max(rows, 1)))
    side = _side(columns)
    for first in range(0, len(photos), columns):
        row = photos[first : first + columns]
        strip = _tiles([picture for _, picture in row], columns, space_below=46)
        draw = ImageDraw.Draw(strip)
        for column, (name, _) in enumerate(row):
            name = _shortened(name, 15, side)
            centre = _left(column, columns) + side / 2
            draw.text((centre, side + 12), name, MUTED, _font(15), anchor="ma")
        yield strip


def _avatar_rows(avatars: Sequence[tuple[str, Picture]]) -> Iterator[Image.Image]:
    styles: dict[str, list[Picture]] = {}
    for style, picture in avatars:
        styles.setdefault(style, []).append(picture)
    columns = _columns(styles, len(avatars))
    for band in _bands(styles, columns):
        yield _captions(band, columns)
        pictures = [picture for _, pictures in band for picture in pictures]
        for first in range(0, len(pictures), columns):
            yield _tiles(pictures[first : first + columns], columns, space_below=GAP)
        yield _space(12)


def _columns(styles: dict[str, list[Picture]], avatars: int) -> int:
    """Few avatars are shown large, many small, and rows as full as can be."""
    usual = next((c for c, most in ((4, 4), (5, 15), (6, 36), (8, 72)) if avatars <= most), 10)

    def rows(columns: int) -> int:
        return sum(
            math.ceil(sum(len(pictures) for _, pictures in band) / columns)
            for band in _bands(styles, columns)
        )

    return min((usual, usual - 1, usual + 1), key=lambda columns: rows(columns) * columns)


def _bands(styles: dict[str, list[Picture]], columns: int) -> Iterator[Band]:
    """Styles share a row as long as they fit; one that needs more rows has them to itself."""
    band: Band = []
    for style, pictures in styles.items():
        if band and sum(len(others) for _, others in band) + len(pictures) > columns:
            yield band
            band = []
        band.append((style, pictures))
    yield band


def _captions(band: Band, columns: int) -> Image.Image:
    strip, font, column = _space(58), _font(21), 0
    draw = ImageDraw.Draw(strip)
    for style, pictures in band:
        left = _left(column, columns)
        right = _left(column + min(len(pictures), columns), columns) - GAP
        draw.line((left, 4, right, 4), RULE, 2)
        name = _shortened(style, 21, right - left - 40)
        draw.text((left, 20), name, INK, font)
        draw.text((left + font.getlength(name) + 10, 20), str(len(pictures)), MUTED, font)
        column += len(pictures)
    return strip


def _tiles(pictures: Sequence[Picture], columns: int, space_below: int) -> Image.Image:
    side = _side(columns)
    strip = _space(side + space_below)
    mask = _rounded(side)
    for column, picture in enumerate(pictures):
        with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture) as image:
            tile = ImageOps.fit(image.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
        strip.paste(tile, (_left(column, columns), 0), mask)
    return strip


def _heading(text: str, count: int) -> Image.Image:
    strip = _space(66)
    draw = ImageDraw.Draw(strip)
    draw.text((MARGIN, 8), text, INK, _font(32))
    draw.text((WIDTH - MARGIN, 16), str(count), MUTED, _font(24), anchor="ra")
    return strip


def _text(text: str, size: int, colour: str) -> Image.Image:
    """A paragraph between the margins."""
    lines = [""]
    for word in _spelt(text).split():
        longer = f"{lines[-1]} {word}".strip()
        if _font(size).getlength(longer) <= WIDTH - 2 * MARGIN:
            lines[-1] = longer
        else:
            lines.append(word)
    strip = _space(round(len(lines) * size * 1.4))
    ImageDraw.Draw(strip).text(
        (MARGIN, 0), "\n".join(lines), colour, _font(size), spacing=round(size * 0.4)
    )
    return strip


def _shortened(text: str, size: int, width: float) -> str:
    """Takes from the middle what is too long: names differ at their ends."""
    text = short = _spelt(text)
    kept = len(text)
    while _font(size).getlength(short) > width and kept > 2:
        kept -= 1
        short = f"{text[: (kept + 1) // 2]}...{text[-(kept // 2) :]}"
    return short


def _spelt(text: str) -> str:
    """The text in what Pillow's own font has: ASCII and the middle dot."""
    plain = (c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "".join(c if c.isascii() or c == "·" else "?" for c in plain)


def _space(height: int) -> Image.Image:
    return Image.new("RGB", (WIDTH, height), PAPER)


def _side(columns: int) -> int:
    return (WIDTH - 2 * MARGIN + GAP) // columns - GAP


def _left(column: int, columns: int) -> int:
    return MARGIN + column * (WIDTH - 2 * MARGIN + GAP) // columns


@cache
def _rounded(side: int) -> Image.Image:
    large = Image.new("L", (4 * side, 4 * side))
    draw = ImageDraw.Draw(large)
    draw.rounded_rectangle((0, 0, 4 * side - 1, 4 * side - 1), side // 4, "white")
    return large.resize((side, side), Image.Resampling.LANCZOS)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)

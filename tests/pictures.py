"""Photos to prepare, drawn as they are needed, and how to look at what came out."""

import io
import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageChops, ImageDraw, ImageStat

from avatars.errors import PhotoRejectedError
from avatars.photos import PREPARED_SIZE, prepare

RED, GREEN, BLUE, YELLOW = (200, 40, 40), (40, 160, 60), (50, 60, 190), (220, 200, 60)

# Colorants relative to D50, as ICC profiles give them: of sRGB and of Display P3.
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139))
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))


def quarters(width: int = 600, height: int = 800) -> Image.Image:
    """Red and green above, blue and yellow below: no two of the eight orientations look alike."""
    picture = Image.new("RGB", (width, height), RED)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((width // 2, 0, width, height // 2), GREEN)
    draw.rectangle((0, height // 2, width // 2, height), BLUE)
    draw.rectangle((width // 2, height // 2, width, height), YELLOW)
    return picture


def clouds(width: int = 640, height: int = 480) -> Image.Image:
    """Something everywhere: every cut through its file costs pixels."""
    coarse = Image.frombytes("RGB", (40, 30), random.Random(4).randbytes(40 * 30 * 3))  # noqa: S311
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def file_of(picture: Image.Image, file_format: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, file_format, **options)
    return out.getvalue()


def grain(width: int = 640, height: int = 480) -> Image.Image:
    """Clouds as a camera sees them, with a little noise."""
    noise = Image.frombytes("L", (width, height), random.Random(5).randbytes(width * height))  # noqa: S311
    return ImageChops.add(clouds(width, height), noise.point(lambda v: v // 10).convert("RGB"))


def drawn(name: str) -> bytes:
    """A file that tests/unit/photos/make.py drew."""
    return (Path(__file__).parent / "unit" / "photos" / name).read_bytes()


def heic(name: str) -> bytes:
    return drawn(f"{name}.heic")


def exif_of(orientation: Any) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def stored_as(upright: Image.Image, orientation: int) -> Image.Image:
    """The picture that a camera stores when it notes *orientation*."""
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return upright.transpose(turns[orientation]) if orientation in turns else upright


def chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def png(
    size: tuple[int, int],
    depth: int,
    colour: int,
    rows: bytes,
    *extra: bytes,
    interlaced: bool = False,
) -> bytes:
    """A PNG that Pillow cannot write. *extra* chunks come before the pixels."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *extra,
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        )
    )


def icc(colorants: tuple[tuple[float, ...], ...], space: bytes = b"RGB ") -> bytes:
    """A matrix profile with gamma 2.2, from ICC.1:2022, and nothing that it could do without."""

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 2) + b"x\0" + bytes(78),
        b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249),
        **{
            name: b"XYZ " + bytes(4) + fixed(*colorant)
            for name, colorant in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)
        },
        **{
            name: b"curv" + bytes(4) + struct.pack(">IHH", 1, round(2.2 * 256), 0)
            for name in (b"rTRC", b"gTRC", b"bTRC", b"kTRC")
        },
    }
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(content))
        body += content
    header = struct.pack(">I4xI", offset + len(body), 0x02400000) + b"mntr" + space + b"XYZ "
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    return (header + fixed(0.9642, 1.0, 0.8249)).ljust(128, b"\0") + table + body


def with_size(jpeg: bytes, width: int, height: int) -> bytes:
    """The same JPEG, whose header promises another size."""
    frame = next(jpeg.find(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in jpeg)
    return jpeg[: frame + 5] + struct.pack(">HH", height, width) + jpeg[frame + 9 :]


def opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg)).convert("RGB")


def corners(picture: Image.Image) -> list[tuple[int, ...]]:
    """The colours of the four quarters, a good way from their edges, reading order."""
    near, far = PREPARED_SIZE // 8, PREPARED_SIZE * 7 // 8
    places = ((near, near), (far, near), (near, far), (far, far))
    return [tuple(picture.getpixel(place)) for place in places]  # type: ignore[arg-type]


def is_near(found: tuple[int, ...], expected: tuple[int, ...], tolerance: int = 4) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(found, expected, strict=True))


def mean_difference(one: Image.Image, other: Image.Image) -> float:
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


def segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content of every segment up to the first scan."""
    position = 2
    while True:
        marker, length = jpeg[position + 1], int.from_bytes(jpeg[position + 2 : position + 4])
        yield marker, jpeg[position + 4 : position + 2 + length]
        position += 2 + length
        if marker == 0xDA:
            return


def rejection(data: bytes) -> PhotoRejectedError:
    with pytest.raises(PhotoRejectedError) as caught:
        prepare(data)
    return caught.value

"""Draws the files beside it, in an environment of its own: `pip install pillow_heif==1.8.1`, and
Debian's libjpeg-turbo-progs.

Nothing that the project depends on writes HEIC, or JPEG with arithmetic coding. No file shows
anything but colours and noise.
"""

import io
import random
import subprocess
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import ExifTags, Image, ImageChops, ImageDraw

HERE = Path(__file__).parent
RED, GREEN, BLUE, YELLOW = (200, 40, 40), (40, 160, 60), (50, 60, 190), (220, 200, 60)


def quarters(width: int = 300, height: int = 400) -> Image.Image:
    """As `quarters` in test_photos.py."""
    picture = Image.new("RGB", (width, height), RED)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((width // 2, 0, width, height // 2), GREEN)
    draw.rectangle((0, height // 2, width // 2, height), BLUE)
    draw.rectangle((width // 2, height // 2, width, height), YELLOW)
    return picture


def clouds(width: int = 320, height: int = 256) -> Image.Image:
    coarse = Image.frombytes("RGB", (20, 16), random.Random(4).randbytes(20 * 16 * 3))  # noqa: S311
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def stored_as(upright: Image.Image, orientation: int) -> Image.Image:
    """As a camera stores it that notes *orientation*."""
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


def write(name: str, *pictures: Image.Image, primary: int = 0, **options: Any) -> None:
    first, *others = pictures
    options = {"quality": 60, "chroma": 420, "primary_index": primary} | options
    first.save(HERE / f"{name}.heic", save_all=True, append_images=others, **options)


def exif_of(orientation: int) -> Image.Exif:
    """The encoder makes irot and imir of it, and leaves it there too, as a phone does."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2026:05:04 03:02:01"
    return exif


def deep(picture: Image.Image) -> pillow_heif.HeifFile:
    """The same in 16 bits a channel, of which the encoder keeps 10."""
    samples = b"".join(bytes((value, value)) for value in picture.tobytes())
    return pillow_heif.from_bytes(f"{picture.mode};16", picture.size, samples)


def main() -> None:
    pillow_heif.register_heif_opener()
    for orientation in range(1, 9):
        stored = stored_as(quarters(), orientation)
        write(f"orientation-{orientation}", stored, exif=exif_of(orientation).tobytes())
    write("clouds", clouds())
    write("grid", clouds(512, 384), tile_size=128)
    write("grey", clouds().convert("L"))
    write("second-is-primary", clouds(), quarters(), primary=1)
    write("thumbnails", quarters(), thumbnails=[64, 128])
    half = quarters().convert("RGBA")
    half.putalpha(0)
    half.paste(quarters(), (0, 0), Image.new("L", (300, 200), 255).crop((0, 0, 300, 400)))
    write("transparent", half, quality=-1, chroma=444)
    deep(quarters()).save(HERE / "ten-bits.heic", quality=60)
    deep(Image.linear_gradient("L")).save(HERE / "ten-bits-grey.heic", quality=90)
    premultiplied = pillow_heif.from_bytes("RGBa", half.size, half.convert("RGBa").tobytes())
    premultiplied.save(HERE / "premultiplied.heic", quality=-1, chroma=444)
    write("nclx-display-p3", quarters(), color_primaries=12, transfer_characteristics=13)
    write("small", clouds(200, 300))
    notes = [{"type": "note", "content_type": "", "data": b"x" * 16} for _ in range(100)]
    write("hundred-notes", quarters(), metadata=notes)
    write("grey-display-p3", clouds().convert("L"), color_primaries=12)
    noise = Image.frombytes("L", (640, 480), random.Random(5).randbytes(640 * 480))  # noqa: S311
    noise = noise.point(lambda v: v // 10).convert("RGB")
    baseline = io.BytesIO()
    ImageChops.add(clouds(640, 480), noise).save(baseline, "JPEG", quality=83)
    arithmetic = subprocess.run(
        ["/usr/bin/jpegtran", "-arithmetic"],
        input=baseline.getvalue(),
        stdout=subprocess.PIPE,
        check=True,
    )
    (HERE / "arithmetic.jpg").write_bytes(arithmetic.stdout)


if __name__ == "__main__":
    main()

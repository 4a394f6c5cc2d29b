"""Damages photos at random and sees that each gets a verdict: `python -m tests.fuzz_photos 600`.

What made the decoders crash, if anything does, is left in the file that is named at the start.
"""

import argparse
import random
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

from avatars.errors import PhotoRejectedError
from avatars.photos import prepare
from tests.pictures import SRGB, clouds, exif_of, file_of, heic, icc

FRAMES = {"save_all": True, "append_images": [clouds(320, 256).rotate(180)]}
PHOTOS = {
    "JPEG": file_of(clouds(320, 256), exif=exif_of(6), icc_profile=icc(SRGB)),
    "progressive": file_of(clouds(320, 256), progressive=True),
    "MPO": file_of(clouds(320, 256), "MPO", **FRAMES),
    "PNG": file_of(clouds(320, 256).quantize(16), "PNG", exif=exif_of(6), icc_profile=icc(SRGB)),
    "APNG": file_of(clouds(320, 256).quantize(16), "PNG", **FRAMES),
    "WebP": file_of(clouds(320, 256), "WEBP", exif=exif_of(6), icc_profile=icc(SRGB)),
    "lossless WebP": file_of(clouds(320, 256).quantize(16), "WEBP", lossless=True),
    "animated WebP": file_of(clouds(320, 256), "WEBP", **FRAMES),
    "AVIF": file_of(clouds(320, 256), "AVIF", exif=exif_of(6), icc_profile=icc(SRGB)),
    "animated AVIF": file_of(clouds(320, 256), "AVIF", **FRAMES),
    "HEIC": heic("orientation-6"),
    "HEIC of noise": heic("clouds"),
    "HEIC of tiles": heic("grid"),
    "HEIC with alpha": heic("premultiplied"),
    "HEIC of 10 bits": heic("ten-bits-grey"),
}
_LENGTHS = (0, 1, 2, 7, 8, 255, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def damaged(photo: bytes, other: bytes, chance: random.Random) -> bytes:
    """The photo with bits turned, bytes gone or doubled, lengths that lie, or parts of another."""
    data = bytearray(photo)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        # Most of what is interesting comes first.
        place = chance.randrange(min(len(data), chance.choice((64, 400, 2000, len(data)))))
        match chance.randrange(6):
            case 0:
                data[place] ^= 1 << chance.randrange(8)
            case 1:
                data[place : place + chance.choice((1, 4, 60))] = chance.randbytes(4)
            case 2:
                size = chance.choice((2, 4))
                data[place : place + size] = (chance.choice(_LENGTHS) % 256**size).to_bytes(size)
            case 3:
                del data[place : place + chance.choice((1, 30, 3000))]
            case 4:
                data[place:place] = data[place : place + chance.choice((4, 100, 2000))]
            case 5:
                start = chance.randrange(len(other))
                data[place : place + 100] = other[start : start + chance.choice((16, 100, 1000))]
        if not data:
            return photo[:1]
    return bytes(data)


def verdict(data: bytes) -> str:
    """Raises whatever is not one."""
    try:
        prepare(data)
    except PhotoRejectedError as rejected:
        return rejected.code
    return "accepted"


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)  # noqa: S311
    latest = Path(tempfile.mkdtemp()) / "damaged"
    print(f"What is being tried is in {latest}.")  # noqa: T201
    found: Counter[tuple[str, str]] = Counter()
    slowest = 0.0
    end = time.monotonic() + options.seconds
    while (start := time.monotonic()) < end:
        kind = chance.choice(list(PHOTOS))
        data = damaged(PHOTOS[kind], PHOTOS[chance.choice(list(PHOTOS))], chance)
        latest.write_bytes(data)
        found[kind, verdict(data)] += 1
        slowest = max(slowest, time.monotonic() - start)
    for (kind, code), count in sorted(found.items()):
        print(f"{count:8} {kind}: {code}")  # noqa: T201
    print(f"The slowest took {slowest:.1f} s.")  # noqa: T201


if __name__ == "__main__":
    main()

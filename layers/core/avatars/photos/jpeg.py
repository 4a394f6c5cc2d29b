"""What a JPEG says about itself between its pixels, and whether it says all it should."""

import re
from collections.abc import Callable, Iterator
from itertools import islice, takewhile

from PIL import Image, ImageChops, ImageStat

# Within a scan FF 00 is the byte FF, and FF D0 to FF D7 are restarts: neither ends it.
_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")
_END_OF_IMAGE, _START_OF_SCAN = 0xD9, 0xDA

# Baseline, extended and progressive, the latter two also with arithmetic coding; FF C4, C8 and CC
# begin other things than a frame. All else is lossless or hierarchical (ITU-T T.81, table B.1).
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE_FRAMES = {0xC2, 0xCA}
_ARITHMETIC_FRAMES = {0xC9, 0xCA}
_READ_FRAMES = {0xC0, 0xC1} | _PROGRESSIVE_FRAMES | _ARITHMETIC_FRAMES

_END = bytes((0xFF, _END_OF_IMAGE))
_FILLING = bytes(64)
"""What stands at the end of a file that was laid out, and never filled."""

# For any JPEG, whether it has restarts or not: noise, every restart, the end.
_MORE_DATA = b"".join(b"\x5a" * 512 + bytes((0xFF, 0xD0 + n)) for n in range(8)) * 2 + b"\xff\xd9"


def count_headers(jpeg: bytes, most: int) -> int:
    """How many segments there are before the picture, as far as *most*."""
    headers = takewhile(lambda one: one[0] != _START_OF_SCAN, _segments(jpeg))
    return sum(1 for _ in islice(headers, most))


def count_scans(jpeg: bytes) -> int:
    """How often a JPEG's decoder goes over the picture; 1 where the first scan holds all of it."""
    count = components = 0
    progressive = False
    for marker, _, content in _segments(jpeg):
        if marker in _FRAMES:
            components, progressive = jpeg[content + 7], marker in _PROGRESSIVE_FRAMES
        elif marker == _START_OF_SCAN:
            count += 1
            if not progressive and jpeg[content + 2] == components:
                return 1
        elif marker == _END_OF_IMAGE:
            break
    return count


def is_rare(jpeg: bytes) -> bool:
    """Whether it is of a kind that cameras do not write and nearly nothing reads."""
    marker, precision = _frame(jpeg)
    return marker is not None and (marker not in _READ_FRAMES or precision not in (0, 8))


def is_arithmetic(jpeg: bytes) -> bool:
    return _frame(jpeg)[0] in _ARITHMETIC_FRAMES


def load_whole(jpeg: bytes, load: Callable[[bytes], Image.Image]) -> Image.Image:
    """What *load* makes of a JPEG. Raises OSError where its data run out before its last row.

    The decoder leaves the rest grey then, without a word; what a progressive one lacks only makes
    it coarser, and is not seen. A picture may be grey there by itself, and only its end may be
    missing; but only one that ran out is changed by more data.
    """
    try:
        image = load(jpeg)
    except OSError:
        if jpeg.endswith(_FILLING) or _end(jpeg) is not None:
            raise
        image, doubtful = load(jpeg + _END), True
    else:
        last_row = image.crop((0, image.height - 1, image.width, image.height))
        doubtful = all(low >= 127 and high <= 128 for low, high in ImageStat.Stat(last_row).extrema)
    if doubtful:
        longer = load(jpeg[: _end(jpeg)] + _MORE_DATA)
        if ImageChops.difference(image, longer).getbbox():
            raise OSError("the data end before the picture does")
    return image


def _frame(jpeg: bytes) -> tuple[int | None, int]:
    """The kind of its frame, by its marker, and the bits of a sample; None and 0 if not said."""
    for marker, _, content in _segments(jpeg):
        if marker in _FRAMES:
            return marker, int.from_bytes(jpeg[content + 2 : content + 3])
        if marker == _START_OF_SCAN:
            break
    return None, 0


def _end(jpeg: bytes) -> int | None:
    """Where the marker is that ends it."""
    ends = (start for marker, start, _ in _segments(jpeg) if marker == _END_OF_IMAGE)
    return next(ends, None)


def _segments(jpeg: bytes) -> Iterator[tuple[int, int, int]]:
    """Every marker, where it begins, and where its content does."""
    position = 2
    while marker := _MARKER.search(jpeg, position):
        yield marker[1][0], marker.start(), marker.end()
        position = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2])

"""What a JPEG says about itself between its pixels, and whether it says all it should."""

import re
from collections.abc import Callable, Iterator

from PIL import Image, ImageChops, ImageStat

# Within a scan FF 00 is the byte FF, and FF D0 to FF D7 are restarts: neither ends it.
_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")
_END_OF_IMAGE, _START_OF_SCAN = 0xD9, 0xDA

# Baseline, extended and progressive, the latter two also with arithmetic coding; FF C4, C8 and CC
# begin other things than a frame. All else is lossless or hierarchical (ITU-T T.81, table B.1).
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_READ_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
_PROGRESSIVE_FRAMES = {0xC2, 0xCA}

# For any JPEG, whether it has restarts or not: noise, every restart, the end.
_MORE_DATA = b"".join(b"\x5a" * 512 + bytes((0xFF, 0xD0 + n)) for n in range(8)) * 2 + b"\xff\xd9"


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
    for marker, _, content in _segments(jpeg):
        if marker in _FRAMES:
            bits = jpeg[content + 2 : content + 3]
            return marker not in _READ_FRAMES or bits != b"\x08"
    return False


def _segments(jpeg: bytes) -> Iterator[tuple[int, int, int]]:
    """Every marker, where it begins, and where its content does."""
    position = 2
    while marker := _MARKER.search(jpeg, position):
        yield marker[1][0], marker.start(), marker.end()
        position = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2])


def ends_early(image: Image.Image, jpeg: bytes, load: Callable[[bytes], Image.Image]) -> bool:
    """Whether a JPEG's data run out before its last row, which the decoder then leaves grey.

    A picture may be grey there by itself, but only one that ran out is changed by more data:
    *load* decodes it again, as *image* was.
    """
    last_row = image.crop((0, image.height - 1, image.width, image.height))
    if any(low < 127 or high > 128 for low, high in ImageStat.Stat(last_row).extrema):
        return False
    ends = (start for marker, start, _ in _segments(jpeg) if marker == _END_OF_IMAGE)
    longer = load(jpeg[: next(ends, len(jpeg))] + _MORE_DATA)
    return ImageChops.difference(image, longer).getbbox() is not None

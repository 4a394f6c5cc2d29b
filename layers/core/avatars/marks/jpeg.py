"""What stands in a JPEG before its picture: its XMP is a segment there (XMP part 3, 1.1.3)."""

import re
from collections.abc import Iterator
from itertools import takewhile
from mmap import mmap

SIGNATURE = b"\xff\xd8\xff"
CONTENT_TYPE = "image/jpeg"
MOST_XMP = 65_502
"""Bytes of a packet: a segment has no more."""
MOST_FILLING = 64
"""Bytes before a marker. Any number is allowed (ITU T.81, B.1.1.2) and encoders write none: to go
through millions takes seconds."""
MOST_SEGMENTS = 4096
"""Before the picture: ten times what 25 MB hold where each is full."""

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_APP0, _APP1, _START_OF_SCAN, _END_OF_IMAGE = 0xE0, 0xE1, 0xDA, 0xD9
_BASELINE_FRAME = 0xC0
_SCAN_ENDS = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""Within a scan FF 00 is the byte FF, and FF D0 to FF D7 are restarts (ITU T.81, B.1.1)."""


def find_xmp(jpeg: bytes | mmap) -> bytes | None:
    """The packet of a JPEG. Raises ValueError where it ends before its picture."""
    packets = (jpeg[start + 4 : end] for _, start, end in _headers(jpeg))
    return next((found.removeprefix(_XMP) for found in packets if found.startswith(_XMP)), None)


def with_xmp(jpeg: bytes | mmap, packet: bytes) -> list[bytes | memoryview]:
    """The parts of the JPEG with this packet in place of its own."""
    headers = [(m, jpeg[start:end], end) for m, start, end in _headers(jpeg)]
    picture = headers[-1][2] if headers else 2
    others = [(marker, segment) for marker, segment, _ in headers if segment[4:].find(_XMP) != 0]
    # JFIF and Exif insist on being first.
    first = list(takewhile(lambda one: _is_first(*one), others))
    content = _XMP + packet
    ours = bytes((0xFF, _APP1)) + (len(content) + 2).to_bytes(2) + content
    segments = [segment for _, segment in first] + [ours]
    segments += [segment for _, segment in others[len(first) :]]
    return [jpeg[:2], *segments, memoryview(jpeg)[picture:]]


def without_scan(jpeg: bytes | mmap) -> bytes | None:
    """A JPEG of one baseline scan without the data of that scan: its headers, and its end.

    None where it is of another kind, or where the scan does not lead to the end. A decoder that
    makes something of this makes something of the whole: it takes any data for a baseline scan.
    """
    try:
        headers = list(_headers(jpeg))
    except ValueError:
        return None
    colours = next((jpeg[start + 9] for m, start, _ in headers if m == _BASELINE_FRAME), None)
    scan = headers[-1][2] if headers else 2
    data = scan + 2 + int.from_bytes(jpeg[scan + 2 : scan + 4])
    end = _SCAN_ENDS.search(jpeg, data)
    if end is None or end[0][1] != _END_OF_IMAGE or jpeg[scan + 4] != colours:
        return None
    return jpeg[:data] + end[0]


def _is_first(marker: int, segment: bytes) -> bool:
    return marker == _APP0 or (marker == _APP1 and segment.startswith(b"Exif\0", 4))


def _headers(jpeg: bytes | mmap) -> Iterator[tuple[int, int, int]]:
    """Every segment before the picture: its marker, where it begins, and where it ends."""
    place = 2
    for _ in range(MOST_SEGMENTS):
        start = place
        while jpeg[place : place + 2] == b"\xff\xff":  # filling
            place += 1
            if place - start > MOST_FILLING:
                raise ValueError(f"it has more than {MOST_FILLING} filling bytes before a marker")
        head = jpeg[place : place + 4]
        if len(head) < 4 or head[0] != 0xFF or head[1] == _END_OF_IMAGE:
            raise ValueError("it has no picture")
        if head[1] == _START_OF_SCAN:
            return
        end = place + 2 + int.from_bytes(head[2:])
        yield head[1], place, end
        place = end
    raise ValueError(f"it has more than {MOST_SEGMENTS} segments before its picture")

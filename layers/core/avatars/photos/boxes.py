"""What the boxes of a HEIC or AVIF promise, asked before a decoder believes them.

A few kilobytes can name the same megabytes a thousand times, which takes more memory than there is
and ends the process. And of a photo that was cut short libheif decodes the tiles that are there (a
phone's photo has dozens) and leaves the others black without a word.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterator

MOST_EXTENTS = 32
"""Pieces that an item may lie in, as libheif has it."""

MOST_TABLE_BYTES = 1024 * 1024
"""A phone's photo has 200 items, and tables of 5 kB that say where they are."""

MOST_COPIES, MOST_COPIED_BESIDES = 3, 64 * 1024 * 1024
"""How often all of the file may be copied out of it, and how many bytes besides: once is usual."""

MOST_PIXELS_OF_PARTS = 240_000_000
"""A phone's 48 megapixels are named twice: by their tiles, and together with their gain map."""

_FILLING = bytes(64)
"""What no coded picture ends in."""


class BadBoxesError(ValueError):
    """The boxes of the file promise what it does not hold, or too much of it."""


def check_boxes(data: bytes, zeros: int) -> None:
    """Raises BadBoxesError where the file is cut short, or costs far more than it is large.

    A coded picture never has so many *zeros* in a row: there the file was laid out, and not filled.
    Where its tables make no sense, also another ValueError, or LookupError.
    """
    lengths: Counter[int] = Counter()
    extents: dict[int, list[tuple[int, int]]] = {}
    references: list[tuple[bytes, int, int]] = []
    properties: list[tuple[int, int]] = []
    has: list[tuple[int, int]] = []
    for kind, content in _inner_boxes(data):
        if kind == b"ipco":
            properties += [(len(one), _pixels(name, one)) for name, one in _boxes(content)]
        elif len(content) > MOST_TABLE_BYTES:
            raise BadBoxesError(f"a table of {len(content)} bytes")
        elif kind == b"iinf":
            _check_names(content)
        elif kind == b"iloc":
            for item, end, length in _extents(content):
                if end > len(data):
                    raise BadBoxesError("the data end before the picture does")
                lengths[item] += length
                extents.setdefault(item, []).append((max(end - length, 0), end))
        elif kind == b"iref":
            references += _references(content)
        else:
            has += _properties(content)

    # pi_heif copies for every picture all that is known of it.
    copied = lengths.total()
    copied += sum(lengths[one] for kind, one, _ in references if kind == b"cdsc")
    pixels: Counter[int] = Counter()
    for item, number in has:
        if 0 < number <= len(properties):
            size, area = properties[number - 1]
            copied += size
            pixels[item] += area
    if copied > MOST_COPIES * len(data) + MOST_COPIED_BESIDES:
        raise BadBoxesError(f"{copied} bytes are named in a file of {len(data)}")
    for start, end in (extent for item in pixels for extent in extents.get(item, ())):
        if data.endswith(_FILLING, start, end) or data.find(bytes(zeros), start, end) >= 0:
            raise BadBoxesError("there are zeros where a picture's data should be")
    # Every tile that is named is decoded, however little of it is to be seen.
    parts = sum(pixels[other] for kind, _, other in references if kind == b"dimg")
    if parts > MOST_PIXELS_OF_PARTS:
        raise BadBoxesError(f"it is put together from {parts} pixels")


def primaries(data: bytes) -> int | None:
    """The number of its primaries (ITU-T H.273), where it gives its colours by number."""
    for kind, content in _inner_boxes(data):
        if kind == b"ipco":
            for name, one in _boxes(content):
                if name == b"colr" and bytes(one[:4]) == b"nclx":
                    return int.from_bytes(one[4:6])
    return None


# ---- boxes of ISO/IEC 14496-12 and 23008-12 -----------------------------------------------------


def _boxes(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and content; a content ends where the file does."""
    while len(content) >= 8:
        size, head = int.from_bytes(content[:4]), 8
        if size == 1:
            size, head = int.from_bytes(content[8:16]), 16
        if size == 0:
            size = len(content)
        if size < head:
            return
        yield bytes(content[4:8]), content[head:size]
        content = content[size:]


def _inner_boxes(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """What the items are, where they lie, how they are related, and what is known of them."""
    for outer, meta in _boxes(memoryview(data)):
        if outer == b"meta":
            for kind, content in _boxes(meta[4:]):
                if kind in (b"iinf", b"iloc", b"iref"):
                    yield kind, content
                elif kind == b"iprp":
                    yield from (box for box in _boxes(content) if box[0] in (b"ipco", b"ipma"))


def _numbers(content: memoryview) -> Callable[[int], int]:
    """Takes the next number of so many bytes."""
    stream = io.BytesIO(content)

    def number(size: int) -> int:
        digits = stream.read(size)
        if len(digits) < size:
            raise BadBoxesError("a table ends early")
        return int.from_bytes(digits)

    return number


def _extents(iloc: memoryview) -> Iterator[tuple[int, int, int]]:
    """Of every piece: its item, where it ends in the file, and its length in bytes."""
    number = _numbers(iloc)
    version, _ = number(1), number(3)
    sizes = number(2)
    of_offset, of_length, of_base, of_index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    for _ in range(number(2 if version < 2 else 4)):
        item = number(2 if version < 2 else 4)
        in_file = version == 0 or number(2) & 15 == 0
        number(2)
        base = number(of_base)
        extents = number(2)
        if extents > MOST_EXTENTS:
            raise BadBoxesError(f"an item in {extents} pieces")
        for _ in range(extents):
            number(of_index if version else 0)
            offset, length = base + number(of_offset), number(of_length)
            yield item, offset + length if in_file else 0, length


def _check_names(iinf: memoryview) -> None:
    """Raises ValueError for a name of an item's kind that is no text: pi_heif crashes on it."""
    head = 6 if iinf[0] == 0 else 8
    for _, infe in _boxes(iinf[head:]):
        str(infe[8 if infe[0] == 2 else 10 :], "utf-8")


def _references(iref: memoryview) -> Iterator[tuple[bytes, int, int]]:
    """Kind, from which item, to which item."""
    size = 2 if iref[0] == 0 else 4
    for kind, content in _boxes(iref[4:]):
        number = _numbers(content)
        item = number(size)
        for _ in range(number(2)):
            yield kind, item, number(size)


def _properties(ipma: memoryview) -> Iterator[tuple[int, int]]:
    """An item, and the number of something that is known of it, from 1."""
    number = _numbers(ipma)
    version, flags = number(1), number(3)
    size, most = (2, 0x7FFF) if flags & 1 else (1, 0x7F)
    for _ in range(number(4)):
        item = number(2 if version < 1 else 4)
        for _ in range(number(1)):
            yield item, number(size) & most


def _pixels(kind: bytes, content: memoryview) -> int:
    """What a picture of that size has; 0 for whatever else is known of an item."""
    if kind != b"ispe":
        return 0
    return int.from_bytes(content[4:8]) * int.from_bytes(content[8:12])

"""What a PNG says about itself between its pixels, and whether it says all it should."""

import zlib
from collections.abc import Iterator
from itertools import islice

from PIL import Image

_SIGNATURE = 8
_INTERLACED = 28
"""Where the header says so."""

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By the colour type of the header (PNG, 11.2.1)."""

_WHOLE = ((0, 1, 0, 1),)
_PASSES = (
    (0, 8, 0, 8),
    (4, 8, 0, 8),
    (0, 4, 4, 8),
    (2, 4, 0, 4),
    (0, 2, 2, 4),
    (1, 2, 0, 2),
    (0, 1, 1, 2),
)
"""Of an interlaced picture: first column and step, first row and step (Adam7)."""


def count_chunks(png: bytes, most: int) -> int:
    """How many chunks there are, as far as *most*."""
    return sum(1 for _ in islice(_chunks(png), most))


def ends_early(image: Image.Image, png: bytes) -> bool:
    """Whether the rows of a PNG end before the picture does, which Pillow then leaves black."""
    last_row = image.crop((0, image.height - 1, image.width, image.height))
    # Of an interlaced one, the last row may be there before others are.
    if any(last_row.tobytes()) and not png[_INTERLACED]:
        return False
    header = b""
    inflate, size = zlib.decompressobj(), 0
    rest: bytes | memoryview
    for kind, content in _chunks(png):
        if kind == b"IHDR":
            header = bytes(content)
        rest = content if kind == b"IDAT" else b""
        while rest and not inflate.eof:
            size += len(inflate.decompress(rest, 1024 * 1024))
            rest = inflate.unconsumed_tail
    return size < _raw_size(header)


def _raw_size(header: bytes) -> int:
    """Bytes of all rows, each with its filter's number before it."""
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    bits = header[8] * _CHANNELS[header[9]]
    passes = _PASSES if header[12] else _WHOLE
    size = 0
    for left, right, top, down in passes:
        columns, rows = -(-(width - left) // right), -(-(height - top) // down)
        if columns > 0:
            size += rows * (1 + -(-columns * bits // 8))
    return size


def _chunks(png: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view, place = memoryview(png), _SIGNATURE
    while place + 8 <= len(png):
        size = int.from_bytes(view[place : place + 4])
        yield bytes(view[place + 4 : place + 8]), view[place + 8 : place + 8 + size]
        place += size + 12

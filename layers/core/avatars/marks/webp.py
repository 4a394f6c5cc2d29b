"""Where a WebP keeps its XMP: in a chunk that its extended header announces (RFC 9649, 2.7)."""

from collections.abc import Iterator
from mmap import mmap

SIGNATURE = b"RIFF"
CONTENT_TYPE = "image/webp"
MOST_XMP = 1_000_000
"""Far more than anybody writes; beyond that it is no metadata."""

_XMP, _EXTENDED = b"XMP ", b"VP8X"
_HAS_XMP, _HAS_ALPHA = 0x04, 0x10
_SIDE = 0x3FFF
"""14 bits hold a side of a picture in the simple format, or one less than it."""


def find_xmp(webp: bytes | mmap) -> bytes | None:
    """The packet of a WebP. Raises ValueError where the file ends before its last chunk."""
    return next((bytes(content) for kind, content in _chunks(webp) if kind == _XMP), None)


def with_xmp(webp: bytes | mmap, packet: bytes) -> list[bytes | memoryview]:
    """The parts of the WebP with this packet in place of its own, in the extended format."""
    chunks: list[tuple[bytes, bytes | memoryview]] = [
        (kind, content) for kind, content in _chunks(webp) if kind != _XMP
    ]
    if not chunks or chunks[0][0] != _EXTENDED:
        chunks.insert(0, (_EXTENDED, _header_of(chunks)))
    header = chunks[0][1]
    if len(header) < 10:
        raise ValueError("its header is not whole")
    chunks[0] = (_EXTENDED, bytes((header[0] | _HAS_XMP,)) + header[1:])
    chunks.append((_XMP, packet))
    parts = [
        part
        for kind, data in chunks
        for part in (kind, len(data).to_bytes(4, "little"), data, bytes(len(data) % 2))
    ]
    size = len(b"WEBP") + sum(map(len, parts))
    return [SIGNATURE, size.to_bytes(4, "little"), b"WEBP", *parts]


def _header_of(chunks: list[tuple[bytes, bytes | memoryview]]) -> bytes:
    """What the extended header says of a picture in the simple format."""
    alpha = 0
    match chunks:
        case [(b"VP8 ", data), *_] if data[3:6] == b"\x9d\x01\x2a" and len(data) >= 10:
            width = int.from_bytes(data[6:8], "little") & _SIDE
            height = int.from_bytes(data[8:10], "little") & _SIDE
        case [(b"VP8L", data), *_] if data[:1] == b"\x2f" and len(data) >= 5:
            bits = int.from_bytes(data[1:5], "little")
            width, height = (bits & _SIDE) + 1, (bits >> 14 & _SIDE) + 1
            alpha = _HAS_ALPHA if bits >> 28 & 1 else 0
        case _:
            raise ValueError("it has no picture")
    if not (width and height):
        raise ValueError("its picture has no size")
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes((alpha, 0, 0, 0)) + sides


def _chunks(webp: bytes | mmap) -> Iterator[tuple[bytes, memoryview]]:
    """Every chunk: its kind, and what is in it."""
    whole = memoryview(webp)
    place, end = 12, 8 + int.from_bytes(webp[4:8], "little")
    if webp[8:12] != b"WEBP" or end > len(webp):
        raise ValueError("it is no whole WebP")
    while place < end:
        start = place + 8
        place = start + int.from_bytes(webp[start - 4 : start], "little")
        if start > end or place > end:
            raise ValueError("a part of it is missing")
        yield webp[start - 8 : start - 4], whole[start:place]
        place += place % 2

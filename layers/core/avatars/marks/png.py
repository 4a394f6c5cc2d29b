"""Where a PNG keeps its XMP: in an international text chunk (PNG, 11.3.3.4)."""

import zlib
from collections.abc import Iterator
from mmap import mmap

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CONTENT_TYPE = "image/png"
MOST_XMP = 1_000_000
"""Far more than anybody writes; beyond that it is no metadata."""

_XMP = b"XML:com.adobe.xmp\0"
_PLAIN, _COMPRESSED = b"\0\0", b"\1\0"


def find_xmp(png: bytes | mmap) -> bytes | None:
    """The packet of a PNG. Raises ValueError where the file ends before its last chunk."""
    for kind, start, end in _chunks(png):
        if _is_xmp(png, kind, start):
            content = png[start + 8 + len(_XMP) : end - 4]
            # After the two bytes of compression come language and keyword, each ended by a zero.
            text = content[2:].split(b"\0", 2)[-1]
            return _inflated(text) if content.startswith(_COMPRESSED) else text
    return None


def with_xmp(png: bytes | mmap, packet: bytes) -> list[bytes | memoryview]:
    """The parts of the PNG with this packet in place of its own, after its header."""
    whole = memoryview(png)
    header, *others = [
        whole[start:end] for kind, start, end in _chunks(png) if not _is_xmp(png, kind, start)
    ]
    content = b"iTXt" + _XMP + _PLAIN + b"\0\0" + packet
    size, checksum = (len(content) - 4).to_bytes(4), zlib.crc32(content).to_bytes(4)
    return [SIGNATURE, header, size, content, checksum, *others]


def _is_xmp(png: bytes | mmap, kind: bytes, start: int) -> bool:
    return kind == b"iTXt" and png[start + 8 : start + 8 + len(_XMP)] == _XMP


def _inflated(text: bytes) -> bytes:
    """Raises ValueError for what is no packet, or one that never ends."""
    inflate = zlib.decompressobj()
    try:
        packet = inflate.decompress(text, MOST_XMP)
    except zlib.error as error:
        raise ValueError("its metadata are damaged") from error
    if inflate.unconsumed_tail:
        raise ValueError("its metadata are larger than any picture's")
    return packet


def _chunks(png: bytes | mmap) -> Iterator[tuple[bytes, int, int]]:
    """Every chunk: its kind, where it begins, and where it ends."""
    place, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        kind = png[place + 4 : place + 8]
        end = place + 12 + int.from_bytes(png[place : place + 4])
        if end > len(png) or (place == len(SIGNATURE)) != (kind == b"IHDR"):
            raise ValueError("it is not whole")
        yield kind, place, end
        place = end

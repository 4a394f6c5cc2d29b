"""Say inside a picture's file that AI made it, and change nothing of the picture."""

from mmap import ACCESS_READ, mmap
from pathlib import Path
from types import ModuleType

from avatars.errors import DownloadFailedError
from avatars.marks import jpeg, png, webp, xmp

TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""Made by AI that has learned from samples (IPTC NewsCodes, Digital Source Type)."""

COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""The same, put together with other pictures."""

_FORMS: dict[bytes, ModuleType] = {
    jpeg.SIGNATURE: jpeg,
    png.SIGNATURE: png,
    webp.SIGNATURE: webp,
}


def mark_file(file: Path, source_type: str = TRAINED) -> None:
    """Write the mark into a JPEG, PNG or WebP; what else its metadata say stays.

    Raises DownloadFailedError where the file is none of these, or ends early.
    """
    try:
        with file.open("rb") as whole:
            # Seen where it lies: most of it goes from file to file without a stay in memory.
            parts = _marked(mmap(whole.fileno(), 0, access=ACCESS_READ), source_type)
    except ValueError as error:
        raise DownloadFailedError("What came is not a whole JPEG, PNG or WebP picture.") from error
    if parts:
        new = file.with_name(f"{file.name}.marked")
        with new.open("wb") as target:
            target.writelines(parts)
        new.replace(file)


def form_of(picture: bytes | mmap) -> ModuleType:
    """The module that knows the picture's format. Raises ValueError where none does."""
    for start, form in _FORMS.items():
        if picture[: len(start)] == start:
            return form
    raise ValueError("it begins like no JPEG, PNG or WebP")


def marked(picture: bytes, source_type: str = TRAINED) -> bytes:
    """The same picture with the mark; one that has it stays as it is.

    Raises ValueError where it is none that can have one.
    """
    return b"".join(_marked(picture, source_type)) or picture


def _marked(picture: bytes | mmap, source_type: str) -> list[bytes | memoryview]:
    """The parts of the marked picture; none where it has the mark."""
    form = form_of(picture)
    known = form.find_xmp(picture)
    if known and xmp.source_type_of(known) == source_type:
        return []  # byte for byte as it is: it may be signed
    packet = xmp.with_source_type(known, source_type)
    if len(packet) > form.MOST_XMP:
        # It had no room for one word more: what must be said goes before what may be.
        packet = xmp.with_source_type(None, source_type)
    parts: list[bytes | memoryview] = form.with_xmp(picture, packet)
    return parts

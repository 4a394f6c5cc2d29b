"""Say inside a picture's file that AI made it, and change nothing of the picture."""

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
        picture = marked(file.read_bytes(), source_type)
    except ValueError as error:
        raise DownloadFailedError("What came is not a whole JPEG, PNG or WebP picture.") from error
    with file.open("r+b") as over:
        over.write(picture)
        over.truncate()


def form_of(picture: bytes) -> ModuleType:
    """The module that knows the picture's format. Raises ValueError where none does."""
    for start, form in _FORMS.items():
        if picture.startswith(start):
            return form
    raise ValueError("it begins like no JPEG, PNG or WebP")


def marked(picture: bytes, source_type: str = TRAINED) -> bytes:
    """The same picture with the mark; one that has it stays as it is.

    Raises ValueError where it is none that can have one.
    """
    form = form_of(picture)
    known = form.find_xmp(picture)
    if known and xmp.source_type_of(known) == source_type:
        return picture  # byte for byte: it may be signed
    packet = xmp.with_source_type(known, source_type)
    if len(packet) > form.MOST_XMP:
        # It had no room for one word more: what must be said goes before what may be.
        packet = xmp.with_source_type(None, source_type)
    marked_picture: bytes = form.with_xmp(picture, packet)
    return marked_picture

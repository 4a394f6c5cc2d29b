"""Whether a downloaded file is a picture, and what kind."""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from mmap import ACCESS_READ, mmap
from pathlib import Path

from PIL import Image

from avatars.errors import DownloadFailedError

MAX_PIXELS = 20_000_000
"""Nearly five times the largest result that the provider documents (2048x2048)."""

BLOCK_BYTES = 256 * 1024
"""Between two of them a decoder waits for its turn among all threads."""

UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
)
"""What Pillow raises for files that are damaged or no pictures at all."""

_KINDS = {
    "JPEG": ("jpg", "image/jpeg"),
    "PNG": ("png", "image/png"),
    "WEBP": ("webp", "image/webp"),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """What a file turned out to be; sizes in pixels."""

    extension: str
    content_type: str
    width: int
    height: int


def look_at(file: Path) -> Picture:
    """Decode *file*: a truncated or disguised one is no picture.

    Of a baseline JPEG that has its end the data of the pixels are not read: there is nothing in
    them that a decoder would refuse. Raises DownloadFailedError.
    """
    try:
        with Image.open(_abridged(file) or file, formats=tuple(_KINDS)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large()
            extension, content_type = _KINDS[image.format or ""]
            picture = Picture(extension, content_type, image.width, image.height)
            # Another JPEG is read to its end all the same, but not made into pixels nobody sees.
            image.draft("L", (image.width // 8 or 1, image.height // 8 or 1))
            image.decodermaxblock = BLOCK_BYTES
            image.load()
            return picture
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Pillow's own limits come first, and are no errors of a file to it.
        raise _too_large() from error
    except UNREADABLE as error:
        raise DownloadFailedError("What came is not a whole JPEG, PNG or WebP picture.") from error


def _abridged(file: Path) -> BytesIO | None:
    # XML comes along, for which whoever prepares a photo does not wait.
    from avatars.marks import jpeg

    with file.open("rb") as whole, mmap(whole.fileno(), 0, access=ACCESS_READ) as picture:
        if picture[: len(jpeg.SIGNATURE)] != jpeg.SIGNATURE:
            return None
        abridged = jpeg.without_scan(picture)
    return BytesIO(abridged) if abridged else None


def _too_large() -> DownloadFailedError:
    return DownloadFailedError(f"A picture of more than {MAX_PIXELS} pixels came.")

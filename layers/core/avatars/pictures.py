"""Whether a downloaded file is a picture, and what kind."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from avatars.errors import DownloadFailedError

MAX_PIXELS = 50_000_000
"""Twelve times the largest result that the provider documents (2048x2048)."""

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
    """Decode *file* to its last pixel: a truncated or disguised file is no picture.

    Raises DownloadFailedError.
    """
    try:
        with warnings.catch_warnings(), Image.open(file, formats=tuple(_KINDS)) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if image.width * image.height > MAX_PIXELS:
                raise DownloadFailedError(f"A picture of more than {MAX_PIXELS} pixels came.")
            image.load()
            extension, content_type = _KINDS[image.format or ""]
            return Picture(extension, content_type, image.width, image.height)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DownloadFailedError("What came is not a whole JPEG, PNG or WebP picture.") from error

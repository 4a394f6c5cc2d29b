"""From a file to a picture: what it may cost is asked first, and half a picture is none."""

import contextlib
import io
from dataclasses import dataclass
from datetime import UTC, datetime

from PIL import ExifTags, Image

from avatars.errors import PhotoRejectedError
from avatars.photos.boxes import check_boxes
from avatars.photos.colours import averageable, profile_of
from avatars.photos.formats import unsupported
from avatars.photos.jpeg import count_scans, ends_early, is_rare
from avatars.pictures import UNREADABLE

PREPARED_SIZE = 512
"""Pixels a side, as the provider advises (docs.picsart.io/docs/genai-ai-avatars-101)."""

MIN_SIDE = 256
"""Half of PREPARED_SIZE, so that nothing is blown up more than twice."""

MAX_PIXELS = 250_000_000
"""Phones take 200 megapixels; a baseline JPEG of that size is decoded scaled, in 60 MB."""

MAX_PIXELS_WHOLE = 60_000_000
"""PNG, HEIC and JPEG in several scans take up to 9 bytes of memory a pixel."""

MAX_PIXELS_COPIED = 25_000_000
"""WebP and AVIF take up to 18: Pillow's decoders for them hand the picture on in copies."""

MAX_SCANS = 50
"""libjpeg writes 10. A scan of 60 megapixels takes up to 70 ms, and 0.3 MB can hold thousands."""

LEAST_SIDE = 2 * PREPARED_SIZE
"""Decoded to no less, a photo comes out as if it had been decoded whole."""

_UNDECODABLE = (*UNREADABLE, RuntimeError, MemoryError)
"""What the decoders raise for files that are damaged, or lie: libheif's are RuntimeErrors."""

# Pillow's own limit first only warns, then refuses what phones take; _check_cost() replaces it.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as it lies in its file, perhaps scaled down, and how to look at it."""

    image: Image.Image
    """In a mode whose values can be averaged."""
    profile: bytes | None
    """What its values mean (ICC); None means sRGB."""
    width: int
    """Of the original, upright, in pixels."""
    height: int
    orientation: int
    """What turns the image upright, 1 to 8 as in EXIF; 1 where the decoder has done so."""
    taken_at: int | None
    """When, by the camera's clock (EXIF DateTimeOriginal), in seconds."""


def decode(data: bytes, file_format: str) -> Decoded:
    """Decodes a whole file of that format, to no less than LEAST_SIDE where scaling saves work.

    Raises PhotoRejectedError: too_small, too_many_pixels, too_complex, unsupported_format or
    corrupt.
    """
    try:
        header = _open(data, file_format)
        _check_cost(header, file_format, count_scans(data) if file_format == "JPEG" else 0)
        if file_format == "PNG":
            # By its checksums first: Pillow may load half of a damaged PNG without a word.
            header.verify()
        image = _load(data, file_format)
        if file_format == "JPEG" and ends_early(image, data, lambda d: _load(d, "JPEG")):
            raise OSError("the data end before the picture does")
    except _UNDECODABLE as error:
        if file_format == "JPEG" and is_rare(data):
            raise unsupported("a JPEG of a rare kind") from error
        raise PhotoRejectedError(
            "corrupt",
            f"This {file_format} is damaged or was cut short: upload the original file again.",
        ) from error
    exif = _exif(image.info.get("exif", b""))
    orientation = _orientation(exif)
    width, height = header.size if orientation < 5 else header.size[::-1]
    return Decoded(
        averageable(image), profile_of(image), width, height, orientation, _taken_at(exif)
    )


def _check_cost(header: Image.Image, file_format: str, scans: int) -> None:
    """Refuses by what the file declares, before a pixel is decoded."""
    if min(header.size) < MIN_SIDE:
        raise PhotoRejectedError(
            "too_small",
            f"This photo has {header.width} x {header.height} pixels, and {MIN_SIDE} x {MIN_SIDE}"
            " is the least: upload the original instead of a preview.",
        )
    # Only a JPEG of one baseline scan is decoded row by row, and scaled.
    row_by_row = scans == 1 and "progressive" not in header.info
    limit = MAX_PIXELS if row_by_row else MAX_PIXELS_WHOLE
    if file_format in ("WebP", "AVIF"):
        limit = MAX_PIXELS_COPIED
    if header.width * header.height > limit:
        raise PhotoRejectedError(
            "too_many_pixels",
            f"This photo has {header.width * header.height / 1e6:.1f} megapixels, and"
            f" {limit / 1e6:.0f} is the most for this kind of file: save a smaller copy as JPEG.",
        )
    if scans > MAX_SCANS:
        raise PhotoRejectedError(
            "too_complex",
            f"This JPEG is stored in {scans} layers, and {MAX_SCANS} is the most:"
            " open it and save it again as an ordinary JPEG.",
        )


def _open(data: bytes, file_format: str) -> Image.Image:
    """The file's header; no pixel is decoded yet."""
    if file_format in ("HEIC", "AVIF"):
        check_boxes(data)
    if file_format == "HEIC":
        return _open_heic(data)
    return Image.open(io.BytesIO(data), formats=(file_format,))


def _open_heic(data: bytes) -> Image.Image:
    """The primary picture, which will be upright: what EXIF says of that is taken away."""
    # libheif is loaded only where such a photo is at hand.
    from pi_heif import options  # type: ignore[import-untyped]
    from pi_heif.as_plugin import HeifImageFile  # type: ignore[import-untyped]

    # What lies beside the photo is not looked at, so that it cannot be what is wrong with it.
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    options.DECODE_THREADS = 1
    image: Image.Image = HeifImageFile(io.BytesIO(data))
    return image


def _load(data: bytes, file_format: str) -> Image.Image:
    image = _open(data, file_format)
    image.draft(None, (LEAST_SIDE, LEAST_SIDE))
    # Pillow's blocks of 64 kB are a hundred in a photo, and after each a row is begun again.
    image.decodermaxblock = 1024 * 1024  # type: ignore[attr-defined]
    image.load()
    return image


def _exif(data: bytes) -> Image.Exif:
    """Empty where it cannot be read: a photo is as good without."""
    exif = Image.Exif()
    with contextlib.suppress(*UNREADABLE):
        exif.load(data)
    return exif


def _orientation(exif: Image.Exif) -> int:
    """The EXIF Orientation, 1 to 8; 1 where there is none."""
    with contextlib.suppress(*UNREADABLE):
        orientation: int = exif[ExifTags.Base.Orientation]
        if orientation in range(1, 9):
            return orientation
    return 1


def _taken_at(exif: Image.Exif) -> int | None:
    with contextlib.suppress(*UNREADABLE):
        text = exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal]
        # Whatever zone the camera's clock is in: only distances count.
        return int(datetime.strptime(text, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC).timestamp())
    return None

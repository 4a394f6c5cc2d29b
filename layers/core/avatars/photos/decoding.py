"""From a file to a picture: what it may cost is asked first, and half a picture is none."""

import contextlib
import io
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime

from PIL import ExifTags, Image, ImageFile, PngImagePlugin

from avatars.errors import PhotoRejectedError
from avatars.model import MAX_PHOTO_BYTES
from avatars.photos.boxes import check_boxes, primaries
from avatars.photos.colours import MAX_PROFILE_BYTES, adobe_rgb, averageable, profile_of
from avatars.photos.formats import unsupported
from avatars.photos.jpeg import count_headers, count_scans, is_arithmetic, is_rare, load_whole
from avatars.photos.png import count_chunks, ends_early
from avatars.photos.webp import check_chunks
from avatars.pictures import UNREADABLE

PREPARED_SIZE = 512
"""Pixels a side, as the provider advises (its guide, AI Avatars 101)."""

MIN_SIDE = 256
"""Half of PREPARED_SIZE, so that nothing is blown up more than twice."""

MAX_PIXELS = 250_000_000
"""Phones take 200 megapixels; a baseline JPEG of that size is decoded scaled, in 60 MB."""

MAX_PIXELS_WHOLE = 50_000_000
"""PNG, HEIC and JPEG in several scans take up to 10 bytes of memory a pixel, HEIC of 10 bits 18."""

MAX_PIXELS_COPIED = 25_000_000
"""WebP and AVIF take up to 18: Pillow's decoders for them hand the picture on in copies."""

MAX_HEADERS = 256
"""Segments of a JPEG before its picture: a photo has a dozen, and a hundred where it keeps another
one in them. Pillow takes seconds for some thousands."""

MAX_CHUNKS = 50_000
"""Of a PNG, as large as there are 50 MB of 1 kB each; Pillow takes seconds for a million."""

MAX_SCANS = 50
"""libjpeg writes 10. A scan of 60 megapixels takes up to 70 ms, and 0.3 MB can hold thousands."""

LEAST_SIDE = 2 * PREPARED_SIZE
"""Decoded to no less, a photo comes out as if it had been decoded whole."""

_UNDECODABLE = (*UNREADABLE, RuntimeError, ArithmeticError, MemoryError)
"""What the decoders raise for files that are damaged, or lie: libheif's are RuntimeErrors."""

# As large a profile as in other formats, and text to go with it.
PngImagePlugin.MAX_TEXT_CHUNK = MAX_PROFILE_BYTES
# Pillow's own limit first only warns, then refuses what phones take; _check_size() replaces it.
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
    # Pillow warns of metadata that nobody will see.
    with warnings.catch_warnings(action="ignore"):
        image, (width, height) = _picture(data, file_format)
        exif = _exif(image.info.get("exif") or b"")
        # libheif has turned the picture already, whatever EXIF says.
        orientation = 1 if file_format == "HEIC" else _orientation(exif)
        profile = profile_of(image) or (adobe_rgb() if _is_adobe_rgb(exif) else None)
        taken_at = _taken_at(exif)
    if orientation >= 5:
        width, height = height, width
    return Decoded(averageable(image), profile, width, height, orientation, taken_at)


# ---- formats: the picture, perhaps scaled down, and the width and height of the original ---------

_Size = tuple[int, int]


def _picture(data: bytes, file_format: str) -> tuple[Image.Image, _Size]:
    try:
        return _DECODERS[file_format](data)
    except _UNDECODABLE as error:
        if file_format == "JPEG" and is_rare(data):
            raise unsupported("a JPEG of a rare kind") from error
        raise PhotoRejectedError(
            "corrupt",
            f"This {file_format} is damaged or was cut short: upload the original file again.",
        ) from error


def _jpeg(data: bytes) -> tuple[Image.Image, _Size]:
    _check_parts(count_headers(data, MAX_HEADERS + 1), MAX_HEADERS)
    size, scans = _open(data, "JPEG").size, count_scans(data)
    # Only a JPEG of one scan is decoded row by row, and scaled only if both its sides are large.
    scaled = scans == 1 and min(size) >= 2 * LEAST_SIDE
    _check_size(size, MAX_PIXELS if scaled else MAX_PIXELS_WHOLE)
    if scans > MAX_SCANS:
        raise PhotoRejectedError(
            "too_complex",
            f"This JPEG is stored in {scans} layers, and {MAX_SCANS} is the most:"
            " open it and save it again as an ordinary JPEG.",
        )
    # Pillow's blocks of 64 kB are a hundred in a photo, and after each a row is begun again; with
    # arithmetic coding it cannot be.
    block = 2 * MAX_PHOTO_BYTES if is_arithmetic(data) else 1024 * 1024

    def load(jpeg: bytes) -> Image.Image:
        image = _open(jpeg, "JPEG")
        image.draft(None, (LEAST_SIDE, LEAST_SIDE))
        image.decodermaxblock = block
        image.load()
        return image

    return load_whole(data, load), size


def _png(data: bytes) -> tuple[Image.Image, _Size]:
    _check_parts(count_chunks(data, MAX_CHUNKS + 1), MAX_CHUNKS)
    image = _open(data, "PNG")
    _check_size(image.size, MAX_PIXELS_WHOLE)
    # By its checksums first: Pillow may load half of a damaged PNG without a word.
    image.verify()
    image = _open(data, "PNG")
    image.load()
    if ends_early(image, data):
        raise OSError("the rows end before the picture does")
    return image, image.size


def _webp(data: bytes) -> tuple[Image.Image, _Size]:
    image = _open(data, "WebP")
    _check_size(image.size, MAX_PIXELS_COPIED)
    image.load()
    check_chunks(data, image)
    return image, image.size


def _avif(data: bytes) -> tuple[Image.Image, _Size]:
    check_boxes(data, zeros=4096)
    image = _open(data, "AVIF")
    _check_size(image.size, MAX_PIXELS_COPIED)
    image.load()
    image.info["nclx_profile"] = {"color_primaries": primaries(data)}
    return image, image.size


def _heic(data: bytes) -> tuple[Image.Image, _Size]:
    # libheif is loaded only where such a photo is at hand.
    from pi_heif import open_heif, options  # type: ignore[import-untyped]

    check_boxes(data, zeros=64)
    # What lies beside the photo is not looked at, so that it cannot be what is wrong with it.
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    options.DECODE_THREADS = 1
    pictures = open_heif(io.BytesIO(data), remove_stride=False)
    picture = pictures[pictures.primary_index]
    # Where it cannot be opened pi_heif takes another one, perhaps a tile of it.
    if not (picture.info["primary"] and all(picture.size)):
        raise ValueError("the primary picture cannot be opened")
    _check_size(picture.size, MAX_PIXELS_WHOLE)
    image = picture.to_pillow()
    image.info = picture.info
    return image, image.size


_DECODERS = {"JPEG": _jpeg, "PNG": _png, "WebP": _webp, "AVIF": _avif, "HEIC": _heic}


def _open(data: bytes, file_format: str) -> ImageFile.ImageFile:
    """The file's header; no pixel is decoded yet."""
    return Image.open(io.BytesIO(data), formats=(file_format,))


def _check_size(size: _Size, most: int) -> None:
    """Refuses by what the file declares, before a pixel is decoded."""
    width, height = size
    if min(size) < MIN_SIDE:
        raise PhotoRejectedError(
            "too_small",
            f"This photo has {width} x {height} pixels, and {MIN_SIDE} x {MIN_SIDE}"
            " is the least: upload the original instead of a preview.",
        )
    if width * height > most:
        raise PhotoRejectedError(
            "too_many_pixels",
            f"This photo has {width * height / 1e6:.1f} megapixels, and"
            f" {most / 1e6:.0f} is the most for this kind of file: save a smaller copy as JPEG.",
        )


def _check_parts(count: int, most: int) -> None:
    if count > most:
        raise PhotoRejectedError(
            "too_complex",
            f"This file is put together from more than {most} parts, which is the most:"
            " open it and save it again as an ordinary JPEG.",
        )


# ---- EXIF ----------------------------------------------------------------------------------------


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


def _is_adobe_rgb(exif: Image.Exif) -> bool:
    """Whether a camera says so in place of a profile (DCF 2.0), as those with mirrors do."""
    with contextlib.suppress(*UNREADABLE, AttributeError):
        index: str = exif.get_ifd(ExifTags.IFD.Interop)[ExifTags.Interop.InteropIndex]
        return index.startswith("R03")
    return False


def _taken_at(exif: Image.Exif) -> int | None:
    with contextlib.suppress(*UNREADABLE):
        text = exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal]
        # Whatever zone the camera's clock is in: only distances count.
        return int(datetime.strptime(text, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC).timestamp())
    return None

"""Makes a photo ready for training: upright, square, sRGB, and silent about its owner."""

import hashlib
import io
import re
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageChops, ImageCms, ImageStat

from avatars.errors import PhotoRejectedError
from avatars.model import MAX_PHOTO_BYTES
from avatars.pictures import UNREADABLE

PREPARED_SIZE = 512
"""Pixels a side, as the provider advises (docs.picsart.io/docs/genai-ai-avatars-101)."""

# The codes a photo is rejected with, in the order they are looked for:
#
# empty               0 bytes
# too_large           more than MAX_PHOTO_BYTES
# unsupported_format  begins like a picture that is neither JPEG nor PNG
# not_an_image        begins like no picture at all
# too_small           a side under MIN_SIDE
# too_many_pixels     more than MAX_PIXELS, or MAX_PIXELS_WHOLE where it cannot be decoded scaled
# too_complex         a JPEG of more than MAX_SCANS scans
# corrupt             cannot be decoded to its last row
# blank_image         one colour all over

MIN_SIDE = 256
"""Half of PREPARED_SIZE, so that nothing is blown up more than twice."""

MAX_PIXELS = 250_000_000
"""Phones take 200 megapixels; a baseline JPEG of that size is decoded scaled, in 60 MB."""

MAX_PIXELS_WHOLE = 60_000_000
"""PNG and JPEG in several scans take up to 8 bytes of memory a pixel."""

MAX_SCANS = 50
"""libjpeg writes 10. A scan of 60 megapixels takes up to 70 ms, and 0.3 MB can hold thousands."""

BLANK_SPREAD = 3
"""Standard deviation, of 255, below which a channel holds nothing but a lens cap's noise."""

HEAD_ROOM = 0.2
"""Of what a tall photo has too much, the share cut off above; heads are in the upper half."""

JPEG_QUALITY = 90

_SIGNATURES = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n"}
_OTHER_FORMATS = {
    "HEIC": rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)",
    "AVIF": rb"....ftypavi[fs]",
    "WebP": rb"RIFF....WEBP",
    "GIF": rb"GIF8[79]a",
    "TIFF or camera raw": rb"II[*+U]\0|MM\0[*+]|IIRO|FUJIFILM|....ftypcrx ",
    "BMP": rb"BM....\0\0\0\0",
    "JPEG 2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "JPEG XL": rb"\0\0\0\x0cJXL |\xff\x0a",
    "Photoshop": rb"8BPS",
}

# What turns the stored picture upright, by EXIF Orientation (CIPA DC-008).
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Within a scan FF 00 is the byte FF, and FF D0 to FF D7 are restarts: neither ends it.
_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")
_END_OF_IMAGE, _START_OF_SCAN = 0xD9, 0xDA

# For any JPEG, whether it has restarts or not: noise, every restart, the end.
_MORE_DATA = b"".join(b"\x5a" * 512 + bytes((0xFF, 0xD0 + n)) for n in range(8)) * 2 + b"\xff\xd9"

# Pillow's own limit first only warns, then refuses what phones take; _check_cost() replaces it.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True, slots=True)
class PreparedPhoto:
    """A photo as the provider gets it. Lengths are pixels of the upright original."""

    jpeg: bytes
    """PREPARED_SIZE square, baseline, sRGB, without any metadata."""
    pixels: str
    """SHA-256 of the RGB pixels before JPEG: the same picture in another file has the same."""
    width: int
    height: int
    crop: tuple[int, int, int, int]
    """Left, top, right and bottom of what was kept."""


def check_size(size: int) -> None:
    """Raises PhotoRejectedError for a file of *size* bytes that need not even be fetched."""
    if size == 0:
        raise PhotoRejectedError(
            "empty", "This file is empty: choose the photo again and let the upload finish."
        )
    if size > MAX_PHOTO_BYTES:
        raise PhotoRejectedError(
            "too_large",
            f"This file is larger than {MAX_PHOTO_BYTES // 1024**2} MB:"
            " save the photo again as a JPEG of ordinary quality.",
        )


def prepare(data: bytes) -> PreparedPhoto:
    """Prepares a whole JPEG or PNG file, told by its content.

    Raises PhotoRejectedError with one of the codes above and a sentence for the owner.
    """
    check_size(len(data))
    image, size = _decode(data, _recognise(data))
    orientation = _orientation(image)
    width, height = size if orientation < 5 else size[::-1]
    crop = _framing(width, height)

    # Turning and colours come after scaling: on the small picture they cost next to nothing.
    picture = _averageable(image).resize(
        (PREPARED_SIZE, PREPARED_SIZE),
        Image.Resampling.LANCZOS,
        _box(crop, width, height, orientation, image.size),
    )
    if orientation in _UPRIGHT:
        picture = picture.transpose(_UPRIGHT[orientation])
    picture = _in_srgb(_on_white(picture), image.info.get("icc_profile"))
    if max(ImageStat.Stat(picture).stddev) < BLANK_SPREAD:
        raise PhotoRejectedError(
            "blank_image", "This picture is one colour all over: choose one that shows a face."
        )

    pixels = picture.tobytes()
    return PreparedPhoto(
        jpeg=_jpeg(pixels),
        pixels=hashlib.sha256(pixels).hexdigest(),
        width=width,
        height=height,
        crop=crop,
    )


def _recognise(data: bytes) -> str:
    """Pillow's name for the file's format."""
    for name, signature in _SIGNATURES.items():
        if data.startswith(signature):
            return name
    for name, beginning in _OTHER_FORMATS.items():
        if re.match(beginning, data, re.DOTALL):
            remedy = "export it as JPEG"
            if name == "HEIC":
                remedy += " (an iPhone takes JPEG with Settings, Camera, Formats, Most Compatible)"
            raise PhotoRejectedError(
                "unsupported_format",
                f"This picture is in {name} format, and only JPEG and PNG can be used: {remedy}.",
            )
    raise PhotoRejectedError(
        "not_an_image", "This file is not a picture: upload a photo as JPEG or PNG."
    )


def _decode(data: bytes, file_format: str) -> tuple[Image.Image, tuple[int, int]]:
    """The picture, scaled down as far as JPEG's own decoder does that well, and its full size."""
    scans, end = _scans(data) if file_format == "JPEG" else (0, len(data))
    try:
        header = Image.open(io.BytesIO(data), formats=(file_format,))
        _check_cost(header, scans)
        if file_format == "PNG":
            # By its checksums first: Pillow may load half of a damaged PNG without a word.
            header.verify()
        image = _load(data, file_format)
        if file_format == "JPEG" and _ends_early(image, data, end):
            raise OSError("the data end before the picture does")
    except UNREADABLE as error:
        raise PhotoRejectedError(
            "corrupt",
            f"This {file_format} is damaged or was cut short: upload the original file again.",
        ) from error
    return image, header.size


def _check_cost(header: Image.Image, scans: int) -> None:
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


def _scans(jpeg: bytes) -> tuple[int, int]:
    """How often a JPEG's decoder goes over the picture, and where the picture's data end."""
    scans, position = 0, 2
    while marker := _MARKER.search(jpeg, position):
        if marker[1][0] == _END_OF_IMAGE:
            return scans, marker.start()
        scans += marker[1][0] == _START_OF_SCAN
        position = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2])
    return scans, len(jpeg)


def _load(data: bytes, file_format: str) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=(file_format,))
    # Decoded to no less than twice the output, it comes out as if it had been decoded whole.
    image.draft(None, (2 * PREPARED_SIZE, 2 * PREPARED_SIZE))
    image.load()
    return image


def _ends_early(image: Image.Image, jpeg: bytes, end: int) -> bool:
    """Whether a JPEG's data run out before its last row, which the decoder then leaves grey.

    A picture may be grey there by itself, but only one that ran out is changed by more data.
    """
    last_row = image.crop((0, image.height - 1, image.width, image.height))
    if any(low < 127 or high > 128 for low, high in ImageStat.Stat(last_row).extrema):
        return False
    longer = _load(jpeg[:end] + _MORE_DATA, "JPEG")
    return ImageChops.difference(image, longer).getbbox() is not None


def _orientation(image: Image.Image) -> int:
    """The EXIF Orientation, 1 to 8; 1 where there is none that can be read."""
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        orientation = exif.get(ExifTags.Base.Orientation)
    except UNREADABLE:
        return 1
    return orientation if orientation in _UPRIGHT else 1


def _framing(width: int, height: int) -> tuple[int, int, int, int]:
    """The largest square: in the middle of a wide photo, towards the top of a tall one."""
    side = min(width, height)
    left = (width - side) // 2
    top = round((height - side) * HEAD_ROOM)
    return left, top, left + side, top + side


def _box(
    crop: tuple[int, int, int, int],
    width: int,
    height: int,
    orientation: int,
    decoded: tuple[int, int],
) -> tuple[float, float, float, float]:
    """Finds a crop of the upright original again in the picture as it was stored and decoded."""
    left, top, right, bottom = crop
    if orientation in (2, 3, 6, 7):  # stored from right to left
        left, right = width - right, width - left
    if orientation in (3, 4, 7, 8):  # stored from bottom to top
        top, bottom = height - bottom, height - top
    if orientation >= 5:  # stored column by column
        left, top, right, bottom, width, height = top, left, bottom, right, height, width
    x, y = decoded
    return left * x / width, top * y / height, right * x / width, bottom * y / height


def _averageable(image: Image.Image) -> Image.Image:
    """The picture in a mode whose values can be averaged: no palette, bits or 16-bit greys."""
    if image.mode == "I;16":
        # convert() alone clips: all but the darkest 256 of 65,536 greys would be white.
        image = image.point(lambda grey: grey / 257 + 0.5).convert("L")
    elif "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("RGB") if image.mode in ("1", "P") else image


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode not in ("LA", "RGBA"):
        return picture
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Shows the colours that the embedded profile means; a profile that is broken means nothing."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            srgb = ImageCms.createProfile("sRGB")
            return ImageCms.buildTransform(source, srgb, picture.mode, "RGB").apply(picture)
        except (OSError, ImageCms.PyCMSError):
            pass
    return picture.convert("RGB")


def _jpeg(pixels: bytes) -> bytes:
    """A JPEG of the pixels alone: an image that was opened would bring comments and more along."""
    jpeg = io.BytesIO()
    image = Image.frombytes("RGB", (PREPARED_SIZE, PREPARED_SIZE), pixels)
    image.save(jpeg, "JPEG", quality=JPEG_QUALITY)
    return jpeg.getvalue()

"""Makes a photo ready for training: upright, square, sRGB, and silent about its owner.

`formats` tells what a file is, `decoding` makes a picture of it (`jpeg`, `png`, `webp` and `boxes`
know what may be wrong with one), `faces` and `framing` choose what is kept, `colours` brings it to
sRGB, `checks` say what a person would say about it, and `scoring` how good it is.
"""

import hashlib
import io
from dataclasses import dataclass

from PIL import Image, ImageStat

from avatars.errors import PhotoRejectedError
from avatars.model import MAX_PHOTO_BYTES, Advice
from avatars.photos.checks import advice_after, glance, likeness
from avatars.photos.colours import in_srgb, on_white
from avatars.photos.decoding import PREPARED_SIZE, Decoded, decode
from avatars.photos.faces import find_faces
from avatars.photos.formats import recognise
from avatars.photos.framing import Box, box_in_file, framing, principal
from avatars.photos.scoring import score

# The codes a photo is rejected with:
#
# empty               0 bytes
# too_large           more than MAX_PHOTO_BYTES
# unsupported_format  a picture of a format that cannot be used: GIF, camera raw, 12-bit JPEG ...
# not_an_image        begins like no picture at all
# too_small           a side under MIN_SIDE
# too_many_pixels     more than MAX_PIXELS, or less where it cannot be decoded scaled
# too_complex         a JPEG of more than MAX_SCANS scans or MAX_HEADERS segments before them, or a
#                     PNG of more than MAX_CHUNKS chunks
# corrupt             cannot be decoded to its last row, or promises what it does not hold
# blank_image         one colour all over

BLANK_SPREAD = 3
"""Standard deviation, of 255, below which a channel holds nothing but a lens cap's noise."""

JPEG_QUALITY = 92
"""With the colours of every pixel (4:4:4): 65 kB a photo, and 3 dB nearer to the original than the
usual 90 with the colours of every fourth."""

REDUCING_GAP = 1.4
"""What is more than twice this times too large is averaged by a whole factor first: twice as fast
as one resampling of it all, at two decibels of fifty."""

FACE_SEARCH = 384
"""Pixels of the longer side in which faces are looked for: twice what the model takes."""

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


@dataclass(frozen=True, slots=True)
class PreparedPhoto:
    """A photo as the provider gets it. Lengths are pixels of the upright original."""

    jpeg: bytes
    """PREPARED_SIZE square, baseline, sRGB, without any metadata."""
    pixels: str
    """SHA-256 of the JPEG: the same picture in another file has the same."""
    width: int
    height: int
    crop: Box
    """Left, top, right and bottom of what was kept."""
    people: int
    """How many faces it is of, not counting who walks by."""
    likeness: str
    taken_at: int | None
    advice: tuple[Advice, ...]
    """These as in `avatars.advice.Seen`."""
    score: int
    """How good it is by itself, 0 to 100; see `avatars.photos.scoring`."""


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
    """Prepares a whole photo, told by its content.

    Raises PhotoRejectedError with one of the codes above and a sentence for the owner.
    """
    check_size(len(data))
    decoded = decode(data, recognise(data))
    longer = max(decoded.width, decoded.height)
    whole = upright(decoded, (0, 0, decoded.width, decoded.height), min(FACE_SEARCH, longer))
    if max(ImageStat.Stat(whole).stddev) < BLANK_SPREAD:
        raise PhotoRejectedError(
            "blank_image", "This picture is one colour all over: choose one that shows a face."
        )
    scale = longer / max(whole.size)
    faces = principal([face.scaled(scale) for face in find_faces(whole)])
    crop = framing(decoded.width, decoded.height, faces)
    picture = upright(decoded, crop, PREPARED_SIZE)
    jpeg = to_jpeg(picture)
    seen = glance(picture, crop, faces)
    return PreparedPhoto(
        jpeg=jpeg,
        pixels=hashlib.sha256(jpeg).hexdigest(),
        width=decoded.width,
        height=decoded.height,
        crop=crop,
        people=len(faces),
        likeness=likeness(picture),
        taken_at=decoded.taken_at,
        advice=advice_after(seen),
        score=score(seen),
    )


def upright(decoded: Decoded, crop: Box, longer: int) -> Image.Image:
    """A part of the photo as people see it: upright, in sRGB, its longer side *longer* pixels."""
    left, top, right, bottom = crop
    factor = longer / max(right - left, bottom - top)
    size = max(1, round((right - left) * factor)), max(1, round((bottom - top) * factor))
    orientation = decoded.orientation
    # Turning and colours come after scaling: on the small picture they cost next to nothing.
    picture = decoded.image.resize(
        size if orientation < 5 else size[::-1],
        Image.Resampling.BICUBIC,
        box_in_file(crop, decoded.width, decoded.height, orientation, decoded.image.size),
        REDUCING_GAP,
    )
    if orientation in _UPRIGHT:
        picture = picture.transpose(_UPRIGHT[orientation])
    return in_srgb(on_white(picture), decoded.profile)


def to_jpeg(picture: Image.Image) -> bytes:
    """A JPEG of the pixels alone: an image that was opened would bring comments and more along."""
    jpeg = io.BytesIO()
    pixels = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    pixels.save(jpeg, "JPEG", quality=JPEG_QUALITY, subsampling="4:4:4")
    return jpeg.getvalue()

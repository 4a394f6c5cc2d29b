"""What a WebP says about itself between its pixels, and whether it says all it should."""

from PIL import Image, ImageStat

_FILLING = bytes(4096)
"""No picture of that size in the lossy kind has so many zeros in a row: there the file was laid
out, and never filled."""

_MOST_ZEROS = 3
"""The zeros that a lossless picture may end in, as one part of so many; and any number where it
ends in white, black or nothing, since some encoders write what is plain as zeros."""

_RIFF, _HEAD = 12, 8


def check_chunks(webp: bytes, image: Image.Image) -> None:
    """Raises ValueError where a part of the picture is missing."""
    place = _RIFF
    while place + _HEAD <= len(webp):
        kind, start = webp[place : place + 4], place + _HEAD
        size = int.from_bytes(webp[place + 4 : start], "little")
        end = start + size
        filled = kind == b"VP8 " and webp.find(_FILLING, start, end) >= 0
        if kind == b"VP8L":
            zeros = max(len(_FILLING), size // _MOST_ZEROS)
            filled = webp.endswith(bytes(zeros), start, end) and not _ends_plain(image)
        if filled:
            raise ValueError("there are zeros where the picture's data should be")
        place = end + size % 2


def _ends_plain(image: Image.Image) -> bool:
    """Whether the last row is white, black or transparent."""
    last_row = image.crop((0, image.height - 1, image.width, image.height)).convert("RGBA")
    red, green, blue, alpha = ImageStat.Stat(last_row).extrema
    plain = red == green == blue in ((0, 0), (255, 255))
    return plain or alpha == (0, 0)

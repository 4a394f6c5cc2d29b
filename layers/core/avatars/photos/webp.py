"""What a WebP says about itself between its pixels."""

_FILLING = bytes(4096)
"""No picture in the lossy kind has so many zeros in a row: there the file was laid out, and never
filled. In the lossless kind an area of one colour may have many; a photo has no large ones."""

_MOST_ZEROS = 20
"""The zeros that a lossless picture may end in, as one part of so many."""

_RIFF, _HEAD = 12, 8


def check_chunks(webp: bytes) -> None:
    """Raises ValueError where a part of the picture is missing."""
    place = _RIFF
    while place + _HEAD <= len(webp):
        kind, start = webp[place : place + 4], place + _HEAD
        size = int.from_bytes(webp[place + 4 : start], "little")
        end = start + size
        filled = kind == b"VP8 " and webp.find(_FILLING, start, end) >= 0
        if kind == b"VP8L":
            zeros = max(len(_FILLING), size // _MOST_ZEROS)
            filled = webp.endswith(bytes(zeros), start, end)
        if filled:
            raise ValueError("there are zeros where the picture's data should be")
        place = end + size % 2

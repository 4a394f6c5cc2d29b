"""Which part of a photo is kept, and where that part lies in the file as it was stored."""

from collections.abc import Sequence

from avatars.photos.faces import Face

HEAD_ROOM = 0.2
"""Of what a tall photo without a face has too much, the share cut off above; heads are in the
upper half."""

PRINCIPAL = 0.4
"""Faces of so much of the largest one's side are meant; smaller ones pass by behind."""

HAIR, CHIN = 0.6, 0.2
"""What belongs to a head above and below its face, in sides of the face."""

HIGH, MIDDLE = 0.4, 0.5
"""Where the middle of a head goes, from the upper edge: a small one high, with the body below it,
one that fills the picture to the middle."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""


def framing(width: int, height: int, faces: Sequence[Face]) -> Box:
    """The largest square, so that nothing is cut off needlessly; the faces are in it.

    *faces* are the principal ones on the upright original, the largest first; where not all fit,
    that one is kept. Without any: the middle of a wide photo, towards the top of a tall one.
    """
    side = min(width, height)
    if not faces:
        x, y = (width - side) // 2, round((height - side) * HEAD_ROOM)
        return x, y, x + side, y + side
    left, top, right, bottom = _around(faces)
    if max(right - left, bottom - top) > side:
        faces = faces[:1]
        left, top, right, bottom = _around(faces)
    above = min(face.top - HAIR * face.side for face in faces)
    below = max(face.bottom + CHIN * face.side for face in faces)
    share = HIGH + (MIDDLE - HIGH) * min(1.0, (below - above) / side)
    start = (above + below) / 2 - share * side
    # Hair is given up before a face is.
    start = min(max(start, bottom - side), top)
    x, y = _within((left + right - side) / 2, width - side), _within(start, height - side)
    return x, y, x + side, y + side


def principal(faces: Sequence[Face]) -> list[Face]:
    """Those that the photo is of, and not who walks by."""
    return [face for face in faces if face.side >= PRINCIPAL * faces[0].side]


def _around(faces: Sequence[Face]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of all of them together."""
    return (
        min(face.left for face in faces),
        min(face.top for face in faces),
        max(face.right for face in faces),
        max(face.bottom for face in faces),
    )


def _within(start: float, most: int) -> int:
    return max(0, min(round(start), most))


def box_in_file(
    crop: Box,
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

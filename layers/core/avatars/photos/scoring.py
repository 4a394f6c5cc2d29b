"""How good a photo is for who makes avatars of a single one, as a score."""

from avatars.photos.checks import Glance
from avatars.photos.decoding import PREPARED_SIZE

FACE_PIXELS = 225
"""Side of a face that has all the pixels it needs: 90 from eye to eye, as for passports (ICAO Doc
9303), where the eyes are 0.4 of the side of a `Face` apart."""


def score(seen: Glance) -> int:
    """From 0 to 100. It compares photos of one subject: those with a face among each other, and
    those without.

    What is right with a photo does not make up for what is wrong with it: a sharp face is no use in
    the dark. So faults multiply, and of each this much of the photo's worth is left when it is as
    bad as it can be:

    - 0.15 of a blurred face and 0.2 of one of a few pixels: nobody knows what it looks like. The
      sharpest photos have 16 and more; those that are called blurred (`SOFT`) next to nothing.
    - 0.3 of what is dark, pure white or pure black, or beyond the edge: the rest can be seen. Light
      counts only below 70, so that dark skin is not taken for bad light, and a twentieth of a face
      may be black hair.
    - 0.5 of a face that looks aside: it is the right one all the same. Less than 0.3 is no fault,
      and no certainty.
    - 0.6 of one that is half hidden by a hand, a mask or hair, and so less surely a face.
    """
    wanted = FACE_PIXELS if seen.has_face else PREPARED_SIZE
    worth = (
        _left(seen.sharpness, bad=2, good=16, least=0.15)
        * _left(seen.pixels / wanted, bad=0.2, good=1, least=0.2)
        * _left(seen.light, bad=20, good=70, least=0.3)
        * _left(seen.white + seen.black, bad=0.4, good=0.05, least=0.3)
        * _left(seen.beyond, bad=0.5, good=0, least=0.3)
        * _left(seen.turned, bad=1, good=0.3, least=0.5)
        * _left(seen.sureness, bad=0.5, good=0.75, least=0.6)
    )
    return round(100 * worth)


def _left(value: float, bad: float, good: float, least: float) -> float:
    """What is left of a photo's worth: all at *good* and better, *least* at *bad* and worse."""
    way = min(1.0, max(0.0, (value - bad) / (good - bad)))
    return least + (1 - least) * way

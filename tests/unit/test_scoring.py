"""How good a photo is: what its score knows, and what each fault leaves of it."""

import cmath
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.ImageOps import mirror

from avatars.photos.checks import Glance
from avatars.photos.faces import Face, find_faces, turned
from avatars.photos.scoring import FACE_PIXELS, score
from benchmarks.scores import PHOTOS, opened

PERFECT = Glance(
    has_face=True,
    pixels=FACE_PIXELS,
    enlarged=False,
    share=0.45,
    sharpness=20,
    light=140,
    white=0,
    black=0,
    flatness=0.3,
    beyond=-0.5,
    sureness=0.95,
    turned=0,
)

share = st.floats(0, 1)
glances = st.builds(
    Glance,
    has_face=st.booleans(),
    pixels=st.floats(0, 512),
    enlarged=st.booleans(),
    share=share,
    sharpness=st.floats(0, 100),
    light=st.floats(0, 255),
    white=share,
    black=share,
    flatness=share,
    beyond=st.floats(-5, 5),
    sureness=share,
    turned=share,
)


def test_a_photo_without_a_fault_has_100() -> None:
    assert score(PERFECT) == 100


@pytest.mark.parametrize(
    ("fault", "left"),
    [
        ({"sharpness": 0}, 15),
        ({"sharpness": 12.5}, 79),
        ({"pixels": 40}, 20),
        ({"light": 10}, 30),
        ({"white": 0.5}, 30),
        ({"black": 0.5}, 30),
        ({"white": 0.25, "black": 0.15}, 30),
        ({"beyond": 0.6}, 30),
        ({"turned": 1}, 50),
        ({"sureness": 0.5}, 60),
        ({"sharpness": 0, "turned": 1}, 8),
    ],
    ids=str,
)
def test_a_fault_leaves_so_much(fault: dict[str, Any], left: int) -> None:
    assert score(replace(PERFECT, **fault)) == left


@pytest.mark.parametrize("near", [{"light": 75}, {"black": 0.04}, {"turned": 0.25}], ids=str)
def test_dark_skin_black_hair_and_a_slight_turn_are_no_faults(near: dict[str, Any]) -> None:
    assert score(replace(PERFECT, **near)) == 100


def test_without_a_face_all_of_the_picture_is_wanted() -> None:
    animal = replace(PERFECT, has_face=False, share=1.0, pixels=512)

    assert score(animal) == 100
    assert score(replace(animal, pixels=FACE_PIXELS)) < 60


@pytest.mark.parametrize("part", ["sharpness", "pixels", "light", "sureness"])
@given(glances, st.floats(0, 500))
def test_more_of_it_is_never_worse(part: str, seen: Glance, more: float) -> None:
    better = replace(seen, **{part: getattr(seen, part) + more})

    assert 0 <= score(seen) <= score(better) <= 100


@pytest.mark.parametrize("part", ["white", "black", "beyond", "turned"])
@given(glances, st.floats(0, 500))
def test_more_of_it_is_never_better(part: str, seen: Glance, more: float) -> None:
    worse = replace(seen, **{part: getattr(seen, part) + more})

    assert 0 <= score(worse) <= score(seen) <= 100


class TestTurned:
    @pytest.mark.parametrize("tilt", [0, 25, 90, 180])
    @pytest.mark.parametrize(("nose", "aside"), [(0, 0), (5, 0.5), (-5, 0.5), (10, 1), (-30, 1)])
    def test_where_the_nose_is_between_the_eyes_says_it_however_the_head_is_tilted(
        self, tilt: int, nose: int, aside: float
    ) -> None:
        points = [cmath.rect(1, math.radians(tilt)) * at for at in (-10, 10, nose + 12j)]

        found = turned([part for at in points for part in (at.real, at.imag)])

        assert found == pytest.approx(aside)

    def test_where_both_eyes_are_one_it_is_from_the_side(self) -> None:
        assert turned([3, 4, 3, 4, 5, 6]) == 1

    @pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.name)
    def test_of_a_real_face_of_which_one_half_is_narrow_it_is_more(self, path: Path) -> None:
        portrait = opened(path)

        straight = [find_faces(p)[0].turned for p in (portrait, mirror(portrait))]
        squeezed = [find_faces(half_narrow(p))[0].turned for p in (portrait, mirror(portrait))]

        assert max(straight) < 0.1 < min(squeezed)

    def test_it_stays_where_the_picture_is_made_larger_or_moved(self) -> None:
        face = Face(0, 0, 10, 10, 0.9, turned=0.4)

        assert face.scaled(3).moved(1, 2) == Face(1, 2, 31, 32, 0.9, turned=0.4)


def half_narrow(portrait: Image.Image) -> Image.Image:
    """What is left of the middle of the face, half as wide."""
    middle, height = round(find_faces(portrait)[0].centre[0]), portrait.height
    narrow = Image.new("RGB", (portrait.width - middle + middle // 2, height))
    narrow.paste(portrait.crop((0, 0, middle, height)).resize((middle // 2, height)))
    narrow.paste(portrait.crop((middle, 0, portrait.width, height)), (middle // 2, 0))
    return narrow

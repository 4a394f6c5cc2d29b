"""The simulator's avatars."""

import io
from itertools import combinations
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from local.simulator.drawing import Style, draw

# Mean difference of two pictures, of 255, from which on people see two different pictures.
PLAIN_TO_SEE = 8.0


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return portrait(tmp_path_factory.mktemp("photos") / "face.jpg", "peachpuff", "steelblue")


@pytest.fixture(scope="module")
def other_face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return portrait(tmp_path_factory.mktemp("photos") / "other.jpg", "saddlebrown", "khaki")


def portrait(path: Path, skin: str, wall: str) -> Path:
    image = Image.new("RGB", (640, 640), wall)
    pen = ImageDraw.Draw(image)
    pen.ellipse((170, 90, 470, 480), fill=skin)
    pen.ellipse((240, 230, 280, 260), fill="black")
    pen.ellipse((360, 230, 400, 260), fill="black")
    pen.arc((240, 300, 400, 420), 20, 160, fill="darkred", width=12)
    pen.rectangle((120, 500, 520, 640), fill="darkslateblue")
    image.save(path, "JPEG", quality=92)
    return path


def opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg))


def difference(one: bytes, other: bytes) -> float:
    apart = ImageChops.difference(opened(one), opened(other))
    return sum(ImageStat.Stat(apart).mean) / 3


@pytest.mark.parametrize("style", Style)
def test_an_avatar_is_a_square_jpeg_that_says_it_is_simulated(face: Path, style: Style) -> None:
    avatar = opened(draw(face, style, "seed"))

    assert (avatar.format, avatar.mode, avatar.size) == ("JPEG", "RGB", (512, 512))
    assert avatar.info["comment"].startswith(b"SIMULATED")


@pytest.mark.parametrize("style", Style)
def test_an_avatar_depends_on_its_seed_alone(face: Path, style: Style) -> None:
    one, same, other = (draw(face, style, seed) for seed in ("one", "one", "other"))

    assert one == same
    assert one != other


@pytest.mark.parametrize("style", Style)
def test_an_avatar_comes_from_its_photo(face: Path, other_face: Path, style: Style) -> None:
    mine, yours = draw(face, style, "seed"), draw(other_face, style, "seed")

    assert difference(mine, yours) > PLAIN_TO_SEE


def test_no_two_styles_look_alike(face: Path) -> None:
    avatars = [draw(face, style, "seed") for style in Style]

    apart = [difference(one, other) for one, other in combinations(avatars, 2)]

    assert min(apart) > PLAIN_TO_SEE


def test_a_small_photo_is_enough(tmp_path: Path) -> None:
    small = tmp_path / "small.jpg"
    Image.new("RGB", (96, 96), "teal").save(small)

    assert opened(draw(small, Style.REALISTIC, "seed")).size == (512, 512)

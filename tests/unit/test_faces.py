"""Faces are found, kept in the crop, and spoken about. The faces are those of the samples."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from avatars.model import Advice
from avatars.photos import PreparedPhoto, prepare
from avatars.photos.faces import Face, find_faces
from avatars.photos.framing import framing, principal
from tests.conftest import ROOT
from tests.pictures import file_of

SAMPLES = ROOT / "samples"
PHOTOS = sorted(
    path for path in SAMPLES.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png")
)
HALF_BODY = SAMPLES / "IMG_2041.JPG"


def sample(path: Path = HALF_BODY) -> Image.Image:
    """A sample photo as people see it."""
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def prepared(picture: Image.Image) -> PreparedPhoto:
    return prepare(file_of(picture, quality=92))


def on(canvas: tuple[int, int], *spots: tuple[int, int, int]) -> Image.Image:
    """A grey wall with the head of the sample at each spot: left, top and size."""
    head = sample().crop((250, 10, 770, 530))
    wall = Image.effect_noise(canvas, 20).convert("RGB")
    for left, top, size in spots:
        wall.paste(head.resize((size, size)), (left, top))
    return wall


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.name)
def test_one_face_is_on_every_sample_and_whole_in_its_crop(path: Path) -> None:
    photo = prepare(path.read_bytes())

    assert photo.people == 1
    assert not {Advice.CUT_OFF_FACE, Advice.SMALL_FACE} & set(photo.advice)
    [face] = find_faces(Image.open(io.BytesIO(photo.jpeg)))
    assert 0 < face.left < face.right < 512
    assert 0 < face.top < face.bottom < 512


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_looking_for_faces_uses_nothing_that_the_build_leaves_out() -> None:
    script = "import sys; from avatars.photos import faces; from PIL import Image;"
    script += "faces.find_faces(Image.new('RGB', (300, 300)));"
    script += "print(open('/proc/self/maps').read(), *sys.modules, sep='\\n')"

    used = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert "libpywrap_litert" in used.stdout
    assert "WebGpu" not in used.stdout
    assert ".tests" not in used.stdout


def test_there_is_no_face_on_a_wall() -> None:
    assert find_faces(on((800, 600))) == []


def test_faces_are_told_apart_and_the_largest_is_the_first() -> None:
    faces = find_faces(on((1200, 800), (0, 100, 300), (700, 100, 420)))

    assert [face.centre[0] > 600 for face in faces] == [True, False]
    assert faces[0].side > faces[1].side


@pytest.mark.parametrize("left", [0, 400, 900, 1300])
def test_a_face_anywhere_in_a_panorama_is_in_the_crop(left: int) -> None:
    photo = prepared(on((1800, 500), (left, 50, 400)))

    assert photo.crop[0] <= left + 100
    assert photo.crop[2] >= left + 300
    assert photo.crop[3] - photo.crop[1] == 500


@pytest.mark.parametrize("top", [0, 500, 1200])
def test_a_face_anywhere_in_a_tall_photo_is_in_the_crop(top: int) -> None:
    photo = prepared(on((600, 1800), (100, top, 400)))

    assert photo.crop[1] <= top + 60
    assert photo.crop[3] >= top + 340
    assert photo.crop[2] - photo.crop[0] == 600


class TestAdvice:
    def test_two_people_are_counted(self) -> None:
        assert prepared(on((1200, 800), (0, 100, 400), (700, 100, 420))).people == 2

    def test_who_walks_by_is_not(self) -> None:
        assert prepared(on((1200, 1000), (100, 300, 700), (1000, 50, 160))).people == 1

    def test_a_face_from_far_away_is_small(self) -> None:
        assert Advice.SMALL_FACE in prepared(on((900, 900), (300, 200, 170))).advice

    def test_a_face_at_the_edge_is_cut_off(self) -> None:
        assert Advice.CUT_OFF_FACE in prepared(sample().crop((520, 0, 960, 960))).advice

    def test_a_photo_out_of_focus_is_blurred(self) -> None:
        assert Advice.BLURRED in prepared(sample().filter(ImageFilter.GaussianBlur(8))).advice

    def test_a_face_in_the_dark_is_too_dark(self) -> None:
        assert Advice.TOO_DARK in prepared(sample().point(lambda value: value // 6)).advice

    def test_a_face_in_glaring_light_is_blown_out(self) -> None:
        assert Advice.BLOWN_OUT in prepared(sample().point(lambda value: value * 2)).advice

    def test_a_small_photo_is_enlarged(self) -> None:
        assert Advice.LOW_RESOLUTION in prepared(sample().resize((360, 480))).advice

    def test_a_drawing_is_no_photo(self) -> None:
        drawing = Image.new("RGB", (800, 800), "lemonchiffon")
        pen = ImageDraw.Draw(drawing)
        pen.ellipse((200, 150, 600, 650), fill="peachpuff", outline="black", width=8)
        pen.arc((300, 400, 500, 550), 20, 160, fill="red", width=8)

        assert Advice.NOT_A_PHOTO in prepare(file_of(drawing, "PNG")).advice

    def test_a_good_photo_draws_none(self) -> None:
        assert prepared(sample()).advice == ()


faces = st.builds(
    lambda x, y, side: Face(x - side / 2, y - side / 2, x + side / 2, y + side / 2, 0.9),
    st.floats(-50, 2050),
    st.floats(-50, 2050),
    st.floats(10, 900),
)


@given(st.integers(256, 2000), st.integers(256, 2000), st.lists(faces, max_size=4))
def test_a_crop_is_the_largest_square_inside_the_photo(
    width: int, height: int, found: list[Face]
) -> None:
    found.sort(key=lambda face: -face.side)

    left, top, right, bottom = framing(width, height, principal(found) if found else [])

    assert right - left == bottom - top == min(width, height)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


@st.composite
def photos_of_people(draw: st.DrawFn) -> tuple[int, int, list[Face]]:
    """Width, height, and faces that fit into one square of the photo, the largest first."""
    width, height = draw(st.integers(256, 2000)), draw(st.integers(256, 2000))
    square = min(width, height)
    x, y = draw(st.integers(0, width - square)), draw(st.integers(0, height - square))
    share = st.floats(0, 1)
    found = []
    for _ in range(draw(st.integers(1, 3))):
        side = draw(st.floats(10, square))
        left, top = x + draw(share) * (square - side), y + draw(share) * (square - side)
        found.append(Face(left, top, left + side, top + side, 0.9))
    return width, height, sorted(found, key=lambda face: -face.side)


@given(photos_of_people())
def test_faces_that_fit_into_the_crop_are_whole_in_it(
    photo: tuple[int, int, list[Face]],
) -> None:
    width, height, found = photo

    left, top, right, bottom = framing(width, height, found)

    for face in found:
        assert left - 1 <= face.left
        assert top - 1 <= face.top
        assert face.right <= right + 1
        assert face.bottom <= bottom + 1

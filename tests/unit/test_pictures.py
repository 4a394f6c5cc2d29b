"""What is kept as a picture: looking at less of a JPEG finds whatever decoding all of it does."""

import io
import random
from pathlib import Path

import pytest
from PIL import Image

from avatars.errors import DownloadFailedError
from avatars.pictures import Picture, look_at

SIZE = (50, 27)


def a_jpeg(**options: object) -> bytes:
    content = io.BytesIO()
    gradient = Image.linear_gradient("L").resize(SIZE)
    Image.merge("RGB", (gradient, gradient.rotate(90), gradient.rotate(180))).save(
        content, "JPEG", quality=95, **options
    )
    return content.getvalue()


def is_whole(jpeg: bytes | bytearray) -> bool:
    """As Pillow finds that makes every pixel of it."""
    try:
        with Image.open(io.BytesIO(jpeg)) as image:
            image.load()
    except OSError:
        return False
    return True


def is_kept(file: Path) -> bool:
    try:
        return look_at(file) == Picture("jpg", "image/jpeg", *SIZE)
    except DownloadFailedError:
        return False


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}], ids=str)
def test_a_jpeg_is_whole_to_us_where_it_is_to_whoever_decodes_all_of_it(
    tmp_path: Path, options: dict[str, object]
) -> None:
    jpeg, file = a_jpeg(**options), tmp_path / "avatar"
    found = {}

    for end in range(len(jpeg) + 1):
        file.write_bytes(jpeg[:end])
        found[end] = is_kept(file)

    assert found == {end: is_whole(jpeg[:end]) for end in found}
    assert found[len(jpeg)]
    assert not found[len(jpeg) // 2]


@pytest.mark.parametrize("options", [{}, {"restart_marker_blocks": 2}], ids=str)
def test_a_damaged_jpeg_is_kept_only_if_it_can_be_decoded(
    tmp_path: Path, options: dict[str, object]
) -> None:
    jpeg, file = a_jpeg(**options), tmp_path / "avatar"
    chance = random.Random(1)  # noqa: S311 - not a secret
    kept, decoded = set(), set()

    for place in range(len(jpeg)):
        damaged = bytearray(jpeg)
        damaged[place : place + chance.choice((1, 1, 40))] = chance.randbytes(1)
        file.write_bytes(damaged)
        kept |= {place} if is_kept(file) else set()
        decoded |= {place} if is_whole(damaged) else set()

    assert kept <= decoded
    assert len(kept) > len(jpeg) / 2
    assert len(decoded) < len(jpeg)


def test_its_size_is_that_of_the_picture_and_not_of_what_was_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "avatar"
    file.write_bytes(a_jpeg())

    picture = look_at(file)

    assert (picture.width, picture.height) == SIZE


@pytest.mark.parametrize("side", [1, 7, 8])
def test_a_picture_may_be_too_small_for_a_smaller_version(tmp_path: Path, side: int) -> None:
    file = tmp_path / "avatar"
    Image.new("RGB", (side, side)).save(file, "JPEG")

    assert look_at(file).width == side

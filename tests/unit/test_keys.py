"""Object keys: any name that people give, told apart and never changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars import keys
from avatars.errors import BadKeyError

PARTS = st.text(min_size=1).filter(lambda text: "/" not in text)


@given(PARTS, PARTS, st.text())
def test_a_key_comes_apart_as_it_was_put_together(owner: str, folder: str, file: str) -> None:
    key = keys.upload_prefix(owner, folder) + file

    assert keys.parse_upload_key(key) == (owner, folder, file)


@pytest.mark.parametrize(
    "file", ["a b.jpg", "a+b.jpg", "50%.jpg", "a%20b.jpg", "Été.JPG", "ü/é.png"]
)
def test_a_name_is_never_unquoted(file: str) -> None:
    assert keys.parse_upload_key(f"uploads/alice/summer/{file}")[2] == file


@pytest.mark.parametrize(
    "key",
    ["", "uploads", "uploads/", "uploads/alice/1.jpg", "uploads//summer/1.jpg",
     "uploads/alice//1.jpg", "photos/alice/summer/1.jpg", "/uploads/alice/summer/1.jpg"],
)  # fmt: skip
def test_a_key_outside_of_a_folder_is_refused(key: str) -> None:
    with pytest.raises(BadKeyError):
        keys.parse_upload_key(key)


@pytest.mark.parametrize("file", ["1.jpg", "job.json.jpg", "sub/job.json", "started", "Start"])
def test_everything_in_a_folder_is_a_photo(file: str) -> None:
    assert keys.is_photo(file)


@pytest.mark.parametrize(
    "file", ["job.json", "start", "", "sub/", ".DS_Store", "sub/._1.jpg", ".hidden.jpg"]
)
def test_except_our_own_names_folders_and_hidden_files(file: str) -> None:
    assert not keys.is_photo(file)


@pytest.mark.parametrize(
    "file",
    [
        "1.jpg",
        "a b+50%.jpg",
        "Été/ü.png",
        "x" * 200,
        "..jpg",
        "a..b",
        "Screenshot at 9.41.00\u202fPM.png",
        "\u200e2026-11-22.jpg",
        "\U0001f468\u200d\U0001f469.jpg",
        "Foto\xa01.jpg",
    ],
)
def test_a_name_may_be_what_people_call_their_photos(file: str) -> None:
    keys.check_name(file)


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("x" * 201, "201 characters"),
        ("a\nb.jpg", "control characters"),
        ("a\x1b[2J.jpg", "control characters"),
        ("\u202egpj.exe", "control characters"),
        ("../bob/1.jpg", "leads out"),
        ("a/./1.jpg", "leads out"),
        ("a//1.jpg", "empty part"),
    ],
)
def test_a_name_that_is_a_trick_is_refused(file: str, why: str) -> None:
    with pytest.raises(BadKeyError, match=why):
        keys.check_name(file)


def test_an_avatar_lies_under_its_owner_folder_run_and_position() -> None:
    key = keys.avatar_key("alice", "Été 50%", 2, 7, "Water Colour (soft)", "png")

    assert key == "avatars/alice/Été 50%/002/007-water-colour-soft.png"


@given(st.text(), st.integers(1, 120), st.integers(1, 120))
def test_two_positions_never_share_a_key_whatever_the_style(
    style: str, first: int, second: int
) -> None:
    one, another = (
        keys.avatar_key("alice", "summer", 1, position, style, "jpg")
        for position in (first, second)
    )

    assert (one == another) is (first == second)
    assert one.count("/") == 4

"""Object keys: any name that people give, told apart and never changed."""

import re

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


@pytest.mark.parametrize(
    "subject",
    ["alice", "a" * 128, "6d3f2b0a-8c1e-4f57-9a64-0b7d5e2c1f38", "alice@example.com", "_", "-.-"],
)
def test_what_can_stand_in_a_key_is_the_owner_as_it_is(subject: str) -> None:
    assert keys.owner_for(subject) == subject


@pytest.mark.parametrize(
    "subject",
    ["auth0|5f7c8ec7c33c6c004bbafe82", "a/b", "..", ".", "", " alice", "alice\n", "Ålice",
     "a" * 129, "(erased)", "https://issuer.test/alice", "alice\x00",
     keys.owner_for("auth0|victim")],
)  # fmt: skip
def test_what_cannot_goes_by_its_hash(subject: str) -> None:
    owner = keys.owner_for(subject)

    assert re.fullmatch(r"sub-[a-z2-7]{52}", owner)
    assert owner == keys.owner_for(subject)


@given(st.text(), st.text())
def test_no_two_people_share_an_owner(one: str, another: str) -> None:
    assert (keys.owner_for(one) == keys.owner_for(another)) is (one == another)


@given(st.text())
def test_whoever_calls_has_a_folder_of_their_own(subject: str) -> None:
    owner = keys.owner_for(subject)

    prefix = keys.upload_prefix(owner, "summer")

    assert keys.parse_upload_key(f"{prefix}1.jpg") == (owner, "summer", "1.jpg")
    assert prefix.count("/") == 3


def test_what_lies_below_a_jobs_prefixes_is_its_own() -> None:
    whole = {
        keys.prepared_photo_prefix("A"): keys.prepared_photo_key("A", "p1"),
        keys.archive_prefix("A"): keys.archive_key("A", "contents"),
        keys.answer_prefix("A"): keys.answer_key("A", "training-001"),
        keys.avatar_prefix("alice", "a"): keys.avatar_key("alice", "a", 1, 1, "anime", "png"),
        keys.upload_prefix("alice", "a"): keys.upload_prefix("alice", "a") + "1.jpg",
    }

    for prefix, key in whole.items():
        assert key.startswith(prefix)
        assert prefix.endswith("/")


def test_other_contents_lie_in_another_archive() -> None:
    assert keys.archive_key("A", "one") != keys.archive_key("A", "two")
    assert keys.archive_key("A", "one") == "archives/A/one.zip"

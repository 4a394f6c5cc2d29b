"""The body of `POST /jobs`."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.errors import BadRequestError
from avatars.model import Manifest, Prompt, Subject
from avatars.requests import read_order

DEFAULT = Manifest(Subject.WOMAN, (Prompt("realistic", 4),))
FILES = [f"{number}.jpg" for number in range(1, 6)]


def test_file_names_are_enough() -> None:
    order = read_order(json.dumps({"files": FILES}), DEFAULT)

    assert order.files == tuple(FILES)
    assert order.folder is None
    assert order.manifest == DEFAULT


def test_everything_else_is_as_in_a_manifest() -> None:
    body = {"files": FILES, "folder": "Été 2026", "subject": "dog", "prompts": [{"style": "anime"}]}

    order = read_order(json.dumps(body), DEFAULT)

    assert order.folder == "Été 2026"
    assert order.manifest == Manifest(Subject.DOG, (Prompt("anime"),))


def test_the_promise_is_the_number_of_files() -> None:
    assert read_order(json.dumps({"files": FILES, "photos": 99}), DEFAULT).manifest.photos is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "not JSON"),
        (b"\xff\xd8\xff\xe0", "not JSON"),
        ("files=1.jpg", "not JSON"),
        pytest.param("[" * 100_000, "not JSON", id="nested without end"),
        ("[]", "must be a JSON object"),
        ("{}", "list of file names"),
        ('{"files": "1.jpg"}', "list of file names"),
        ('{"files": [1]}', "list of file names"),
        ('{"files": [""]}', "list of file names"),
        ('{"files": [], "folder": ""}', "1 to 64 letters"),
        ('{"files": [], "folder": "a/b"}', "1 to 64 letters"),
        ('{"files": [], "folder": ".."}', "folder"),
        ('{"files": [], "folder": "."}', "folder"),
        ('{"files": [], "folder": 7}', "1 to 64 letters"),
        ('{"files": [], "folder": "a\\n"}', "1 to 64 letters"),
        (json.dumps({"files": [], "folder": "a" * 65}), "1 to 64 letters"),
        ('{"files": [], "subject": "parrot"}', "subject must be one of"),
        ('{"files": [], "styles": []}', "unknown field 'styles'"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(body: str | bytes, words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        read_order(body, DEFAULT)


@given(st.text() | st.binary())
def test_any_body_is_read_or_refused(body: str | bytes) -> None:
    with suppress(BadRequestError):  # anything else that is raised fails the test
        read_order(body, DEFAULT)

"""What is told of an answer: names and types, and never what is in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.provider.shapes import MOST, shape, status_word


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"status": "DONE", "urls": ["https://cdn.test/1"]}, "{status: text, urls: [text]}"),
        ({"data": [{"id": 7, "uri": "x"}]}, "{data: [{id: number, uri: text}]}"),
        ([{"url": "x"}, "y", None], "[{url: text} | text | null]"),
        ({"done": True, "share": 0.5, "why": ""}, "{done: boolean, share: number, why: no text}"),
        ({}, "{}"),
        ([], "[]"),
        ({"a": {"b": {"c": {"d": {"e": 1}}}}}, "{a: {b: {c: {d: {...}}}}}"),
    ],
)
def test_it_is_told_in_names_and_types(value: object, told: str) -> None:
    assert shape(value) == told


def test_of_many_names_the_last_are_counted() -> None:
    value = {chr(ord("a") + number): number for number in range(26)}

    assert shape(value).endswith("x: number, 2 more}")


@pytest.mark.parametrize(
    "name",
    [
        "https://photos.test/1.jpg",
        "by the secret sea",
        "5ec2e75ec2e7",
        "X-Amz-Signature=5ec2e7",
        "a" * 30,
        "",
    ],
)
def test_a_name_that_could_be_what_it_was_sent_is_not_told(name: str) -> None:
    assert shape({name: 1}) == "{(no word): number}"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_it_is_it_is_short(value: object) -> None:
    assert len(shape(json.loads(json.dumps(value)))) <= MOST


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("MARINATING", 'status: "MARINATING"'),
        ("https://photos.test/1.jpg", "status: (no word)"),
        (7, "status: number"),
        ({"code": 1}, "status: text"),
    ],
)
def test_a_status_is_told_if_it_is_a_word(word: object, told: str) -> None:
    assert status_word(word) == told

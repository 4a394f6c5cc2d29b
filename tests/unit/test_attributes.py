"""What rows are written as, and read from, is what boto3's own serializer makes of them."""

from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from avatars.aws.attributes import attributes_of, fields_of
from avatars.model import JobStatus

plain: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers(-(10**18), 10**18) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner),
    max_leaves=20,
)
rows = st.dictionaries(st.text(min_size=1), plain)


@given(rows)
def test_a_row_is_written_and_read_as_by_boto3(row: dict[str, Any]) -> None:
    serialize, deserialize = TypeSerializer().serialize, TypeDeserializer().deserialize

    attributes = attributes_of(row)

    assert attributes == {name: serialize(value) for name, value in row.items()}
    assert fields_of(attributes) == row
    assert row == {name: deserialize(value) for name, value in attributes.items()}


def test_what_has_no_value_is_not_written() -> None:
    assert attributes_of({"code": None, "waiting": {"until": None, "ahead": 0}}) == {
        "waiting": {"M": {"ahead": {"N": "0"}}}
    }


def test_an_enum_is_text_and_a_tuple_a_list() -> None:
    row = fields_of(attributes_of({"status": JobStatus.FAILED, "crop": (0, 1)}))

    assert row == {"status": "FAILED", "crop": [0, 1]}
    assert type(row["status"]) is str


@pytest.mark.parametrize("value", [0.5, b"bytes", {"a set"}, object()])
def test_what_no_row_holds_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        attributes_of({"value": value})


@pytest.mark.parametrize("attribute", [{"B": b"bytes"}, {"NS": ["1"]}, {"NULL": True}])
def test_what_nobody_has_written_is_not_read(attribute: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(attribute))):
        fields_of({"value": attribute})

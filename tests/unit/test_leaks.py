"""Whether leaks are seen: a search that finds nothing must have been able to find something."""

import base64
import json
import logging
from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.leaks import Mark, found_in

KEY = Mark.of("key", "s3cr3t/Ké+y&of=the#provider")
PIXELS = Mark("pixels", bytes(range(120, 180)))


WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: f"the key is {text}.",
    "loud": lambda text: text.upper(),
    "in a URL": lambda text: quote(text, safe=""),
    "in a URL in a URL": lambda text: quote(quote(text, safe=""), safe=""),
    "in JSON": lambda text: json.dumps({"key": text}),
    "in JSON in JSON": lambda text: json.dumps(json.dumps({"key": text})),
    "in careful JSON": lambda text: json.dumps({"key": text}).replace("/", "\\/"),
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64, later": lambda text: base64.b64encode(f"a{text}".encode()).decode(),
    "in base64, between": lambda text: base64.b64encode(f"ab{text}cd".encode()).decode(),
    "in a token": lambda text: base64.urlsafe_b64encode(f"Bearer {text}".encode()).decode(),
    "in hex": lambda text: text.encode().hex(),
    "as bytes": lambda text: repr(text.encode()),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_a_mark_is_found_however_it_is_written(written: str) -> None:
    text = WRITTEN[written](KEY.value.decode())
    places = {"logs": f"2026-07-25 INFO {text} and more", "events": "nothing"}

    assert found_in([KEY, PIXELS], places) == {("key", "logs")}


@pytest.mark.parametrize(
    "written",
    [
        PIXELS.value.decode("latin-1"),
        repr(PIXELS.value),
        base64.b64encode(b"x" + PIXELS.value).decode(),
        PIXELS.value.hex(),
    ],
    ids=["as text", "as bytes", "in base64", "in hex"],
)
def test_bytes_are_found_too(written: str) -> None:
    assert found_in([PIXELS], {"logs": f"<{written}>"}) == {("pixels", "logs")}


def test_a_logger_that_says_too_much_is_caught(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("a-step").info("sent with %s", {"X-Picsart-API-Key": KEY.value.decode()})

    assert found_in([KEY], {"logs": caplog.text}) == {("key", "logs")}


def test_where_there_is_none_none_is_found() -> None:
    assert found_in([KEY, PIXELS], {"logs": "s3cr3t, but of another", "events": ""}) == set()

"""Where the browser comes back to after a sign-in."""

import socket

import httpx
import pytest

from cli.saying import RefusedError
from cli.signing_in.loopback import HOST, Loopback


def test_the_address_that_the_browser_was_led_to_is_told() -> None:
    with Loopback(0) as loopback:
        port = httpx.URL(loopback.redirect).port
        with socket.create_connection((HOST, port or 0)):  # and says nothing, as browsers do
            icon = httpx.get(f"http://{HOST}:{port}/favicon.ico", trust_env=False)
            page = httpx.get(f"http://{HOST}:{port}/?code=a&state=b", trust_env=False)

            assert loopback.answer(10) == f"http://localhost:{port}/?code=a&state=b"

    assert icon.status_code == 404
    assert "go back to the terminal" in page.text


def test_nobody_is_waited_for_for_ever() -> None:
    with Loopback(0) as loopback, pytest.raises(RefusedError, match="--paste"):
        loopback.answer(0.01)


def test_a_port_that_is_taken_is_told_with_both_ways_on() -> None:
    with (
        socket.create_server((HOST, 0)) as taken,
        pytest.raises(RefusedError, match=r"--port.*--paste"),
    ):
        Loopback(taken.getsockname()[1])

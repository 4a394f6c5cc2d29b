"""Unit tests stay inside the process: no sockets, no waiting, the same examples every time."""

import logging
from collections.abc import Iterator

import hypothesis
import pytest
from pytest_socket import disable_socket

from tests.fakes import FakeServices

# A test fails because of what it finds, never because the machine is busy.
hypothesis.settings.register_profile("unit", deadline=None, derandomize=True)
hypothesis.settings.load_profile("unit")


@pytest.fixture(autouse=True)
def no_sockets() -> None:
    """The one exception: event loops wake themselves through a pair of Unix sockets."""
    disable_socket(allow_unix_socket=True)


@pytest.fixture
def services() -> FakeServices:
    return FakeServices()


@pytest.fixture
def no_logs() -> Iterator[None]:
    """For whole jobs by the hundred, whose lines nobody could read."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)

"""AWS as moto has it, without anybody's credentials, and a simulated provider for each file."""

from collections.abc import Iterator

import httpx
import pytest
from moto import mock_aws

from local.simulator.running import RunningSimulator, running_simulator
from tests.fakes.clock import FakeClock

REGION = "eu-west-1"
KEY = "a-key-for-tests"
MINUTE = 60.0


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def one_simulator(clock: FakeClock) -> Iterator[RunningSimulator]:
    with running_simulator(api_key=KEY, clock=clock) as simulator:
        yield simulator


@pytest.fixture
def simulator(one_simulator: RunningSimulator, clock: FakeClock) -> RunningSimulator:
    """As new, in a minute of which nothing is used up."""
    one_simulator.reset()
    clock.move(MINUTE)
    return one_simulator


@pytest.fixture(scope="module")
def one_client(one_simulator: RunningSimulator) -> Iterator[httpx.Client]:
    headers = {"X-Picsart-API-Key": KEY}
    with httpx.Client(base_url=one_simulator.api_url, headers=headers) as client:
        yield client


@pytest.fixture
def api(simulator: RunningSimulator, one_client: httpx.Client) -> httpx.Client:
    """A client of the simulator, with its key."""
    return one_client

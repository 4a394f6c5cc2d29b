"""One clock: the wall's on AWS, a faster one on a laptop."""

import time

from avatars.clock import Clock
from tests.fakes import FakeClock
from tests.fakes.clock import NOON


def test_on_aws_it_is_the_wall_clock() -> None:
    before = int(time.time())

    assert before <= Clock().now() <= time.time()


def test_a_scaled_clock_runs_faster_from_its_epoch_on() -> None:
    clock = FakeClock(scale=0.01)

    clock.move(3600)

    assert clock.now() == NOON + 3600
    assert clock.wall() == NOON + 36


def test_a_duration_of_the_wall_is_longer_on_it() -> None:
    assert FakeClock(scale=0.01).from_wall(60) == 6000


def test_a_duration_of_it_is_shorter_on_the_wall() -> None:
    assert FakeClock(scale=0.01).to_wall(6000) == 60

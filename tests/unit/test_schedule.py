"""When to look: never earlier than advised, ever more rarely, and not without end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.model import Stage
from avatars.provider.catalog import CAPABILITIES
from avatars.schedule import Schedule
from tests.fakes.services import PICSART

schedules = st.builds(
    Schedule,
    first=st.integers(1, 3600),
    every=st.integers(1, 3600),
    advised=st.integers(1, 7200),
    deadline=st.integers(1, 86_400),
)
# Without it every example would throw the same dice.
all_dice = st.random_module()


@given(schedules, all_dice)
def test_the_first_look_is_not_before_its_time_nor_much_after_it(
    schedule: Schedule, dice: object
) -> None:
    assert schedule.first <= schedule.first_wait() <= 1.1 * schedule.first + 1


@given(schedules, st.floats(0, 86_400), all_dice)
def test_no_later_look_is_before_its_time(schedule: Schedule, elapsed: float, dice: object) -> None:
    assert schedule.next_wait(elapsed) >= schedule.every


@given(schedules, st.floats(0, 1))
def test_looks_are_regular_until_twice_the_advised_time(schedule: Schedule, share: float) -> None:
    wait = schedule.next_wait(share * 2 * schedule.advised)

    assert wait <= 1.1 * schedule.every + 1


@given(schedules, st.floats(1, 100))
def test_after_that_they_get_rarer_in_proportion(schedule: Schedule, times: float) -> None:
    wait = schedule.next_wait(times * 2 * schedule.advised)

    assert times * schedule.every - 1 <= wait <= 1.1 * times * schedule.every + 1


@given(schedules)
def test_no_regular_training_ever_reaches_the_limit_of_looks(schedule: Schedule) -> None:
    now, looks = schedule.first_wait(), 1
    while now < schedule.deadline and looks <= schedule.most_looks:
        now += min(schedule.next_wait(now), schedule.deadline - now)
        looks += 1

    assert looks <= schedule.most_looks


@pytest.mark.parametrize("stage", Stage)
def test_many_jobs_do_not_look_at_the_same_second(stage: Stage) -> None:
    schedule = CAPABILITIES[PICSART].schedule(stage)
    waits = {schedule.first_wait() for _ in range(200)}

    assert len(waits) > 1

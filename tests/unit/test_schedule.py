"""When to look: never earlier than advised, ever more rarely, and not without end."""

from itertools import pairwise
from math import ceil

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from avatars.model import Stage
from avatars.provider.catalog import CAPABILITIES
from avatars.schedule import LONGEST_GAP, MOST_JITTER, Schedule, learned_looks
from tests.fakes.services import PICSART

TRAINING, INFERENCE = (CAPABILITIES[PICSART].schedule(stage) for stage in Stage)

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


@pytest.mark.parametrize("schedule", [TRAINING, INFERENCE])
def test_many_jobs_do_not_look_at_the_same_second(schedule: Schedule) -> None:
    waits = {schedule.first_wait() for _ in range(200)}

    assert len(waits) > 1


lookings = st.tuples(st.integers(0, 4000), st.integers(0, 4000)).map(
    lambda pair: tuple(sorted(pair))
)
known = st.lists(lookings, min_size=1, max_size=100)
closest = st.integers(1, 120)
wanted = st.integers(1, 20)


def share_done(took: list[tuple[int, int]], time: int) -> float:
    """Of the jobs, at *time*: each ends at any moment between its looks, all equally probable."""
    moments = [(max(within - after, 1), within - time) for after, within in took]
    return sum(min(max(1 - left / length, 0), 1) for length, left in moments) / len(took)


class TestLearned:
    @given(known, schedules, closest, wanted)
    def test_looks_come_one_after_the_other_and_never_closer_than_allowed(
        self, took: list[tuple[int, int]], schedule: Schedule, closest: int, wanted: int
    ) -> None:
        looks = learned_looks(took, schedule, closest, wanted)

        # Even where the one before comes a tenth of that late.
        assert all(later - look >= (1 + MOST_JITTER) * closest for look, later in pairwise(looks))

    @given(known, schedules, closest, wanted)
    def test_the_first_is_not_before_the_advised_one_and_the_last_is_at_the_deadline(
        self, took: list[tuple[int, int]], schedule: Schedule, closest: int, wanted: int
    ) -> None:
        looks = learned_looks(took, schedule, closest, wanted)

        assert looks[0] >= min(schedule.first, schedule.deadline)
        assert looks[-1] == schedule.deadline

    @given(known, closest, wanted)
    def test_each_look_finds_an_equal_share_of_what_is_left_where_no_limit_holds_it_back(
        self, took: list[tuple[int, int]], closest: int, wanted: int
    ) -> None:
        looks = learned_looks(took, Schedule(1, 1, 1, 100_000), closest, wanted)

        apart, before, left = ceil(closest * (1 + MOST_JITTER)), 0, 1.0
        for look in looks:
            if left < 1 / len(took):
                break  # nobody knows anything of those
            found = (left - 1 + share_done(took, look)) / left
            if look != max(before + apart, ceil(before * (1 + LONGEST_GAP))):  # nor is it too late
                assert found >= 1 / wanted - 1e-6
            if look > max(1, before + ceil((1 + MOST_JITTER) * closest)):
                # A second sooner it would have been less.
                sooner = (left - 1 + share_done(took, look - 1)) / left
                assert sooner < 1 / wanted
            before, left = look, 1 - share_done(took, look)

    def test_a_few_that_took_very_long_do_not_hide_those_that_take_a_little_longer(self) -> None:
        usual = [(650 + n, 700 + n) for n in range(62)]

        looks = learned_looks([*usual, (0, 86_400), (0, 86_400)], TRAINING, 60, 5)

        gaps = [later - look for look, later in pairwise(looks[:-1])]
        assert all(gap <= ceil(look * LONGEST_GAP) for look, gap in zip(looks, gaps, strict=False))

    @given(known, schedules, closest, wanted)
    def test_beyond_what_is_known_looks_get_ever_rarer(
        self, took: list[tuple[int, int]], schedule: Schedule, closest: int, wanted: int
    ) -> None:
        longest = max(within for _, within in took)
        looks = learned_looks(took, schedule, closest, wanted)

        beyond = [look for look in looks[:-1] if look > longest]
        waits = [later - look for look, later in pairwise(beyond)]
        assert all(later > wait for wait, later in pairwise(waits))

    @given(known, schedules, closest, wanted)
    def test_the_same_jobs_make_the_same_looks(
        self, took: list[tuple[int, int]], schedule: Schedule, closest: int, wanted: int
    ) -> None:
        looks = learned_looks(took, schedule, closest, wanted)

        assert looks == learned_looks(list(reversed(took)), schedule, closest, wanted)

    def test_as_many_looks_are_made_in_the_mean_as_are_wanted(self) -> None:
        seconds = range(600, 1800)
        took = [(second, second + 12) for second in seconds[::12]]

        for wanted in (2, 3, 4, 6):
            looks = learned_looks(took, Schedule(300, 120, 1200, 3600), 1, wanted)
            made = [sum(look < second for look in looks) + 1 for second in seconds]
            assert sum(made) / len(made) == pytest.approx(wanted, rel=0.05)

    def test_one_that_never_ended_before_the_first_look_does_not_make_later_ones_later(
        self,
    ) -> None:
        advised = Schedule(300, 120, 1200, 3600)
        looks = learned_looks([(s - 30, s) for s in range(600, 1200, 10)], advised, 60, 4)

        for _ in range(20):
            # Of what evenly ends between 570 and 1200 s, this is what those looks see.
            took = [
                min((before, look) for before, look in pairwise((0, *looks)) if look >= end)
                for end in range(570, 1200, 7)
            ]
            looks = learned_looks(took, advised, 60, 4)

        assert looks[0] == pytest.approx(730, abs=30)

    @given(known, schedules, closest, wanted, st.floats(0, 1), all_dice)
    def test_a_wait_leads_to_the_next_look_or_a_little_later(
        self,
        took: list[tuple[int, int]],
        schedule: Schedule,
        closest: int,
        wanted: int,
        share: float,
        dice: object,
    ) -> None:
        looks = learned_looks(took, schedule, closest, wanted)
        elapsed = share * looks[-1]
        assume(elapsed < looks[-1])

        at = elapsed + schedule.next_wait(elapsed, looks)

        following = next(look for look in looks if look > elapsed)
        room = (looks[looks.index(following) + 1] - following) if following != looks[-1] else at
        assert following <= at
        assert at <= max(following, elapsed + schedule.every) + MOST_JITTER * room + 1

    @given(known, schedules, st.integers(10, 120), wanted, all_dice)
    def test_looks_as_they_come_are_never_closer_than_allowed(
        self,
        took: list[tuple[int, int]],
        schedule: Schedule,
        closest: int,
        wanted: int,
        dice: object,
    ) -> None:
        assume(schedule.every >= closest)
        looks = learned_looks(took, schedule, closest, wanted)
        now = schedule.first_wait(looks)

        waits = []
        while now < schedule.deadline:
            waits.append(schedule.next_wait(now, looks))
            now += waits[-1]

        assert all(wait >= closest for wait in waits)
        assert len(waits) <= len(looks)

    @given(known, schedules, closest, wanted, st.integers(0, 5000), all_dice)
    def test_the_first_wait_is_never_shorter_than_advised(
        self,
        took: list[tuple[int, int]],
        schedule: Schedule,
        closest: int,
        wanted: int,
        elapsed: int,
        dice: object,
    ) -> None:
        looks = learned_looks(took, schedule, closest, wanted)

        wait = schedule.first_wait(looks, elapsed)

        assert wait >= schedule.first
        assert elapsed + wait >= looks[0]

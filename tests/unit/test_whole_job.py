"""The benchmark of whole jobs: what of a job's way is ours, by the states of its execution."""

from benchmarks.whole_job import PROVIDER, STAGE_OF, Step, ours, spent
from tests.machine import MACHINE

WAY = [
    Step("photos", 0, 2),
    Step(PROVIDER, 2, 7),
    Step("avatars looked at", 7, 7.5),
    Step(PROVIDER, 7.5, 9),
    Step("avatars looked at", 9, 9.5),
]


def test_its_states_are_those_of_the_state_machine() -> None:
    inner = MACHINE["States"]["Keep avatars"]["ItemProcessor"]["States"]

    assert {*STAGE_OF} <= {*MACHINE["States"], *inner}


def test_what_the_provider_takes_is_not_ours() -> None:
    assert ours(WAY) == 3
    assert spent(WAY)[PROVIDER] == 6.5
    assert spent(WAY)["avatars looked at"] == 1

"""What a job asks of AWS and of the provider, counted: a change that doubles it is seen here.

`avatars cost` prices what jobs on the engine have asked for; this is the same from below, and
exact. Who changes a number here counts those anew: `make bench BENCH=cost`.
"""

from collections import Counter
from functools import cache
from typing import Any

import pytest

from avatars.settings import SpendingLimits
from tests.builders import PREFIX
from tests.fakes import answer
from tests.region import Region
from tests.whole_jobs import folder, surroundings

PRICES = SpendingLimits(50, 5, per_day=0, owner_per_day=0)


@cache
def counted(photos: int = 5, avatars: int = 1, **looks: int) -> Counter[str]:
    """Every outside effect of a whole job, by name, with so many looks in vain; no sweeps."""
    return effects_of(photos, avatars, looks)


def effects_of(photos: int, avatars: int, looks: dict[str, int], **settings: Any) -> Counter[str]:
    services = surroundings(batch_size=20, **settings)
    for stage, count in looks.items():
        still = answer(202, {"status": "RUNNING"})
        services.company.will(f"check_{stage}", *[still] * count)
    with Region(services) as region:
        region.sweeping = False
        region.drop(PREFIX, folder(photos, avatars))
        region.run()
    return Counter(services.effects.names)


def more(job: Counter[str], than: Counter[str]) -> dict[str, int]:
    """By how much a job has asked for more of each."""
    difference = Counter(job)
    difference.subtract(than)
    return {name: count for name, count in difference.items() if count}


def test_the_smallest_job() -> None:
    writes = {name: count for name, count in counted().items() if name.startswith("write ")}

    assert counted().total() == 155
    assert sum(writes.values()) == 31
    assert counted()["submit training"] == counted()["submit inference"] == 1


@pytest.mark.parametrize("photos", [6, 15])
def test_a_photo(photos: int) -> None:
    once = {"read upload": 1, "put photo": 1, "read job": 2, "read photo": 2, "write photo": 1}

    found = more(counted(photos=photos), counted())

    assert found == {name: (photos - 5) * count for name, count in once.items()}


@pytest.mark.parametrize("avatars", [2, 20])
def test_an_avatar(avatars: int) -> None:
    found = more(counted(avatars=avatars), counted())

    assert found == dict.fromkeys(["download", "put avatar", "write avatar"], avatars - 1)


def test_a_batch_of_avatars() -> None:
    found = more(counted(avatars=21), counted(avatars=20))

    assert found == {
        "read job": 1, "read run": 1, "read avatars": 1, "find answer": 1,
        "download": 1, "put avatar": 1, "write avatar": 1,
    }  # fmt: skip


@pytest.mark.parametrize("looks", [1, 5])
def test_a_look_at_a_training(looks: int) -> None:
    found = more(counted(training=looks), counted())

    assert found == dict.fromkeys(["read job", "fetch key", "check training"], looks)


@pytest.mark.parametrize("looks", [1, 5])
def test_a_look_at_an_inference(looks: int) -> None:
    found = more(counted(inference=looks), counted())

    expected = ["read job", "read run", "fetch key", "check inference"]
    assert found == dict.fromkeys(expected, looks)


def test_counting_what_is_spent() -> None:
    found = more(effects_of(5, 1, {}, spending=PRICES), counted())

    assert found == {
        "read run": 2, "read spending": 8, "write spending": 4, "fetch key": 1, "balance": 1,
    }  # fmt: skip

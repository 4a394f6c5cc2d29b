"""What a job asks of AWS and of the provider, counted: a change that doubles it is seen here.

`avatars cost` prices what jobs on the engine have asked for; this is the same from below, and
exact. Who changes a number here counts those anew: `make bench BENCH=cost`.
"""

from collections import Counter
from functools import cache
from typing import Any

import pytest

from avatars.settings import SpendingLimits
from benchmarks.cost import USUAL_AVATARS
from cli.cost.counts import read_counts
from cli.cost.looking import transitions_of
from tests.builders import PREFIX
from tests.fakes import answer
from tests.region import Region
from tests.whole_jobs import folder, surroundings

PRICES = SpendingLimits(50, 5, per_day=0, owner_per_day=0)

S3 = (
    *("read upload", "list uploads", "erase uploads", "put photo", "erase photos"),
    *("find answer", "keep answer", "put avatar"),
)
"""Effects that are requests to S3; the provider fetches each photo besides."""

EACH_PHOTO = Counter({"table reads": 4, "table writes": 1, "S3": 2, "invocations": 2})
EACH_AVATAR = Counter({"table writes": 1, "S3": 1})
EACH_BATCH = Counter({"table reads": 3, "S3": 1, "invocations": 1, "transitions": 1})

FETCHES = 1
"""How often the provider fetches each photo, as far as that is charged."""


def batches(avatars: int) -> int:
    """How many more than one, of 20 each."""
    return (avatars - 1) // 20


@cache
def counted(photos: int = 5, avatars: int = 1, **looks: int) -> Counter[str]:
    """Every outside effect of a whole job, by name, with so many looks in vain; no sweeps."""
    return effects_of(photos, avatars, looks)


def effects_of(photos: int, avatars: int, looks: dict[str, int], **settings: Any) -> Counter[str]:
    return Counter(whole(photos, avatars, looks, **settings).services.effects.names)


def whole(photos: int, avatars: int, looks: dict[str, int], **settings: Any) -> Region:
    """The region after a job."""
    services = surroundings(batch_size=20, **settings)
    for stage, count in looks.items():
        still = answer(202, {"status": "RUNNING"})
        services.company.will(f"check_{stage}", *[still] * count)
    with Region(services) as region:
        region.sweeping = False
        region.drop(PREFIX, folder(photos, avatars))
        region.run()
    return region


def requests_of(photos: int, avatars: int) -> dict[str, int]:
    """What a job asks of each service of AWS."""
    region = whole(photos, avatars, {})
    names = Counter(region.services.effects.names)
    [execution] = region.executions.values()
    events = execution.outcome["events"]
    entered = Counter(
        e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e
    )
    reads = sum(count for name, count in names.items() if name.startswith("read "))
    return {
        "table reads": reads - names["read upload"],
        "table writes": sum(n for name, n in names.items() if name.startswith("write ")),
        "S3": sum(names[name] for name in S3),
        "transitions": transitions_of(entered, avatars),
        "invocations": len(region.taken) + sum(met.call is not None for met in execution.met),
    }


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
    assert requests_of(5, 1)["transitions"] == 15


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


@pytest.mark.parametrize(("photos", "avatars"), [(15, 1), (5, 40), (30, 120)])
def test_a_job_grows_by_its_photos_its_avatars_and_their_batches(photos: int, avatars: int) -> None:
    more_of = ((EACH_PHOTO, photos - 5), (EACH_AVATAR, avatars - 1), (EACH_BATCH, batches(avatars)))

    found = requests_of(photos, avatars)

    grown = {name: sum(each[name] * times for each, times in more_of) for name in found}
    assert more(Counter(found), Counter(requests_of(5, 1))) == {n: c for n, c in grown.items() if c}


@pytest.mark.parametrize(
    ("units", "name", "others"),
    [
        (["invocations"], "invocations", 0),
        (["transitions"], "transitions", 0),
        (["s3_reads", "s3_writes"], "S3", FETCHES),
    ],
    ids=["invocations", "transitions", "S3"],
)
def test_what_was_counted_on_the_engine_is_what_a_job_asks_for(
    units: list[str], name: str, others: int
) -> None:
    counts = read_counts()
    photo, avatar = (
        sum(counts.each(dimension)[unit] for unit in units) for dimension in ("photos", "avatars")
    )

    assert photo == EACH_PHOTO[name] + others
    between = USUAL_AVATARS - 1
    grown = EACH_AVATAR[name] + batches(USUAL_AVATARS) * EACH_BATCH[name] / between
    assert avatar == pytest.approx(grown)

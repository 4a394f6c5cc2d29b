"""What is remembered of owners: DynamoDB and the fake keep the same promises."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from avatars.aws.owners import DynamoDBOwners
from avatars.model import Allowance, Ordered, Reserved, Spending
from avatars.ports import Owners
from tests.builders import JOB_ID
from tests.contract.table import rows
from tests.fakes import FakeOwners


@pytest.fixture(params=["fake", "DynamoDB"])
def owners(request: pytest.FixtureRequest) -> Owners:
    if request.param == "fake":
        return FakeOwners()
    request.getfixturevalue("aws")
    return DynamoDBOwners(rows())


def order(job_id: str, at: int = 1) -> Callable[[Allowance], Allowance]:
    return lambda known: replace(
        known, orders={**known.orders, job_id: Ordered(at, photos=("a1", "b2"))}
    )


def stored(owners: Owners, owner: str) -> Allowance:
    """What stands there now."""
    return owners.change_allowance(owner, lambda known: known)


def test_nobody_has_ordered_anything_at_first(owners: Owners) -> None:
    assert stored(owners, "alice") == Allowance()


def test_orders_come_back_as_they_were_stored(owners: Owners) -> None:
    owners.change_allowance("alice", order(JOB_ID, at=5))

    assert stored(owners, "alice") == Allowance({JOB_ID: Ordered(5, ("a1", "b2"))}, version=1)


@pytest.mark.parametrize("stranger", ["bob", "alice2", "provider", "(owner) alice", "Alice"])
def test_one_owner_knows_nothing_of_another(owners: Owners, stranger: str) -> None:
    owners.change_allowance("alice", order(JOB_ID))

    assert stored(owners, stranger) == Allowance()


def test_what_was_ordered_long_ago_can_be_forgotten(owners: Owners) -> None:
    owners.change_allowance("alice", order(JOB_ID))

    owners.change_allowance("alice", lambda known: replace(known, orders={}))

    assert stored(owners, "alice") == Allowance({}, version=2)


@pytest.mark.parametrize("before", [0, 1], ids=["the first order", "a later one"])
def test_of_two_orders_at_once_neither_is_overlooked(owners: Owners, before: int) -> None:
    for _ in range(before):
        owners.change_allowance("alice", order("FIRST"))
    seen: list[int] = []

    def second(known: Allowance) -> Allowance:
        if not seen:
            owners.change_allowance("alice", order("FASTER"))
        seen.append(len(known.orders))
        return order("SLOWER")(known)

    owners.change_allowance("alice", second)

    assert seen == [before, before + 1]
    assert stored(owners, "alice").orders.keys() >= {"FASTER", "SLOWER"}


def test_an_order_that_is_refused_stores_nothing(owners: Owners) -> None:
    def refuse(known: Allowance) -> Allowance:
        raise ValueError("too many")

    with pytest.raises(ValueError, match="too many"):
        owners.change_allowance("alice", refuse)

    assert stored(owners, "alice") == Allowance()


def reserve(name: str) -> Callable[[Spending], Spending]:
    return lambda known: replace(known, reserved={**known.reserved, name: Reserved(70, day=3)})


def spending(owners: Owners, owner: str) -> Spending:
    """What stands there now."""
    return owners.change_spending(owner, lambda known: known)


@pytest.mark.parametrize("stranger", ["bob", "alice2", "(owner) alice", "Alice"])
def test_what_an_owner_spends_concerns_nobody_else(owners: Owners, stranger: str) -> None:
    owners.change_spending("alice", reserve("A-1 training"))

    assert spending(owners, "alice") == Spending(
        reserved={"A-1 training": Reserved(70, 3)}, version=1
    )
    assert spending(owners, stranger) == Spending()
    assert stored(owners, "alice") == Allowance()


def test_of_two_of_an_owners_jobs_that_reserve_at_once_none_is_overlooked(owners: Owners) -> None:
    others = ["other"]

    def reserve_in_turn(known: Spending) -> Spending:
        if others:
            owners.change_spending("alice", reserve(others.pop()))
        return reserve("own")(known)

    owners.change_spending("alice", reserve_in_turn)

    assert spending(owners, "alice").reserved.keys() == {"own", "other"}

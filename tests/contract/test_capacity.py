"""The gate, the leases and the durations: DynamoDB and the fake keep the same promises."""

from collections.abc import Callable
from dataclasses import replace

import boto3
import pytest

from avatars.aws.capacity import DynamoDBCapacity
from avatars.manifest import MAX_AVATARS
from avatars.model import (
    Durations,
    Gate,
    Leases,
    Reserved,
    Spending,
    Stage,
    Subject,
    Took,
    WaitReason,
    Workload,
)
from avatars.pipeline.learning import REMEMBERED
from avatars.ports import Capacity
from benchmarks.cost import size
from tests.contract.table import TABLE, rows
from tests.fakes import FakeCapacity
from tests.fakes.services import ACCOUNT


@pytest.fixture(params=["fake", "DynamoDB"])
def capacity(request: pytest.FixtureRequest) -> Capacity:
    if request.param == "fake":
        return FakeCapacity()
    request.getfixturevalue("aws")
    return DynamoDBCapacity(rows(), ACCOUNT)


def close(gate: Gate) -> Gate:
    return replace(
        gate,
        closed=WaitReason.CREDITS,
        last=WaitReason.CREDITS,
        since=1,
        probe_at=2,
        troubles=3,
        told=False,
    )


def lease(run: str, until: int = 100) -> Callable[[Leases], Leases]:
    return lambda leases: replace(leases, holders={**leases.holders, run: until})


def test_the_gate_is_open_before_anybody_has_changed_it(capacity: Capacity) -> None:
    assert capacity.gate() == Gate()


def test_a_closed_gate_comes_back_as_it_was_stored(capacity: Capacity) -> None:
    closed = capacity.change_gate(close)

    assert closed == capacity.gate() == close(Gate(version=1))


def test_it_can_be_opened_again(capacity: Capacity) -> None:
    capacity.change_gate(close)

    capacity.change_gate(lambda gate: Gate(version=gate.version))

    assert capacity.gate() == Gate(version=2)


def test_no_change_stores_nothing(capacity: Capacity) -> None:
    capacity.change_gate(lambda gate: gate)
    capacity.change_leases(Stage.TRAINING, lambda leases: leases)
    capacity.change_durations(KEY, lambda durations: durations)

    assert capacity.gate().version == 0
    assert capacity.leases(Stage.TRAINING).version == 0
    assert capacity.durations(KEY).version == 0


def test_leases_come_back_by_stage(capacity: Capacity) -> None:
    capacity.change_leases(Stage.TRAINING, lease("A-1"))
    capacity.change_leases(Stage.TRAINING, lease("B-1", 200))

    assert capacity.leases(Stage.TRAINING) == Leases({"A-1": 100, "B-1": 200}, version=2)
    assert capacity.leases(Stage.INFERENCE) == Leases()


@pytest.mark.parametrize("before", [0, 1], ids=["the first change", "a later one"])
def test_of_two_who_change_at_once_neither_is_lost(capacity: Capacity, before: int) -> None:
    for _ in range(before):
        capacity.change_leases(Stage.TRAINING, lease("first"))
    others: list[str] = ["other"]

    def take(leases: Leases) -> Leases:
        if others:
            capacity.change_leases(Stage.TRAINING, lease(others.pop()))
        return lease("own")(leases)

    capacity.change_leases(Stage.TRAINING, take)

    assert capacity.leases(Stage.TRAINING).holders.keys() >= {"own", "other"}


KEY = "somebody/training/woman/8-15"


def took(after: int, within: int) -> Callable[[Durations], Durations]:
    return lambda known: replace(known, took=(*known.took, Took(after, within)))


def test_nothing_is_known_of_durations_at_first(capacity: Capacity) -> None:
    assert capacity.durations(KEY) == Durations()


def test_durations_come_back_by_key_in_their_order(capacity: Capacity) -> None:
    looks = ((780, 900), (0, 600), (1080, 1200), (0, 0))
    for after, within in looks:
        capacity.change_durations(KEY, took(after, within))

    known = capacity.durations(KEY)
    assert known == Durations(tuple(Took(*pair) for pair in looks), version=4)
    assert {type(pair) for pair in known.took} == {Took}
    assert capacity.durations("somebody/training/any/8-15") == Durations()


def test_a_row_of_all_that_is_remembered_is_one_write_unit(aws: None) -> None:
    capacity = DynamoDBCapacity(rows(), ACCOUNT)
    [key, *_] = Workload("picsart-trained", Stage.INFERENCE, Subject.COUPLE, MAX_AVATARS).keys
    longest = Took(86_280, 86_400)

    capacity.change_durations(key, lambda _: Durations((longest,) * REMEMBERED))

    [item] = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]
    assert len(item["took"]["L"]) == REMEMBERED
    assert size(item) < 1024


@pytest.mark.parametrize("before", [0, 1], ids=["the first duration", "a later one"])
def test_of_two_jobs_that_end_at_once_both_are_remembered(capacity: Capacity, before: int) -> None:
    for _ in range(before):
        capacity.change_durations(KEY, took(0, 10))
    others = [20]

    def note(known: Durations) -> Durations:
        if others:
            capacity.change_durations(KEY, took(10, others.pop()))
        return took(20, 30)(known)

    capacity.change_durations(KEY, note)

    assert capacity.durations(KEY).took[before:] == (Took(10, 20), Took(20, 30))


def test_the_gate_is_decided_on_as_it_is_now(capacity: Capacity) -> None:
    seen: list[WaitReason | None] = []

    def look(gate: Gate) -> Gate:
        if not seen:
            capacity.change_gate(close)
        seen.append(gate.closed)
        return replace(gate, troubles=gate.troubles + 1)

    capacity.change_gate(look)

    assert seen == [None, WaitReason.CREDITS]
    assert capacity.gate().troubles == 4


def reserve(name: str) -> Callable[[Spending], Spending]:
    return lambda known: replace(known, reserved={**known.reserved, name: Reserved(70, day=3)})


def test_nothing_is_spent_at_first(capacity: Capacity) -> None:
    assert capacity.spending() == Spending()


def test_spending_comes_back_as_it_was_stored(capacity: Capacity) -> None:
    reserved = {"A-1 training": Reserved(50, day=3, in_doubt=True), "B-1 inference": Reserved(0, 4)}
    known = Spending(day=4, spent=7, reserved=reserved, balance=0, asked_at=9)

    changed = capacity.change_spending(lambda _: known)

    assert changed == capacity.spending() == replace(known, version=1)


@pytest.mark.parametrize("before", [0, 1], ids=["the first price", "a later one"])
def test_of_two_who_reserve_at_once_none_is_overlooked(capacity: Capacity, before: int) -> None:
    for _ in range(before):
        capacity.change_spending(reserve("first"))
    others = ["other"]

    def reserve_in_turn(known: Spending) -> Spending:
        if others:
            capacity.change_spending(reserve(others.pop()))
        return reserve("own")(known)

    capacity.change_spending(reserve_in_turn)

    assert capacity.spending().reserved.keys() >= {"own", "other"}

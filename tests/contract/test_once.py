"""Writes that are safe to repeat, on DynamoDB: the same key, the same outcome."""

from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from avatars.api.once import REMEMBERED_SECONDS, Facts, Write, once
from avatars.api.problems import KeyInUseError, KeyReusedError
from avatars.errors import JobStartedError
from tests.conftest import ROOT
from tests.fakes import KilledError

TABLE = "idempotency"
WRITE = Write("alice", "POST", "/jobs", key="a-key", body='{"folder": "summer"}')


@dataclass
class Context:
    """What Lambda tells of the invocation."""

    left: int = 29_000

    def get_remaining_time_in_millis(self) -> int:
        return self.left


@pytest.fixture(autouse=True)
def table(aws: None) -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text())
    properties = template["Resources"]["IdempotencyTable"]["Properties"]
    wanted = ("BillingMode", "AttributeDefinitions", "KeySchema")
    client: Any = boto3.client("dynamodb")
    client.create_table(TableName=TABLE, **{name: properties[name] for name in wanted})


class Acts:
    """Something that is done, and how often it was."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> Facts:
        self.count += 1
        return {"job_id": "A" * 26, "run": self.count}


def perform(act: Any, context: Any = None, **changes: Any) -> Facts:
    return once(
        DynamoDBPersistenceLayer(TABLE), replace(WRITE, **changes), context or Context(), act
    )


def rows() -> list[dict[str, Any]]:
    return list(boto3.client("dynamodb").scan(TableName=TABLE)["Items"])


class TestRepeated:
    def test_it_happens_once_and_its_outcome_is_repeated(self) -> None:
        act = Acts()

        outcomes = [perform(act) for _ in range(3)]

        assert act.count == 1
        assert outcomes == [{"job_id": "A" * 26, "run": 1}] * 3

    def test_one_without_anything_to_tell_is_repeated_too(self) -> None:
        done: list[str] = []

        def like() -> Facts:
            done.append("liked")
            return {}

        outcomes = [perform(like, body="") for _ in range(2)]

        assert outcomes == [{}, {}]
        assert done == ["liked"]

    def test_without_a_key_it_happens_every_time(self) -> None:
        act = Acts()

        outcomes = [perform(act, key=None)["run"] for _ in range(3)]

        assert outcomes == [1, 2, 3]
        assert rows() == []

    def test_it_is_remembered_for_a_day_by_the_attribute_that_expires(self) -> None:
        template = yaml_parse((ROOT / "template.yaml").read_text())
        expiry = template["Resources"]["IdempotencyTable"]["Properties"]["TimeToLiveSpecification"]
        perform(Acts())

        [row] = rows()

        assert expiry["AttributeName"] in row
        assert REMEMBERED_SECONDS == 86_400

    def test_no_more_is_kept_than_the_outcome(self) -> None:
        perform(Acts(), body='{"folder": "a-secret-place"}')

        [row] = rows()

        assert "a-secret-place" not in str(row)
        assert "alice" not in str(row)


class TestStrangers:
    @pytest.mark.parametrize(
        "other",
        [{"owner": "bob"}, {"method": "DELETE"}, {"path": "/jobs/B/start"}, {"key": "another"}],
        ids=lambda changes: next(iter(changes)),
    )
    def test_the_same_key_elsewhere_is_another_one(self, other: dict[str, str]) -> None:
        first, second = Acts(), Acts()
        perform(first)

        perform(second, **other)

        assert (first.count, second.count) == (1, 1)

    def test_no_two_writes_look_alike_because_of_what_stands_in_them(self) -> None:
        first, second = Acts(), Acts()
        perform(first, owner="alice", method='POST", "x')

        perform(second, owner='alice", "POST', method="x")

        assert (first.count, second.count) == (1, 1)


class TestRefused:
    def test_the_same_key_with_another_body_is_refused(self) -> None:
        act = Acts()
        perform(act)

        with pytest.raises(KeyReusedError, match="another request"):
            perform(act, body='{"folder": "winter"}')

        assert act.count == 1

    def test_a_second_one_is_refused_while_the_first_is_at_work(self) -> None:
        second = Acts()

        def first() -> Facts:
            with pytest.raises(KeyInUseError, match="at work"):
                perform(second)
            return {"run": 1}

        assert perform(first) == {"run": 1}
        assert second.count == 0


class TestFailed:
    def test_what_was_refused_is_not_remembered(self) -> None:
        def refuse() -> Facts:
            raise JobStartedError("Too late.")

        with pytest.raises(JobStartedError):
            perform(refuse)

        assert perform(Acts())["run"] == 1

    def test_not_even_for_another_body(self) -> None:
        def refuse() -> Facts:
            raise JobStartedError("Too late.")

        with pytest.raises(JobStartedError):
            perform(refuse)

        assert perform(Acts(), body='{"folder": "winter"}')["run"] == 1

    def test_who_died_at_work_holds_the_key_until_that_invocation_must_have_ended(self) -> None:
        def die() -> Facts:
            raise KilledError

        with pytest.raises(KilledError):
            perform(die)
        with pytest.raises(KeyInUseError):
            perform(Acts())

        with pytest.raises(KilledError):
            perform(die, Context(left=-1), key="another")

        assert perform(Acts(), key="another")["run"] == 1

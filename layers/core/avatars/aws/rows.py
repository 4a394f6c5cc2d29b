"""Rows of the table: read consistently, written under conditions, changed by version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import asdict, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from avatars.aws.attributes import attributes_of, fields_of
from avatars.model import (
    Allowance,
    ArchiveClaim,
    Avatar,
    Durations,
    Gate,
    Job,
    Leases,
    Photo,
    Receipt,
    Reserved,
    Run,
    Spending,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
Row = (
    Job
    | Run
    | Photo
    | Avatar
    | Gate
    | Leases
    | Durations
    | Spending
    | Allowance
    | Receipt
    | ArchiveClaim
)
Versioned = TypeVar("Versioned", Job, Run, Gate, Leases, Durations, Spending, Allowance, Receipt)

CHANGE_TRIES = 20
"""A row is contended only for moments, by a handful of writers."""

ITEMS_AT_ONCE = 100
"""How many items one request asks for at most: some 150 KB of jobs."""

INDEX_KEYS = ("unfinished", "waits_for", "waits_since", "waits_until", "keeps")
"""Attributes that only the indexes need; what they say stands in the row itself, too."""


class Rows:
    """The rows under a `job_id`, told apart by `record`. All reads of them are consistent."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def get(self, job_id: str, record: str) -> Item | None:
        reply = self._client.get_item(
            TableName=self._table,
            Key={"job_id": {"S": job_id}, "record": {"S": record}},
            ConsistentRead=True,
        )
        return _item(reply["Item"]) if "Item" in reply else None

    def query(self, job_id: str, prefix: str) -> Iterator[Item]:
        """All rows whose record begins with *prefix*, by record."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="job_id = :job_id AND begins_with(#record, :prefix)",
            ExpressionAttributeNames={"#record": "record"},  # a reserved word
            ExpressionAttributeValues={":job_id": {"S": job_id}, ":prefix": {"S": prefix}},
            ConsistentRead=True,
        )
        return (_item(item) for page in pages for item in page["Items"])

    def index(
        self,
        name: str,
        key: str,
        value: str,
        most: int | None = None,
        until: tuple[str, int] | None = None,
    ) -> Iterator[Item]:
        """The first *most* items of an index with that partition key, in its order; with *until*,
        those whose sort key (by name) is no more than so much."""
        names, values = {"#key": key}, {":value": {"S": value}}
        condition = "#key = :value"
        if until:
            names["#until"], values[":until"] = until[0], {"N": str(until[1])}
            condition += " AND #until <= :until"
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=name,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            PaginationConfig={"MaxItems": most} if most else {},
        )
        return (fields_of(item) for page in pages for item in page["Items"])

    def some(self, most: int, start: Item | None, **query: Any) -> tuple[list[Item], bool]:
        """The first *most* items of a query after the key *start*, and whether there are more."""
        if start:
            query["ExclusiveStartKey"] = start
        # One more than wanted tells whether there are more; reading others costs time and money.
        size = min(most + 1, ITEMS_AT_ONCE)
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table, PaginationConfig={"PageSize": size}, **query
        )
        found = list(islice((item for page in pages for item in page["Items"]), most + 1))
        return [_item(item) for item in found[:most]], len(found) > most

    def set(self, job_id: str, record: str, name: str, value: bool) -> Item | None:
        """Give one attribute of a row another value; returns the row, None where there is none."""
        try:
            reply = self._client.update_item(
                TableName=self._table,
                Key={"job_id": {"S": job_id}, "record": {"S": record}},
                UpdateExpression="SET #name = :value",
                ConditionExpression="attribute_exists(job_id)",
                ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues={":value": {"BOOL": value}},
                ReturnValues="ALL_NEW",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return _item(reply["Attributes"])

    def erase(self, job_id: str, keep: Set[str]) -> int:
        """Delete the rows of a job but those records; returns how many there were."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="job_id = :job_id",
            ProjectionExpression="job_id, #record",
            ExpressionAttributeNames={"#record": "record"},
            ExpressionAttributeValues={":job_id": {"S": job_id}},
            ConsistentRead=True,
        )
        # All of them before the first goes: a query does not like its rows to vanish.
        found = [item for page in pages for item in page["Items"]]
        gone = [key for key in found if key["record"]["S"] not in keep]
        for key in gone:
            self._client.delete_item(TableName=self._table, Key=key)
        return len(gone)

    def delete(self, job_id: str, record: str, version: int) -> bool:
        """Delete a row; False where it is not of that version (any more)."""
        try:
            self._client.delete_item(
                TableName=self._table,
                Key={"job_id": {"S": job_id}, "record": {"S": record}},
                ConditionExpression="version = :version",
                ExpressionAttributeValues={":version": {"N": str(version)}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def put(
        self,
        job_id: str,
        record: str,
        row: Row,
        index_keys: Mapping[str, object] | None = None,
        **condition: Any,
    ) -> bool:
        """Write a row; False where the *condition* does not hold."""
        item = asdict(row) | {"job_id": job_id, "record": record} | dict(index_keys or {})
        try:
            self._client.put_item(
                TableName=self._table,
                Item=attributes_of(item),
                **condition,
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def change(
        self,
        newest: Callable[[], Versioned],
        put: Callable[[Versioned, dict[str, Any]], bool],
        change: Callable[[Versioned], Versioned],
    ) -> Versioned:
        """Apply *change* to the newest row until its outcome is written on what it was decided on.

        A row of version 0 need not be there. Raises TimeoutError where others keep being faster.
        """
        for _ in range(CHANGE_TRIES):
            before = newest()
            after = change(before)
            if after == before:
                return before
            after = replace(after, version=before.version + 1)
            stands = "version = :version"
            condition = {
                # Nobody creates the rows of the provider: the first change of one does.
                "ConditionExpression": f"attribute_not_exists(job_id) OR {stands}"
                if before.version == 0
                else stands,
                "ExpressionAttributeValues": {":version": {"N": str(before.version)}},
            }
            if put(after, condition):
                return after
        raise TimeoutError(f"A {type(newest()).__name__.lower()} is changed by too many at once.")


def _item(raw: Item) -> Item:
    return {
        name: value for name, value in fields_of(raw).items() if name not in ("record", *INDEX_KEYS)
    }


def spending_in(item: Item | None) -> Spending:
    """What a row of spending says; nothing is spent where there is none."""
    if item is None:
        return Spending()
    reserved = {name: Reserved(**one) for name, one in item["reserved"].items()}
    numbers = ("day", "spent", "balance", "asked_at", "version")
    return Spending(reserved=reserved, **{name: item[name] for name in numbers if name in item})

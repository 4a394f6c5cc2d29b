"""The table of jobs in DynamoDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from avatars.errors import JobNotFoundError
from avatars.model import (
    Avatar,
    AvatarStatus,
    ChosenPhoto,
    Job,
    JobStatus,
    Photo,
    PhotoStatus,
    Prompt,
    Run,
    Sending,
    Subject,
    Submission,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
Row = TypeVar("Row", Job, Run)

UNFINISHED_RUNS = "UnfinishedRuns"
"""The index of runs that have not ended, by when they were started."""

CHANGE_TRIES = 20
"""A row is contended only when a folder is created or a set is frozen, by a handful of writers."""


class DynamoDBJobs:
    """Jobs, runs, photos and avatars of one job under one `job_id`, told apart by `record`.

    Jobs and runs carry a version: a write succeeds only on the version that it was decided on.
    All reads are consistent.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def find_job(self, job_id: str) -> Job | None:
        item = self._get(job_id, "job")
        return _job(item) if item else None

    def job(self, job_id: str) -> Job:
        job = self.find_job(job_id)
        if job is None:
            raise JobNotFoundError(f"There is no job {job_id}.")
        return job

    def run(self, job_id: str, run: int) -> Run:
        item = self._get(job_id, _run_record(run))
        if item is None:
            raise JobNotFoundError(f"Job {job_id} has no run {run}.")
        return _run(item)

    def unfinished_runs(self) -> list[tuple[str, int]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=UNFINISHED_RUNS,
            KeyConditionExpression="unfinished = :yes",
            ExpressionAttributeValues={":yes": {"S": "yes"}},
        )
        return [
            (item["job_id"]["S"], int(item["record"]["S"].removeprefix("run#")))
            for page in pages
            for item in page["Items"]
        ]

    def create_job(self, job: Job, run: Run) -> Job:
        self.create_run(run)  # first, so that a job that is seen always has its run
        if self._put_new("job", job):
            return job
        return self.job(job.job_id)

    def create_run(self, run: Run) -> Run:
        if self._put_new(_run_record(run.run), run):
            return run
        return self.run(run.job_id, run.run)

    def change_job(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        return self._change("job", lambda: self.job(job_id), change)

    def change_run(self, job_id: str, run: int, change: Callable[[Run], Run]) -> Run:
        return self._change(_run_record(run), lambda: self.run(job_id, run), change)

    def photo(self, job_id: str, photo_id: str) -> Photo | None:
        item = self._get(job_id, f"photo#{photo_id}")
        return _photo(item) if item else None

    def photos(self, job_id: str) -> list[Photo]:
        return [_photo(item) for item in self._query(job_id, "photo#")]

    def put_photo(self, photo: Photo) -> bool:
        return self._put(
            f"photo#{photo.photo_id}",
            photo,
            ConditionExpression="attribute_not_exists(job_id) OR sequencer <= :sequencer",
            ExpressionAttributeValues={":sequencer": {"S": photo.sequencer}},
        )

    def avatars(self, job_id: str, run: int) -> list[Avatar]:
        return [_avatar(item) for item in self._query(job_id, f"avatar#{run:03}#")]

    def put_avatar(self, avatar: Avatar) -> None:
        record = f"avatar#{avatar.run:03}#{avatar.position:03}"
        if avatar.status is AvatarStatus.KEPT:
            self._put(record, avatar)
            return
        self._put(
            record,
            avatar,
            ConditionExpression="attribute_not_exists(job_id) OR #status <> :kept",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":kept": {"S": AvatarStatus.KEPT.value}},
        )

    def _change(self, record: str, newest: Callable[[], Row], change: Callable[[Row], Row]) -> Row:
        for _ in range(CHANGE_TRIES):
            before = newest()
            after = change(before)
            if after == before:
                return before
            after = replace(after, version=before.version + 1)
            if self._put(
                record,
                after,
                ConditionExpression="version = :version",
                ExpressionAttributeValues={":version": {"N": str(before.version)}},
            ):
                return after
        raise TimeoutError(f"{record} of job {newest().job_id} is changed by too many at once.")

    def _put_new(self, record: str, row: Job | Run) -> bool:
        return self._put(record, row, ConditionExpression="attribute_not_exists(job_id)")

    def _put(self, record: str, row: Job | Run | Photo | Avatar, **condition: Any) -> bool:
        item = asdict(row)
        if isinstance(row, Run) and row.ended_at is None:
            item["unfinished"] = "yes"  # only these stand in the index
        serialize = TypeSerializer().serialize
        try:
            self._client.put_item(
                TableName=self._table,
                Item={
                    name: serialize(value)
                    for name, value in _plain(item | {"record": record}).items()
                },
                **condition,
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _get(self, job_id: str, record: str) -> Item | None:
        reply = self._client.get_item(
            TableName=self._table,
            Key={"job_id": {"S": job_id}, "record": {"S": record}},
            ConsistentRead=True,
        )
        return _item(reply["Item"]) if "Item" in reply else None

    def _query(self, job_id: str, prefix: str) -> Iterator[Item]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="job_id = :job_id AND begins_with(#record, :prefix)",
            ExpressionAttributeNames={"#record": "record"},  # a reserved word
            ExpressionAttributeValues={":job_id": {"S": job_id}, ":prefix": {"S": prefix}},
            ConsistentRead=True,
        )
        return (_item(item) for page in pages for item in page["Items"])


def _plain(value: Any) -> Any:
    """What the serializer takes: enums as text, tuples as lists, no attributes without a value."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, str) else value


def _whole(value: Any) -> Any:
    """All our numbers are whole; boto3 makes them Decimals."""
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, Decimal) else value


def _item(raw: Item) -> Item:
    deserialize = TypeDeserializer().deserialize
    return {
        name: _whole(deserialize(raw[name])) for name in raw if name not in ("record", "unfinished")
    }


def _run_record(run: int) -> str:
    return f"run#{run:03}"


def _job(item: Item) -> Job:
    return Job(
        **item
        | {
            "subject": Subject(item["subject"]),
            "status": JobStatus(item["status"]),
            "chosen": tuple(ChosenPhoto(**photo) for photo in item["chosen"]),
            "training": _submission(item.get("training")),
        }
    )


def _run(item: Item) -> Run:
    return Run(
        **item
        | {
            "prompts": tuple(Prompt(**prompt) for prompt in item["prompts"]),
            "inference": _submission(item.get("inference")),
            "status": JobStatus(item["status"]) if "status" in item else None,
        }
    )


def _submission(item: Item | None) -> Submission | None:
    return Submission(**item | {"state": Sending(item["state"])}) if item else None


def _photo(item: Item) -> Photo:
    crop = tuple(item["crop"]) if "crop" in item else None
    return Photo(**item | {"status": PhotoStatus(item["status"]), "crop": crop})


def _avatar(item: Item) -> Avatar:
    return Avatar(**item | {"status": AvatarStatus(item["status"])})

"""The table of jobs in DynamoDB."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from avatars.aws.rows import Item, Rows
from avatars.errors import BadCursorError, JobNotFoundError
from avatars.model import (
    Advice,
    ArchiveClaim,
    Avatar,
    AvatarStatus,
    Cause,
    ChosenPhoto,
    Consent,
    DoorName,
    Erased,
    Inference,
    Job,
    JobStatus,
    Page,
    Photo,
    PhotoStatus,
    Prompt,
    Receipt,
    Run,
    Sending,
    Stage,
    Subject,
    Submission,
    Waiter,
    Waiting,
    WaitReason,
)
from avatars.settings import FIRST_PROVIDER

UNFINISHED_RUNS = "UnfinishedRuns"
"""The index of runs that have not ended, by when they were started."""

WAITING_RUNS = "WaitingRuns"
"""The index of runs that wait for the provider, by stage and since when."""


OWNERS_JOBS = "OwnersJobs"
"""The index of jobs by owner, and by when they were made."""

ENDED_JOBS = "EndedJobs"
"""The index of jobs that have ended and are not erased, by what they still keep and since when."""

RECEIPT = "receipt"


class DynamoDBJobs:
    """Jobs, runs, photos and avatars of one job under one `job_id`, told apart by `record`.

    Jobs and runs carry a version: a write succeeds only on the version that it was decided on.
    """

    def __init__(self, rows: Rows, seen: Callable[[Job], object] = lambda job: None) -> None:
        """*seen* is told of each job that is read by its id, or stored."""
        self._rows = rows
        self._seen = seen

    def find_job(self, job_id: str) -> Job | None:
        item = self._rows.get(job_id, "job")
        return self._told(_job(item)) if item else None

    def job(self, job_id: str) -> Job:
        job = self.find_job(job_id)
        if job is None:
            raise JobNotFoundError(f"There is no job {job_id}.")
        return job

    def run(self, job_id: str, run: int) -> Run:
        item = self._rows.get(job_id, _run_record(run))
        if item is None:
            raise JobNotFoundError(f"Job {job_id} has no run {run}.")
        return _run(item)

    def unfinished_runs(self) -> list[tuple[str, int]]:
        return [
            (item["job_id"], int(item["record"].removeprefix("run#")))
            for item in self._rows.index(UNFINISHED_RUNS, "unfinished", "yes")
        ]

    def ended_jobs(self, until: int, most: int | None = None, *, with_photos: bool) -> list[str]:
        keeps = _PHOTOS if with_photos else _AVATARS
        found = self._rows.index(ENDED_JOBS, "keeps", keeps, most, ("ended_at", until))
        return [item["job_id"] for item in found]

    def waiting_runs(self, account: str, stage: Stage, most: int) -> list[Waiter]:
        found = self._rows.index(WAITING_RUNS, "waits_for", _line(account, stage), most)
        waiters = [
            Waiter(
                since=item["waits_since"],
                run=f"{item['job_id']}-{int(item['record'].removeprefix('run#'))}",
                until=item["waits_until"],
            )
            for item in found
        ]
        return sorted(waiters, key=lambda waiter: (waiter.since, waiter.run))

    def create_job(self, job: Job, run: Run) -> Job:
        self.create_run(run)  # first, so that a job that is seen always has its run
        if self._put_job(job, _NEW):
            return self._told(job)
        return self.job(job.job_id)

    def create_run(self, run: Run) -> Run:
        if self._put_run(run, _NEW):
            return run
        return self.run(run.job_id, run.run)

    def change_job(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        return self._told(self._rows.change(lambda: self.job(job_id), self._put_job, change))

    def change_run(self, job_id: str, run: int, change: Callable[[Run], Run]) -> Run:
        return self._rows.change(lambda: self.run(job_id, run), self._put_run, change)

    def photo(self, job_id: str, photo_id: str) -> Photo | None:
        item = self._rows.get(job_id, f"photo#{photo_id}")
        return _photo(item) if item else None

    def photos(self, job_id: str) -> list[Photo]:
        return [_photo(item) for item in self._rows.query(job_id, "photo#")]

    def put_photo(self, photo: Photo) -> bool:
        return self._rows.put(
            photo.job_id,
            f"photo#{photo.photo_id}",
            photo,
            ConditionExpression="attribute_not_exists(job_id) OR sequencer <= :sequencer",
            ExpressionAttributeValues={":sequencer": {"S": photo.sequencer}},
        )

    def avatars(self, job_id: str, run: int) -> list[Avatar]:
        return [_avatar(item) for item in self._rows.query(job_id, f"avatar#{run:03}#")]

    def put_avatar(self, avatar: Avatar) -> None:
        # As it is marked; and once more where its owner is just marking it.
        any(self._put_avatar(replace(avatar, favourite=mark)) for mark in (False, True, False))

    def mark_favourite(
        self, job_id: str, run: int, position: int, favourite: bool
    ) -> Avatar | None:
        item = self._rows.set(job_id, _avatar_record(run, position), "favourite", favourite)
        return _avatar(item) if item else None

    def jobs_of(
        self, owner: str, most: int, after: str | None = None, *, with_model: bool = False
    ) -> Page[Job]:
        found, more = self._rows.some(
            most,
            _after_job(owner, after),
            IndexName=OWNERS_JOBS,
            KeyConditionExpression="#owner = :owner",
            FilterExpression="attribute_not_exists(erased_at)"
            + (" AND attribute_exists(trained_at)" if with_model else ""),
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":owner": {"S": owner}},
            ScanIndexForward=False,
        )
        jobs = [_job(item) for item in found]
        return Page(jobs, f"{jobs[-1].created_at}.{jobs[-1].job_id}" if more else None)

    def avatars_of(
        self, job_id: str, most: int, after: str | None = None, run: int | None = None
    ) -> Page[Avatar]:
        found, more = self._rows.some(
            most,
            _after_avatar(job_id, after, run),
            KeyConditionExpression="job_id = :job_id AND begins_with(#record, :prefix)",
            ExpressionAttributeNames={"#record": "record"},
            ExpressionAttributeValues={
                ":job_id": {"S": job_id},
                ":prefix": {"S": "avatar#" if run is None else f"avatar#{run:03}#"},
            },
            ConsistentRead=True,
        )
        avatars = [_avatar(item) for item in found]
        return Page(avatars, f"{avatars[-1].run}.{avatars[-1].position}" if more else None)

    def erase(self, job_id: str, keep_run: int | None = None) -> int:
        kept = {"job", RECEIPT} | ({_run_record(keep_run)} if keep_run else set())
        return self._rows.erase(job_id, kept)

    def add_to_receipt(self, receipt: Receipt) -> Receipt:
        job_id, nothing = receipt.job_id, Receipt(receipt.job_id, 0, False, Erased())

        def put(changed: Receipt, condition: dict[str, Any]) -> bool:
            return self._rows.put(job_id, RECEIPT, changed, **condition)

        def newest() -> Receipt:
            return self.receipt(job_id) or nothing

        def add(known: Receipt) -> Receipt:
            return known + receipt

        return self._rows.change(newest, put, add)

    def receipt(self, job_id: str) -> Receipt | None:
        item = self._rows.get(job_id, RECEIPT)
        return _receipt(item) if item else None

    def _put_avatar(self, avatar: Avatar) -> bool:
        condition: dict[str, Any] = {
            "ConditionExpression": "(attribute_not_exists(favourite) OR favourite = :favourite)",
            "ExpressionAttributeValues": {":favourite": {"BOOL": avatar.favourite}},
        }
        if avatar.status is not AvatarStatus.KEPT:
            condition["ConditionExpression"] += (
                " AND (attribute_not_exists(job_id) OR #status <> :kept)"
            )
            condition["ExpressionAttributeNames"] = {"#status": "status"}
            condition["ExpressionAttributeValues"] |= {":kept": {"S": AvatarStatus.KEPT.value}}
        record = _avatar_record(avatar.run, avatar.position)
        return self._rows.put(avatar.job_id, record, avatar, **condition)

    def claim_archive(self, claim: ArchiveClaim, now: int) -> bool:
        return self._rows.put(
            claim.job_id,
            "archive",
            claim,
            ConditionExpression="attribute_not_exists(job_id) OR #key <> :key OR #until < :now",
            ExpressionAttributeNames={"#key": "key", "#until": "until"},
            ExpressionAttributeValues={":key": {"S": claim.key}, ":now": {"N": str(now)}},
        )

    def _told(self, job: Job) -> Job:
        self._seen(job)
        return job

    def _put_job(self, job: Job, condition: dict[str, Any]) -> bool:
        return self._rows.put(
            job.job_id, "job", job, index_keys=_index_keys_of_job(job), **condition
        )

    def _put_run(self, run: Run, condition: dict[str, Any]) -> bool:
        return self._rows.put(
            run.job_id, _run_record(run.run), run, index_keys=_index_keys(run), **condition
        )


_NEW = {"ConditionExpression": "attribute_not_exists(job_id)"}


_PHOTOS, _AVATARS = "photos", "avatars"


def _index_keys_of_job(job: Job) -> dict[str, object]:
    """What puts a job into the index of those that have ended."""
    if job.ended_at is None or job.erased_at is not None:
        return {}
    return {"keeps": _PHOTOS if job.keeps_photos else _AVATARS}


def _index_keys(run: Run) -> dict[str, object]:
    """What puts a run into the indexes; without them it does not stand there."""
    keys: dict[str, object] = {"unfinished": "yes"} if run.ended_at is None else {}
    if run.waiting and run.waiting.is_in_line:
        keys |= {
            "waits_for": _line(run.waiting.account, run.waiting.stage),
            "waits_since": run.waiting.since,
            "waits_until": run.waiting.until,
        }
    return keys


def _line(account: str, stage: Stage) -> str:
    """The line that a run waits in."""
    return f"{account} {stage}"


def _run_record(run: int) -> str:
    return f"run#{run:03}"


def _avatar_record(run: int, position: int) -> str:
    return f"avatar#{run:03}#{position:03}"


def _after_job(owner: str, cursor: str | None) -> Item | None:
    """The key in the index that a page of jobs ended with."""
    if cursor is None:
        return None
    made_at, job_id = _parts(r"(\d{1,12})\.([A-Z2-7]{26})", cursor)
    return {
        "owner": {"S": owner},  # whatever the cursor says, nobody gets into another one's jobs
        "created_at": {"N": made_at},
        "job_id": {"S": job_id},
        "record": {"S": "job"},
    }


def _after_avatar(job_id: str, cursor: str | None, of_run: int | None) -> Item | None:
    """The key that a page of avatars ended with."""
    if cursor is None:
        return None
    run, position = map(int, _parts(r"(\d{1,3})\.(\d{1,3})", cursor))
    if of_run not in (None, run):
        raise BadCursorError("next names a page of another run: leave it out to begin.")
    return {"job_id": {"S": job_id}, "record": {"S": _avatar_record(run, position)}}


def _parts(pattern: str, cursor: str) -> tuple[str, ...]:
    match = re.fullmatch(pattern, cursor, re.ASCII)
    if match is None:
        raise BadCursorError("next must be what the page before has named: leave it out to begin.")
    return match.groups()


def _job(item: Item) -> Job:
    return Job(
        **item
        | {
            "subject": Subject(item["subject"]),
            "provider": item.get("provider", FIRST_PROVIDER),
            "status": JobStatus(item["status"]),
            "invalid_photos": tuple(item.get("invalid_photos", ())),
            "chosen": tuple(ChosenPhoto(**photo) for photo in item["chosen"]),
            "training": _submission(item.get("training")),
            "consent": _consent(item.get("consent")),
        }
    )


def _run(item: Item) -> Run:
    prompts = tuple(Prompt(**prompt) for prompt in item["prompts"])
    return Run(
        **{name: value for name, value in item.items() if name not in _OF_THE_ONE_INFERENCE}
        | {
            "prompts": prompts,
            "inferences": tuple(map(_inference, item.get("inferences", _the_one(item, prompts)))),
            "status": JobStatus(item["status"]) if "status" in item else None,
            "waiting": _waiting(item.get("waiting")),
        }
    )


_OF_THE_ONE_INFERENCE = ("inference", "inference_id", "links", "announced_at", "links_expire_at")
"""Attributes of rows that were written when each run had one inference."""


def _the_one(item: Item, prompts: Sequence[Prompt]) -> list[Item]:
    """The inference in a row of that kind: none where none was sent."""
    if "inference" not in item:
        return []
    known = {name: item[name] for name in _OF_THE_ONE_INFERENCE[1:] if name in item}
    avatars = sum(prompt.count for prompt in prompts)
    return [{"avatars": avatars, "submission": item["inference"], **known}]


def _inference(item: Item) -> Inference:
    return Inference(
        **item
        | {
            "submission": _submission(item.get("submission")),
            "fruitless": tuple(item.get("fruitless", ())),
        }
    )


def _submission(item: Item | None) -> Submission | None:
    if item is None:
        return None
    looks = tuple(item.get("looks", ()))
    return Submission(**item | {"state": Sending(item["state"]), "looks": looks})


def _receipt(item: Item) -> Receipt:
    return Receipt(
        **item
        | {
            "erased": Erased(**item["erased"]),
            "cause": Cause(item.get("cause", Cause.OWNER)),
            "consent": _consent(item.get("consent")),
        }
    )


def _consent(item: Item | None) -> Consent | None:
    return Consent(**item | {"door": DoorName(item["door"])}) if item else None


def _waiting(item: Item | None) -> Waiting | None:
    if item is None:
        return None
    return Waiting(**item | {"stage": Stage(item["stage"]), "reason": WaitReason(item["reason"])})


def _photo(item: Item) -> Photo:
    return Photo(
        **item
        | {
            "status": PhotoStatus(item["status"]),
            "crop": tuple(item["crop"]) if "crop" in item else None,
            "advice": tuple(map(Advice, item.get("advice", ()))),
        }
    )


def _avatar(item: Item) -> Avatar:
    return Avatar(**item | {"status": AvatarStatus(item["status"])})

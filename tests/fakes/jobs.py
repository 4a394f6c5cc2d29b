"""The table of jobs, in memory."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from avatars.errors import BadCursorError, JobNotFoundError
from avatars.model import (
    ArchiveClaim,
    Avatar,
    AvatarStatus,
    Erased,
    Job,
    Page,
    Photo,
    Receipt,
    Run,
    Stage,
    Waiter,
)
from tests.fakes.effects import Effects, LostConfirmationError

Row = Job | Run | Photo | Avatar | Receipt | ArchiveClaim
AnyRow = TypeVar("AnyRow", Job, Run, Photo, Avatar, Receipt)
Versioned = TypeVar("Versioned", Job, Run, Receipt)


class FakeJobs:
    """Rows by job and record, under the conditions of `DynamoDBJobs`."""

    def __init__(
        self, effects: Effects | None = None, seen: Callable[[Job], object] = lambda job: None
    ) -> None:
        self._effects = effects or Effects()
        self.seen = seen
        self._rows: dict[tuple[str, str], Row] = {}

    def find_job(self, job_id: str) -> Job | None:
        job = self._read(Job, job_id, "job")
        return self._told(job) if job else None

    def job(self, job_id: str) -> Job:
        job = self.find_job(job_id)
        if job is None:
            raise JobNotFoundError(f"There is no job {job_id}.")
        return job

    def run(self, job_id: str, run: int) -> Run:
        row = self._read(Run, job_id, _run_record(run))
        if row is None:
            raise JobNotFoundError(f"Job {job_id} has no run {run}.")
        return row

    def create_job(self, job: Job, run: Run) -> Job:
        self.create_run(run)
        if self._write("job", job, lambda stored: stored is None):
            return self._told(job)
        return self.job(job.job_id)

    def create_run(self, run: Run) -> Run:
        if self._write(_run_record(run.run), run, lambda stored: stored is None):
            return run
        return self.run(run.job_id, run.run)

    def change_job(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        return self._told(self._change("job", lambda: self.job(job_id), change))

    def change_run(self, job_id: str, run: int, change: Callable[[Run], Run]) -> Run:
        return self._change(_run_record(run), lambda: self.run(job_id, run), change)

    def photo(self, job_id: str, photo_id: str) -> Photo | None:
        return self._read(Photo, job_id, f"photo#{photo_id}")

    def photos(self, job_id: str) -> list[Photo]:
        return self._query(Photo, job_id, "photo#")

    def put_photo(self, photo: Photo) -> bool:
        return self._write(
            f"photo#{photo.photo_id}",
            photo,
            lambda stored: stored is None or stored.sequencer <= photo.sequencer,
        )

    def avatars(self, job_id: str, run: int) -> list[Avatar]:
        return self._query(Avatar, job_id, f"avatar#{run:03}#")

    def put_avatar(self, avatar: Avatar) -> None:
        def allows(mark: bool) -> Callable[[Any], bool]:
            is_kept = avatar.status is AvatarStatus.KEPT
            return lambda stored: (
                stored is None
                or (
                    stored.favourite is mark and (is_kept or stored.status is not AvatarStatus.KEPT)
                )
            )

        record = _avatar_record(avatar.run, avatar.position)
        any(
            self._write(record, replace(avatar, favourite=mark), allows(mark))
            for mark in (False, True, False)
        )

    def mark_favourite(
        self, job_id: str, run: int, position: int, favourite: bool
    ) -> Avatar | None:
        key = (job_id, _avatar_record(run, position))
        with suppress(LostConfirmationError), self._effects.happen("write avatar"):
            if isinstance(stored := self._rows.get(key), Avatar):
                self._rows[key] = replace(stored, favourite=favourite)
        marked = self._rows.get(key)
        return marked if isinstance(marked, Avatar) else None

    def jobs_of(
        self, owner: str, most: int, after: str | None = None, *, with_model: bool = False
    ) -> Page[Job]:
        first = _parts(r"(\d{1,12})\.([A-Z2-7]{26})", after)
        with self._effects.happen("read jobs of owner"):
            jobs = [
                row
                for row in self._rows.values()
                if isinstance(row, Job)
                and row.owner == owner
                and row.erased_at is None
                and (row.trained_at is not None or not with_model)
                and (first is None or (row.created_at, row.job_id) < (int(first[0]), first[1]))
            ]
            jobs.sort(key=lambda job: (job.created_at, job.job_id), reverse=True)
            return _page(jobs, most, lambda job: f"{job.created_at}.{job.job_id}")

    def avatars_of(
        self, job_id: str, most: int, after: str | None = None, run: int | None = None
    ) -> Page[Avatar]:
        first = _parts(r"(\d{1,3})\.(\d{1,3})", after)
        found = self._query(Avatar, job_id, "avatar#" if run is None else f"avatar#{run:03}#")
        avatars = [
            avatar
            for avatar in found
            if first is None or (avatar.run, avatar.position) > (int(first[0]), int(first[1]))
        ]
        return _page(avatars, most, lambda avatar: f"{avatar.run}.{avatar.position}")

    def erase(self, job_id: str, keep_run: int | None = None) -> int:
        with self._effects.happen("erase rows"):
            kept = {"job", "receipt"} | ({_run_record(keep_run)} if keep_run else set())
            gone = [key for key in self._rows if key[0] == job_id and key[1] not in kept]
            for key in gone:
                del self._rows[key]
            return len(gone)

    def add_to_receipt(self, receipt: Receipt) -> Receipt:
        nothing = Receipt(receipt.job_id, 0, False, Erased())
        return self._change(
            "receipt",
            lambda: self.receipt(receipt.job_id) or nothing,
            lambda known: known + receipt,
        )

    def claim_archive(self, claim: ArchiveClaim, now: int) -> bool:
        return self._write(
            "archive",
            claim,
            lambda stored: stored is None or stored.key != claim.key or stored.until < now,
        )

    def receipt(self, job_id: str) -> Receipt | None:
        return self._read(Receipt, job_id, "receipt")

    def _change(
        self,
        record: str,
        newest: Callable[[], Versioned],
        change: Callable[[Versioned], Versioned],
    ) -> Versioned:
        while True:
            before = newest()
            after = change(before)
            if after == before:
                return before
            after = replace(after, version=before.version + 1)
            if self._write(record, after, _has_version(before.version)):
                return after

    def _told(self, job: Job) -> Job:
        self.seen(job)
        return job

    def _read(self, kind: type[AnyRow], job_id: str, record: str) -> AnyRow | None:
        with self._effects.happen(f"read {kind.__name__.lower()}"):
            row = self._rows.get((job_id, record))
            return row if isinstance(row, kind) else None

    def unfinished_runs(self) -> list[tuple[str, int]]:
        with self._effects.happen("read unfinished runs"):
            runs = [row for row in self._rows.values() if isinstance(row, Run)]
            return [
                (run.job_id, run.run)
                for run in sorted(runs, key=lambda run: run.started_at or 0)
                if run.ended_at is None
            ]

    def ended_jobs(self, until: int, most: int | None = None, *, with_photos: bool) -> list[str]:
        with self._effects.happen("read ended jobs"):
            found = [
                (row.ended_at, row.job_id)
                for row in self._rows.values()
                if isinstance(row, Job)
                and row.ended_at is not None
                and row.ended_at <= until
                and row.erased_at is None
                and row.keeps_photos is with_photos
            ]
            return [job_id for _, job_id in sorted(found)[:most]]

    def waiting_runs(self, account: str, stage: Stage, most: int) -> list[Waiter]:
        with self._effects.happen("read waiting runs"):
            waiters = [
                Waiter(row.waiting.since, row.name, row.waiting.until)
                for row in self._rows.values()
                if isinstance(row, Run)
                and row.waiting
                and row.waiting.is_in_line
                and (row.waiting.account, row.waiting.stage) == (account, stage)
            ]
            return sorted(waiters, key=lambda waiter: (waiter.since, waiter.run))[:most]

    def _query(self, kind: type[AnyRow], job_id: str, prefix: str) -> list[AnyRow]:
        with self._effects.happen(f"read {kind.__name__.lower()}s"):
            return [
                row
                for (owner, record), row in sorted(self._rows.items(), key=lambda item: item[0])
                if owner == job_id and record.startswith(prefix) and isinstance(row, kind)
            ]

    def _write(self, record: str, row: Row, condition: Callable[[Any], bool]) -> bool:
        """Whether the stored row allowed it; *condition* gets None where there is none."""
        key = (row.job_id, record)
        try:
            with self._effects.happen(f"write {type(row).__name__.lower()}"):
                if not condition(self._rows.get(key)):
                    return False
                self._rows[key] = row
        except LostConfirmationError:
            return False
        return True


def _page(rows: Sequence[AnyRow], most: int, cursor: Callable[[AnyRow], str]) -> Page[AnyRow]:
    return Page(rows[:most], cursor(rows[most - 1]) if len(rows) > most else None)


def _parts(pattern: str, cursor: str | None) -> tuple[str, ...] | None:
    """What a cursor says; the row that it names need not be there any more."""
    if cursor is None:
        return None
    match = re.fullmatch(pattern, cursor, re.ASCII)
    if match is None:
        raise BadCursorError("next must be what the page before has named.")
    return match.groups()


def _has_version(version: int) -> Callable[[Any], bool]:
    # Nobody creates a row of version 0: the first change of it does.
    return lambda stored: bool(stored.version == version if stored else version == 0)


def _run_record(run: int) -> str:
    return f"run#{run:03}"


def _avatar_record(run: int, position: int) -> str:
    return f"avatar#{run:03}#{position:03}"

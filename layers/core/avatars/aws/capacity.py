"""What all jobs together may ask of a provider, in rows of their own of the table of jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from avatars.aws.rows import Rows, spending_in
from avatars.model import Durations, Gate, Leases, Spending, Stage, Took, WaitReason
from avatars.settings import FIRST_ACCOUNT


class DynamoDBCapacity:
    """The gate, the leases and the rest of one account, each a row that is changed by version."""

    def __init__(self, rows: Rows, account: str) -> None:
        self._rows = rows
        # Where a row of a job has its `job_id`: no id of a job has brackets.
        self._where = "(provider)" if account == FIRST_ACCOUNT else f"({account})"

    def gate(self) -> Gate:
        item = self._rows.get(self._where, "gate")
        return _gate(item) if item else Gate()

    def change_gate(self, change: Callable[[Gate], Gate]) -> Gate:
        return self._rows.change(self.gate, self._put("gate"), change)

    def leases(self, stage: Stage) -> Leases:
        item = self._rows.get(self._where, f"leases#{stage}")
        return Leases(item["holders"], item["version"]) if item else Leases()

    def change_leases(self, stage: Stage, change: Callable[[Leases], Leases]) -> Leases:
        return self._rows.change(lambda: self.leases(stage), self._put(f"leases#{stage}"), change)

    def durations(self, key: str) -> Durations:
        item = self._rows.get(self._where, f"durations#{key}")
        if item is None:
            return Durations()
        return Durations(tuple(Took(*took) for took in item["took"]), item["version"])

    def change_durations(self, key: str, change: Callable[[Durations], Durations]) -> Durations:
        record = f"durations#{key}"
        return self._rows.change(lambda: self.durations(key), self._put(record), change)

    def spending(self) -> Spending:
        return spending_in(self._rows.get(self._where, "spending"))

    def change_spending(self, change: Callable[[Spending], Spending]) -> Spending:
        return self._rows.change(self.spending, self._put("spending"), change)

    def _put(
        self, record: str
    ) -> Callable[[Gate | Leases | Durations | Spending, dict[str, Any]], bool]:
        return lambda row, condition: self._rows.put(self._where, record, row, **condition)


def _gate(item: dict[str, Any]) -> Gate:
    fields: dict[str, Any] = {name: value for name, value in item.items() if name != "job_id"}
    fields |= {name: WaitReason(item[name]) for name in ("closed", "last") if name in item}
    return Gate(**fields)

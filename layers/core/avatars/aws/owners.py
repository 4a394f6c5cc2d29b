"""What is remembered of owners beside their jobs, in rows of their own of the table of jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from avatars.aws.rows import Rows, spending_in
from avatars.model import Allowance, Ordered, Spending


class DynamoDBOwners:
    """An owner's rows, each changed by version: no two orders overlook each other."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def change_allowance(self, owner: str, change: Callable[[Allowance], Allowance]) -> Allowance:
        place = _place(owner)

        def newest() -> Allowance:
            item = self._rows.get(place, "allowance")
            return _allowance(item) if item else Allowance()

        def put(allowance: Allowance, condition: dict[str, Any]) -> bool:
            return self._rows.put(place, "allowance", allowance, **condition)

        return self._rows.change(newest, put, change)

    def change_spending(self, owner: str, change: Callable[[Spending], Spending]) -> Spending:
        place = _place(owner)

        def newest() -> Spending:
            return spending_in(self._rows.get(place, "spending"))

        def put(spending: Spending, condition: dict[str, Any]) -> bool:
            return self._rows.put(place, "spending", spending, **condition)

        return self._rows.change(newest, put, change)


def _place(owner: str) -> str:
    return f"(owner) {owner}"  # no id of a job has brackets


def _allowance(item: dict[str, Any]) -> Allowance:
    orders = {
        name: Ordered(order["at"], tuple(order["photos"])) for name, order in item["orders"].items()
    }
    return Allowance(orders, item["version"])

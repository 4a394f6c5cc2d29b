"""What is remembered of owners, in memory."""

from collections.abc import Callable
from dataclasses import replace

from avatars.model import Allowance, Spending
from tests.fakes.effects import Effects


class FakeOwners:
    """Rows by owner, under the conditions of `DynamoDBOwners`."""

    def __init__(self, effects: Effects | None = None) -> None:
        self._effects = effects or Effects()
        self._allowances: dict[str, Allowance] = {}
        self._spendings: dict[str, Spending] = {}

    def change_allowance(self, owner: str, change: Callable[[Allowance], Allowance]) -> Allowance:
        while True:
            with self._effects.happen("read allowance"):
                before = self._allowances.get(owner, Allowance())
            after = change(before)
            if after == before:
                return before
            with self._effects.happen("write allowance"):
                if self._allowances.get(owner, Allowance()).version == before.version:
                    self._allowances[owner] = replace(after, version=before.version + 1)
                    return self._allowances[owner]

    def change_spending(self, owner: str, change: Callable[[Spending], Spending]) -> Spending:
        while True:
            with self._effects.happen("read owner's spending"):
                before = self._spendings.get(owner, Spending())
            after = change(before)
            if after == before:
                return before
            with self._effects.happen("write owner's spending"):
                if self._spendings.get(owner, Spending()).version == before.version:
                    self._spendings[owner] = replace(after, version=before.version + 1)
                    return self._spendings[owner]

"""What is remembered of owners, in memory."""

from collections.abc import Callable
from dataclasses import replace

from avatars.model import Allowance
from tests.fakes.effects import Effects


class FakeOwners:
    """Allowances by owner, under the conditions of `DynamoDBOwners`."""

    def __init__(self, effects: Effects | None = None) -> None:
        self._effects = effects or Effects()
        self._allowances: dict[str, Allowance] = {}

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

    def forget(self, owner: str, version: int) -> bool:
        with self._effects.happen("forget allowance"):
            known = self._allowances.get(owner)
            if known is None or known.version != version:
                return False
            del self._allowances[owner]
            return True

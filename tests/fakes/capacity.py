"""What all jobs together may ask of the provider, in memory."""

from collections.abc import Callable
from dataclasses import replace

from avatars.model import Durations, Gate, Leases, Spending, Stage
from tests.fakes.effects import Effects


class FakeCapacity:
    """The gate and the leases, under the conditions of `DynamoDBCapacity`."""

    def __init__(self, effects: Effects | None = None) -> None:
        self._effects = effects or Effects()
        self._gate = Gate()
        self._leases: dict[Stage, Leases] = {}
        self._durations: dict[str, Durations] = {}
        self._spending = Spending()

    def gate(self) -> Gate:
        with self._effects.happen("read gate"):
            return self._gate

    def change_gate(self, change: Callable[[Gate], Gate]) -> Gate:
        while True:
            before = self.gate()
            after = change(before)
            if after == before:
                return before
            with self._effects.happen("write gate"):
                if self._gate.version == before.version:
                    self._gate = replace(after, version=before.version + 1)
                    return self._gate

    def leases(self, stage: Stage) -> Leases:
        with self._effects.happen("read leases"):
            return self._leases.get(stage, Leases())

    def change_leases(self, stage: Stage, change: Callable[[Leases], Leases]) -> Leases:
        while True:
            before = self.leases(stage)
            after = change(before)
            if after == before:
                return before
            with self._effects.happen("write leases"):
                if self._leases.get(stage, Leases()).version == before.version:
                    self._leases[stage] = replace(after, version=before.version + 1)
                    return self._leases[stage]

    def durations(self, key: str) -> Durations:
        with self._effects.happen("read durations"):
            return self._durations.get(key, Durations())

    def change_durations(self, key: str, change: Callable[[Durations], Durations]) -> Durations:
        while True:
            before = self.durations(key)
            after = change(before)
            if after == before:
                return before
            with self._effects.happen("write durations"):
                if self._durations.get(key, Durations()).version == before.version:
                    self._durations[key] = replace(after, version=before.version + 1)
                    return self._durations[key]

    def spending(self) -> Spending:
        with self._effects.happen("read spending"):
            return self._spending

    def change_spending(self, change: Callable[[Spending], Spending]) -> Spending:
        while True:
            before = self.spending()
            after = change(before)
            if after == before:
                return before
            with self._effects.happen("write spending"):
                if self._spending.version == before.version:
                    self._spending = replace(after, version=before.version + 1)
                    return self._spending

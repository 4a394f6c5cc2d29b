"""What every simulated provider keeps of its one account: journal, credits, quota, faults."""

import math
import random
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from starlette.exceptions import HTTPException

from local.simulator.journal import Clock, Journal
from local.simulator.scenario import AnyFault, Knobs

AnyKnobs = TypeVar("AnyKnobs", bound=Knobs)


class RefusedError(HTTPException):
    """A call that the provider answers with an HTTP error."""


@dataclass
class Quota:
    """The calls of the current minute (500 a minute per account: Picsart's limits page)."""

    minute: int = -1
    calls: int = 0

    def used(self, now: float) -> int:
        """Calls counted in the minute of *now*."""
        return self.calls if self.minute == now // 60 else 0

    def count(self, now: float) -> None:
        """One more call."""
        self.minute, self.calls = int(now // 60), self.used(now) + 1


@dataclass
class Account(Generic[AnyKnobs]):
    """Lives on one event loop: nothing here awaits or locks.

    *results_host* is the host and port of result links.
    """

    clock: Clock
    seed: int
    scenario: AnyKnobs
    results_host: str
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        self.journal = Journal(self.clock)
        self._first_scenario = self.scenario
        self._quota = Quota()
        self._charged = 0
        self._births = 0
        self._photos: dict[str, bool] = {}

    def reset(self) -> None:
        """Forget everything but the ids given out: an old one must never name something new."""
        self.scenario = self._first_scenario
        self.journal.clear()
        self._quota = Quota()
        self._charged = 0
        self._photos.clear()

    @property
    def balance(self) -> int:
        """Credits left."""
        return max(0, self.scenario.credits - self._charged)

    def admit(self) -> None:
        """Count a call against the quota; RefusedError (429) beyond it."""
        if self.calls_left == 0:
            raise RefusedError(429, "Rate limit exceeded")
        self._quota.count(self.clock.now())

    @property
    def calls_left(self) -> int:
        """Calls that the current minute still has."""
        return max(0, self.scenario.rate_limit - self._quota.used(self.clock.now()))

    @property
    def quota_resets_in(self) -> int:
        """Whole seconds until the next minute begins."""
        return math.ceil(60 - self.clock.now() % 60)

    def take_fault(self, route: str | None) -> AnyFault | None:
        """The fault planned for this call, if any; it is used up."""
        fault, self.scenario = self.scenario.spend(route)
        return fault

    def finds_valid(self, photo: str) -> bool:
        """Whether avatars can be made of the photo at this address, as *invalid_photos* has it."""
        if photo not in self._photos:
            bad = self.scenario.invalid_photos
            self._photos[photo] = bad == 0
            self.scenario = self.scenario.model_copy(update={"invalid_photos": max(0, bad - 1)})
        return self._photos[photo]

    def charge(self, amount: int, **ids: str) -> None:
        """Take that many credits; RefusedError (402) without them."""
        if self.balance < amount:
            raise RefusedError(402, "Payment Required")
        self._charged += amount
        self.journal.write("charge", credits=amount, balance=self.balance, **ids)

    def birth(self) -> random.Random:
        """The dice of something new."""
        self._births += 1
        return random.Random(f"{self.seed}/{self._births}")


def seconds(
    rng: random.Random, usual: tuple[float, float], wanted: float | None, endless: bool
) -> float:
    """How long work takes: as *wanted*, else somewhere in the *usual* range."""
    thrown = rng.uniform(*usual)
    if endless:
        return math.inf
    return thrown if wanted is None else wanted

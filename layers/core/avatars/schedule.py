"""When to look again at what the provider is doing."""

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """First look, then regular looks, then ever rarer ones. All in seconds."""

    first: int
    every: int
    advised: int
    """How long the provider says it takes."""
    deadline: int
    """How long it may take at all."""

    def first_wait(self) -> int:
        return with_jitter(self.first)

    def next_wait(self, elapsed: float) -> int:
        """Seconds until the next look, *elapsed* seconds after the submission.

        Constant until twice the advised duration, then growing in proportion to the time that
        has passed. Jitter only adds: the provider's advice is the least wait.
        """
        return with_jitter(self.every * max(1.0, elapsed / (2 * self.advised)))

    @property
    def most_looks(self) -> int:
        """More looks that are answered cannot be, unless something is wrong with the clock."""
        return math.ceil(self.deadline / self.every) + 1


def with_jitter(seconds: float) -> int:
    """Up to a tenth more, so that those who began together do not ask together."""
    return math.ceil(seconds * random.uniform(1.0, 1.1))  # noqa: S311 - not a secret

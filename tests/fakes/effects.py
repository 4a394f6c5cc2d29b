"""What the pipeline does to the outside, in order, and what goes wrong there."""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Action = Callable[[], object]


class KilledError(BaseException):
    """The process was killed: no handler of ours may catch this."""


class LostConfirmationError(Exception):
    """A write happened and the answer to it was lost; the client's own retry finds it done."""


class Effects:
    """Every call of a fake passes through here under a name such as `write job`.

    Tests plan what happens just before or just after one: an error, another caller who is
    faster, the death of the process. The moments before and after each effect are numbered, so
    that a plan may also say "at the 7th moment from now, whatever that is".
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.moments: list[str] = []
        """What has passed so far: `before write job`, `after write job`."""
        self.killed = False
        self._watching = True
        self._plans: dict[str, deque[Action]] = defaultdict(deque)
        self._moments: dict[int, Action] = {}
        self._counting = threading.Lock()

    def before(self, name: str, action: Action) -> None:
        """Do *action* just before the next effect of that *name*; plans are used in order."""
        self._plans[f"before {name}"].append(action)

    def after(self, name: str, action: Action) -> None:
        """The same just after it."""
        self._plans[f"after {name}"].append(action)

    def fail(self, name: str, error: BaseException, times: int = 1) -> None:
        """Have the next *times* effects of that name fail without happening."""
        for _ in range(times):
            self.before(name, raising(error))

    def at_moment(self, moments: int, action: Action) -> None:
        """Do *action* at the moment that is so many moments from now; 0 is the next one."""
        self._moments[len(self.moments) + moments] = action

    def kill(self) -> None:
        """End the process: neither this effect nor any later one happens, until `revive`."""
        self.killed = True
        raise KilledError

    def revive(self) -> None:
        """A new process starts, in which nothing is planned."""
        self.killed = False
        self._moments.clear()

    def forget_plans(self) -> None:
        """From now on nothing goes wrong."""
        self._plans.clear()
        self._moments.clear()

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """For a test that only looks: nothing is counted, nothing planned happens."""
        self._watching = False
        yield
        self._watching = True

    @contextmanager
    def happen(self, name: str) -> Iterator[None]:
        """The effect itself is the body."""
        if not self._watching:
            yield
            return
        self._pass("before", name)
        self.names.append(name)
        yield
        self._pass("after", name)

    def _pass(self, side: str, name: str) -> None:
        if self.killed:
            raise KilledError
        with self._counting:
            action = self._moments.pop(len(self.moments), None)
            self.moments.append(f"{side} {name}")
        if action:
            action()
        if plan := self._plans[f"{side} {name}"]:
            plan.popleft()()


def raising(error: BaseException) -> Action:
    """An action that raises *error*."""

    def fail() -> None:
        raise error

    return fail

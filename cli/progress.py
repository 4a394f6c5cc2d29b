"""Live progress of a job, on standard error."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, ProgressColumn, TextColumn
from rich.progress import Progress as Bars
from rich.status import Status

from avatars.model import JobStatus
from cli.saying import printable

DOING = {
    JobStatus.COLLECTING: "Preparing photos",
    JobStatus.TRAINING: "Training a model",
    JobStatus.INFERRING: "Making avatars",
    JobStatus.KEEPING: "Copying avatars",
}


class Progress:
    """One line per stage, the present one alive; a plain line per change where nobody watches."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._status: Status | None = None
        self._done = ""
        """What to say of the present stage once it is over."""
        self._line = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self._end_stage()
        elif self._status:
            self._status.stop()

    @property
    def is_watched(self) -> bool:
        """Whether somebody sees it at a terminal, where what changes all the time may be shown."""
        return self._console.is_terminal

    def update(self, stage: str, facts: Sequence[str] = (), waits: Sequence[str] = ()) -> None:
        """Show a stage: what is known of it, and what is being waited for."""
        line = " · ".join(map(printable, [stage, *facts, *waits]))
        if line == self._line:
            return
        if not self._done.startswith(stage):
            self._end_stage()
        self._line, self._done = line, " · ".join(map(printable, [stage, *facts]))
        if not self._console.is_terminal:
            self._console.print(line, markup=False, soft_wrap=True)
            return
        if self._status is None:
            self._status = self._console.status("")
            self._status.start()
        self._status.update(escape(line))

    def _end_stage(self) -> None:
        if self._status:
            self._status.stop()
            self._status = None
            self._console.print(f"[green]✓[/green] {escape(self._done)}", soft_wrap=True)


@contextlib.contextmanager
def bars(what: str, total: int, *columns: ProgressColumn) -> Iterator[Callable[[int], None]]:
    """A bar for so much work, at a terminal; gives what tells it how much more is done."""
    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as shown:
        task = shown.add_task(what, total=total)
        yield lambda count: shown.advance(task, count)

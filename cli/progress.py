"""Live progress of a job, on standard error."""

from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from avatars.clock import Clock
from avatars.model import AvatarStatus, JobStatus, PhotoStatus, WaitReason
from cli.watching import Sight, deadline_of

_DOING = {
    JobStatus.COLLECTING: "Preparing photos",
    JobStatus.TRAINING: "Training a model",
    JobStatus.INFERRING: "Making avatars",
    JobStatus.KEEPING: "Copying avatars",
}

_WAITS_FOR = {
    WaitReason.CAPACITY: "the provider is busy with other jobs",
    WaitReason.BUSY: "the provider wants fewer requests",
    WaitReason.CREDITS: "the provider's account has no credits",
    WaitReason.KEY: "the provider refuses our key",
    WaitReason.OUTAGE: "the provider is down",
    WaitReason.NOT_SENT: "it could not be sent yet",
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

    def say(self, stage: str) -> None:
        """Begin a stage that is not the job's."""
        self._update(stage, [], [])

    def show(self, sight: Sight, clock: Clock) -> None:
        """Show how a job stands."""
        if not sight.job.status.ended:
            stage = _DOING[sight.job.status]
            self._update(stage, _facts(sight), _waits(sight, clock))

    def _update(self, stage: str, facts: list[str], waits: list[str]) -> None:
        line = " · ".join([stage, *facts, *waits])
        if line == self._line:
            return
        if not self._done.startswith(stage):
            self._end_stage()
        self._line, self._done = line, " · ".join([stage, *facts])
        if not self._console.is_terminal:
            self._console.print(line, markup=False, soft_wrap=True)
            return
        if self._status is None:
            self._status = self._console.status("")
            self._status.start()
        self._status.update(line)

    def _end_stage(self) -> None:
        if self._status:
            self._status.stop()
            self._status = None
            self._console.print(f"[green]✓[/green] {self._done}", soft_wrap=True)


def _facts(sight: Sight) -> list[str]:
    job, run = sight.job, sight.run
    match job.status:
        case JobStatus.COLLECTING:
            accepted = sum(photo.status is PhotoStatus.ACCEPTED for photo in sight.photos)
            return [f"{len(sight.photos)} judged, {accepted} accepted"]
        case JobStatus.TRAINING:
            return [f"model {job.model_id}"] if job.model_id else []
        case JobStatus.INFERRING:
            return [f"inference {run.inference_id}"] if run.inference_id else []
        case JobStatus.KEEPING:
            kept = sum(avatar.status is AvatarStatus.KEPT for avatar in sight.avatars)
            return [f"{kept} of {run.avatars} in our bucket"]
    return []


def _waits(sight: Sight, clock: Clock) -> list[str]:
    """What is being waited for, and until when at the latest."""
    waits = []
    if waiting := sight.run.waiting:
        waits.append(f"{_WAITS_FOR[waiting.reason]}, {waiting.ahead} first")
    if sight.wait_state:
        here = sight.wait_seconds * clock.scale
        name = sight.wait_state.lower()
        waits.append(f"{name}, next look after {sight.wait_seconds} s ({here:.1f} s here)")
    if deadline := deadline_of(sight):
        until = datetime.fromtimestamp(deadline, UTC)
        waits.append(f"until {until:%d %b %H:%M} UTC, simulated time, at the latest")
    return waits

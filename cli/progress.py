"""Live progress of a job, on standard error."""

from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from avatars.clock import Clock
from avatars.model import AvatarStatus, JobStatus
from cli.watching import Sight, deadline_of

_DOING = {
    JobStatus.COLLECTING: "Preparing photos",
    JobStatus.TRAINING: "Training a model",
    JobStatus.INFERRING: "Making avatars",
    JobStatus.KEEPING: "Copying avatars",
}


class Progress:
    """One line per stage, the present one alive; plain lines where nobody watches."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._status: Status | None = None
        self._line = ""
        self._stage = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._finish_stage()

    def say(self, stage: str) -> None:
        """Begin a stage."""
        self._finish_stage()
        self._stage = stage
        self._update(stage)

    def show(self, sight: Sight, clock: Clock) -> None:
        """Show how a job stands."""
        if sight.job.status.ended:
            self._finish_stage()
            return
        doing = _DOING[sight.job.status]
        if doing != self._stage:
            self.say(doing)
        self._update(" · ".join([doing, *_details(sight, clock)]))

    def _update(self, line: str) -> None:
        if not self._console.is_terminal:
            # What changes with every look would flood a log.
            steady = line.split(" · next look")[0]
            if steady != self._line:
                self._console.print(line, markup=False, soft_wrap=True)
            self._line = steady
            return
        self._line = line
        if self._status is None:
            self._status = self._console.status("")
            self._status.start()
        self._status.update(line)

    def _finish_stage(self) -> None:
        if self._status:
            self._status.stop()
            self._status = None
            self._console.print(f"[green]✓[/green] {self._line}", soft_wrap=True)


def _details(sight: Sight, clock: Clock) -> list[str]:
    job, run, now = sight.job, sight.run, clock.now()
    details = []
    match job.status:
        case JobStatus.COLLECTING:
            accepted = sum(photo.status == "accepted" for photo in sight.photos)
            details.append(f"{len(sight.photos)} judged, {accepted} accepted")
        case JobStatus.TRAINING if job.model_id:
            details.append(job.model_id)
        case JobStatus.INFERRING if run.inference_id:
            details.append(run.inference_id)
        case JobStatus.KEEPING:
            kept = sum(avatar.status is AvatarStatus.KEPT for avatar in sight.avatars)
            details.append(f"{kept} of {run.avatars} in our bucket")
    if deadline := deadline_of(sight):
        details.append(f"at the latest until {_time(deadline)}")
    if sight.waiting_for:
        details.append(
            f"next look {sight.wait_seconds} s after the last"
            f" ({sight.wait_seconds * clock.scale:.1f} s here), now {_time(now)}"
        )
    return details


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%a %H:%M")

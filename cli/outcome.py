"""How a demo ended, for people and as JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avatars.model import Avatar, JobStatus
from avatars.provider.catalog import capabilities
from cli.watching import Sight


@dataclass(frozen=True)
class Stage:
    """How long something took."""

    wall_seconds: float
    provider_seconds: float | None = None
    """The same on the clock of the pipeline and its provider, where that one ran."""


@dataclass(frozen=True)
class Timings:
    """How long each stage took."""

    stages: dict[str, Stage]

    @classmethod
    def of(
        cls, sight: Sight, scale: float, started: float, ready: float, ended: float
    ) -> "Timings":
        """From the times in the job's rows, and from those of the demo itself (monotonic)."""
        job, run = sight.job, sight.run
        marks = [
            ("collecting", job.chosen_at),
            ("training", job.trained_at),
            ("inferring", run.announced_at),
            ("keeping", run.ended_at),
        ]
        if not capabilities(job.provider).trains:
            marks = [mark for mark in marks if mark[0] != "training"]
        stages = {"starting": Stage(round(ready - started, 1))}
        before = job.created_at
        for name, mark in marks:
            end = mark or run.ended_at or before
            stages[name] = Stage(round((end - before) * scale, 1), end - before)
            before = end
            if mark is None:
                break  # the stage that the job ended in
        stages["total"] = Stage(round(ended - started, 1))
        return cls(stages)


@dataclass(frozen=True)
class Outcome:
    """A job that has ended, and where its pictures lie."""

    sight: Sight
    avatars: list[tuple[Avatar, Path]]
    prepared: dict[str, Path]
    out: Path
    contact_sheet: Path
    avatar_bucket: str
    timings: Timings
    kept: bool
    """Whether the stack is still up."""

    @property
    def completed(self) -> bool:
        return self.sight.job.status is JobStatus.COMPLETED

    @property
    def headline(self) -> str:
        job = self.sight.job
        return f"Job {job.job_id} · {job.subject} · {job.status}"

    def as_json(self) -> dict[str, Any]:
        """Everything about the outcome, as `avatars demo --json` prints it."""
        job, run = self.sight.job, self.sight.run
        return {
            "job_id": job.job_id,
            "status": job.status,
            "code": job.code,
            "reason": job.reason,
            "provider": job.provider,
            "model_id": job.model_id,
            "inference_ids": list(run.inference_ids),
            "photos": [
                {"file": p.file, "status": p.status, "code": p.code, "reason": p.reason}
                for p in self.sight.photos
            ],
            "avatars": [
                {
                    "key": avatar.key,
                    "file": str(file),
                    "style": avatar.style,
                    "bytes": avatar.bytes,
                    "sha256": avatar.sha256,
                }
                for avatar, file in self.avatars
            ],
            "avatar_bucket": self.avatar_bucket,
            "contact_sheet": str(self.contact_sheet),
            "timings": {
                name: {
                    "wall_seconds": stage.wall_seconds,
                    "provider_seconds": stage.provider_seconds,
                }
                for name, stage in self.timings.stages.items()
            },
        }

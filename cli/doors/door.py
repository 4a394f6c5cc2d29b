"""What a command needs of a stack, whichever way leads to it."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import httpx

from cli.doors.documents import (
    AskedForMore,
    Avatar,
    Catalogue,
    Job,
    JobSummary,
    Line,
    Model,
    Order,
    Ordered,
    Receipt,
)


class DoorError(Exception):
    """The stack refuses, or cannot be reached; the message says why, and what to do."""

    def __init__(self, message: str, code: str | None = None, *, passes: bool = False) -> None:
        super().__init__(message)
        self.passes = passes
        """Whether it may go well a little later, unchanged."""
        self.code = code
        """What the API calls it: `JOB_STARTED`; None where it says nothing."""


class Door(Protocol):
    """The verbs of the HTTP API, for one owner. All of them raise DoorError."""

    @property
    def name(self) -> str:
        """Whose jobs, and where, for people: `alice on the local stack`."""

    @property
    def look_seconds(self) -> float:
        """How long to wait between two looks at a job, on the wall."""

    @property
    def clock_scale(self) -> float:
        """Seconds of the wall per second of the pipeline's clock, as far as can be known."""

    @property
    def keeps_keys(self) -> bool:
        """Whether the key of an order still counts in the next command."""

    @property
    def storage(self) -> httpx.BaseTransport | None:
        """What leads to the forms and links that it gives; None is the network."""

    def catalogue(self) -> Catalogue: ...

    def order(self, order: Order, key: str) -> Ordered:
        """A job and the forms for its photos; the same folder again is the same job.

        *key* names the order: whoever sends it twice with the same key has ordered once.
        """

    def start(self, job_id: str) -> Job:
        """Begin with the photos that are there, once they are enough."""

    def jobs(self) -> Iterable[JobSummary]:
        """All jobs, newest first, fetched as they are asked for."""

    def job(self, job_id: str) -> Job: ...

    def avatars(self, job_id: str) -> Iterable[Avatar]:
        """The avatars of all runs, with links that live a quarter of an hour."""

    def more(self, job_id: str, lines: Sequence[Line], key: str) -> AskedForMore:
        """Order more avatars from the model of a job that has ended; *key* as for `order`."""

    def models(self) -> Iterable[Model]: ...

    def erase(self, job_id: str) -> Receipt:
        """Stop the job and delete everything of it that can be deleted."""

"""Whom the lines of the logs are about: ids, and a hash in the place of the owner's name."""

import functools
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from aws_lambda_powertools import Logger

from avatars import errors
from avatars.model import Job, Upload

P = ParamSpec("P")
Reply = TypeVar("Reply")

HASH_LENGTH = 16
"""64 bits in hex: enough to tell owners apart."""

IDS = (
    "job_id",
    "run",
    "photo_id",
    "owner_hash",
    "model_id",
    "correlation_id",
    "function_name",
    "function_request_id",
)
"""What lines may say of whom they are about, and who prints them."""


class Lines:
    """Says on every line from here to the end of the invocation whom it is about.

    `correlation_id` is the same on all lines of a run, whoever prints them: `{job_id}-{run}`, what
    its execution is called. Photos belong to the first run. What the API prints has the id of its
    request, and `job_id` joins the two.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._logger = Logger()  # the handler's own: Powertools keeps one for each service
        self._followed: str | None = None

    def about_execution(self, job_id: str, execution: str) -> None:
        """The line is about an execution (an ARN). Its name begins with that of its run, unless a
        person has started it."""
        name = execution.rpartition(":")[2]
        of_run = re.match(rf"{re.escape(job_id)}-\d+", name)
        self._logger.append_keys(job_id=job_id, correlation_id=of_run[0] if of_run else name)

    def about_run(self, job_id: str, run: int) -> None:
        """The line is about a run of a job."""
        self._logger.append_keys(job_id=job_id, run=run, correlation_id=f"{job_id}-{run}")

    def about_owner(self, owner: str) -> None:
        """The line is about somebody."""
        self._logger.append_keys(owner_hash=self.owner_hash(owner))

    def about_upload(self, upload: Upload) -> None:
        """The line is about a photo."""
        self.about_run(upload.job_id, 1)
        self.about_owner(upload.owner)
        self._logger.append_keys(photo_id=upload.photo_id)

    def about_job(self, job: Job) -> None:
        """The line is about a job that has just been read."""
        self._logger.append_keys(job_id=job.job_id)
        self.about_owner(job.owner)
        if self._logger.get_correlation_id() in (None, self._followed):
            # Nobody has said more, as in a sweep: one job after the other.
            self._followed = f"{job.job_id}-{job.run}"
            self._logger.set_correlation_id(self._followed)
        if job.model_id:
            self._logger.append_keys(model_id=job.model_id)
        else:
            self._logger.remove_keys(["model_id"])  # of another job

    def about_nobody(self) -> None:
        """The line is about no job in particular."""
        self._logger.remove_keys(["job_id", "run", "owner_hash", "model_id", "correlation_id"])

    def ids(self) -> Mapping[str, object]:
        """Whom it is about now."""
        known = self._logger.get_current_keys()
        return {name: known[name] for name in IDS if known.get(name) is not None}

    def owner_hash(self, owner: str) -> str:
        """The same for all jobs of an owner in this stack, and different in every other.

        Keyed, so that who sees nothing but logs cannot try names on it. No more than that: a
        `job_id` confirms a guess of owner and folder together.
        """
        return hmac.new(self._key, owner.encode(), hashlib.sha256).hexdigest()[:HASH_LENGTH]


def failures_told(handler: Callable[P, Reply]) -> Callable[P, Reply]:
    """A handler that says so when it fails, with the ids of its other lines.

    The runtime's own account of an error has none of them. The message stays out of this one:
    those of AWS quote keys, and keys have names of people and files in them.
    """

    @functools.wraps(handler)
    def told(*args: P.args, **kwargs: P.kwargs) -> Reply:
        try:
            return handler(*args, **kwargs)
        except Exception as error:
            is_deliberate = type(error).__module__ == errors.__name__
            tell = Logger().warning if is_deliberate else Logger().error
            tell("failed", extra={"error": type(error).__name__})
            raise

    return told

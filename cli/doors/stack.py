"""The door of who holds AWS credentials: the verbs of the API, in this process."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Any, TypeVar, cast

import httpx
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
from pydantic import ValidationError

from avatars.api import problems, schema
from avatars.manifest import parse_manifest, parse_prompts
from avatars.model import DoorName, Page
from avatars.pipeline import describing, erasing, ordering
from avatars.ports import Services
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
from cli.doors.door import DoorError
from cli.doors.refusals import refusal

PAGE = 50

LOOK_SECONDS = 5.0
"""Between two looks at a job, of the pipeline's clock; on a faster clock, in proportion."""
LEAST_LOOK_SECONDS = 0.25

Item = TypeVar("Item")


class StackDoor:
    """A stack, for an owner whom its caller names: AWS has let in whoever has credentials."""

    keeps_keys = False

    def __init__(
        self,
        services: Services,
        owner: str,
        place: str,
        storage: httpx.BaseTransport | None = None,
    ) -> None:
        self.storage = storage
        self._services = services
        self._owner = owner
        self._place = place

    @property
    def name(self) -> str:
        return f"{self._owner} on {self._place}"

    @property
    def look_seconds(self) -> float:
        return max(LOOK_SECONDS * self.clock_scale, LEAST_LOOK_SECONDS)

    @property
    def clock_scale(self) -> float:
        return self._services.clock.scale

    def catalogue(self) -> Catalogue:
        return cast(Catalogue, describing.describe_offer(self._services))

    def order(self, order: Order, key: str) -> Ordered:
        with _refusals():
            wanted = schema.Order.model_validate(order)
            manifest = parse_manifest(wanted.manifest(), self._services.settings.default)
            photos = {photo.file: photo.type for photo in wanted.photos}
            folder = order["folder"]
            job = ordering.order_job(
                self._services, self._owner, folder, manifest, photos, DoorName.COMMAND_LINE
            )
            forms = ordering.upload_forms(self._services, job, photos)
            return {
                "job": cast(Job, describing.describe_job(self._services, job)),
                "uploads": [
                    {"file": file, "url": form.url, "fields": dict(form.fields)}
                    for file, form in forms.items()
                ],
            }

    def start(self, job_id: str) -> Job:
        with _refusals():
            ordering.ask_start(self._services, self._owner, job_id)
        return self.job(job_id)

    def jobs(self) -> Iterator[JobSummary]:
        pages = _pages(lambda after: self._services.jobs.jobs_of(self._owner, PAGE, after))
        return (cast(JobSummary, describing.summarize_job(job)) for job in pages)

    def job(self, job_id: str) -> Job:
        with _refusals():
            job = ordering.owned_job(self._services, self._owner, job_id)
            return cast(Job, describing.describe_job(self._services, job))

    def avatars(self, job_id: str) -> Iterator[Avatar]:
        after: str | None = None
        with _refusals():
            ordering.owned_job(self._services, self._owner, job_id)
            while True:
                page = self._services.jobs.avatars_of(job_id, PAGE, after, None)
                yield from cast(list[Avatar], describing.describe_avatars(self._services, page))
                after = page.next
                if after is None:
                    return

    def more(self, job_id: str, lines: Sequence[Line], key: str) -> AskedForMore:
        with _refusals():
            prompts = parse_prompts([dict(line) for line in lines])
            job, run = ordering.ask_more(self._services, self._owner, job_id, prompts)
            return {"job_id": job.job_id, "run": run}

    def models(self) -> Iterator[Model]:
        pages = _pages(
            lambda after: self._services.jobs.jobs_of(self._owner, PAGE, after, with_model=True)
        )
        return (cast(Model, describing.summarize_model(job)) for job in pages)

    def erase(self, job_id: str) -> Receipt:
        with _refusals():
            receipt = erasing.erase_job(self._services, self._owner, job_id)
            return cast(Receipt, erasing.describe_receipt(receipt))


def _pages(ask: Callable[[str | None], Page[Item]]) -> Iterator[Item]:
    after: str | None = None
    while True:
        page = ask(after)
        yield from page.items
        after = page.next
        if after is None:
            return


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """What the API would answer as a problem is raised as it is to its clients."""
    try:
        yield
    except ValidationError as error:
        wrong: list[Any] = [
            {"field": ".".join(map(str, each["loc"])), "problem": each["msg"]}
            for each in error.errors()
        ]
        raise refusal("BAD_REQUEST", "", errors=wrong) from error
    except tuple(problems.KINDS) as error:
        kind = problems.kind_of(error)
        raise refusal(kind.code, str(error), kind.remedy) from error
    except (BotoCoreError, ClientError) as error:
        raise DoorError(
            f"AWS does not do it ({error}): look with credentials that may use the stack.",
            passes=_passes(error),
        ) from error


def _passes(error: BotoCoreError | ClientError) -> bool:
    """Whether nobody answered, or AWS was at fault itself."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, (ConnectionError, HTTPClientError))

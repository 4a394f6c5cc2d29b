"""What the real handlers print, in whole jobs that go well or wrong."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from avatars.aws.meters import EmfMeter
from avatars.errors import OutcomeUnknownError
from avatars.logs import Lines
from local.ministack import embedded_metrics
from tests.builders import JOB_ID, PREFIX
from tests.fakes import ENVIRONMENT, answer
from tests.region import Region
from tests.whole_jobs import folder, picture, surroundings

STACK = "avatars"
HOUR = 3600

Line = dict[str, Any]
Story = Callable[[Region], None]


@contextlib.contextmanager
def printing() -> Iterator[io.StringIO]:
    """Whatever is printed within, by loggers and by meters."""
    paper = io.StringIO()
    handler: Any = Logger(STACK).registered_handler
    before = handler.setStream(paper)
    try:
        with contextlib.redirect_stdout(paper):
            yield paper
    finally:
        handler.setStream(before or handler.stream)


def lines_of(paper: io.StringIO) -> list[Line]:
    return [json.loads(line) for line in paper.getvalue().splitlines()]


def points(lines: list[Line]) -> list[tuple[str, str, float, str, dict[str, str]]]:
    """What CloudWatch counts by these lines."""
    return [point for line in lines for point in embedded_metrics(json.dumps(line))]


@cache
def printed(story: Story) -> tuple[Line, ...]:
    """The lines of a story."""
    services = surroundings()
    services.meter = EmfMeter(STACK, Lines(ENVIRONMENT["LOG_KEY"]).ids)  # type: ignore[assignment]
    with printing() as paper, Region(services) as region:
        story(region)
    return tuple(lines_of(paper))


def drop(region: Region, **changes: Any) -> None:
    """A folder of five good photos for two avatars arrives."""
    region.drop(PREFIX, folder(**changes))


def goes_well(region: Region) -> None:
    files = {"copy.jpg": picture(0), "note.jpg": b"no picture"}
    region.drop(PREFIX, {**folder(photos=8), **files, "9.jpg": b""})
    region.run()


def training_answer_is_lost(region: Region) -> None:
    region.services.company.will("submit_training", OutcomeUnknownError("It was cut off."))
    drop(region)
    region.run()


def inference_answer_is_lost(region: Region) -> None:
    region.services.company.will("submit_inference", OutcomeUnknownError("It was cut off."))
    drop(region)
    region.run()


def training_takes_too_long(region: Region) -> None:
    always(region, "check_training", answer(202, {"status": "STARTED"}))
    drop(region)
    region.run()


def inference_takes_too_long(region: Region) -> None:
    always(region, "check_inference", answer(202, {"status": "STARTED"}))
    drop(region)
    region.run()


def key_is_refused(region: Region) -> None:
    region.services.company.key = "another"
    drop(region)
    region.run()


def credits_are_used_up(region: Region) -> None:
    region.services.company.will("submit_training", answer(402, {"message": "Payment Required"}))
    region.services.company.will("balance", *[answer(200, {"credits": 0})] * 3)
    drop(region)
    region.run()


def provider_speaks_new_words(region: Region) -> None:
    region.services.company.will("check_training", answer(200, {"status": "MARINATING"}))
    drop(region)
    region.run()


def avatars_are_lost(region: Region) -> None:
    fetch = region.services.downloads.fetch
    region.services.downloads.fetch = lambda link, file: fetch(f"{link}?dead", file)
    drop(region)
    region.run()
    region.services.downloads.fetch = fetch


def avatars_are_fetched_late(region: Region) -> None:
    avatars_are_lost(region)
    region.run(30 * HOUR)
    region.start({"job_id": JOB_ID, "run": 1}, "by-hand")
    region.run()


def always(region: Region, call: str, reply: Any) -> None:
    """The provider says so however often it is asked."""
    region.services.company.will(call, *[reply] * 2000)

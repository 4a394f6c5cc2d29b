"""Many jobs at once, in threads, on a table that keeps its conditions: no cap is exceeded."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from avatars.aws.capacity import DynamoDBCapacity
from avatars.aws.jobs import DynamoDBJobs
from avatars.aws.owners import DynamoDBOwners
from avatars.aws.rows import Rows
from avatars.errors import InternalError
from avatars.model import Job
from avatars.pipeline.finishing import finish_job
from avatars.pipeline.training import recover_training, start_training
from avatars.settings import SpendingLimits
from tests.builders import a_job, a_run, chosen
from tests.chaos.aws import AWS_ENVIRONMENT, Engine
from tests.chaos.seam import Seam
from tests.contract.table import TABLE
from tests.fakes import FakeServices, answer
from tests.fakes.clock import NOON
from tests.fakes.services import ACCOUNT

JOBS = [f"job-{number:02}" for number in range(20)]
PRICE = 50 + 4 * 5


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServices]:
    """Twenty jobs of two owners, and room for seven on a day, five of each owner."""
    for name, value in AWS_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    limits = SpendingLimits(50, 5, per_day=7 * PRICE + 69, owner_per_day=5 * PRICE)
    services = FakeServices(spending=limits)
    engine = Engine(Seam())
    rows = Rows(engine.dynamodb, TABLE)
    services.jobs = DynamoDBJobs(rows)  # type: ignore[assignment]
    services.capacity = partial(DynamoDBCapacity, rows)  # type: ignore[method-assign]
    services.owners = DynamoDBOwners(rows)  # type: ignore[assignment]
    for number, name in enumerate(JOBS):
        services.jobs.create_job(job(name, "alice" if number % 2 else "bob"), a_run(job_id=name))
    yield services
    engine.close()


def job(name: str, owner: str) -> Job:
    return a_job(job_id=name, owner=owner, folder=name, chosen=chosen(range(1, 6)), chosen_at=NOON)


def start(services: FakeServices, name: str) -> str:
    """The step as the state machine takes it: where it fails, it is found out and tried again."""
    try:
        return start_training(services, name, 1)["status"]
    except TimeoutError:  # others were faster, twenty times in a row
        recover_training(services, name, 1, "TimeoutError")
        return start(services, name)


def test_twenty_jobs_at_once_spend_no_more_than_may_be_spent(services: FakeServices) -> None:
    with ThreadPoolExecutor(len(JOBS)) as pool:
        replies = Counter(pool.map(lambda name: start(services, name), JOBS))

    stack = services.capacity(ACCOUNT).spending()
    owners = [services.owners.change_spending(one, lambda known: known) for one in ("alice", "bob")]
    assert replies == {"ACCEPTED": 7, "WAITING": 13}
    assert len(services.company.requests("submit_training")) == 7
    assert (stack.spent, stack.committed) == (7 * 50, 7 * PRICE)
    assert all(one.committed <= 5 * PRICE for one in owners)
    assert sum(one.spent for one in owners) == 7 * 50


def test_what_all_give_back_at_once_is_there_again(services: FakeServices) -> None:
    services.company.will("submit_training", *[answer(429, retry_after="0")] * len(JOBS))

    def start_and_end(name: str) -> None:
        start(services, name)
        failure = {"Error": InternalError.__name__, "Cause": "{}"}
        finish_job(services, name, 1, failure)  # type: ignore[arg-type]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(start_and_end, JOBS))

    stack = services.capacity(ACCOUNT).spending()
    assert (stack.spent, dict(stack.reserved)) == (0, {})

"""Waiting for avatars: looks, patience, and the ways in which they do not come."""

import pytest

from avatars import keys
from avatars.errors import (
    InferenceFailedError,
    InferenceNotFoundError,
    InferenceOverdueError,
    ProviderKeyRefusedError,
)
from avatars.model import JobStatus, Prompt
from avatars.pipeline.inference import check_inference
from avatars.pipeline.looking import LookReply, Looks
from tests.builders import JOB_ID, inferring
from tests.fakes import FakeServices, answer
from tests.fakes.clock import NOON

NO_LOOKS: Looks = {"answered": 0, "not_found": 0}
RUNNING = answer(202, {"status": "IN_PROGRESS"})
LINKS = [f"https://cdn.results.test/{number}.jpg?signature=secret" for number in range(1, 5)]
DONE = answer(200, {"status": "DONE", "urls": LINKS})


@pytest.fixture
def services() -> FakeServices:
    services = FakeServices()
    inferring(services)
    return services


def look(services: FakeServices, looks: Looks = NO_LOOKS) -> LookReply:
    return check_inference(services, JOB_ID, 1, looks)


def test_finished_avatars_take_the_job_on_to_keeping(services: FakeServices) -> None:
    services.clock.move(30)
    services.company.will("check_inference", DONE)

    reply = look(services)

    run = services.jobs.run(JOB_ID, 1)
    assert (reply["status"], reply["batches"]) == ("READY", 1)
    assert services.jobs.job(JOB_ID).status is JobStatus.KEEPING
    assert (run.links, run.announced_at) == (4, NOON + 30)
    assert run.links_expire_at == NOON + 30 + 48 * 3600


def test_the_links_stay_in_the_raw_answer(services: FakeServices) -> None:
    services.company.will("check_inference", DONE)

    reply = look(services)

    assert services.answers.find(JOB_ID, keys.result_answer(1, 0)) == DONE
    assert "results.test" not in f"{reply}{services.jobs.job(JOB_ID)}{services.jobs.run(JOB_ID, 1)}"


def test_the_answer_is_kept_before_the_row_says_that_it_is_there(services: FakeServices) -> None:
    services.company.will("check_inference", DONE)

    look(services)

    names = services.effects.names
    request = names.index("check inference")
    assert names[request + 1] == "keep answer"


def test_avatars_that_are_known_to_be_finished_are_not_asked_for_again(
    services: FakeServices,
) -> None:
    services.company.will("check_inference", DONE)
    look(services)
    first = services.jobs.run(JOB_ID, 1)
    services.clock.move(60)

    again = look(services)

    assert (again["status"], again["batches"]) == ("READY", 1)
    assert services.jobs.run(JOB_ID, 1) == first
    assert len(services.company.requests("check_inference")) == 1


@pytest.mark.parametrize(("links", "batches"), [(1, 1), (20, 1), (21, 2), (120, 6)])
def test_twenty_avatars_are_a_batch(links: int, batches: int) -> None:
    services = FakeServices()
    inferring(services, [Prompt("realistic", links)])
    urls = [f"https://cdn.results.test/{number}.jpg" for number in range(links)]
    services.company.will("check_inference", answer(200, {"status": "DONE", "urls": urls}))

    assert look(services)["batches"] == batches


def test_done_without_a_link_is_not_done(services: FakeServices) -> None:
    services.company.will("check_inference", answer(200, {"status": "DONE", "urls": []}), DONE)

    early, late = look(services), look(services)

    assert (early["status"], early["batches"]) == ("RUNNING", 0)
    assert late["status"] == "READY"


def test_fewer_links_than_ordered_are_kept_as_they_are(services: FakeServices) -> None:
    services.company.will("check_inference", answer(200, {"status": "DONE", "urls": LINKS[:3]}))

    assert look(services)["status"] == "READY"
    assert services.jobs.run(JOB_ID, 1).links == 3


def test_running_inferences_are_looked_at_every_ten_seconds(services: FakeServices) -> None:
    services.clock.move(20)
    services.company.will("check_inference", RUNNING)

    reply = look(services)

    assert reply["status"] == "RUNNING"
    assert 10 <= reply["wait_seconds"] <= 11


def test_after_twice_the_advised_time_looks_get_rarer(services: FakeServices) -> None:
    services.clock.move(600)
    services.company.will("check_inference", RUNNING)

    assert 50 <= look(services)["wait_seconds"] <= 55


def test_an_inference_beyond_the_deadline_is_overdue(services: FakeServices) -> None:
    services.clock.move(3600)
    services.company.will("check_inference", RUNNING)

    with pytest.raises(InferenceOverdueError, match="inference-1"):
        look(services)


@pytest.mark.parametrize("word", ["FAILED", "error", "IMAGE_NOT_VALID"])
def test_a_failed_inference_ends_the_job_and_keeps_the_model(
    services: FakeServices, word: str
) -> None:
    failed = answer(200, {"status": word, "detail": "Prompt not allowed."})
    services.company.will("check_inference", failed)

    with pytest.raises(InferenceFailedError, match=r"Prompt not allowed\. The model is kept"):
        look(services)


def test_a_failure_without_a_reason_says_so(services: FakeServices) -> None:
    services.company.will("check_inference", answer(200, {"status": "FAILED"}))

    with pytest.raises(InferenceFailedError, match="gives no reason"):
        look(services)


def test_an_unknown_word_means_still_running(services: FakeServices) -> None:
    services.company.will("check_inference", answer(200, {"status": "MARINATING", "urls": LINKS}))

    reply = look(services)

    assert reply["status"] == "RUNNING"


def test_an_inference_that_is_not_found_is_lost_after_ten_minutes_and_two_looks(
    services: FakeServices,
) -> None:
    services.company.will("check_inference", *[answer(404)] * 3)
    early = look(services)
    services.clock.move(601)

    with pytest.raises(InferenceNotFoundError, match="inference-1"):
        look(services, early["looks"])


def test_a_rotated_key_is_fetched_at_once(services: FakeServices) -> None:
    services.rotate_key("key-2")
    services.company.will("check_inference", DONE)

    assert look(services)["status"] == "READY"


def test_a_key_that_is_refused_twice_needs_a_person(services: FakeServices) -> None:
    services.company.key = "another"

    with pytest.raises(ProviderKeyRefusedError):
        look(services)


@pytest.mark.parametrize("name", ["keep answer", "write run", "write job"])
def test_a_crash_while_the_links_are_noted_is_healed_by_the_next_look(
    services: FakeServices, name: str
) -> None:
    services.company.will("check_inference", DONE, DONE)
    services.effects.fail(name, OSError("down"))
    with pytest.raises(OSError, match="down"):
        look(services)

    reply = look(services)

    assert reply["status"] == "READY"
    assert services.answers.find(JOB_ID, keys.result_answer(1, 0)) is not None
    assert services.jobs.job(JOB_ID).status is JobStatus.KEEPING

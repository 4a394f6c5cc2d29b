"""Forgetting a job: everything goes but ids, and nothing begins it anew."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from avatars import keys
from avatars.errors import JobNotFoundError, RunRefusedError
from avatars.model import JobStatus, Sending, Stage
from avatars.pipeline.admission import Applicant, await_turn
from avatars.pipeline.erasing import STRAGGLERS, describe_receipt, erase_again, erase_job
from avatars.pipeline.keeping import keep_avatars
from avatars.pipeline.ordering import owned_job
from avatars.pipeline.running import begin_run, require_run
from avatars.pipeline.sweeping import sweep_jobs
from tests.builders import (
    EXECUTION,
    JOB_ID,
    PREFIX,
    a_job,
    a_photo,
    a_submission,
    an_avatar,
    chosen,
    inferring,
    stored,
    trained,
    training,
)
from tests.fakes import FakeServices, KilledError, answer
from tests.fakes.services import ACCOUNT, PICSART


@pytest.fixture
def finished(services: FakeServices, tmp_path: Path) -> FakeServices:
    """A job that has everything that a job can have."""
    inferring(services)
    services.executions.begin(EXECUTION.rpartition(":")[2], {})
    picture = tmp_path / "picture"
    picture.write_bytes(b"a picture")
    services.uploads.put(f"{PREFIX}1.jpg", b"a face")
    services.photos.put(JOB_ID, a_photo(1).photo_id, b"a face")
    services.jobs.put_photo(a_photo(1))
    for position in (1, 2):
        avatar = an_avatar(position)
        services.gallery.put(avatar.key or "", picture, "image/jpeg")
        services.jobs.put_avatar(avatar)
    services.gallery.put(keys.archive_key(JOB_ID, "all"), picture, "application/zip")
    services.answers.keep(JOB_ID, "training-001", answer(200, {}))
    return services


def left(services: FakeServices) -> list[str]:
    """The keys of all that is in the buckets."""
    return [*services.upload_bucket.versions, *services.avatar_bucket.versions]


def test_pictures_answers_and_rows_go_and_the_receipt_counts_them(finished: FakeServices) -> None:
    receipt = describe_receipt(erase_job(finished, "alice", JOB_ID))

    assert receipt["erased"] == {
        "uploads": 1, "photos": 1, "avatars": 2, "archives": 1, "answers": 1, "rows": 3,
    }  # fmt: skip
    assert left(finished) == []
    assert finished.jobs.photos(JOB_ID) == finished.jobs.avatars(JOB_ID, 1) == []
    assert finished.answers.find(JOB_ID, "training-001") is None


def test_the_model_that_the_provider_keeps_is_named(finished: FakeServices) -> None:
    receipt = describe_receipt(erase_job(finished, "alice", JOB_ID))

    [model] = receipt["left"]
    assert (model["what"], model["id"]) == ("model", "model-1")
    # Not that it could not be deleted there: not every provider is without a way.
    assert model["why"].startswith("We do not delete models at the provider: ask its support")


def test_a_model_whose_id_nobody_has_read_yet_is_named_before_the_answer_goes(
    services: FakeServices,
) -> None:
    intended = a_submission(Sending.INTENDED)
    stored(services, a_job(status=JobStatus.TRAINING, chosen=chosen([1]), training=intended))
    services.answers.keep(JOB_ID, keys.training_answer(1), answer(200, {"model_id": "model-9"}))

    erase_job(services, "alice", JOB_ID)
    sweep_jobs(services)

    receipt = services.jobs.receipt(JOB_ID)
    assert receipt
    assert receipt.model_id == services.jobs.job(JOB_ID).model_id == "model-9"
    assert left(services) == []


def test_an_answer_without_an_id_goes_all_the_same(services: FakeServices) -> None:
    intended = a_submission(Sending.INTENDED)
    stored(services, a_job(status=JobStatus.TRAINING, chosen=chosen([1]), training=intended))
    services.answers.keep(JOB_ID, keys.training_answer(1), answer(200, {}))

    erase_job(services, "alice", JOB_ID)
    sweep_jobs(services)

    receipt = services.jobs.receipt(JOB_ID)
    assert receipt
    assert receipt.erased.answers == 1
    assert left(services) == []


def test_for_its_owner_and_everybody_else_it_is_gone(finished: FakeServices) -> None:
    erase_job(finished, "alice", JOB_ID)

    with pytest.raises(JobNotFoundError):
        owned_job(finished, "alice", JOB_ID)
    assert finished.jobs.jobs_of("alice", 10).items == []


def test_a_job_that_is_at_work_is_stopped_and_its_steps_refuse(finished: FakeServices) -> None:
    receipt = erase_job(finished, "alice", JOB_ID)

    assert receipt.stopped
    assert finished.executions.status(EXECUTION) == "ABORTED"
    with pytest.raises(RunRefusedError):
        require_run(finished.jobs.job(JOB_ID), 1)


def test_its_place_at_the_provider_is_free_again(services: FakeServices) -> None:
    training(services)
    await_turn(services, Applicant(PICSART, Stage.TRAINING, JOB_ID, 1, 0, 0))

    erase_job(services, "alice", JOB_ID)

    assert services.capacity(ACCOUNT).leases(Stage.TRAINING).holders == {}


def test_nobody_makes_more_from_it(services: FakeServices) -> None:
    trained(services, status=JobStatus.COMPLETED)
    erase_job(services, "alice", JOB_ID)

    with pytest.raises(RunRefusedError, match="is erased"):
        begin_run(services, JOB_ID, f"{EXECUTION}-2", prompts=[{"style": "realistic"}])


def test_erasing_it_again_gives_the_same_receipt(finished: FakeServices) -> None:
    first = erase_job(finished, "alice", JOB_ID)

    assert erase_job(finished, "alice", JOB_ID) == first


def test_a_strangers_job_is_not_erased(finished: FakeServices) -> None:
    with pytest.raises(JobNotFoundError):
        erase_job(finished, "mallory", JOB_ID)

    assert len(left(finished)) == 5


def test_whatever_it_dies_at_erasing_again_erases_everything(
    finished: FakeServices,
) -> None:
    died = 0
    for moment in range(200):
        finished.effects.at_moment(moment, finished.effects.kill)
        try:
            erase_job(finished, "alice", JOB_ID)
        except KilledError:
            died += 1
            finished.effects.revive()
        else:
            break

    finished.effects.forget_plans()
    erase_job(finished, "alice", JOB_ID)

    assert died > 10
    assert left(finished) == []


class TestStragglers:
    def test_what_a_step_still_leaves_is_erased_by_the_sweep(
        self, finished: FakeServices, tmp_path: Path
    ) -> None:
        first = erase_job(finished, "alice", JOB_ID)
        finished.gallery.put(an_avatar(3).key or "", tmp_path / "picture", "image/jpeg")
        finished.jobs.put_avatar(an_avatar(3))

        over = erase_again(finished, finished.jobs.job(JOB_ID))

        assert not over
        assert left(finished) == []
        receipt = finished.jobs.receipt(JOB_ID)
        assert receipt
        assert receipt.erased.avatars == first.erased.avatars + 1
        assert receipt.stopped

    def test_once_there_can_be_none_the_owner_is_forgotten(self, finished: FakeServices) -> None:
        erase_job(finished, "alice", JOB_ID)
        finished.clock.move(STRAGGLERS)

        over = erase_again(finished, finished.jobs.job(JOB_ID))

        job = finished.jobs.job(JOB_ID)
        assert over
        assert "alice" not in repr(job)
        assert "summer" not in repr(job)
        assert (job.model_id, job.code) == ("model-1", "ERASED")
        assert finished.jobs.unfinished_runs() == []
        with pytest.raises(JobNotFoundError):
            erase_job(finished, "alice", JOB_ID)

    def test_the_answer_of_a_training_that_was_under_way_is_kept_by_its_id(
        self, services: FakeServices
    ) -> None:
        stored(services, a_job(status=JobStatus.TRAINING))
        erase_job(services, "alice", JOB_ID)
        services.jobs.change_job(JOB_ID, lambda job: replace(job, model_id="model-late"))
        services.clock.move(STRAGGLERS)

        erase_again(services, services.jobs.job(JOB_ID))

        receipt = services.jobs.receipt(JOB_ID)
        assert receipt
        assert receipt.model_id == "model-late"

    @pytest.mark.parametrize("step", [keep_avatars])
    def test_a_step_that_begins_afterwards_finds_nothing_to_do(
        self, finished: FakeServices, step: Callable[..., object]
    ) -> None:
        erase_job(finished, "alice", JOB_ID)

        step(finished, JOB_ID, 1, 0)

        assert left(finished) == []

"""Sweeping: what every event has missed is found, and nothing else is touched."""

from dataclasses import replace

import pytest

from avatars.keys import archive_key, avatar_key
from avatars.model import MOST_RESCUES, Erased, JobStatus
from avatars.pipeline.erasing import NOBODY, STRAGGLERS, erase_job
from avatars.pipeline.sweeping import LONGEST_RUN, PATIENCE, sweep_jobs
from tests.builders import (
    EXECUTION,
    FOLDER,
    JOB_ID,
    OWNER,
    PREFIX,
    a_job,
    a_photo,
    a_picture,
    a_run,
    an_avatar,
    dropped,
    judged,
    stored,
    training,
)
from tests.fakes import FakeClock, FakeServices, KilledError, answer
from tests.fakes.aws import execution_arn

NOTHING = dict.fromkeys(("runs", "started", "resumed", "closed", "asked", "cleared", "outlived"), 0)
"""The reply to a sweep that has found nothing to do."""


@pytest.fixture
def services() -> FakeServices:
    return FakeServices()


class TestRuns:
    def test_a_run_whose_execution_was_never_started_is_started(
        self, services: FakeServices
    ) -> None:
        stored(services, a_job(), run=a_run(execution=None))
        services.clock.move(PATIENCE)

        reply = sweep_jobs(services)

        assert reply["started"] == 1
        assert services.executions.started == [EXECUTION]

    def test_a_run_that_was_just_begun_is_left_alone(self, services: FakeServices) -> None:
        stored(services, a_job(), run=a_run(execution=None))
        services.clock.move(PATIENCE - 1)

        sweep_jobs(services)

        assert services.executions.started == []

    def test_a_run_whose_execution_runs_is_left_alone(self, services: FakeServices) -> None:
        self.running(services)

        reply = sweep_jobs(services)

        assert reply == NOTHING | {"runs": 1}
        assert services.jobs.job(JOB_ID).status is JobStatus.TRAINING

    @pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT"])
    def test_a_run_whose_execution_died_is_resumed(
        self, services: FakeServices, status: str
    ) -> None:
        self.running(services)
        services.executions.end(EXECUTION, status)

        reply = sweep_jobs(services)

        assert (reply["resumed"], reply["closed"]) == (1, 0)
        assert services.executions.started == [execution_arn(f"{JOB_ID}-1-1")]
        assert services.jobs.job(JOB_ID).status is JobStatus.TRAINING

    def test_a_run_that_dies_every_time_is_closed_in_the_end(self, services: FakeServices) -> None:
        self.running(services)
        services.executions.end(EXECUTION)
        for _ in range(MOST_RESCUES):
            sweep_jobs(services)
            services.clock.move(PATIENCE)

        reply = sweep_jobs(services)

        job = services.jobs.job(JOB_ID)
        assert reply["closed"] == 1
        assert (job.status, job.code) == (JobStatus.NEEDS_ATTENTION, "EXECUTION_ENDED")
        assert len(services.executions.started) == MOST_RESCUES

    def test_a_run_that_runs_beyond_all_deadlines_is_closed(self, services: FakeServices) -> None:
        self.running(services)
        services.clock.move(LONGEST_RUN)

        sweep_jobs(services)

        assert services.jobs.job(JOB_ID).code == "EXECUTION_ENDED"

    @pytest.mark.parametrize("status", ["ABORTED", "SUCCEEDED"])
    def test_a_job_whose_execution_ended_unheard_needs_attention(
        self, services: FakeServices, status: str
    ) -> None:
        self.running(services)
        services.executions.end(EXECUTION, status)

        reply = sweep_jobs(services)

        job = services.jobs.job(JOB_ID)
        assert reply["closed"] == 1
        assert (job.status, job.code) == (JobStatus.NEEDS_ATTENTION, "EXECUTION_ENDED")
        assert status in (job.reason or "")
        assert job.model_id == "model-1"

    def test_an_execution_that_step_functions_has_forgotten_ended_long_ago(
        self, services: FakeServices
    ) -> None:
        self.running(services)
        services.executions.running.clear()

        sweep_jobs(services)

        assert services.jobs.job(JOB_ID).code == "EXECUTION_ENDED"

    def test_an_execution_that_died_before_it_claimed_its_run_is_no_reason_to_start_again(
        self, services: FakeServices
    ) -> None:
        stored(services, a_job(), run=a_run(execution=None))
        services.executions.start(JOB_ID, 1)
        services.executions.end(EXECUTION)
        services.clock.move(PATIENCE)

        reply = sweep_jobs(services)

        assert (reply["started"], reply["resumed"]) == (0, 1)

    def test_a_run_that_the_job_never_heard_of_is_closed(self, services: FakeServices) -> None:
        ended = a_run(started_at=1, ended_at=2)
        stored(services, a_job(status=JobStatus.COMPLETED), run=ended)
        services.jobs.create_run(a_run(run=2))
        services.clock.move(PATIENCE)

        reply = sweep_jobs(services)

        assert reply["closed"] == 1
        assert services.jobs.unfinished_runs() == []
        assert services.jobs.job(JOB_ID).status is JobStatus.COMPLETED

    def test_a_run_whose_job_was_never_written_is_closed(self, services: FakeServices) -> None:
        services.jobs.create_run(a_run())
        services.clock.move(PATIENCE)

        sweep_jobs(services)

        assert services.jobs.unfinished_runs() == []

    def test_sweeping_twice_changes_nothing_more(self, services: FakeServices) -> None:
        self.running(services)
        services.executions.end(EXECUTION)
        sweep_jobs(services)
        notices = list(services.notices.published)

        again = sweep_jobs(services)

        assert (again["resumed"], again["closed"]) == (0, 0)
        assert services.notices.published == notices
        assert len(services.executions.started) == 1

    @staticmethod
    def running(services: FakeServices) -> None:
        training(services)
        services.jobs.change_run(JOB_ID, 1, lambda run: a_run(execution=EXECUTION, version=1))
        services.executions.running.add(EXECUTION)
        services.clock.move(PATIENCE)


class TestUploads:
    def test_a_folder_whose_every_event_was_lost_becomes_a_job(
        self, services: FakeServices
    ) -> None:
        services.uploads.put(f"{PREFIX}a.jpg", b"a photo")
        services.clock.move(PATIENCE)

        reply = sweep_jobs(services)

        [upload] = services.preparations.asked
        assert reply["asked"] == 1
        assert services.executions.started == [execution_arn(f"{JOB_ID}-1")]
        assert (upload.file, upload.bytes) == ("a.jpg", 7)
        assert services.uploads.read(f"{PREFIX}a.jpg", upload.version_id) == b"a photo"

    def test_only_the_uploads_without_a_verdict_are_judged(self, services: FakeServices) -> None:
        for file in ("0.jpg", "lost.jpg", "job.json", "start", ".DS_Store", "sub/"):
            services.uploads.put(f"{PREFIX}{file}", b"x")
        stored(services, a_job(), a_photo(0, file="0.jpg"))
        services.executions.running.add(EXECUTION)
        services.clock.move(PATIENCE)

        sweep_jobs(services)

        assert [upload.file for upload in services.preparations.asked] == ["lost.jpg"]

    def test_a_photo_that_was_overwritten_unheard_is_judged_again(
        self, services: FakeServices
    ) -> None:
        first = dropped(services, "a.jpg", a_picture(1))
        judged(services, first)
        services.clock.move(60)
        second = dropped(services, "a.jpg", a_picture(2))
        services.clock.move(PATIENCE)

        sweep_jobs(services)

        [asked] = services.preparations.asked
        assert asked.version_id == second.version_id
        photo = judged(services, asked)
        assert photo
        assert photo.upload_version == second.version_id

    def test_an_upload_that_has_just_arrived_is_left_to_its_event(
        self, services: FakeServices
    ) -> None:
        services.uploads.put(f"{PREFIX}a.jpg", b"a photo")

        sweep_jobs(services)

        assert services.preparations.asked == []
        assert services.jobs.find_job(JOB_ID) is None

    def test_a_job_that_takes_no_more_photos_is_left_alone(self, services: FakeServices) -> None:
        training(services)
        services.uploads.put(f"{PREFIX}late.jpg", b"a photo")
        services.clock.move(PATIENCE)

        sweep_jobs(services)

        assert services.preparations.asked == []

    def test_an_object_that_lies_in_no_folder_is_left_alone(self, services: FakeServices) -> None:
        services.uploads.put("uploads/astray.jpg", b"a photo")
        services.clock.move(PATIENCE)

        assert sweep_jobs(services)["asked"] == 0

    def test_an_event_that_comes_after_all_is_newer(self, services: FakeServices) -> None:
        upload = dropped(services, "a.jpg")
        services.clock.move(PATIENCE)

        sweep_jobs(services)

        [asked] = services.preparations.asked
        assert asked.sequencer < upload.sequencer


class TestErased:
    """A function that was at work when its job was erased may have left something behind."""

    def test_what_stragglers_have_left_is_erased(self, services: FakeServices) -> None:
        self.erased(services)
        self.leave_something(services)

        reply = sweep_jobs(services)

        assert (reply["runs"], reply["closed"]) == (1, 0)
        assert not services.upload_bucket.versions
        assert not services.avatar_bucket.versions
        assert services.answers.find(JOB_ID, "training-001") is None
        assert services.jobs.photos(JOB_ID) == []
        assert services.jobs.avatars(JOB_ID, 1) == []

    def test_the_receipt_counts_that_too(self, services: FakeServices) -> None:
        self.erased(services)
        before = services.jobs.receipt(JOB_ID)
        self.leave_something(services)

        sweep_jobs(services)

        after = services.jobs.receipt(JOB_ID)
        assert before
        assert after
        assert after.erased == before.erased + Erased(1, 1, 1, 1, 1, rows=2)
        assert (after.erased_at, after.stopped) == (before.erased_at, before.stopped)

    @pytest.mark.parametrize("scale", [1.0, 0.01])
    def test_after_a_quarter_of_an_hour_of_the_wall_it_is_forgotten_whose_it_was(
        self, scale: float
    ) -> None:
        services = FakeServices(FakeClock(scale))
        self.erased(services)
        services.clock.move(services.clock.from_wall(STRAGGLERS) - 1)
        early = sweep_jobs(services)
        known = services.jobs.job(JOB_ID).owner
        services.clock.move(1)

        reply = sweep_jobs(services)

        job = services.jobs.job(JOB_ID)
        assert (early["closed"], known) == (0, OWNER)
        assert reply["closed"] == 1
        assert (job.owner, job.folder, job.chosen) == (NOBODY, "", ())
        assert (job.status, job.model_id) == (JobStatus.FAILED, "model-1")
        assert services.jobs.unfinished_runs() == []

    def test_so_is_a_webhook_that_was_noted_while_it_was_erased(
        self, services: FakeServices
    ) -> None:
        self.erased(services)
        late = "https://example.com/hooks/a-secret-path"
        services.jobs.change_job(JOB_ID, lambda job: replace(job, webhook=late))
        services.clock.move(STRAGGLERS)

        sweep_jobs(services)

        assert services.jobs.job(JOB_ID).webhook is None

    def test_then_there_is_nothing_to_do_any_more(self, services: FakeServices) -> None:
        self.erased(services)
        services.clock.move(STRAGGLERS)
        sweep_jobs(services)
        receipt = services.jobs.receipt(JOB_ID)

        again = sweep_jobs(services)

        assert again == NOTHING
        assert services.jobs.receipt(JOB_ID) == receipt

    def test_two_runs_of_it_do_not_stand_in_each_others_way(self, services: FakeServices) -> None:
        self.erased(services)
        services.jobs.create_run(a_run(run=2))
        services.clock.move(STRAGGLERS)

        sweep_jobs(services)

        assert services.jobs.unfinished_runs() == []

    def test_a_crash_between_forgetting_and_the_last_row_is_healed(
        self, services: FakeServices
    ) -> None:
        self.erased(services)
        services.clock.move(STRAGGLERS)
        services.effects.after("write job", services.effects.kill)
        with pytest.raises(KilledError):
            sweep_jobs(services)
        services.effects.revive()

        sweep_jobs(services)

        assert services.jobs.job(JOB_ID).owner == NOBODY
        assert services.jobs.unfinished_runs() == []

    def test_nothing_of_it_is_started_resumed_or_told(self, services: FakeServices) -> None:
        self.erased(services)
        services.clock.move(PATIENCE)

        reply = sweep_jobs(services)

        assert (reply["started"], reply["resumed"]) == (0, 0)
        assert services.executions.started == []
        assert services.notices.published == []

    @pytest.mark.parametrize("forgotten", [False, True])
    def test_uploads_into_its_folder_are_erased_and_not_judged(
        self, services: FakeServices, forgotten: bool
    ) -> None:
        self.erased(services)
        if forgotten:
            services.clock.move(STRAGGLERS)
            sweep_jobs(services)
        for file in ("late.jpg", "job.json"):
            services.uploads.put(f"{PREFIX}{file}", b"a photo")
        services.uploads.put("uploads/alice/summer2/1.jpg", b"another job's")
        services.clock.move(PATIENCE)

        sweep_jobs(services)

        assert [key for key in services.upload_bucket.versions if key.startswith(PREFIX)] == []
        assert [upload.folder for upload in services.preparations.asked] == ["summer2"]
        assert services.jobs.job(JOB_ID).erased_at is not None

    @staticmethod
    def erased(services: FakeServices) -> None:
        training(services)
        erase_job(services, OWNER, JOB_ID)

    @staticmethod
    def leave_something(services: FakeServices) -> None:
        services.uploads.put(f"{PREFIX}1.jpg", b"a photo")
        services.photos.put(JOB_ID, "p1", b"a photo")
        services.avatar_bucket.put(avatar_key(OWNER, FOLDER, 1, 1, "anime", "png"), b"an avatar")
        services.avatar_bucket.put(archive_key(JOB_ID, "contents"), b"an archive")
        services.answers.keep(JOB_ID, "training-001", answer(202))
        services.jobs.put_photo(a_photo(1))
        services.jobs.put_avatar(an_avatar(1))

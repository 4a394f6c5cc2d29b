"""How long photos and avatars are kept: to the day, and in all versions."""

from dataclasses import replace
from pathlib import Path

import pytest

from avatars.model import Allowance, AvatarStatus, JobStatus, Ordered
from avatars.pipeline.describing import describe_job
from avatars.pipeline.erasing import STRAGGLERS, describe_receipt, erase_job
from avatars.pipeline.finishing import finish_job
from avatars.pipeline.preparing import prepare_photo
from avatars.pipeline.running import begin_run
from avatars.pipeline.sweeping import PATIENCE, SweepReply, sweep_jobs
from avatars.pipeline.uploading import judge_photo
from tests.builders import (
    DAY,
    EXECUTION,
    JOB_ID,
    PREFIX,
    a_photo,
    a_picture,
    an_avatar,
    dropped,
    inferring,
    ready_to_train,
)
from tests.fakes import FakeServices, KilledError

OVERDUE = {"Error": "TrainingOverdueError"}
"""Why a job needs attention whose training may still be accepted."""


def ended(tmp_path: Path, **settings: int) -> FakeServices:
    """A job that has just been completed, with photos in two versions and four avatars."""
    services = FakeServices(**settings)
    inferring(services)
    file = tmp_path / "avatar"
    file.write_bytes(b"an avatar")
    for _ in range(2):
        services.uploads.put(f"{PREFIX}001.jpg", b"a face")
        version = services.photos.put(JOB_ID, a_photo(1).photo_id, b"a face")
    services.jobs.put_photo(a_photo(1, version_id=version))
    for position in range(1, 5):
        avatar = an_avatar(position)
        services.gallery.put(avatar.key or "", file, "image/jpeg")
        services.jobs.put_avatar(avatar)
    assert finish_job(services, JOB_ID, 1)["status"] == JobStatus.COMPLETED
    return services


def swept(services: FakeServices) -> tuple[int, int]:
    """How many jobs a sweep has taken the photos from, and how many it has erased."""
    reply: SweepReply = sweep_jobs(services)
    return reply["cleared"], reply["outlived"]


def photos(services: FakeServices) -> list[str]:
    return list(services.upload_bucket.versions)


def avatars(services: FakeServices) -> list[str]:
    return list(services.avatar_bucket.versions)


class TestPhotos:
    def test_by_default_they_go_when_the_job_ends(self, tmp_path: Path) -> None:
        services = ended(tmp_path)

        assert photos(services) == []
        assert swept(services) == (0, 0)

    def test_kept_for_a_week_they_are_there_until_its_last_second(self, tmp_path: Path) -> None:
        services = ended(tmp_path, upload_retention=7 * DAY)
        services.clock.move(7 * DAY - 1)

        assert swept(services) == (0, 0)
        assert len(photos(services)) == 2
        [photo] = describe_job(services, services.jobs.job(JOB_ID))["photos"]
        assert photo["link"]

    def test_after_it_they_go_in_all_versions_and_the_avatars_stay(self, tmp_path: Path) -> None:
        services = ended(tmp_path, upload_retention=7 * DAY)
        services.clock.move(7 * DAY)

        assert swept(services) == (1, 0)
        assert photos(services) == []
        assert len(avatars(services)) == 4
        [photo] = describe_job(services, services.jobs.job(JOB_ID))["photos"]
        assert photo["link"] is None
        assert swept(services) == (0, 0)

    def test_a_shorter_time_holds_at_once_also_for_what_was_kept_before(
        self, tmp_path: Path
    ) -> None:
        services = ended(tmp_path, upload_retention=365 * DAY)
        services.settings = replace(services.settings, upload_retention=0)

        assert swept(services) == (1, 0)
        assert photos(services) == []

    def test_a_late_photo_of_such_a_job_waits_for_the_same_sweep(self, tmp_path: Path) -> None:
        services = ended(tmp_path, upload_retention=7 * DAY)
        upload = dropped(services, "late.jpg", a_picture(9, side=600))
        judge_photo(services, upload, prepare_photo(services, upload))
        assert len(photos(services)) == 4
        services.clock.move(7 * DAY)

        swept(services)

        assert photos(services) == []

    def test_those_that_a_person_may_still_need_are_left_to_the_rule_of_the_bucket(self) -> None:
        services = FakeServices(upload_retention=DAY)
        ready_to_train(services)
        services.uploads.put(f"{PREFIX}001.jpg", b"a face")
        assert finish_job(services, JOB_ID, 1, OVERDUE)["status"] == JobStatus.NEEDS_ATTENTION  # type: ignore[arg-type]
        services.clock.move(2 * DAY)

        assert swept(services) == (0, 0)
        assert len(photos(services)) == 1

    def test_while_more_avatars_are_made_nothing_goes(self, tmp_path: Path) -> None:
        services = ended(tmp_path, upload_retention=DAY, avatar_retention=DAY)
        begin_run(services, JOB_ID, f"{EXECUTION}-2", prompts=[{"style": "realistic"}])
        services.clock.move(300)

        assert swept(services) == (0, 0)
        assert len(photos(services)) == 2

    def test_while_they_are_kept_the_sweep_for_lost_uploads_reads_none_of_their_jobs(
        self, tmp_path: Path
    ) -> None:
        services = ended(tmp_path, upload_retention=7 * DAY)
        services.clock.move(DAY)
        before = len(services.effects.names)

        swept(services)

        assert "list uploads" in services.effects.names[before:]
        assert "read job" not in services.effects.names[before:]

    def test_they_go_though_the_sweep_never_comes_to_the_end_of_all_uploads(
        self, tmp_path: Path
    ) -> None:
        services = ended(tmp_path, upload_retention=DAY)
        services.clock.move(DAY)
        services.effects.before("list uploads", services.effects.kill)

        with pytest.raises(KilledError):
            sweep_jobs(services)

        services.effects.revive()
        assert photos(services) == []

    def test_once_they_are_gone_another_run_keeps_none(self, tmp_path: Path) -> None:
        services = ended(tmp_path, upload_retention=DAY)
        services.clock.move(DAY)
        swept(services)
        begin_run(services, JOB_ID, f"{EXECUTION}-2", prompts=[{"style": "realistic"}])
        services.jobs.put_avatar(an_avatar(1, run=2))

        finish_job(services, JOB_ID, 2)

        assert not services.jobs.job(JOB_ID).keeps_photos


class TestAvatars:
    def test_by_default_they_stay(self, tmp_path: Path) -> None:
        services = ended(tmp_path)
        services.clock.move(3650 * DAY)

        assert swept(services) == (0, 0)
        assert len(avatars(services)) == 4

    def test_they_are_there_until_the_last_second(self, tmp_path: Path) -> None:
        services = ended(tmp_path, avatar_retention=30 * DAY)
        services.clock.move(30 * DAY - 1)

        assert swept(services) == (0, 0)

    @pytest.mark.parametrize("upload_retention", [0, 60 * DAY])
    def test_then_the_job_is_erased_as_by_its_owner_and_the_receipt_says_why(
        self, tmp_path: Path, upload_retention: int
    ) -> None:
        services = ended(tmp_path, avatar_retention=30 * DAY, upload_retention=upload_retention)
        services.clock.move(30 * DAY)

        assert swept(services) == (0, 1)
        assert photos(services) == avatars(services) == []
        receipt = services.jobs.receipt(JOB_ID)
        assert receipt
        told = describe_receipt(receipt)
        assert (told["cause"], told["erased"]["avatars"]) == ("retention", 4)
        assert [left["id"] for left in told["left"]] == ["model-1"]
        assert services.jobs.job(JOB_ID).code == "RETENTION_OVER"

    def test_a_job_that_failed_goes_too(self) -> None:
        services = FakeServices(avatar_retention=DAY)
        ready_to_train(services)
        finish_job(services, JOB_ID, 1, {"Error": "TooFewPhotosError"})
        services.clock.move(DAY)

        assert swept(services) == (0, 1)

    def test_a_further_run_begins_the_time_anew(self, tmp_path: Path) -> None:
        services = ended(tmp_path, avatar_retention=30 * DAY)
        services.clock.move(29 * DAY)
        begin_run(services, JOB_ID, f"{EXECUTION}-2", prompts=[{"style": "realistic"}])
        services.jobs.put_avatar(an_avatar(1, run=2, status=AvatarStatus.KEPT))
        finish_job(services, JOB_ID, 2)
        services.clock.move(2 * DAY)

        assert swept(services) == (0, 0)

    @pytest.mark.parametrize("effect", ["write run", "write job"])
    def test_who_begins_with_it_again_just_before_it_is_erased_is_not_stopped(
        self, tmp_path: Path, effect: str
    ) -> None:
        services = ended(tmp_path, avatar_retention=DAY)
        services.clock.move(DAY)
        another = services.executions.begin("by-hand", {})
        services.effects.before(effect, lambda: begin_run(services, JOB_ID, another))

        assert swept(services) == (0, 0)
        assert services.jobs.job(JOB_ID).status is JobStatus.INFERRING
        assert services.jobs.run(JOB_ID, 2).prompts
        assert len(avatars(services)) == 4

        services.clock.move(PATIENCE)
        swept(services)

        assert services.jobs.unfinished_runs() == [(JOB_ID, 2)]

    def test_the_owner_is_forgotten_by_the_next_sweep_and_so_are_old_orders(
        self, tmp_path: Path
    ) -> None:
        services = ended(tmp_path, avatar_retention=30 * DAY)
        ordered_by_alice(services)
        services.clock.move(30 * DAY)
        swept(services)
        services.clock.move(STRAGGLERS)

        swept(services)

        assert "alice" not in repr(services.jobs.job(JOB_ID))
        assert allowance(services) == Allowance()
        assert services.jobs.unfinished_runs() == []

    def test_whatever_it_dies_at_the_next_sweeps_erase_everything(self, tmp_path: Path) -> None:
        services = ended(tmp_path, avatar_retention=DAY, upload_retention=DAY)
        services.clock.move(DAY)
        died = 0
        for moment in range(300):
            services.effects.at_moment(moment, services.effects.kill)
            try:
                sweep_jobs(services)
            except KilledError:
                died += 1
                services.effects.revive()
            else:
                break
        services.effects.forget_plans()
        services.clock.move(STRAGGLERS)

        sweep_jobs(services)

        assert died > 10
        assert photos(services) == avatars(services) == []
        receipt = services.jobs.receipt(JOB_ID)
        assert receipt
        assert receipt.cause == "retention"


class TestOwner:
    def test_an_order_of_today_counts_on_and_needs_the_owner_for_a_day(
        self, tmp_path: Path
    ) -> None:
        services = ended(tmp_path)
        ordered_by_alice(services)
        erase_job(services, "alice", JOB_ID)
        services.clock.move(STRAGGLERS)
        sweep_jobs(services)

        assert len(allowance(services).orders) == 1
        assert JOB_ID not in repr(allowance(services))
        assert services.jobs.job(JOB_ID).folder == ""

        services.clock.move(DAY)
        sweep_jobs(services)

        assert allowance(services) == Allowance()
        assert "alice" not in repr(services.jobs.job(JOB_ID))

    def test_what_counts_of_other_jobs_stays(self, tmp_path: Path) -> None:
        services = ended(tmp_path)
        ordered_by_alice(services, JOB_ID)
        ordered_by_alice(services, "ANOTHER")
        services.clock.move(DAY)
        erase_job(services, "alice", JOB_ID)
        services.clock.move(STRAGGLERS)

        sweep_jobs(services)

        assert "ANOTHER" in allowance(services).orders
        assert owned(services) is None


def ordered_by_alice(services: FakeServices, job_id: str = JOB_ID) -> None:
    now = services.clock.now()
    services.owners.change_allowance(
        "alice", lambda known: replace(known, orders={**known.orders, job_id: Ordered(now)})
    )


def allowance(services: FakeServices) -> Allowance:
    return services.owners.change_allowance("alice", lambda known: known)


def owned(services: FakeServices) -> object:
    job = services.jobs.find_job(JOB_ID)
    return job if job and job.owner == "alice" else None

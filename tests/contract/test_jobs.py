"""The table of jobs: DynamoDB and the fake keep the same promises."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from avatars.aws.jobs import DynamoDBJobs
from avatars.errors import JobNotFoundError
from avatars.model import (
    AvatarStatus,
    ChosenPhoto,
    Job,
    JobStatus,
    PhotoStatus,
    Prompt,
    Sending,
    Stage,
    Waiter,
    Waiting,
    WaitReason,
)
from avatars.ports import Jobs
from tests.builders import (
    JOB_ID,
    a_job,
    a_photo,
    a_run,
    a_submission,
    an_avatar,
)
from tests.contract.table import rows
from tests.fakes import FakeJobs


def dynamodb_jobs() -> Jobs:
    return DynamoDBJobs(rows())


@pytest.fixture(params=["fake", "DynamoDB"])
def jobs(request: pytest.FixtureRequest) -> Jobs:
    if request.param == "fake":
        return FakeJobs()
    request.getfixturevalue("aws")
    return dynamodb_jobs()


class TestRows:
    def test_a_job_comes_back_as_it_was_stored(self, jobs: Jobs) -> None:
        job = a_job(
            owner="Ålice",
            folder="100% + Été",
            status=JobStatus.TRAINING,
            promised=7,
            chosen=(ChosenPhoto("p1", "v1"), ChosenPhoto("p2", "v2")),
            chosen_at=1,
            training=a_submission(Sending.NOT_SENT),
            model_id="model-1",
            trained_at=2,
            code="A_CODE",
            reason="A reason.",
        )

        jobs.create_job(job, a_run())

        assert jobs.job(JOB_ID) == jobs.find_job(JOB_ID) == job

    def test_a_job_with_nothing_but_the_necessary_comes_back(self, jobs: Jobs) -> None:
        jobs.create_job(a_job(), a_run(execution=None, started_at=None))

        assert jobs.job(JOB_ID) == a_job()
        assert jobs.run(JOB_ID, 1) == a_run(execution=None, started_at=None)

    def test_a_run_comes_back_as_it_was_stored(self, jobs: Jobs) -> None:
        run = a_run(
            run=12,
            prompts=(Prompt("anime", 2, "at sea"), Prompt("3d")),
            inference=a_submission(Sending.ACCEPTED),
            inference_id="inference-1",
            links=4,
            links_expire_at=9,
            status=JobStatus.COMPLETED,
        )

        jobs.create_run(run)

        assert jobs.run(JOB_ID, 12) == run

    def test_photos_come_back_as_they_were_stored(self, jobs: Jobs) -> None:
        accepted = a_photo(1, crop=(0, 10, 300, 310), bytes=12_345)
        rejected = a_photo(
            2, status=PhotoStatus.REJECTED, code="blank_image", reason="…", version_id=None
        )
        for photo in (accepted, rejected):
            assert jobs.put_photo(photo)

        assert jobs.photo(JOB_ID, accepted.photo_id) == accepted
        assert sorted(jobs.photos(JOB_ID), key=lambda photo: photo.file) == [accepted, rejected]

    def test_avatars_come_back_by_position_and_by_run(self, jobs: Jobs) -> None:
        kept, missing = an_avatar(10), an_avatar(9, status=AvatarStatus.MISSING, key=None)
        for avatar in (kept, missing, an_avatar(1, run=2)):
            jobs.put_avatar(avatar)

        assert jobs.avatars(JOB_ID, 1) == [missing, kept]

    def test_a_missing_avatar_may_be_kept_after_all(self, jobs: Jobs) -> None:
        jobs.put_avatar(an_avatar(1, status=AvatarStatus.MISSING, key=None, reason="404"))

        jobs.put_avatar(an_avatar(1))

        assert jobs.avatars(JOB_ID, 1) == [an_avatar(1)]

    def test_a_kept_avatar_is_never_lost_again(self, jobs: Jobs) -> None:
        jobs.put_avatar(an_avatar(1))

        jobs.put_avatar(an_avatar(1, status=AvatarStatus.MISSING, key=None, reason="404"))

        assert jobs.avatars(JOB_ID, 1) == [an_avatar(1)]

    def test_one_job_knows_nothing_of_another(self, jobs: Jobs) -> None:
        jobs.create_job(a_job(job_id="ANOTHER"), a_run(job_id="ANOTHER"))
        jobs.put_photo(a_photo(1, job_id="ANOTHER"))

        assert jobs.find_job(JOB_ID) is None
        assert jobs.photos(JOB_ID) == []
        assert jobs.avatars(JOB_ID, 1) == []

    def test_what_is_not_there_is_said_so(self, jobs: Jobs) -> None:
        assert jobs.find_job(JOB_ID) is None
        assert jobs.photo(JOB_ID, "nobody") is None
        for look in (lambda: jobs.job(JOB_ID), lambda: jobs.run(JOB_ID, 1)):
            with pytest.raises(JobNotFoundError):
                look()

    def test_a_whole_gallery_is_read(self, jobs: Jobs) -> None:
        for position in range(1, 121):
            jobs.put_avatar(an_avatar(position))

        positions = [avatar.position for avatar in jobs.avatars(JOB_ID, 1)]
        assert positions == list(range(1, 121))


class TestCreate:
    def test_the_job_that_was_first_stands(self, jobs: Jobs) -> None:
        first = jobs.create_job(a_job(), a_run())

        second = jobs.create_job(a_job(created_at=1), a_run(started_at=1))

        assert second == first == jobs.job(JOB_ID)
        assert jobs.run(JOB_ID, 1) == a_run()

    def test_the_run_that_was_first_stands(self, jobs: Jobs) -> None:
        first = jobs.create_run(a_run(run=2, execution="one"))

        second = jobs.create_run(a_run(run=2, execution="another"))

        assert second == first == jobs.run(JOB_ID, 2)


class TestChange:
    def test_it_is_stored_with_a_new_version(self, jobs: Jobs) -> None:
        jobs.create_job(a_job(), a_run())

        changed = jobs.change_job(JOB_ID, lambda job: replace(job, model_id="model-1"))

        assert changed == jobs.job(JOB_ID) == a_job(model_id="model-1", version=1)

    def test_so_is_one_of_a_run(self, jobs: Jobs) -> None:
        jobs.create_job(a_job(), a_run())

        jobs.change_run(JOB_ID, 1, lambda run: replace(run, links=4))
        changed = jobs.change_run(JOB_ID, 1, lambda run: replace(run, links=5))

        assert changed == jobs.run(JOB_ID, 1) == a_run(links=5, version=2)

    def test_no_change_stores_nothing(self, jobs: Jobs) -> None:
        jobs.create_job(a_job(), a_run())

        same = jobs.change_job(JOB_ID, lambda job: replace(job))

        assert same == jobs.job(JOB_ID) == a_job()

    def test_an_error_stores_nothing(self, jobs: Jobs) -> None:
        jobs.create_job(a_job(), a_run())

        def refuse(job: Job) -> Job:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            jobs.change_job(JOB_ID, refuse)

        assert jobs.job(JOB_ID) == a_job()

    def test_a_value_can_be_taken_away(self, jobs: Jobs) -> None:
        jobs.create_job(a_job(code="A_CODE"), a_run())

        jobs.change_job(JOB_ID, lambda job: replace(job, code=None))

        assert jobs.job(JOB_ID).code is None

    def test_it_is_decided_again_where_somebody_else_was_faster(self, jobs: Jobs) -> None:
        jobs.create_job(a_job(promised=0), a_run())
        seen: list[int | None] = []

        def one_more(job: Job) -> Job:
            if not seen:
                jobs.change_job(JOB_ID, lambda job: replace(job, promised=10))
            seen.append(job.promised)
            return replace(job, promised=(job.promised or 0) + 1)

        jobs.change_job(JOB_ID, one_more)

        assert seen == [0, 10]
        assert jobs.job(JOB_ID).promised == 11

    def test_of_two_that_may_not_both_happen_one_sees_the_other(self, jobs: Jobs) -> None:
        jobs.create_job(a_job(), a_run())

        def claim(name: str, before_writing: Callable[[], object]) -> Callable[[Job], Job]:
            def change(job: Job) -> Job:
                if job.model_id:
                    return job
                before_writing()
                return replace(job, model_id=name)

            return change

        faster = claim("faster", lambda: None)
        stands = jobs.change_job(JOB_ID, claim("slower", lambda: jobs.change_job(JOB_ID, faster)))

        assert stands.model_id == jobs.job(JOB_ID).model_id == "faster"

    def test_nobody_changes_what_is_not_there(self, jobs: Jobs) -> None:
        with pytest.raises(JobNotFoundError):
            jobs.change_job(JOB_ID, lambda job: job)


class TestVerdicts:
    def test_a_newer_upload_replaces_an_older_one(self, jobs: Jobs) -> None:
        jobs.put_photo(a_photo(1, sequencer="0A0"))

        stored = jobs.put_photo(a_photo(1, sequencer="0B0", code="newer"))

        assert stored
        assert jobs.photos(JOB_ID) == [a_photo(1, sequencer="0B0", code="newer")]

    def test_an_older_one_never_replaces_a_newer_one(self, jobs: Jobs) -> None:
        jobs.put_photo(a_photo(1, sequencer="0B0"))

        stored = jobs.put_photo(a_photo(1, sequencer="0A0", code="older"))

        assert not stored
        assert jobs.photos(JOB_ID) == [a_photo(1, sequencer="0B0")]

    def test_the_verdict_on_the_same_upload_may_change(self, jobs: Jobs) -> None:
        jobs.put_photo(a_photo(1))

        stored = jobs.put_photo(a_photo(1, status=PhotoStatus.LATE))

        assert stored
        assert jobs.photos(JOB_ID) == [a_photo(1, status=PhotoStatus.LATE)]


def test_a_row_that_is_contended_without_end_is_given_up(aws: None) -> None:
    jobs = dynamodb_jobs()
    jobs.create_job(a_job(promised=0), a_run())

    def always_too_late(job: Job) -> Job:
        jobs.change_job(JOB_ID, lambda newest: replace(newest, promised=(newest.promised or 0) + 1))
        return replace(job, code="too late")

    with pytest.raises(TimeoutError, match="too many at once"):
        jobs.change_job(JOB_ID, always_too_late)


class TestWaitingRuns:
    def test_they_are_listed_in_the_order_in_which_they_became_ready(self, jobs: Jobs) -> None:
        for number, since in ((1, 300), (2, 100), (3, 200)):
            jobs.create_run(a_run(run=number, waiting=self.waiting(since)))

        assert jobs.waiting_runs(Stage.TRAINING, 10) == [
            Waiter(100, f"{JOB_ID}-2", 1100),
            Waiter(200, f"{JOB_ID}-3", 1200),
            Waiter(300, f"{JOB_ID}-1", 1300),
        ]

    def test_no_more_are_read_than_asked_for(self, jobs: Jobs) -> None:
        for number in range(1, 6):
            jobs.create_run(a_run(run=number, waiting=self.waiting(number)))

        assert [waiter.since for waiter in jobs.waiting_runs(Stage.TRAINING, 2)] == [1, 2]

    def test_each_stage_has_a_line_of_its_own(self, jobs: Jobs) -> None:
        jobs.create_run(a_run(waiting=self.waiting(1)))

        assert jobs.waiting_runs(Stage.INFERENCE, 10) == []

    def test_who_waits_no_longer_is_not_listed(self, jobs: Jobs) -> None:
        jobs.create_run(a_run(waiting=self.waiting(1)))

        jobs.change_run(JOB_ID, 1, lambda run: replace(run, waiting=None))

        assert jobs.waiting_runs(Stage.TRAINING, 10) == []

    def test_what_is_waited_for_comes_back_as_it_was_stored(self, jobs: Jobs) -> None:
        run = a_run(waiting=self.waiting(1))

        jobs.create_run(run)

        assert jobs.run(JOB_ID, 1) == run

    @staticmethod
    def waiting(since: int) -> Waiting:
        return Waiting(Stage.TRAINING, WaitReason.CAPACITY, since, since + 1000, ahead=3)


class TestUnfinishedRuns:
    def test_they_are_listed_oldest_first(self, jobs: Jobs) -> None:
        jobs.create_run(a_run(run=2, started_at=200))
        jobs.create_run(a_run(run=1, started_at=100))

        assert jobs.unfinished_runs() == [(JOB_ID, 1), (JOB_ID, 2)]

    def test_a_run_that_has_ended_is_not_listed(self, jobs: Jobs) -> None:
        jobs.create_run(a_run(started_at=100))
        jobs.change_run(JOB_ID, 1, lambda run: replace(run, ended_at=300))

        assert jobs.unfinished_runs() == []

    def test_a_run_that_was_taken_up_again_is_listed_again(self, jobs: Jobs) -> None:
        jobs.create_run(a_run(started_at=100, ended_at=300))
        jobs.change_run(JOB_ID, 1, lambda run: replace(run, ended_at=None))

        assert jobs.unfinished_runs() == [(JOB_ID, 1)]
        assert jobs.run(JOB_ID, 1).ended_at is None

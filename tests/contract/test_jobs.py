"""The table of jobs: DynamoDB and the fake keep the same promises."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeSerializer

from avatars.aws.jobs import DynamoDBJobs
from avatars.aws.rows import Rows
from avatars.errors import BadCursorError, JobNotFoundError
from avatars.model import (
    ArchiveClaim,
    Avatar,
    AvatarStatus,
    Cause,
    ChosenPhoto,
    Consent,
    DoorName,
    Erased,
    Inference,
    Job,
    JobStatus,
    PhotoStatus,
    Prompt,
    Receipt,
    Sending,
    Stage,
    Waiter,
    Waiting,
    WaitReason,
    job_id_for,
)
from avatars.ports import Jobs
from tests.builders import (
    JOB_ID,
    OWNER,
    a_job,
    a_photo,
    a_run,
    a_submission,
    an_avatar,
    an_inference,
)
from tests.contract.table import TABLE, rows
from tests.fakes import FakeJobs
from tests.fakes.clock import NOON
from tests.fakes.services import ACCOUNT


def dynamodb_jobs() -> Jobs:
    return DynamoDBJobs(rows())


@pytest.fixture(params=["fake", "DynamoDB"])
def jobs(request: pytest.FixtureRequest) -> Jobs:
    if request.param == "fake":
        return FakeJobs()
    request.getfixturevalue("aws")
    return dynamodb_jobs()


@pytest.mark.parametrize("kind", ["fake", "DynamoDB"])
def test_whoever_listens_is_told_of_each_job_that_is_read_or_stored(
    kind: str, request: pytest.FixtureRequest
) -> None:
    seen: list[str | None] = []

    def see(job: Job) -> None:
        seen.append(job.model_id)

    if kind == "fake":
        jobs: Jobs = FakeJobs(seen=see)
    else:
        request.getfixturevalue("aws")
        jobs = DynamoDBJobs(rows(), see)

    jobs.create_job(a_job(), a_run())
    jobs.job(JOB_ID)
    jobs.change_job(JOB_ID, lambda job: replace(job, model_id="model-1"))
    jobs.run(JOB_ID, 1)
    jobs.find_job("another")

    assert (seen[:2], seen[-1]) == ([None, None], "model-1")


class TestRows:
    def test_a_job_comes_back_as_it_was_stored(self, jobs: Jobs) -> None:
        job = a_job(
            owner="Ålice",
            folder="100% + Été",
            status=JobStatus.TRAINING,
            promised=7,
            chosen=(ChosenPhoto("p1", "v1"), ChosenPhoto("p2", "v2")),
            chosen_at=1,
            training=a_submission(Sending.NOT_SENT, looks=(300, 480, 3600)),
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
            inferences=(
                an_inference(
                    submission=a_submission(Sending.ACCEPTED, looks=(20, 31, 3600)),
                    photo_id="photo-2",
                    fruitless=("inference-0",),
                    links=4,
                    links_expire_at=9,
                ),
                Inference(1, prompt=1),
            ),
            status=JobStatus.COMPLETED,
        )

        jobs.create_run(run)

        assert jobs.run(JOB_ID, 12) == run

    def test_photos_come_back_as_they_were_stored(self, jobs: Jobs) -> None:
        seen = {"people": 1, "likeness": "0f", "taken_at": 1_784_788_271, "score": 0}
        accepted = a_photo(1, crop=(0, 10, 300, 310), bytes=12_345, **seen)
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

    def test_a_kept_avatar_that_is_kept_again_keeps_its_mark(self, jobs: Jobs) -> None:
        jobs.put_avatar(an_avatar(1))
        jobs.mark_favourite(JOB_ID, 1, 1, True)

        jobs.put_avatar(an_avatar(1, sha256="1" * 64))

        assert jobs.avatars(JOB_ID, 1) == [an_avatar(1, sha256="1" * 64, favourite=True)]

    def test_so_does_one_that_comes_late(self, jobs: Jobs) -> None:
        due = an_avatar(1, status=AvatarStatus.DUE, key=None)
        jobs.put_avatar(due)
        jobs.mark_favourite(JOB_ID, 1, 1, True)

        jobs.put_avatar(an_avatar(1))

        assert jobs.avatars(JOB_ID, 1) == [an_avatar(1, favourite=True)]

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

        jobs.change_run(JOB_ID, 1, lambda run: replace(run, rescues=1))
        changed = jobs.change_run(JOB_ID, 1, lambda run: replace(run, rescues=2))

        assert changed == jobs.run(JOB_ID, 1) == a_run(rescues=2, version=2)

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


def test_a_mark_that_is_set_while_the_avatar_is_kept_again_stays(aws: None) -> None:
    jobs, client, marks = dynamodb_jobs(), boto3.client("dynamodb"), iter([True])
    jobs.put_avatar(an_avatar(1))

    def mark_first(**_: Any) -> None:
        for mark in marks:
            jobs.mark_favourite(JOB_ID, 1, 1, mark)

    client.meta.events.register("before-call.dynamodb.PutItem", mark_first)
    DynamoDBJobs(Rows(client, TABLE)).put_avatar(an_avatar(1))

    assert jobs.avatars(JOB_ID, 1) == [an_avatar(1, favourite=True)]


def test_a_row_that_is_contended_without_end_is_given_up(aws: None) -> None:
    jobs = dynamodb_jobs()
    jobs.create_job(a_job(promised=0), a_run())

    def always_too_late(job: Job) -> Job:
        jobs.change_job(JOB_ID, lambda newest: replace(newest, promised=(newest.promised or 0) + 1))
        return replace(job, code="too late")

    with pytest.raises(TimeoutError, match="too many at once"):
        jobs.change_job(JOB_ID, always_too_late)


class TestEarlierRows:
    """Rows of the versions that knew one provider, and one inference of a run."""

    def test_a_job_is_the_first_providers(self, aws: None) -> None:
        jobs = dynamodb_jobs()
        jobs.create_job(a_job(), a_run())
        without("job", "provider", "invalid_photos")

        assert jobs.job(JOB_ID) == a_job()

    def test_an_inference_that_was_announced_is_the_only_one(self, aws: None) -> None:
        jobs = dynamodb_jobs()
        jobs.create_run(a_run())
        without(
            "run#001",
            "inferences",
            inference={"M": submission()},
            inference_id={"S": "inference-1"},
            links={"N": "3"},
            announced_at={"N": str(NOON + 30)},
            links_expire_at={"N": str(NOON + 200)},
        )

        run = jobs.run(JOB_ID, 1)

        announced = {"links": 3, "announced_at": NOON + 30, "links_expire_at": NOON + 200}
        assert run.inferences == (an_inference(**announced),)
        assert jobs.change_run(JOB_ID, 1, lambda run: replace(run, rescues=1)).rescues == 1
        assert jobs.run(JOB_ID, 1).inferences == run.inferences

    def test_where_none_was_sent_there_is_none(self, aws: None) -> None:
        jobs = dynamodb_jobs()
        jobs.create_run(a_run())
        without("run#001", "inferences", links={"N": "0"})

        assert jobs.run(JOB_ID, 1) == a_run()


def submission() -> dict[str, Any]:
    """That of `an_inference`, as DynamoDB has it."""
    known = asdict(a_submission(Sending.ACCEPTED)) | {"state": "accepted", "looks": []}
    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in known.items()}


def without(record: str, *names: str, **attributes: dict[str, Any]) -> None:
    """Take attributes from a row, and give it others."""
    client = boto3.client("dynamodb")
    key = {"job_id": {"S": JOB_ID}, "record": {"S": record}}
    row = client.get_item(TableName=TABLE, Key=key)["Item"]
    left = {name: value for name, value in row.items() if name not in names}
    client.put_item(TableName=TABLE, Item=left | attributes)


class TestWaitingRuns:
    def test_they_are_listed_in_the_order_in_which_they_became_ready(self, jobs: Jobs) -> None:
        for number, since in ((1, 300), (2, 100), (3, 200)):
            jobs.create_run(a_run(run=number, waiting=self.waiting(since)))

        assert jobs.waiting_runs(ACCOUNT, Stage.TRAINING, 10) == [
            Waiter(100, f"{JOB_ID}-2", 1100),
            Waiter(200, f"{JOB_ID}-3", 1200),
            Waiter(300, f"{JOB_ID}-1", 1300),
        ]

    def test_no_more_are_read_than_asked_for(self, jobs: Jobs) -> None:
        for number in range(1, 6):
            jobs.create_run(a_run(run=number, waiting=self.waiting(number)))

        assert [waiter.since for waiter in jobs.waiting_runs(ACCOUNT, Stage.TRAINING, 2)] == [1, 2]

    def test_each_stage_has_a_line_of_its_own(self, jobs: Jobs) -> None:
        jobs.create_run(a_run(waiting=self.waiting(1)))

        assert jobs.waiting_runs(ACCOUNT, Stage.INFERENCE, 10) == []

    def test_so_has_each_account(self, jobs: Jobs) -> None:
        jobs.create_run(a_run(waiting=self.waiting(1)))

        assert jobs.waiting_runs("astria", Stage.TRAINING, 10) == []

    def test_who_waits_no_longer_is_not_listed(self, jobs: Jobs) -> None:
        jobs.create_run(a_run(waiting=self.waiting(1)))

        jobs.change_run(JOB_ID, 1, lambda run: replace(run, waiting=None))

        assert jobs.waiting_runs(ACCOUNT, Stage.TRAINING, 10) == []

    def test_what_is_waited_for_comes_back_as_it_was_stored(self, jobs: Jobs) -> None:
        run = a_run(waiting=self.waiting(1))

        jobs.create_run(run)

        assert jobs.run(JOB_ID, 1) == run

    @staticmethod
    def waiting(since: int) -> Waiting:
        until = since + 1000
        return Waiting(Stage.TRAINING, WaitReason.CAPACITY, since, until, ahead=3, account=ACCOUNT)


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


class TestJobsOfAnOwner:
    def test_they_come_the_newest_first(self, jobs: Jobs) -> None:
        for made_at in (2, 3, 1):
            self.order(jobs, f"folder {made_at}", created_at=made_at)

        page = jobs.jobs_of(OWNER, 10)

        assert [job.folder for job in page.items] == ["folder 3", "folder 2", "folder 1"]
        assert page.next is None

    def test_a_job_comes_whole(self, jobs: Jobs) -> None:
        job = self.order(
            jobs,
            "summer",
            status=JobStatus.COMPLETED,
            chosen=(ChosenPhoto("p1", "v1"),),
            training=a_submission(Sending.ACCEPTED),
            model_id="model-1",
            trained_at=2,
        )

        assert jobs.jobs_of(OWNER, 10).items == [job]

    def test_nobody_sees_those_of_another(self, jobs: Jobs) -> None:
        self.order(jobs, "summer", owner="bob")
        self.order(jobs, "summer", owner="alice2")

        assert jobs.jobs_of(OWNER, 10).items == []

    @pytest.mark.parametrize("most", [1, 2, 3, 7, 8])
    def test_page_by_page_each_comes_once(self, jobs: Jobs, most: int) -> None:
        for number in range(7):
            self.order(jobs, f"folder {number}", created_at=100 + number)

        pages = self.paged(jobs, most)

        assert [folder for page in pages for folder in page] == [
            f"folder {number}" for number in reversed(range(7))
        ]
        assert all(len(page) == most for page in pages[:-1])
        assert pages[-1]

    def test_those_of_the_same_second_come_once_each_too(self, jobs: Jobs) -> None:
        for number in range(5):
            self.order(jobs, f"folder {number}")

        pages = self.paged(jobs, 2)

        found = [folder for page in pages for folder in page]
        assert sorted(found) == [f"folder {number}" for number in range(5)]

    def test_a_page_is_as_long_as_asked_for_whatever_is_left_out(self, jobs: Jobs) -> None:
        for number in range(9):
            trained_at = number if number % 3 == 0 else None
            self.order(jobs, f"folder {number}", created_at=100 + number, trained_at=trained_at)

        page = jobs.jobs_of(OWNER, 2, with_model=True)
        rest = jobs.jobs_of(OWNER, 2, page.next, with_model=True)

        assert [job.folder for job in page.items] == ["folder 6", "folder 3"]
        assert [job.folder for job in rest.items] == ["folder 0"]
        assert rest.next is None

    def test_one_that_is_erased_is_hidden(self, jobs: Jobs) -> None:
        self.order(jobs, "summer", erased_at=5, trained_at=4)
        job = self.order(jobs, "winter", trained_at=4)

        assert jobs.jobs_of(OWNER, 10).items == [job]
        assert jobs.jobs_of(OWNER, 10, with_model=True).items == [job]

    def test_a_page_goes_on_where_its_last_job_was_erased_meanwhile(self, jobs: Jobs) -> None:
        for number in range(3):
            self.order(jobs, f"folder {number}", created_at=100 + number)
        page = jobs.jobs_of(OWNER, 2)
        jobs.change_job(page.items[-1].job_id, lambda job: replace(job, erased_at=200))

        rest = jobs.jobs_of(OWNER, 2, page.next)

        assert [job.folder for job in rest.items] == ["folder 0"]

    def test_a_cursor_of_another_owner_leads_to_nobody_elses_jobs(self, jobs: Jobs) -> None:
        for number in range(4):
            self.order(jobs, f"folder {number}", owner="bob", created_at=100 + number)
        mine = self.order(jobs, "summer", created_at=101)
        stolen = jobs.jobs_of("bob", 1).next

        assert stolen
        assert jobs.jobs_of(OWNER, 10, stolen).items == [mine]

    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "0",
            "x.y",
            f"1.{JOB_ID} ",
            f"-1.{JOB_ID}",
            f"1.{JOB_ID.lower()}",
            f"\u0661.{JOB_ID}",
            "1.A",
        ],
    )
    def test_a_cursor_that_no_page_has_named_is_refused(self, jobs: Jobs, cursor: str) -> None:
        with pytest.raises(BadCursorError, match="next"):
            jobs.jobs_of(OWNER, 10, cursor)

    @staticmethod
    def order(jobs: Jobs, folder: str, owner: str = OWNER, **changes: Any) -> Job:
        job_id = job_id_for(owner, folder)
        job = a_job(job_id=job_id, owner=owner, folder=folder, **changes)
        return jobs.create_job(job, a_run(job_id=job_id))

    @staticmethod
    def paged(jobs: Jobs, most: int) -> list[list[str]]:
        pages, cursor = [], None
        while True:
            page = jobs.jobs_of(OWNER, most, cursor)
            pages.append([job.folder for job in page.items])
            cursor = page.next
            if cursor is None:
                return pages


class TestAvatarsOfAJob:
    def test_those_of_all_runs_come_in_order(self, jobs: Jobs) -> None:
        for run, position in ((2, 1), (1, 10), (1, 2), (10, 1)):
            jobs.put_avatar(an_avatar(position, run=run))

        page = jobs.avatars_of(JOB_ID, 10)

        assert self.places(page.items) == [(1, 2), (1, 10), (2, 1), (10, 1)]
        assert page.next is None

    def test_those_of_one_run_come_alone(self, jobs: Jobs) -> None:
        for run in (1, 2, 10, 20):
            jobs.put_avatar(an_avatar(1, run=run))

        assert self.places(jobs.avatars_of(JOB_ID, 10, run=2).items) == [(2, 1)]

    @pytest.mark.parametrize("run", [None, 2])
    def test_page_by_page_each_comes_once(self, jobs: Jobs, run: int | None) -> None:
        there = [(number, position) for number in (1, 2, 3) for position in range(1, 6)]
        for number, position in there:
            jobs.put_avatar(an_avatar(position, run=number))

        found, cursor = [], None
        while True:
            page = jobs.avatars_of(JOB_ID, 2, cursor, run)
            found += self.places(page.items)
            cursor = page.next
            if cursor is None:
                break

        assert found == [place for place in there if run in (None, place[0])]

    def test_those_that_are_missing_come_too(self, jobs: Jobs) -> None:
        missing = an_avatar(1, status=AvatarStatus.MISSING, key=None, reason="404")
        jobs.put_avatar(missing)

        assert jobs.avatars_of(JOB_ID, 10).items == [missing]

    def test_a_cursor_leads_into_no_other_job(self, jobs: Jobs) -> None:
        for position in (1, 2, 3):
            jobs.put_avatar(an_avatar(position, job_id="ANOTHER"))
        cursor = jobs.avatars_of("ANOTHER", 1).next

        assert cursor
        assert jobs.avatars_of(JOB_ID, 10, cursor).items == []

    @pytest.mark.parametrize("cursor", ["", "1", "1.x", "1.1.1", "1000.1", "-1.1", " 1.1", "1.1\n"])
    def test_a_cursor_that_no_page_has_named_is_refused(self, jobs: Jobs, cursor: str) -> None:
        with pytest.raises(BadCursorError, match="next"):
            jobs.avatars_of(JOB_ID, 10, cursor)

    @staticmethod
    def places(avatars: Sequence[Avatar]) -> list[tuple[int, int]]:
        return [(avatar.run, avatar.position) for avatar in avatars]


class TestFavourites:
    def test_a_mark_can_be_set_and_taken_away(self, jobs: Jobs) -> None:
        jobs.put_avatar(an_avatar(1))

        marked = jobs.mark_favourite(JOB_ID, 1, 1, True)
        stored = jobs.avatars(JOB_ID, 1)
        unmarked = jobs.mark_favourite(JOB_ID, 1, 1, False)

        assert [marked] == stored == [an_avatar(1, favourite=True)]
        assert [unmarked] == jobs.avatars(JOB_ID, 1) == [an_avatar(1)]

    def test_only_that_one_is_marked(self, jobs: Jobs) -> None:
        for run, position in ((1, 1), (1, 2), (2, 1)):
            jobs.put_avatar(an_avatar(position, run=run))

        jobs.mark_favourite(JOB_ID, 1, 2, True)

        marks = [avatar.favourite for avatar in jobs.avatars_of(JOB_ID, 10).items]
        assert marks == [False, True, False]

    def test_an_avatar_that_is_not_there_is_not_made_by_marking_it(self, jobs: Jobs) -> None:
        assert jobs.mark_favourite(JOB_ID, 1, 1, True) is None
        assert jobs.avatars(JOB_ID, 1) == []


class TestEnded:
    def ended(self, jobs: Jobs, job_id: str, at: int, **changes: Any) -> None:
        job = a_job(job_id=job_id, status=JobStatus.COMPLETED, ended_at=at, **changes)
        jobs.create_job(job, a_run(job_id=job_id))

    def test_those_that_ended_by_then_come_oldest_first(self, jobs: Jobs) -> None:
        for job_id, at in (("C", 30), ("A", 10), ("B", 20), ("LATER", 31)):
            self.ended(jobs, job_id, at)

        assert jobs.ended_jobs(30, 10, with_photos=False) == ["A", "B", "C"]
        assert jobs.ended_jobs(30, 2, with_photos=False) == ["A", "B"]
        assert jobs.ended_jobs(30, with_photos=False) == ["A", "B", "C"]

    def test_those_that_keep_their_photos_stand_apart(self, jobs: Jobs) -> None:
        self.ended(jobs, "BARE", 1)
        self.ended(jobs, "FULL", 2, keeps_photos=True)

        assert jobs.ended_jobs(9, 10, with_photos=True) == ["FULL"]
        assert jobs.ended_jobs(9, 10, with_photos=False) == ["BARE"]

    def test_whatever_is_at_work_or_erased_is_not_among_them(self, jobs: Jobs) -> None:
        jobs.create_job(a_job(), a_run())
        self.ended(jobs, "ERASED", 1, erased_at=2)
        self.ended(jobs, "AGAIN", 1)
        jobs.change_job("AGAIN", lambda job: replace(job, ended_at=None))

        assert jobs.ended_jobs(9, 10, with_photos=False) == []
        assert jobs.ended_jobs(9, 10, with_photos=True) == []

    def test_consent_comes_back_as_it_was_declared(self, jobs: Jobs) -> None:
        job = a_job(consent=Consent("2026-07", 5, DoorName.BUCKET))
        jobs.create_job(job, a_run())

        assert jobs.job(JOB_ID) == job

    def test_a_receipt_says_why_and_what_had_been_declared(self, jobs: Jobs) -> None:
        consent = Consent("2026-07", 5, DoorName.API)
        first = Receipt(JOB_ID, 9, False, Erased(), cause=Cause.RETENTION, consent=consent)
        jobs.add_to_receipt(first)
        jobs.add_to_receipt(Receipt(JOB_ID, 10, False, Erased(avatars=1)))

        receipt = jobs.receipt(JOB_ID)
        assert receipt
        assert (receipt.cause, receipt.consent) == (Cause.RETENTION, consent)


class TestErase:
    def test_all_that_stays_is_the_job_its_receipt_and_a_run(self, jobs: Jobs) -> None:
        job = self.full(jobs)

        erased = jobs.erase(JOB_ID, keep_run=2)

        assert erased == 4
        assert jobs.job(JOB_ID) == job
        assert jobs.receipt(JOB_ID) == replace(self.receipt(), version=1)
        assert jobs.run(JOB_ID, 2) == a_run(run=2)
        assert jobs.photos(JOB_ID) == []
        assert jobs.avatars_of(JOB_ID, 10).items == []
        with pytest.raises(JobNotFoundError):
            jobs.run(JOB_ID, 1)

    def test_in_the_end_the_run_goes_too(self, jobs: Jobs) -> None:
        self.full(jobs)

        erased = jobs.erase(JOB_ID)

        assert erased == 5
        assert jobs.unfinished_runs() == []
        assert jobs.receipt(JOB_ID) == replace(self.receipt(), version=1)

    def test_there_is_nothing_left_to_erase_twice(self, jobs: Jobs) -> None:
        self.full(jobs)
        jobs.erase(JOB_ID, keep_run=2)

        assert jobs.erase(JOB_ID, keep_run=2) == 0

    def test_another_job_stays_as_it_is(self, jobs: Jobs) -> None:
        jobs.put_photo(a_photo(1, job_id="ANOTHER"))
        self.full(jobs)

        jobs.erase(JOB_ID)

        assert len(jobs.photos("ANOTHER")) == 1

    def test_many_rows_are_erased(self, jobs: Jobs) -> None:
        for position in range(1, 121):
            jobs.put_avatar(an_avatar(position))

        assert jobs.erase(JOB_ID) == 120
        assert jobs.avatars(JOB_ID, 1) == []

    def test_a_receipt_grows_by_what_further_passes_erase(self, jobs: Jobs) -> None:
        first = jobs.add_to_receipt(self.receipt())
        both = jobs.add_to_receipt(Receipt(JOB_ID, 200, False, Erased(avatars=2), "model-late"))

        assert replace(first, version=0) == self.receipt()
        assert jobs.receipt(JOB_ID) == both
        assert (both.erased_at, both.stopped, both.model_id) == (100, True, "model-late")
        assert both.erased == self.receipt().erased + Erased(avatars=2)
        assert jobs.receipt("ANOTHER") is None

    def test_of_two_who_want_an_archive_one_packs_it_until_its_time_is_over(
        self, jobs: Jobs
    ) -> None:
        claim = ArchiveClaim(JOB_ID, "archives/1.zip", until=300)

        claims = [
            jobs.claim_archive(claim, now=0),
            jobs.claim_archive(claim, now=300),
            jobs.claim_archive(replace(claim, until=601), now=301),
            jobs.claim_archive(replace(claim, key="archives/2.zip"), now=302),
        ]

        assert claims == [True, False, True, True]

    @staticmethod
    def receipt() -> Receipt:
        erased = Erased(uploads=7, photos=6, avatars=5, archives=4, answers=3, rows=2)
        return Receipt(JOB_ID, 100, True, erased, model_id="model-1")

    @classmethod
    def full(cls, jobs: Jobs) -> Job:
        job = jobs.create_job(a_job(run=2, erased_at=100), a_run())
        jobs.create_run(a_run(run=2))
        jobs.put_photo(a_photo(1))
        jobs.put_avatar(an_avatar(1))
        jobs.put_avatar(an_avatar(1, run=2))
        jobs.add_to_receipt(cls.receipt())
        return job

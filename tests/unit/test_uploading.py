"""Events of uploads, in whatever order and however often: one job, one verdict a photo."""

import json
from dataclasses import replace

import pytest

from avatars.aws.events import ObjectCreatedEvent, upload_from
from avatars.errors import UploadWithheldError
from avatars.model import ChosenPhoto, JobStatus, Photo, PhotoStatus, Upload
from avatars.pipeline.collecting import collect_photos
from avatars.pipeline.erasing import STRAGGLERS, erase_job
from avatars.pipeline.finishing import Failure, finish_job
from avatars.pipeline.preparing import CRASHED, prepare_photo, rejected
from avatars.pipeline.sweeping import sweep_jobs
from avatars.pipeline.uploading import judge_photo
from tests.builders import (
    EXECUTION,
    JOB_ID,
    OWNER,
    PREFIX,
    a_job,
    a_photo,
    a_picture,
    a_run,
    chosen,
    dropped,
    judged,
    stored,
)
from tests.fakes import FakeServices, KilledError
from tests.fakes.clock import NOON

FAILURE: Failure = {"Error": "TooFewPhotosError", "Cause": '{"errorMessage": "4 of 4."}'}


def event(**changes: object) -> ObjectCreatedEvent:
    item = {
        "key": "uploads/alice/summer/100% me + you.JPG",
        "size": 5,
        "version-id": "v1",
        "sequencer": "0055AED6DCD90281E5",
    }
    return {"time": "2026-11-22T12:00:00Z", "detail": {"object": item | changes}}


def verdict(services: FakeServices, upload: Upload) -> Photo:
    photo = services.jobs.photo(JOB_ID, upload.photo_id)
    assert photo is not None
    return photo


class TestEvent:
    def test_a_key_is_taken_as_it_is(self) -> None:
        upload = upload_from(event())

        assert upload
        assert (upload.owner, upload.folder) == ("alice", "summer")
        assert upload.file == "100% me + you.JPG"

    def test_sequencers_of_different_length_compare_as_numbers_padded_on_the_right(self) -> None:
        texts = ("0055AE", "0055AED6", "0055AE00")

        uploads = [upload_from(event(sequencer=text)) for text in texts]

        short, long, padded = (upload.sequencer for upload in uploads if upload)
        assert short == padded < long

    def test_its_time_is_seconds_of_the_wall(self) -> None:
        upload = upload_from(event())

        assert upload
        assert upload.uploaded_at == 1_795_348_800

    @pytest.mark.parametrize("key", ["photo.jpg", "uploads/alice/1.jpg", "uploads//x/1.jpg"])
    def test_an_object_outside_of_a_folder_is_no_upload(self, key: str) -> None:
        assert upload_from(event(key=key)) is None


class TestFirstUpload:
    def test_it_creates_the_job_and_starts_its_execution(self, services: FakeServices) -> None:
        judged(services, dropped(services, "1.jpg", a_picture()))

        job = services.jobs.job(JOB_ID)
        assert job.status is JobStatus.COLLECTING
        assert job.collect_deadline == services.clock.now() + 86_400
        assert services.executions.started == [EXECUTION]

    @pytest.mark.parametrize("file", ["job.json", "start", ".DS_Store", "sub/.hidden.jpg"])
    def test_what_is_no_photo_starts_the_job_and_gets_no_verdict(
        self, services: FakeServices, file: str
    ) -> None:
        photo = judged(services, dropped(services, file, b"{}"))

        assert photo is None
        assert services.executions.started == [EXECUTION]
        assert services.jobs.photos(JOB_ID) == []

    @pytest.mark.parametrize("file", ["", "sub/"])
    def test_the_console_creating_a_folder_starts_nothing(
        self, services: FakeServices, file: str
    ) -> None:
        judged(services, dropped(services, file))

        assert services.jobs.find_job(JOB_ID) is None
        assert services.executions.started == []

    def test_two_owners_with_the_same_folder_have_two_jobs(self, services: FakeServices) -> None:
        for owner in ("alice", "bob"):
            judged(services, replace(dropped(services, "job.json"), owner=owner))

        assert len(services.executions.started) == 2

    def test_an_execution_is_started_once_however_many_uploads_there_are(
        self, services: FakeServices
    ) -> None:
        uploads = [dropped(services, f"{n}.jpg", a_picture(n)) for n in range(5)]

        for upload in uploads * 3:
            judged(services, upload)

        assert services.effects.names.count("start execution") == 1
        assert len(services.jobs.photos(JOB_ID)) == 5

    @pytest.mark.parametrize(
        "crash", ["before write run", "before write job", "before start execution"]
    )
    def test_a_crash_on_the_way_is_healed_by_the_next_event(
        self, services: FakeServices, crash: str
    ) -> None:
        upload = dropped(services, "1.jpg", a_picture())
        services.effects.before(crash.removeprefix("before "), services.effects.kill)
        with pytest.raises(KilledError):
            judged(services, upload)
        services.effects.revive()

        judged(services, upload)

        assert services.executions.started == [EXECUTION]
        assert verdict(services, upload).status is PhotoStatus.ACCEPTED

    def test_two_first_uploads_at_once_make_one_job(self, services: FakeServices) -> None:
        first, second = (dropped(services, f"{n}.jpg", a_picture(n)) for n in range(2))
        services.effects.before("write job", lambda: judged(services, second))

        judged(services, first)

        assert services.executions.started == [EXECUTION]
        assert len(services.jobs.photos(JOB_ID)) == 2

    def test_an_event_replayed_after_the_job_has_ended_starts_nothing(
        self, services: FakeServices
    ) -> None:
        upload = dropped(services, "1.jpg", a_picture())
        judged(services, upload)
        services.jobs.change_job(JOB_ID, lambda job: replace(job, status=JobStatus.COMPLETED))
        services.executions.started.clear()  # Step Functions forgets after 90 days
        services.upload_bucket.erase(PREFIX)

        judged(services, upload)

        assert services.executions.started == []


class TestVerdict:
    def test_a_good_photo_is_accepted_in_the_version_that_was_prepared(
        self, services: FakeServices
    ) -> None:
        upload = dropped(services, "Été + 50%.JPG", a_picture())

        photo = judged(services, upload)

        assert photo is not None
        key = f"photos/{JOB_ID}/{upload.photo_id}.jpg"
        assert photo.status is PhotoStatus.ACCEPTED
        assert services.upload_bucket.read(key, photo.version_id) is not None
        assert photo == verdict(services, upload)

    def test_a_file_that_is_no_picture_is_rejected_with_a_code_and_a_reason(
        self, services: FakeServices
    ) -> None:
        upload = dropped(services, "notes.jpg", b"Dear diary")

        judged(services, upload)

        photo = verdict(services, upload)
        assert (photo.status, photo.code) == (PhotoStatus.REJECTED, "not_an_image")
        assert photo.reason

    def test_a_file_that_breaks_its_preparation_is_rejected_at_once(
        self, services: FakeServices, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(data: bytes) -> None:
            raise RecursionError("a decoder's bug")

        monkeypatch.setattr("avatars.photos.prepare", broken)
        upload = dropped(services, "1.jpg", a_picture())

        judged(services, upload)

        assert verdict(services, upload).code == "PREPARE_FAILED"

    def test_what_the_bucket_withholds_is_rejected_with_its_reason(
        self, services: FakeServices
    ) -> None:
        def withhold() -> None:
            raise UploadWithheldError("It lies in an archive.")

        upload = dropped(services, "1.jpg", a_picture())
        services.effects.before("read upload", withhold)

        judged(services, upload)

        photo = verdict(services, upload)
        assert (photo.code, photo.reason) == ("PREPARE_FAILED", "It lies in an archive.")

    def test_a_file_that_is_too_large_is_not_even_read(self, services: FakeServices) -> None:
        upload = replace(dropped(services, "1.jpg", a_picture()), bytes=50 * 1024**2 + 1)

        judged(services, upload)

        assert verdict(services, upload).code == "too_large"
        assert "read upload" not in services.effects.names

    def test_an_object_that_is_gone_is_rejected(self, services: FakeServices) -> None:
        upload = dropped(services, "1.jpg", a_picture())
        services.upload_bucket.erase(PREFIX + upload.file)

        judged(services, upload)

        assert verdict(services, upload).code == "gone"

    def test_the_version_of_the_event_is_judged_even_if_a_newer_one_lies_above_it(
        self, services: FakeServices
    ) -> None:
        upload = dropped(services, "1.jpg", a_picture())
        services.upload_bucket.put(PREFIX + upload.file, b"no picture")

        judged(services, upload)

        assert verdict(services, upload).status is PhotoStatus.ACCEPTED

    @pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0), (1, 0, 1)])
    def test_the_newest_upload_of_a_file_decides_in_whatever_order_events_come(
        self, services: FakeServices, order: tuple[int, ...]
    ) -> None:
        uploads = [dropped(services, "1.jpg", a_picture(number)) for number in range(2)]

        for index in order:
            judged(services, uploads[index])

        assert verdict(services, uploads[1]).upload_version == uploads[1].version_id

    def test_an_older_upload_that_is_still_being_prepared_cannot_overwrite_a_newer_one(
        self, services: FakeServices
    ) -> None:
        older, newer = (dropped(services, "1.jpg", a_picture(number)) for number in range(2))
        services.effects.before("write photo", lambda: judged(services, newer))

        judged(services, older)

        assert verdict(services, newer).upload_version == newer.version_id

    def test_the_same_event_again_leaves_the_verdict_as_it_is(self, services: FakeServices) -> None:
        upload = dropped(services, "1.jpg", a_picture())
        first = judged(services, upload)

        second = judged(services, upload)

        assert second == first == verdict(services, upload)

    def test_a_photo_after_the_set_was_frozen_is_late_and_says_what_to_do(
        self, services: FakeServices
    ) -> None:
        stored(services, a_job(chosen=chosen(range(1, 6))))
        upload = dropped(services, "late.jpg", a_picture())

        judged(services, upload)

        photo = verdict(services, upload)
        assert photo.status is PhotoStatus.LATE
        assert "new folder" in (photo.reason or "")

    def test_an_event_that_comes_after_the_sweep_has_judged_its_upload_changes_nothing(
        self, services: FakeServices
    ) -> None:
        upload = dropped(services, "1.jpg", a_picture())
        judged(services, replace(upload, sequencer="0"))
        services.jobs.change_job(
            JOB_ID, lambda job: replace(job, chosen=(ChosenPhoto(upload.photo_id, "version-2"),))
        )

        judged(services, upload)

        assert verdict(services, upload).status is PhotoStatus.ACCEPTED

    def test_a_photo_after_the_job_has_ended_is_late(self, services: FakeServices) -> None:
        stored(services, a_job(status=JobStatus.FAILED))
        upload = dropped(services, "late.jpg", a_picture())

        judged(services, upload)

        assert verdict(services, upload).status is PhotoStatus.LATE

    def test_a_photo_being_prepared_while_the_set_is_frozen_is_late(
        self, services: FakeServices
    ) -> None:
        for number in range(5):
            judged(services, dropped(services, f"{number}.jpg", a_picture(number)))
        slow = dropped(services, "slow.jpg", a_picture(5))

        def freeze_meanwhile() -> None:
            services.upload_bucket.delete(PREFIX + slow.file)  # as if it had not been listed yet
            services.clock.move(60)
            assert collect_photos(services, JOB_ID, 1)["status"] == "COLLECTED"

        services.effects.before("write photo", freeze_meanwhile)

        judged(services, slow)

        assert verdict(services, slow).status is PhotoStatus.LATE
        assert len(services.jobs.job(JOB_ID).chosen) == 5


class TestPreparation:
    def test_it_touches_nothing_but_the_upload_and_the_prepared_photo(
        self, services: FakeServices
    ) -> None:
        prepare_photo(services, dropped(services, "1.jpg", a_picture()))

        assert services.effects.names == ["read upload", "put photo"]

    def test_it_passes_through_json_unchanged(self, services: FakeServices) -> None:
        preparation = prepare_photo(services, dropped(services, "1.jpg", a_picture()))

        assert json.loads(json.dumps(preparation)) == preparation

    def test_its_score_is_kept_with_the_photo(self, services: FakeServices) -> None:
        upload = dropped(services, "1.jpg", a_picture())
        preparation = prepare_photo(services, upload)
        assert preparation
        assert preparation["status"] == "accepted"

        judge_photo(services, upload, preparation)

        assert verdict(services, upload).score == preparation["score"]

    def test_one_of_before_there_were_scores_is_judged_without(
        self, services: FakeServices
    ) -> None:
        upload = dropped(services, "1.jpg", a_picture())
        preparation = prepare_photo(services, upload)
        assert preparation
        assert preparation["status"] == "accepted"
        del preparation["score"]

        judge_photo(services, upload, preparation)

        photo = verdict(services, upload)
        assert (photo.status, photo.score) == (PhotoStatus.ACCEPTED, None)

    @pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 0, 0), (1, 1, 0, 1)])
    def test_of_preparations_in_whatever_order_the_newest_upload_decides(
        self, services: FakeServices, order: tuple[int, ...]
    ) -> None:
        uploads = [dropped(services, "1.jpg", a_picture(number)) for number in range(2)]
        preparations = [prepare_photo(services, upload) for upload in uploads]

        for index in order:
            judge_photo(services, uploads[index], preparations[index])

        photo = verdict(services, uploads[1])
        assert preparations[1]
        assert photo.version_id == preparations[1].get("version_id")


class TestStraggler:
    """A photo that is prepared while its job ends, or after."""

    def left(self, services: FakeServices) -> list[str]:
        return [key for key in services.upload_bucket.versions if key.startswith("photos/")]

    @pytest.mark.parametrize(
        ("status", "trained_at", "is_left"),
        [
            (JobStatus.COMPLETED, NOON, False),
            (JobStatus.FAILED, None, False),
            (JobStatus.NEEDS_ATTENTION, NOON, False),
            (JobStatus.NEEDS_ATTENTION, None, True),
            (JobStatus.TRAINING, None, True),
        ],
    )
    def test_it_is_erased_where_nobody_needs_photos_any_more(
        self, services: FakeServices, status: JobStatus, trained_at: int | None, is_left: bool
    ) -> None:
        stored(services, a_job(status=status, trained_at=trained_at, chosen=chosen(range(1, 6))))
        upload = dropped(services, "late.jpg", a_picture())

        judged(services, upload)

        assert bool(self.left(services)) is is_left
        assert verdict(services, upload).status is PhotoStatus.LATE

    def test_so_is_what_a_crash_has_left_besides(self, services: FakeServices) -> None:
        stored(services, a_job(status=JobStatus.COMPLETED))
        upload = dropped(services, "late.jpg", a_picture())
        prepare_photo(services, upload)

        judge_photo(services, upload, rejected(CRASHED))

        assert self.left(services) == []

    def test_a_crash_on_the_way_is_healed_by_the_next_record(self, services: FakeServices) -> None:
        stored(services, a_job(status=JobStatus.COMPLETED))
        upload = dropped(services, "late.jpg", a_picture())
        preparation = prepare_photo(services, upload)
        services.effects.before("erase photos", services.effects.kill)
        with pytest.raises(KilledError):
            judge_photo(services, upload, preparation)
        services.effects.revive()

        judge_photo(services, upload, preparation)

        assert self.left(services) == []

    def test_the_end_of_the_job_erases_one_that_was_judged_just_before(
        self, services: FakeServices
    ) -> None:
        stored(services, a_job(status=JobStatus.KEEPING, chosen=chosen(range(1, 6))))
        services.effects.after("read job", lambda: finish_job(services, JOB_ID, 1, FAILURE))

        judged(services, dropped(services, "late.jpg", a_picture()))

        assert services.jobs.job(JOB_ID).status is JobStatus.FAILED
        assert self.left(services) == []


class TestErased:
    """Uploads that come after their job was erased."""

    @pytest.mark.parametrize("file", ["1.jpg", "job.json", "start", ".DS_Store"])
    def test_nothing_of_them_stays_and_nothing_begins(
        self, services: FakeServices, file: str
    ) -> None:
        stored(services, a_job(), a_photo(1))
        erase_job(services, OWNER, JOB_ID)
        before = services.jobs.job(JOB_ID)

        photo = judged(services, dropped(services, file, a_picture()))

        assert photo is None
        assert services.jobs.photos(JOB_ID) == []
        assert services.jobs.job(JOB_ID) == before
        assert services.executions.started == []
        assert not any(key.startswith("photos/") for key in services.upload_bucket.versions)

    def test_not_even_where_the_job_had_never_started(self, services: FakeServices) -> None:
        stored(services, a_job(execution_started=False), run=a_run(execution=None))
        erase_job(services, OWNER, JOB_ID)

        judged(services, dropped(services, "1.jpg", a_picture()))

        assert services.executions.started == []

    def test_not_even_after_it_was_forgotten_whose_it_was(self, services: FakeServices) -> None:
        stored(services, a_job())
        erase_job(services, OWNER, JOB_ID)
        services.clock.move(STRAGGLERS)
        sweep_jobs(services)

        judged(services, dropped(services, "1.jpg", a_picture()))

        assert services.executions.started == []
        assert services.jobs.photos(JOB_ID) == []
        assert not any(key.startswith("photos/") for key in services.upload_bucket.versions)

    def test_a_verdict_that_comes_while_the_job_is_erased_goes_with_the_next_sweep(
        self, services: FakeServices
    ) -> None:
        stored(services, a_job())
        upload = dropped(services, "1.jpg", a_picture())
        services.effects.before("write photo", lambda: erase_job(services, OWNER, JOB_ID))
        judged(services, upload)

        sweep_jobs(services)

        assert services.jobs.photos(JOB_ID) == []
        assert not services.upload_bucket.versions


class TestCrashedPreparation:
    def test_the_photo_is_rejected_with_a_reason(self, services: FakeServices) -> None:
        upload = dropped(services, "1.jpg", a_picture())

        judge_photo(services, upload, rejected(CRASHED))

        photo = verdict(services, upload)
        assert (photo.status, photo.code) == (PhotoStatus.REJECTED, "PREPARE_FAILED")
        assert photo.reason

    def test_its_folder_has_a_job_even_if_it_was_the_first(self, services: FakeServices) -> None:
        judge_photo(services, dropped(services, "1.jpg", a_picture()), rejected(CRASHED))

        assert services.executions.started == [EXECUTION]

    def test_a_crash_over_the_manifest_judges_no_photo(self, services: FakeServices) -> None:
        judge_photo(services, dropped(services, "job.json", b"{}"), rejected(CRASHED))

        assert services.jobs.photos(JOB_ID) == []

    def test_a_newer_upload_of_the_file_keeps_its_verdict(self, services: FakeServices) -> None:
        older, newer = (dropped(services, "1.jpg", a_picture(number)) for number in range(2))
        judged(services, newer)

        judge_photo(services, older, rejected(CRASHED))

        assert verdict(services, newer).status is PhotoStatus.ACCEPTED

    def test_a_second_delivery_that_crashed_takes_no_verdict_back(
        self, services: FakeServices
    ) -> None:
        upload = dropped(services, "1.jpg", a_picture())
        judged(services, upload)

        judge_photo(services, upload, rejected(CRASHED))

        assert verdict(services, upload).status is PhotoStatus.ACCEPTED

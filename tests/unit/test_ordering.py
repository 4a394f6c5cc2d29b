"""What owners ask for: orders, starts, more avatars, and within which limits."""

from dataclasses import replace
from typing import Any

import pytest

from avatars.errors import (
    BadRequestError,
    JobNotEndedError,
    JobNotFoundError,
    JobStartedError,
    LimitReachedError,
    NoModelError,
)
from avatars.manifest import read_manifest
from avatars.model import Job, JobStatus, Manifest, Prompt, Subject
from avatars.pipeline.collecting import collect_photos
from avatars.pipeline.ordering import ask_more, ask_start, order_job, upload_forms
from avatars.settings import OwnerLimits
from tests.builders import (
    DAY,
    EXECUTION,
    JOB_ID,
    PREFIX,
    a_job,
    a_picture,
    chosen,
    dropped,
    inferring,
    judged,
    ready_to_draw,
    stored,
    trained,
)
from tests.fakes import FakeServices
from tests.fakes.services import ASTRIA

FILES = ["1.jpg", "IMG 2041.JPG", "3.jpeg", "Été 50%.png", "selfie+beach.PNG"]
PHOTOS = dict.fromkeys(FILES)
WANTED = Manifest(Subject.DOG, (Prompt("anime", 2, "at sea"), Prompt("3d")))


@pytest.fixture
def services() -> FakeServices:
    """Any style is drawn."""
    return FakeServices(styles=())


def order(services: FakeServices, folder: str = "summer", **changes: Any) -> Job:
    return order_job(services, "alice", folder, replace(WANTED, **changes), PHOTOS)


class TestOrder:
    def test_it_creates_the_job_that_a_drop_would_create(self, services: FakeServices) -> None:
        job = order(services)

        assert job.job_id == JOB_ID
        assert (job.subject, job.promised) == (Subject.DOG, 5)
        assert services.executions.started == [EXECUTION]

    def test_its_manifest_lies_where_a_dropped_one_would(self, services: FakeServices) -> None:
        order(services)

        data = services.upload_bucket.read(f"{PREFIX}job.json") or b""
        assert read_manifest(data, services.settings.default) == replace(WANTED, photos=5)

    def test_each_file_gets_a_form_for_exactly_its_key_and_type(
        self, services: FakeServices
    ) -> None:
        job = order(services)

        forms = upload_forms(services, job, PHOTOS)

        assert {file: form.fields["key"] for file, form in forms.items()} == {
            file: f"{PREFIX}{file}" for file in FILES
        }
        types = [form.fields["Content-Type"] for form in forms.values()]
        assert types == ["image/jpeg"] * 3 + ["image/png"] * 2

    def test_the_same_order_again_gives_the_same_job_and_new_forms(
        self, services: FakeServices
    ) -> None:
        first, again = order(services), order(services)

        assert again == first
        assert upload_forms(services, again, PHOTOS).keys() == PHOTOS.keys()
        assert services.executions.started == [EXECUTION]

    def test_its_end_is_told_where_the_order_says(self, services: FakeServices) -> None:
        job = order(services, webhook="https://hooks.test/")

        assert job.webhook == "https://hooks.test/"

    def test_what_was_ordered_is_what_is_trained(self, services: FakeServices) -> None:
        order(services)
        for number, file in enumerate(FILES):
            judged(services, dropped(services, file, a_picture(number)))

        collected = collect_photos(services, JOB_ID, 1)

        assert collected["status"] == "COLLECTED"
        assert services.jobs.job(JOB_ID).subject is Subject.DOG
        assert services.jobs.run(JOB_ID, 1).prompts == WANTED.prompts

    @pytest.mark.parametrize(
        ("files", "words"),
        [
            (FILES[:4], "has 4 names; the provider takes 5 to 30"),
            ([FILES[0]] * 5, "has 1 names"),
            ([f"{number}.jpg" for number in range(31)], "has 31 names"),
            ([*FILES, "6.gif"], r"'6\.gif' is no JPEG, PNG, HEIC, WebP or AVIF"),
            ([*FILES, "job.json"], "is no JPEG, PNG, HEIC, WebP or AVIF"),
            ([*FILES, "sub/6.jpg"], "no plain name"),
            ([*FILES, ".6.jpg"], "no plain name"),
            ([*FILES, "${filename}.jpg"], "no plain name"),
            ([*FILES, "6\n.jpg"], r"'6\\n\.jpg' cannot be taken\. .* control characters"),
            ([*FILES, "6" * 197 + ".jpg"], "200 is the most"),
        ],
    )
    def test_a_mistake_is_named_and_leaves_no_job(
        self, services: FakeServices, files: list[str], words: str
    ) -> None:
        with pytest.raises(BadRequestError, match=words):
            order_job(services, "alice", "summer", WANTED, dict.fromkeys(files))

        assert services.jobs.find_job(JOB_ID) is None

    @pytest.mark.parametrize("folder", ["", ".", "..", "a/b", "a\n", "a" * 65])
    def test_a_folder_has_a_plain_name(self, services: FakeServices, folder: str) -> None:
        with pytest.raises(BadRequestError, match="folder must have 1 to 64 letters"):
            order(services, folder)

    def test_a_type_that_its_sender_knows_counts_more_than_the_name(
        self, services: FakeServices
    ) -> None:
        photos = PHOTOS | {"image": "image/heic"}
        job = order_job(services, "alice", "summer", WANTED, photos)

        forms = upload_forms(services, job, photos)

        assert forms["image"].fields["Content-Type"] == "image/heic"

    def test_one_that_is_held_waits_for_its_start(self, services: FakeServices) -> None:
        job = order(services, hold=True)

        data = services.upload_bucket.read(f"{PREFIX}job.json") or b""
        assert job.held
        assert read_manifest(data, services.settings.default).hold

    def test_a_style_that_the_provider_lacks_is_named_before_anything_is_paid_for(self) -> None:
        services = FakeServices(styles=("realistic",))

        with pytest.raises(BadRequestError, match=r"no style 'anime' here.*ProviderStyles"):
            order(services)

        assert services.upload_bucket.current() == {}

    @pytest.mark.parametrize(
        "changes",
        [{"chosen": chosen(range(1, 6))}, {"status": JobStatus.FAILED}],
        ids=["chosen", "ended"],
    )
    def test_a_folder_that_takes_no_photos_any_more_is_refused(
        self, services: FakeServices, changes: dict[str, object]
    ) -> None:
        stored(services, a_job(**changes))

        with pytest.raises(JobStartedError, match="use a new folder"):
            order(services)

        assert services.upload_bucket.current() == {}


class TestStart:
    def test_a_job_that_has_ended_cannot_be_started(self, services: FakeServices) -> None:
        stored(services, a_job(status=JobStatus.FAILED))

        with pytest.raises(JobStartedError, match="new folder"):
            ask_start(services, "alice", JOB_ID)

    def test_it_is_an_object_in_the_folder_as_by_hand(self, services: FakeServices) -> None:
        stored(services, a_job())

        ask_start(services, "alice", JOB_ID)

        assert f"{PREFIX}start" in services.upload_bucket.current()

    def test_a_job_that_has_started_stays_as_it_is(self, services: FakeServices) -> None:
        trained(services)

        job = ask_start(services, "alice", JOB_ID)

        assert job.status is JobStatus.INFERRING
        assert services.upload_bucket.current() == {}

    def test_nobody_starts_a_strangers_job(self, services: FakeServices) -> None:
        stored(services, a_job())

        with pytest.raises(JobNotFoundError):
            ask_start(services, "mallory", JOB_ID)

        assert services.upload_bucket.current() == {}


class TestMore:
    def test_another_run_makes_them_from_the_same_model(self, services: FakeServices) -> None:
        trained(services, status=JobStatus.COMPLETED)

        _, run = ask_more(services, "alice", JOB_ID, [Prompt("anime", 2)])

        assert run == 2
        assert services.executions.started[-1].endswith(f":{JOB_ID}-2")

    def test_asking_twice_is_asking_once(self, services: FakeServices) -> None:
        trained(services, status=JobStatus.COMPLETED)

        for _ in range(2):
            ask_more(services, "alice", JOB_ID, [Prompt("anime", 2)])

        assert len(services.executions.running) == 1

    def test_a_job_that_is_at_work_is_left_to_it(self, services: FakeServices) -> None:
        inferring(services)

        with pytest.raises(JobNotEndedError, match="wait until it has ended"):
            ask_more(services, "alice", JOB_ID, [Prompt("anime")])

        assert services.executions.started == []

    def test_without_a_model_there_are_none(self, services: FakeServices) -> None:
        stored(services, a_job(status=JobStatus.FAILED))

        with pytest.raises(NoModelError, match="order a new job"):
            ask_more(services, "alice", JOB_ID, [Prompt("anime")])

    def test_avatars_that_come_from_a_photo_have_no_model(self, services: FakeServices) -> None:
        ready_to_draw(services, Prompt("anime"), status=JobStatus.COMPLETED)

        with pytest.raises(NoModelError, match="made from a photo, without a model"):
            ask_more(services, "alice", JOB_ID, [Prompt("anime")])

        assert services.executions.started == []

    def test_a_model_whose_life_is_over_is_gone(self, services: FakeServices) -> None:
        trained(services, provider=ASTRIA, status=JobStatus.COMPLETED)
        services.clock.move(30 * DAY)
        _, run = ask_more(services, "alice", JOB_ID, [Prompt("anime")])
        services.clock.move(1)

        assert run == 2
        with pytest.raises(NoModelError, match=r"has deleted the model .* Order a new job"):
            ask_more(services, "alice", JOB_ID, [Prompt("anime")])

    def test_a_style_that_the_provider_lacks_is_named_before_it_is_asked(self) -> None:
        services = FakeServices(styles=("realistic", "anime"))
        trained(services, status=JobStatus.COMPLETED)

        with pytest.raises(BadRequestError, match=r"'baroque'.*realistic, anime"):
            ask_more(services, "alice", JOB_ID, [Prompt("baroque")])

        assert services.executions.started == []


class TestLimits:
    def limited(self, **limits: int) -> FakeServices:
        usual = {"jobs_a_day": 100, "photos_a_day": 1000, "open_jobs": 100}
        return FakeServices(styles=(), owner_limits=OwnerLimits(**usual | limits))

    def test_a_day_has_so_many_jobs_and_then_there_is_another_day(self) -> None:
        services = self.limited(jobs_a_day=2)
        order(services, "one")
        services.clock.move(3600)
        order(services, "two")

        with pytest.raises(LimitReachedError, match="2 are the most") as refused:
            order(services, "three")

        assert refused.value.wait_seconds == 86_400 - 3600
        assert services.upload_bucket.current("uploads/alice/three/") == {}
        services.clock.move(refused.value.wait_seconds)
        order(services, "three")

    def test_the_same_order_again_counts_once(self) -> None:
        services = self.limited(jobs_a_day=1, photos_a_day=5, open_jobs=1)

        first, again = order(services), order(services)

        assert first.job_id == again.job_id

    def test_so_many_jobs_are_open_at_once_however_old_they_are(self) -> None:
        services = self.limited(open_jobs=1)
        job = order(services, "one")
        services.clock.move(2 * 86_400)

        with pytest.raises(LimitReachedError, match="wait until one has ended") as refused:
            order(services, "two")

        assert refused.value.wait_seconds is None
        services.jobs.change_job(job.job_id, lambda job: replace(job, status=JobStatus.FAILED))
        order(services, "two")

    def test_photos_are_counted_too(self) -> None:
        services = self.limited(photos_a_day=9)
        order(services, "one")

        with pytest.raises(LimitReachedError, match="9 photos a day"):
            order(services, "two")

    def test_however_often_a_job_is_ordered_each_of_its_photos_counts_once(self) -> None:
        services = self.limited(photos_a_day=9)
        for _ in range(3):
            order(services)

        with pytest.raises(LimitReachedError, match="9 photos a day"):
            order_job(
                services, "alice", "summer", WANTED, {f"{n}.jpg": None for n in range(10, 15)}
            )

    def test_more_avatars_count_too(self) -> None:
        services = self.limited(jobs_a_day=2)
        trained(services, status=JobStatus.COMPLETED)
        ask_more(services, "alice", JOB_ID, [Prompt("anime")])
        order(services, "winter")

        with pytest.raises(LimitReachedError, match="2 are the most"):
            order(services, "spring")

    def test_nobody_counts_what_others_order(self) -> None:
        services = self.limited(jobs_a_day=1)
        order(services)

        order_job(services, "bob", "summer", WANTED, PHOTOS)

    def test_of_two_orders_at_the_same_moment_one_is_refused(self) -> None:
        services = self.limited(jobs_a_day=1)

        def another_one_comes() -> None:
            order_job(services, "alice", "two", WANTED, PHOTOS)

        services.effects.before("write allowance", another_one_comes)
        with pytest.raises(LimitReachedError):
            order(services, "one")

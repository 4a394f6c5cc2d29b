"""The HTTP door: orders, starts, and what an owner may see."""

import json
from dataclasses import replace

import pytest

from avatars.errors import BadRequestError, JobNotFoundError, JobStartedError
from avatars.manifest import read_manifest
from avatars.model import Advice, JobStatus, Manifest, Photo, PhotoStatus, Prompt, Subject
from avatars.pipeline.collecting import collect_photos
from avatars.pipeline.ordering import ask_start, describe_job, order_job, owned_job
from tests.builders import (
    EXECUTION,
    JOB_ID,
    PREFIX,
    a_job,
    a_photo,
    a_picture,
    an_avatar,
    chosen,
    dropped,
    inferring,
    judged,
    stored,
    trained,
)
from tests.fakes import FakeServices
from tests.fakes.clock import NOON

FILES = ["1.jpg", "IMG 2041.JPG", "3.jpeg", "Été 50%.png", "selfie+beach.PNG"]
WANTED = Manifest(Subject.DOG, (Prompt("anime", 2, "at sea"), Prompt("3d")))


class TestOrder:
    def test_it_creates_the_job_that_a_drop_would_create(self, services: FakeServices) -> None:
        job, _ = order_job(services, "alice", "summer", WANTED, FILES)

        assert job.job_id == JOB_ID
        assert (job.subject, job.promised) == (Subject.DOG, 5)
        assert services.executions.started == [EXECUTION]

    def test_its_manifest_lies_where_a_dropped_one_would(self, services: FakeServices) -> None:
        order_job(services, "alice", "summer", WANTED, FILES)

        data = services.upload_bucket.read(f"{PREFIX}job.json") or b""
        assert read_manifest(data, services.settings.default) == replace(WANTED, photos=5)

    def test_each_file_gets_a_form_for_exactly_its_key_and_type(
        self, services: FakeServices
    ) -> None:
        _, forms = order_job(services, "alice", "summer", WANTED, FILES)

        assert {file: form.fields["key"] for file, form in forms.items()} == {
            file: f"{PREFIX}{file}" for file in FILES
        }
        types = [form.fields["Content-Type"] for form in forms.values()]
        assert types == ["image/jpeg"] * 3 + ["image/png"] * 2

    def test_the_same_order_again_gives_the_same_job_and_new_forms(
        self, services: FakeServices
    ) -> None:
        first = order_job(services, "alice", "summer", WANTED, FILES)

        again = order_job(services, "alice", "summer", WANTED, FILES)

        assert again == first
        assert services.executions.started == [EXECUTION]

    def test_its_end_is_told_where_the_order_says(self, services: FakeServices) -> None:
        wanted = replace(WANTED, webhook="https://hooks.test/")

        job, _ = order_job(services, "alice", "summer", wanted, FILES)

        assert job.webhook == "https://hooks.test/"

    def test_what_was_ordered_is_what_is_trained(self, services: FakeServices) -> None:
        order_job(services, "alice", "summer", WANTED, FILES)
        for number, file in enumerate(FILES):
            judged(services, dropped(services, file, a_picture(number)))

        collected = collect_photos(services, JOB_ID, 1)

        assert collected["status"] == "COLLECTED"
        assert services.jobs.job(JOB_ID).subject is Subject.DOG
        assert services.jobs.run(JOB_ID, 1).prompts == WANTED.prompts

    @pytest.mark.parametrize(
        ("files", "words"),
        [
            (FILES[:4], "has 4 names; a training takes 5 to 30"),
            ([FILES[0]] * 5, "has 1 names"),
            ([f"{number}.jpg" for number in range(31)], "has 31 names"),
            ([*FILES, "6.gif"], r"'6\.gif' is no JPEG, PNG, HEIC, WebP or AVIF"),
            ([*FILES, "job.json"], "is no JPEG, PNG, HEIC, WebP or AVIF"),
            ([*FILES, "sub/6.jpg"], "no plain file name"),
            ([*FILES, ".6.jpg"], "no plain file name"),
            ([*FILES, "6\n.jpg"], r"'6\\n\.jpg' cannot be taken\. .* control characters"),
            ([*FILES, "6" * 197 + ".jpg"], "200 is the most"),
        ],
    )
    def test_a_mistake_is_named_and_leaves_no_job(
        self, services: FakeServices, files: list[str], words: str
    ) -> None:
        with pytest.raises(BadRequestError, match=words):
            order_job(services, "alice", "summer", WANTED, files)

        assert services.jobs.find_job(JOB_ID) is None

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
            order_job(services, "alice", "summer", WANTED, FILES)

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


class TestDescription:
    def test_a_strangers_job_does_not_exist(self, services: FakeServices) -> None:
        stored(services, a_job())

        with pytest.raises(JobNotFoundError) as stranger:
            owned_job(services, "mallory", JOB_ID)
        with pytest.raises(JobNotFoundError) as nobody:
            owned_job(services, "alice", "X" * 26)

        assert str(stranger.value).replace(JOB_ID, "") == str(nobody.value).replace("X" * 26, "")

    def test_it_says_how_the_job_and_its_photos_and_avatars_stand(
        self, services: FakeServices
    ) -> None:
        inferring(services)
        rejected = replace(a_photo(2), status=PhotoStatus.REJECTED, code="blank_image", reason="No")
        for photo in (a_photo(1), rejected):
            services.jobs.put_photo(photo)
        services.jobs.put_avatar(an_avatar(1))

        described = describe_job(services, services.jobs.job(JOB_ID))

        assert (described["status"], described["model_id"]) == ("INFERRING", "model-1")
        assert described["inference_id"] == "inference-1"
        assert described["photos"][1] == {
            "file": "002.jpg", "status": "rejected", "code": "blank_image", "reason": "No",
            "crop": None, "advice": [],
        }  # fmt: skip
        assert described["avatars"][0]["key"] == "avatars/alice/summer/001/001-realistic.jpg"

    def test_what_can_be_said_about_the_photos_and_the_set_is_said(
        self, services: FakeServices
    ) -> None:
        blurred = a_photo(1, advice=(Advice.BLURRED,), people=1, likeness="0f", taken_at=NOON)
        others = [a_photo(n, people=1, likeness="ff0f" * n, taken_at=NOON) for n in (2, 3)]
        stored(services, a_job(), blurred, *others, a_photo(4, people=2, likeness="0e"))

        described = describe_job(services, services.jobs.job(JOB_ID))

        codes = [[advice["code"] for advice in photo["advice"]] for photo in described["photos"]]
        assert codes == [["blurred"], [], [], ["several_people", "near_duplicate"]]
        assert described["photos"][0]["advice"][0]["sentence"].startswith("It is blurred")
        assert described["advice"] == []  # one of them has no date

    def test_advice_that_the_settings_reject_is_the_verdict(self) -> None:
        services = FakeServices(rejected_advice=frozenset({Advice.NO_FACE}))
        stored(services, a_job(), a_photo(1, people=0), a_photo(2, people=1))

        described = describe_job(services, services.jobs.job(JOB_ID))

        assert [(p["status"], p["code"]) for p in described["photos"]] == [
            ("rejected", "no_face"),
            ("accepted", None),
        ]

    def test_it_is_json_and_carries_no_link(self, services: FakeServices) -> None:
        inferring(services)
        services.jobs.put_photo(a_photo(1))

        text = json.dumps(describe_job(services, services.jobs.job(JOB_ID)))

        assert "://" not in text

    def test_a_duplicate_is_told_before_the_set_is_frozen(self, services: FakeServices) -> None:
        twins: list[Photo] = [a_photo(1), a_photo(2, pixels="pixels-1")]
        stored(services, a_job(), *twins)

        described = describe_job(services, services.jobs.job(JOB_ID))

        assert [photo["status"] for photo in described["photos"]] == ["accepted", "rejected"]

"""What an owner may know of jobs, photos and avatars."""

import json
from dataclasses import replace

import pytest

from avatars.errors import JobNotFoundError
from avatars.model import Advice, AvatarStatus, JobStatus, Page, Photo, PhotoStatus, Prompt
from avatars.pipeline.describing import (
    describe_avatars,
    describe_job,
    summarize_job,
    summarize_model,
)
from avatars.pipeline.ordering import owned_job
from tests.builders import (
    JOB_ID,
    a_job,
    a_photo,
    a_run,
    an_avatar,
    inferring,
    stored,
    trained,
    training,
)
from tests.fakes import FakeServices
from tests.fakes.clock import NOON


class TestJob:
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
        rejected = replace(
            a_photo(2, version_id=None),
            status=PhotoStatus.REJECTED,
            code="blank_image",
            reason="No",
        )
        for photo in (a_photo(1), rejected):
            services.jobs.put_photo(photo)
        services.jobs.put_avatar(an_avatar(1))

        described = describe_job(services, services.jobs.job(JOB_ID))

        assert (described["status"], described["model_id"]) == ("INFERRING", "model-1")
        assert described["inference_ids"] == ["inference-1"]
        assert described["photos"][1] == {
            "file": "002.jpg", "status": "rejected", "code": "blank_image", "reason": "No",
            "crop": None, "advice": [], "score": None, "link": None,
        }  # fmt: skip
        assert described["avatars"] == {"wanted": 4, "kept": 1}

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

    def test_it_is_json_and_tells_nobody_where_things_lie(self, services: FakeServices) -> None:
        inferring(services)
        services.jobs.put_photo(a_photo(1))

        text = json.dumps(describe_job(services, services.jobs.job(JOB_ID)))

        assert "version_id" not in text

    def test_a_prepared_photo_can_be_seen_while_it_exists(self, services: FakeServices) -> None:
        trained(services)
        services.jobs.put_photo(a_photo(1))

        [before] = describe_job(services, services.jobs.job(JOB_ID))["photos"]
        services.jobs.change_job(JOB_ID, lambda job: replace(job, status=JobStatus.COMPLETED))
        [after] = describe_job(services, services.jobs.job(JOB_ID))["photos"]

        assert before["link"].startswith(f"https://photos.test/photos/{JOB_ID}/")
        assert after["link"] is None

    def test_a_duplicate_is_told_before_the_set_is_frozen(self, services: FakeServices) -> None:
        twins: list[Photo] = [a_photo(1), a_photo(2, pixels="pixels-1")]
        stored(services, a_job(), *twins)

        described = describe_job(services, services.jobs.job(JOB_ID))

        assert [photo["status"] for photo in described["photos"]] == ["accepted", "rejected"]

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"promised": 5}, "1 of 5 photos are judged; it begins when all are."),
            ({"promised": 5, "held": True}, "1 of 5 photos are judged; it begins when you ask"),
            ({}, "1 photos are judged; it begins when no more arrive."),
        ],
    )
    def test_while_it_collects_it_says_what_it_waits_for(
        self, services: FakeServices, changes: dict[str, object], sentence: str
    ) -> None:
        stored(services, a_job(**changes), a_photo(1))

        waiting = describe_job(services, services.jobs.job(JOB_ID))["waiting"]

        assert waiting["for"] == "PHOTOS"
        assert waiting["sentence"].startswith(sentence)

    def test_later_it_says_what_the_provider_is_doing(self, services: FakeServices) -> None:
        drawing = FakeServices()
        training(services)
        inferring(drawing)

        trains = describe_job(services, services.jobs.job(JOB_ID))["waiting"]
        draws = describe_job(drawing, drawing.jobs.job(JOB_ID))["waiting"]

        assert (trains["for"], draws["for"]) == ("MODEL", "AVATARS")

    def test_one_that_has_ended_waits_for_nothing(self, services: FakeServices) -> None:
        trained(services, status=JobStatus.COMPLETED)

        described = describe_job(services, services.jobs.job(JOB_ID))

        assert (described["waiting"], described["estimate"]) == (None, None)

    def test_a_summary_is_the_beginning_of_all_that_is_known(self, services: FakeServices) -> None:
        trained(services)
        job = services.jobs.job(JOB_ID)

        assert summarize_job(job).items() <= describe_job(services, job).items()
        assert summarize_model(job)["model_id"] == job.model_id


class TestAvatars:
    def test_each_says_what_it_was_asked_for_and_where_it_is(self, services: FakeServices) -> None:
        prompts = (Prompt("anime", 1, "at sea"), Prompt("realistic", 1))
        services.jobs.create_run(a_run(prompts=prompts))
        due = replace(an_avatar(2), status=AvatarStatus.DUE, key=None, reason="Not yet.")

        kept, missing = describe_avatars(services, Page([an_avatar(1), due]))

        assert (kept["prompt"], missing["prompt"]) == ("at sea", None)
        assert kept["file"] == "001-001-realistic.jpg"
        assert kept["expires_at"] == int(services.clock.wall()) + 900
        assert "lives=900" in kept["link"]
        assert (missing["link"], missing["file"], missing["expires_at"]) == (None, None, None)
        assert missing["reason"] == "Not yet."

"""When a folder is complete, and which of its photos are used."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.advice import SENTENCES
from avatars.errors import BadManifestError, BatchIncompleteError, TooFewPhotosError
from avatars.model import Advice, Photo, PhotoStatus, Prompt, StoredUpload, Subject
from avatars.pipeline.collecting import (
    CollectReply,
    Folder,
    choose,
    collect_photos,
    fills_in,
    seconds_to_wait,
)
from tests.builders import DAY, JOB_ID, PREFIX, a_job, a_photo, a_picture, dropped, judged, stored
from tests.fakes import FakeClock, FakeServices, KilledError
from tests.fakes.clock import NOON
from tests.fakes.services import INSTANT

EVENTS_A_LOOK = 9
"""Of a history: a Task has five, a Choice and a Wait two each."""

FATAL_EVENTS = 25_000


def folder(services: FakeServices, *photos: Photo) -> None:
    """A job whose photos lie in the folder and have their verdicts."""
    stored(services, a_job(), *photos)
    for photo in photos:
        services.upload_bucket.put(PREFIX + photo.file, b"")


def lay(services: FakeServices, file: str, content: object = None) -> None:
    """Something that is no photo."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    services.upload_bucket.put(PREFIX + file, data)


def five() -> list[Photo]:
    return [a_photo(number) for number in range(1, 6)]


def collect(services: FakeServices) -> CollectReply:
    return collect_photos(services, JOB_ID, 1)


def statuses(services: FakeServices) -> dict[str, PhotoStatus]:
    return {photo.file: photo.status for photo in services.jobs.photos(JOB_ID)}


class TestWithoutPromise:
    def test_it_waits_until_the_quiet_period_after_the_last_arrival_is_over(
        self, services: FakeServices
    ) -> None:
        folder(services, *five())
        services.clock.move(20)

        assert collect(services) == {"status": "WAITING", "trains": True, "wait_seconds": 40}

        services.clock.move(40)
        assert collect(services)["status"] == "COLLECTED"

    def test_another_arrival_begins_the_quiet_period_anew(self, services: FakeServices) -> None:
        folder(services, *five())
        services.clock.move(59)
        lay(services, "6.jpg")
        services.jobs.put_photo(a_photo(6, file="6.jpg"))
        services.clock.move(1)

        assert collect(services) == {"status": "WAITING", "trains": True, "wait_seconds": 59}

    def test_an_upload_without_a_verdict_is_waited_for(self, services: FakeServices) -> None:
        folder(services, *five())
        lay(services, "slow.jpg")
        services.clock.move(120)

        assert collect(services)["status"] == "WAITING"

    def test_an_upload_that_never_gets_a_verdict_is_given_up(self, services: FakeServices) -> None:
        folder(services, *five())
        lay(services, "lost.jpg")
        services.clock.move(65 * 60)

        assert collect(services)["status"] == "COLLECTED"

    def test_four_photos_are_not_enough(self, services: FakeServices) -> None:
        folder(services, *five()[:4])
        services.clock.move(3600)

        assert collect(services)["status"] == "WAITING"

    def test_four_photos_at_the_deadline_end_the_job_with_the_counts(
        self, services: FakeServices
    ) -> None:
        rejected = a_photo(9, status=PhotoStatus.REJECTED, code="blank_image")
        folder(services, *five()[:4], rejected)
        services.clock.move(DAY)

        with pytest.raises(TooFewPhotosError, match="4 of 5 photos were accepted and 1 rejected"):
            collect(services)

    def test_equal_pictures_count_once(self, services: FakeServices) -> None:
        twins = [a_photo(number, pixels="the same") for number in (5, 6)]
        folder(services, *five()[:3], *twins)
        services.clock.move(DAY)

        with pytest.raises(TooFewPhotosError, match="4 of 5"):
            collect(services)

    def test_five_photos_that_are_still_arriving_at_the_deadline_are_used(
        self, services: FakeServices
    ) -> None:
        services.clock.move(DAY)
        folder(services, *five())

        assert collect(services)["status"] == "COLLECTED"


class TestPromise:
    def test_it_starts_with_the_last_verdict_without_a_quiet_period(
        self, services: FakeServices
    ) -> None:
        folder(services, *five())
        lay(services, "job.json", {"photos": 6})
        before = collect(services)

        services.jobs.put_photo(a_photo(6, status=PhotoStatus.REJECTED))

        assert before["status"] == "WAITING"
        assert collect(services)["status"] == "COLLECTED"

    def test_a_promise_that_is_not_kept_ends_the_job_at_the_deadline(
        self, services: FakeServices
    ) -> None:
        folder(services, *five())
        lay(services, "job.json", {"photos": 6})
        services.clock.move(DAY - 1)
        before = collect(services)

        services.clock.move(1)

        assert before == {"status": "WAITING", "trains": True, "wait_seconds": 1}
        with pytest.raises(BatchIncompleteError, match="6 photos were promised, 5 had arrived"):
            collect(services)

    def test_a_promise_that_was_kept_with_bad_photos_ends_the_job(
        self, services: FakeServices
    ) -> None:
        bad = [a_photo(number, status=PhotoStatus.REJECTED) for number in (5, 6)]
        folder(services, *five()[:4], *bad[:1])
        lay(services, "job.json", {"photos": 5})

        with pytest.raises(TooFewPhotosError):
            collect(services)


class TestStart:
    def test_a_start_ends_the_wait_for_more(self, services: FakeServices) -> None:
        folder(services, *five())
        lay(services, "start")

        assert collect(services)["status"] == "COLLECTED"

    def test_a_start_releases_from_the_promise(self, services: FakeServices) -> None:
        folder(services, *five())
        lay(services, "job.json", {"photos": 10})
        lay(services, "start")

        assert collect(services)["status"] == "COLLECTED"

    def test_a_start_waits_for_photos_that_have_no_verdict_yet(
        self, services: FakeServices
    ) -> None:
        folder(services, *five())
        lay(services, "6.jpg")
        lay(services, "start")

        assert collect(services)["status"] == "WAITING"

    def test_a_start_with_too_few_photos_waits_for_more_until_the_deadline(
        self, services: FakeServices
    ) -> None:
        folder(services, *five()[:4])
        lay(services, "job.json", {"photos": 10})
        lay(services, "start")
        early = collect(services)
        services.clock.move(DAY)

        assert early["status"] == "WAITING"
        with pytest.raises(TooFewPhotosError):
            collect(services)


class TestHeld:
    """A folder whose owner wants to look at the verdicts first."""

    @pytest.mark.parametrize("promise", [{}, {"photos": 5}, {"photos": 6}])
    def test_it_waits_for_its_start_whatever_has_arrived(
        self, services: FakeServices, promise: dict[str, int]
    ) -> None:
        folder(services, *five())
        lay(services, "job.json", {"hold": True, **promise})
        services.clock.move(3600)

        reply = collect(services)

        assert reply["status"] == "WAITING"
        assert services.jobs.job(JOB_ID).chosen == ()

    def test_it_is_looked_into_once_a_minute_until_it_is_started(
        self, services: FakeServices
    ) -> None:
        folder(services, *five()[:4])
        lay(services, "job.json", {"hold": True})
        held = collect(services)
        lay(services, "start")

        started = collect(services)

        assert held["wait_seconds"] == 60
        assert started["wait_seconds"] == 15

    def test_looks_become_rarer_while_it_is_held(self, services: FakeServices) -> None:
        folder(services, *five())
        lay(services, "job.json", {"hold": True})
        services.clock.move(10 * 3600)

        assert collect(services)["wait_seconds"] == 300

    def test_a_start_lets_it_begin(self, services: FakeServices) -> None:
        folder(services, *five())
        lay(services, "job.json", {"hold": True, "photos": 6})
        before = collect(services)
        lay(services, "start")

        after = collect(services)

        assert (before["status"], after["status"]) == ("WAITING", "COLLECTED")
        assert services.jobs.job(JOB_ID).held

    def test_a_start_with_too_few_photos_waits_for_more(self, services: FakeServices) -> None:
        folder(services, *five()[:4])
        lay(services, "job.json", {"hold": True})
        lay(services, "start")

        assert collect(services)["status"] == "WAITING"

    def test_nobody_who_asks_for_the_start_ends_it_at_the_deadline(
        self, services: FakeServices
    ) -> None:
        folder(services, *five())
        lay(services, "job.json", {"hold": True, "photos": 5})
        services.clock.move(DAY - 1)
        before = collect(services)
        services.clock.move(1)

        with pytest.raises(BatchIncompleteError, match="held with 5 photos, and nobody asked"):
            collect(services)

        assert before == {"status": "WAITING", "trains": True, "wait_seconds": 1}
        assert BatchIncompleteError.code == "BATCH_INCOMPLETE"

    def test_a_start_at_the_deadline_is_not_too_late(self, services: FakeServices) -> None:
        folder(services, *five())
        lay(services, "job.json", {"hold": True})
        services.clock.move(DAY)
        lay(services, "start")

        assert collect(services)["status"] == "COLLECTED"

    def test_it_can_be_let_go_by_another_manifest(self, services: FakeServices) -> None:
        folder(services, *five())
        lay(services, "job.json", {"hold": True, "photos": 5})
        held = collect(services)
        lay(services, "job.json", {"photos": 5})

        assert held["status"] == "WAITING"
        assert collect(services)["status"] == "COLLECTED"
        assert not services.jobs.job(JOB_ID).held


class TestFilling:
    """How soon somebody looks for the rest of those that were promised."""

    @pytest.mark.parametrize(
        ("age", "arrived", "promised", "seconds"),
        [
            (15, 5, 15, 30),
            (15, 12, 15, 5),
            (30, 15, 15, 5),
            (30, 16, 15, 5),
            (120, 3, 15, 60),
            (15, 0, 15, 5),
            (15, 5, None, 15),
        ],
        ids=[
            "when they are there at this rate", "not sooner than ever", "all are there",
            "more are there", "not much later either", "nobody knows the rate", "nothing promised",
        ],
    )  # fmt: skip
    def test_it_is(self, age: int, arrived: int, promised: int | None, seconds: int) -> None:
        assert fills_in(age, arrived, promised) == seconds

    def test_a_folder_that_fills_slowly_is_looked_into_rarely(self, services: FakeServices) -> None:
        folder(services, *five()[:4])
        lay(services, "job.json", {"photos": 8})
        services.clock.move(40)

        assert collect(services)["wait_seconds"] == 40


class TestWithdrawn:
    def test_a_photo_whose_upload_was_deleted_again_is_not_used(
        self, services: FakeServices
    ) -> None:
        folder(services, *five(), a_photo(6))
        services.upload_bucket.delete(f"{PREFIX}003.jpg")
        services.clock.move(60)

        collect(services)

        versions = [photo.version_id for photo in services.jobs.job(JOB_ID).chosen]
        assert versions == [f"prepared-{n}" for n in (1, 2, 4, 5, 6)]
        withdrawn = services.jobs.photo(JOB_ID, a_photo(3).photo_id)
        assert withdrawn is not None
        assert (withdrawn.status, withdrawn.code) == (PhotoStatus.REJECTED, "withdrawn")

    def test_a_photo_that_comes_while_the_folder_is_looked_at_is_not_taken_for_one(
        self, services: FakeServices
    ) -> None:
        folder(services, *(a_photo(number) for number in (1, 2, 3, 4)))
        services.clock.move(60)

        def another_comes() -> None:
            services.upload_bucket.put(f"{PREFIX}005.jpg", b"x")
            services.jobs.put_photo(a_photo(5))

        services.effects.after("list uploads", another_comes)
        services.effects.after("read photos", another_comes)
        collect(services)

        late = services.jobs.photo(JOB_ID, a_photo(5).photo_id)
        assert late is not None
        assert late.status is PhotoStatus.ACCEPTED

    def test_it_does_not_count(self, services: FakeServices) -> None:
        folder(services, *five())
        services.upload_bucket.delete(f"{PREFIX}003.jpg")
        services.clock.move(DAY)

        with pytest.raises(TooFewPhotosError, match="4 of 5"):
            collect(services)


class TestManifest:
    def test_it_says_who_and_what(self, services: FakeServices) -> None:
        folder(services, *five())
        prompts = [{"style": "realistic", "count": 2, "prompt": "at sea"}]
        lay(services, "job.json", {"subject": "dog", "prompts": prompts, "photos": 5})

        collect(services)

        assert services.jobs.job(JOB_ID).subject is Subject.DOG
        assert services.jobs.job(JOB_ID).promised == 5
        assert services.jobs.run(JOB_ID, 1).prompts == (Prompt("realistic", 2, "at sea"),)

    def test_a_style_that_the_provider_does_not_draw_ends_it_before_anything_is_paid_for(
        self, services: FakeServices
    ) -> None:
        folder(services, *five())
        lay(services, "job.json", {"prompts": [{"style": "anime"}], "photos": 5})
        waiting = collect(services)
        services.clock.move(60)

        with pytest.raises(BadManifestError, match="no style 'anime' here: take one of realistic"):
            collect(services)

        assert waiting["status"] == "WAITING"
        assert services.jobs.job(JOB_ID).chosen == ()
        assert services.company.sent == []

    def test_nor_do_the_stacks_own_styles_get_further_if_the_provider_has_them_not(self) -> None:
        services = FakeServices(styles=("anime",))
        for number in range(5):
            judged(services, dropped(services, f"{number}.jpg", a_picture(number)))
        services.clock.move(120)

        with pytest.raises(BadManifestError, match="no style 'realistic' here: take one of anime"):
            collect_photos(services, JOB_ID, 1)

    def test_any_style_is_taken_where_nobody_has_said_which_there_are(self) -> None:
        services = FakeServices(styles=())
        folder(services, *five())
        lay(services, "job.json", {"prompts": [{"style": "anime"}], "photos": 5})

        assert collect(services)["status"] == "COLLECTED"

    def test_without_one_the_defaults_of_the_template_hold(self, services: FakeServices) -> None:
        folder(services, *five())
        services.clock.move(60)

        collect(services)

        assert services.jobs.run(JOB_ID, 1).prompts == services.settings.default.prompts

    def test_a_bad_one_may_be_mended_while_photos_arrive(self, services: FakeServices) -> None:
        folder(services, *five())
        lay(services, "job.json", b"{oops")
        waiting = collect(services)

        lay(services, "job.json", {"subject": "cat", "photos": 5})

        assert waiting["status"] == "WAITING"
        assert collect(services)["status"] == "COLLECTED"
        assert services.jobs.job(JOB_ID).subject is Subject.CAT

    def test_a_bad_one_ends_the_job_once_the_folder_is_complete(
        self, services: FakeServices
    ) -> None:
        folder(services, *five())
        lay(services, "job.json", {"subject": "parrot"})
        services.clock.move(60)

        with pytest.raises(BadManifestError, match="man, woman, couple, dog, cat"):
            collect(services)

    def test_a_bad_one_is_told_even_if_there_are_too_few_photos(
        self, services: FakeServices
    ) -> None:
        folder(services)
        lay(services, "job.json", b"")
        services.clock.move(DAY)

        with pytest.raises(BadManifestError):
            collect(services)


class TestWebhook:
    URL = "https://hooks.test/"

    def test_it_is_the_one_of_the_manifest_that_the_set_is_frozen_with(
        self, services: FakeServices
    ) -> None:
        folder(services, *five())
        lay(services, "job.json", {"webhook": self.URL, "photos": 5})

        collect(services)

        assert services.jobs.job(JOB_ID).webhook == self.URL

    def test_it_is_known_before_there_are_enough_photos(self, services: FakeServices) -> None:
        folder(services)
        lay(services, "job.json", {"webhook": self.URL})

        waiting = collect(services)

        assert waiting["status"] == "WAITING"
        assert services.jobs.job(JOB_ID).webhook == self.URL

    def test_a_manifest_that_is_taken_back_takes_it_back(self, services: FakeServices) -> None:
        folder(services)
        lay(services, "job.json", {"webhook": self.URL})
        collect(services)

        lay(services, "job.json", {})
        collect(services)

        assert services.jobs.job(JOB_ID).webhook is None

    def test_a_manifest_that_turns_bad_does_not(self, services: FakeServices) -> None:
        folder(services)
        lay(services, "job.json", {"webhook": self.URL})
        collect(services)

        lay(services, "job.json", b"{oops")
        collect(services)

        assert services.jobs.job(JOB_ID).webhook == self.URL

    def test_it_may_be_of_an_origin_that_the_settings_allow(self) -> None:
        services = FakeServices(webhook_origins=("http://127.0.0.1:8092",))
        folder(services, *five())
        lay(services, "job.json", {"webhook": "http://127.0.0.1:8092/hooks", "photos": 5})

        assert collect(services)["status"] == "COLLECTED"


class TestFrozenSet:
    def test_it_holds_exact_versions_ordered_by_upload_time_then_key(
        self, services: FakeServices
    ) -> None:
        early = a_photo(7, uploaded_at=NOON)
        same_time = [a_photo(n, file=f"{9 - n}.jpg", uploaded_at=NOON + 1) for n in (1, 2, 3, 4)]
        folder(services, *same_time, early)
        services.clock.move(60)

        collect(services)

        versions = [photo.version_id for photo in services.jobs.job(JOB_ID).chosen]
        assert versions == [f"prepared-{n}" for n in (7, 4, 3, 2, 1)]

    def test_the_first_thirty_are_used_and_the_others_are_surplus(
        self, services: FakeServices
    ) -> None:
        folder(services, *(a_photo(number) for number in range(1, 33)))
        services.clock.move(60)

        collect(services)

        chosen = services.jobs.job(JOB_ID).chosen
        assert [photo.version_id for photo in chosen] == [f"prepared-{n}" for n in range(1, 31)]
        surplus = [file for file, status in statuses(services).items() if status == "surplus"]
        assert surplus == ["031.jpg", "032.jpg"]

    def test_of_equal_pictures_the_first_is_used_and_the_others_say_so(
        self, services: FakeServices
    ) -> None:
        twin = a_photo(9, pixels="pixels-2")
        folder(services, *five(), twin)
        services.clock.move(60)

        collect(services)

        rejected = services.jobs.photo(JOB_ID, twin.photo_id)
        assert rejected is not None
        assert (rejected.status, rejected.code) == (PhotoStatus.REJECTED, "duplicate")
        assert "002.jpg" in (rejected.reason or "")
        assert len(services.jobs.job(JOB_ID).chosen) == 5

    def test_advice_rejects_where_the_settings_say_so(self) -> None:
        services = FakeServices(rejected_advice=frozenset({Advice.BLURRED, Advice.NEAR_DUPLICATE}))
        dark = a_photo(6, advice=(Advice.TOO_DARK,), likeness="0f")
        blurred = a_photo(7, advice=(Advice.BLURRED,))
        alike = a_photo(8, likeness="0e")
        folder(services, *five(), dark, blurred, alike)
        services.clock.move(60)

        collect(services)

        photos = {photo.file: photo for photo in services.jobs.photos(JOB_ID)}
        codes = {file: photo.code for file, photo in photos.items() if photo.code}
        assert codes == {"007.jpg": "blurred", "008.jpg": "near_duplicate"}
        assert photos["007.jpg"].reason == SENTENCES[Advice.BLURRED]
        assert len(services.jobs.job(JOB_ID).chosen) == 6

    def test_rejected_advice_is_about_the_subject_of_the_manifest(self) -> None:
        services = FakeServices(rejected_advice=frozenset({Advice.NO_FACE}))
        folder(services, *(a_photo(number, people=0) for number in range(1, 6)))
        lay(services, "job.json", {"subject": "dog"})
        services.clock.move(60)

        assert collect(services)["status"] == "COLLECTED"

    def test_it_is_frozen_once(self, services: FakeServices) -> None:
        folder(services, *five())
        services.clock.move(60)
        collect(services)
        first = services.jobs.job(JOB_ID)
        lay(services, "6.jpg")
        services.jobs.put_photo(a_photo(6, file="6.jpg"))
        services.clock.move(60)

        again = collect(services)

        assert again == {"status": "COLLECTED", "trains": True, "wait_seconds": 0}
        assert services.jobs.job(JOB_ID) == first

    def test_of_two_that_freeze_at_once_the_first_decides(self, services: FakeServices) -> None:
        folder(services, *five())
        services.clock.move(60)

        def another_is_faster() -> None:
            collect(services)
            services.clock.move(1)

        services.effects.before("write job", another_is_faster)

        collect(services)

        assert services.jobs.job(JOB_ID).chosen_at == NOON + 60

    def test_a_verdict_between_the_look_and_the_freeze_is_late(
        self, services: FakeServices
    ) -> None:
        folder(services, *five())
        services.clock.move(60)
        upload = dropped(services, "in-between.jpg", a_picture())
        services.upload_bucket.delete(PREFIX + upload.file)  # it was not listed yet
        services.effects.before("write job", lambda: judged(services, upload))

        collect(services)

        assert statuses(services)["in-between.jpg"] == "late"
        assert len(services.jobs.job(JOB_ID).chosen) == 5

    def test_a_newer_version_of_a_chosen_photo_changes_nothing_that_is_trained_on(
        self, services: FakeServices
    ) -> None:
        folder(services, *five())
        services.clock.move(60)
        newer = replace(a_photo(1), version_id="newer", sequencer="0B")
        services.effects.before("write job", lambda: services.jobs.put_photo(newer))

        collect(services)

        assert services.jobs.job(JOB_ID).chosen[0].version_id == "prepared-1"

    def test_a_crash_at_any_moment_leaves_the_same_end(self) -> None:
        def before_the_freeze() -> FakeServices:
            services = FakeServices()
            twin = a_photo(99, pixels="pixels-2")
            folder(services, *(a_photo(number) for number in range(1, 32)), twin)
            services.clock.move(60)
            services.effects.names.clear()
            return services

        whole = before_the_freeze()
        collect(whole)

        for moment in range(2 * len(whole.effects.names)):
            crashed = before_the_freeze()
            crashed.effects.at_moment(moment, crashed.effects.kill)
            with pytest.raises(KilledError):
                collect(crashed)
            crashed.effects.revive()

            collect(crashed)

            assert statuses(crashed) == statuses(whole)
            assert crashed.jobs.job(JOB_ID) == whole.jobs.job(JOB_ID)
            assert crashed.jobs.run(JOB_ID, 1) == whole.jobs.run(JOB_ID, 1)


@given(st.permutations(range(40)), st.lists(st.integers(0, 39), max_size=10))
def test_the_choice_does_not_depend_on_the_order_in_which_rows_are_read(
    order: list[int], twins: list[int]
) -> None:
    photos = [a_photo(n, pixels="twin") if n in twins else a_photo(n) for n in range(40)]

    verdicts = choose([photos[index] for index in order], Subject.WOMAN)

    assert verdicts == choose(photos, Subject.WOMAN)
    accepted = [photo for photo in verdicts if photo.status is PhotoStatus.ACCEPTED]
    assert len(accepted) == 30
    assert len({photo.pixels for photo in accepted}) == 30


class TestBestFirst:
    """A provider that makes avatars of one photo is sent the best; the others are in reserve."""

    def instant(self, services: FakeServices, *photos: Photo) -> None:
        folder(services, *photos)
        lay(services, "job.json", {"provider": INSTANT})
        services.clock.move(60)

    def test_one_photo_is_enough(self, services: FakeServices) -> None:
        self.instant(services, a_photo(1, score=40))

        assert collect(services) == {"status": "COLLECTED", "trains": False, "wait_seconds": 0}
        [photo] = services.jobs.job(JOB_ID).chosen
        assert (photo.version_id, photo.score) == ("prepared-1", 40)
        assert services.jobs.job(JOB_ID).provider == INSTANT

    def test_none_is_not(self, services: FakeServices) -> None:
        self.instant(services, a_photo(1, status=PhotoStatus.REJECTED, code="blank_image"))
        services.clock.move(DAY)

        with pytest.raises(TooFewPhotosError, match=r"0 of 1 photos were accepted .* 1 to 30"):
            collect(services)

    def test_the_best_one_comes_first_with_its_score(self, services: FakeServices) -> None:
        scores = {1: 40, 2: 90, 3: None, 4: 70}
        self.instant(services, *(a_photo(number, score=score) for number, score in scores.items()))

        collect(services)

        chosen = services.jobs.job(JOB_ID).chosen
        versions = [(photo.version_id, photo.score) for photo in chosen]
        assert versions == [
            ("prepared-2", 90),
            ("prepared-4", 70),
            ("prepared-1", 40),
            ("prepared-3", None),
        ]

    def test_who_trains_on_all_has_them_in_the_order_of_their_upload(
        self, services: FakeServices
    ) -> None:
        folder(services, *(a_photo(number, score=10 * number) for number in range(1, 6)))
        services.clock.move(60)

        collect(services)

        chosen = services.jobs.job(JOB_ID).chosen
        assert [photo.version_id for photo in chosen] == [f"prepared-{n}" for n in range(1, 6)]


class TestWaits:
    @given(
        age=st.integers(0, DAY - 1),
        photos=st.integers(0, 6),
        quiet_for=st.integers(0, 2000),
        unjudged=st.integers(0, 1),
        promised=st.one_of(st.none(), st.integers(1, 10)),
        started=st.booleans(),
        scale=st.sampled_from([1.0, 0.01]),
    )
    def test_a_wait_is_at_least_a_second_at_most_five_minutes_and_never_beyond_the_deadline(
        self,
        age: int,
        photos: int,
        quiet_for: int,
        unjudged: int,
        promised: int | None,
        started: bool,
        scale: float,
    ) -> None:
        services = FakeServices(FakeClock(scale))
        for number in range(photos + unjudged):
            lay(services, f"{number}.jpg")
        if started:
            lay(services, "start")
        services.clock.move(age)
        job = a_job(created_at=NOON, collect_deadline=NOON + DAY)
        judged = [a_photo(number, file=f"{number}.jpg") for number in range(photos)]
        manifest = replace(services.settings.default, photos=promised)
        seen = Folder(services.uploads.list(PREFIX), judged, manifest, frozenset(), 5)

        wait = seconds_to_wait(services, job, seen)

        assert wait == 0 or 1 <= wait <= 300
        assert services.clock.now() + wait <= NOON + DAY

    def test_a_scaled_clock_waits_out_the_quiet_period_of_the_wall(self) -> None:
        services = FakeServices(FakeClock(0.5), quiet_period=60)
        folder(services, *five())

        wait = collect(services)["wait_seconds"]

        assert wait == 120

    @pytest.mark.parametrize(
        "next_arrival",
        [
            pytest.param(lambda arrived, looked: DAY, id="and nothing more"),
            pytest.param(lambda arrived, looked: arrived + 900, id="and one more every 15 minutes"),
            pytest.param(lambda arrived, looked: arrived + 59, id="and one more every 59 seconds"),
            pytest.param(lambda arrived, looked: looked + 1, id="and one more after every look"),
        ],
    )
    @pytest.mark.parametrize("accepted", [1, 5])
    def test_the_looks_of_a_whole_day_stay_far_below_the_limit_of_a_history(
        self, services: FakeServices, accepted: int, next_arrival: Callable[[int, int], int]
    ) -> None:
        photos = [a_photo(number, file=f"{number}.jpg") for number in range(accepted)]
        arrived = now = 0
        looks = 1
        uploads = [StoredUpload("0.jpg", NOON)]
        while wait := seconds_to_wait(
            services, a_job(), Folder(uploads, photos, services.settings.default, frozenset(), 5)
        ):
            following = next_arrival(arrived, now)
            now, looks = now + wait, looks + 1
            while arrived < following <= now:
                arrived, following = following, next_arrival(following, now)
                uploads.append(StoredUpload("0.jpg", NOON + arrived))
            services.clock.move(wait)

        assert looks * EVENTS_A_LOOK < 0.8 * FATAL_EVENTS

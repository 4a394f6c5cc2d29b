"""Where consent is required, nothing is trained before somebody has declared it."""

import json
from dataclasses import replace

import pytest

from avatars.errors import BadManifestError, ConsentMissingError
from avatars.manifest import parse_manifest, read_manifest, write_manifest
from avatars.model import Consent, DoorName, Job, JobStatus, Manifest, Prompt, Subject
from avatars.pipeline.collecting import CollectReply, collect_photos
from avatars.pipeline.describing import describe_job, describe_offer
from avatars.pipeline.erasing import describe_receipt, erase_job
from avatars.pipeline.ordering import ask_start, order_job
from avatars.pipeline.running import begin_run
from tests.builders import (
    DAY,
    EXECUTION,
    JOB_ID,
    PREFIX,
    a_job,
    a_photo,
    stored,
    trained,
)
from tests.fakes import FakeServices
from tests.fakes.clock import NOON

WANTED = Manifest(Subject.WOMAN, (Prompt("realistic", 4),))
PHOTOS = {f"{number:03}.jpg": None for number in range(1, 6)}
AGREED = {"subject_agrees": True, "text_version": "2026-07"}


@pytest.fixture
def services() -> FakeServices:
    return FakeServices(require_consent=True, consent_text="2026-07")


def order(services: FakeServices, consent: str | None = None, **changes: object) -> Job:
    wanted = replace(WANTED, consent=consent, **changes)  # type: ignore[arg-type]
    return order_job(services, "alice", "summer", wanted, PHOTOS)


def drop(services: FakeServices, manifest: object = None) -> None:
    """Five good photos lie in a folder, with that `job.json`."""
    stored(services, a_job(), *[a_photo(number) for number in range(1, 6)])
    for file in PHOTOS:
        services.upload_bucket.put(PREFIX + file, b"")
    if manifest is not None:
        lay(services, manifest)


def lay(services: FakeServices, manifest: object) -> None:
    services.upload_bucket.put(f"{PREFIX}job.json", json.dumps(manifest).encode())


def collect(services: FakeServices) -> CollectReply:
    return collect_photos(services, JOB_ID, 1)


class TestDropped:
    def test_a_folder_without_it_waits_and_its_photos_are_left_alone(
        self, services: FakeServices
    ) -> None:
        drop(services)
        services.clock.move(3600)

        reply = collect(services)

        assert reply["status"] == "WAITING"
        assert not services.jobs.job(JOB_ID).chosen

    def test_it_goes_on_as_soon_as_its_manifest_declares_it(self, services: FakeServices) -> None:
        drop(services)
        services.clock.move(3600)
        collect(services)
        lay(services, {"consent": AGREED})
        services.clock.move(60)

        assert collect(services)["status"] == "COLLECTED"
        assert services.jobs.job(JOB_ID).consent == Consent("2026-07", NOON + 3660, DoorName.BUCKET)

    def test_at_the_deadline_it_fails_with_a_code_and_nothing_paid(
        self, services: FakeServices
    ) -> None:
        drop(services, {"photos": 5})
        services.clock.move(DAY)

        with pytest.raises(ConsentMissingError, match="consent"):
            collect(services)

        assert not services.jobs.job(JOB_ID).chosen
        assert (ConsentMissingError.status, ConsentMissingError.code) == (
            JobStatus.FAILED,
            "CONSENT_MISSING",
        )

    def test_who_says_that_the_subject_does_not_agree_has_not_consented(
        self, services: FakeServices
    ) -> None:
        drop(services, {"consent": AGREED | {"subject_agrees": False}})
        services.clock.move(3600)

        assert collect(services)["status"] == "WAITING"

    def test_asking_for_the_start_does_not_stand_for_it(self, services: FakeServices) -> None:
        drop(services)
        services.upload_bucket.put(f"{PREFIX}start", b"")
        services.clock.move(3600)

        assert collect(services)["status"] == "WAITING"

    def test_a_manifest_that_cannot_be_read_is_said_to_be_that(
        self, services: FakeServices
    ) -> None:
        drop(services, {"consent": "yes"})
        services.clock.move(3600)

        with pytest.raises(BadManifestError, match="consent must be an object"):
            collect(services)

    def test_where_it_is_not_required_a_declared_one_is_recorded_all_the_same(self) -> None:
        services = FakeServices()
        drop(services, {"consent": AGREED})
        services.clock.move(3600)

        collect(services)

        assert services.jobs.job(JOB_ID).consent == Consent("2026-07", NOON + 3600, DoorName.BUCKET)

    def test_taken_back_before_the_set_is_frozen_it_stands_no_more(
        self, services: FakeServices
    ) -> None:
        drop(services, {"consent": AGREED, "photos": 9})
        collect(services)
        lay(services, {"photos": 9})

        collect(services)

        assert services.jobs.job(JOB_ID).consent is None


class TestOrdered:
    def test_an_order_without_it_is_refused_before_anything_exists(
        self, services: FakeServices
    ) -> None:
        with pytest.raises(ConsentMissingError):
            order(services)

        assert services.jobs.find_job(JOB_ID) is None
        assert services.upload_bucket.versions == {}

    def test_one_that_holds_may_come_first_but_does_not_start(self, services: FakeServices) -> None:
        order(services, hold=True)

        with pytest.raises(ConsentMissingError):
            ask_start(services, "alice", JOB_ID)

        assert f"{PREFIX}start" not in services.upload_bucket.versions

    def test_with_it_both_do(self, services: FakeServices) -> None:
        order(services, hold=True)
        order(services, "2026-07", hold=True)

        ask_start(services, "alice", JOB_ID)

        assert f"{PREFIX}start" in services.upload_bucket.versions

    def test_the_first_declaration_counts_however_often_it_is_repeated(
        self, services: FakeServices
    ) -> None:
        order(services, "2026-07")
        services.clock.move(600)

        job = order(services, "2026-07")

        assert job.consent == Consent("2026-07", NOON, DoorName.API)

    def test_another_text_is_another_consent(self, services: FakeServices) -> None:
        order(services, "2026-07")
        services.clock.move(600)

        job = order(services, "2026-08")

        assert job.consent == Consent("2026-08", NOON + 600, DoorName.API)

    def test_collecting_does_not_turn_it_into_one_of_the_bucket(
        self, services: FakeServices
    ) -> None:
        order(services, "2026-07")
        services.clock.move(60)

        collect(services)

        consent = services.jobs.job(JOB_ID).consent
        assert consent == Consent("2026-07", NOON, DoorName.API)


def test_more_avatars_of_the_same_model_need_no_second_one(services: FakeServices) -> None:
    trained(services, status=JobStatus.COMPLETED)

    begun = begin_run(services, JOB_ID, f"{EXECUTION}-2", prompts=[{"style": "realistic"}])

    assert begun["begin_with"] == "INFER"


def test_its_owner_can_see_it(services: FakeServices) -> None:
    job = order(services, "2026-07")

    shown = describe_job(services, job)["consent"]

    assert shown == {"text_version": "2026-07", "recorded_at": NOON, "door": "api"}
    assert describe_offer(services)["consent"] == {"required": True, "text_version": "2026-07"}


def test_the_receipt_of_an_erasure_keeps_when_and_to_what_and_nobodys_name(
    services: FakeServices,
) -> None:
    order(services, "2026-07")

    receipt = describe_receipt(erase_job(services, "alice", JOB_ID))

    assert receipt["consent"] == {"text_version": "2026-07", "recorded_at": NOON, "door": "api"}
    assert "alice" not in json.dumps(receipt)


@pytest.mark.parametrize(
    ("consent", "words"),
    [
        (True, "consent must be an object"),
        ({"text_version": "1"}, "subject_agrees must be true or false"),
        ({"subject_agrees": "yes", "text_version": "1"}, "subject_agrees must be true or false"),
        ({"subject_agrees": True}, "text_version must be 1 to 64 letters"),
        ({"subject_agrees": True, "text_version": "a b"}, "text_version must be"),
        ({"subject_agrees": True, "text_version": "1\n"}, "text_version must be"),
        ({"subject_agrees": True, "text_version": "1", "who": "me"}, "unknown field 'who'"),
    ],
)
def test_what_declares_nothing_is_refused_with_the_reason(consent: object, words: str) -> None:
    with pytest.raises(BadManifestError, match=words):
        parse_manifest({"consent": consent}, WANTED)


def test_a_manifest_that_is_written_declares_what_was_ordered() -> None:
    wanted = replace(WANTED, consent="2026-07", photos=5)

    assert read_manifest(write_manifest(wanted, 5), WANTED) == wanted

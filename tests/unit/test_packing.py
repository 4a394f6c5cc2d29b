"""The archive of a job: the same avatars, the same bytes; and nothing of what is erased."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from avatars import keys
from avatars.errors import ArchiveTooLargeError, NoAvatarsError
from avatars.model import Archive, AvatarStatus, Job
from avatars.pipeline import packing
from avatars.pipeline.packing import ask_for_archive, file_name, find_archive, pack_avatars
from tests.builders import JOB_ID, a_job, an_avatar, stored
from tests.fakes import FakeServices

ARCHIVES = keys.archive_prefix(JOB_ID)


@pytest.fixture
def services(tmp_path: Path) -> FakeServices:
    """A job with two avatars of its first run, and one of its second."""
    services = FakeServices()
    stored(services, a_job())
    for run, position in ((1, 1), (1, 2), (2, 1)):
        keep(services, run, position)
    return services


def keep(services: FakeServices, run: int, position: int, content: bytes | None = None) -> None:
    key = f"avatars/alice/summer/{run:03}/{position:03}-realistic.jpg"
    content = content or f"avatar {run}/{position}".encode()
    services.avatar_bucket.put(key, content)
    services.jobs.put_avatar(an_avatar(position, run=run, key=key, sha256=content.hex()))


def job(services: FakeServices) -> Job:
    return services.jobs.job(JOB_ID)


def packed(services: FakeServices) -> Archive:
    archive = pack_avatars(services, JOB_ID)
    assert archive
    return archive


def content(services: FakeServices, archive: Archive) -> bytes:
    return services.avatar_bucket.read(archive.key) or b""


def unpacked(services: FakeServices, archive: Archive) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content(services, archive))) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


class TestContents:
    def test_it_holds_the_avatars_of_all_runs_by_names_that_tell_them_apart(
        self, services: FakeServices
    ) -> None:
        archive = packed(services)

        assert unpacked(services, archive) == {
            "001-001-realistic.jpg": b"avatar 1/1",
            "001-002-realistic.jpg": b"avatar 1/2",
            "002-001-realistic.jpg": b"avatar 2/1",
        }

    def test_only_those_that_are_kept_are_in_it(self, services: FakeServices) -> None:
        for position, status in ((3, AvatarStatus.MISSING), (4, AvatarStatus.DUE)):
            services.jobs.put_avatar(an_avatar(position, status=status, key=None))

        assert len(unpacked(services, packed(services))) == 3

    def test_more_than_a_page_of_them_is_packed(
        self, services: FakeServices, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(packing, "PAGE", 2)

        assert len(unpacked(services, packed(services))) == 3

    def test_everybody_may_read_what_comes_out_of_it(self, services: FakeServices) -> None:
        archive = packed(services)

        with zipfile.ZipFile(io.BytesIO(content(services, archive))) as opened:
            assert {entry.external_attr >> 16 for entry in opened.infolist()} == {0o644}

    def test_its_size_is_told(self, services: FakeServices) -> None:
        archive = packed(services)

        assert archive.bytes == len(content(services, archive))
        assert services.avatar_bucket.current(ARCHIVES)[archive.key].content_type == (
            "application/zip"
        )


class TestAgain:
    def test_the_same_avatars_make_the_same_key_and_the_same_bytes(
        self, services: FakeServices
    ) -> None:
        first = packed(services)
        bytes_before = content(services, first)
        services.gallery.erase(ARCHIVES)
        services.clock.move(86_400)

        second = packed(services)

        assert second == first
        assert content(services, second) == bytes_before

    def test_what_is_packed_already_is_not_packed_again(self, services: FakeServices) -> None:
        first = packed(services)
        writes = services.avatar_bucket.writes

        assert pack_avatars(services, JOB_ID) == find_archive(services, job(services)) == first
        assert services.avatar_bucket.writes == writes

    def test_another_avatar_makes_another_archive(self, services: FakeServices) -> None:
        first = packed(services)
        keep(services, 2, 2)

        assert find_archive(services, job(services)) is None
        assert packed(services).key != first.key

    def test_so_does_an_avatar_that_has_changed(self, services: FakeServices) -> None:
        first = packed(services)
        keep(services, 1, 1, b"drawn again")

        second = packed(services)

        assert second.key != first.key
        assert unpacked(services, second)["001-001-realistic.jpg"] == b"drawn again"

    def test_a_favourite_changes_nothing(self, services: FakeServices) -> None:
        first = packed(services)
        services.jobs.mark_favourite(JOB_ID, 1, 1, True)

        assert find_archive(services, job(services)) == first


class TestNothingToPack:
    def test_a_job_without_avatars_has_no_archive(self, services: FakeServices) -> None:
        services.jobs.erase(JOB_ID)

        with pytest.raises(NoAvatarsError, match=JOB_ID):
            find_archive(services, job(services))
        assert pack_avatars(services, JOB_ID) is None

    def test_one_whose_avatars_are_all_missing_has_none_either(
        self, services: FakeServices
    ) -> None:
        services.jobs.erase(JOB_ID)
        services.jobs.put_avatar(an_avatar(1, status=AvatarStatus.MISSING, key=None))

        with pytest.raises(NoAvatarsError):
            find_archive(services, job(services))

    def test_a_job_that_nobody_knows_is_left_alone(self) -> None:
        assert pack_avatars(FakeServices(), JOB_ID) is None

    def test_one_that_somebody_has_deleted_by_hand_keeps_nobody_from_the_others(
        self, services: FakeServices
    ) -> None:
        services.avatar_bucket.erase("avatars/alice/summer/002/")

        archive = packed(services)

        assert list(unpacked(services, archive)) == [
            "001-001-realistic.jpg",
            "001-002-realistic.jpg",
        ]

    def test_many_who_ask_have_it_packed_once(self, services: FakeServices) -> None:
        for _ in range(3):
            ask_for_archive(services, job(services))
        services.clock.move(packing.PACKING_SECONDS + 1)
        ask_for_archive(services, job(services))

        assert services.packing.asked == [JOB_ID] * 2


class TestErased:
    def test_of_an_erased_job_nothing_is_packed(self, services: FakeServices) -> None:
        erase(services)

        assert pack_avatars(services, JOB_ID) is None
        assert services.avatar_bucket.current(ARCHIVES) == {}

    @pytest.mark.parametrize("moment", ["before put avatar", "after put avatar"])
    def test_of_one_that_is_erased_meanwhile_nothing_is_left(
        self, services: FakeServices, moment: str
    ) -> None:
        side, _, effect = moment.partition(" ")
        getattr(services.effects, side)(effect, lambda: erase(services))

        assert pack_avatars(services, JOB_ID) is None
        assert not any(key.startswith(ARCHIVES) for key in services.avatar_bucket.versions)


def erase(services: FakeServices) -> None:
    services.jobs.change_job(JOB_ID, lambda job: replace(job, erased_at=services.clock.now()))


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("summer", "avatars-summer.zip"),
        ("summer 2026", "avatars-summer-2026.zip"),
        ('a"; filename="x', "avatars-a---filename--x.zip"),
        ("Été", "avatars-t.zip"),
        ("夏", f"avatars-{JOB_ID}.zip"),
        ("../..", f"avatars-{JOB_ID}.zip"),
    ],
)
def test_browsers_save_it_by_a_name_that_no_folder_can_spoil(folder: str, name: str) -> None:
    assert file_name(a_job(folder=folder)) == name


def test_what_does_not_fit_into_one_file_is_said_and_not_tried(services: FakeServices) -> None:
    services.jobs.put_avatar(an_avatar(3, bytes=packing.MOST_BYTES))

    with pytest.raises(ArchiveTooLargeError, match=str(packing.MOST_BYTES)):
        find_archive(services, job(services))

    assert pack_avatars(services, JOB_ID) is None
    assert services.avatar_bucket.current(ARCHIVES) == {}

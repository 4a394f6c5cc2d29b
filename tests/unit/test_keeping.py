"""Avatars come into our bucket: each once, whatever becomes of the others."""

import hashlib
import io
import time
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
from PIL import Image

from avatars import keys
from avatars.errors import AvatarsNotKeptError
from avatars.marks import TRAINED
from avatars.model import Avatar, AvatarStatus, Prompt
from avatars.pipeline.keeping import KeepReply, keep_avatars
from avatars.ports import Credentials
from tests.builders import JOB_ID, a_picture, inferring
from tests.fakes import FakeServices, KilledError, answer

PROMPTS = [Prompt("Realistic", 2), Prompt("Water Colour!", 2)]


def link(position: int) -> str:
    return f"https://cdn.results.test/{position}.jpg?signature=secret"


def announced(
    services: FakeServices, *links: str, prompts: list[Prompt] = PROMPTS, pictures: bool = True
) -> None:
    """The provider's answer with those links is kept; behind each link is a picture."""
    inferring(services, prompts)
    result = answer(200, {"status": "DONE", "urls": links})
    services.answers.keep(JOB_ID, keys.result_answer(1, 0), result)
    if pictures:
        services.downloads.pictures = {url: a_picture(n) for n, url in enumerate(links)}


def keep(services: FakeServices, batch: int = 0) -> KeepReply:
    return keep_avatars(services, JOB_ID, 1, batch)


def avatars(services: FakeServices) -> list[Avatar]:
    return services.jobs.avatars(JOB_ID, 1)


def stored_keys(services: FakeServices) -> list[str]:
    return list(services.avatar_bucket.current("avatars/"))


def test_every_avatar_lies_under_a_key_from_owner_folder_run_and_position(
    services: FakeServices,
) -> None:
    announced(services, *map(link, range(1, 5)))

    reply = keep(services)

    assert reply == {"kept": 4, "missing": 0}
    assert stored_keys(services) == [
        "avatars/alice/summer/001/001-realistic.jpg",
        "avatars/alice/summer/001/002-realistic.jpg",
        "avatars/alice/summer/001/003-water-colour.jpg",
        "avatars/alice/summer/001/004-water-colour.jpg",
    ]


def test_its_row_says_what_it_is(services: FakeServices) -> None:
    announced(services, *map(link, range(1, 5)))

    keep(services)

    avatar, key = avatars(services)[0], stored_keys(services)[0]
    data = services.avatar_bucket.read(key) or b""
    assert (avatar.status, avatar.key, avatar.style) == (AvatarStatus.KEPT, key, "Realistic")
    assert (avatar.bytes, avatar.width, avatar.height) == (len(data), 300, 300)
    assert avatar.sha256 is not None
    assert len(avatar.sha256) == 64


def test_its_file_says_that_ai_made_it_and_its_row_is_of_that_file(
    services: FakeServices,
) -> None:
    announced(services, link(1))

    keep(services)

    [avatar], [key] = avatars(services), stored_keys(services)
    data = services.avatar_bucket.read(key) or b""
    said = Image.open(io.BytesIO(data)).getxmp()["xmpmeta"]["RDF"]["Description"]
    assert said["DigitalSourceType"] == avatar.source_type == TRAINED
    assert hashlib.sha256(data).hexdigest() == avatar.sha256


@pytest.mark.parametrize(
    ("form", "extension", "content_type"),
    [("JPEG", "jpg", "image/jpeg"), ("PNG", "png", "image/png"), ("WEBP", "webp", "image/webp")],
)
def test_its_kind_is_told_by_its_content_not_by_the_link(
    services: FakeServices, form: str, extension: str, content_type: str
) -> None:
    announced(services, link(1))
    services.downloads.pictures[link(1)] = a_picture(1, form)

    keep(services)

    [(key, version)] = services.avatar_bucket.current("avatars/").items()
    assert key.endswith(f".{extension}")
    assert version.content_type == content_type


def test_a_repetition_fetches_and_stores_nothing_again(services: FakeServices) -> None:
    announced(services, *map(link, range(1, 5)))
    keep(services)
    first = avatars(services)

    again = keep(services)

    assert again == {"kept": 4, "missing": 0}
    assert avatars(services) == first
    assert len(services.downloads.fetched) == 4


def test_batches_share_the_avatars_out(services: FakeServices) -> None:
    announced(services, *map(link, range(1, 46)), prompts=[Prompt("realistic", 45)])

    replies = [keep(services, batch) for batch in range(3)]

    assert [reply["kept"] for reply in replies] == [20, 20, 5]
    assert [avatar.position for avatar in avatars(services)] == list(range(1, 46))


def test_a_batch_beyond_the_last_is_empty(services: FakeServices) -> None:
    announced(services, link(1))

    assert keep(services, 1) == {"kept": 0, "missing": 0}


def test_more_links_than_ordered_are_left_alone(services: FakeServices) -> None:
    announced(services, *map(link, range(1, 7)))

    keep(services)

    assert len(stored_keys(services)) == 4


class Crowded(Credentials):
    """Signs nothing, and counts who does so at the same time."""

    def __init__(self) -> None:
        self.here = self.most = 0
        self._lock = Lock()

    def sign(self, file: Path) -> None:
        with self._lock:
            self.here += 1
            self.most = max(self.most, self.here)
        time.sleep(0.01)
        with self._lock:
            self.here -= 1


def test_however_many_are_copied_two_are_in_hand_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    crowded, services = Crowded(), FakeServices()
    monkeypatch.setattr(services, "credentials", lambda: crowded)
    announced(services, *map(link, range(1, 13)), prompts=[Prompt("realistic", 12)])

    reply = keep(services)

    assert reply == {"kept": 12, "missing": 0}
    assert crowded.most == 2


class TestTrouble:
    def test_one_dead_link_holds_up_no_other_avatar(self, services: FakeServices) -> None:
        announced(services, *map(link, range(1, 5)))
        del services.downloads.pictures[link(2)]

        with pytest.raises(AvatarsNotKeptError, match="1 of 4"):
            keep(services)

        assert [avatar.status for avatar in avatars(services)] == [
            AvatarStatus.KEPT,
            AvatarStatus.DUE,
            AvatarStatus.KEPT,
            AvatarStatus.KEPT,
        ]
        assert "404" in (avatars(services)[1].reason or "")

    def test_the_next_try_fetches_only_what_is_missing(self, services: FakeServices) -> None:
        announced(services, *map(link, range(1, 5)))
        picture = services.downloads.pictures.pop(link(2))
        with pytest.raises(AvatarsNotKeptError):
            keep(services)
        services.downloads.pictures[link(2)] = picture
        services.downloads.fetched.clear()

        reply = keep(services)

        assert reply == {"kept": 4, "missing": 0}
        assert services.downloads.fetched == [link(2)]

    @pytest.mark.parametrize(
        "junk", [b"", b"<html>404</html>", a_picture(1)[:-200], b'{"detail": "expired"}']
    )
    def test_what_is_no_whole_picture_is_not_kept(
        self, services: FakeServices, junk: bytes
    ) -> None:
        announced(services, link(1))
        services.downloads.pictures[link(1)] = junk

        with pytest.raises(AvatarsNotKeptError):
            keep(services)

        assert stored_keys(services) == []

    def test_a_link_that_is_refused_is_not_tried_again(self, services: FakeServices) -> None:
        announced(services, link(1), "https://evil.test/2.jpg")

        reply = keep(services)

        assert reply == {"kept": 1, "missing": 1}
        assert "evil.test" in (avatars(services)[1].reason or "")

    def test_a_place_without_a_link_shifts_no_other_avatar(self, services: FakeServices) -> None:
        announced(services, link(1), "", link(3), link(3))

        reply = keep(services)

        assert reply == {"kept": 2, "missing": 2}
        assert [avatar.status for avatar in avatars(services)] == [
            AvatarStatus.KEPT,
            AvatarStatus.MISSING,
            AvatarStatus.KEPT,
            AvatarStatus.MISSING,
        ]
        assert avatars(services)[2].key == "avatars/alice/summer/001/003-water-colour.jpg"
        assert avatars(services)[1].reason == "The provider delivered no link to it."

    def test_without_an_answer_there_is_nothing_to_keep(self, services: FakeServices) -> None:
        inferring(services)

        assert keep(services) == {"kept": 0, "missing": 0}

    def test_no_row_and_no_error_tells_a_link(self, services: FakeServices) -> None:
        announced(services, *map(link, range(1, 4)), "https://evil.test/4.jpg?signature=secret")
        del services.downloads.pictures[link(2)]

        with pytest.raises(AvatarsNotKeptError) as trouble:
            keep(services)

        assert "signature" not in f"{avatars(services)}{trouble.value}"

    @pytest.mark.parametrize("name", ["put avatar", "write avatar"])
    @pytest.mark.parametrize("side", ["before", "after"])
    def test_a_killed_batch_is_completed_by_the_next_try(
        self, services: FakeServices, name: str, side: str
    ) -> None:
        announced(services, *map(link, range(1, 5)))
        plan: Any = getattr(services.effects, side)
        plan(name, services.effects.kill)
        with pytest.raises(KilledError):
            keep(services)
        services.effects.revive()

        reply = keep(services)

        assert reply == {"kept": 4, "missing": 0}
        assert len(stored_keys(services)) == 4

"""The simulator's instant avatars over the wire: one photo and a prompt, without a model."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from PIL import Image

from local.simulator.running import RunningSimulator
from tests.contract.conftest import MINUTE
from tests.contract.photo_host import PhotoHost, picture
from tests.fakes.clock import FakeClock

HOUR = 3600.0


@pytest.fixture
def host() -> Iterator[PhotoHost]:
    host = PhotoHost()
    host.files |= {f"/selfies/{number}.jpg": picture(40 * number) for number in range(1, 4)}
    yield host
    host.close()


def ask(api: httpx.Client, link: str, **wanted: Any) -> httpx.Response:
    body = {"images": [link], "prompt": "portrait of a woman, pop art style", "count": 3} | wanted
    return api.post("/avatars/instant", json=body)


def asked(api: httpx.Client, link: str, **wanted: Any) -> str:
    return f"/avatars/instant/{ask(api, link, **wanted).json()['inference_id']}"


def drawn(api: httpx.Client, link: str, clock: FakeClock, **wanted: Any) -> dict[str, Any]:
    instant = asked(api, link, **wanted)
    clock.move(MINUTE)
    document: dict[str, Any] = api.get(instant).json()
    return document


def test_a_photo_becomes_avatars_within_a_minute(
    api: httpx.Client, host: PhotoHost, clock: FakeClock
) -> None:
    accepted = ask(api, host.link("/selfies/1.jpg"))
    instant = f"/avatars/instant/{accepted.json()['inference_id']}"
    clock.move(10)
    waiting = api.get(instant)
    clock.move(50)
    finished = api.get(instant)

    assert (accepted.status_code, accepted.json()["status"]) == (202, "ACCEPTED")
    assert (waiting.status_code, waiting.json()["status"]) == (202, "IN_PROGRESS")
    assert (finished.status_code, finished.json()["status"]) == (200, "DONE")
    assert len(set(finished.json()["urls"])) == 3


def test_an_avatar_is_large_and_in_the_style_that_the_prompt_names(
    api: httpx.Client, host: PhotoHost, clock: FakeClock
) -> None:
    link = drawn(api, host.link("/selfies/1.jpg"), clock, count=1)["urls"][0]

    with Image.open(io.BytesIO(httpx.get(link).content)) as avatar:
        assert (avatar.format, avatar.size) == ("JPEG", (2048, 2048))
        assert avatar.info["comment"].startswith(b"SIMULATED: pop_art")


def test_the_photo_is_fetched_at_once_and_once_more(
    api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
) -> None:
    drawn(api, host.link("/selfies/2.jpg"), clock)

    fetches = simulator.journal(event="photo")
    assert [fetch["occasion"] for fetch in fetches] == ["submit", "late"]
    assert {fetch["path"] for fetch in fetches} == {"/selfies/2.jpg"}


def test_a_link_that_gives_no_photo_is_not_valid(
    api: httpx.Client, host: PhotoHost, clock: FakeClock
) -> None:
    host.files["/selfies/1.jpg"] = b"<html>sign in first</html>"

    document = drawn(api, host.link("/selfies/1.jpg"), clock)

    assert document["status"] == "IMAGE_NOT_VALID"
    assert document["detail"] == "photo 1 is not valid"
    assert "urls" not in document


def test_a_photo_that_vanishes_is_not_valid(
    api: httpx.Client, host: PhotoHost, clock: FakeClock
) -> None:
    instant = asked(api, host.link("/selfies/1.jpg"))
    at_first = api.get(instant).json()["status"]

    host.files.clear()
    clock.move(MINUTE)

    assert at_first == "ACCEPTED"
    assert api.get(instant).json()["status"] == "IMAGE_NOT_VALID"


def test_who_tries_the_next_photo_gets_through(
    api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
) -> None:
    simulator.scenario(invalid_photos=2)
    one, two, three = host.links(3)

    statuses = [drawn(api, link, clock)["status"] for link in (one, two, one, three)]

    assert statuses == ["IMAGE_NOT_VALID", "IMAGE_NOT_VALID", "IMAGE_NOT_VALID", "DONE"]
    assert simulator.scenario()["invalid_photos"] == 0


def test_a_photo_that_was_found_valid_stays_so(
    api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
) -> None:
    one, two = host.links(2)
    drawn(api, one, clock)

    simulator.scenario(invalid_photos=1)

    assert drawn(api, one, clock)["status"] == "DONE"
    assert drawn(api, two, clock)["status"] == "IMAGE_NOT_VALID"


def test_it_can_fail_with_a_reason(
    api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
) -> None:
    simulator.scenario(inference_fails="out of paint")

    document = drawn(api, host.link("/selfies/1.jpg"), clock)

    assert (document["status"], document["detail"]) == ("FAILED", "out of paint")


def test_each_avatar_costs_credits_and_nothing_is_made_without_them(
    api: httpx.Client, host: PhotoHost, simulator: RunningSimulator
) -> None:
    simulator.scenario(credits=14)
    link = host.link("/selfies/1.jpg")

    paid, refused = ask(api, link, count=2), ask(api, link, count=1)

    assert paid.status_code == 202
    assert (refused.status_code, refused.json()) == (402, {"message": "Payment Required"})
    assert [charge["credits"] for charge in simulator.journal(event="charge")] == [10]


def test_without_a_count_there_are_two(
    api: httpx.Client, host: PhotoHost, clock: FakeClock
) -> None:
    instant = api.post(
        "/avatars/instant", json={"images": host.links(1), "prompt": "a knight"}
    ).json()["inference_id"]
    clock.move(MINUTE)

    assert len(api.get(f"/avatars/instant/{instant}").json()["urls"]) == 2


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"images": []}, "images"),
        ({"images": ["http://127.0.0.1/1.jpg"] * 2}, "images"),
        ({"images": ["ftp://127.0.0.1/1.jpg"]}, "images"),
        ({"images": "http://127.0.0.1/1.jpg"}, "images"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": "x" * 1001}, "prompt"),
        ({"count": 0}, "count"),
        ({"count": 11}, "count"),
        ({"negative_prompt": 3}, "negative_prompt"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(
    api: httpx.Client, simulator: RunningSimulator, changes: dict[str, Any], named: str
) -> None:
    answer = ask(api, "http://127.0.0.1/1.jpg", **changes)

    assert (answer.status_code, answer.json()["code"]) == (422, 422)
    assert named in answer.json()["detail"]
    assert simulator.journal(event="charge") == []


def test_a_link_signed_for_less_than_half_an_hour_is_refused(
    api: httpx.Client, host: PhotoHost, clock: FakeClock
) -> None:
    signed_at = datetime.fromtimestamp(clock.wall(), UTC) - timedelta(minutes=31)
    query = f"?X-Amz-Date={signed_at:%Y%m%dT%H%M%SZ}&X-Amz-Expires=3600&X-Amz-Signature=secret"

    answer = ask(api, host.link("/selfies/1.jpg") + query)

    assert answer.status_code == 422
    assert "images [1]" in answer.json()["detail"]


def test_an_inference_of_a_model_is_not_found_among_them(
    api: httpx.Client, host: PhotoHost
) -> None:
    instant = asked(api, host.link("/selfies/1.jpg")).rpartition("/")[2]

    assert api.get("/avatars/instant/no-such-inference").status_code == 404
    assert api.get(f"/avatars/models/any/inferences/{instant}").status_code == 404


def test_links_die_after_48_hours(api: httpx.Client, host: PhotoHost, clock: FakeClock) -> None:
    link = drawn(api, host.link("/selfies/1.jpg"), clock, count=1)["urls"][0]

    in_time = httpx.get(link).status_code
    clock.move(48 * HOUR)

    assert (in_time, httpx.get(link).status_code) == (200, 403)


def test_its_dialect_is_the_one_that_it_began_with(
    api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
) -> None:
    simulator.scenario(
        dialects=[
            {"vocabulary": "2026", "result_shape": "data_strings"},
            {"result_shape": "list", "pending_status": 200},
        ]
    )
    instants = [asked(api, link) for link in host.links(2)]
    waiting = [api.get(instant) for instant in instants]
    clock.move(MINUTE)

    texts, bare = (api.get(instant).json() for instant in instants)

    assert [answer.status_code for answer in waiting] == [202, 200]
    assert (texts["status"], len(texts["data"])) == ("success", 3)
    assert len(bare) == 3


@pytest.mark.parametrize("route", ["start_instant", "check_instant"])
def test_its_calls_can_go_wrong(
    api: httpx.Client, host: PhotoHost, simulator: RunningSimulator, route: str
) -> None:
    simulator.scenario(faults=[{"route": route, "what": "answer", "status": 503}])

    ask(api, host.link("/selfies/1.jpg"))
    api.get("/avatars/instant/any")

    [call] = simulator.journal(route=route)
    assert (call["fault"], call["status"]) == ("answer", 503)


def test_the_journal_tells_what_was_asked_for(
    api: httpx.Client, host: PhotoHost, simulator: RunningSimulator
) -> None:
    query = "?X-Amz-Date=29991231T000000Z&X-Amz-Expires=3600&X-Amz-Signature=secret"

    ask(api, host.link("/selfies/1.jpg") + query, negative_prompt="hats")

    [call] = simulator.journal(route="start_instant")
    assert (call["photos"], call["count"]) == (["/selfies/1.jpg"], 3)
    assert call["prompt"] == "portrait of a woman, pop art style"
    assert call["negative_prompt"] == "hats"
    assert "secret" not in str(simulator.journal())

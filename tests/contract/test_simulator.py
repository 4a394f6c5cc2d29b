"""The provider simulator over the wire: what it promises, and every way it can misbehave."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from local.simulator.running import RunningSimulator
from tests.contract.conftest import KEY, MINUTE
from tests.contract.photo_host import PhotoHost, picture
from tests.fakes.clock import FakeClock

ROOT = Path(__file__).parents[2]
ASTRIA_KEY = "another-key-for-tests"
HOUR = 3600.0


@pytest.fixture
def host() -> Iterator[PhotoHost]:
    host = PhotoHost()
    host.files |= {f"/selfies/{number}.jpg": picture(40 * number) for number in range(1, 6)}
    host.files["/selfies/6.png"] = picture(250, "PNG")
    yield host
    host.close()


def train(
    api: httpx.Client, host: PhotoHost, links: list[str] | None = None, timeout: float = 5
) -> httpx.Response:
    body = {"images": links or host.links(), "type": "woman"}
    return api.post("/avatars/models", json=body, timeout=timeout)


def training(api: httpx.Client, host: PhotoHost) -> str:
    model_id: str = train(api, host).json()["model_id"]
    return f"/avatars/models/{model_id}"


def trained(api: httpx.Client, host: PhotoHost, clock: FakeClock) -> str:
    model = training(api, host)
    clock.move(20 * MINUTE)
    assert api.get(model).json()["status"] == "DONE"
    return model


def infer(api: httpx.Client, model: str, *prompts: dict[str, Any]) -> httpx.Response:
    wanted = prompts or ({"style": "realistic", "count": 2}, {"style": "anime", "count": 1})
    return api.post(f"{model}/inferences", json={"prompts": wanted})


def drawing(api: httpx.Client, model: str) -> str:
    return f"{model}/inferences/{infer(api, model).json()['inference_id']}"


def drawn(api: httpx.Client, host: PhotoHost, clock: FakeClock) -> str:
    inference = drawing(api, trained(api, host, clock))
    clock.move(MINUTE)
    return inference


def signature(clock: FakeClock, lives: timedelta, signed_ago: timedelta = timedelta()) -> str:
    signed_at = datetime.fromtimestamp(clock.wall(), UTC) - signed_ago
    date = f"{signed_at:%Y%m%dT%H%M%SZ}"
    return f"?X-Amz-Date={date}&X-Amz-Expires={lives.seconds}&X-Amz-Signature=secret"


def models_made(simulator: RunningSimulator) -> int:
    return len(simulator.journal(event="charge"))


class TestGoodDay:
    def test_five_selfies_become_a_model_and_the_model_avatars(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock
    ) -> None:
        accepted = train(api, host)
        model = f"/avatars/models/{accepted.json()['model_id']}"
        clock.move(2.5 * MINUTE)
        early = api.get(model)
        clock.move(17.5 * MINUTE)
        ready = api.get(model)
        asked = infer(api, model)
        inference = f"{model}/inferences/{asked.json()['inference_id']}"
        clock.move(10)
        waiting = api.get(inference)
        clock.move(50)
        finished = api.get(inference)

        assert (accepted.status_code, accepted.json()["status"]) == (202, "ACCEPTED")
        assert (early.status_code, early.json()["status"]) == (202, "IN_PROGRESS")
        assert (ready.status_code, ready.json()["status"]) == (200, "DONE")
        assert (asked.status_code, asked.json()["status"]) == (202, "ACCEPTED")
        assert (waiting.status_code, waiting.json()["status"]) == (202, "IN_PROGRESS")
        assert (finished.status_code, finished.json()["status"]) == (200, "DONE")
        assert len(finished.json()["urls"]) == 3

    def test_avatars_are_different_square_jpegs_from_another_origin(
        self,
        api: httpx.Client,
        host: PhotoHost,
        clock: FakeClock,
        simulator: RunningSimulator,
    ) -> None:
        links = api.get(drawn(api, host, clock)).json()["urls"]

        avatars = [httpx.get(link) for link in links]

        assert all(link.startswith(f"{simulator.results_origin}/") for link in links)
        assert {avatar.headers["Content-Type"] for avatar in avatars} == {"image/jpeg"}
        assert len({avatar.content for avatar in avatars}) == 3
        for avatar in avatars:
            with Image.open(io.BytesIO(avatar.content)) as image:
                assert (image.format, image.size) == ("JPEG", (512, 512))
                assert b"SIMULATED" in image.info["comment"]

    def test_a_second_download_gives_the_same_bytes(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock
    ) -> None:
        link = api.get(drawn(api, host, clock)).json()["urls"][0]

        first, second = httpx.get(link), httpx.get(link)

        assert first.content == second.content

    def test_a_model_draws_again_and_again(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock
    ) -> None:
        model = trained(api, host, clock)

        first, second = drawing(api, model), drawing(api, model)
        clock.move(MINUTE)

        assert first != second
        assert api.get(first).json()["status"] == api.get(second).json()["status"] == "DONE"

    def test_result_links_die_after_48_hours(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock
    ) -> None:
        link = api.get(drawn(api, host, clock)).json()["urls"][0]

        clock.move(47.9 * HOUR)
        in_time = httpx.get(link)
        clock.move(0.2 * HOUR)
        too_late = httpx.get(link)

        assert (in_time.status_code, too_late.status_code) == (200, 403)

    def test_every_answer_says_that_it_is_simulated(
        self, api: httpx.Client, simulator: RunningSimulator
    ) -> None:
        answers = [
            api.get("/balance"),
            api.get("/no/such/path"),
            httpx.get(f"{simulator.results_origin}/avatars/nothing/1.jpg"),
            httpx.get(f"{simulator.admin_url}/journal"),
        ]

        assert [answer.headers["X-Simulated"] for answer in answers] == ["true"] * 4


class TestAccount:
    @pytest.mark.parametrize("headers", [{}, {"X-Picsart-API-Key": "another"}])
    def test_a_call_without_the_right_key_is_refused(
        self, simulator: RunningSimulator, headers: dict[str, str]
    ) -> None:
        answer = httpx.get(f"{simulator.api_url}/balance", headers=headers)

        assert answer.status_code == 401
        assert answer.json().keys() == {"detail", "message", "code"}
        assert "X-Picsart-Correlation-Id" in answer.headers

    def test_an_account_without_the_feature_is_refused(
        self, api: httpx.Client, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(locked=True)

        answer = api.get("/balance")

        assert (answer.status_code, answer.json()["code"]) == (403, 403)

    def test_training_and_avatars_cost_credits(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(credits=100)

        model = trained(api, host, clock)
        after_training = api.get("/balance")
        drawing(api, model)
        after_drawing = api.get("/balance")

        assert after_training.json() == {"credits": 70}
        assert after_training.headers["X-Picsart-Credit-Available"] == "70"
        assert after_drawing.json() == {"credits": 64}

    def test_without_credits_nothing_is_made(
        self, api: httpx.Client, host: PhotoHost, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(credits=0)

        answer = train(api, host)

        assert (answer.status_code, answer.json()) == (402, {"message": "Payment Required"})
        assert models_made(simulator) == 0

    def test_the_headers_count_the_calls_of_the_minute(
        self, api: httpx.Client, clock: FakeClock
    ) -> None:
        clock.move(MINUTE - clock.now() % MINUTE + 18)

        headers = [api.get("/balance").headers for _ in range(2)][1]

        assert headers["X-Picsart-Ratelimit-Limit"] == "500"
        assert headers["X-Picsart-Ratelimit-Available"] == "498"
        assert headers["X-Picsart-Ratelimit-Reset-Time"] == "42"

    def test_the_headers_of_the_account_can_be_missing(
        self, api: httpx.Client, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(account_headers="missing")

        headers = api.get("/balance").headers

        assert not [name for name in headers if name.startswith("x-picsart")]

    def test_the_headers_of_the_account_can_have_words_for_numbers(
        self, api: httpx.Client, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(account_headers="retyped")

        headers = api.get("/balance").headers

        assert headers["X-Picsart-Credit-Available"] == "plenty"
        assert datetime.fromisoformat(headers["X-Picsart-Ratelimit-Reset-Time"])
        assert headers["X-Picsart-Ratelimit-Limit"] == "500"

    def test_the_headers_can_announce_the_end_of_the_api(
        self, api: httpx.Client, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(account_headers="sunset")

        headers = api.get("/balance").headers

        assert headers["Deprecation"] == "@1767225600"
        assert headers["Sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
        assert headers["X-Picsart-Credit-Available"] == "1000000"

    def test_the_call_beyond_the_quota_waits_for_the_next_minute(
        self, api: httpx.Client, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(rate_limit=2)

        statuses = [api.get("/balance").status_code for _ in range(3)]
        clock.move(MINUTE)
        later = api.get("/balance")

        assert statuses == [200, 200, 429]
        assert later.status_code == 200

    def test_the_quota_answer_has_two_forms(
        self, api: httpx.Client, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        clock.move(MINUTE - clock.now() % MINUTE + 18)
        simulator.scenario(rate_limit=1)
        api.get("/balance")

        plain = api.get("/balance")
        simulator.scenario(quota_body="gateway", quota_retry_after=True)
        gateway = api.get("/balance")

        assert plain.json()["code"] == 429
        assert "Retry-After" not in plain.headers
        errorcode = gateway.json()["fault"]["detail"]["errorcode"]
        assert errorcode == "policies.ratelimit.QuotaViolation"
        assert gateway.headers["Retry-After"] == "42"


class TestValidation:
    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"type": "horse"}, "type"),
            ({"type": None}, "type"),
            ({"images": ["http://127.0.0.1/1.jpg"] * 4}, "images"),
            ({"images": ["http://127.0.0.1/1.jpg"] * 31}, "images"),
            ({"images": ["ftp://127.0.0.1/1.jpg"] * 5}, "images"),
            ({"images": "http://127.0.0.1/1.jpg"}, "images"),
        ],
    )
    def test_a_training_out_of_range_is_refused_by_name(
        self, api: httpx.Client, host: PhotoHost, changes: dict[str, Any], named: str
    ) -> None:
        body = {"images": host.links(), "type": "man"} | changes

        answer = api.post("/avatars/models", json=body)

        assert answer.status_code == 422
        assert named in answer.json()["detail"]

    @pytest.mark.parametrize("missing", ["images", "type"])
    def test_a_training_needs_photos_and_a_subject(
        self, api: httpx.Client, host: PhotoHost, missing: str
    ) -> None:
        body = {"images": host.links(), "type": "man"}
        del body[missing]

        answer = api.post("/avatars/models", json=body)

        assert answer.status_code == 422
        assert missing in answer.json()["detail"]

    @pytest.mark.parametrize(
        "prompt",
        [
            {"style": "no_such_style", "count": 1},
            {"style": "anime", "count": 0},
            {"style": "anime", "count": 101},
            {"style": "anime", "count": "three"},
            {"style": "anime"},
            {"count": 1},
        ],
    )
    def test_a_prompt_out_of_range_is_refused(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, prompt: dict[str, Any]
    ) -> None:
        model = trained(api, host, clock)

        answer = infer(api, model, prompt)

        assert answer.status_code == 422
        assert "prompts.0" in answer.json()["detail"]

    def test_a_prompt_may_say_more_in_words(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock
    ) -> None:
        model = trained(api, host, clock)

        answer = infer(api, model, {"style": "anime", "count": 1, "prompt": "by the sea"})

        assert answer.status_code == 202

    def test_an_untrained_model_draws_nothing(self, api: httpx.Client, host: PhotoHost) -> None:
        answer = infer(api, training(api, host))

        assert answer.status_code == 422

    def test_a_body_that_is_not_json_is_refused(self, api: httpx.Client) -> None:
        headers = {"Content-Type": "application/json"}

        answer = api.post("/avatars/models", content=b'{"images": [', headers=headers)

        assert answer.status_code == 400

    def test_a_form_is_refused(self, api: httpx.Client) -> None:
        answer = api.post("/avatars/models", data={"type": "man"})

        assert answer.status_code == 415

    def test_a_body_without_end_is_refused(self, api: httpx.Client) -> None:
        headers = {"Content-Type": "application/json"}

        answer = api.post("/avatars/models", content=b" " * 1_000_001, headers=headers)

        assert answer.status_code == 413

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/avatars/models/no-such-model", 404),
            ("GET", "/avatars/models/no-such-model/inferences/none", 404),
            ("POST", "/avatars/models/no-such-model", 405),
            ("DELETE", "/balance", 405),
        ],
    )
    def test_what_does_not_exist_is_said_in_json(
        self, api: httpx.Client, method: str, path: str, status: int
    ) -> None:
        answer = api.request(method, path)

        assert answer.status_code == status
        assert answer.json()["code"] == status


class TestPhotos:
    def test_every_photo_is_fetched_at_once_and_again_within_half_an_hour(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        started_at = clock.now()

        trained(api, host, clock)

        fetches = simulator.journal(event="photo")
        early = [fetch for fetch in fetches if fetch["occasion"] == "submit"]
        late = [fetch for fetch in fetches if fetch["occasion"] == "late"]
        paths = sorted(host.files)[:5]
        assert sorted(fetch["path"] for fetch in early) == paths
        assert sorted(fetch["path"] for fetch in late) == paths
        assert {fetch["status"] for fetch in fetches} == {200}
        assert all(fetch["clock"] <= started_at + 30 * MINUTE for fetch in late)

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "the link answered 403"),
            (b"<html>sign in first</html>", "not a JPEG or PNG that decodes"),
            (picture(9, "GIF"), "not a JPEG or PNG that decodes"),
            (picture(9)[:-900], "not a JPEG or PNG that decodes"),
            (picture(9, "PNG")[:-900], "not a JPEG or PNG that decodes"),
        ],
        ids=["forbidden", "page", "gif", "half a jpeg", "half a png"],
    )
    def test_a_link_that_gives_no_photo_spoils_the_model(
        self,
        api: httpx.Client,
        host: PhotoHost,
        clock: FakeClock,
        simulator: RunningSimulator,
        content: bytes,
        why: str,
    ) -> None:
        host.files["/selfies/3.jpg"] = content

        model = training(api, host)
        clock.move(5 * MINUTE)
        answer = api.get(model)

        fetches = simulator.journal(path="/selfies/3.jpg", occasion="submit")
        assert (answer.status_code, answer.json()["status"]) == (200, "IMAGE_NOT_VALID")
        assert "photo 3" in answer.json()["detail"]
        assert [fetch["trouble"] for fetch in fetches] == [why]

    def test_a_host_that_does_not_answer_spoils_the_model(
        self, api: httpx.Client, host: PhotoHost
    ) -> None:
        links = [*host.links(4), "http://127.0.0.1:9/nobody.jpg"]

        model_id = train(api, host, links).json()["model_id"]

        assert api.get(f"/avatars/models/{model_id}").json()["status"] == "IMAGE_NOT_VALID"

    def test_photos_that_vanish_during_the_training_spoil_the_model(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock
    ) -> None:
        model = training(api, host)
        at_first = api.get(model).json()["status"]

        host.files.clear()
        clock.move(20 * MINUTE)

        assert at_first == "ACCEPTED"
        assert api.get(model).json()["status"] == "IMAGE_NOT_VALID"

    def test_png_and_signed_links_with_life_enough_are_fine(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock
    ) -> None:
        links = host.links(6, signature(clock, timedelta(hours=1)))

        model_id = train(api, host, links).json()["model_id"]
        clock.move(20 * MINUTE)

        assert api.get(f"/avatars/models/{model_id}").json()["status"] == "DONE"

    @pytest.mark.parametrize(
        ("lives", "signed_ago"),
        [
            (timedelta(minutes=29), timedelta()),
            (timedelta(hours=1), timedelta(minutes=31)),
        ],
        ids=["short", "old"],
    )
    def test_a_link_signed_for_less_than_half_an_hour_is_refused(
        self,
        api: httpx.Client,
        host: PhotoHost,
        clock: FakeClock,
        simulator: RunningSimulator,
        lives: timedelta,
        signed_ago: timedelta,
    ) -> None:
        links = host.links()
        links[1] += signature(clock, lives, signed_ago)

        answer = train(api, host, links)

        assert answer.status_code == 422
        assert "images [2]" in answer.json()["detail"]
        assert models_made(simulator) == 0

    def test_a_short_link_can_also_spoil_the_model_instead(
        self,
        api: httpx.Client,
        host: PhotoHost,
        simulator: RunningSimulator,
        clock: FakeClock,
    ) -> None:
        simulator.scenario(short_links="image_not_valid")

        answer = train(api, host, host.links(5, signature(clock, timedelta(minutes=1))))

        model = f"/avatars/models/{answer.json()['model_id']}"
        assert answer.status_code == 202
        assert api.get(model).json()["status"] == "IMAGE_NOT_VALID"

    def test_the_journal_keeps_no_secrets(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        train(api, host, host.links(5, signature(clock, timedelta(hours=1))))
        clock.move(20 * MINUTE)
        train(api, host, host.links(5, signature(clock, timedelta(minutes=1))))

        journal = json.dumps(simulator.journal())

        assert "secret" not in journal
        assert "X-Amz" not in journal
        assert KEY not in journal


class TestFate:
    def test_durations_can_be_set(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(training_seconds=7200, inference_seconds=300)

        model = training(api, host)
        clock.move(7199)
        shortly_before = api.get(model).json()["status"]
        clock.move(1)
        model_at_last = api.get(model).json()["status"]
        inference = drawing(api, model)
        clock.move(299)
        nearly = api.get(inference).json()["status"]
        clock.move(1)

        assert (shortly_before, model_at_last) == ("IN_PROGRESS", "DONE")
        assert (nearly, api.get(inference).json()["status"]) == ("IN_PROGRESS", "DONE")

    def test_a_training_can_fail_with_a_reason(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(training_fails="no face found")

        model = training(api, host)
        clock.move(20 * MINUTE)
        answer = api.get(model)

        assert (answer.status_code, answer.json()["status"]) == (200, "FAILED")
        assert answer.json()["detail"] == "no face found"

    def test_a_training_can_last_for_ever(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(training_never_ends=True)

        model = training(api, host)
        clock.move(1000 * HOUR)

        assert api.get(model).json()["status"] == "IN_PROGRESS"

    def test_an_inference_can_fail_with_a_reason(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(inference_fails="out of paint")

        answer = api.get(drawn(api, host, clock))

        assert answer.json()["status"] == "FAILED"
        assert answer.json()["detail"] == "out of paint"
        assert "urls" not in answer.json()

    def test_an_inference_can_last_for_ever(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(inference_never_ends=True)

        inference = drawn(api, host, clock)
        clock.move(1000 * HOUR)

        assert api.get(inference).json()["status"] == "IN_PROGRESS"

    def test_new_work_can_be_unknown_for_a_while(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(not_found_seconds=120, training_seconds=0, inference_seconds=0)

        model = training(api, host)
        model_at_once = api.get(model).status_code
        clock.move(120)
        model_later = api.get(model).status_code
        inference = drawing(api, model)
        inference_at_once = api.get(inference).status_code
        clock.move(120)

        assert (model_at_once, model_later) == (404, 200)
        assert (inference_at_once, api.get(inference).status_code) == (404, 200)


class TestDialect:
    @pytest.mark.parametrize(
        ("vocabulary", "words"),
        [
            ("guide", ["ACCEPTED", "IN_PROGRESS", "DONE"]),
            ("2026", ["processing", "processing", "success"]),
            ("finished", ["queued", "in progress", "FINISHED"]),
            ("mixed", ["Accepted", "In_Progress", "Done"]),
            ("unknown", ["ACCEPTED", "MARINATING", "DONE"]),
        ],
    )
    def test_progress_has_many_words(
        self,
        api: httpx.Client,
        host: PhotoHost,
        clock: FakeClock,
        simulator: RunningSimulator,
        vocabulary: str,
        words: list[str],
    ) -> None:
        simulator.scenario(vocabulary=vocabulary, training_seconds=600)

        submitted = train(api, host)
        model = f"/avatars/models/{submitted.json()['model_id']}"
        clock.move(300)
        halfway = api.get(model)
        clock.move(300)
        ended = api.get(model)

        assert [answer.json()["status"] for answer in (submitted, halfway, ended)] == words

    @pytest.mark.parametrize(("vocabulary", "word"), [("guide", "FAILED"), ("2026", "error")])
    def test_failure_has_many_words(
        self,
        api: httpx.Client,
        host: PhotoHost,
        clock: FakeClock,
        simulator: RunningSimulator,
        vocabulary: str,
        word: str,
    ) -> None:
        simulator.scenario(vocabulary=vocabulary, training_fails="no luck")

        model = training(api, host)
        clock.move(20 * MINUTE)

        assert api.get(model).json()["status"] == word

    def test_unfinished_work_can_be_a_plain_200(
        self, api: httpx.Client, host: PhotoHost, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(pending_status=200)

        submitted = train(api, host)
        checked = api.get(f"/avatars/models/{submitted.json()['model_id']}")

        assert (submitted.status_code, checked.status_code) == (200, 200)
        assert checked.json()["status"] == "ACCEPTED"

    def test_results_come_in_many_shapes(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        shapes = ["urls", "url_objects", "data", "data_strings", "list", "unknown"]
        simulator.scenario(dialects=[{"result_shape": shape} for shape in shapes])
        models = [training(api, host) for _ in shapes]
        clock.move(20 * MINUTE)
        for model in models:
            api.get(model)

        inferences = [drawing(api, model) for model in models]
        clock.move(MINUTE)
        texts, objects, data, data_texts, bare, unknown = (
            api.get(inference).json() for inference in inferences
        )

        for links in (
            texts["urls"],
            [item["url"] for item in objects["urls"]],
            [item["url"] for item in data["data"]],
            data_texts["data"],
            bare,
            [item["href"] for item in unknown["portfolio"]],
        ):
            assert len(links) == 3
            assert all(link.startswith(f"{simulator.results_origin}/avatars/") for link in links)
        assert {item["status"] for item in data["data"]} == {"DONE"}
        assert len({item["id"] for item in data["data"]}) == 3

    def test_a_model_is_spoken_of_as_it_was_when_it_began(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(vocabulary="2026", result_shape="data", pending_status=200)
        model = training(api, host)
        simulator.scenario(vocabulary="guide", result_shape="urls", pending_status=202)

        early = api.get(model)
        clock.move(20 * MINUTE)
        ready = api.get(model)
        inference = drawing(api, model)
        clock.move(MINUTE)
        drawn = api.get(inference).json()

        assert (early.status_code, early.json()["status"]) == (200, "processing")
        assert ready.json()["status"] == "success"
        assert (drawn["status"], len(drawn["data"])) == ("success", 3)

    def test_dialects_are_handed_out_in_turn(
        self, api: httpx.Client, host: PhotoHost, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(dialects=[{"vocabulary": "2026"}, {"vocabulary": "mixed"}])

        words = [train(api, host).json()["status"] for _ in range(3)]

        assert words == ["processing", "Accepted", "processing"]

    @pytest.mark.parametrize(
        ("results", "kept"), [("all", [0, 1, 2]), ("fewer", [0, 1]), ("none", [])]
    )
    def test_results_can_be_missing(
        self,
        api: httpx.Client,
        host: PhotoHost,
        clock: FakeClock,
        simulator: RunningSimulator,
        results: str,
        kept: list[int],
    ) -> None:
        inference = drawn(api, host, clock)
        links = api.get(inference).json()["urls"]

        simulator.scenario(results=results)
        answer = api.get(inference)

        assert answer.json()["status"] == "DONE"
        assert answer.json()["urls"] == [links[position] for position in kept]

    def test_a_result_can_come_twice(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(results="duplicate")

        links = api.get(drawn(api, host, clock)).json()["urls"]

        assert links[0] == links[2] != links[1]

    def test_results_can_lie_on_a_host_of_ones_choice(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(results_host="elsewhere.example:8443")

        links = api.get(drawn(api, host, clock)).json()["urls"]

        assert all(link.startswith("http://elsewhere.example:8443/avatars/") for link in links)


class TestFaults:
    @pytest.mark.parametrize("created", [True, False])
    def test_a_forced_answer_hides_whether_a_model_was_made(
        self, api: httpx.Client, host: PhotoHost, simulator: RunningSimulator, created: bool
    ) -> None:
        fault = {"route": "start_training", "what": "answer", "status": 500, "created": created}
        simulator.scenario(faults=[fault | {"body": "<html>sorry</html>"}])

        answer = train(api, host)

        assert (answer.status_code, answer.text) == (500, "<html>sorry</html>")
        assert models_made(simulator) == created
        [call] = simulator.journal(route="start_training")
        assert (call["fault"], call["status"], "model_id" in call) == ("answer", 500, created)

    def test_a_forced_answer_can_have_any_status_json_and_headers(
        self, api: httpx.Client, simulator: RunningSimulator
    ) -> None:
        fault = {"route": "balance", "what": "answer", "status": 429, "body": {"wait": [1]}}
        simulator.scenario(faults=[fault | {"headers": {"Retry-After": "7"}}])

        answer = api.get("/balance")

        assert (answer.status_code, answer.json()) == (429, {"wait": [1]})
        assert answer.headers["Retry-After"] == "7"
        assert answer.headers["X-Picsart-Ratelimit-Limit"] == "500"

    def test_faults_hit_their_route_in_order_and_as_often_as_planned(
        self, api: httpx.Client, simulator: RunningSimulator
    ) -> None:
        fault = {"route": "balance", "what": "answer"}
        elsewhere = fault | {"route": "start_training", "status": 500}
        twice, once = fault | {"status": 503, "times": 2}, fault | {"status": 500}
        simulator.scenario(faults=[elsewhere, twice, once])

        statuses = [api.get("/balance").status_code for _ in range(4)]

        assert statuses == [503, 503, 500, 200]
        assert [fault["status"] for fault in simulator.scenario()["faults"]] == [500]

    @pytest.mark.parametrize("created", [True, False])
    def test_a_dropped_connection_hides_whether_a_model_was_made(
        self, api: httpx.Client, host: PhotoHost, simulator: RunningSimulator, created: bool
    ) -> None:
        fault = {"route": "start_training", "what": "drop", "created": created}
        simulator.scenario(faults=[fault])

        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            train(api, host)

        assert models_made(simulator) == created
        [call] = simulator.journal(route="start_training")
        assert (call["fault"], call["status"]) == ("drop", None)

    @pytest.mark.parametrize(("status", "kind"), [(422, "json"), (500, "html")])
    def test_an_error_can_repeat_the_whole_request(
        self,
        api: httpx.Client,
        host: PhotoHost,
        simulator: RunningSimulator,
        status: int,
        kind: str,
    ) -> None:
        simulator.scenario(faults=[{"route": "start_training", "what": "echo", "status": status}])

        answer = train(api, host)

        assert answer.status_code == status
        assert kind in answer.headers["Content-Type"]
        assert KEY in answer.text
        assert all(link in answer.text.replace("\\", "") for link in host.links())
        assert models_made(simulator) == 0

    def test_an_answer_can_come_too_late(
        self, api: httpx.Client, host: PhotoHost, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(faults=[{"route": "start_training", "what": "delay", "seconds": 1}])

        with pytest.raises(httpx.ReadTimeout):
            train(api, host, timeout=0.3)

        assert models_made(simulator) == 1

    def test_a_caller_can_die_with_the_answer_unread(
        self, host: PhotoHost, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(faults=[{"route": "start_training", "what": "kill_client"}])
        caller = (
            "import sys, httpx\n"
            "url, key, *links = sys.argv[1:]\n"
            "body = {'images': links, 'type': 'man'}\n"
            "print(httpx.post(url, json=body, headers={'X-Picsart-API-Key': key}).text)\n"
        )
        url = f"{simulator.api_url}/avatars/models"

        with subprocess.Popen(
            [sys.executable, "-c", caller, url, KEY, *host.links()],
            stdout=subprocess.PIPE,
        ) as process:
            printed, _ = process.communicate()

        [call] = simulator.journal(route="start_training")
        assert process.returncode == -signal.SIGKILL
        assert printed == b""
        assert call["killed"] == process.pid
        assert call["model_id"]

    def test_a_caller_that_cannot_be_killed_gets_its_answer(
        self, api: httpx.Client, host: PhotoHost, simulator: RunningSimulator
    ) -> None:
        # The simulator runs in this very process: it must not kill itself.
        simulator.scenario(faults=[{"route": "start_training", "what": "kill_client"}])

        answer = train(api, host)

        [call] = simulator.journal(route="start_training")
        assert answer.json()["model_id"] == call["model_id"]
        assert call["killed"] is None

    @pytest.mark.parametrize(
        ("answer", "status"),
        [
            ({"status": 403}, 403),
            ({"status": 404}, 404),
            ({"status": 200, "body": "<html>no picture</html>"}, 200),
            ({"status": 302, "headers": {"Location": "http://elsewhere.example/1.jpg"}}, 302),
        ],
    )
    def test_a_result_link_can_answer_anything_once(
        self,
        api: httpx.Client,
        host: PhotoHost,
        clock: FakeClock,
        simulator: RunningSimulator,
        answer: dict[str, Any],
        status: int,
    ) -> None:
        link = api.get(drawn(api, host, clock)).json()["urls"][0]
        simulator.scenario(faults=[{"route": "download", "what": "answer", **answer}])

        wrong, right = httpx.get(link), httpx.get(link)

        assert wrong.status_code == status
        assert wrong.headers["Content-Type"].startswith("text/html")
        assert wrong.headers.get("Location") == answer.get("headers", {}).get("Location")
        assert (right.status_code, right.headers["Content-Type"]) == (200, "image/jpeg")

    def test_a_result_can_be_cut_in_half(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        link = api.get(drawn(api, host, clock)).json()["urls"][0]
        whole = httpx.get(link).content
        simulator.scenario(faults=[{"route": "download", "what": "cut"}])
        received: list[bytes] = []

        with httpx.stream("GET", link) as answer, pytest.raises(httpx.RemoteProtocolError):
            received.extend(answer.iter_raw())

        assert answer.headers["Content-Length"] == str(len(whole))
        assert b"".join(received) == whole[: len(whole) // 2]

    def test_a_result_can_drip(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        link = api.get(drawn(api, host, clock)).json()["urls"][0]
        whole = httpx.get(link).content
        simulator.scenario(faults=[{"route": "download", "what": "drip", "seconds": 0.5}])

        with httpx.stream("GET", link) as answer:
            pieces = list(answer.iter_raw())

        assert b"".join(pieces) == whole
        assert len(pieces) > 10

    def test_a_result_can_be_far_too_large(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        link = api.get(drawn(api, host, clock)).json()["urls"][0]
        simulator.scenario(faults=[{"route": "download", "what": "oversize", "megabytes": 3}])

        answer = httpx.get(link)

        assert len(answer.content) == 3_000_000
        assert answer.headers["Content-Length"] == "3000000"


class TestControls:
    def test_a_knob_that_is_turned_leaves_the_others_alone(
        self, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(vocabulary="2026")

        scenario = simulator.scenario(training_seconds=5)

        assert (scenario["vocabulary"], scenario["training_seconds"]) == ("2026", 5)
        assert httpx.get(f"{simulator.admin_url}/scenario").json() == scenario

    @pytest.mark.parametrize(
        ("knobs", "complaint"),
        [
            ({"trainig_seconds": 5}, "trainig_seconds: Extra inputs are not permitted"),
            ({"vocabulary": "klingon"}, "vocabulary: Input should be 'guide'"),
            ({"faults": [{"route": "balance", "what": "explode"}]}, "faults.0: Input tag"),
            ({"faults": [{"route": "tea", "what": "cut"}]}, "faults: Value error, no route tea;"),
            ({"dialects": [{"vocabulary": "klingon"}]}, "dialects.0.vocabulary: Input should"),
            ([], "body: Input should be an object"),
        ],
    )
    def test_a_knob_that_does_not_exist_is_refused_by_name(
        self, simulator: RunningSimulator, knobs: Any, complaint: str
    ) -> None:
        before = simulator.scenario()

        answer = httpx.post(f"{simulator.admin_url}/scenario", json=knobs)

        assert answer.status_code == 422
        assert complaint in answer.json()["detail"]
        assert simulator.scenario() == before

    def test_the_journal_tells_what_when_and_how_much(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        model = trained(api, host, clock)
        infer(api, model, {"style": "anime", "count": 2, "prompt": "by the sea"})

        [training] = simulator.journal(route="start_training")
        [check] = simulator.journal(route="check_training")
        [inference] = simulator.journal(route="start_inference")
        charges = simulator.journal(event="charge")

        assert (training["subject"], training["links"], training["status"]) == ("woman", 5, 202)
        assert check["clock"] - training["clock"] == 20 * MINUTE
        assert check["phase"] == "DONE"
        assert inference["prompts"] == [{"style": "anime", "count": 2, "prompt": "by the sea"}]
        assert [charge["credits"] for charge in charges] == [30, 4]
        assert charges[1]["inference_id"] == inference["inference_id"]

    def test_the_journal_tells_of_downloads(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, simulator: RunningSimulator
    ) -> None:
        links = api.get(drawn(api, host, clock)).json()["urls"]

        httpx.get(links[1])

        [download] = simulator.journal(event="download")
        assert (download["position"], download["status"]) == (2, 200)

    def test_a_reset_forgets_everything(
        self, api: httpx.Client, host: PhotoHost, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(credits=50)
        model = training(api, host)

        simulator.reset()

        assert simulator.journal() == []
        assert simulator.scenario()["credits"] == 1_000_000
        assert api.get(model).status_code == 404
        assert api.get("/balance").json() == {"credits": 1_000_000}


class TestCommand:
    def test_it_prints_its_addresses_serves_and_ends_cleanly(self, tmp_path: Path) -> None:
        scenario = tmp_path / "scenario.json"
        scenario.write_text(json.dumps({"credits": 77}))

        with self.command("--scenario", str(scenario), "--clock-scale", "0.01") as process:
            assert process.stdout
            addresses = json.loads(process.stdout.readline())
            balance = httpx.get(
                f"{addresses['api_url']}/balance", headers={"X-Picsart-API-Key": KEY}
            )
            process.send_signal(signal.SIGTERM)
            more, complaints = process.communicate()

        assert addresses["simulated"] is True
        assert addresses["api_url"].startswith("http://127.0.0.1:")
        assert addresses["results_origin"].startswith("http://localhost:")
        assert addresses["admin_url"].endswith("/_simulator")
        assert balance.json() == {"credits": 77}
        assert (process.returncode, more, complaints) == (0, "", "")

    def test_it_tells_of_a_wrong_knob_and_does_not_start(self, tmp_path: Path) -> None:
        scenario = tmp_path / "scenario.json"
        scenario.write_text(json.dumps({"creditz": 77}))

        with self.command("--scenario", str(scenario)) as process:
            printed, complaints = process.communicate()

        assert (process.returncode, printed) == (1, "")
        assert "creditz: Extra inputs are not permitted" in complaints

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "local.simulator", *arguments],
            env=os.environ
            | {
                "SIMULATOR_API_KEY": KEY,
                "SIMULATOR_ASTRIA_KEY": ASTRIA_KEY,
                "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT}/layers/core",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

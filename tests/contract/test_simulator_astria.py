"""The simulated Astria over the wire: tunes, prompts, their lists, and its ways to go wrong."""

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from PIL import Image

from local.simulator.running import RunningProvider, running_simulator
from tests.contract.photo_host import PhotoHost, picture
from tests.fakes.clock import FakeClock

KEY = "a-key-for-tests"
MINUTE = 60.0
DAY = 86_400.0


@pytest.fixture(scope="module")
def one_astria(clock: FakeClock) -> Iterator[RunningProvider]:
    with running_simulator(astria_key=KEY, clock=clock) as simulator:
        yield simulator.astria


@pytest.fixture
def astria(one_astria: RunningProvider, clock: FakeClock) -> RunningProvider:
    one_astria.reset()
    clock.move(MINUTE)
    return one_astria


@pytest.fixture(scope="module")
def one_client(one_astria: RunningProvider) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=one_astria.api_url, headers=headers) as client:
        yield client


@pytest.fixture
def api(astria: RunningProvider, one_client: httpx.Client) -> httpx.Client:
    return one_client


@pytest.fixture
def host() -> Iterator[PhotoHost]:
    host = PhotoHost()
    host.files |= {f"/selfies/{number}.jpg": picture(40 * number) for number in range(1, 5)}
    yield host
    host.close()


def ask_tune(api: httpx.Client, host: PhotoHost, **wanted: Any) -> httpx.Response:
    tune = {"title": "job-1", "name": "woman", "image_urls": host.links(4)} | wanted
    return api.post("/tunes", json={"tune": tune})


def tuned(api: httpx.Client, host: PhotoHost, clock: FakeClock, **wanted: Any) -> str:
    tune = f"/tunes/{ask_tune(api, host, **wanted).json()['id']}"
    clock.move(20 * MINUTE)
    return tune


def ask_prompt(api: httpx.Client, tune: str, **wanted: Any) -> httpx.Response:
    prompt = {"text": "sks woman by the sea, oil painting style", "num_images": 3} | wanted
    return api.post(f"{tune}/prompts", json={"prompt": prompt})


def drawn(api: httpx.Client, tune: str, clock: FakeClock, **wanted: Any) -> dict[str, Any]:
    prompt = ask_prompt(api, tune, **wanted).json()["id"]
    clock.move(3 * MINUTE)
    document: dict[str, Any] = api.get(f"{tune}/prompts/{prompt}").json()
    return document


def opened(link: str) -> Image.Image:
    return Image.open(io.BytesIO(httpx.get(link).raise_for_status().content))


class TestTunes:
    def test_a_tune_is_ready_once_it_says_when_it_was_trained(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock
    ) -> None:
        created = ask_tune(api, host)
        tune = f"/tunes/{created.json()['id']}"
        clock.move(2.5 * MINUTE)
        early = api.get(tune).json()
        clock.move(17.5 * MINUTE)
        ready = api.get(tune).json()

        assert created.status_code == 201
        assert isinstance(created.json()["id"], int)
        assert (created.json()["title"], created.json()["name"]) == ("job-1", "woman")
        assert created.json()["trained_at"] is early["trained_at"] is early["expires_at"] is None
        assert (ready["token"], ready["model_type"]) == ("sks", None)
        kept = datetime.fromisoformat(ready["expires_at"]) - datetime.fromisoformat(
            ready["trained_at"]
        )
        assert kept.days == 30

    def test_a_tune_is_deleted_30_days_after_its_training_with_its_images(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock
    ) -> None:
        tune = tuned(api, host, clock)
        link = drawn(api, tune, clock)["images"][0]

        clock.move(30 * DAY)

        assert api.get(tune).status_code == 404
        assert api.get("/tunes").json() == []
        assert httpx.get(link).status_code == 404

    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"title": " "}, "tune.title"),
            ({"name": None}, "tune.name"),
            ({"image_urls": []}, "tune.image_urls"),
            ({"image_urls": ["ftp://127.0.0.1/1.jpg"]}, "tune.image_urls.0"),
            ({"branch": "sd3"}, "tune.branch"),
            ({"brunch": "fast"}, "tune.brunch"),
            ({"images": ["..."]}, "tune.images: Value error, not taken by this simulator"),
            ({"callback": "http://127.0.0.1/"}, "tune.callback: Value error, not taken"),
        ],
    )
    def test_what_does_not_pass_validation_is_refused_by_name(
        self, api: httpx.Client, host: PhotoHost, changes: dict[str, Any], named: str
    ) -> None:
        answer = ask_tune(api, host, **changes)

        assert answer.status_code == 422
        assert named in answer.json()["error"]

    def test_a_photo_that_cannot_be_fetched_is_refused_before_anything_is_made(
        self, api: httpx.Client, host: PhotoHost, astria: RunningProvider
    ) -> None:
        host.files["/selfies/3.jpg"] = b"<html>sign in first</html>"

        answer = ask_tune(api, host)

        assert answer.status_code == 422
        assert answer.json() == {"error": "image_urls: photo 3 is not valid"}
        assert astria.journal(event="charge") == api.get("/tunes").json() == []

    def test_a_bad_photo_can_also_be_found_when_nobody_says_so(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, astria: RunningProvider
    ) -> None:
        astria.scenario(invalid_photos=1, bad_photos="never_trained")

        tune = tuned(api, host, clock)

        assert api.get(tune).json()["trained_at"] is None

    def test_a_training_can_last_for_ever(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, astria: RunningProvider
    ) -> None:
        astria.scenario(training_never_ends=True)

        tune = tuned(api, host, clock)
        clock.move(40 * DAY)

        document = api.get(tune).json()
        assert document["trained_at"] is document["eta"] is document["expires_at"] is None

    def test_an_account_without_idempotency_gets_a_second_tune_and_pays_for_it(
        self, api: httpx.Client, host: PhotoHost, astria: RunningProvider
    ) -> None:
        ids = {ask_tune(api, host).json()["id"] for _ in range(2)}

        assert len(ids) == len(astria.journal(event="charge")) == 2

    def test_an_account_with_idempotency_gets_the_tune_of_the_same_title(
        self, api: httpx.Client, host: PhotoHost, astria: RunningProvider
    ) -> None:
        astria.scenario(idempotency=True)

        one, same, other = (ask_tune(api, host, title=title) for title in ("a", "a", "b"))

        assert one.json()["id"] == same.json()["id"] != other.json()["id"]
        assert len(astria.journal(event="charge")) == 2

    def test_a_tune_can_be_deleted_with_its_prompts(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock
    ) -> None:
        tune = tuned(api, host, clock)
        prompt = drawn(api, tune, clock)

        deleted = api.delete(tune)

        assert deleted.status_code == 200
        assert api.get(tune).status_code == 404
        assert api.get(f"{tune}/prompts/{prompt['id']}").status_code == 404
        assert httpx.get(prompt["images"][0]).status_code == 404


class TestLists:
    def test_the_newest_tunes_come_first_twenty_at_a_time(
        self, api: httpx.Client, host: PhotoHost
    ) -> None:
        one_photo = host.links(1)
        made = [ask_tune(api, host, image_urls=one_photo).json()["id"] for _ in range(22)]

        newest = [tune["id"] for tune in api.get("/tunes").json()]
        rest = [tune["id"] for tune in api.get(f"/tunes?before_id={newest[-1]}").json()]
        shifted = [tune["id"] for tune in api.get("/tunes?offset=1&limit=2").json()]

        assert newest + rest == made[::-1]
        assert len(newest) == 20
        assert shifted == made[-2:-4:-1]

    @pytest.mark.parametrize("query", ["offset=201", "limit=many"])
    def test_a_page_that_is_not_to_be_had_is_refused(self, api: httpx.Client, query: str) -> None:
        answer = api.get(f"/tunes?{query}")

        assert answer.status_code == 400
        assert "before_id" in answer.json()["error"]

    def test_the_prompts_of_a_tune_are_listed(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock
    ) -> None:
        tune = tuned(api, host, clock)
        one, two = (ask_prompt(api, tune, seed=seed).json()["id"] for seed in (1, 2))

        listed = api.get(f"{tune}/prompts").json()

        assert [(prompt["id"], prompt["seed"]) for prompt in listed] == [(two, 2), (one, 1)]


class TestPrompts:
    def test_a_prompt_carries_its_images_once_they_are_there(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, astria: RunningProvider
    ) -> None:
        tune = tuned(api, host, clock)

        created = ask_prompt(api, tune)
        done = drawn(api, tune, clock)

        assert created.status_code == 201
        assert (created.json()["images"], created.json()["trained_at"]) == ([], None)
        assert f"/tunes/{done['tune_id']}" == tune
        assert done["trained_at"]
        assert len(set(done["images"])) == 3
        assert all(link.startswith(f"{astria.results_origin}/") for link in done["images"])

    def test_images_are_drawn_from_the_photos_as_the_text_says(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock
    ) -> None:
        done = drawn(api, tuned(api, host, clock), clock)

        first, second = done["images"][:2]

        with opened(first) as image:
            assert (image.format, image.size) == ("JPEG", (512, 512))
            assert image.info["comment"].startswith(b"SIMULATED: oil_painting")
        assert httpx.get(first).content == httpx.get(first).content != httpx.get(second).content

    def test_super_resolution_makes_four_pixels_of_one(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock
    ) -> None:
        done = drawn(api, tuned(api, host, clock), clock, num_images=1, super_resolution=True)

        with opened(done["images"][0]) as image:
            assert image.size == (2048, 2048)

    def test_a_prompt_of_a_tune_in_training_waits_for_it(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, astria: RunningProvider
    ) -> None:
        astria.scenario(training_seconds=600, inference_seconds=60)
        tune = f"/tunes/{ask_tune(api, host).json()['id']}"
        prompt = f"{tune}/prompts/{ask_prompt(api, tune).json()['id']}"

        clock.move(659)
        nearly = api.get(prompt).json()
        clock.move(1)

        assert nearly["images"] == []
        assert len(api.get(prompt).json()["images"]) == 3

    @pytest.mark.parametrize(("branch", "kind"), [("sdxl1", "pti"), ("flux1", "lora")])
    def test_only_a_checkpoint_can_draw_by_itself(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, branch: str, kind: str
    ) -> None:
        answer = ask_prompt(api, tuned(api, host, clock, branch=branch))

        said = f"model_type={kind} is not supported. Use a checkpoint instead"
        assert (answer.status_code, answer.json()) == (422, {"error": said})

    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"text": ""}, "prompt.text"),
            ({"num_images": 0}, "prompt.num_images"),
            ({"num_images": 9}, "prompt.num_images"),
            ({"w": 500}, "prompt.w"),
            ({"w": 768}, "w and h differ"),
            ({"count": 3}, "prompt.count"),
            ({"inpaint_faces": True}, "inpaint_faces requires super_resolution"),
        ],
    )
    def test_what_does_not_pass_validation_is_refused_by_name(
        self,
        api: httpx.Client,
        host: PhotoHost,
        clock: FakeClock,
        changes: dict[str, Any],
        named: str,
    ) -> None:
        answer = ask_prompt(api, tuned(api, host, clock), **changes)

        assert answer.status_code == 422
        assert named in answer.json()["error"]

    def test_an_account_with_idempotency_gets_the_prompt_of_the_same_attributes(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, astria: RunningProvider
    ) -> None:
        astria.scenario(idempotency=True)
        tune = tuned(api, host, clock)

        one, same, other = (ask_prompt(api, tune, seed=seed).json()["id"] for seed in (1, 1, 2))

        assert one == same != other

    def test_a_prompt_can_fail_with_a_reason(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, astria: RunningProvider
    ) -> None:
        tune = tuned(api, host, clock)
        astria.scenario(inference_fails="not that")

        done = drawn(api, tune, clock)

        assert (done["user_error"], done["images"]) == ("not that", [])

    def test_images_can_be_missing(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, astria: RunningProvider
    ) -> None:
        astria.scenario(results="fewer")

        done = drawn(api, tuned(api, host, clock), clock)

        assert (done["num_images"], len(done["images"])) == (3, 2)

    def test_a_prompt_can_be_deleted(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock
    ) -> None:
        tune = tuned(api, host, clock)
        prompt = drawn(api, tune, clock)

        deleted = api.delete(f"{tune}/prompts/{prompt['id']}")

        assert deleted.json() == {"message": "Prompt successfully deleted"}
        assert api.get(f"{tune}/prompts").json() == []
        assert httpx.get(prompt["images"][0]).status_code == 404


class TestMock:
    def test_a_mock_is_free_and_ready_within_a_minute(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, astria: RunningProvider
    ) -> None:
        astria.scenario(credits=0)
        tune = f"/tunes/{ask_tune(api, host, branch='fast').json()['id']}"
        clock.move(MINUTE)
        trained = api.get(tune).json()["trained_at"]
        done = drawn(api, tune, clock)

        assert trained
        assert astria.journal(event="charge") == []
        with opened(done["images"][0]) as image:
            assert image.size == (512, 512)


class TestAccount:
    @pytest.mark.parametrize(
        "headers", [{}, {"Authorization": "Bearer another"}, {"Authorization": KEY}]
    )
    def test_a_call_without_the_right_key_is_refused(
        self, astria: RunningProvider, headers: dict[str, str]
    ) -> None:
        answer = httpx.get(f"{astria.api_url}/tunes", headers=headers)

        assert (answer.status_code, answer.json().keys()) == (401, {"error"})

    def test_tunes_and_images_cost_credits_and_nothing_is_made_without_them(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, astria: RunningProvider
    ) -> None:
        astria.scenario(credits=44)
        tune = tuned(api, host, clock)

        paid, refused = ask_prompt(api, tune), ask_prompt(api, tune)

        assert (paid.status_code, refused.status_code) == (201, 402)
        assert [charge["credits"] for charge in astria.journal(event="charge")] == [40, 3]

    def test_the_call_beyond_the_quota_waits_for_the_next_minute(
        self, api: httpx.Client, clock: FakeClock, astria: RunningProvider
    ) -> None:
        astria.scenario(rate_limit=2)

        statuses = [api.get("/tunes").status_code for _ in range(3)]
        clock.move(MINUTE)

        assert statuses == [200, 200, 429]
        assert api.get("/tunes").status_code == 200

    def test_it_says_nothing_that_is_picsarts(self, api: httpx.Client) -> None:
        headers = api.get("/tunes").headers

        assert headers["X-Simulated"] == "true"
        assert not [name for name in headers if "picsart" in name]

    @pytest.mark.parametrize("path", ["/tunes/1", "/tunes/1/prompts", "/tunes/1/prompts/1"])
    def test_what_does_not_exist_is_said_in_json(self, api: httpx.Client, path: str) -> None:
        answer = api.get(path)

        assert (answer.status_code, answer.json()) == (404, {"error": "Not Found"})


class TestFaults:
    def test_a_504_can_hide_a_tune_that_the_list_shows(
        self, api: httpx.Client, host: PhotoHost, astria: RunningProvider
    ) -> None:
        fault = {"route": "start_training", "what": "answer", "status": 504, "created": True}
        astria.scenario(faults=[fault])

        answer = ask_tune(api, host)

        assert answer.status_code == 504
        assert [tune["title"] for tune in api.get("/tunes").json()] == ["job-1"]
        assert len(astria.journal(event="charge")) == 1

    def test_a_500_can_hide_that_nothing_was_made(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, astria: RunningProvider
    ) -> None:
        tune = tuned(api, host, clock)
        astria.scenario(faults=[{"route": "start_inference", "what": "answer", "status": 500}])

        answer = ask_prompt(api, tune)

        assert answer.status_code == 500
        assert api.get(f"{tune}/prompts").json() == []

    def test_a_route_of_another_provider_is_no_route_here(self, astria: RunningProvider) -> None:
        fault = {"route": "balance", "what": "cut"}

        answer = httpx.post(f"{astria.admin_url}/scenario", json={"faults": [fault]})

        assert answer.status_code == 422
        assert "no route balance" in answer.json()["detail"]

    def test_an_image_can_be_cut_in_half(
        self, api: httpx.Client, host: PhotoHost, clock: FakeClock, astria: RunningProvider
    ) -> None:
        link = drawn(api, tuned(api, host, clock), clock)["images"][0]
        astria.scenario(faults=[{"route": "download", "what": "cut"}])

        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(link)

        assert httpx.get(link).status_code == 200


def test_the_journal_tells_what_was_asked_for_and_keeps_no_secrets(
    api: httpx.Client, host: PhotoHost, clock: FakeClock, astria: RunningProvider
) -> None:
    links = host.links(4, "?X-Amz-Signature=secret")
    tune = tuned(api, host, clock, image_urls=links)
    ask_prompt(api, tune, negative_prompt="hats")

    [training] = astria.journal(route="start_training")
    [inference] = astria.journal(route="start_inference")

    assert (training["title"], training["subject"]) == ("job-1", "woman")
    assert training["photos"] == sorted(host.files)
    assert (inference["text"], inference["negative_prompt"]) == (
        "sks woman by the sea, oil painting style",
        "hats",
    )
    assert "secret" not in str(astria.journal())
    assert KEY not in str(astria.journal())

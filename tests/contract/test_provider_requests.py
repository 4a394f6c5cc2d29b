"""What is asked of providers, to the letter, seen by a transport that keeps it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import pytest

from avatars.errors import OutOfOrderError
from avatars.model import InferenceRequest, Prompt, Subject, TrainingRequest
from avatars.ports import Provider
from avatars.provider import catalog
from avatars.provider.astria_prompt import TOKEN, wanted
from avatars.settings import ProviderSettings

KEY = "a-secret-key"
LINKS = tuple(f"https://photos.test/{number}.jpg?signature=5ec2e7" for number in range(1, 6))
PROMPTS = (Prompt("anime", 2, "at sea"), Prompt("realistic"))
ANIME = Prompt("anime", 2, "at sea", "hats")
TRAINING = TrainingRequest("a-job", LINKS, Subject.DOG)
OF_A_MODEL = InferenceRequest((ANIME,), Subject.WOMAN, model_id="1", title="a-job-1 1")
OF_A_PHOTO = InferenceRequest((ANIME,), Subject.WOMAN, photo_link=LINKS[0])
CONNECTION = ProviderSettings(
    url="https://provider.test/v1",
    status_url="https://status.test/v1",
    fields={
        "photos": "image_urls",
        "prompts": "lines",
        "style": "look",
        "count": "number",
        "prompt": "text",
    },
    result_origins=(),
    astria_url="https://astria.test",
    astria_branch="",
)

Seen = list[httpx.Request]
Connect = Callable[[str], Provider]
"""A provider by its name, and as its key has it."""


@pytest.fixture
def seen() -> Seen:
    return []


@pytest.fixture
def connect(seen: Seen) -> Iterator[Connect]:
    def keep(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        headers = {
            "X-Picsart-Correlation-Id": "abc",
            "Retry-After": "5",
            "Sunset": "Sat, 01 Jan 2028 00:00:00 GMT",
            "Set-Cookie": "session=5ec2e7",
        }
        return httpx.Response(202, content=b'{"model_id": "m-1"}', headers=headers)

    with httpx.Client(transport=httpx.MockTransport(keep)) as http:
        yield lambda name: catalog.connect(name, CONNECTION, KEY, http)


def line(request: httpx.Request) -> str:
    return f"{request.method} {request.url}"


class TestPicsartTrained:
    @pytest.fixture
    def provider(self, connect: Connect) -> Provider:
        return connect("picsart-trained")

    def test_a_training_is_asked_for_with_links_and_subject(
        self, provider: Provider, seen: Seen
    ) -> None:
        provider.submit_training(TRAINING)

        [request] = seen
        assert line(request) == "POST https://provider.test/v1/avatars/models"
        assert json.loads(request.content) == {"image_urls": list(LINKS), "type": "dog"}
        assert request.headers["Content-Type"] == "application/json"

    def test_its_status_is_asked_for_at_a_host_of_its_own(
        self, provider: Provider, seen: Seen
    ) -> None:
        provider.check_training("m-1")

        assert line(seen[0]) == "GET https://status.test/v1/avatars/models/m-1"

    def test_an_inference_is_asked_for_with_all_prompts_under_the_names_of_the_settings(
        self, provider: Provider, seen: Seen
    ) -> None:
        provider.submit_inference(InferenceRequest(PROMPTS, Subject.WOMAN, model_id="m-1"))

        [request] = seen
        assert str(request.url) == "https://provider.test/v1/avatars/models/m-1/inferences"
        assert json.loads(request.content) == {
            "lines": [
                {"look": "anime", "number": 2, "text": "at sea"},
                {"look": "realistic", "number": 1},
            ]
        }

    def test_avatars_are_asked_for_by_model_and_inference(
        self, provider: Provider, seen: Seen
    ) -> None:
        provider.check_inference("m-1", "i-1")

        assert line(seen[0]) == "GET https://provider.test/v1/avatars/models/m-1/inferences/i-1"

    def test_the_key_is_in_a_header_of_its_own(self, provider: Provider, seen: Seen) -> None:
        provider.balance()

        assert line(seen[0]) == "GET https://provider.test/v1/balance"
        assert seen[0].headers["X-Picsart-API-Key"] == KEY

    def test_nothing_can_be_looked_up(self, provider: Provider, seen: Seen) -> None:
        for ask in (provider.find_training, provider.find_inference):
            with pytest.raises(OutOfOrderError):
                ask("a-job")

        assert seen == []


class TestPicsartInstant:
    @pytest.fixture
    def provider(self, connect: Connect) -> Provider:
        return connect("picsart-instant")

    def test_avatars_are_asked_for_with_one_photo_and_one_prompt(
        self, provider: Provider, seen: Seen
    ) -> None:
        provider.submit_inference(OF_A_PHOTO)

        [request] = seen
        assert line(request) == "POST https://provider.test/v1/avatars/instant"
        assert json.loads(request.content) == {
            "images": [LINKS[0]],
            "prompt": "at sea, anime style",
            "negative_prompt": "hats",
            "count": 2,
        }

    def test_a_style_alone_becomes_a_portrait(self, provider: Provider, seen: Seen) -> None:
        provider.submit_inference(replace(OF_A_PHOTO, prompts=(Prompt("oil_painting"),)))

        assert json.loads(seen[0].content) == {
            "images": [LINKS[0]],
            "prompt": "portrait of a woman, oil painting style",
            "count": 1,
        }

    def test_they_are_looked_for_by_their_inference(self, provider: Provider, seen: Seen) -> None:
        provider.check_inference(None, "i-1")

        assert line(seen[0]) == "GET https://provider.test/v1/avatars/instant/i-1"
        assert seen[0].headers["X-Picsart-API-Key"] == KEY

    @pytest.mark.parametrize(
        "request_", [OF_A_MODEL, replace(OF_A_PHOTO, prompts=PROMPTS)], ids=["no photo", "prompts"]
    )
    def test_anything_else_is_not_asked(
        self, provider: Provider, seen: Seen, request_: InferenceRequest
    ) -> None:
        with pytest.raises(OutOfOrderError):
            provider.submit_inference(request_)

        assert seen == []

    def test_nothing_is_trained_or_looked_up(self, provider: Provider, seen: Seen) -> None:
        with pytest.raises(OutOfOrderError):
            provider.submit_training(TRAINING)
        for ask in (provider.check_training, provider.find_training, provider.find_inference):
            with pytest.raises(OutOfOrderError):
                ask("m-1")

        assert seen == []


class TestAstria:
    @pytest.fixture
    def provider(self, connect: Connect) -> Provider:
        return connect("astria")

    def test_a_tune_goes_by_the_title_of_the_request(self, provider: Provider, seen: Seen) -> None:
        provider.submit_training(TRAINING)

        [request] = seen
        assert line(request) == "POST https://astria.test/tunes"
        assert json.loads(request.content) == {
            "tune": {"title": "a-job", "name": "dog", "token": "ohwx", "image_urls": list(LINKS)}
        }

    def test_its_branch_is_that_of_the_settings(self, seen: Seen) -> None:
        def keep(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return httpx.Response(201)

        with httpx.Client(transport=httpx.MockTransport(keep)) as http:
            settings = replace(CONNECTION, astria_branch="fast")
            catalog.connect("astria", settings, KEY, http).submit_training(TRAINING)

        assert json.loads(seen[0].content)["tune"]["branch"] == "fast"

    def test_a_prompt_begins_with_the_token_and_the_class(
        self, provider: Provider, seen: Seen
    ) -> None:
        provider.submit_inference(OF_A_MODEL)

        [request] = seen
        assert line(request) == "POST https://astria.test/tunes/1/prompts"
        assert json.loads(request.content) == {
            "prompt": {
                "text": "ohwx woman, at sea, anime style",
                "negative_prompt": "hats",
                "num_images": 2,
                "w": 512,
                "h": 512,
                "seed": wanted(OF_A_MODEL)["seed"],
            }
        }

    @pytest.mark.parametrize(
        ("ask", "asked"),
        [
            (lambda p: p.check_training("1"), "tunes/1"),
            (lambda p: p.find_training("a-job"), "tunes?limit=120"),
            (lambda p: p.check_inference("1", "2"), "tunes/1/prompts/2"),
            (lambda p: p.find_inference("1"), "tunes/1/prompts?limit=120"),
            (lambda p: p.balance(), "tunes?limit=1"),
        ],
    )
    def test_everything_else_is_a_look(
        self, provider: Provider, seen: Seen, ask: Callable[[Provider], object], asked: str
    ) -> None:
        ask(provider)

        assert line(seen[0]) == f"GET https://astria.test/{asked}"
        assert seen[0].headers["Authorization"] == f"Bearer {KEY}"

    def test_a_prompt_needs_a_model(self, provider: Provider, seen: Seen) -> None:
        for ask in (
            lambda: provider.submit_inference(OF_A_PHOTO),
            lambda: provider.check_inference(None, "2"),
            lambda: provider.find_inference(None),
        ):
            with pytest.raises(OutOfOrderError):
                ask()

        assert seen == []


class TestWords:
    """What a prompt of Astria may say."""

    def test_two_requests_for_the_same_differ_and_two_attempts_at_one_do_not(self) -> None:
        again, another = wanted(OF_A_MODEL), wanted(replace(OF_A_MODEL, title="a-job-1 2"))

        assert wanted(OF_A_MODEL) == again
        assert again["seed"] != another["seed"]
        assert 0 <= int(str(again["seed"])) < 2**32

    @pytest.mark.parametrize(
        "command",
        ["<lora:4711:1>", "<faceid:4711:1.0", "--video --video_model kling30_4k", "{{secret}}"],
    )
    def test_what_is_a_command_to_astria_is_left_out_of_a_strangers_text(
        self, command: str
    ) -> None:
        prompt = Prompt(f"anime {command}", 1, f"{command} at sea", f"hats {command}")

        asked = wanted(replace(OF_A_MODEL, prompts=(prompt,)))

        for said in (str(asked["text"]), str(asked["negative_prompt"])):
            assert not set("<>{}") & set(said)
            assert "--" not in said
        assert str(asked["text"]).startswith(f"{TOKEN} woman, ")


@pytest.mark.parametrize("name", catalog.CAPABILITIES)
@pytest.mark.parametrize("odd", ["../balance", "a/b", "a?b=c", "a#b", "\u00fc 1%", "//evil.test/"])
def test_an_id_is_one_part_of_the_path_whatever_it_holds(
    connect: Connect, seen: Seen, name: str, odd: str
) -> None:
    plain, strange = connect(name), connect(name)
    plain.check_inference("m", "i")

    strange.check_inference(odd, odd)

    paths = [request.url.raw_path.decode() for request in seen]
    assert paths[0].count("/") == paths[1].count("/")
    assert "?" not in paths[1]
    assert seen[0].url.host == seen[1].url.host


@pytest.mark.parametrize("name", catalog.CAPABILITIES)
def test_the_key_is_in_its_header_and_nowhere_else(connect: Connect, seen: Seen, name: str) -> None:
    provider, trains = connect(name), catalog.capabilities(name).trains
    if trains:
        provider.submit_training(TRAINING)
        provider.check_training("m-1")
    provider.submit_inference(OF_A_MODEL if trains else OF_A_PHOTO)
    provider.check_inference("m-1", "i-1")
    provider.balance()

    for request in seen:
        held = [name for name, value in request.headers.items() if KEY in value]
        assert held in (["x-picsart-api-key"], ["authorization"])
        assert KEY not in f"{request.url}{request.content!r}"


@pytest.mark.parametrize("name", catalog.CAPABILITIES)
def test_an_answer_has_its_body_and_the_headers_that_matter(connect: Connect, name: str) -> None:
    answer = connect(name).balance()

    assert (answer.status_code, answer.body) == (202, b'{"model_id": "m-1"}')
    assert answer.header("Retry-After") == "5"
    assert answer.header("Sunset")
    assert answer.header("Set-Cookie") is None


def test_picsart_names_what_its_support_will_ask_for(connect: Connect) -> None:
    assert connect("picsart-trained").balance().header("X-Picsart-Correlation-Id") == "abc"

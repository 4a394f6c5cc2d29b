"""The simulated Astria's own state, without a server."""

from pathlib import Path

import pytest

from local.simulator.astria.bodies import PromptRequest, TuneRequest
from local.simulator.astria.scenario import Scenario
from local.simulator.astria.world import Tune, World
from local.simulator.styles import Style
from tests.fakes.clock import FakeClock

PHOTOS = tuple(Path(f"{number}.jpg") for number in range(3))
LINKS = [f"https://p.example/{photo}" for photo in PHOTOS]
TWO_IMAGES = PromptRequest(text="sks dog, anime style", num_images=2)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def world(clock: FakeClock) -> World:
    return World(clock, seed=7, scenario=Scenario(), results_host="pictures.example")


def tune(world: World, **wanted: str) -> Tune:
    request = {"title": "a", "name": "dog", "image_urls": LINKS} | wanted
    tune = world.new_tune(TuneRequest.model_validate(request))
    tune.photos, tune.looks = PHOTOS, 1
    world.accept(tune)
    return tune


def test_images_go_round_the_photos(world: World) -> None:
    prompt = world.start_prompt(tune(world), TWO_IMAGES)

    pictures = [prompt.picture(position) for position in range(2)]

    assert [picture.photo for picture in pictures] == list(PHOTOS[:2])
    assert [picture.style for picture in pictures] == [Style.ANIME] * 2
    assert len({picture.seed for picture in pictures}) == 2


def test_a_mock_draws_nobody(world: World) -> None:
    prompt = world.start_prompt(tune(world, branch="fast"), TWO_IMAGES)

    assert prompt.picture(0).photo is None


def test_ids_are_whole_numbers_that_grow_even_after_a_reset(world: World) -> None:
    one, two = tune(world), tune(world)
    world.reset()
    three = tune(world)

    assert 1_000_000 < int(one.id) < int(two.id) < int(three.id)


def test_a_training_takes_as_long_as_picsarts_and_a_mock_less_than_a_minute(world: World) -> None:
    trainings = [tune(world) for _ in range(200)]
    mocks = [tune(world, branch="fast") for _ in range(200)]

    seconds = [made.ends_at - made.created_at for made in trainings]
    mock_seconds = [made.ends_at - made.created_at for made in mocks]
    assert 180 <= min(seconds) < 300
    assert 1000 < max(seconds) <= 1200
    assert 10 <= min(mock_seconds) < max(mock_seconds) <= 60

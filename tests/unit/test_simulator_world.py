"""The simulated provider's own state, without a server."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from local.simulator.account import RefusedError
from local.simulator.bodies import InferenceRequest, TrainingRequest
from local.simulator.dialect import Phase
from local.simulator.photos import short_lived, signed_seconds
from local.simulator.scenario import Scenario
from local.simulator.styles import Style, named_in
from local.simulator.world import Model, World

PHOTOS = tuple(Path(f"{number}.jpg") for number in range(5))
SELFIES = TrainingRequest(
    images=tuple(f"https://p.example/{photo}" for photo in PHOTOS), type="dog"
)
SIX_AVATARS = InferenceRequest.model_validate(
    {"prompts": [{"style": "anime", "count": 4}, {"style": "pop_art", "count": 2}]}
)


class HandSetClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def now(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock() -> HandSetClock:
    return HandSetClock()


@pytest.fixture
def world(clock: HandSetClock) -> World:
    return World(clock, seed=7, scenario=Scenario(), results_host="pictures.example")


def trained(world: World, clock: HandSetClock) -> Model:
    model = world.start_training(SELFIES)
    model.photos, model.looks = PHOTOS, 2
    clock.advance(1200)
    return model


def test_a_training_takes_between_three_and_twenty_minutes(world: World) -> None:
    models = [world.start_training(SELFIES) for _ in range(200)]

    seconds = [model.ends_at - model.created_at for model in models]
    assert 180 <= min(seconds) < 300
    assert 1000 < max(seconds) <= 1200


def test_an_inference_takes_between_a_quarter_of_a_minute_and_a_whole_one(
    world: World, clock: HandSetClock
) -> None:
    model = trained(world, clock)

    inferences = [world.start_inference(model.id, SIX_AVATARS) for _ in range(200)]

    seconds = [inference.ends_at - inference.created_at for inference in inferences]
    assert 15 <= min(seconds) < 20
    assert 55 < max(seconds) <= 60


def test_the_same_seed_tells_the_same_story(clock: HandSetClock) -> None:
    one, same, other = (
        World(clock, seed, Scenario(), "pictures.example").start_training(SELFIES)
        for seed in (1, 1, 2)
    )

    assert one == same
    assert one.id != other.id
    assert one.ends_at != other.ends_at


def test_the_second_look_comes_during_the_training_and_within_half_an_hour(
    clock: HandSetClock,
) -> None:
    world = World(clock, 7, Scenario(training_seconds=7200), "pictures.example")

    models = [world.start_training(SELFIES) for _ in range(200)]

    delays = [model.second_look_at - model.created_at for model in models]
    assert min(delays) < 100
    assert 1700 < max(delays) <= 1800


def test_no_training_is_done_before_its_photos_were_seen_twice(
    world: World, clock: HandSetClock
) -> None:
    model = world.start_training(SELFIES)
    model.looks = 1
    clock.advance(3600)

    unseen = model.phase(clock.now())
    model.looks = 2

    assert (unseen, model.phase(clock.now())) == (Phase.IN_PROGRESS, Phase.DONE)


def test_a_fate_is_sealed_when_the_training_starts(world: World, clock: HandSetClock) -> None:
    model = trained(world, clock)

    world.scenario = Scenario(training_fails="too late to fail", training_never_ends=True)

    assert model.phase(clock.now()) is Phase.DONE


def test_avatars_go_round_the_photos_in_the_order_of_the_prompts(
    world: World, clock: HandSetClock
) -> None:
    model = trained(world, clock)

    pictures = world.start_inference(model.id, SIX_AVATARS).pictures

    assert [picture.style for picture in pictures] == [Style.ANIME] * 4 + [Style.POP_ART] * 2
    assert {picture.photo for picture in pictures} == set(PHOTOS)
    assert len({picture.seed for picture in pictures}) == 6


def test_a_picture_exists_between_the_end_of_its_inference_and_its_expiry(
    world: World, clock: HandSetClock
) -> None:
    model = trained(world, clock)
    inference = world.start_inference(model.id, SIX_AVATARS)

    with pytest.raises(RefusedError) as too_early:
        world.picture(inference.id, 1)
    clock.advance(60)
    picture = world.picture(inference.id, 6)
    with pytest.raises(RefusedError) as beyond:
        world.picture(inference.id, 7)
    clock.advance(48 * 3600)
    with pytest.raises(RefusedError) as too_late:
        world.picture(inference.id, 6)

    assert picture == inference.pictures[5]
    statuses = [error.value.status_code for error in (too_early, beyond, too_late)]
    assert statuses == [404, 404, 403]


def test_an_inference_belongs_to_one_model(world: World, clock: HandSetClock) -> None:
    mine, other = trained(world, clock), trained(world, clock)
    inference = world.start_inference(mine.id, SIX_AVATARS)

    with pytest.raises(RefusedError) as refused:
        world.inference(other.id, inference.id)

    assert world.inference(mine.id, inference.id) is inference
    assert refused.value.status_code == 404


@pytest.mark.parametrize(
    ("prompt", "style"),
    [
        ("portrait of a woman, oil painting style", Style.OIL_PAINTING),
        ("a fan of Anime and cartoons, POP ART style", Style.POP_ART),
        ("in pencil_sketch", Style.PENCIL_SKETCH),
        ("by the sea, steampunk style", Style.REALISTIC),
        ("", Style.REALISTIC),
    ],
)
def test_the_last_style_that_a_prompt_names_is_drawn(prompt: str, style: Style) -> None:
    assert named_in(prompt) is style


def test_what_cannot_be_paid_is_not_made(clock: HandSetClock) -> None:
    world = World(clock, 7, Scenario(credits=59), "pictures.example")
    world.start_training(SELFIES)

    with pytest.raises(RefusedError) as refused:
        world.start_training(SELFIES)

    assert refused.value.status_code == 402
    assert (world.balance, len(world.models)) == (29, 1)


def test_the_quota_is_500_calls_in_each_minute(world: World, clock: HandSetClock) -> None:
    for _ in range(500):
        world.admit()

    with pytest.raises(RefusedError) as refused:
        world.admit()
    clock.advance(60)
    world.admit()

    assert refused.value.status_code == 429
    assert world.calls_left == 499


def test_an_id_is_never_given_twice_even_after_a_reset(world: World) -> None:
    before = world.start_training(SELFIES).id

    world.reset()

    assert world.start_training(SELFIES).id != before


def test_a_knob_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValidationError, match="trainig_seconds"):
        Scenario().merged({"trainig_seconds": 3})


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("?X-Amz-Date=20270115T080000Z&X-Amz-Expires=3600", 3600),
        ("?X-Amz-Date=20270115T073000Z&X-Amz-Expires=3600", 1800),
        ("?X-Amz-Date=20270115T060000Z&X-Amz-Expires=3600", -3600),
        ("?size=large", float("inf")),
        ("", float("inf")),
    ],
)
def test_the_life_of_a_link_is_read_from_its_signature(
    clock: HandSetClock, query: str, seconds: float
) -> None:
    life = signed_seconds(f"https://p.example/1.jpg{query}", clock.wall())

    assert life == seconds


def test_links_with_less_than_half_an_hour_are_counted_from_one(clock: HandSetClock) -> None:
    links = tuple(
        f"https://p.example/1.jpg?X-Amz-Date=20270115T080000Z&X-Amz-Expires={seconds}"
        for seconds in (1800, 1799, 3600, 60)
    )

    assert short_lived(links, clock.wall()) == [2, 4]

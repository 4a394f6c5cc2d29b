"""In how many requests the prompts of a run go out, and of which photo."""

from dataclasses import replace

import pytest

from avatars.model import Inference, Prompt, Sending
from avatars.pipeline.planning import next_photo, next_place, planned
from avatars.provider.catalog import CAPABILITIES
from tests.builders import a_job, a_run, a_submission, chosen
from tests.fakes.clock import NOON
from tests.fakes.services import ASTRIA, INSTANT, PICSART

TWO = (Prompt("realistic", 3), Prompt("anime", 2))
ACCEPTED = a_submission(Sending.ACCEPTED)
PHOTOS = chosen(range(1, 4))


def test_who_takes_all_prompts_at_once_is_asked_once() -> None:
    assert planned(TWO, CAPABILITIES[PICSART]) == (Inference(5),)


def test_who_takes_one_prompt_is_asked_for_each_in_their_order() -> None:
    assert planned(TWO, CAPABILITIES[INSTANT]) == (Inference(3, 0), Inference(2, 1))


@pytest.mark.parametrize(
    ("count", "requests"), [(8, [8]), (9, [8, 1]), (16, [8, 8]), (20, [8, 8, 4])]
)
def test_more_avatars_than_a_request_may_have_are_several(count: int, requests: list[int]) -> None:
    plan = planned([Prompt("realistic", count), Prompt("anime")], CAPABILITIES[ASTRIA])

    assert [one.avatars for one in plan] == [*requests, 1]
    assert [one.prompt for one in plan] == [*[0] * len(requests), 1]


def test_where_nobody_says_how_many_a_request_may_have_it_has_all() -> None:
    no_limit = replace(CAPABILITIES[INSTANT], avatars_at_once=None)

    assert planned([Prompt("realistic", 120)], no_limit) == (Inference(120, 0),)


class TestNextPlace:
    def test_requests_to_a_model_go_out_in_a_row(self) -> None:
        first = Inference(1, 0, submission=ACCEPTED)
        run = a_run(inferences=(first, Inference(1, 1), Inference(1, 2)))

        assert next_place(run) == 1
        assert next_place(run.with_inference(1, Inference(1, 1, submission=ACCEPTED))) == 2

    def test_those_of_a_photo_wait_until_the_first_one_has_proven_it(self) -> None:
        first = Inference(1, 0, submission=ACCEPTED, photo_id="a-photo")
        run = a_run(inferences=(first, Inference(1, 1, photo_id=None)))

        assert next_place(run) is None
        assert next_place(run.with_inference(0, replace(first, announced_at=NOON))) == 1
        assert next_place(run.with_inference(0, replace(first, links=1))) == 1

    def test_the_first_one_goes_out_again_with_another_photo(self) -> None:
        fruitless = a_submission(Sending.FRUITLESS)
        first = Inference(1, 0, submission=fruitless, photo_id="a-photo", fruitless=("an-id",))

        assert next_place(a_run(inferences=(first, Inference(1, 1)))) == 0

    def test_nothing_is_left_once_all_are_accepted(self) -> None:
        assert next_place(a_run(inferences=(Inference(1, submission=ACCEPTED),))) is None


class TestNextPhoto:
    def test_it_is_the_best_one_that_is_not_found_invalid(self) -> None:
        best, second, _ = PHOTOS

        assert next_photo(a_job(chosen=PHOTOS), tries=3) == best
        invalid = a_job(chosen=PHOTOS, invalid_photos=(best.photo_id,))
        assert next_photo(invalid, tries=3) == second

    def test_there_is_none_after_so_many_tries(self) -> None:
        invalid = tuple(photo.photo_id for photo in PHOTOS[:2])

        assert next_photo(a_job(chosen=PHOTOS, invalid_photos=invalid), tries=2) is None

    def test_there_is_none_where_all_are_invalid(self) -> None:
        invalid = tuple(photo.photo_id for photo in PHOTOS)

        assert next_photo(a_job(chosen=PHOTOS, invalid_photos=invalid), tries=9) is None

"""What is said about a photo and about a set, by what was seen on them."""

from dataclasses import replace
from typing import Any

import pytest

from avatars.advice import SENTENCES, advice_on, advice_on_set
from avatars.model import Advice, Photo, Subject
from tests.builders import a_photo

PEOPLE = [Subject.MAN, Subject.WOMAN, Subject.COUPLE]
ANIMALS = [Subject.DOG, Subject.CAT]


def seen(number: int = 1, **what: Any) -> Photo:
    return a_photo(number, **{"people": 1} | what)


def test_every_advice_has_a_sentence_that_says_what_to_do() -> None:
    assert set(SENTENCES) == set(Advice)
    for sentence in SENTENCES.values():
        assert sentence.count(": choose") + sentence.count(": upload") == 1
        assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("subject", "people", "advice"),
    [
        (Subject.WOMAN, 0, [Advice.NO_FACE]),
        (Subject.WOMAN, 1, []),
        (Subject.MAN, 2, [Advice.SEVERAL_PEOPLE]),
        (Subject.COUPLE, 0, [Advice.NO_FACE]),
        (Subject.COUPLE, 1, [Advice.MISSING_PERSON]),
        (Subject.COUPLE, 2, []),
        (Subject.COUPLE, 3, [Advice.SEVERAL_PEOPLE]),
        (Subject.WOMAN, None, []),
    ],
)
def test_as_many_people_are_wanted_as_are_to_be_drawn(
    subject: Subject, people: int | None, advice: list[Advice]
) -> None:
    assert advice_on(seen(people=people), subject) == advice


@pytest.mark.parametrize("subject", ANIMALS)
def test_an_animal_needs_no_face(subject: Subject) -> None:
    photo = seen(people=0, advice=(Advice.SMALL_FACE, Advice.CUT_OFF_FACE, Advice.BLURRED))

    assert advice_on(photo, subject) == [Advice.BLURRED]


@pytest.mark.parametrize(
    ("other", "is_alike"),
    [("ffff0000ffff0000", True), ("ffff0000ffff003f", True), ("ffff0000ffff007f", False)],
)
def test_a_photo_is_almost_another_where_few_bits_differ(other: str, is_alike: bool) -> None:
    earlier, photo = seen(1, likeness="ffff0000ffff0000"), seen(2, likeness=other)

    assert advice_on(photo, Subject.WOMAN, [earlier]) == [Advice.NEAR_DUPLICATE] * is_alike
    assert advice_on(earlier, Subject.WOMAN) == []


class TestSet:
    def test_photos_of_ten_minutes_are_one_moment(self) -> None:
        photos = [seen(n, taken_at=1_700_000_000 + 60 * n) for n in range(11)]

        [advice] = advice_on_set(photos)

        assert advice.code == "one_moment"
        assert advice.sentence.startswith("All 11 photos are from one moment: add other days")

    def test_one_of_another_day_is_enough(self) -> None:
        photos = [seen(n, taken_at=1_700_000_000) for n in range(5)]

        assert advice_on_set([*photos, seen(9, taken_at=1_700_090_000)]) == []

    def test_of_photos_without_a_date_nothing_is_said(self) -> None:
        photos = [seen(n, taken_at=1_700_000_000) for n in range(5)]

        assert advice_on_set([*photos, replace(photos[0], taken_at=None)]) == []

    def test_one_or_two_are_no_set(self) -> None:
        assert advice_on_set([seen(n, taken_at=1_700_000_000) for n in range(2)]) == []

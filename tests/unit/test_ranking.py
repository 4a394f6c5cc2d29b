"""The best photo comes first: the one that shows the subject alone, and shows it best."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.model import Advice, Photo, Subject
from avatars.photos import prepare
from avatars.photos.faces import find_faces
from avatars.pipeline.ranking import ranked
from benchmarks.scores import FAULTS, PHOTOS, as_file, opened
from tests.builders import a_photo


def seen(number: int, score: int | None = 50, **what: Any) -> Photo:
    return a_photo(number, **{"people": 1, "score": score} | what)


def numbers(photos: list[Photo]) -> list[int]:
    return [int(photo.file[:3]) for photo in photos]


def test_the_best_photo_comes_first() -> None:
    photos = [seen(1, 40), seen(2, 90), seen(3, 0), seen(4, 60)]

    assert numbers(ranked(photos, Subject.WOMAN)) == [2, 4, 1, 3]


def test_of_equally_good_photos_the_one_that_came_first_does() -> None:
    later, earlier = seen(1, uploaded_at=20), seen(2, uploaded_at=10)
    same_time = seen(3, uploaded_at=20)

    assert numbers(ranked([same_time, later, earlier], Subject.WOMAN)) == [2, 1, 3]


def test_a_photo_of_before_there_were_scores_comes_after_those_that_have_one() -> None:
    photos = [seen(1, None), seen(2, 0), seen(3, 90, people=2)]

    assert numbers(ranked(photos, Subject.WOMAN)) == [2, 1, 3]


@pytest.mark.parametrize(
    ("subject", "people", "better"),
    [
        (Subject.WOMAN, 0, 1),
        (Subject.MAN, 2, 1),
        (Subject.COUPLE, 1, 2),
        (Subject.COUPLE, 3, 2),
        (Subject.DOG, 1, 0),
        (Subject.CAT, 2, 0),
    ],
)
def test_who_else_is_on_a_photo_or_is_not_counts_more_than_its_score(
    subject: Subject, people: int, better: int
) -> None:
    photos = [seen(1, 100, people=people), seen(2, 1, people=better)]

    assert numbers(ranked(photos, subject)) == [2, 1]


def test_a_drawing_comes_after_every_photo() -> None:
    photos = [seen(1, 100, advice=(Advice.NOT_A_PHOTO,)), seen(2, 1)]

    assert numbers(ranked(photos, Subject.WOMAN)) == [2, 1]


@pytest.mark.parametrize("advice", [Advice.BLURRED, Advice.TOO_DARK, Advice.CUT_OFF_FACE])
def test_what_the_score_knows_is_not_counted_twice(advice: Advice) -> None:
    photos = [seen(1, 60, advice=(advice,)), seen(2, 50)]

    assert numbers(ranked(photos, Subject.WOMAN)) == [1, 2]


def test_of_a_burst_the_best_comes_first_and_the_others_after_what_is_different() -> None:
    burst = [seen(n, 90 + n, likeness="ffff0000ffff0000") for n in (1, 2, 3)]
    photos = [*burst, seen(4, 20, likeness="00ff00ff00ff00ff"), seen(5, 99, people=2)]

    assert numbers(ranked(photos, Subject.WOMAN)) == [3, 4, 2, 1, 5]


photos_of_a_job = st.lists(
    st.builds(
        seen,
        st.integers(1, 40),
        st.none() | st.integers(0, 100),
        people=st.integers(0, 3),
        likeness=st.sampled_from(["ffff0000ffff0000", "00ff00ff00ff00ff", None]),
    ),
    unique_by=lambda photo: photo.file,
)


@given(photos_of_a_job, st.sampled_from(Subject), st.randoms())
def test_the_order_does_not_depend_on_the_order_and_nothing_is_lost(
    photos: list[Photo], subject: Subject, chance: Any
) -> None:
    shuffled = chance.sample(photos, len(photos))

    outcome = ranked(shuffled, subject)

    assert outcome == ranked(photos, subject)
    assert sorted(numbers(outcome)) == sorted(numbers(photos))


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.name)
def test_a_real_portrait_comes_before_all_that_is_made_worse_of_it(path: Path) -> None:
    portrait = opened(path)
    [face] = find_faces(portrait)
    pictures = [spoil(portrait, face) for spoil in FAULTS.values()] + [portrait]
    photos = []
    for number, picture in enumerate(pictures):
        prepared = prepare(as_file(picture))
        photos.append(
            replace(
                seen(number, prepared.score, people=prepared.people),
                advice=prepared.advice,
                likeness=prepared.likeness,
            )
        )

    best, *_, last = ranked(photos, Subject.WOMAN)

    assert best == photos[-1]
    assert all(best.score > photo.score for photo in photos[:-1])
    assert last == photos[list(FAULTS).index("two people")]

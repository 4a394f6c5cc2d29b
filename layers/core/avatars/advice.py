"""What a person would say about a photo, or about a set of them: stable codes and sentences."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from avatars.model import Advice, Subject

ALIKE = 6
"""Of the 64 bits of a likeness, how many may differ between two pictures of one pose."""

MOMENT = 600
"""Seconds: photos from a shorter time show one outfit, one light and one place."""

LEAST_FOR_A_SET = 3
"""Of fewer photos there is nothing to say together."""


SENTENCES = {
    Advice.LOW_RESOLUTION: (
        "It has fewer than 512 pixels a side and has to be enlarged: upload the original instead "
        "of a preview."
    ),
    Advice.TOO_DARK: "It is very dark: choose one with light on the face.",
    Advice.BLOWN_OUT: "Its bright parts are pure white: choose one with softer light.",
    Advice.BLURRED: "It is blurred: choose a sharp one.",
    Advice.NOT_A_PHOTO: "It looks like a drawing, a screenshot or a document: choose a photo.",
    Advice.NO_FACE: "No face can be found on it: choose one that shows the face.",
    Advice.SEVERAL_PEOPLE: (
        "More people are on it than are to be drawn: choose one that shows nobody else."
    ),
    Advice.MISSING_PERSON: "Only one person can be found on it: choose one that shows both.",
    Advice.SMALL_FACE: "The face is very small: choose one from closer by.",
    Advice.CUT_OFF_FACE: "The face is cut off at the edge: choose one that shows all of it.",
    Advice.NEAR_DUPLICATE: (
        "It is almost the same picture as another one: choose another pose, place or light."
    ),
}

_OF_FACES = {Advice.SMALL_FACE, Advice.CUT_OFF_FACE}
PEOPLE = {Subject.MAN: 1, Subject.WOMAN: 1, Subject.COUPLE: 2}
"""How many people are to be drawn; of animals, none."""


class Seen(Protocol):
    """What was seen on a photo when it was prepared."""

    @property
    def advice(self) -> tuple[Advice, ...]:
        """What can be said whoever is to be drawn."""

    @property
    def people(self) -> int | None:
        """How many faces it is of; None where nobody looked."""

    @property
    def likeness(self) -> str | None:
        """64 bits in hex, of which photos that look alike have most in common."""

    @property
    def taken_at(self) -> int | None:
        """When, by the camera's clock, in seconds."""


@dataclass(frozen=True, slots=True)
class SetAdvice:
    """What to say about all photos of a job together."""

    code: str
    sentence: str


def advice_on(photo: Seen, subject: Subject, earlier: Iterable[Seen] = ()) -> list[Advice]:
    """What to say about a photo of *subject*; *earlier* are those of the job that came before.

    Of animals, nothing is said about faces.
    """
    wanted = PEOPLE.get(subject)
    advice = [each for each in photo.advice if wanted or each not in _OF_FACES]
    if wanted and photo.people is not None:
        if photo.people == 0:
            advice.append(Advice.NO_FACE)
        elif photo.people < wanted:
            advice.append(Advice.MISSING_PERSON)
        elif photo.people > wanted:
            advice.append(Advice.SEVERAL_PEOPLE)
    if any(_alike(photo, other) for other in earlier):
        advice.append(Advice.NEAR_DUPLICATE)
    return advice


def advice_on_set(photos: Sequence[Seen]) -> list[SetAdvice]:
    """What to say about the accepted photos of a job together."""
    moments = [photo.taken_at for photo in photos if photo.taken_at is not None]
    if len(photos) < LEAST_FOR_A_SET or len(moments) < len(photos):
        return []
    if max(moments) - min(moments) > MOMENT:
        return []
    return [
        SetAdvice(
            "one_moment",
            f"All {len(photos)} photos are from one moment: add other days, places and angles.",
        )
    ]


def _alike(one: Seen, other: Seen) -> bool:
    if one.likeness is None or other.likeness is None:
        return False
    return (int(one.likeness, 16) ^ int(other.likeness, 16)).bit_count() <= ALIKE

"""Which photo is the best one, for a provider that makes avatars of a single one."""

from collections.abc import Sequence

from avatars.advice import PEOPLE, advice_on
from avatars.model import Advice, Photo, Subject

UNFIT = {Advice.NO_FACE, Advice.SEVERAL_PEOPLE, Advice.MISSING_PERSON, Advice.NOT_A_PHOTO}
"""With these, avatars would show somebody else, or nobody, however good the photo is."""


def ranked(photos: Sequence[Photo], subject: Subject) -> list[Photo]:
    """The accepted *photos* of a job, the best one first, in three groups: those that show the
    subject and nobody else; of these, the ones that are almost the same as a better one, because
    what the provider finds wrong with one is wrong with the other; and the rest.

    Within a group the score decides, then the time of upload, then the name. A photo without a
    score comes after those that have one.
    """
    fit: list[Photo] = []
    alike: list[Photo] = []
    unfit: list[Photo] = []
    for photo in sorted(photos, key=_by_score):
        advice = advice_on(photo, subject, fit)
        if not UNFIT.isdisjoint(advice) or (photo.people and subject not in PEOPLE):
            unfit.append(photo)
        elif Advice.NEAR_DUPLICATE in advice:
            alike.append(photo)
        else:
            fit.append(photo)
    return fit + alike + unfit


def _by_score(photo: Photo) -> tuple[int, int, str]:
    score = -1 if photo.score is None else photo.score
    return -score, photo.uploaded_at, photo.file

"""What no public documentation of a provider answers, and how an answer to it is seen."""

from collections.abc import Mapping
from dataclasses import dataclass

EVERYBODY = frozenset({"picsart-trained", "picsart-instant", "astria"})
PICSART = frozenset({"picsart-trained", "picsart-instant"})
TRAINERS = frozenset({"picsart-trained", "astria"})
ASTRIA = frozenset({"astria"})


@dataclass(frozen=True)
class Point:
    """One open question."""

    question: str
    seen_by: str
    of: frozenset[str] = EVERYBODY
    """Whom it is asked of, by name."""
    costs: bool = False
    """Whether something has to be ordered first."""


POINTS: Mapping[str, Point] = {
    "wrong-key": Point("How is a wrong key refused?", "code and shape of a look with one"),
    "unknown-id": Point("How is an unknown id answered?", "code and shape of a look at one"),
    "malformed": Point("How is a body that is no JSON answered?", "code and shape"),
    "balance": Point("What does the page of the balance say?", "code and shape", PICSART),
    "account-headers": Point(
        "Which headers of the account come with an answer?", "those of the balance", PICSART
    ),
    "list": Point("How do lists look?", "code and shape of the newest tunes", ASTRIA),
    "training-accepted": Point(
        "How is a training accepted?", "code and shape of the acceptance", TRAINERS, costs=True
    ),
    "training-words": Point(
        "Which words are said while it trains?", "statuses of the looks", TRAINERS, costs=True
    ),
    "training-seconds": Point(
        "How long does a training take?", "time until the look that found it ready", TRAINERS,
        costs=True,
    ),
    "training-price": Point(
        "What does a training cost?", "credits before and after", TRAINERS & PICSART, costs=True
    ),
    "status-host": Point(
        "Is the status of a model known at the host of everything else, too?",
        "code of a look there", TRAINERS & PICSART, costs=True,
    ),
    "same-title": Point(
        "Does an equal title bring the same tune (is idempotency on in its settings)?",
        "the ids of two orders", ASTRIA, costs=True,
    ),
    "inference-accepted": Point(
        "How are avatars accepted?", "code and shape of the acceptance", costs=True
    ),
    "inference-words": Point(
        "Which words are said while it draws?", "statuses of the looks", costs=True
    ),
    "inference-seconds": Point(
        "How long do avatars take?", "time until the look that found them", costs=True
    ),
    "inference-price": Point(
        "What does an avatar cost?", "credits before and after", PICSART, costs=True
    ),
    "result-shape": Point("How do results look?", "shape of the answer that has them", costs=True),
    "result-hosts": Point(
        "Where do the links lead (parameter ProviderResultOrigins)?", "hosts of the links",
        costs=True,
    ),
    "avatar": Point(
        "How large is an avatar, and of which type?", "the first one that was ordered", costs=True
    ),
}  # fmt: skip


def points_of(name: str) -> dict[str, Point]:
    """The questions to a provider."""
    return {key: point for key, point in POINTS.items() if name in point.of}

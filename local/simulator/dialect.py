"""How the provider words its answers: status vocabularies and result shapes seen in public."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any


class Phase(StrEnum):
    """How far a training or an inference is, in the guide's own words."""

    ACCEPTED = "ACCEPTED"
    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"
    FAILED = "FAILED"
    IMAGE_NOT_VALID = "IMAGE_NOT_VALID"


_GUIDE = {phase: phase.value for phase in Phase}

# `guide` is the AI Avatars guide, `finished` the vendor's SDK tests of 2024 and 2025, `2026`
# the release note of April 2026; `mixed` and `unknown` are drift that a client must survive.
VOCABULARIES: dict[str, dict[Phase, str]] = {
    "guide": _GUIDE,
    "2026": {
        Phase.ACCEPTED: "processing",
        Phase.IN_PROGRESS: "processing",
        Phase.DONE: "success",
        Phase.FAILED: "error",
        Phase.IMAGE_NOT_VALID: "error",
    },
    "finished": _GUIDE
    | {Phase.ACCEPTED: "queued", Phase.IN_PROGRESS: "in progress", Phase.DONE: "FINISHED"},
    "mixed": {phase: phase.value.title() for phase in Phase},
    "unknown": _GUIDE | {Phase.IN_PROGRESS: "MARINATING"},
}

Shape = Callable[[str, Sequence[str], str], dict[str, Any]]

# (inference id, links, the word for "done") -> the part of the answer that holds the links.
SHAPES: dict[str, Shape] = {
    "urls": lambda _id, links, _done: {"urls": list(links)},
    "url_objects": lambda _id, links, _done: {"urls": [{"url": link} for link in links]},
    "data": lambda inference_id, links, done: {
        "data": [
            {"id": f"{inference_id}-{position}", "url": link, "status": done}
            for position, link in enumerate(links, 1)
        ]
    },
}

Selection = Callable[[Sequence[str]], Sequence[str]]

# Which of the links that were asked for the answer really holds.
SELECTIONS: dict[str, Selection] = {
    "all": lambda links: links,
    "fewer": lambda links: links[:-1],
    "duplicate": lambda links: [*links[:-1], links[0]],
    "none": lambda links: [],
}

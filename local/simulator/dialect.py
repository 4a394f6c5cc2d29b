"""How the provider words its answers: status vocabularies and result shapes seen in public."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


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

Facts = Mapping[str, Any]
Shape = Callable[[Facts, Sequence[str]], Any]

# (what else there is to say, links) -> the whole answer. Of `urls` with texts, and of `data` with
# objects, there are examples by the vendor's users; a client of theirs is ready for `urls` with
# objects, for `data` with texts, and for a list without a status, too. `unknown` is nobody's.
SHAPES: dict[str, Shape] = {
    "urls": lambda facts, links: {**facts, "urls": list(links)},
    "url_objects": lambda facts, links: {**facts, "urls": [{"url": link} for link in links]},
    "data": lambda facts, links: {
        **facts,
        "data": [
            {"id": f"{facts['inference_id']}-{position}", "url": link, "status": facts["status"]}
            for position, link in enumerate(links, 1)
        ],
    },
    "data_strings": lambda facts, links: {**facts, "data": list(links)},
    "list": lambda _facts, links: list(links),
    "unknown": lambda facts, links: {**facts, "portfolio": [{"href": link} for link in links]},
}


class Dialect(BaseModel):
    """One way to speak; a model, or an instant inference, keeps the one that it began with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocabulary: Literal["guide", "2026", "finished", "mixed", "unknown"] = "guide"
    pending_status: Literal[200, 202] = 202
    result_shape: Literal["urls", "url_objects", "data", "data_strings", "list", "unknown"] = "urls"

    def word(self, phase: Phase) -> str:
        """What the provider calls that phase."""
        return VOCABULARIES[self.vocabulary][phase]

    def code(self, phase: Phase) -> int:
        """The HTTP status of an answer that tells of that phase."""
        return self.pending_status if phase in (Phase.ACCEPTED, Phase.IN_PROGRESS) else 200

    def answer_with(self, facts: Facts, links: Sequence[str]) -> Any:
        """The whole answer that holds the links."""
        return SHAPES[self.result_shape](facts, links)


Selection = Callable[[Sequence[str]], Sequence[str]]

# Which of the links that were asked for the answer really holds.
SELECTIONS: dict[str, Selection] = {
    "all": lambda links: links,
    "fewer": lambda links: links[:-1],
    "duplicate": lambda links: [*links[:-1], links[0]],
    "none": lambda links: [],
}

"""What may leave an account: numbers, ids of a known shape, and words that are our own.

Built by letting in, not by taking out: a field that nobody has listed stays here.
"""

import ast
import builtins
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from avatars.model import Photo
from local.engine import PROJECT

LEFT_OUT = "…"
"""Stands for what was not let in."""

FIELDS = {
    # which
    "job_id", "run", "model_id", "inference_id", "accepted_id", "correlation_id", "request_id",
    "execution", "photo_id", "file", "position", "attempt", "answer", "function",
    # how it stands, and how it went
    "status", "code", "state", "stage", "error", "message", "begin_with", "call", "outcome", "word",
    "reason", "advice", "held", "execution_started", "subject", "is_ended", "provider", "trains",
    "kind",
    # how many, how long
    "photos", "avatars", "rows", "count", "promised", "links", "batches", "kept", "missing",
    "tries", "rescues", "keep_rounds", "abandoned", "status_code", "credits_left", "bytes",
    "width", "height", "score", "seconds", "wait_seconds", "milliseconds", "used_mb", "of_mb",
    # when
    "created_at", "collect_deadline", "chosen_at", "trained_at", "started_at", "announced_at",
    "links_expire_at", "ended_at", "erased_at", "uploaded_at", "intended_at", "deadline", "since",
    "until",
    # what holds others
    "training", "inference", "waiting",
}  # fmt: skip
"""What is let in at all. Not here: owner, folder, prompts, styles, webhook, keys and versions of
objects, and whatever was found on a picture."""

_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NUMBER = r"\d{1,12}(\.\d{1,6})?"

SHAPES = {
    "job_id": r"[A-Z2-7]{26}",
    "request_id": _UUID,
    "execution": rf"[A-Z2-7]{{26}}-\d{{1,3}}(-\d{{1,3}})?|{_UUID}",
    "answer": r"training-\d{3}|run-\d{3}-(inference(-\d{2})?-\d{3}|result(-\d{2})?)",
    "error": r"(States|Lambda|Runtime|Sandbox)\.[A-Za-z]{1,50}",
    # The provider's own, which its support asks for: as it gives them, if they look like ids.
    "model_id": r"[A-Za-z0-9_-]{1,64}",
    "inference_id": r"[A-Za-z0-9_-]{1,64}",
    "accepted_id": r"[A-Za-z0-9_-]{1,64}",
    "correlation_id": r"[A-Za-z0-9_-]{1,64}",
    # Numbers that come as text.
    "credits_left": _NUMBER,
    "milliseconds": _NUMBER,
    "used_mb": _NUMBER,
    "of_mb": _NUMBER,
}
"""What else a field may hold, by its name."""

SOURCES = ("functions", "layers/core/avatars")
MACHINE = "statemachine/make_avatars.asl.yaml"


@dataclass(frozen=True)
class Pseudonyms:
    """Numbers in the place of names, the same in every bundle of a job."""

    photos: Mapping[str, str]
    """By file and by `photo_id`, in the order of the uploads."""

    @classmethod
    def of(cls, photos: Sequence[Photo]) -> "Pseudonyms":
        ordered = sorted(photos, key=lambda photo: (photo.uploaded_at, photo.photo_id))
        numbered = {photo.photo_id: f"photo-{n}" for n, photo in enumerate(ordered, start=1)}
        return cls(numbered | {photo.file: numbered[photo.photo_id] for photo in photos})

    def clean(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Of the fields those that are let in, each as far as it is."""
        return {name: self._value(name, value) for name, value in fields.items() if name in FIELDS}

    def _value(self, name: str, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, Mapping):
            return self.clean(value)
        if isinstance(value, (list, tuple)):
            return [self._value(name, item) for item in value]
        text = str(value)
        if name in ("photo_id", "file"):
            return self.photos.get(text, LEFT_OUT)
        if name == "execution":
            text = text.rpartition(":")[2]  # of an ARN, which names the account
        has_shape = name in SHAPES and re.fullmatch(SHAPES[name], text)
        return text if has_shape or text in our_words() else LEFT_OUT


@cache
def our_words() -> frozenset[str]:
    """Every text that stands word for word in what runs on Lambda, and the names of what runs."""
    found = {"", *dir(builtins)}
    for folder in SOURCES:
        for file in (PROJECT / folder).rglob("*.py"):
            tree = ast.parse(file.read_text("utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
                elif isinstance(node, ast.ClassDef):
                    found.add(node.name)
    machine = yaml.safe_load((PROJECT / MACHINE).read_text("utf-8"))
    found.update(_states(machine))
    found.update(folder.name for folder in (PROJECT / "functions").iterdir())
    return frozenset(found | EXECUTION_STATUSES)


EXECUTION_STATUSES = {"RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}


def _states(machine: Mapping[str, Any]) -> Iterator[str]:
    for name, state in machine["States"].items():
        yield name
        if "ItemProcessor" in state:
            yield from _states(state["ItemProcessor"])


def doctors_word(word: str) -> str:
    """A word of a finding, if the doctor itself can say it."""
    bare = word.strip(".,;:()")
    return word if bare in _doctors_words() or re.fullmatch(r"\d{1,6}", bare) else LEFT_OUT


@cache
def _doctors_words() -> frozenset[str]:
    """The words of all that the doctor may say: no name, no address is among them."""
    found: set[str] = set()
    for file in (PROJECT / "cli/doctor").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(word.strip(".,;:()") for word in node.value.split())
    return frozenset(found)

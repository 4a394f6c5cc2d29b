"""What an answer is like, in names and types: what may be told of it where anybody may read it."""

import re
from collections.abc import Mapping, Sequence

from avatars.model import Answer, Drift, DriftKind
from avatars.provider.reading import NO_WORD, told
from avatars.provider.words import plain

MOST = 500
"""Characters of a shape."""

MOST_NAMES = 24
"""Of one object; the others are counted."""

MOST_ITEMS = 100

DEEPEST = 4

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,23}")

_RETIRED = ("deprecation", "sunset")
"""Headers by which an API announces its end (RFC 9745, RFC 8594)."""

_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)


def shape(value: object, depth: int = 0) -> str:
    """`{status: text, data: [{id: text}]}`: names that are plain words, and types.

    Of a list, what its items are like; of an item that is unlike the first, that as well.
    """
    if isinstance(value, Mapping):
        return f"{{{_fields(value, depth)}}}"[:MOST]
    if isinstance(value, list):
        return f"[{_items(value, depth)}]"[:MOST]
    return _type(value)


def status_word(word: object) -> str:
    """`status: "MARINATING"`: the word itself, which is the provider's own; only if it is one."""
    text = told(word) if isinstance(word, str) else _type(word)
    return f'status: "{text}"' if isinstance(word, str) and text != NO_WORD else f"status: {text}"


def header_drift(answer: Answer, texts: tuple[str, ...], numbers: tuple[str, ...]) -> list[Drift]:
    """Headers that announce an end, and those of a success that are not what they should be.

    *texts* have to be there, *numbers* have to be whole numbers, too.
    """
    drift = [name for name in _RETIRED if answer.header(name) is not None]
    if 200 <= answer.status_code < 300:
        drift += [f"{name}: missing" for name in texts if answer.header(name) is None]
        for name in numbers:
            value = answer.header(name)
            if value is None:
                drift.append(f"{name}: missing")
            elif not _NUMBER.fullmatch(value):
                drift.append(f"{name}: text")
    return [Drift(DriftKind.CHANGED_HEADER, ", ".join(drift)[:MOST])] if drift else []


def _items(value: Sequence[object], depth: int) -> str:
    if depth >= DEEPEST:
        return "..."
    return " | ".join(dict.fromkeys(shape(item, depth + 1) for item in value[:MOST_ITEMS]))


def _fields(value: Mapping[object, object], depth: int) -> str:
    if depth >= DEEPEST:
        return "..."
    names = list(value)[:MOST_NAMES]
    fields = [f"{_name(name)}: {shape(value[name], depth + 1)}" for name in names]
    rest = len(value) - len(names)
    return ", ".join([*fields, f"{rest} more"] if rest else fields)


def _name(name: object) -> str:
    text = str(name)
    return text if _NAME.fullmatch(text) and plain(text) == text else NO_WORD


def _type(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "text" if value else "no text"

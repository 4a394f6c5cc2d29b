"""Looks for marks in whatever a pipeline leaves behind, however they were written down."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus


@dataclass(frozen=True)
class Mark:
    """Something that must not be found where nobody has allowed it."""

    name: str
    value: bytes

    @classmethod
    def of(cls, name: str, text: str) -> "Mark":
        return cls(name, text.encode())

    def forms(self) -> set[str]:
        """As it is, in URLs, in JSON, as Python shows bytes, in hex, and in base64 at any place."""
        text = self.value.decode("latin-1")
        found = {text, repr(self.value)[2:-1], self.value.hex(), *_base64(self.value)}
        try:
            readable = self.value.decode()
        except UnicodeDecodeError:
            return {form.lower() for form in found}
        escaped = json.dumps(readable)[1:-1]
        found |= {readable, quote(readable, safe=""), quote(readable), quote_plus(readable)}
        found |= {quote(quote(readable, safe=""), safe="")}
        found |= {escaped, escaped.replace("/", "\\/"), json.dumps(escaped)[1:-1]}
        found |= {json.dumps(readable, ensure_ascii=False)[1:-1]}
        return {form.lower() for form in found}


def found_in(marks: Iterable[Mark], places: Mapping[str, str]) -> set[tuple[str, str]]:
    """Which mark stands in which place, by their names."""
    texts = {place: text.lower() for place, text in places.items()}
    return {
        (mark.name, place)
        for mark in marks
        for form in mark.forms()
        for place, text in texts.items()
        if form in text
    }


def _base64(value: bytes) -> Iterator[str]:
    """Its base64 wherever it stands in what was encoded: three ways, without their ragged ends."""
    for before in range(3):
        whole = b"\0" * before + value
        ragged = len(whole) % 3
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            code = encode(whole[: len(whole) - ragged]).decode()
            yield code[4:] if before else code

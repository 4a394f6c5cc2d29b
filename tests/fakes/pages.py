"""The bucket of the page, in memory."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple


class Served(NamedTuple):
    """A file as a browser gets it."""

    data: bytes
    content_type: str
    cache_control: str


@dataclass
class FakePage:
    """Files with their former versions; deleting one puts a marker (None) over it."""

    versions: dict[str, list[Served | None]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    """What was put, one after the other."""

    def put(self, file: str, data: bytes, content_type: str, cache_control: str) -> None:
        self.order.append(file)
        served = Served(data, content_type, cache_control)
        self.versions.setdefault(file, []).append(served)

    def files(self) -> set[str]:
        return {file for file, versions in self.versions.items() if versions[-1]}

    def delete(self, files: Collection[str]) -> None:
        for file in files:
            self.versions.setdefault(file, []).append(None)

    def erase(self) -> None:
        self.versions.clear()

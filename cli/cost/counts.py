"""What a job asks of AWS, as it was counted, and what it would ask for with other numbers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COUNTS = Path(__file__).with_name("counts.json")
"""Written by `make bench BENCH=cost`, on the embedded engine."""

WHOLE_CPU = 1769
"""Megabytes of memory for which Lambda gives one whole CPU (Developer Guide, memory)."""

Units = Mapping[str, float]
"""How many of what is charged for; `milliseconds_256` are those of functions with 256 MB, and
`computing_256` so many of them on the CPU."""


@dataclass(frozen=True)
class Job:
    """A job that was counted, or one to be estimated."""

    photos: int
    avatars: int
    collecting_looks: float
    training_looks: float
    inference_looks: float


@dataclass(frozen=True)
class Counted:
    """A job, and what it has asked for."""

    job: Job
    units: Units


class Counts:
    """All that was counted. What a photo, an avatar or a look asks for is the difference of two
    jobs that differ in that alone, but for how often they looked into the folder."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.sweep: Units = document["sweep"]
        counted = {
            name: Counted(Job(**found["job"]), found["units"])
            for name, found in document["jobs"].items()
        }
        least = counted["least"]
        self._cold = _difference(counted["cold"].units, least.units)
        self._each: dict[str, Units] = {}
        for name, dimension in (
            ("collecting looks", "collecting_looks"),
            ("photos", "photos"),
            ("avatars", "avatars"),
            ("training looks", "training_looks"),
            ("inference looks", "inference_looks"),
        ):
            more = counted[name]
            step = getattr(more.job, dimension) - getattr(least.job, dimension)
            difference = _difference(self._without_looks(more), self._without_looks(least))
            self._each[dimension] = {unit: count / step for unit, count in difference.items()}
        self._fixed = least.units
        for dimension, each in self._each.items():
            times = getattr(least.job, dimension)
            self._fixed = _difference(self._fixed, _times(each, times))

    def of(self, job: Job, *, cold: bool = False) -> dict[str, float]:
        """What a job asks for; *cold* if no function has run lately."""
        units = dict(self._fixed)
        for dimension, each in self._each.items():
            _add(units, _times(each, getattr(job, dimension)))
        if cold:
            # By as much as the first job took longer: nothing else of it was different.
            _add(units, {name: more for name, more in self._cold.items() if _is_time(name)})
        return {name: max(0.0, count) for name, count in units.items()}

    def each(self, dimension: str) -> Units:
        """What one more photo, avatar or look asks for."""
        return self._each[dimension]

    def _without_looks(self, counted: Counted) -> Units:
        looks = self._each.get("collecting_looks")
        if looks is None:
            return counted.units
        return _difference(counted.units, _times(looks, counted.job.collecting_looks))


def gigabyte_seconds(units: Units) -> float:
    """What the functions are billed for: what they computed here, for which one of 256 MB takes
    seven times as long, as it gets a seventh of a CPU; and what they waited."""
    billed = 0.0
    for name, milliseconds in units.items():
        what, _, memory = name.rpartition("_")
        if what == "milliseconds":
            computing = units.get(f"computing_{memory}", milliseconds)
            waiting = max(0, milliseconds - computing)
            billed += computing * max(int(memory), WHOLE_CPU) + waiting * int(memory)
    return billed / 1000 / 1024


def read_counts(file: Path = COUNTS) -> Counts:
    return Counts(json.loads(file.read_text()))


def _is_time(unit: str) -> bool:
    return unit.startswith(("milliseconds_", "computing_"))


def _times(units: Units, times: float) -> dict[str, float]:
    return {name: count * times for name, count in units.items()}


def _add(units: dict[str, float], more: Units) -> None:
    for name, count in more.items():
        units[name] = units.get(name, 0) + count


def _difference(units: Units, others: Units) -> dict[str, float]:
    return {name: units.get(name, 0) - others.get(name, 0) for name in sorted({*units, *others})}

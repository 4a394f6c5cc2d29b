"""Metrics, in memory."""

from dataclasses import dataclass, field

from avatars.metrics import Metric


@dataclass(frozen=True)
class Point:
    """One value of a metric, by each of these dimensions."""

    metric: str
    value: float
    by: dict[str, str] = field(default_factory=dict)


class FakeMeter:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.points: list[Point] = []

    def add(self, metric: Metric, value: float = 1, **by: str | None) -> None:
        self.points.append(Point(metric.name, value, metric.dimensions(**by)))

    def of(self, metric: Metric, **by: str) -> list[float]:
        """The values of a metric; those by that dimension only, if one is given."""
        return [
            point.value
            for point in self.points
            if point.metric == metric.name and by.items() <= point.by.items()
        ]

"""Metrics as lines of the log, which CloudWatch counts by itself (Embedded Metric Format)."""

from collections.abc import Callable, Mapping

from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
    AmazonCloudWatchEMFProvider,
)

from avatars.metrics import NAMESPACE, SERVICE, Metric

Ids = Callable[[], Mapping[str, object]]


class EmfMeter:
    """Prints one line for each `add`, at once: what is counted stays counted if the function dies
    after it. The line says, too, whom it is about (*ids*), and so is found among the others."""

    def __init__(self, service: str, ids: Ids) -> None:
        self._service = service
        self._ids = ids

    def add(self, metric: Metric, value: float = 1, **by: str | None) -> None:
        line = AmazonCloudWatchEMFProvider(namespace=NAMESPACE)
        service = {SERVICE: self._service}
        # Powertools counts by its one set of dimensions, and by each further one.
        sets = [service | {name: told} for name, told in metric.dimensions(**by).items()]
        if metric.whole or not sets:
            sets.append(service)
        for name, told in sets.pop(0).items():
            line.add_dimension(name, told)
        for dimensions in sets:
            line.add_dimensions(**dimensions)
        line.add_metric(metric.name, metric.unit, value)
        for name, fact in {"level": "INFO", "message": metric.name, **self._ids()}.items():
            line.add_metadata(name, fact)
        line.flush_metrics()


class NoMeter:
    """Counts nothing: for who works with the services from outside, on a command line."""

    def add(self, metric: Metric, value: float = 1, **by: str | None) -> None: ...

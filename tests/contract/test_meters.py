"""Metrics: the lines that CloudWatch counts, and the fake, which counts the same."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from avatars.aws.meters import EmfMeter, NoMeter
from avatars.metrics import (
    CREDITS_LEFT,
    METRICS,
    NAMESPACE,
    PHOTOS_JUDGED,
    PROVIDER_CALLS,
    PROVIDER_DRIFT,
    SERVICE,
)
from avatars.ports import Meter
from tests.fakes import FakeMeter
from tests.printed import lines_of, points, printing

STACK = "a-stack"
Counted = list[tuple[str, float, dict[str, str]]]


@dataclass
class Bench:
    """A meter, and what it has counted: name, value, and each set of dimensions by itself."""

    count: Callable[[Callable[[Meter], None]], Counted]


@pytest.fixture(params=["fake", "EMF"])
def bench(request: pytest.FixtureRequest) -> Bench:
    whole = {metric.name for metric in METRICS if metric.whole}

    def by_fake(act: Callable[[Meter], None]) -> Counted:
        meter = FakeMeter()
        act(meter)
        counted = []
        for point in meter.points:
            sets = [{name: told} for name, told in point.by.items()]
            if point.metric in whole or not sets:
                sets.append({})
            counted += [(point.metric, point.value, by) for by in sets]
        return counted

    def by_lines(act: Callable[[Meter], None]) -> Counted:
        with printing() as paper:
            act(EmfMeter(STACK, dict))
        counted = []
        for namespace, name, value, _, by in points(lines_of(paper)):
            assert (namespace, by.pop(SERVICE)) == (NAMESPACE, STACK)
            counted.append((name, value, by))
        return counted

    return Bench(by_fake if request.param == "fake" else by_lines)


def test_a_metric_is_counted_by_each_of_its_dimensions_one_at_a_time(bench: Bench) -> None:
    counted = bench.count(lambda meter: meter.add(PROVIDER_CALLS, call="balance", outcome="ok"))

    assert counted == [
        ("ProviderCalls", 1, {"call": "balance"}),
        ("ProviderCalls", 1, {"outcome": "ok"}),
    ]


def test_one_without_dimensions_is_counted_for_the_stack(bench: Bench) -> None:
    assert bench.count(lambda meter: meter.add(CREDITS_LEFT, 12)) == [("CreditsLeft", 12, {})]


def test_one_that_something_watches_as_a_whole_is_counted_as_a_whole_too(bench: Bench) -> None:
    counted = bench.count(lambda meter: meter.add(PROVIDER_DRIFT, kind="new_shape"))

    assert counted == [
        ("ProviderDrift", 1, {"kind": "new_shape"}),
        ("ProviderDrift", 1, {}),
    ]


def test_a_dimension_of_which_nothing_is_said_is_left_out(bench: Bench) -> None:
    counted = bench.count(lambda meter: meter.add(PHOTOS_JUDGED, verdict="accepted", code=None))

    assert counted == [("PhotosJudged", 1, {"verdict": "accepted"})]


def test_a_value_that_is_not_of_its_set_costs_one_metric_and_no_more(bench: Bench) -> None:
    def count_two_unknown(meter: Meter) -> None:
        for code in ("a-new-code", "another"):
            meter.add(PHOTOS_JUDGED, verdict="rejected", code=code)

    codes = {by["code"] for _, _, by in bench.count(count_two_unknown) if "code" in by}

    assert codes == {"other"}


def test_a_dimension_that_a_metric_has_not_is_a_mistake(bench: Bench) -> None:
    with pytest.raises(TypeError, match="CreditsLeft is not counted by owner"):
        bench.count(lambda meter: meter.add(CREDITS_LEFT, 1, owner="alice"))


def test_a_line_is_printed_at_once_and_says_whom_it_is_about() -> None:
    with printing() as paper:
        EmfMeter(STACK, lambda: {"job_id": "a-job", "owner_hash": "1a"}).add(CREDITS_LEFT, 5)
        [line] = lines_of(paper)

    assert (line["message"], line["job_id"], line["owner_hash"]) == ("CreditsLeft", "a-job", "1a")
    assert line["CreditsLeft"] == [5]


def test_from_outside_nothing_is_printed() -> None:
    with printing() as paper:
        NoMeter().add(CREDITS_LEFT, 5)

    assert paper.getvalue() == ""

"""Where a provider's answers have changed: counted with each of them, told once."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from avatars.metrics import CREDITS_LEFT, PROVIDER_CALLS, PROVIDER_DRIFT
from avatars.model import Answer, InferenceRequest, Prompt, Subject, TrainingRequest
from avatars.provider.metered import MeteredProvider, tell_drift
from avatars.provider.picsart_reader import PicsartReader
from tests.fakes import answer
from tests.fakes.meter import FakeMeter
from tests.printed import Line, lines_of, printing

TRAINING = TrainingRequest("a-job", ("https://photos.test/1?X-Amz-Signature=5ec2e7",), Subject.DOG)
INFERENCE = InferenceRequest((Prompt("anime"),), Subject.DOG, model_id="m-1")
STRANGE = answer(200, {"status": "MARINATING", "portfolio": ["https://cdn.test/5ec2e7"]})


@dataclass
class OneAnswer:
    """A provider that answers everything with the same."""

    answer: Answer
    asked: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def __getattr__(self, call: str) -> Any:
        def take(*arguments: Any) -> Answer:
            self.asked.append((call, arguments))
            return self.answer

        return take


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    tell_drift.cache_clear()
    yield
    tell_drift.cache_clear()


@pytest.fixture
def meter() -> FakeMeter:
    return FakeMeter()


def metered(reply: Answer, meter: FakeMeter) -> MeteredProvider:
    return MeteredProvider("picsart-trained", OneAnswer(reply), PicsartReader(), meter, fresh=True)


def told(provider: MeteredProvider, times: int = 1) -> list[Line]:
    """The lines that are logged when avatars are looked for."""
    Logger("avatars")
    with printing() as paper:
        for _ in range(times):
            provider.check_inference("m-1", "i-1")
    return lines_of(paper)


def test_each_call_is_passed_on_and_counted(meter: FakeMeter) -> None:
    inner = OneAnswer(answer(200, {"status": "DONE"}))
    provider = MeteredProvider("picsart-trained", inner, PicsartReader(), meter, fresh=True)

    provider.submit_training(TRAINING)
    provider.check_training("m-1")
    provider.find_training("a-job")
    provider.submit_inference(INFERENCE)
    provider.check_inference("m-1", "i-1")
    provider.find_inference("m-1")
    provider.balance()

    assert inner.asked == [
        ("submit_training", (TRAINING,)),
        ("check_training", ("m-1",)),
        ("find_training", ("a-job",)),
        ("submit_inference", (INFERENCE,)),
        ("check_inference", ("m-1", "i-1")),
        ("find_inference", ("m-1",)),
        ("balance", ()),
    ]
    calls = [point.by["call"] for point in meter.points if point.metric == PROVIDER_CALLS.name]
    assert calls == [call for call, _ in inner.asked]
    assert meter.of(CREDITS_LEFT) == [1000] * 7


def test_every_answer_that_has_changed_is_counted_by_how(meter: FakeMeter) -> None:
    told(metered(STRANGE, meter), times=3)

    assert meter.of(PROVIDER_DRIFT, kind="unknown_word") == [1, 1, 1]


def test_how_it_has_changed_is_told_once_in_a_process(meter: FakeMeter) -> None:
    [line] = told(metered(STRANGE, meter), times=3)

    assert {name: line[name] for name in ("message", "provider", "call", "kind", "shape")} == {
        "message": "the provider's answer has changed",
        "provider": "picsart-trained",
        "call": "check_inference",
        "kind": "unknown_word",
        "shape": 'status: "MARINATING"',
    }


def test_another_change_is_told_too_and_its_shape_holds_no_contents(meter: FakeMeter) -> None:
    new = answer(200, {"status": "DONE", "portfolio": [{"href": "https://cdn.test/5ec2e7"}]})

    lines = told(metered(STRANGE, meter)) + told(metered(new, meter))

    assert [line["shape"] for line in lines] == [
        'status: "MARINATING"',
        "{status: text, portfolio: [{href: text}]}",
    ]
    assert "5ec2e7" not in str(lines)


def test_a_good_day_is_not_worth_a_line(meter: FakeMeter) -> None:
    lines = told(metered(answer(200, {"status": "DONE", "urls": ["https://cdn.test/1"]}), meter))

    assert lines == []
    assert meter.of(PROVIDER_DRIFT) == []

"""What we expect of every provider: of its simulator, and with `make provider-check` of itself.

Without an order everything here is a look, or a request that cannot be understood: a body that is
no JSON has no photo, no prompt and no count that anybody could charge for. A request in JSON that
lacks something is not sent to a real provider, as it could be taken for one with defaults.
"""

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from avatars.errors import OutOfOrderError
from avatars.metrics import Call
from avatars.model import (
    Answer,
    Capabilities,
    Drift,
    InferenceRequest,
    Progress,
    ProgressState,
    Prompt,
    Subject,
    TrainingRequest,
    WaitReason,
)
from avatars.ports import Provider, ProviderReader
from avatars.provider import catalog
from avatars.provider.calls import http_client
from avatars.provider.downloads import HttpDownloads
from avatars.provider.reading import parsed
from avatars.provider.shapes import shape
from avatars.settings import ProviderSettings
from local.simulator.running import running_simulator
from tests.contract.photo_host import PhotoHost, picture
from tests.contract.points import points_of
from tests.contract.provider_check import KEY_VARIABLE, SETTLED
from tests.fakes import FakeClock
from tests.template.expanded import source

UNKNOWN = "4242424242"
"""An id of nobody, whole as those of Astria and a text as those of Picsart."""

TITLE = f"provider-check-{int(time.time())}"
"""Never that of an earlier check: some accounts have it that an equal title is the same order."""

ANSWERS_IN_HAND = (ProgressState.RUNNING, ProgressState.NOT_FOUND, ProgressState.UNAVAILABLE)


@dataclass
class Checked:
    """One provider, its simulator or itself."""

    name: str
    settings: ProviderSettings
    key: str = field(repr=False)
    http: httpx.Client
    links: tuple[str, ...] = field(repr=False)
    wait: Callable[[float], None]
    settled: dict[str, str]
    charges: Callable[[], int]
    """How much has been charged so far, in whatever unit can be seen."""

    draws_nothing: bool = False
    """Whether what comes is a mock, and of any size."""

    @property
    def can(self) -> Capabilities:
        return catalog.capabilities(self.name)

    @property
    def reader(self) -> ProviderReader:
        return catalog.reader(self.name)

    def provider(self, key: str | None = None, **changes: Any) -> Provider:
        settings = replace(self.settings, **changes)
        return catalog.connect(self.name, settings, key or self.key, self.http)

    def settle(self, point: str, answer: str) -> None:
        """Note what was seen, if it is a question to this provider."""
        if point in points_of(self.name):
            self.settled[point] = answer

    def settle_by(self, point: str, answer: Answer) -> None:
        """Note code and shape of an answer, and nothing that it holds."""
        body = parsed(answer)
        what = shape(body) if isinstance(body, (dict, list)) else "no JSON"
        if answer.status_code:
            self.settle(point, f"{answer.status_code} {what}")

    def look(self, provider: Provider) -> Answer:
        """One at an id of nobody."""
        if self.can.trains:
            return provider.check_training(UNKNOWN)
        return provider.check_inference(None, UNKNOWN)

    def drift(self, call: Call, answer: Answer) -> list[Drift]:
        return list(self.reader.drift(call, answer))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name" in metafunc.fixturenames:
        wanted = metafunc.config.getoption("provider", None)
        names = [wanted] if wanted else list(catalog.CAPABILITIES)
        metafunc.parametrize("name", names, scope="module")


@pytest.fixture(scope="module")
def checked(name: str, request: pytest.FixtureRequest) -> Iterator[Checked]:
    settled = request.config.stash.setdefault(SETTLED, {}).setdefault(name, {})
    with contextlib.ExitStack() as stack:
        http = stack.enter_context(http_client())
        if request.config.getoption("live", False):
            key = os.environ[KEY_VARIABLE].strip()
            links = tuple(request.config.option.photos.split(","))
            live = Checked(name, at_home(), key, http, links, time.sleep, settled, lambda: 0)
            at_first = left(live) or 0
            yield replace(
                live,
                charges=lambda: at_first - (left(live) or 0),
                draws_nothing=live.can.account == "astria",
            )
            return
        clock = FakeClock()
        simulator = stack.enter_context(running_simulator(clock=clock))
        host = stack.enter_context(contextlib.closing(PhotoHost()))
        host.files |= {f"/{number}.jpg": picture(40 * number) for number in range(1, 6)}
        keys = {"picsart": simulator.api_key, "astria": simulator.astria.api_key}
        settings = replace(
            at_home(),
            url=simulator.api_url,
            status_url=simulator.api_url,
            astria_url=simulator.astria.api_url,
            result_origins=(simulator.results_origin,),
        )
        key = keys[catalog.capabilities(name).account]
        journals = {"picsart": simulator.journal, "astria": simulator.astria.journal}
        journal = journals[catalog.capabilities(name).account]
        yield Checked(
            name,
            settings,
            key,
            http,
            tuple(host.links()),
            clock.move,
            settled,
            lambda: len(journal(event="charge")),
        )


def at_home() -> ProviderSettings:
    """Where the providers are, as the template has it unless the variables of the functions say
    otherwise; of Astria, its free mock."""
    default = {name: one.get("Default") for name, one in source()["Parameters"].items()}

    def set_to(variable: str, parameter: str) -> str:
        return os.environ.get(variable) or str(default[parameter])

    return ProviderSettings(
        url=set_to("PROVIDER_URL", "ProviderUrl"),
        status_url=set_to("PROVIDER_STATUS_URL", "ProviderStatusUrl"),
        fields=dict(
            pair.split("=") for pair in set_to("PROVIDER_FIELDS", "ProviderFields").split(",")
        ),
        result_origins=tuple(set_to("PROVIDER_RESULT_ORIGINS", "ProviderResultOrigins").split(",")),
        astria_url=set_to("ASTRIA_URL", "AstriaUrl"),
        astria_branch="fast",
    )


class TestForNothing:
    """What costs nothing."""

    def test_the_account_is_in_no_trouble(self, checked: Checked) -> None:
        answer = checked.provider().balance()

        checked.settle_by("balance", answer)
        checked.settle_by("list", answer)
        if answer.status_code:
            headers = [name for name in answer.headers if name.startswith("x-")]
            checked.settle("account-headers", ", ".join(headers) or "none")
        assert checked.reader.trouble(answer) is None
        assert checked.drift(Call.BALANCE, answer) == []

    def test_an_id_of_nobody_is_not_found(self, checked: Checked) -> None:
        answer = checked.look(checked.provider())

        checked.settle_by("unknown-id", answer)
        read = checked.reader.training_progress if checked.can.trains else None
        progress = (read or checked.reader.inference_progress)(answer)
        assert progress.state is ProgressState.NOT_FOUND

    def test_a_wrong_key_is_refused(self, checked: Checked) -> None:
        stranger = checked.provider(key="0" * 32)

        answer = checked.look(stranger)

        checked.settle_by("wrong-key", answer)
        assert answer.status_code in (401, 403)
        assert checked.reader.trouble(stranger.balance()) is WaitReason.KEY

    def test_a_body_that_is_no_json_is_refused(self, checked: Checked) -> None:
        answer = malformed(checked)

        checked.settle_by("malformed", answer)
        assert 400 <= answer.status_code < 500

    def test_a_training_of_nobody_is_not_found_where_it_could_be(self, checked: Checked) -> None:
        provider = checked.provider()
        if checked.can.finds_requests:
            answer = provider.find_training(UNKNOWN)
            assert checked.reader.found_training(answer, UNKNOWN) is None
            assert checked.drift(Call.FIND_TRAINING, answer) == []
        else:
            with pytest.raises(OutOfOrderError):
                provider.find_training(UNKNOWN)

    def test_none_of_that_was_charged(self, checked: Checked) -> None:
        assert checked.charges() == 0, "or somebody else uses the account meanwhile"


@dataclass
class Order:
    """What was ordered, and every answer to it."""

    model_id: str | None
    wanted: InferenceRequest
    inference_id: str
    progress: Progress
    answers: list[tuple[Call, Answer]]


@pytest.fixture(scope="module")
def order(checked: Checked) -> Order:
    """One avatar, and one training before it where there is one."""
    provider, answers = checked.provider(), []
    credits = left(checked)
    model_id = None
    if checked.can.trains:
        training = TrainingRequest(TITLE, checked.links, Subject.WOMAN)
        accepted = provider.submit_training(training)
        answers.append((Call.SUBMIT_TRAINING, accepted))
        checked.settle_by("training-accepted", accepted)
        model_id = checked.reader.training_id(accepted)
        _, looks, seconds = looked_at(
            checked,
            lambda: provider.check_training(model_id),
            checked.reader.training_progress,
            checked.can.training,
        )
        answers += [(Call.CHECK_TRAINING, look) for look in looks]
        checked.settle("training-words", words_of(looks))
        checked.settle("training-seconds", f"{seconds:.0f} s")
        checked.settle("status-host", str(elsewhere(checked, model_id)))
        credits = paid(checked, "training-price", credits)
        if "same-title" in points_of(checked.name):
            again = checked.reader.training_id(provider.submit_training(training))
            checked.settle("same-title", "the same" if again == model_id else "another one")
    wanted = InferenceRequest(
        (Prompt("realistic"),),
        Subject.WOMAN,
        model_id=model_id,
        photo_link=None if model_id else checked.links[0],
        title=f"{TITLE}-1",
    )
    accepted = provider.submit_inference(wanted)
    answers.append((Call.SUBMIT_INFERENCE, accepted))
    checked.settle_by("inference-accepted", accepted)
    inference_id = checked.reader.inference_id(accepted)
    progress, looks, seconds = looked_at(
        checked,
        lambda: provider.check_inference(model_id, inference_id),
        checked.reader.inference_progress,
        checked.can.inference,
    )
    answers += [(Call.CHECK_INFERENCE, look) for look in looks]
    checked.settle("inference-words", words_of(looks))
    checked.settle("inference-seconds", f"{seconds:.0f} s")
    checked.settle("result-shape", shape(parsed(looks[-1])))
    paid(checked, "inference-price", credits)
    return Order(model_id, wanted, inference_id, progress, answers)


@pytest.mark.orders
class TestOrder:
    """What costs something with a real provider, and is asked for once."""

    def test_an_avatar_is_there_in_time(self, checked: Checked, order: Order) -> None:
        hosts = {urlsplit(str(link)).hostname or "" for link in order.progress.links}
        checked.settle("result-hosts", ", ".join(sorted(hosts)))

        assert order.progress.state is ProgressState.READY
        assert len([link for link in order.progress.links if link]) == 1

    def test_it_is_as_large_as_we_say(self, checked: Checked, order: Order, tmp_path: Path) -> None:
        [link] = order.progress.links
        file = tmp_path / "avatar"

        HttpDownloads(checked.settings.result_origins).fetch(str(link), file)

        with Image.open(file) as avatar:
            checked.settle("avatar", f"{avatar.width}x{avatar.height} {avatar.format}")
            pixels = avatar.width if checked.draws_nothing else checked.can.avatar_pixels
            assert avatar.size == (pixels, pixels)

    def test_no_answer_on_the_way_was_other_than_we_know_it(
        self, checked: Checked, order: Order
    ) -> None:
        assert [checked.drift(call, answer) for call, answer in order.answers] == [
            [] for _ in order.answers
        ]

    def test_it_is_found_again_where_it_could_be(self, checked: Checked, order: Order) -> None:
        provider, reader = checked.provider(), checked.reader
        if checked.can.finds_requests:
            models = provider.find_training(TITLE)
            avatars = provider.find_inference(order.model_id)
            assert reader.found_training(models, TITLE) == order.model_id
            assert reader.found_inference(avatars, order.wanted, ()) == order.inference_id
            assert reader.found_inference(avatars, order.wanted, {order.inference_id}) is None
        else:
            with pytest.raises(OutOfOrderError):
                provider.find_inference(order.model_id)


def looked_at(
    checked: Checked,
    ask: Callable[[], Answer],
    read: Callable[[Answer], Progress],
    schedule: Any,
) -> tuple[Progress, list[Answer], float]:
    """What came of it, every look that was answered, and the seconds until the last one."""
    looks: list[Answer] = []
    elapsed = float(schedule.first)
    checked.wait(schedule.first)
    while True:
        answer = ask()
        progress = read(answer)
        if progress.state is not ProgressState.UNAVAILABLE:
            looks.append(answer)
        if progress.state not in ANSWERS_IN_HAND or elapsed > schedule.deadline:
            return progress, looks, elapsed
        pause = max(schedule.every, progress.wait_seconds or 0)
        checked.wait(pause)
        elapsed += pause


def words_of(looks: list[Answer]) -> str:
    """The statuses in the order in which they came, as far as they are words."""
    said = [body.get("status") for body in map(parsed, looks) if isinstance(body, dict)]
    words = [str(word) for word in said if re.fullmatch(r"[\w -]{1,40}", str(word or ""))]
    return ", ".join(dict.fromkeys(words)) or "none"


def left(checked: Checked) -> int | None:
    return checked.reader.credits(checked.provider().balance())


def paid(checked: Checked, point: str, before: int | None) -> int | None:
    """Note what has been charged since; returns what is left."""
    now = left(checked)
    told = "nobody says" if before is None or now is None else f"{before - now} credits"
    checked.settle(point, told)
    return now


def elsewhere(checked: Checked, model_id: str) -> int:
    """The code of a look at a model at the host of everything else."""
    return checked.provider(status_url=checked.settings.url).check_training(model_id).status_code


def malformed(checked: Checked) -> Answer:
    """Half a body, to where something would be ordered."""
    paths = {
        "picsart-trained": f"{checked.settings.url}/avatars/models",
        "picsart-instant": f"{checked.settings.url}/avatars/instant",
        "astria": f"{checked.settings.astria_url}/tunes",
    }
    headers = {
        "X-Picsart-API-Key": checked.key,
        "Authorization": f"Bearer {checked.key}",
    }
    name = "Authorization" if checked.can.account == "astria" else "X-Picsart-API-Key"
    reply = checked.http.post(
        paths[checked.name],
        content=b'{"',
        headers={name: headers[name], "Content-Type": "application/json"},
    )
    return Answer(reply.status_code, {}, reply.content)

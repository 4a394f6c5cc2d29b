"""The provider over HTTP: requests to the letter, and each of them exactly once."""

import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from avatars.errors import (
    NotAcceptedError,
    NotLookedUpError,
    OutcomeUnknownError,
    ProviderKeyRefusedError,
    ProviderUnreachableError,
    TrainingOutcomeUnknownError,
)
from avatars.metrics import Call
from avatars.model import (
    Answer,
    Drift,
    DriftKind,
    InferenceRequest,
    Progress,
    ProgressState,
    Prompt,
    Subject,
    TrainingRequest,
    WaitReason,
)
from avatars.ports import Provider
from avatars.provider import catalog
from avatars.provider.astria_reader import LONGEST_PAGE, AstriaReader
from avatars.provider.calls import CONNECT_TIMEOUT, READ_TIMEOUT, http_client
from avatars.provider.picsart import PicsartProvider
from avatars.provider.picsart_reader import PicsartReader
from avatars.settings import FIELDS, ProviderSettings
from local.simulator.running import RunningProvider, RunningSimulator
from tests.builders import a_picture
from tests.contract.conftest import KEY
from tests.contract.loopback import Exchange, Loopback, loopback
from tests.fakes import FakeClock, FakeCompany, FakeProvider

LINKS = tuple(f"https://photos.test/{number}.jpg?signature=5ec2e7" for number in range(1, 6))
PROMPTS = (Prompt("anime", 2, "at sea"), Prompt("realistic"))
TRAINING = TrainingRequest("a-job", LINKS, Subject.DOG)
READER = PicsartReader()
IMPATIENT = httpx.Timeout(5, read=1)


def settings(url: str, **changes: Any) -> ProviderSettings:
    names = {name: name for name in FIELDS} | {"photos": "images"}
    known = ProviderSettings(
        url, url, fields=names, result_origins=(), astria_url=url, astria_branch=""
    )
    return replace(known, **changes)


def avatars_of(model_id: str) -> InferenceRequest:
    return InferenceRequest(PROMPTS, Subject.WOMAN, model_id=model_id)


class TestTransport:
    """Which trouble proves that nothing arrived."""

    @staticmethod
    def provider(error: type[Exception]) -> PicsartProvider:
        def fail(request: httpx.Request) -> httpx.Response:
            raise error("trouble")

        http = httpx.Client(transport=httpx.MockTransport(fail))
        return PicsartProvider(settings("https://provider.test"), KEY, http)

    @pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
    def test_what_fails_before_the_connection_stands_was_not_sent(
        self, error: type[Exception]
    ) -> None:
        with pytest.raises(ProviderUnreachableError, match=error.__name__):
            self.provider(error).submit_training(TRAINING)

    @pytest.mark.parametrize(
        "error",
        [
            httpx.ReadTimeout,
            httpx.WriteTimeout,
            httpx.ReadError,
            httpx.WriteError,
            httpx.CloseError,
            httpx.RemoteProtocolError,
            httpx.DecodingError,
        ],
    )
    def test_after_that_nobody_can_tell(self, error: type[Exception]) -> None:
        with pytest.raises(OutcomeUnknownError, match=error.__name__):
            self.provider(error).submit_inference(avatars_of("m-1"))

    @pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.ReadError])
    def test_a_look_that_fails_is_a_look_without_an_answer(self, error: type[Exception]) -> None:
        answer = self.provider(error).check_training("m-1")

        assert answer == Answer(0, {}, error.__name__.encode())
        assert READER.training_progress(answer).state is ProgressState.UNAVAILABLE

    def test_the_client_sends_once_follows_nothing_and_trusts_no_proxy(self) -> None:
        with http_client() as http:
            assert http.timeout == httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT)
            assert not http.follow_redirects
            assert not http.trust_env


class TestWire:
    """Real sockets on this machine."""

    @pytest.fixture
    def host(self) -> Iterator[Loopback]:
        with loopback() as host:
            yield host

    @pytest.fixture
    def http(self) -> Iterator[httpx.Client]:
        with http_client() as http:
            yield http

    @staticmethod
    def submit(http: httpx.Client, url: str) -> Answer:
        return PicsartProvider(settings(url), KEY, http).submit_training(TRAINING)

    def test_a_refused_connection_was_not_sent(self, http: httpx.Client) -> None:
        with loopback() as gone:
            origin = gone.origin

        with pytest.raises(ProviderUnreachableError):
            self.submit(http, origin)

    def test_a_host_without_an_address_was_not_sent_to(self, http: httpx.Client) -> None:
        with pytest.raises(ProviderUnreachableError):
            self.submit(http, "http://provider.invalid")

    def test_a_host_that_speaks_no_tls_was_not_sent_to(
        self, http: httpx.Client, host: Loopback
    ) -> None:
        with pytest.raises(ProviderUnreachableError):
            self.submit(http, host.origin.replace("http:", "https:"))

        assert host.requests == []
        assert host.connections == 1

    def test_an_answer_that_does_not_come_in_time_is_unknown_and_asked_for_once(
        self, http: httpx.Client, host: Loopback
    ) -> None:
        def hold(exchange: Exchange) -> None:
            exchange.connection.recv(1)  # until the other side hangs up

        host.on("/avatars/models", hold)
        http.timeout = IMPATIENT

        with pytest.raises(OutcomeUnknownError, match="ReadTimeout"):
            self.submit(http, host.origin)

        assert host.requests == ["POST /avatars/models"]

    def test_a_connection_that_is_reset_is_unknown_and_not_opened_again(
        self, http: httpx.Client, host: Loopback
    ) -> None:
        def reset(exchange: Exchange) -> None:
            linger = struct.pack("ii", 1, 0)  # on, no seconds: closing sends a reset
            exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            exchange.connection.close()
            exchange.hang_up()

        host.on("/avatars/models", reset)

        with pytest.raises(OutcomeUnknownError):
            self.submit(http, host.origin)

        assert host.connections == 1

    def test_an_answer_that_breaks_off_is_unknown_and_asked_for_once(
        self, http: httpx.Client, host: Loopback
    ) -> None:
        host.on("/avatars/models", lambda exchange: exchange.answer(202, b"{", length=100))

        with pytest.raises(OutcomeUnknownError):
            self.submit(http, host.origin)

        assert host.requests == ["POST /avatars/models"]

    def test_a_redirect_is_not_followed_with_our_key(
        self, http: httpx.Client, host: Loopback
    ) -> None:
        elsewhere = host.on("/elsewhere", lambda exchange: exchange.answer(200))
        host.on("/avatars/models", lambda exchange: exchange.answer(307, Location=elsewhere))

        answer = self.submit(http, host.origin)

        assert answer.status_code == 307
        assert host.requests == ["POST /avatars/models"]

    def test_every_submission_has_a_connection_of_its_own(
        self, http: httpx.Client, host: Loopback
    ) -> None:
        # A kept one may have died unseen while the function was frozen.
        host.on(
            "/avatars/models",
            lambda exchange: exchange.answer(202, b"{}", Connection="keep-alive"),
        )

        for _ in range(2):
            self.submit(http, host.origin)

        assert host.connections == 2


@pytest.fixture
def provider(simulator: RunningSimulator) -> Iterator[PicsartProvider]:
    with http_client() as http:
        yield PicsartProvider(settings(simulator.api_url), KEY, http)


def training(links: list[str]) -> TrainingRequest:
    return TrainingRequest("a-job", tuple(links), Subject.WOMAN)


@pytest.fixture
def links() -> Iterator[list[str]]:
    with loopback() as host:
        yield [host.on(f"/{number}.jpg", photo(number)) for number in range(1, 6)]


def photo(number: int) -> Any:
    return lambda exchange: exchange.answer(200, a_picture(number), Content_Type="image/jpeg")


class TestBoth:
    """What the fake promises, too."""

    @pytest.fixture(params=["fake", "simulator"])
    def both(
        self, request: pytest.FixtureRequest, simulator: RunningSimulator, provider: PicsartProvider
    ) -> Any:
        """A provider for any key."""
        if request.param == "simulator":
            return lambda key: replace(provider, key=key)
        picsart = FakeCompany()
        picsart.key = KEY
        return lambda key: FakeProvider(picsart, key, catalog.capabilities("picsart-trained"))

    def test_every_training_is_a_model_of_its_own(self, both: Any, links: list[str]) -> None:
        answers = [both(KEY).submit_training(training(links)) for _ in range(2)]

        first, second = map(READER.training_id, answers)
        assert first != second

    def test_a_model_draws_once_it_is_trained(
        self, both: Any, links: list[str], clock: FakeClock
    ) -> None:
        model_id = READER.training_id(both(KEY).submit_training(training(links)))
        clock.move(1200)

        trained = READER.training_progress(both(KEY).check_training(model_id))
        inference_id = READER.inference_id(both(KEY).submit_inference(avatars_of(model_id)))
        drawing = READER.inference_progress(both(KEY).check_inference(model_id, inference_id))

        assert trained.state is ProgressState.READY
        assert drawing.state is ProgressState.RUNNING

    def test_another_key_is_refused_whatever_is_asked(self, both: Any, links: list[str]) -> None:
        answers = [
            both("another").submit_training(training(links)),
            both("another").check_training("m-1"),
            both("another").submit_inference(avatars_of("m-1")),
            both("another").check_inference("m-1", "i-1"),
            both("another").balance(),
        ]

        assert {answer.status_code for answer in answers} == {401}
        assert READER.trouble(answers[-1]) is WaitReason.KEY
        with pytest.raises(ProviderKeyRefusedError):
            READER.training_id(answers[0])

    def test_an_account_with_credits_is_in_no_trouble(self, both: Any) -> None:
        assert READER.trouble(both(KEY).balance()) is None


class TestSimulator:
    def test_an_account_without_credits_is_in_trouble(
        self, provider: PicsartProvider, simulator: RunningSimulator
    ) -> None:
        simulator.scenario(credits=0)

        assert READER.trouble(provider.balance()) is WaitReason.CREDITS

    def test_photos_become_a_model_and_the_model_avatars(
        self,
        provider: PicsartProvider,
        simulator: RunningSimulator,
        clock: FakeClock,
        links: list[str],
    ) -> None:
        model_id = READER.training_id(provider.submit_training(training(links)))
        early = READER.training_progress(provider.check_training(model_id))
        clock.move(1200)
        trained = READER.training_progress(provider.check_training(model_id))
        inference_id = READER.inference_id(provider.submit_inference(avatars_of(model_id)))
        clock.move(60)
        drawn = READER.inference_progress(provider.check_inference(model_id, inference_id))

        assert early.state is ProgressState.RUNNING
        assert trained.state is drawn.state is ProgressState.READY
        assert len(drawn.links) == 3
        assert all(str(link).startswith(simulator.results_origin) for link in drawn.links)

    @pytest.mark.parametrize("created", [True, False])
    @pytest.mark.parametrize(
        "fault",
        [
            {"what": "drop"},
            {"what": "answer", "status": 500},
            {"what": "answer", "status": 502, "body": "<html>Bad gateway</html>"},
            {"what": "answer", "status": 504},
            {"what": "answer", "status": 200, "body": "<html>Welcome</html>"},
        ],
        ids=["drop", "500", "502", "504", "HTML"],
    )
    def test_whatever_goes_wrong_a_training_is_asked_for_once(
        self,
        provider: PicsartProvider,
        simulator: RunningSimulator,
        links: list[str],
        fault: dict[str, Any],
        created: bool,
    ) -> None:
        simulator.scenario(faults=[fault | {"route": "start_training", "created": created}])

        with pytest.raises(OutcomeUnknownError):
            READER.training_id(provider.submit_training(training(links)))

        assert len(simulator.journal(route="start_training")) == 1
        assert len(simulator.journal(event="charge")) == int(created)

    @pytest.mark.parametrize("fault", [{"what": "delay", "seconds": 2}, {"what": "cut"}])
    def test_an_answer_that_is_late_or_cut_is_not_asked_for_again(
        self,
        provider: PicsartProvider,
        simulator: RunningSimulator,
        links: list[str],
        fault: dict[str, Any],
    ) -> None:
        simulator.scenario(faults=[fault | {"route": "start_training"}])
        provider.http.timeout = IMPATIENT

        with pytest.raises(OutcomeUnknownError):
            provider.submit_training(training(links))

        assert len(simulator.journal(route="start_training")) == 1
        assert len(simulator.journal(event="charge")) == 1

    @pytest.mark.parametrize("body", ["plain", "gateway"])
    def test_both_forms_of_too_many_requests_name_their_wait(
        self, provider: PicsartProvider, simulator: RunningSimulator, links: list[str], body: str
    ) -> None:
        simulator.scenario(rate_limit=1, quota_body=body, quota_retry_after=body == "gateway")
        provider.check_training("m-1")

        with pytest.raises(NotAcceptedError) as later:
            READER.training_id(provider.submit_training(training(links)))

        assert later.value.wait_seconds is not None
        assert 0 <= later.value.wait_seconds <= 60
        assert simulator.journal(event="charge") == []


Seen = list[tuple[Call, Answer]]


class TestDialects:
    """Both products of Picsart, however they speak: a model or an inference keeps its dialect."""

    @pytest.fixture(params=["picsart-trained", "picsart-instant"])
    def ordered(
        self,
        request: pytest.FixtureRequest,
        simulator: RunningSimulator,
        clock: FakeClock,
        links: list[str],
    ) -> Iterator[Callable[[], tuple[Progress, Seen]]]:
        """Orders three avatars: what came of it, and every answer on the way."""
        with http_client() as http:
            provider = catalog.connect(request.param, settings(simulator.api_url), KEY, http)

            def order() -> tuple[Progress, Seen]:
                seen: Seen = []
                model_id, wanted = None, InferenceRequest((Prompt("anime", 3),), Subject.WOMAN)
                if catalog.capabilities(request.param).trains:
                    seen.append((Call.SUBMIT_TRAINING, provider.submit_training(training(links))))
                    model_id = READER.training_id(seen[-1][1])
                    for seconds in (100, 1100, 0):
                        seen.append((Call.CHECK_TRAINING, provider.check_training(model_id)))
                        clock.move(seconds)
                photo = None if model_id else links[0]
                wanted = replace(wanted, model_id=model_id, photo_link=photo)
                seen.append((Call.SUBMIT_INFERENCE, provider.submit_inference(wanted)))
                inference_id = READER.inference_id(seen[-1][1])
                for seconds in (10, 50, 0):
                    answer = provider.check_inference(model_id, inference_id)
                    seen.append((Call.CHECK_INFERENCE, answer))
                    clock.move(seconds)
                seen.append((Call.BALANCE, provider.balance()))
                return READER.inference_progress(answer), seen

            yield order

    # The reader is shown every pair; what is on the wire does not depend on both.
    @pytest.mark.parametrize(
        ("shape", "vocabulary"),
        [
            ("urls", "guide"),
            ("url_objects", "2026"),
            ("data", "finished"),
            ("data_strings", "mixed"),
            ("list", "guide"),
        ],
    )
    def test_results_are_found_in_each_that_was_seen_and_none_is_drift(
        self,
        simulator: RunningSimulator,
        ordered: Callable[[], tuple[Progress, Seen]],
        shape: str,
        vocabulary: str,
    ) -> None:
        simulator.scenario(result_shape=shape, vocabulary=vocabulary)

        drawn, seen = ordered()

        assert (drawn.state, len(drawn.links)) == (ProgressState.READY, 3)
        assert drift_of(seen) == set()

    @pytest.mark.parametrize("code", [200, 202])
    def test_a_word_that_nobody_knows_is_told_and_waited_for(
        self,
        simulator: RunningSimulator,
        ordered: Callable[[], tuple[Progress, Seen]],
        code: int,
    ) -> None:
        simulator.scenario(vocabulary="unknown", pending_status=code)

        drawn, seen = ordered()

        assert drawn.state is ProgressState.READY
        assert drift_of(seen) == {Drift(DriftKind.UNKNOWN_WORD, 'status: "MARINATING"')}

    def test_a_shape_that_nobody_knows_is_told(
        self, simulator: RunningSimulator, ordered: Callable[[], tuple[Progress, Seen]]
    ) -> None:
        simulator.scenario(result_shape="unknown")

        drawn, seen = ordered()

        assert drawn.state is ProgressState.RUNNING
        [drift] = drift_of(seen)
        assert drift.kind is DriftKind.NEW_SHAPE
        assert "portfolio: [{href: text}]" in drift.shape

    @pytest.mark.parametrize(
        ("headers", "told"), [("missing", ": missing"), ("retyped", ": text"), ("sunset", "sunset")]
    )
    def test_headers_that_are_not_as_they_were_are_told_and_nothing_else_suffers(
        self,
        simulator: RunningSimulator,
        ordered: Callable[[], tuple[Progress, Seen]],
        headers: str,
        told: str,
    ) -> None:
        simulator.scenario(account_headers=headers)

        drawn, seen = ordered()

        assert drawn.state is ProgressState.READY
        found = drift_of(seen)
        assert {drift.kind for drift in found} == {DriftKind.CHANGED_HEADER}
        assert all(told in drift.shape for drift in found)


def drift_of(seen: Seen) -> set[Drift]:
    return {drift for call, answer in seen for drift in READER.drift(call, answer)}


class TestAstria:
    """What the two products of Picsart would not show."""

    @pytest.fixture
    def astria(self, one_simulator: RunningSimulator) -> RunningProvider:
        one_simulator.astria.reset()
        return one_simulator.astria

    @pytest.fixture
    def tunes(self, astria: RunningProvider) -> Iterator[Provider]:
        with http_client() as http:
            where = settings(astria.api_url)
            yield catalog.connect("astria", where, astria.api_key, http)

    reader = AstriaReader()

    @pytest.mark.parametrize("status", [500, 504])
    def test_a_training_whose_answer_is_an_error_is_found_by_its_title_if_it_was_accepted(
        self, tunes: Provider, astria: RunningProvider, links: list[str], status: int
    ) -> None:
        fault = {"what": "answer", "status": status, "route": "start_training"}
        astria.scenario(faults=[fault | {"created": True}, fault])

        for title, times in (("accepted", 1), ("lost", 0)):
            request = TrainingRequest(title, tuple(links), Subject.WOMAN)
            with pytest.raises(TrainingOutcomeUnknownError):
                self.reader.training_id(tunes.submit_training(request))

            found = self.reader.found_training(tunes.find_training(title), title)

            assert (found is not None) == bool(times)

    def test_so_are_avatars_by_what_was_asked_for(
        self, tunes: Provider, astria: RunningProvider, clock: FakeClock, links: list[str]
    ) -> None:
        model_id = self.trained(tunes, clock, links)
        first = InferenceRequest((Prompt("anime", 8),), Subject.WOMAN, model_id, title="run 1")
        second = replace(first, title="run 2")
        inference_id = self.reader.inference_id(tunes.submit_inference(first))
        fault = {"what": "answer", "status": 504, "route": "start_inference", "created": True}
        astria.scenario(faults=[fault])
        with pytest.raises(OutcomeUnknownError):
            self.reader.inference_id(tunes.submit_inference(second))

        listed = tunes.find_inference(model_id)

        assert self.reader.found_inference(listed, first, ()) == inference_id
        found = self.reader.found_inference(listed, second, ())
        assert found not in (None, inference_id)

    def test_those_behind_a_page_of_newer_ones_are_not_taken_for_missing(
        self, tunes: Provider, clock: FakeClock, links: list[str]
    ) -> None:
        model_id = self.trained(tunes, clock, links)
        first = InferenceRequest((Prompt("anime", 1),), Subject.WOMAN, model_id, title="run 1")
        newer = [replace(first, title=f"newer {number}") for number in range(LONGEST_PAGE)]
        for request in (first, *newer):
            self.reader.inference_id(tunes.submit_inference(request))

        with pytest.raises(NotLookedUpError, match="may be older"):
            self.reader.found_inference(tunes.find_inference(model_id), first, ())

    def test_an_account_for_which_equal_orders_are_one_still_draws_both(
        self, tunes: Provider, astria: RunningProvider, clock: FakeClock, links: list[str]
    ) -> None:
        astria.scenario(idempotency=True)
        model_id = self.trained(tunes, clock, links)
        wanted = InferenceRequest((Prompt("anime", 8),), Subject.WOMAN, model_id, title="run 1")

        ids = [
            self.reader.inference_id(tunes.submit_inference(replace(wanted, title=title)))
            for title in ("run 1", "run 1", "run 2")
        ]

        assert ids[0] == ids[1] != ids[2]

    def trained(self, tunes: Provider, clock: FakeClock, links: list[str]) -> str:
        model_id = self.reader.training_id(tunes.submit_training(training(links)))
        clock.move(1200)
        return model_id

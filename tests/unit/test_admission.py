"""Whose turn it is: limits, order, pauses; and nobody who died stands in the way."""

from dataclasses import replace

import pytest

from avatars.errors import (
    OutOfCreditsError,
    ProviderBusyError,
    ProviderKeyRefusedError,
    ProviderOutageError,
    ProviderUnreachableError,
)
from avatars.model import Answer, Gate, JobStatus, Leases, Sending, Stage, WaitReason
from avatars.pipeline.admission import TROUBLES
from avatars.pipeline.describing import describe_job
from avatars.pipeline.finishing import finish_job
from avatars.pipeline.submitting import SubmitReply
from avatars.pipeline.training import check_training, recover_training, start_training
from tests.builders import a_job, a_run, chosen
from tests.fakes import FakeServices, KilledError, answer
from tests.fakes.clock import NOON
from tests.fakes.services import ACCOUNT

PATIENCE = 86_400
NO_LOOKS = {"answered": 0, "not_found": 0}


@pytest.fixture
def services() -> FakeServices:
    """A provider that may train two models at once."""
    return FakeServices(most_at_once={Stage.TRAINING: 2, Stage.INFERENCE: 1})


def ready(services: FakeServices, *names: str) -> None:
    """Jobs whose photos were chosen one second after the other."""
    for second, name in enumerate(names):
        job = a_job(job_id=name, folder=name, chosen=chosen(range(1, 6)), chosen_at=NOON + second)
        services.jobs.create_job(job, a_run(job_id=name))


def start(services: FakeServices, name: str) -> SubmitReply:
    return start_training(services, name, 1)


def started(services: FakeServices, *names: str) -> list[str]:
    """Those of them that are under way now."""
    return [name for name in names if start(services, name)["status"] == "ACCEPTED"]


def trainings(services: FakeServices) -> int:
    return len(services.company.requests("submit_training"))


def kinds(services: FakeServices) -> list[str]:
    return [kind for kind, _ in services.notices.published]


class TestCapacity:
    def test_no_more_are_sent_than_may_be_under_way(self, services: FakeServices) -> None:
        ready(services, "A", "B", "C")

        assert started(services, "A", "B", "C") == ["A", "B"]
        assert trainings(services) == 2

    def test_who_waits_says_for_what_and_how_many_come_first(self, services: FakeServices) -> None:
        ready(services, "A", "B", "C", "D")
        for name in "ABCD":
            start(services, name)

        described = describe_job(services, services.jobs.job("D"))

        assert described["waiting"] == {
            "for": "PROVIDER_CAPACITY",
            "sentence": "It waits for its turn at the provider.",
            "since": NOON + 3,
            "ahead": 1,
        }
        assert describe_job(services, services.jobs.job("A"))["waiting"]["for"] == "MODEL"

    def test_the_place_of_a_model_that_is_trained_goes_to_the_one_who_is_next(
        self, services: FakeServices
    ) -> None:
        ready(services, "A", "B", "C", "D")
        for name in "ABCD":
            start(services, name)

        check_training(services, "A", 1, NO_LOOKS)

        assert started(services, "D", "C") == ["C"]

    def test_a_newcomer_does_not_go_before_those_who_wait(self, services: FakeServices) -> None:
        ready(services, "A", "B", "C", "D")
        for name in "ABC":
            start(services, name)
        check_training(services, "B", 1, NO_LOOKS)

        assert started(services, "D") == []
        assert started(services, "C") == ["C"]

    def test_who_has_not_asked_again_in_time_is_passed_over(self, services: FakeServices) -> None:
        ready(services, "A", "B", "C", "D")
        for name in "ABC":
            start(services, name)
        check_training(services, "B", 1, NO_LOOKS)
        services.clock.move(600)

        assert started(services, "D") == ["D"]

    @pytest.mark.parametrize("code", ["TrainingFailedError", "InternalError"])
    def test_a_job_that_ends_leaves_its_place_and_the_line(
        self, services: FakeServices, code: str
    ) -> None:
        ready(services, "A", "B", "C", "D")
        for name in "ABC":
            start(services, name)

        finish_job(services, "A", 1, {"Error": code, "Cause": "{}"})
        finish_job(services, "C", 1, {"Error": code, "Cause": "{}"})

        assert services.jobs.waiting_runs(ACCOUNT, Stage.TRAINING, 10) == []
        assert started(services, "D") == ["D"]

    def test_the_place_of_a_holder_who_died_is_free_when_its_lease_runs_out(
        self, services: FakeServices
    ) -> None:
        ready(services, "A", "B", "C")
        for name in "AB":
            services.effects.after("write leases", services.effects.kill)
            with pytest.raises(KilledError):
                start(services, name)
            services.effects.revive()

        early = started(services, "C")
        services.clock.move(3600 + 1000)

        assert early == []
        assert started(services, "C") == ["C"]

    def test_a_holder_who_died_before_sending_has_its_place_still(
        self, services: FakeServices
    ) -> None:
        ready(services, "A")
        services.effects.after("write leases", services.effects.kill)
        with pytest.raises(KilledError):
            start(services, "A")
        services.effects.revive()

        assert started(services, "A") == ["A"]
        assert services.capacity(ACCOUNT).leases(Stage.TRAINING).holders.keys() == {"A-1"}

    def test_of_two_who_are_next_at_once_one_waits(self, services: FakeServices) -> None:
        ready(services, "A", "B", "C")
        start(services, "A")
        services.effects.before("write leases", lambda: start(services, "C"))

        replies = start(services, "B")

        assert replies["status"] == "WAITING"
        assert trainings(services) == 2

    def test_waits_grow_with_the_line_but_never_beyond_a_quarter_of_an_hour(
        self, services: FakeServices
    ) -> None:
        names = [f"J{number:03}" for number in range(40)]
        ready(services, *names)
        started(services, *names[:2])

        waits = [start(services, name)["wait_seconds"] for name in names[2:]]

        assert 150 <= waits[0] <= 165
        assert 900 <= waits[-1] <= max(waits) <= 990

    def test_who_does_not_come_forward_asks_ever_more_rarely(self, services: FakeServices) -> None:
        ready(services, "A", "B", "C")
        hold(services, "A-1", "B-1")
        services.settings = replace(
            services.settings,
            most_at_once={Stage.TRAINING: 2, Stage.INFERENCE: 1},
            looks={Stage.TRAINING: {"advised": 60}, Stage.INFERENCE: {}},
        )

        waits = [start(services, "C")["wait_seconds"] for _ in range(20)]

        assert 15 <= waits[0] <= 17
        assert 300 <= waits[-1] <= 330
        assert services.jobs.run("C", 1).waiting.stuck == 19

    def test_who_never_gets_a_turn_needs_a_person(self, services: FakeServices) -> None:
        ready(services, "A", "B", "C")
        started(services, "A", "B")
        services.clock.move(PATIENCE)
        hold(services, "A-1", "B-1")

        with pytest.raises(ProviderBusyError, match="nothing was paid"):
            start(services, "C")

    def test_the_stages_have_places_of_their_own(self, services: FakeServices) -> None:
        ready(services, "A", "B")
        started(services, "A", "B")

        assert services.capacity(ACCOUNT).leases(Stage.INFERENCE).holders == {}


@pytest.mark.parametrize(
    ("refusal", "reason", "error"),
    [
        (answer(402, {"message": "Payment Required"}), WaitReason.CREDITS, OutOfCreditsError),
        (answer(401), WaitReason.KEY, ProviderKeyRefusedError),
        (answer(403), WaitReason.KEY, ProviderKeyRefusedError),
    ],
)
class TestPause:
    def test_nobody_sends_anything_any_more_and_the_alarm_rings_once(
        self, services: FakeServices, refusal: object, reason: WaitReason, error: type[Exception]
    ) -> None:
        ready(services, "A", "B", "C")
        services.company.will("submit_training", refusal)

        replies = [start(services, name) for name in "ABC"]

        assert [reply["status"] for reply in replies] == ["WAITING"] * 3
        assert trainings(services) == 1
        assert kinds(services) == ["ProviderPaused"]
        assert services.notices.published[0][1]["reason"] == reason
        assert describe_job(services, services.jobs.job("C"))["waiting"]["for"] == reason

    def test_they_go_on_by_themselves_when_it_is_over(
        self, services: FakeServices, refusal: object, reason: WaitReason, error: type[Exception]
    ) -> None:
        ready(services, "A", "B")
        services.company.will("submit_training", refusal)
        for name in "AB":
            start(services, name)
        services.clock.move(60)

        probing = start(services, "B")
        services.clock.move(probing["wait_seconds"])

        assert trainings(services) == 1
        assert started(services, "A", "B") == ["A", "B"]
        assert kinds(services) == ["ProviderPaused", "ProviderResumed"]

    def test_while_it_lasts_one_of_them_asks_and_it_costs_nothing(
        self, services: FakeServices, refusal: object, reason: WaitReason, error: type[Exception]
    ) -> None:
        ready(services, "A", "B")
        services.company.will("submit_training", refusal)
        services.company.will("balance", refusal)
        for name in "AB":
            start(services, name)
        services.clock.move(60)

        for name in "AB":
            start(services, name)

        assert len(services.company.requests("balance")) == 1
        assert services.capacity(ACCOUNT).gate().closed is reason

    def test_patience_ends_with_the_reason(
        self, services: FakeServices, refusal: object, reason: WaitReason, error: type[Exception]
    ) -> None:
        ready(services, "A")
        services.company.will("submit_training", refusal)
        start(services, "A")
        services.clock.move(PATIENCE)

        with pytest.raises(error, match="nothing was paid"):
            start(services, "A")

    def test_an_alarm_that_a_crash_swallowed_rings_later(
        self, services: FakeServices, refusal: object, reason: WaitReason, error: type[Exception]
    ) -> None:
        ready(services, "A")
        services.company.will("submit_training", refusal)
        services.effects.before("publish notice", services.effects.kill)
        with pytest.raises(KilledError):
            start(services, "A")
        services.effects.revive()

        recover_training(services, "A", 1, "Runtime.ExitError")
        start(services, "A")

        assert kinds(services) == ["ProviderPaused"]


def test_an_account_without_credits_is_paused_until_it_has_some(services: FakeServices) -> None:
    ready(services, "A")
    services.company.will("submit_training", answer(402))
    services.company.will("balance", answer(200, {"credits": 0}), answer(404))
    start(services, "A")

    services.clock.move(60)
    start(services, "A")
    still = services.capacity(ACCOUNT).gate().closed
    services.clock.move(60)
    services.clock.move(start(services, "A")["wait_seconds"])

    assert still is WaitReason.CREDITS
    assert started(services, "A") == ["A"]


class TestTroubleThatAProbeDoesNotSee:
    """The account answers as on a good day, and the next request is refused as before."""

    @staticmethod
    def go_on(services: FakeServices, seconds: int) -> None:
        end = services.clock.now() + seconds
        while services.clock.now() < end:
            services.clock.move(start(services, "A")["wait_seconds"])

    @pytest.mark.parametrize("refusal", [answer(402), answer(401)])
    def test_it_rings_once_however_often_it_is_met(
        self, services: FakeServices, refusal: Answer
    ) -> None:
        ready(services, "A")
        services.company.will("submit_training", *[refusal] * 100)

        self.go_on(services, 3600)

        assert trainings(services) > 3
        assert kinds(services) == ["ProviderPaused"]

    def test_it_is_asked_about_ever_more_rarely(self, services: FakeServices) -> None:
        ready(services, "A")
        services.company.will("submit_training", *[answer(402)] * 100)

        self.go_on(services, 3600)
        early = trainings(services)
        self.go_on(services, 3600)

        assert trainings(services) - early <= 3600 / 300
        assert early < 3600 / 120

    def test_its_end_is_told_once_a_request_was_taken(self, services: FakeServices) -> None:
        ready(services, "A", "B")
        services.company.will("submit_training", *[answer(402)] * 3)

        self.go_on(services, 600)
        during = kinds(services)
        services.clock.move(60)
        started(services, "B")

        assert start(services, "A")["status"] == "ACCEPTED"
        assert during == kinds(services) == ["ProviderPaused", "ProviderResumed"]

    def test_being_busy_in_between_is_not_its_end(self, services: FakeServices) -> None:
        ready(services, "A")
        busy, refused = answer(429, retry_after="30"), answer(402)
        services.company.will("submit_training", refused, busy, refused, busy, refused)

        self.go_on(services, 3600)

        assert start(services, "A")["status"] == "ACCEPTED"
        assert kinds(services) == ["ProviderPaused", "ProviderResumed"]
        assert [notice["reason"] for _, notice in services.notices.published] == [
            WaitReason.CREDITS,
            WaitReason.CREDITS,
        ]

    def test_another_trouble_rings_anew(self, services: FakeServices) -> None:
        ready(services, "A")
        services.company.will("submit_training", answer(402), answer(401))

        self.go_on(services, 600)

        assert [(kind, notice["reason"]) for kind, notice in services.notices.published] == [
            ("ProviderPaused", WaitReason.CREDITS),
            ("ProviderPaused", WaitReason.KEY),
            ("ProviderResumed", WaitReason.KEY),
        ]

    @pytest.mark.parametrize("side", ["before", "after"])
    def test_an_end_whose_notice_a_crash_swallowed_is_told_with_the_next_request(
        self, services: FakeServices, side: str
    ) -> None:
        ready(services, "A", "B")
        services.company.will("submit_training", answer(402))
        start(services, "A")
        services.clock.move(60)
        services.clock.move(start(services, "A")["wait_seconds"])
        getattr(services.effects, side)("publish notice", services.effects.kill)
        with pytest.raises(KilledError):
            start(services, "A")
        services.effects.revive()

        started(services, "A", "B")

        assert {*kinds(services)} == {"ProviderPaused", "ProviderResumed"}
        assert services.capacity(ACCOUNT).gate().told


class TestOutage:
    def test_a_few_requests_that_meet_one_stop_all_others(self, services: FakeServices) -> None:
        ready(services, "A", "B", "C")
        unreachable = ProviderUnreachableError("refused")
        services.company.will("submit_training", *[unreachable] * TROUBLES)
        for name in "AB":
            start(services, name)
        services.clock.move(600)
        start(services, "A")

        reply = start(services, "C")

        assert reply["status"] == "WAITING"
        assert trainings(services) == TROUBLES
        assert services.capacity(ACCOUNT).gate().closed is WaitReason.OUTAGE
        assert kinds(services) == ["ProviderPaused"]

    def test_one_success_forgets_the_troubles_before(self, services: FakeServices) -> None:
        ready(services, "A", "B")
        services.company.will("submit_training", *[ProviderUnreachableError("refused")] * 2)
        for name in "AB":
            start(services, name)
        services.clock.move(60)

        started(services, "A", "B")

        assert services.capacity(ACCOUNT).gate() == replace(
            Gate(), version=services.capacity(ACCOUNT).gate().version
        )

    def test_it_is_over_when_the_provider_answers_again(self, services: FakeServices) -> None:
        ready(services, "A")
        self.closed(services)
        services.company.will("balance", answer(503), answer(0), answer(200))

        while services.capacity(ACCOUNT).gate().closed:
            services.clock.move(start(services, "A")["wait_seconds"])

        assert len(services.company.requests("balance")) == 3
        assert started(services, "A") == ["A"]
        assert kinds(services) == ["ProviderResumed"]

    def test_the_next_request_that_meets_one_closes_the_gate_again(
        self, services: FakeServices
    ) -> None:
        ready(services, "A", "B")
        self.closed(services)
        services.clock.move(start(services, "A")["wait_seconds"])
        services.company.will("submit_training", ProviderUnreachableError("refused"))

        start(services, "A")

        assert services.capacity(ACCOUNT).gate().closed is WaitReason.OUTAGE

    def test_patience_ends_with_the_reason(self, services: FakeServices) -> None:
        ready(services, "A")
        self.closed(services)
        services.company.will("balance", answer(503))
        services.clock.move(PATIENCE)

        with pytest.raises(ProviderOutageError, match="nothing was paid"):
            start(services, "A")

    @staticmethod
    def closed(services: FakeServices) -> None:
        services.capacity(ACCOUNT).change_gate(
            lambda gate: replace(gate, closed=WaitReason.OUTAGE, since=NOON, probe_at=NOON)
        )


class TestBusy:
    def test_too_many_requests_let_everybody_wait_as_long_as_asked(
        self, services: FakeServices
    ) -> None:
        ready(services, "A", "B")
        services.company.will("submit_training", answer(429, retry_after="120"))
        start(services, "A")

        services.clock.move(100)
        early = start(services, "B")
        services.clock.move(early["wait_seconds"])

        assert early["status"] == "WAITING"
        assert started(services, "A", "B") == ["A", "B"]
        assert kinds(services) == []

    def test_of_two_that_are_told_to_wait_the_longer_wait_holds(self) -> None:
        services = FakeServices()
        ready(services, "A", "B", "C")
        services.company.will("submit_training", answer(429, retry_after="600"))

        def be_told() -> None:
            start(services, "A")  # while B is on its way

        services.effects.before("submit training", be_told)
        services.company.will("submit_training", answer(429, retry_after="10"))
        start(services, "B")
        services.clock.move(60)

        assert start(services, "C")["status"] == "WAITING"
        assert len(services.company.requests("submit_training")) == 2


class TestResubmission:
    """Off unless the settings say otherwise; tests/unit/test_submitting.py has that."""

    @pytest.fixture
    def services(self) -> FakeServices:
        return FakeServices(resubmissions={Stage.TRAINING: 1, Stage.INFERENCE: 0})

    @pytest.mark.parametrize("lost", [answer(502), answer(200, b"<html>")])
    def test_a_request_whose_outcome_stays_unknown_is_sent_once_more(
        self, services: FakeServices, lost: object
    ) -> None:
        ready(services, "A")
        services.company.will("submit_training", lost)
        with pytest.raises(Exception, match="answered"):
            start(services, "A")

        services.clock.move(recover_training(services, "A", 1, "X")["wait_seconds"])

        assert started(services, "A") == ["A"]
        training = services.jobs.job("A").training
        assert training is not None
        assert (training.state, training.attempt, training.abandoned) == (Sending.ACCEPTED, 2, 1)

    def test_but_never_a_third_time(self, services: FakeServices) -> None:
        ready(services, "A")
        services.company.will("submit_training", answer(502), answer(502))
        with pytest.raises(Exception, match="answered 502"):
            start(services, "A")
        services.clock.move(recover_training(services, "A", 1, "X")["wait_seconds"])
        with pytest.raises(Exception, match="answered 502"):
            start(services, "A")

        with pytest.raises(Exception, match="answered 502"):
            recover_training(services, "A", 1, "X")

        assert trainings(services) == 2

    def test_a_job_that_ends_says_what_may_have_been_paid_for(self, services: FakeServices) -> None:
        ready(services, "A")
        services.company.will("submit_training", answer(502))
        with pytest.raises(Exception, match="answered 502"):
            start(services, "A")
        recover_training(services, "A", 1, "X")

        finish_job(services, "A", 1, {"Error": "ProviderRejectedError", "Cause": "{}"})

        job = services.jobs.job("A")
        assert (job.status, job.code) == (JobStatus.NEEDS_ATTENTION, "TRAINING_OUTCOME_UNKNOWN")


def hold(services: FakeServices, *runs: str) -> None:
    """They have leases that do not run out."""
    services.capacity(ACCOUNT).change_leases(
        Stage.TRAINING,
        lambda leases: replace(leases, holders=dict.fromkeys(runs, NOON + 10 * PATIENCE)),
    )


def test_leases_that_are_over_do_not_count() -> None:
    leases = Leases({"A-1": NOON, "B-1": NOON + 1})

    assert leases.alive(NOON) == {"B-1": NOON + 1}

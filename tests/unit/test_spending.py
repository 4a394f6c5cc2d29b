"""What may be spent: reserved before it is sent, settled afterwards, and never above a cap."""

from dataclasses import replace
from typing import Any

import pytest

from avatars.errors import (
    BadRequestError,
    InferenceOutcomeUnknownError,
    OutOfCreditsError,
    ProviderRejectedError,
    RunRefusedError,
    SpendCapError,
    TooExpensiveError,
    TrainingOutcomeUnknownError,
)
from avatars.model import (
    Answer,
    Job,
    JobStatus,
    Manifest,
    Prompt,
    Reserved,
    Spending,
    Stage,
    Subject,
    WaitReason,
)
from avatars.pipeline.collecting import collect_photos
from avatars.pipeline.describing import describe_job
from avatars.pipeline.erasing import STRAGGLERS, erase_again, erase_job
from avatars.pipeline.finishing import finish_job
from avatars.pipeline.inference import check_inference, start_inference
from avatars.pipeline.looking import no_looks
from avatars.pipeline.mending import enter_model_id
from avatars.pipeline.ordering import ask_more, order_job
from avatars.pipeline.running import begin_run
from avatars.pipeline.spending import BALANCE_AGE, DAYS_KEPT, LONGEST_WAIT
from avatars.pipeline.submitting import SubmitReply
from avatars.pipeline.training import recover_training, start_training
from avatars.settings import DAY, SpendingLimits
from tests.builders import (
    JOB_ID,
    a_job,
    a_picture,
    a_run,
    chosen,
    dropped,
    judged,
    ready_to_draw,
    stored,
)
from tests.fakes import FakeServices, KilledError, answer
from tests.fakes.clock import NOON
from tests.fakes.services import ACCOUNT

TODAY = NOON // DAY
REST_OF_DAY = (TODAY + 1) * DAY - NOON
PRICE = 50 + 4 * 5
"""Of a job: a training, and four avatars."""

MANIFEST = Manifest(Subject.WOMAN, (Prompt("realistic", 4),))
PHOTOS = {f"{number}.jpg": None for number in range(5)}


def services_with(*, per_day: int = 0, owner_per_day: int = 0, **changes: Any) -> FakeServices:
    """A provider that takes 50 credits for a training and 5 for an avatar."""
    limits = SpendingLimits(50, 5, per_day=per_day, owner_per_day=owner_per_day)
    return FakeServices(spending=limits, **changes)


def ready(services: FakeServices, name: str, owner: str = "alice") -> None:
    """A job whose photos are chosen now."""
    now = services.clock.now()
    job = a_job(
        job_id=name, owner=owner, folder=name, chosen=chosen(range(1, 6)), chosen_at=now,
        created_at=now,
    )  # fmt: skip
    services.jobs.create_job(job, a_run(job_id=name, started_at=now))


def train(services: FakeServices, name: str) -> SubmitReply:
    return start_training(services, name, 1)


def is_trained(services: FakeServices, name: str) -> None:
    def trained(job: Job) -> Job:
        return replace(job.forward(JobStatus.INFERRING), trained_at=services.clock.now())

    services.jobs.change_job(name, trained)


def fail(services: FakeServices, name: str, error: str = "InternalError") -> None:
    finish_job(services, name, 1, {"Error": error, "Cause": "{}"})


def account(services: FakeServices, owner: str | None = None) -> Spending:
    if owner is None:
        return services.capacity(ACCOUNT).spending()
    return services.owners.change_spending(owner, lambda known: known)


def reserved(services: FakeServices, owner: str | None = None) -> dict[str, int]:
    found = account(services, owner).reserved
    return {name: one.credits for name, one in found.items()}


class TestWithoutPrices:
    def test_nothing_is_written_read_or_asked(self) -> None:
        services = FakeServices()
        ready(services, "A")

        train(services, "A")
        is_trained(services, "A")
        start_inference(services, "A", 1)
        fail(services, "A")

        assert not [name for name in services.effects.names if "spending" in name]
        assert services.company.requests("balance") == []
        assert account(services) == Spending()


class TestReserve:
    def test_a_training_reserves_its_avatars_too(self) -> None:
        services = services_with(per_day=1000, owner_per_day=1000)
        ready(services, "A")
        services.effects.before("submit training", services.effects.kill)

        with pytest.raises(KilledError):
            train(services, "A")

        services.effects.revive()
        assert reserved(services) == {"A-1 training": 50, "A-1 inference": 20}
        assert reserved(services, "alice") == reserved(services)
        assert account(services).committed == PRICE

    def test_what_is_accepted_is_spent(self) -> None:
        services = services_with(per_day=1000)
        ready(services, "A")

        train(services, "A")
        after_training = account(services)
        is_trained(services, "A")
        start_inference(services, "A", 1)

        assert (after_training.spent, after_training.committed) == (50, PRICE)
        assert (account(services).spent, reserved(services)) == (PRICE, {})

    def test_a_step_that_is_repeated_reserves_and_spends_once(self) -> None:
        services = services_with(per_day=1000, owner_per_day=1000)
        ready(services, "A")
        services.effects.fail("sign links", RuntimeError("a bug"))
        with pytest.raises(RuntimeError):
            train(services, "A")
        recover_training(services, "A", 1, "RuntimeError")

        for _ in range(3):
            train(services, "A")

        assert account(services).committed == account(services, "alice").committed == PRICE

    def test_a_stack_without_a_cap_counts_what_is_spent(self) -> None:
        services = services_with()
        ready(services, "A")

        train(services, "A")

        assert account(services).committed == PRICE
        assert account(services, "alice") == Spending()

    def test_who_has_no_price_is_not_counted(self) -> None:
        services = services_with()
        services.settings = replace(
            services.settings, spending=SpendingLimits(50, 0, per_day=60, owner_per_day=0)
        )
        ready(services, "A")

        train(services, "A")

        assert (account(services).spent, reserved(services)) == (50, {})


class TestSeveral:
    """A run whose prompts are requests of their own."""

    def two_prompts(self, **limits: int) -> FakeServices:
        services = services_with(**limits)
        prompts = (Prompt("realistic", 2), Prompt("anime", 3))
        ready_to_draw(services, *prompts)
        return services

    def draw(self, services: FakeServices) -> SubmitReply:
        return start_inference(services, JOB_ID, 1)

    def look(self, services: FakeServices, word: str, *links: str) -> None:
        found = answer(200, {"status": word, "urls": list(links)})
        services.company.will("check_inference", found)
        check_inference(services, JOB_ID, 1, no_looks())

    def test_the_first_reserves_what_all_of_them_cost(self) -> None:
        services = self.two_prompts(per_day=100)

        self.draw(services)

        assert account(services).spent == 10
        assert reserved(services) == {f"{JOB_ID}-1 inference 2": 15}

    def test_each_is_spent_once_it_is_accepted(self) -> None:
        services = self.two_prompts(per_day=25, owner_per_day=25)
        self.draw(services)
        self.look(services, "DONE", "https://cdn.results.test/1.jpg")

        self.draw(services)

        for one in (account(services), account(services, "alice")):
            assert (one.spent, one.reserved) == (25, {})

    def test_another_photo_is_paid_for_again(self) -> None:
        services = self.two_prompts(per_day=100)
        self.draw(services)
        self.look(services, "IMAGE_NOT_VALID")

        self.draw(services)

        assert account(services).spent == 20
        assert reserved(services) == {f"{JOB_ID}-1 inference 2": 15}

    def test_another_photo_waits_where_the_day_has_no_room(self) -> None:
        services = self.two_prompts(per_day=30)
        self.draw(services)
        self.look(services, "IMAGE_NOT_VALID")

        reply = self.draw(services)

        assert reply["status"] == "WAITING"
        assert len(services.company.requests("submit_inference")) == 1

    def test_what_was_never_sent_is_free_at_the_end(self) -> None:
        services = self.two_prompts(per_day=100, owner_per_day=100)
        self.draw(services)

        fail(services, JOB_ID, "InferenceFailedError")

        for one in (account(services), account(services, "alice")):
            assert (one.spent, one.reserved) == (10, {})

    def test_what_is_in_doubt_at_the_end_goes_on_counting(self) -> None:
        services = self.two_prompts(per_day=100)
        self.draw(services)
        self.look(services, "DONE", "https://cdn.results.test/1.jpg")
        services.company.will("submit_inference", answer(504))
        with pytest.raises(InferenceOutcomeUnknownError):
            self.draw(services)

        for error in ("InferenceOutcomeUnknownError", "InternalError"):  # while others are kept
            fail(services, JOB_ID, error)

        assert account(services).spent == 10
        assert account(services).reserved == {
            f"{JOB_ID}-1 inference 2": Reserved(15, TODAY, in_doubt=True)
        }


class TestCap:
    def test_a_job_beyond_it_waits_and_says_why(self) -> None:
        services = services_with(per_day=2 * PRICE)
        for name in "ABC":
            ready(services, name)

        replies = [train(services, name)["status"] for name in "ABC"]

        waiting = describe_job(services, services.jobs.job("C"))["waiting"]
        assert replies == ["ACCEPTED", "ACCEPTED", "WAITING"]
        assert waiting["for"] == "SPEND_CAP"
        assert "spent" in waiting["sentence"]
        assert account(services).committed == 2 * PRICE

    def test_an_owner_has_one_and_others_are_not_held_up(self) -> None:
        services = services_with(owner_per_day=PRICE)
        for name, owner in (("A", "alice"), ("B", "alice"), ("C", "bob")):
            ready(services, name, owner)

        replies = [train(services, name)["status"] for name in "ABC"]

        assert replies == ["ACCEPTED", "WAITING", "ACCEPTED"]

    def test_who_waits_for_it_holds_no_place_and_stands_in_no_line(self) -> None:
        services = services_with(
            owner_per_day=PRICE, most_at_once={Stage.TRAINING: 2, Stage.INFERENCE: 1}
        )
        for name, owner in (("A", "alice"), ("B", "alice"), ("C", "alice"), ("D", "bob")):
            ready(services, name, owner)

        replies = [train(services, name)["status"] for name in "ABCD"]

        assert replies == ["ACCEPTED", "WAITING", "WAITING", "ACCEPTED"]
        assert services.jobs.waiting_runs(ACCOUNT, Stage.TRAINING, 10) == []

    def test_the_next_day_has_room_again(self) -> None:
        services = services_with(per_day=PRICE)
        ready(services, "A")
        services.clock.move(REST_OF_DAY - 600)
        ready(services, "B")
        train(services, "A")

        wait = train(services, "B")["wait_seconds"]
        services.clock.move(wait)

        assert 600 <= wait <= 660
        assert train(services, "B")["status"] == "ACCEPTED"
        assert account(services).committed == PRICE

    def test_looks_are_an_hour_apart_while_the_day_is_long(self) -> None:
        services = services_with(per_day=PRICE)
        ready(services, "A")
        ready(services, "B")
        train(services, "A")

        wait = train(services, "B")["wait_seconds"]

        assert REST_OF_DAY > 2 * LONGEST_WAIT
        assert LONGEST_WAIT <= wait <= 1.1 * LONGEST_WAIT

    def test_avatars_of_a_model_that_is_paid_for_come_on_the_next_day_whatever_is_spent_then(
        self,
    ) -> None:
        services = services_with(per_day=PRICE)
        ready(services, "A")
        train(services, "A")
        is_trained(services, "A")
        services.clock.move(DAY)
        ready(services, "B")
        train(services, "B")

        reply = start_inference(services, "A", 1)

        assert reply["status"] == "ACCEPTED"
        assert account(services).committed == PRICE
        assert reserved(services) == {"B-1 inference": 20}

    def test_patience_ends_with_a_remedy(self) -> None:
        services = services_with(per_day=PRICE, provider_patience=3000)
        ready(services, "A")
        ready(services, "B")
        train(services, "A")

        with pytest.raises(SpendCapError, match=r"nothing was paid.*raise SpendPerDay"):
            train(services, "B")
        fail(services, "B", "SpendCapError")

        job = services.jobs.job("B")
        assert (job.status, job.code) == (JobStatus.NEEDS_ATTENTION, "SPEND_CAP")
        assert account(services).committed == PRICE

    def test_a_clock_that_is_late_does_not_open_another_day(self) -> None:
        services = services_with(per_day=PRICE)
        services.clock.move(DAY)
        ready(services, "A")
        train(services, "A")
        services.clock.move(-600 - NOON % DAY)
        ready(services, "B")

        assert train(services, "B")["status"] == "WAITING"

    def test_more_avatars_count(self) -> None:
        services = services_with(per_day=PRICE)
        ready(services, "A")
        train(services, "A")
        is_trained(services, "A")
        start_inference(services, "A", 1)
        fail(services, "A", "InferenceFailedError")
        begun = begin_run(services, "A", "arn:another", prompts=[{"style": "realistic"}])

        reply = start_inference(services, "A", begun["run"])

        assert reply["status"] == "WAITING"
        assert account(services).committed == PRICE


class TestTooExpensive:
    @pytest.mark.parametrize("caps", [{"per_day": PRICE - 1}, {"owner_per_day": PRICE - 1}])
    def test_an_order_that_never_fits_is_refused_at_once(self, caps: dict[str, int]) -> None:
        services = services_with(**caps)

        with pytest.raises(BadRequestError, match=r"70 of the provider's credits, and 69 may be"):
            order_job(services, "alice", "summer", MANIFEST, PHOTOS)

        assert services.upload_bucket.versions == {}

    def test_one_that_just_fits_is_taken(self) -> None:
        services = services_with(per_day=PRICE, owner_per_day=PRICE)

        order_job(services, "alice", "summer", MANIFEST, PHOTOS)

    def test_a_dropped_folder_fails_before_anything_is_paid(self) -> None:
        services = services_with(per_day=PRICE - 1)
        upload = [dropped(services, f"{number}.jpg", a_picture(number)) for number in range(5)]
        for one in upload:
            judged(services, one)
        services.clock.move(100)
        job_id = upload[0].job_id

        with pytest.raises(TooExpensiveError, match="new folder"):
            collect_photos(services, job_id, 1)
        fail(services, job_id, "TooExpensiveError")

        assert services.jobs.job(job_id).code == "TOO_EXPENSIVE"
        assert services.jobs.job(job_id).status is JobStatus.FAILED
        assert services.company.sent == []

    def test_more_avatars_than_ever_fit_are_refused(self) -> None:
        services = services_with(per_day=PRICE)
        job = a_job(
            job_id="J" * 26, status=JobStatus.COMPLETED, model_id="m", trained_at=NOON,
            chosen=chosen(range(1, 6)), chosen_at=NOON,
        )  # fmt: skip
        stored(services, job, run=a_run(job_id=job.job_id, ended_at=NOON))

        with pytest.raises(TooExpensiveError, match="75 of the provider's credits"):
            ask_more(services, "alice", job.job_id, [Prompt("realistic", 15)])

    def test_a_cap_that_was_lowered_ends_who_waits(self) -> None:
        services = services_with(per_day=PRICE - 1)
        ready(services, "A")

        with pytest.raises(TooExpensiveError, match="raised"):
            train(services, "A")

        assert account(services) == Spending()


class TestSettle:
    def test_a_job_that_is_refused_gives_everything_back(self) -> None:
        services = services_with(per_day=1000, owner_per_day=1000)
        ready(services, "A")
        services.company.will("submit_training", answer(400))
        with pytest.raises(ProviderRejectedError):
            train(services, "A")

        fail(services, "A", "ProviderRejectedError")

        assert account(services).committed == account(services, "alice").committed == 0
        assert reserved(services) == reserved(services, "alice") == {}

    def test_while_it_may_be_sent_again_it_stays_reserved(self) -> None:
        services = services_with(per_day=PRICE)
        ready(services, "A")
        services.company.will("submit_training", answer(429, retry_after="5"))

        train(services, "A")
        waits = account(services).committed
        services.clock.move(60)
        train(services, "A")

        assert waits == account(services).committed == PRICE
        assert account(services).spent == 50

    def test_a_training_that_waits_beyond_midnight_counts_on_the_day_that_it_is_sent(self) -> None:
        services = services_with(per_day=PRICE)
        ready(services, "A")
        services.company.will("submit_training", answer(429, retry_after="5"))
        train(services, "A")
        services.clock.move(DAY)

        train(services, "A")
        ready(services, "B")

        assert train(services, "B")["status"] == "WAITING"
        assert account(services).committed == PRICE

    def test_a_failed_training_is_spent_and_its_avatars_are_not(self) -> None:
        services = services_with(per_day=1000)
        ready(services, "A")
        train(services, "A")

        fail(services, "A", "TrainingFailedError")

        assert (account(services).spent, reserved(services)) == (50, {})

    def test_an_unknown_outcome_counts_until_a_person_knows(self) -> None:
        services = services_with(per_day=PRICE, owner_per_day=PRICE)
        ready(services, "A")
        services.company.will("submit_training", answer(503))
        with pytest.raises(TrainingOutcomeUnknownError):
            train(services, "A")
        fail(services, "A", "TrainingOutcomeUnknownError")
        in_doubt = account(services)
        ready(services, "B")
        waits = train(services, "B")["status"]

        enter_model_id(services.jobs, "A", 1, "found")
        begin_run(services, "A", "arn:again", run=1)
        fail(services, "A", "TrainingFailedError")

        assert in_doubt.reserved == {"A-1 training": Reserved(50, TODAY, in_doubt=True)}
        assert waits == "WAITING"
        assert (account(services).spent, reserved(services)) == (50, {})
        assert (account(services, "alice").spent, reserved(services, "alice")) == (50, {})

    def test_what_is_in_doubt_is_not_kept_for_ever(self) -> None:
        services = services_with(per_day=1000)
        ready(services, "A")
        services.company.will("submit_training", answer(503))
        with pytest.raises(TrainingOutcomeUnknownError):
            train(services, "A")
        fail(services, "A", "TrainingOutcomeUnknownError")
        services.clock.move(DAY)
        ready(services, "B")

        train(services, "B")

        assert set(reserved(services)) == {"B-1 inference"}

    def test_what_somebody_who_died_has_left_is_forgotten_in_the_end(self) -> None:
        services = services_with(per_day=1000)
        ready(services, "A")
        services.effects.before("submit training", services.effects.kill)
        with pytest.raises(KilledError):
            train(services, "A")
        services.effects.revive()
        services.clock.move(DAYS_KEPT * DAY)
        ready(services, "B")

        train(services, "B")

        assert set(reserved(services)) == {"B-1 inference"}

    def test_who_is_allowed_a_second_training_may_pay_twice_and_both_count(self) -> None:
        services = services_with(per_day=2 * 50 + 20, resubmissions=dict.fromkeys(Stage, 1))
        ready(services, "A")
        services.company.will("submit_training", answer(503))
        with pytest.raises(TrainingOutcomeUnknownError):
            train(services, "A")

        recover_training(services, "A", 1, "TrainingOutcomeUnknownError")
        given_up = account(services)
        services.clock.move(60)
        train(services, "A")

        assert (given_up.spent, given_up.committed) == (50, PRICE)
        assert (account(services).spent, account(services).committed) == (100, 120)

    def test_a_second_training_that_does_not_fit_waits(self) -> None:
        services = services_with(per_day=PRICE, resubmissions=dict.fromkeys(Stage, 1))
        ready(services, "A")
        services.company.will("submit_training", answer(503))
        with pytest.raises(TrainingOutcomeUnknownError):
            train(services, "A")
        recover_training(services, "A", 1, "TrainingOutcomeUnknownError")
        services.clock.move(60)

        assert train(services, "A")["status"] == "WAITING"
        assert account(services).committed == PRICE

    @pytest.mark.parametrize("moment", ["read gate", "balance"], ids=["before", "after"])
    def test_a_job_that_ends_around_its_reservation_leaves_nothing_behind(
        self, moment: str
    ) -> None:
        services = services_with(per_day=1000, owner_per_day=1000)
        ready(services, "A")
        services.effects.before(moment, lambda: fail(services, "A"))

        with pytest.raises(RunRefusedError):
            train(services, "A")

        assert reserved(services) == reserved(services, "alice") == {}
        assert account(services).committed == 0

    def test_a_refusal_that_comes_after_the_end_takes_the_doubt_away(self) -> None:
        services = services_with(per_day=1000)
        ready(services, "A")
        services.company.will("submit_training", answer(429))
        services.effects.before("submit training", lambda: fail(services, "A"))

        train(services, "A")

        assert reserved(services) == {}
        assert account(services).committed == 0

    def test_of_an_erased_job_no_trace_is_left_but_the_sum(self) -> None:
        services = services_with(per_day=1000, owner_per_day=1000)
        ready(services, "J" * 26)
        services.company.will("submit_training", answer(503))
        with pytest.raises(TrainingOutcomeUnknownError):
            train(services, "J" * 26)

        erase_job(services, "alice", "J" * 26)
        while_it_may_come = reserved(services, "alice")
        services.clock.move(STRAGGLERS)
        erase_again(services, services.jobs.job("J" * 26))

        assert set(while_it_may_come) == {f"{'J' * 26}-1 training"}
        assert reserved(services) == reserved(services, "alice") == {}
        assert account(services).spent == account(services, "alice").spent == 50

    @pytest.mark.parametrize("prices", [(50, 5), (0, 0)])
    def test_an_owner_is_forgotten_also_where_owners_have_no_cap_any_more(
        self, prices: tuple[int, int]
    ) -> None:
        services = services_with(owner_per_day=1000)
        names = ["A" * 26, "B" * 26]
        for name in names:
            ready(services, name)
            train(services, name)
        services.settings = replace(
            services.settings, spending=SpendingLimits(*prices, per_day=0, owner_per_day=0)
        )
        for name in names:
            erase_job(services, "alice", name)
        services.clock.move(DAY)

        forgotten = [erase_again(services, services.jobs.job(name)) for name in names]

        assert forgotten == [True, True]
        assert account(services, "alice") == Spending()


class TestBalance:
    def test_it_is_asked_before_a_training_is_sent(self) -> None:
        services = services_with()
        ready(services, "A")

        train(services, "A")

        assert [one.call for one in services.company.sent] == ["balance", "submit_training"]

    def test_too_little_for_all_that_is_reserved_pauses_everybody_and_rings_once(self) -> None:
        services = services_with()
        for name in "ABC":
            ready(services, name)
        credits = (2 * PRICE - 1, 2 * PRICE - 1 - 50)
        services.company.will("balance", *(answer(200, {"credits": left}) for left in credits))

        replies = [train(services, name)["status"] for name in "ABC"]

        assert replies == ["ACCEPTED", "WAITING", "WAITING"]
        assert services.capacity(ACCOUNT).gate().closed is WaitReason.CREDITS
        assert [kind for kind, _ in services.notices.published] == ["ProviderPaused"]
        assert describe_job(services, services.jobs.job("B"))["waiting"]["for"] == "OUT_OF_CREDITS"

    def test_it_goes_on_when_there_is_enough_and_not_before(self) -> None:
        services = services_with()
        ready(services, "A")
        services.company.will("balance", *[answer(200, {"credits": PRICE - 1})] * 2)
        train(services, "A")
        services.clock.move(60)
        train(services, "A")
        still = services.capacity(ACCOUNT).gate().closed
        services.clock.move(60)

        services.clock.move(train(services, "A")["wait_seconds"])

        assert still is WaitReason.CREDITS
        assert train(services, "A")["status"] == "ACCEPTED"
        kinds = [kind for kind, _ in services.notices.published]
        assert kinds == ["ProviderPaused", "ProviderResumed"]

    def test_patience_ends_as_without_credits(self) -> None:
        services = services_with(provider_patience=10)
        ready(services, "A")
        services.company.will("balance", answer(200, {"credits": 1}))

        with pytest.raises(OutOfCreditsError, match="nothing was paid"):
            train(services, "A")

    @pytest.mark.parametrize(
        "reply",
        [answer(404), answer(500), answer(200, b"<html>"), answer(200, {"credits": "many"})],
    )
    def test_where_it_cannot_be_had_the_job_goes_on(self, reply: Answer) -> None:
        services = services_with()
        ready(services, "A")
        services.company.will("balance", reply)

        assert train(services, "A")["status"] == "ACCEPTED"

    def test_it_is_asked_once_a_minute_and_counted_down_meanwhile(self) -> None:
        services = services_with()
        services.company.will("balance", answer(200, {"credits": 3 * PRICE}))
        for name in "ABC":
            ready(services, name)

        for name in "ABC":
            train(services, name)
        asked = len(services.company.requests("balance"))
        services.clock.move(BALANCE_AGE)
        ready(services, "D")
        train(services, "D")

        assert (asked, len(services.company.requests("balance"))) == (1, 2)

    def test_one_that_no_longer_suffices_is_asked_for_again(self) -> None:
        services = services_with()
        services.company.will("balance", answer(200, {"credits": PRICE}))
        ready(services, "A")
        ready(services, "B")

        replies = [train(services, name)["status"] for name in "AB"]

        assert replies == ["ACCEPTED", "ACCEPTED"]
        assert len(services.company.requests("balance")) == 2

    def test_avatars_that_are_reserved_ask_nothing(self) -> None:
        services = services_with()
        ready(services, "A")
        train(services, "A")
        is_trained(services, "A")
        services.clock.move(DAY)

        start_inference(services, "A", 1)

        assert len(services.company.requests("balance")) == 1

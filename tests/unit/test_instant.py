"""Avatars from a photo: one request for each prompt, and the next best photo for one of no use."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from avatars import keys
from avatars.errors import (
    AvatarsMissingError,
    InferenceFailedError,
    OutcomeUnknownError,
    PhotosNotValidError,
    RunRefusedError,
)
from avatars.model import Answer, Inference, JobStatus, Prompt, Run, Sending, Stage
from avatars.pipeline.finishing import finish_job
from avatars.pipeline.inference import (
    SENDS_SECONDS,
    check_inference,
    recover_inference,
    start_inference,
)
from avatars.pipeline.keeping import keep_avatars
from avatars.pipeline.looking import LookReply, no_looks
from avatars.pipeline.submitting import SubmitReply
from avatars.pipeline.training import check_training, recover_training, start_training
from avatars.settings import SpendingLimits
from tests.builders import DAY, JOB_ID, a_photo, a_picture, an_inference, ready_to_draw
from tests.fakes import FakeServices, KilledError, answer
from tests.fakes.clock import NOON
from tests.whole_jobs import picture

REALISTIC, ANIME, CARTOON = Prompt("realistic", 2), Prompt("anime", 2), Prompt("cartoon")
RUNNING = answer(202, {"status": "IN_PROGRESS"})
NOT_VALID = answer(200, {"status": "IMAGE_NOT_VALID", "detail": "No face."})
FAILED = answer(200, {"status": "FAILED", "detail": "Prompt not allowed."})


@pytest.fixture
def services() -> FakeServices:
    """Three prompts and three photos."""
    services = FakeServices()
    ready_to_draw(services, REALISTIC, ANIME, CARTOON)
    return services


def start(services: FakeServices) -> SubmitReply:
    return start_inference(services, JOB_ID, 1)


def look(services: FakeServices) -> LookReply:
    return check_inference(services, JOB_ID, 1, no_looks())


def done(*names: object) -> Answer:
    links = [f"https://cdn.results.test/{name}.jpg" for name in names]
    return answer(200, {"status": "DONE", "urls": links})


def the_run(services: FakeServices) -> Run:
    run: Run = services.jobs.run(JOB_ID, 1)
    return run


def sent_photos(services: FakeServices) -> list[str]:
    """Which photo (`photo_id`) each request was made from."""
    requests = services.company.requests("submit_inference")
    return [one.arguments[0].photo_link.split("/")[-1].partition(".")[0] for one in requests]


def photo_ids(*numbers: int) -> list[str]:
    return [a_photo(number).photo_id for number in numbers]


def proven(services: FakeServices) -> None:
    """The avatars of the first prompt are announced, so its photo is of use."""
    start(services)
    services.company.will("check_inference", done("r1", "r2"))
    look(services)


def ordered(services: FakeServices) -> None:
    """The first prompt's avatars are there, and the others are asked for."""
    proven(services)
    assert start(services)["status"] == "ACCEPTED"


class TestRequests:
    def test_the_first_goes_alone_until_its_photo_is_proven(self, services: FakeServices) -> None:
        services.company.will("check_inference", RUNNING, done("r1", "r2"))

        first, repeated = start(services), start(services)
        early, ready = look(services), look(services)

        assert (first["status"], repeated["status"]) == ("ACCEPTED", "ACCEPTED")
        assert (early["status"], ready["status"]) == ("RUNNING", "ORDER")
        assert len(services.company.requests("submit_inference")) == 1

    def test_then_all_others_go_out_in_a_row(self, services: FakeServices) -> None:
        ordered(services)

        requests = services.company.requests("submit_inference")
        assert [one.arguments[0].prompts for one in requests] == [
            (REALISTIC,),
            (ANIME,),
            (CARTOON,),
        ]
        assert sent_photos(services) == photo_ids(1, 1, 1)
        assert len(set(the_run(services).inference_ids)) == 3
        assert all(one.arguments[0].model_id is None for one in requests)

    def test_a_prompt_of_many_avatars_is_split(self) -> None:
        services = FakeServices()
        ready_to_draw(services, Prompt("realistic", 23), ANIME)
        services.company.will("check_inference", done(*range(10)))

        start(services)
        look(services)
        reply = start(services)

        requests = services.company.requests("submit_inference")
        counts = [one.arguments[0].prompts[0].count for one in requests]
        assert reply["status"] == "ACCEPTED"
        assert counts == [10, 10, 3, 2]

    def test_each_has_a_title_of_its_own(self, services: FakeServices) -> None:
        ordered(services)

        requests = services.company.requests("submit_inference")
        titles = [one.arguments[0].title for one in requests]
        assert titles == [f"{JOB_ID}-1-{number}" for number in (1, 2, 3)]

    def test_the_job_is_inferring_from_the_first_one_on(self, services: FakeServices) -> None:
        start(services)

        assert services.jobs.job(JOB_ID).status is JobStatus.INFERRING

    def test_a_repetition_in_the_middle_sends_only_what_is_missing(
        self, services: FakeServices
    ) -> None:
        proven(services)
        services.effects.after("keep answer", services.effects.kill)
        with pytest.raises(KilledError):
            start(services)
        services.effects.revive()

        recovered = recover_inference(services, JOB_ID, 1, "Lambda.Unknown")
        last = start(services)

        assert (recovered["status"], last["status"]) == ("MORE", "ACCEPTED")
        assert len(services.company.requests("submit_inference")) == 3

    def test_one_that_is_refused_for_now_is_asked_for_again_and_those_before_are_not(
        self, services: FakeServices
    ) -> None:
        proven(services)
        services.company.will("submit_inference", answer(429, retry_after="30"))

        waiting = start(services)
        services.clock.move(waiting["wait_seconds"])
        again = start(services)

        assert (waiting["status"], again["status"]) == ("WAITING", "ACCEPTED")
        states = [one.submission and one.submission.state for one in the_run(services).inferences]
        assert states == [Sending.ACCEPTED] * 3
        assert len(services.company.requests("submit_inference")) == 4

    def test_who_has_no_time_for_the_next_one_leaves_it_to_its_next_call(
        self, services: FakeServices
    ) -> None:
        proven(services)
        services.effects.after("submit inference", lambda: services.clock.move(SENDS_SECONDS))

        reply = start(services)

        assert (reply["status"], reply["wait_seconds"]) == ("MORE", 0)
        assert len(services.company.requests("submit_inference")) == 2
        assert look(services)["status"] == "ORDER"
        assert start(services)["status"] == "ACCEPTED"
        assert len(services.company.requests("submit_inference")) == 3
        assert len(services.company.requests("check_inference")) == 1


class TestLooks:
    def test_they_stop_at_the_first_that_is_not_ready(self, services: FakeServices) -> None:
        ordered(services)
        services.company.will("check_inference", RUNNING)

        reply = look(services)

        looked_at = [one.arguments[1] for one in services.company.requests("check_inference")]
        assert (reply["status"], reply["batches"]) == ("RUNNING", 0)
        assert looked_at[1:] == [the_run(services).inference_ids[1]]

    def test_all_are_ready_once_the_last_one_is(self, services: FakeServices) -> None:
        ordered(services)
        services.company.will("check_inference", done("a1", "a2"), RUNNING, done("c1"))

        early, late = look(services), look(services)

        assert (early["status"], late["status"], late["batches"]) == ("RUNNING", "READY", 1)
        assert services.jobs.job(JOB_ID).status is JobStatus.KEEPING

    def test_those_of_one_do_not_count_for_the_next(self, services: FakeServices) -> None:
        ordered(services)
        services.company.will("check_inference", RUNNING, RUNNING, done("a1", "a2"), RUNNING)

        replies = [look(services)]
        replies += [check_inference(services, JOB_ID, 1, replies[-1]["looks"]) for _ in range(2)]

        assert [reply["looks"]["answered"] for reply in replies] == [1, 2, 1]

    def test_each_has_its_own_deadline(self, services: FakeServices) -> None:
        start(services)
        services.clock.move(3000)
        services.company.will("check_inference", done("r1", "r2"))
        look(services)
        start(services)
        start(services)
        services.clock.move(3000)
        services.company.will("check_inference", RUNNING)
        in_time = look(services)
        services.clock.move(600)
        services.company.will("check_inference", RUNNING)

        look(services)

        first, second, _ = the_run(services).inferences
        assert in_time["status"] == "RUNNING"
        assert (first.links, first.reason) == (2, None)
        assert f"{second.inference_id} was not ready in time" in (second.reason or "")

    def test_a_job_keeps_its_place_until_all_are_ready(self, services: FakeServices) -> None:
        def places() -> list[str]:
            return list(services.capacity("picsart").leases(Stage.INFERENCE).alive(NOON))

        ordered(services)
        held = places()
        services.company.will("check_inference", done("a1", "a2"), done("c1"))
        look(services)

        assert (held, places()) == ([f"{JOB_ID}-1"], [])


class TestKeeping:
    def test_avatars_stand_in_the_order_of_the_prompts(self, services: FakeServices) -> None:
        ordered(services)
        names = ("r1", "r2", "a1", "a2", "c1")
        kept(services, names, done("a1", "a2"), done("c1"))

        avatars = services.jobs.avatars(JOB_ID, 1)
        assert [avatar.style for avatar in avatars] == ["realistic"] * 2 + ["anime"] * 2 + [
            "cartoon"
        ]
        links = [link.rpartition("/")[2].partition(".")[0] for link in services.downloads.fetched]
        assert sorted(links) == sorted(names)
        assert all(avatar.status == "kept" for avatar in avatars)

    def test_a_short_answer_in_the_middle_leaves_holes_at_its_own_positions(
        self, services: FakeServices
    ) -> None:
        ordered(services)
        kept(services, ("r1", "r2", "a1", "c1"), done("a1"), done("c1"))

        statuses = [avatar.status for avatar in services.jobs.avatars(JOB_ID, 1)]
        assert statuses == ["kept", "kept", "kept", "missing", "kept"]

    def test_what_comes_beyond_the_order_moves_nobody(self, services: FakeServices) -> None:
        ordered(services)
        kept(services, ("r1", "r2", "a1", "a2", "c1"), done("a1", "a2", "a3"), done("c1", "c2"))

        assert len(services.jobs.avatars(JOB_ID, 1)) == 5
        assert not any("a3" in link or "c2" in link for link in services.downloads.fetched)

    def test_another_round_has_fresh_links_to_all(self, services: FakeServices) -> None:
        ordered(services)
        services.company.will("check_inference", done("a1", "a2"), done("c1"))
        look(services)
        services.jobs.change_run(JOB_ID, 1, Run.unannounced)
        services.clock.move(600)
        fresh = (done("r3", "r4"), done("a3", "a4"), done("c3"))
        services.company.will("check_inference", *fresh)

        reply = look(services)

        found = [services.answers.find(JOB_ID, keys.result_answer(1, n)) for n in range(3)]
        assert reply["status"] == "READY"
        assert found == [*fresh]
        assert the_run(services).links_expire_at == NOON + 2 * DAY


def kept(services: FakeServices, names: tuple[str, ...], *answers: Answer) -> None:
    """The other avatars are announced, and all of them kept."""
    pictures = {
        f"https://cdn.results.test/{name}.jpg": picture(number, side=32)
        for number, name in enumerate(names)
    }
    services.downloads.pictures |= pictures
    services.company.will("check_inference", *answers)
    assert look(services)["status"] == "READY"
    keep_avatars(services, JOB_ID, 1, 0)


class TestPhotoOfNoUse:
    def test_the_next_best_one_is_sent(self, services: FakeServices) -> None:
        start(services)
        fruitless = the_run(services).inference_ids
        services.company.will("check_inference", NOT_VALID)

        reply = look(services)
        again = start(services)

        first = the_run(services).inferences[0]
        assert (reply["status"], again["status"]) == ("ORDER", "ACCEPTED")
        assert sent_photos(services) == photo_ids(1, 2)
        assert services.jobs.job(JOB_ID).invalid_photos == (*photo_ids(1),)
        assert (first.photo_id, first.fruitless) == (*photo_ids(2), fruitless)
        assert first.inference_id not in fruitless

    def test_the_answer_to_each_request_is_kept(self, services: FakeServices) -> None:
        replies = [answer(202, {"inference_id": name}) for name in ("first", "second")]
        services.company.will("submit_inference", *replies)
        services.company.will("check_inference", NOT_VALID)

        start(services)
        look(services)
        start(services)

        found = [services.answers.find(JOB_ID, keys.inference_answer(1, 0, n)) for n in (1, 2)]
        assert found == replies

    def test_so_many_are_tried_and_then_the_job_fails_with_the_reason(self) -> None:
        services = FakeServices(photo_tries=2)
        ready_to_draw(services, REALISTIC)
        services.company.will("check_inference", *[NOT_VALID] * 3)
        start(services)
        look(services)
        start(services)

        for _ in range(2):  # whoever looks again is told the same
            with pytest.raises(PhotosNotValidError, match="No face"):
                look(services)

        assert sent_photos(services) == photo_ids(1, 2)

    def test_a_job_of_one_photo_has_no_other(self) -> None:
        services = FakeServices()
        ready_to_draw(services, REALISTIC, photos=1)
        services.company.will("check_inference", NOT_VALID)
        start(services)

        with pytest.raises(PhotosNotValidError, match="Upload other photos"):
            look(services)

    def test_what_the_other_prompts_have_is_not_asked_for_again(
        self, services: FakeServices
    ) -> None:
        ordered(services)
        services.company.will("check_inference", NOT_VALID)
        look(services)

        again = start(services)

        assert again["status"] == "ACCEPTED"
        assert sent_photos(services) == photo_ids(1, 1, 1, 2)
        last = services.company.requests("submit_inference")[-1].arguments[0]
        assert last.prompts == (ANIME,)

    def test_a_photo_that_two_requests_find_invalid_counts_once(
        self, services: FakeServices
    ) -> None:
        ordered(services)
        services.company.will("check_inference", NOT_VALID)
        look(services)
        start(services)
        services.company.will("check_inference", done("a1", "a2"), NOT_VALID)
        look(services)

        start(services)

        assert services.jobs.job(JOB_ID).invalid_photos == (*photo_ids(1),)
        assert sent_photos(services) == photo_ids(1, 1, 1, 2, 2)

    @pytest.mark.parametrize("row", ["job", "run"])
    @pytest.mark.parametrize("side", ["before", "after"])
    def test_a_crash_while_it_is_noted_is_healed_by_the_next_look(
        self, services: FakeServices, row: str, side: str
    ) -> None:
        start(services)
        services.company.will("check_inference", NOT_VALID, NOT_VALID)
        plan: Callable[..., None] = getattr(services.effects, side)
        plan(f"write {row}", services.effects.kill)
        with pytest.raises(KilledError):
            look(services)
        services.effects.revive()

        assert look(services)["status"] == "ORDER"
        start(services)
        assert services.jobs.job(JOB_ID).invalid_photos == (*photo_ids(1),)
        assert sent_photos(services) == photo_ids(1, 2)

    def test_a_failure_is_not_the_photos(self, services: FakeServices) -> None:
        start(services)
        services.company.will("check_inference", FAILED)

        with pytest.raises(InferenceFailedError, match=r"Prompt not allowed\.$"):
            look(services)

        assert services.jobs.job(JOB_ID).invalid_photos == ()

    def test_avatars_that_were_announced_outweigh_what_is_said_later(
        self, services: FakeServices
    ) -> None:
        ordered(services)
        services.company.will("check_inference", done("a1", "a2"), done("c1"))
        look(services)
        services.jobs.change_run(JOB_ID, 1, Run.unannounced)
        services.company.will("check_inference", NOT_VALID, RUNNING, answer(404))

        assert look(services)["status"] == "READY"
        assert services.jobs.job(JOB_ID).invalid_photos == ()


class TestExecutionOfAnOlderStateMachine:
    """One that began before an update trains in any case, and does not know of ORDER."""

    def test_it_passes_the_training_by_and_nothing_is_sent_or_noted(
        self, services: FakeServices
    ) -> None:
        before = services.jobs.job(JOB_ID)

        replies = [
            start_training(services, JOB_ID, 1),
            recover_training(services, JOB_ID, 1, "Lambda.Unknown"),
        ]
        ready = check_training(services, JOB_ID, 1, no_looks())

        through = {"status": "ACCEPTED", "accepted_id": None, "wait_seconds": 0}
        assert (replies, ready["status"]) == ([through, through], "READY")
        assert services.company.sent == []
        assert services.jobs.job(JOB_ID) == before
        assert start(services)["status"] == "ACCEPTED"

    def test_but_not_for_a_job_that_has_ended(self, services: FakeServices) -> None:
        services.jobs.change_job(JOB_ID, lambda job: replace(job, status=JobStatus.FAILED))

        with pytest.raises(RunRefusedError):
            start_training(services, JOB_ID, 1)

    def test_where_something_is_to_be_ordered_it_waits_before_it_looks_again(
        self, services: FakeServices
    ) -> None:
        start(services)
        services.company.will("check_inference", done("r1", "r2"))

        assert look(services)["wait_seconds"] == 10


class TestOneThatFails:
    """Of several: what the others bring is paid for, and kept."""

    @pytest.fixture
    def services(self) -> FakeServices:
        services = FakeServices(photo_tries=1)
        ready_to_draw(services, REALISTIC, ANIME, CARTOON)
        return services

    @staticmethod
    def ended(services: FakeServices) -> list[str | None]:
        """Why each avatar is missing once the run is over; None for one that is kept."""
        batches = look(services)["batches"]
        for name in ("r1", "r2", "a1", "a2", "c1"):
            services.downloads.pictures[f"https://cdn.results.test/{name}.jpg"] = a_picture()
        for batch in range(batches):
            keep_avatars(services, JOB_ID, 1, batch)
        with pytest.raises(AvatarsMissingError) as raised:
            finish_job(services, JOB_ID, 1)
        failure = {"Error": "AvatarsMissingError", "Cause": f'{{"errorMessage": "{raised.value}"}}'}
        finish_job(services, JOB_ID, 1, failure)
        return [avatar.reason for avatar in services.jobs.avatars(JOB_ID, 1)]

    def test_the_others_are_kept_and_its_own_positions_say_why(
        self, services: FakeServices
    ) -> None:
        ordered(services)
        services.company.will("check_inference", FAILED, done("c1"))

        reasons = self.ended(services)

        job = services.jobs.job(JOB_ID)
        why = "The provider could not make the avatars: Prompt not allowed."
        assert reasons == [None, None, why, why, None]
        assert (job.status, job.code) == (JobStatus.NEEDS_ATTENTION, "AVATARS_MISSING")
        assert job.reason == f"2 of 5 avatars are missing, at the positions 3, 4. {why} " + (
            "The others are kept."
        )

    def test_it_may_be_the_last_one(self, services: FakeServices) -> None:
        ordered(services)
        services.company.will("check_inference", done("a1", "a2"), FAILED)

        reasons = self.ended(services)

        assert reasons[:4] == [None] * 4
        assert "Prompt not allowed" in (services.jobs.job(JOB_ID).reason or "")

    def test_one_that_is_refused_at_once_stops_none_of_those_after_it(
        self, services: FakeServices
    ) -> None:
        proven(services)
        services.company.will("submit_inference", answer(422, {"detail": "No such style."}))

        reply = start(services)
        services.company.will("check_inference", done("c1"))
        reasons = self.ended(services)

        assert reply["status"] == "ACCEPTED"
        assert len(services.company.requests("submit_inference")) == 3
        assert [reason is None for reason in reasons] == [True, True, False, False, True]
        assert "No such style" in (reasons[2] or "")

    def test_without_a_photo_that_is_left_those_that_are_not_sent_yet_are_given_up(
        self, services: FakeServices
    ) -> None:
        ordered(services)
        services.company.will("check_inference", NOT_VALID, done("c1"))

        reasons = self.ended(services)

        assert [reason is None for reason in reasons] == [True, True, False, False, True]
        assert "No face" in (reasons[2] or "")

    def test_the_last_photo_may_be_lost_while_some_are_yet_to_be_sent(
        self, services: FakeServices
    ) -> None:
        proven(services)
        invalid = services.jobs.job(JOB_ID).chosen[0].photo_id
        services.jobs.change_job(JOB_ID, lambda job: replace(job, invalid_photos=(invalid,)))

        reply = start(services)
        self.ended(services)

        assert reply["status"] == "ACCEPTED"
        assert reply["wait_seconds"] >= 20  # another one may have been accepted just now
        assert len(services.company.requests("submit_inference")) == 1
        assert "found the photos unusable" in (services.jobs.job(JOB_ID).reason or "")

    def test_one_whose_outcome_stays_unknown_is_told_of_when_the_others_are_kept(
        self, services: FakeServices
    ) -> None:
        proven(services)
        services.company.will("submit_inference", answer(504))
        with pytest.raises(OutcomeUnknownError):
            start(services)

        replies = [recover_inference(services, JOB_ID, 1, "Lambda.Unknown"), start(services)]
        services.company.will("check_inference", done("c1"))
        reasons = self.ended(services)

        job = services.jobs.job(JOB_ID)
        assert [reply["status"] for reply in replies] == ["MORE", "ACCEPTED"]
        assert len(services.company.requests("submit_inference")) == 3
        assert [reason is None for reason in reasons] == [True, True, False, False, True]
        assert (job.status, job.code) == (JobStatus.NEEDS_ATTENTION, "INFERENCE_OUTCOME_UNKNOWN")

    def test_its_price_is_nobodys_any_more(self, services: FakeServices) -> None:
        services.settings = replace(services.settings, spending=SpendingLimits(0, 10, 0, 0))
        proven(services)
        services.company.will("submit_inference", answer(422))
        start(services)
        start(services)
        services.company.will("check_inference", done("c1"))

        self.ended(services)

        spending = services.capacity("picsart").spending()
        assert (spending.spent, spending.reserved) == (30, {})

    def test_where_nothing_comes_of_any_the_job_fails(self, services: FakeServices) -> None:
        services.jobs.change_run(JOB_ID, 1, lambda run: replace(run, inferences=three_of_a_model()))
        services.company.will("check_inference", *[FAILED] * 3)

        with pytest.raises(InferenceFailedError, match="Prompt not allowed"):
            look(services)

    def test_one_that_comes_late_is_kept_when_the_job_is_taken_up_again(
        self, services: FakeServices
    ) -> None:
        ordered(services)
        services.clock.move(4000)
        services.company.will("check_inference", RUNNING, done("c1"))
        self.ended(services)
        services.jobs.change_run(JOB_ID, 1, Run.unannounced)
        services.jobs.change_job(
            JOB_ID, lambda job: replace(job, status=JobStatus.INFERRING, code=None)
        )
        fresh = (done("r1", "r2"), done("a1", "a2"), done("c1"))
        services.company.will("check_inference", *fresh)

        start(services)
        look(services)
        keep_avatars(services, JOB_ID, 1, 0)

        assert finish_job(services, JOB_ID, 1)["status"] == JobStatus.COMPLETED
        assert len(services.company.requests("submit_inference")) == 3

    @pytest.mark.parametrize("row", ["job", "run"])
    @pytest.mark.parametrize("side", ["before", "after"])
    def test_a_crash_while_it_is_noted_is_healed_by_the_next_look(
        self, services: FakeServices, row: str, side: str
    ) -> None:
        ordered(services)
        services.company.will("check_inference", done("a1", "a2"), RUNNING, FAILED, FAILED)
        look(services)
        plan: Callable[..., None] = getattr(services.effects, side)
        plan(f"write {row}", services.effects.kill)
        with pytest.raises(KilledError):
            look(services)
        services.effects.revive()

        assert look(services)["status"] == "READY"
        assert services.jobs.job(JOB_ID).status is JobStatus.KEEPING
        assert "Prompt not allowed" in (the_run(services).inferences[2].reason or "")


def three_of_a_model() -> tuple[Inference, ...]:
    """Requests that are accepted, one for each prompt."""
    return tuple(
        an_inference(avatars=prompt.count, prompt=place, inference_id=f"inference-{place}")
        for place, prompt in enumerate((REALISTIC, ANIME, CARTOON))
    )


def test_a_job_that_is_taken_up_again_goes_on_where_it_was(services: FakeServices) -> None:
    ordered(services)
    services.jobs.change_job(
        JOB_ID, lambda job: replace(job, status=JobStatus.NEEDS_ATTENTION, code="ANY")
    )
    services.jobs.change_job(JOB_ID, lambda job: replace(job, status=JobStatus.INFERRING))

    assert start(services)["status"] == "ACCEPTED"
    assert len(services.company.requests("submit_inference")) == 3

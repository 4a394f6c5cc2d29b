"""Whole jobs under every interleaving: late, lost and double events, crashes, a provider and an
operator who do whatever they like."""

from collections.abc import Callable
from contextlib import suppress
from itertools import count, pairwise
from typing import Any, ClassVar

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from avatars.errors import OutcomeUnknownError, ProviderUnreachableError
from avatars.model import Answer, Job, JobStatus, Manifest, PhotoStatus, Prompt, Subject
from avatars.settings import DAY, SpendingLimits
from tests.builders import JOB_ID, PREFIX
from tests.fakes import Effects, FakeJobs, answer
from tests.fakes.clock import NOON
from tests.fakes.services import ASTRIA, INSTANT
from tests.region import Region
from tests.whole_jobs import (
    NOT_ACCEPTED,
    AstriaStudio,
    InstantStudio,
    Studio,
    accounts,
    fails,
    is_killed,
    is_refused,
    it_ended_well_or_says_why,
    no_cap_is_exceeded,
    no_id_is_lost,
    nothing_is_paid_for_twice,
    nothing_stays_reserved,
    picture,
    repeating_changes_nothing,
    surroundings,
    the_job,
)

pytestmark = pytest.mark.usefixtures("no_logs")

GOOD_FILES = [f"{number}.jpg" for number in range(7)]
OTHER_FILES = {
    "empty.jpg": b"",
    "text.jpg": b"not a picture",
    "broken.jpg": picture(9)[:900],
    "job.json": b'{"photos": 5}',
    "start": b"",
}

SUBMIT_REPLIES: list[Answer | Exception] = [
    ProviderUnreachableError("refused"),
    OutcomeUnknownError("timeout"),
    *map(answer, NOT_ACCEPTED),
    answer(429, retry_after="5"),
    *(answer(status) for status in (200, 202, 302, 408, 500, 503)),
    answer(202, b"<html>"),
]
LOOK_REPLIES: list[Answer | Exception] = [
    Answer(0, {}, b"ReadTimeout"),
    *(answer(status) for status in (401, 404, 429, 500)),
    answer(200, b"<html>"),
    *(answer(200, {"status": word}) for word in ("PENDING", "SIDEWAYS", "FAILED", "DONE")),
    answer(200, {"status": "FAILED", "reason": "photos not valid"}),
]
Saying = tuple[str, Answer | Exception]
REPLIES: dict[str, list[Answer | Exception]] = {
    "submit_training": SUBMIT_REPLIES,
    "submit_inference": SUBMIT_REPLIES,
    "check_training": LOOK_REPLIES,
    "check_inference": LOOK_REPLIES,
    "balance": [*map(answer, (401, 402, 429, 500)), answer(200, {"credits": 0})],
}
STEPS = ["start_training", "check_training", "start_inference", "check_inference", "finish_job"]
TROUBLES: list[tuple[str, float | None]] = [
    ("Lambda.TooManyRequestsException", None),
    *(("Lambda.ServiceException", after) for after in (None, 0, 5, 100)),
]

numbers = st.integers(0, 30)
moments = st.integers(0, 60)
seconds = st.sampled_from([1, 30, 70, 200, 400, 1000, 3600])
delays = st.sampled_from([[0], [0], [0], [20], [2000], [0, 0], [200, 0], []])
"""Of one event: [] loses it, two deliver it twice."""
sayings = st.sampled_from([(call, reply) for call in REPLIES for reply in REPLIES[call]])


LIMITS = SpendingLimits(training_price=50, avatar_price=5, per_day=120, owner_per_day=110)
"""Room on a day for a job or two of some avatars."""


class WatchedJobs(FakeJobs):
    """Remembers how the job stood after each change."""

    def __init__(self, effects: Effects) -> None:
        super().__init__(effects)
        self.stood: list[Job] = []

    def change_job(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        job = super().change_job(job_id, change)
        self.stood.append(job)
        return job


class WholeJobs(RuleBasedStateMachine):
    """One folder, and everything that may happen to it."""

    further_settings: ClassVar[dict[str, Any]] = {}
    provider: ClassVar[type[Studio]] = Studio

    @initialize(
        delays=st.lists(delays, min_size=5, max_size=5), sayings=st.lists(sayings, max_size=3)
    )
    def five_photos_are_dropped(self, delays: list[list[float]], sayings: list[Saying]) -> None:
        self.services = surroundings(
            self.provider, collect_seconds=1800, provider_patience=7200, **self.further_settings
        )
        self.jobs = self.services.jobs = WatchedJobs(self.services.effects)
        self.delays: dict[str, list[float]] = {}
        self.has_an_operator_acted = False
        self.names = count(1)
        self.region = Region(self.services).__enter__()
        self.region.deliveries = lambda function, event: self.delays.pop(function, [0])
        for number, delay in enumerate(delays):
            self.a_photo_arrives(GOOD_FILES[number], delay)
        for saying in sayings:
            self.the_provider_will_say(saying)

    @rule(file=st.sampled_from(GOOD_FILES), delays=delays)
    def a_photo_arrives(self, file: str, delays: list[float]) -> None:
        self._arrives(file, picture(GOOD_FILES.index(file)), delays)

    @rule(file=st.sampled_from(sorted(OTHER_FILES)), delays=delays)
    def something_else_arrives(self, file: str, delays: list[float]) -> None:
        self._arrives(file, OTHER_FILES[file], delays)

    @rule(delays=delays)
    def the_next_preparation_is_told_so(self, delays: list[float]) -> None:
        self.delays["judge_photo"] = delays

    @rule(number=numbers, delay=seconds)
    def an_event_comes_again(self, number: int, delay: float) -> None:
        if taken := self.region.taken:
            self.region.deliver(*taken[number % len(taken)], after=delay)

    @rule(delays=delays)
    def the_next_end_of_an_execution_is_told_so(self, delays: list[float]) -> None:
        self.delays["close_job"] = delays

    @rule(moment=moments, is_fatal=st.booleans())
    def something_goes_wrong(self, moment: int, is_fatal: bool) -> None:
        fault = is_killed if is_fatal else fails
        self.services.effects.at_moment(moment, lambda: fault(self.region))

    @rule(moment=moments, seconds=st.sampled_from([1, 20, 100, 200]))
    def something_is_slow(self, moment: int, seconds: float) -> None:
        def sleep() -> None:
            with suppress(RuntimeError):  # in a thread of its own, where no virtual time passes
                self.region.sleep(seconds)

        self.services.effects.at_moment(moment, sleep)

    @rule(step=st.sampled_from(STEPS), trouble=st.sampled_from(TROUBLES))
    def step_functions_loses_sight_of(self, step: str, trouble: tuple[str, float | None]) -> None:
        self.region.lose_sight(step, *trouble)

    @rule(saying=sayings)
    def the_provider_will_say(self, saying: Saying) -> None:
        self.services.company.will(*saying)

    @rule()
    def the_key_is_changed(self) -> None:
        self.services.rotate_key(f"key-{next(self.names)}")

    @rule()
    def all_links_die(self) -> None:
        self.services.downloads.pictures.clear()

    @rule(seconds=seconds)
    def time_passes(self, seconds: float) -> None:
        self.region.run(seconds)

    @rule()
    def so_much_time_passes_that_photos_are_chosen(self) -> None:
        self.region.run(70)

    @rule()
    def so_much_time_passes_that_a_job_may_end(self) -> None:
        self.region.run(450)

    @rule(more=st.booleans())
    def an_operator_starts_an_execution(self, more: bool) -> None:
        given = {"prompts": [{"style": "anime"}]} if more else {"run": self._run()}
        self.region.start({"job_id": JOB_ID} | given, f"by-hand-{next(self.names)}")
        self.has_an_operator_acted = True

    @precondition(lambda self: self._has_job() and the_job(self.region).status.ended)
    @rule(seconds=seconds)
    def an_owner_wants_more_avatars(self, seconds: float) -> None:
        self.an_operator_starts_an_execution(more=True)
        self.region.run(seconds)

    @rule(number=numbers)
    def an_operator_redrives_an_execution(self, number: int) -> None:
        if executions := [*self.region.executions]:
            self.region.redrive(executions[number % len(executions)])
            self.has_an_operator_acted = True

    @rule(number=numbers)
    def an_operator_aborts_an_execution(self, number: int) -> None:
        if executions := [*self.region.executions]:
            self.region.abort(executions[number % len(executions)])

    @invariant()
    def statuses_only_move_forward(self) -> None:
        for earlier, later in pairwise(sorted(self.jobs.stood, key=lambda job: job.version)):
            is_open_again = earlier.status.ended and not later.status.ended
            if is_open_again or later.run != earlier.run:
                assert self.has_an_operator_acted
                assert later.run - earlier.run in (0, 1)
                assert earlier.status is JobStatus.NEEDS_ATTENTION or later.run > earlier.run
            else:
                assert earlier.status is later.status or earlier.status.comes_before(later.status)

    @invariant()
    def a_person_pays_once(self) -> None:
        if self._has_job():
            nothing_is_paid_for_twice(self.region)

    def teardown(self) -> None:
        """From now on every day is a good one."""
        self.services.effects.forget_plans()
        self.services.company.forget_plans()
        self.delays.clear()
        with self.region as region:
            region.run()
            self.statuses_only_move_forward()
            if self._has_job():
                nothing_is_paid_for_twice(region)
                no_id_is_lost(region)
                it_ended_well_or_says_why(region)
                nothing_stays_reserved(region)
                self._photos_got_what_they_deserve()
                repeating_changes_nothing(region)

    def _photos_got_what_they_deserve(self) -> None:
        with self.services.effects.unwatched():
            verdicts = {photo.file: photo for photo in self.jobs.photos(JOB_ID)}
        for file, photo in verdicts.items():
            if file in OTHER_FILES:
                assert photo.status in (PhotoStatus.REJECTED, PhotoStatus.LATE)
            elif photo.status is PhotoStatus.REJECTED:
                assert photo.code in ("gone", "withdrawn", "PREPARE_FAILED")
        good = {photo.photo_id for file, photo in verdicts.items() if file in GOOD_FILES}
        chosen = {choice.photo_id for choice in the_job(self.region).chosen}
        assert chosen <= good
        least = self.services.capabilities(the_job(self.region).provider).least_photos
        for request in self.services.company.requests("submit_training"):
            assert len(request.arguments[0].photo_links) == len(chosen) >= least
        for request in self.services.company.requests("submit_inference"):
            if link := request.arguments[0].photo_link:
                assert any(photo_id in link for photo_id in chosen)

    def _arrives(self, file: str, data: bytes, delays: list[float]) -> None:
        self.delays["prepare_photo"] = delays
        self.region.drop(PREFIX, {file: data})

    def _has_job(self) -> bool:
        with self.services.effects.unwatched():
            return self.jobs.find_job(JOB_ID) is not None

    def _run(self) -> int:
        return the_job(self.region).run if self._has_job() else 1


class CappedJobs(WholeJobs):
    """The same where the provider's prices are known, and little may be spent on a day."""

    further_settings: ClassVar[dict[str, Any]] = {"spending": LIMITS}

    @rule(credits=st.sampled_from([0, 50, 99, 1000]))
    def the_balance_will_be(self, credits: int) -> None:
        self.services.company.will("balance", answer(200, {"credits": credits}))

    @rule()
    def the_next_day_begins(self) -> None:
        self.region.run(DAY - self.services.clock.now() % DAY)

    @invariant()
    def no_cap_is_exceeded(self) -> None:
        if self._has_job():
            no_cap_is_exceeded(self.region)

    @invariant()
    def every_request_that_may_be_paid_for_counts(self) -> None:
        if not self._has_job() or self.services.clock.now() // DAY != NOON // DAY:
            return
        picsart = self.services.company
        trainings, inferences = (
            [one for one in picsart.requests(call) if not is_refused(one, picsart)]
            for call in ("submit_training", "submit_inference")
        )
        avatars = sum(prompt.count for one in inferences for prompt in one.arguments[0].prompts)
        paid = LIMITS.training_price * len(trainings) + LIMITS.avatar_price * avatars
        assert all(paid <= spending.committed for spending in accounts(self.region))


TWO_PROMPTS = Manifest(Subject.WOMAN, (Prompt("realistic", 2), Prompt("anime")))


class InstantJobs(WholeJobs):
    """The same where avatars come from a photo, each prompt is a request, and the best photo is
    not valid."""

    further_settings: ClassVar[dict[str, Any]] = {"provider": INSTANT, "default": TWO_PROMPTS}
    provider = InstantStudio


class AstriaJobs(WholeJobs):
    """The same where each prompt is a request, and what was lost can be looked up."""

    further_settings: ClassVar[dict[str, Any]] = {"provider": ASTRIA, "default": TWO_PROMPTS}
    provider = AstriaStudio


class TestFound:
    """What random sequences have found, in as few steps as show it."""

    def test_an_operator_takes_a_job_up_while_it_is_being_closed(self) -> None:
        story = a_story()
        story.an_operator_aborts_an_execution(number=0)
        story.services.effects.after("write job", lambda: story.region.sleep(1))
        story.an_operator_starts_an_execution(more=False)
        story.time_passes(seconds=1)

        story.an_operator_aborts_an_execution(number=1)

        story.teardown()

    def test_an_upload_whose_preparation_was_lost_is_judged_when_its_event_comes_again(
        self,
    ) -> None:
        story = a_story(delays=[[0], [], [0], [0], [0]])
        story.the_next_preparation_is_told_so(delays=[])
        story.time_passes(seconds=3600)
        before = len(story.jobs.photos(JOB_ID))

        for number in range(len(story.region.taken)):
            story.an_event_comes_again(number, delay=0)

        story.teardown()
        after = story.jobs.photos(JOB_ID)
        assert (before, len(after)) == (4, 5)
        assert "late" in {photo.status for photo in after}

    def test_an_event_comes_again_after_the_sweep_has_found_a_newer_upload(self) -> None:
        story = a_story(delays=[[], [0], [], [], []])
        story.a_photo_arrives("1.jpg", delays=[])
        story.time_passes(seconds=3600)

        story.an_event_comes_again(number=0, delay=0)

        story.teardown()

    def test_a_promise_is_kept_by_a_photo_of_no_use_while_a_good_one_is_not_judged(self) -> None:
        story = a_story(delays=[[], [0], [0], [0], [0]])
        story.something_else_arrives("empty.jpg", delays=[0])
        story.something_else_arrives("job.json", delays=[0])

        story.teardown()

        assert the_job(story.region).status is JobStatus.COMPLETED

    def test_a_step_comes_late_for_a_job_that_the_provider_has_refused(self) -> None:
        story = a_story()
        story.services.company.will("submit_training", answer(400))
        story.step_functions_loses_sight_of("start_training", ("Lambda.ServiceException", None))
        story.time_passes(seconds=3600)

        assert the_job(story.region).code == "PROVIDER_REJECTED"
        story.teardown()

    def test_a_job_is_closed_while_the_provider_takes_its_time_to_refuse_the_key(self) -> None:
        story = a_story()
        story.the_provider_will_say(("submit_training", answer(401)))
        story.services.effects.after("submit training", lambda: story.region.sleep(20))
        story.so_much_time_passes_that_photos_are_chosen()

        story.an_operator_aborts_an_execution(number=0)

        story.teardown()


def a_story(delays: list[list[float]] | None = None) -> WholeJobs:
    """One second after five photos were dropped."""
    story = WholeJobs()
    story.five_photos_are_dropped(delays or [[0]] * 5, sayings=[])
    story.time_passes(seconds=1)
    return story


TestInstantJobs = InstantJobs.TestCase
TestInstantJobs.settings = settings(max_examples=12, stateful_step_count=25)
TestAstriaJobs = AstriaJobs.TestCase
TestAstriaJobs.settings = settings(max_examples=20, stateful_step_count=25)
TestCappedJobs = CappedJobs.TestCase
TestCappedJobs.settings = settings(max_examples=40, stateful_step_count=25)
TestWholeJobs = WholeJobs.TestCase
TestWholeJobs.settings = settings(max_examples=150, stateful_step_count=25)

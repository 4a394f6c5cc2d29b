"""Submissions under every interleaving: crashes, duplicate callers, and answers of all kinds."""

from collections.abc import Callable
from contextlib import suppress

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from avatars import keys
from avatars.errors import JobError, OutcomeUnknownError, ProviderUnreachableError
from avatars.model import Answer, JobStatus
from avatars.pipeline.training import recover_training, start_training
from tests.builders import JOB_ID, ready_to_train
from tests.fakes import FakeServices, KilledError, Sent, answer
from tests.fakes.services import PICSART

NOT_ACCEPTED = [
    ProviderUnreachableError("refused"),
    *(answer(status) for status in (400, 401, 402, 403, 404, 405, 413, 415, 422, 429, 431)),
]
"""What proves that the provider has started nothing."""

UNKNOWN = [
    OutcomeUnknownError("timeout"),
    *(answer(status) for status in (200, 202, 302, 408, 500, 502, 503, 504)),
]

MOMENTS = st.sampled_from(range(27))
REPLIES = st.sampled_from(NOT_ACCEPTED) | st.sampled_from(UNKNOWN) | st.just(None)
TROUBLES = st.sampled_from(["Lambda.Unknown", "Lambda.ServiceException"])


class Submissions(RuleBasedStateMachine):
    """One training, many callers. Of their requests only the last may ever have been accepted."""

    @initialize()
    def five_photos_are_chosen(self) -> None:
        self.services = FakeServices()
        ready_to_train(self.services)

    @rule(reply=REPLIES)
    def start(self, reply: Answer | Exception | None) -> None:
        self._next_reply(reply)
        self._run(self._start)

    @rule(reply=REPLIES, moment=MOMENTS)
    def start_and_die(self, reply: Answer | Exception | None, moment: int) -> None:
        self._next_reply(reply)
        self.services.effects.at_moment(moment, self.services.effects.kill)
        self._run(self._start)

    @rule(first=REPLIES, second=REPLIES, moment=MOMENTS)
    def start_while_another_starts(
        self, first: Answer | Exception | None, second: Answer | Exception | None, moment: int
    ) -> None:
        self._next_reply(first)
        self._next_reply(second)
        self.services.effects.at_moment(moment, lambda: self._quietly(self._start))
        self._run(self._start)

    @rule(reply=REPLIES, moment=MOMENTS, trouble=TROUBLES)
    def start_while_another_recovers(
        self, reply: Answer | Exception | None, moment: int, trouble: str
    ) -> None:
        self._next_reply(reply)
        self.services.effects.at_moment(
            moment, lambda: self._quietly(lambda: self._recover(trouble))
        )
        self._run(self._start)

    @rule(first=st.sampled_from(NOT_ACCEPTED), second=REPLIES, moment=MOMENTS)
    def start_while_another_recovers_and_starts(
        self, first: Answer | Exception, second: Answer | Exception | None, moment: int
    ) -> None:
        def another() -> None:
            self._quietly(lambda: self._recover("Lambda.Unknown"))
            self._quietly(self._start)

        self._next_reply(first)
        self._next_reply(second)
        self.services.effects.at_moment(moment, another)
        self._run(self._start)

    @rule(trouble=TROUBLES)
    def recover(self, trouble: str) -> None:
        self._run(lambda: self._recover(trouble))

    @rule(moment=MOMENTS, trouble=TROUBLES)
    def recover_and_die(self, moment: int, trouble: str) -> None:
        self.services.effects.at_moment(moment, self.services.effects.kill)
        self._run(lambda: self._recover(trouble))

    @rule(seconds=st.integers(1, 4000))
    def wait(self, seconds: int) -> None:
        self.services.clock.move(seconds)

    @invariant()
    def nothing_is_sent_while_an_earlier_request_may_have_been_accepted(self) -> None:
        assert all(_proves_refusal(request) for request in self._requests()[:-1])

    @invariant()
    def a_model_in_the_table_is_the_one_that_the_provider_named(self) -> None:
        named = [_model_of(request) for request in self._requests()]
        model_id = self.services.jobs.job(JOB_ID).model_id
        assert model_id is None or model_id in named

    @invariant()
    def the_status_never_goes_back(self) -> None:
        status = self.services.jobs.job(JOB_ID).status
        assert status is (JobStatus.TRAINING if self._intended() else JobStatus.COLLECTING)

    @precondition(lambda self: any(map(_model_of, self._requests())))
    @rule()
    def a_model_whose_answer_was_kept_is_never_lost(self) -> None:
        submission = self.services.jobs.job(JOB_ID).training
        attempt = submission.attempt if submission else 0
        kept = self.services.answers.find(JOB_ID, keys.training_answer(attempt))

        self._run(lambda: self._recover("Lambda.Unknown"))

        if kept:
            assert self.services.jobs.job(JOB_ID).model_id == _model_of(self._requests()[-1])

    def _start(self) -> None:
        start_training(self.services, JOB_ID, 1)

    def _recover(self, trouble: str) -> None:
        recover_training(self.services, JOB_ID, 1, trouble)

    def _next_reply(self, reply: Answer | Exception | None) -> None:
        """None is a good day."""
        if reply is not None:
            self.services.company.will("submit_training", reply)

    def _run(self, step: Callable[[], None]) -> None:
        """One process after another: what was planned for one is not the next one's."""
        with suppress(KilledError):
            self._quietly(step)
        self.services.effects.revive()
        self.services.company.forget_plans()

    def _quietly(self, step: Callable[[], None]) -> None:
        """A refusal and an unknown outcome are answers, too."""
        with suppress(JobError):
            step()

    def _requests(self) -> list[Sent]:
        return self.services.company.requests("submit_training")

    def _intended(self) -> bool:
        return self.services.jobs.job(JOB_ID).training is not None


def _proves_refusal(request: Sent) -> bool:
    return request.reply in NOT_ACCEPTED


def _model_of(request: Sent) -> str | None:
    reply = request.reply
    if not isinstance(reply, Answer) or reply.status_code != 202 or not reply.body:
        return None
    return FakeServices().reader(PICSART).training_id(reply)


TestSubmissions = Submissions.TestCase
TestSubmissions.settings = settings(max_examples=300, stateful_step_count=8)

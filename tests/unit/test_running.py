"""Who may work on a run, and where the work begins."""

from typing import Any

import pytest

from avatars.errors import (
    BadManifestError,
    JobNotFoundError,
    RunRefusedError,
    TrainingOutcomeUnknownError,
)
from avatars.model import JobStatus, Prompt
from avatars.pipeline.collecting import collect_photos
from avatars.pipeline.erasing import STRAGGLERS, erase_job
from avatars.pipeline.finishing import close_job
from avatars.pipeline.running import SHORTEST_WAIT, BeginReply, begin_run
from avatars.pipeline.sweeping import sweep_jobs
from avatars.pipeline.training import start_training
from tests.builders import (
    DAY,
    EXECUTION,
    JOB_ID,
    OWNER,
    PROMPTS,
    a_job,
    a_run,
    a_submission,
    announce,
    chosen,
    ready_to_draw,
    ready_to_train,
    stored,
    trained,
    training,
)
from tests.fakes import FakeServices, LostConfirmationError
from tests.fakes.aws import execution_arn
from tests.fakes.clock import NOON
from tests.fakes.services import ASTRIA

BY_HAND = execution_arn("by-hand")
ANOTHER = execution_arn("another")


def begin(services: FakeServices, execution: str = EXECUTION) -> BeginReply:
    """The execution that the first upload starts."""
    services.executions.running.add(execution)
    return begin_run(services, JOB_ID, execution, run=1)


def more(
    services: FakeServices, execution: str = BY_HAND, prompts: list[object] | None = None
) -> BeginReply:
    """A person starts an execution for more avatars from the job's model."""
    services.executions.running.add(execution)
    return begin_run(services, JOB_ID, execution, prompts=prompts)


class TestClaim:
    def test_the_run_belongs_to_its_execution(self, services: FakeServices) -> None:
        stored(services, a_job(), run=a_run(execution=None))

        reply = begin(services)

        assert reply == {"run": 1, "begin_with": "COLLECT", "wait_seconds": SHORTEST_WAIT}
        assert services.jobs.run(JOB_ID, 1).execution == EXECUTION

    def test_the_same_execution_may_begin_again(self, services: FakeServices) -> None:
        stored(services, a_job(), run=a_run(execution=None))
        first = begin(services)

        assert begin(services) == first

    def test_a_second_execution_is_refused_while_the_first_runs(
        self, services: FakeServices
    ) -> None:
        stored(services, a_job(), run=a_run(execution=None))
        begin(services)

        with pytest.raises(RunRefusedError, match="Another execution"):
            begin(services, ANOTHER)

        assert services.jobs.run(JOB_ID, 1).execution == EXECUTION

    def test_of_two_that_claim_at_once_one_wins(self, services: FakeServices) -> None:
        stored(services, a_job(), run=a_run(execution=None))
        services.effects.before("write run", lambda: begin(services, ANOTHER))

        with pytest.raises(RunRefusedError):
            begin(services)

        assert services.jobs.run(JOB_ID, 1).execution == ANOTHER

    def test_a_dead_execution_can_be_taken_over(self, services: FakeServices) -> None:
        training(services)
        services.executions.end(EXECUTION)

        reply = begin(services, ANOTHER)

        assert reply == {"run": 1, "begin_with": "TRAIN", "wait_seconds": 0}
        assert services.jobs.run(JOB_ID, 1).execution == ANOTHER

    @pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED])
    def test_a_run_of_a_job_that_has_ended_is_not_begun_again(
        self, services: FakeServices, status: JobStatus
    ) -> None:
        stored(services, a_job(status=status))

        with pytest.raises(RunRefusedError, match=status):
            begin(services)

    def test_a_job_that_nobody_knows_is_not_begun(self, services: FakeServices) -> None:
        with pytest.raises(JobNotFoundError):
            begin(services)


class TestWhereToBegin:
    def test_a_new_job_collects(self, services: FakeServices) -> None:
        stored(services, a_job())

        assert begin(services)["begin_with"] == "COLLECT"

    def test_a_job_with_its_photos_chosen_trains(self, services: FakeServices) -> None:
        ready_to_train(services)

        assert begin(services)["begin_with"] == "TRAIN"

    def test_a_job_in_training_goes_on_training(self, services: FakeServices) -> None:
        training(services)

        assert begin(services)["begin_with"] == "TRAIN"

    def test_a_job_with_a_model_infers(self, services: FakeServices) -> None:
        trained(services)

        assert begin(services)["begin_with"] == "INFER"

    def test_a_job_whose_provider_trains_nothing_infers_once_its_photos_are_chosen(
        self, services: FakeServices
    ) -> None:
        ready_to_draw(services, *PROMPTS)

        assert begin(services)["begin_with"] == "INFER"


class TestTakenUpAgain:
    """A job that needed attention has got it."""

    def needs_attention(self, services: FakeServices, **changes: Any) -> None:
        job = a_job(status=JobStatus.NEEDS_ATTENTION, code="A_CODE", reason="A reason.", **changes)
        ended = a_run(status=JobStatus.NEEDS_ATTENTION, ended_at=NOON)
        stored(services, job, run=ended)
        services.clock.move(3600)

    @pytest.mark.parametrize(
        ("changes", "begin_with", "status"),
        [
            ({}, "COLLECT", JobStatus.COLLECTING),
            ({"chosen": chosen(range(1, 6))}, "TRAIN", JobStatus.TRAINING),
            (
                {"chosen": chosen(range(1, 6)), "model_id": "m-1", "trained_at": NOON},
                "INFER",
                JobStatus.INFERRING,
            ),
        ],
    )
    def test_it_goes_on_where_its_recorded_ids_say(
        self, services: FakeServices, changes: dict[str, Any], begin_with: str, status: JobStatus
    ) -> None:
        self.needs_attention(services, **changes)

        reply = begin(services, BY_HAND)

        job = services.jobs.job(JOB_ID)
        assert (reply["run"], reply["begin_with"]) == (1, begin_with)
        assert reply["wait_seconds"] == (SHORTEST_WAIT if begin_with == "COLLECT" else 0)
        assert (job.status, job.code, job.reason) == (status, None, None)

    def test_its_run_is_at_work_again_and_its_patience_begins_anew(
        self, services: FakeServices
    ) -> None:
        self.needs_attention(services)

        begin(services, BY_HAND)

        run = services.jobs.run(JOB_ID, 1)
        assert (run.execution, run.status, run.ended_at) == (BY_HAND, None, None)
        assert run.started_at == NOON + 3600

    def test_a_request_that_may_have_been_accepted_is_still_not_sent_again(
        self, services: FakeServices
    ) -> None:
        self.needs_attention(services, chosen=chosen(range(1, 6)), training=a_submission())
        begin(services, BY_HAND)

        with pytest.raises(TrainingOutcomeUnknownError):
            start_training(services, JOB_ID, 1)

        assert services.company.sent == []

    def test_the_execution_that_failed_may_be_redriven_and_closed_again(
        self, services: FakeServices
    ) -> None:
        self.needs_attention(services)
        begin(services, EXECUTION)
        services.executions.end(EXECUTION, "ABORTED")

        close_job(services, JOB_ID, EXECUTION, "ABORTED")

        assert services.jobs.job(JOB_ID).status is JobStatus.NEEDS_ATTENTION

    def test_two_at_once_are_one_too_many(self, services: FakeServices) -> None:
        self.needs_attention(services)
        begin(services, BY_HAND)

        with pytest.raises(RunRefusedError):
            begin(services, ANOTHER)


class TestMoreFromTheSameModel:
    def test_a_completed_job_gets_a_further_run_with_the_same_prompts(
        self, services: FakeServices
    ) -> None:
        trained(services, status=JobStatus.COMPLETED)

        reply = more(services)

        job, run = services.jobs.job(JOB_ID), services.jobs.run(JOB_ID, 2)
        assert reply == {"run": 2, "begin_with": "INFER", "wait_seconds": 0}
        assert (job.run, job.status) == (2, JobStatus.INFERRING)
        assert (run.prompts, run.execution) == (PROMPTS, BY_HAND)
        assert run.started_at == services.clock.now()

    def test_it_may_have_prompts_of_its_own(self, services: FakeServices) -> None:
        trained(services, status=JobStatus.COMPLETED)

        more(services, prompts=[{"style": "realistic", "count": 2, "prompt": "at sea"}])

        assert services.jobs.run(JOB_ID, 2).prompts == (Prompt("realistic", 2, "at sea"),)

    @pytest.mark.parametrize("prompts", [[], [{"style": ""}], [{"style": "anime", "count": 0}]])
    def test_its_prompts_are_checked_before_anything_happens(
        self, services: FakeServices, prompts: list[object]
    ) -> None:
        trained(services, status=JobStatus.COMPLETED)

        with pytest.raises(BadManifestError):
            more(services, prompts=prompts)

        assert services.jobs.job(JOB_ID).run == 1

    def test_its_inference_is_its_own(self, services: FakeServices) -> None:
        trained(services, status=JobStatus.COMPLETED)
        announce(services)

        more(services)

        run = services.jobs.run(JOB_ID, 2)
        assert (run.inferences, run.links) == ((), 0)

    def test_a_job_that_needed_attention_over_its_avatars_can_go_on(
        self, services: FakeServices
    ) -> None:
        trained(services, status=JobStatus.NEEDS_ATTENTION, code="AVATARS_MISSING", reason="Some.")

        more(services)

        job = services.jobs.job(JOB_ID)
        assert (job.status, job.code, job.reason) == (JobStatus.INFERRING, None, None)

    def test_a_model_that_was_overdue_is_waited_for_first(self, services: FakeServices) -> None:
        trained(services, status=JobStatus.NEEDS_ATTENTION, trained_at=None)

        assert more(services) == {"run": 2, "begin_with": "TRAIN", "wait_seconds": 0}
        assert services.jobs.job(JOB_ID).status is JobStatus.TRAINING

    def test_a_job_without_a_model_says_what_to_do(self, services: FakeServices) -> None:
        stored(services, a_job(status=JobStatus.FAILED))

        with pytest.raises(RunRefusedError, match="new folder"):
            more(services)

    def test_a_job_at_work_says_to_wait(self, services: FakeServices) -> None:
        trained(services)

        with pytest.raises(RunRefusedError, match="wait until it has ended"):
            more(services)

    def test_beginning_it_again_gives_the_same_run(self, services: FakeServices) -> None:
        trained(services, status=JobStatus.COMPLETED)
        first = more(services)

        assert more(services) == first
        assert services.jobs.job(JOB_ID).run == 2

    def test_of_two_at_once_one_wins(self, services: FakeServices) -> None:
        trained(services, status=JobStatus.COMPLETED)
        services.effects.before("write run", lambda: more(services, ANOTHER))

        with pytest.raises(RunRefusedError):
            more(services)

        assert services.jobs.job(JOB_ID).run == 2
        assert services.jobs.run(JOB_ID, 2).execution == ANOTHER

    def test_a_run_whose_execution_died_at_once_belongs_to_the_next_that_asks(
        self, services: FakeServices
    ) -> None:
        trained(services, status=JobStatus.COMPLETED)
        services.effects.fail("write job", OSError("DynamoDB is down"))
        with pytest.raises(OSError, match="DynamoDB is down"):
            more(services)
        services.executions.end(BY_HAND)

        reply = more(services, ANOTHER, prompts=[{"style": "realistic", "count": 9}])

        run = services.jobs.run(JOB_ID, 2)
        assert reply["run"] == 2
        assert (run.execution, run.prompts) == (ANOTHER, (Prompt("realistic", 9),))

    def test_a_confirmation_that_was_lost_is_known_as_our_own(self, services: FakeServices) -> None:
        trained(services, status=JobStatus.COMPLETED)

        def lose_the_confirmation() -> None:
            raise LostConfirmationError

        services.effects.after("write job", lose_the_confirmation)

        assert more(services)["run"] == 2

    def test_an_execution_of_the_run_before_is_refused(self, services: FakeServices) -> None:
        trained(services, status=JobStatus.COMPLETED)
        more(services)

        with pytest.raises(RunRefusedError, match="at run 2, not at run 1"):
            begin(services)


class TestWithoutAModel:
    def test_who_makes_avatars_from_a_photo_makes_no_more(self, services: FakeServices) -> None:
        ready_to_draw(services, *PROMPTS, status=JobStatus.COMPLETED)

        with pytest.raises(RunRefusedError, match="has no model"):
            more(services)

    def test_a_model_whose_life_is_over_makes_no_more(self, services: FakeServices) -> None:
        trained(services, provider=ASTRIA, status=JobStatus.COMPLETED)
        services.clock.move(30 * DAY + 1)

        with pytest.raises(RunRefusedError, match=r"has deleted the model .* 30 days"):
            more(services)

        assert services.jobs.job(JOB_ID).run == 1

    def test_until_then_it_does(self, services: FakeServices) -> None:
        trained(services, provider=ASTRIA, status=JobStatus.COMPLETED)
        services.clock.move(30 * DAY)

        assert more(services)["begin_with"] == "INFER"


class TestErased:
    """What its owner has had erased is not begun again, whoever asks for it."""

    def test_its_run_is_refused(self, services: FakeServices) -> None:
        trained(services, status=JobStatus.FAILED, erased_at=NOON)

        with pytest.raises(RunRefusedError, match="erased"):
            begin(services)

    def test_so_is_a_further_one(self, services: FakeServices) -> None:
        trained(services, status=JobStatus.FAILED, erased_at=NOON)

        with pytest.raises(RunRefusedError, match="erased"):
            more(services)

        assert services.jobs.job(JOB_ID).run == 1

    def test_even_where_it_is_erased_while_its_run_begins(self, services: FakeServices) -> None:
        trained(services, status=JobStatus.COMPLETED)
        services.effects.before("write job", lambda: erase_job(services, OWNER, JOB_ID))

        with pytest.raises(RunRefusedError, match="erased meanwhile"):
            more(services)

        job = services.jobs.job(JOB_ID)
        assert (job.run, job.status, job.code) == (1, JobStatus.FAILED, "ERASED")
        services.clock.move(STRAGGLERS)
        sweep_jobs(services)
        assert services.jobs.unfinished_runs() == []

    def test_one_that_is_erased_while_it_is_taken_up_stays_erased(
        self, services: FakeServices
    ) -> None:
        stored(services, a_job(status=JobStatus.NEEDS_ATTENTION), run=a_run(ended_at=NOON))
        services.effects.after("write run", lambda: erase_job(services, OWNER, JOB_ID))

        begin(services)

        assert services.jobs.job(JOB_ID).status is JobStatus.FAILED
        with pytest.raises(RunRefusedError):
            collect_photos(services, JOB_ID, 1)


class TestStyles:
    def test_more_avatars_in_a_style_that_nobody_draws_are_refused_before_anything_happens(
        self, services: FakeServices
    ) -> None:
        trained(services, status=JobStatus.COMPLETED)

        with pytest.raises(BadManifestError, match="no style 'anime' here: take one of realistic"):
            more(services, prompts=[{"style": "anime"}])

        assert services.jobs.job(JOB_ID).run == 1
        assert services.jobs.unfinished_runs() == [(JOB_ID, 1)]

    def test_so_are_those_of_the_run_before_if_nobody_draws_them_any_more(self) -> None:
        services = FakeServices(styles=("anime",))
        trained(services, status=JobStatus.COMPLETED)

        with pytest.raises(BadManifestError, match="no style 'realistic' here"):
            more(services)

        assert services.jobs.job(JOB_ID).run == 1


def test_an_input_with_an_unknown_field_is_refused_before_anything_happens(
    services: FakeServices,
) -> None:
    trained(services, status=JobStatus.COMPLETED)

    with pytest.raises(RunRefusedError, match="'promts'"):
        begin_run(services, JOB_ID, BY_HAND, unknown=["promts"])

    assert services.jobs.job(JOB_ID).run == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"job_id": 5}, "job_id of the input must be text"),
        ({"run": "1"}, "run of the input must be a whole number"),
        ({"run": 1.5}, "run of the input must be a whole number"),
        ({"prompts": 5}, "prompts of the input must be a list"),
        ({"prompts": {"style": "anime"}}, "prompts of the input must be a list"),
    ],
)
def test_an_input_of_a_wrong_kind_is_refused_at_once(
    services: FakeServices, given: dict[str, Any], words: str
) -> None:
    stored(services, a_job())

    with pytest.raises(RunRefusedError, match=words):
        begin_run(services, **({"job_id": JOB_ID, "execution": BY_HAND} | given))

"""How a job ends: with which status and code, what is deleted, and what the world is told."""

import json
from dataclasses import replace
from typing import Any

import pytest

from avatars import keys
from avatars.errors import AvatarsMissingError, RunRefusedError, job_errors
from avatars.model import MOST_RESCUES, AvatarStatus, JobStatus, Run, Sending
from avatars.pipeline.erasing import erase_job
from avatars.pipeline.finishing import (
    FIRST_KEEP_WAIT,
    MOST_KEEP_ROUNDS,
    Failure,
    FinishReply,
    close_job,
    finish_job,
)
from tests.builders import (
    EXECUTION,
    JOB_ID,
    OWNER,
    PREFIX,
    a_job,
    a_run,
    a_submission,
    an_avatar,
    an_inference,
    announce,
    inferring,
    ready_to_train,
    stored,
    trained,
    training,
)
from tests.fakes import FakeServices, KilledError, answer
from tests.fakes.aws import execution_arn
from tests.fakes.clock import NOON

ENDINGS = {
    "InternalError": ("NEEDS_ATTENTION", "INTERNAL_ERROR"),
    "ExecutionEndedError": ("NEEDS_ATTENTION", "EXECUTION_ENDED"),
    "TooFewPhotosError": ("FAILED", "TOO_FEW_PHOTOS"),
    "BatchIncompleteError": ("FAILED", "BATCH_INCOMPLETE"),
    "BadManifestError": ("FAILED", "BAD_MANIFEST"),
    "TooExpensiveError": ("FAILED", "TOO_EXPENSIVE"),
    "SpendCapError": ("NEEDS_ATTENTION", "SPEND_CAP"),
    "ConsentMissingError": ("FAILED", "CONSENT_MISSING"),
    "ProviderRejectedError": ("FAILED", "PROVIDER_REJECTED"),
    "ProviderKeyRefusedError": ("NEEDS_ATTENTION", "PROVIDER_KEY_REFUSED"),
    "OutOfCreditsError": ("NEEDS_ATTENTION", "OUT_OF_CREDITS"),
    "ProviderBusyError": ("NEEDS_ATTENTION", "PROVIDER_BUSY"),
    "ProviderOutageError": ("NEEDS_ATTENTION", "PROVIDER_OUTAGE"),
    "TrainingFailedError": ("FAILED", "TRAINING_FAILED"),
    "PhotosNotValidError": ("FAILED", "PHOTOS_NOT_VALID"),
    "TrainingOverdueError": ("NEEDS_ATTENTION", "TRAINING_OVERDUE"),
    "ModelNotFoundError": ("NEEDS_ATTENTION", "MODEL_NOT_FOUND"),
    "InferenceFailedError": ("FAILED", "INFERENCE_FAILED"),
    "InferenceOverdueError": ("NEEDS_ATTENTION", "INFERENCE_OVERDUE"),
    "InferenceNotFoundError": ("NEEDS_ATTENTION", "INFERENCE_NOT_FOUND"),
    "AvatarsMissingError": ("NEEDS_ATTENTION", "AVATARS_MISSING"),
    "OutcomeUnknownError": ("NEEDS_ATTENTION", "OUTCOME_UNKNOWN"),
    "TrainingOutcomeUnknownError": ("NEEDS_ATTENTION", "TRAINING_OUTCOME_UNKNOWN"),
    "InferenceOutcomeUnknownError": ("NEEDS_ATTENTION", "INFERENCE_OUTCOME_UNKNOWN"),
}


def failure(error: str, message: str = "What happened.") -> Failure:
    """What a Catch reports of an exception in Python."""
    return {"Error": error, "Cause": json.dumps({"errorType": error, "errorMessage": message})}


def complete(services: FakeServices) -> None:
    """All four avatars are kept."""
    inferring(services)
    for position in range(1, 5):
        services.jobs.put_avatar(an_avatar(position))


def lay_photos(services: FakeServices) -> None:
    services.upload_bucket.put(f"{PREFIX}1.jpg", b"selfie")
    services.upload_bucket.put("uploads/alice/summer2/1.jpg", b"another job's selfie")
    services.upload_bucket.put(f"photos/{JOB_ID}/1.jpg", b"prepared")


def photos_left(services: FakeServices) -> list[str]:
    return [key for key in services.upload_bucket.versions if "summer2" not in key]


def finish(services: FakeServices, error: str | None = None) -> FinishReply:
    return finish_job(services, JOB_ID, 1, failure(error) if error else None)


class TestCompleted:
    def test_a_job_with_every_avatar_is_completed(self, services: FakeServices) -> None:
        complete(services)

        reply = finish(services)

        job, run = services.jobs.job(JOB_ID), services.jobs.run(JOB_ID, 1)
        assert reply == {"status": "COMPLETED", "code": None, "reason": None}
        assert (job.status, run.status) == (JobStatus.COMPLETED, JobStatus.COMPLETED)
        assert run.ended_at == services.clock.now()

    def test_a_missing_avatar_is_told_with_its_position_and_reason(
        self, services: FakeServices
    ) -> None:
        inferring(services)
        for position in (1, 2, 4):
            services.jobs.put_avatar(an_avatar(position))
        missing = an_avatar(3, status=AvatarStatus.MISSING, reason="It is 404.")
        services.jobs.put_avatar(missing)

        with pytest.raises(AvatarsMissingError, match=r"1 of 4 .* at the positions 3\. It is 404"):
            finish(services)

    def test_an_avatar_without_a_link_is_missing(self, services: FakeServices) -> None:
        inferring(services)
        services.jobs.put_avatar(an_avatar(1))

        with pytest.raises(AvatarsMissingError, match=r"3 of 4 .* 2, 3, 4\. .* no link"):
            finish(services)

        assert services.jobs.job(JOB_ID).status is JobStatus.INFERRING

    def test_avatars_of_another_run_do_not_count(self, services: FakeServices) -> None:
        inferring(services)
        for position in range(1, 5):
            services.jobs.put_avatar(an_avatar(position, run=2))

        with pytest.raises(AvatarsMissingError):
            finish(services)


class TestDue:
    """Avatars that another try may bring."""

    @staticmethod
    def announced(services: FakeServices, **changes: Any) -> None:
        inferring(services)
        for position in (1, 2, 4):
            services.jobs.put_avatar(an_avatar(position))
        services.jobs.put_avatar(an_avatar(3, status=AvatarStatus.DUE, reason="It is 404."))
        announce(services, **changes)

    def test_they_are_tried_again_with_fresh_links_after_a_wait(
        self, services: FakeServices
    ) -> None:
        self.announced(services)
        with pytest.raises(AvatarsMissingError):
            finish(services)

        reply = finish(services, "AvatarsMissingError")

        run = services.jobs.run(JOB_ID, 1)
        assert (reply["status"], reply["wait_seconds"]) == ("KEEPING", FIRST_KEEP_WAIT)
        assert run.announced_at is None
        assert run.ended_at is None

    def test_each_wait_is_twice_as_long(self, services: FakeServices) -> None:
        self.announced(services, keep_rounds=2)

        reply = finish(services, "AvatarsMissingError")

        assert reply["wait_seconds"] == 4 * FIRST_KEEP_WAIT

    def test_so_are_those_whose_batch_crashed_every_time(self, services: FakeServices) -> None:
        inferring(services)
        announce(services)

        assert finish(services, "AvatarsMissingError")["status"] == "KEEPING"

    @pytest.mark.parametrize(
        "over", [{"keep_rounds": MOST_KEEP_ROUNDS}, {"links_expire_at": NOON + FIRST_KEEP_WAIT}]
    )
    def test_after_a_few_rounds_or_once_the_links_are_dead_they_are_missing(
        self, services: FakeServices, over: dict[str, int]
    ) -> None:
        self.announced(services, **over)
        with pytest.raises(AvatarsMissingError, match=r"1 of 4 .* at the positions 3\. It is 404"):
            finish(services)

        assert finish(services, "AvatarsMissingError")["status"] == "NEEDS_ATTENTION"

    def test_another_failure_is_no_reason_to_try_again(self, services: FakeServices) -> None:
        self.announced(services)

        assert finish(services, "InternalError")["status"] == "NEEDS_ATTENTION"

    def test_where_they_have_come_meanwhile_the_job_is_completed(
        self, services: FakeServices
    ) -> None:
        self.announced(services)
        services.jobs.put_avatar(an_avatar(3))

        assert finish(services, "AvatarsMissingError")["status"] == "COMPLETED"


class TestFailure:
    def test_every_error_that_ends_a_job_has_its_ending_here(self) -> None:
        assert job_errors().keys() == ENDINGS.keys()

    @pytest.mark.parametrize("error", ENDINGS)
    def test_each_error_ends_the_job_with_its_own_status_code_and_sentence(
        self, services: FakeServices, error: str
    ) -> None:
        training(services)

        reply = finish(services, error)

        status, code = ENDINGS[error]
        job, run = services.jobs.job(JOB_ID), services.jobs.run(JOB_ID, 1)
        assert reply == {"status": status, "code": code, "reason": "What happened."}
        assert (job.status, job.code, job.reason) == (status, code, "What happened.")
        assert run.status == status

    @pytest.mark.parametrize(
        "error", ["Lambda.Unknown", "States.Timeout", "KeyError", "ClientError", "NotSentError"]
    )
    def test_what_nobody_foresaw_needs_a_person(self, services: FakeServices, error: str) -> None:
        training(services)

        reply = finish(services, error)

        assert (reply["status"], reply["code"]) == ("NEEDS_ATTENTION", "INTERNAL_ERROR")
        assert error in (reply["reason"] or "")

    def test_a_reason_is_cut_to_a_few_sentences(self, services: FakeServices) -> None:
        training(services)

        reply = finish_job(services, JOB_ID, 1, failure("ProviderRejectedError", "x" * 9999))

        assert len(reply["reason"] or "") == 1000

    @pytest.mark.parametrize("cause", ["", "no JSON", "[]", "{}", "null"])
    def test_a_cause_that_says_nothing_leaves_the_meaning_of_the_error(
        self, services: FakeServices, cause: str
    ) -> None:
        training(services)

        reply = finish_job(services, JOB_ID, 1, {"Error": "TooFewPhotosError", "Cause": cause})

        assert reply["code"] == "TOO_FEW_PHOTOS"
        assert reply["reason"] == "Fewer accepted photos than a training needs."


class TestPhotos:
    def test_a_completed_jobs_photos_are_deleted_in_every_version(
        self, services: FakeServices
    ) -> None:
        complete(services)
        lay_photos(services)
        services.upload_bucket.delete(f"{PREFIX}1.jpg")

        finish(services)

        assert photos_left(services) == []
        assert "uploads/alice/summer2/1.jpg" in services.upload_bucket.versions

    @pytest.mark.parametrize(
        "error", [e for e, (status, _) in ENDINGS.items() if status == "FAILED"]
    )
    def test_a_failed_jobs_photos_are_deleted(self, services: FakeServices, error: str) -> None:
        ready_to_train(services)
        lay_photos(services)

        finish(services, error)

        assert photos_left(services) == []

    @pytest.mark.parametrize(
        "error",
        ["TrainingOutcomeUnknownError", "TrainingOverdueError", "OutOfCreditsError", "KeyError"],
    )
    def test_a_training_that_a_person_may_still_save_keeps_its_photos(
        self, services: FakeServices, error: str
    ) -> None:
        training(services)
        lay_photos(services)

        finish(services, error)

        assert len(photos_left(services)) == 2

    @pytest.mark.parametrize(
        "error", ["AvatarsMissingError", "InferenceOutcomeUnknownError", "OutOfCreditsError"]
    )
    def test_a_trained_model_needs_its_photos_no_more(
        self, services: FakeServices, error: str
    ) -> None:
        trained(services)
        lay_photos(services)

        finish(services, error)

        assert photos_left(services) == []


class TestNotice:
    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (None, "AvatarsReady"),
            ("TrainingFailedError", "AvatarJobFailed"),
            ("OutOfCreditsError", "AvatarJobNeedsAttention"),
        ],
    )
    def test_it_is_named_after_the_ending(
        self, services: FakeServices, error: str | None, kind: str
    ) -> None:
        complete(services)

        finish(services, error)

        assert [name for name, _ in services.notices.published] == [kind]

    def test_it_carries_ids_and_nothing_else(self, services: FakeServices) -> None:
        complete(services)

        finish(services)

        [(_, detail)] = services.notices.published
        assert detail == {
            "job_id": JOB_ID,
            "run": 1,
            "status": "COMPLETED",
            "code": None,
            "model_id": "model-1",
            "inference_ids": ["inference-1"],
            "started_at": NOON,
            "has_webhook": False,
        }

    def test_it_says_that_there_is_a_webhook_and_not_where(self, services: FakeServices) -> None:
        complete(services)
        services.jobs.change_job(
            JOB_ID, lambda job: replace(job, webhook="https://hooks.test/5ec2e7")
        )

        finish(services)

        [(_, detail)] = services.notices.published
        assert detail["has_webhook"] is True
        assert "hooks.test" not in str(detail)

    def test_a_repeated_one_is_the_same(self, services: FakeServices) -> None:
        complete(services)
        services.effects.before("write run", services.effects.kill)
        with pytest.raises(KilledError):
            finish(services)
        services.effects.revive()

        finish(services)

        first, second = services.notices.published
        assert first == second

    def test_it_comes_when_nothing_can_take_it_back(self, services: FakeServices) -> None:
        complete(services)

        finish(services)

        names = services.effects.names
        assert names.index("write job") < names.index("publish notice")
        assert names.index("erase photos") < names.index("publish notice")

    def test_a_run_has_ended_once_the_world_knows(self, services: FakeServices) -> None:
        complete(services)
        services.effects.fail("publish notice", OSError("EventBridge is down"))

        with pytest.raises(OSError, match="EventBridge is down"):
            finish(services)

        assert services.jobs.run(JOB_ID, 1).ended_at is None


class TestOpenOutcome:
    """What may have been paid for without our knowing weighs more than why a job ends."""

    def test_a_training_without_an_answer_is_told(self, services: FakeServices) -> None:
        ready_to_train(services)
        services.jobs.change_job(JOB_ID, lambda job: replace(job, training=a_submission()))

        reply = finish(services, "KeyError")

        assert (reply["status"], reply["code"]) == ("NEEDS_ATTENTION", "TRAINING_OUTCOME_UNKNOWN")

    def test_an_inference_without_an_answer_is_told(self, services: FakeServices) -> None:
        trained(services)
        sent = an_inference(submission=a_submission(), inference_id=None)
        services.jobs.change_run(JOB_ID, 1, lambda run: replace(run, inferences=(sent,)))

        reply = finish(services, "KeyError")

        assert (reply["status"], reply["code"]) == ("NEEDS_ATTENTION", "INFERENCE_OUTCOME_UNKNOWN")

    def test_an_id_that_nobody_has_read_yet_comes_into_the_table(
        self, services: FakeServices
    ) -> None:
        ready_to_train(services)
        services.jobs.change_job(JOB_ID, lambda job: replace(job, training=a_submission()))
        accepted = answer(202, {"model_id": "model-7"})
        services.answers.keep(JOB_ID, keys.training_answer(1), accepted)

        reply = finish(services, "KeyError")

        assert services.jobs.job(JOB_ID).model_id == "model-7"
        assert reply["code"] == "INTERNAL_ERROR"

    def test_a_row_that_was_lost_gets_its_id_back(self, services: FakeServices) -> None:
        ready_to_train(services)  # made anew: it knows of no request
        services.answers.keep(JOB_ID, keys.training_answer(1), answer(402))
        accepted = answer(202, {"model_id": "model-7"})
        services.answers.keep(JOB_ID, keys.training_answer(2), accepted)

        finish(services, "OutOfOrderError")

        job = services.jobs.job(JOB_ID)
        assert job.model_id == "model-7"
        assert job.training is not None
        assert (job.training.attempt, job.training.state) == (2, Sending.ACCEPTED)

    @pytest.mark.parametrize("status", [402, 429])
    def test_an_answer_that_accepted_nothing_opens_nothing(
        self, services: FakeServices, status: int
    ) -> None:
        ready_to_train(services)
        services.jobs.change_job(JOB_ID, lambda job: replace(job, training=a_submission()))
        services.answers.keep(JOB_ID, keys.training_answer(1), answer(status))

        reply = finish(services, "KeyError")

        assert reply["code"] == "INTERNAL_ERROR"

    def test_an_execution_that_was_aborted_over_it_says_so(self, services: FakeServices) -> None:
        ready_to_train(services)
        services.jobs.change_job(JOB_ID, lambda job: replace(job, training=a_submission()))

        reply = close_job(services, JOB_ID, EXECUTION, "ABORTED")

        assert reply is not None
        assert reply["code"] == "TRAINING_OUTCOME_UNKNOWN"


class TestRepetition:
    def test_the_same_end_again_changes_nothing(self, services: FakeServices) -> None:
        complete(services)
        first = finish(services)
        job, run = services.jobs.job(JOB_ID), services.jobs.run(JOB_ID, 1)
        services.clock.move(60)

        again = finish(services)

        assert again == first
        assert (services.jobs.job(JOB_ID), services.jobs.run(JOB_ID, 1)) == (job, run)

    def test_what_ended_first_stays(self, services: FakeServices) -> None:
        complete(services)
        finish(services)

        late = finish(services, "TrainingFailedError")

        assert late["status"] == "COMPLETED"
        assert services.jobs.job(JOB_ID).status is JobStatus.COMPLETED

    def test_and_a_step_that_would_complete_the_job_says_so(self, services: FakeServices) -> None:
        complete(services)
        finish(services, "OutOfCreditsError")

        with pytest.raises(RunRefusedError, match="has ended with NEEDS_ATTENTION"):
            finish(services)

        assert finish(services, "RunRefusedError")["code"] == "OUT_OF_CREDITS"

    def test_the_end_of_an_earlier_run_touches_no_later_one(self, services: FakeServices) -> None:
        complete(services)
        services.jobs.create_run(Run(JOB_ID, 2, a_run().prompts))
        later = services.jobs.change_job(JOB_ID, lambda job: replace(job, run=2))

        with pytest.raises(RunRefusedError):
            finish(services, "TrainingFailedError")

        assert services.jobs.job(JOB_ID) == later

    def test_a_crash_at_any_moment_is_healed_by_a_repetition(self) -> None:
        whole = FakeServices()
        complete(whole)
        whole.effects.names.clear()
        finish(whole)

        for moment in range(2 * len(whole.effects.names)):
            crashed = FakeServices()
            complete(crashed)
            lay_photos(crashed)
            crashed.effects.at_moment(moment, crashed.effects.kill)
            with pytest.raises(KilledError):
                finish(crashed)
            crashed.effects.revive()

            finish(crashed)

            assert crashed.jobs.job(JOB_ID) == whole.jobs.job(JOB_ID)
            assert crashed.jobs.run(JOB_ID, 1) == whole.jobs.run(JOB_ID, 1)
            assert photos_left(crashed) == []
            assert crashed.notices.published[-1:] == whole.notices.published


class TestErased:
    """Whoever has had a job erased is told nothing more of it, and nobody else is either."""

    @pytest.mark.parametrize("error", [None, "TrainingFailedError"])
    def test_it_is_not_ended_again(self, services: FakeServices, error: str | None) -> None:
        complete(services)
        services.jobs.change_job(
            JOB_ID, lambda job: replace(job, status=JobStatus.FAILED, code="ERASED", erased_at=NOON)
        )
        before = services.jobs.job(JOB_ID), services.jobs.run(JOB_ID, 1)

        with pytest.raises(RunRefusedError, match="erased"):
            finish(services, error)

        assert (services.jobs.job(JOB_ID), services.jobs.run(JOB_ID, 1)) == before
        assert services.notices.published == []

    def test_one_that_is_erased_while_it_ends_stays_erased(self, services: FakeServices) -> None:
        complete(services)
        services.effects.before("write job", lambda: erase_job(services, OWNER, JOB_ID))

        with pytest.raises(RunRefusedError, match="erased"):
            finish(services)

        job = services.jobs.job(JOB_ID)
        assert (job.status, job.code) == (JobStatus.FAILED, "ERASED")
        assert services.notices.published == []

    @pytest.mark.parametrize("status", ["ABORTED", "FAILED", "TIMED_OUT"])
    def test_the_end_of_its_execution_is_nobodys_business(
        self, services: FakeServices, status: str
    ) -> None:
        training(services)
        erase_job(services, OWNER, JOB_ID)
        before = services.jobs.run(JOB_ID, 1)

        reply = close_job(services, JOB_ID, EXECUTION, status)

        assert reply is None
        assert services.executions.started == []
        assert services.notices.published == []
        assert services.jobs.run(JOB_ID, 1) == before


class TestExecutionEnded:
    def close(
        self, services: FakeServices, execution: str = EXECUTION, status: str = "TIMED_OUT"
    ) -> FinishReply | None:
        return close_job(services, JOB_ID, execution, status)

    @pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT"])
    def test_its_run_is_resumed_from_the_recorded_ids(
        self, services: FakeServices, status: str
    ) -> None:
        training(services)

        reply = self.close(services, status=status)

        assert reply == {"status": "TRAINING", "code": None, "reason": None}
        assert services.executions.started == [execution_arn(f"{JOB_ID}-1-1")]
        assert services.notices.published == []

    def test_a_run_that_somebody_takes_up_meanwhile_is_not_resumed(
        self, services: FakeServices
    ) -> None:
        training(services)
        heir = execution_arn("by-hand")
        services.effects.before(
            "write run",
            lambda: services.jobs.change_run(JOB_ID, 1, lambda run: replace(run, execution=heir)),
        )

        self.close(services, status="FAILED")

        assert services.executions.started == []

    @pytest.mark.parametrize(
        ("status", "rescues"), [("ABORTED", 0), ("FAILED", MOST_RESCUES), ("TIMED_OUT", 3)]
    )
    def test_its_job_needs_a_person_and_keeps_what_was_paid_for(
        self, services: FakeServices, status: str, rescues: int
    ) -> None:
        training(services)
        services.jobs.change_run(JOB_ID, 1, lambda run: replace(run, rescues=rescues))

        self.close(services, status=status)

        job = services.jobs.job(JOB_ID)
        assert (job.status, job.code) == (JobStatus.NEEDS_ATTENTION, "EXECUTION_ENDED")
        assert status in (job.reason or "")
        assert job.model_id == "model-1"
        assert [kind for kind, _ in services.notices.published] == ["AvatarJobNeedsAttention"]

    def test_a_job_that_has_ended_already_is_left_alone(self, services: FakeServices) -> None:
        ready_to_train(services)
        finish(services, "TrainingFailedError")
        services.notices.published.clear()

        assert self.close(services) is None
        assert services.notices.published == []

    def test_an_ending_that_was_cut_off_is_finished(self, services: FakeServices) -> None:
        ready_to_train(services)
        lay_photos(services)
        services.effects.fail("erase uploads", OSError("S3 is down"))
        with pytest.raises(OSError, match="S3 is down"):
            finish(services, "TrainingFailedError")

        reply = self.close(services, status="FAILED")

        assert reply is not None
        assert reply["code"] == "TRAINING_FAILED"
        assert photos_left(services) == []
        assert [kind for kind, _ in services.notices.published] == ["AvatarJobFailed"]

    def test_one_that_somebody_has_redriven_since_is_left_alone(
        self, services: FakeServices
    ) -> None:
        training(services)
        services.executions.running.add(EXECUTION)

        assert self.close(services, status="ABORTED") is None
        assert services.jobs.job(JOB_ID).status is JobStatus.TRAINING

    def test_an_execution_without_a_job_is_left_alone(self, services: FakeServices) -> None:
        assert self.close(services) is None

    def test_an_execution_that_never_claimed_its_run_is_known_by_its_name(
        self, services: FakeServices
    ) -> None:
        stored(services, a_job(), run=a_run(execution=None))

        self.close(services, status="ABORTED")

        assert services.jobs.job(JOB_ID).status is JobStatus.NEEDS_ATTENTION

    def test_the_end_of_a_stranger_ends_nothing(self, services: FakeServices) -> None:
        training(services)

        assert self.close(services, execution_arn("somebody-else")) is None
        assert services.jobs.job(JOB_ID).status is JobStatus.TRAINING

    def test_the_end_of_an_execution_that_was_taken_over_ends_nothing(
        self, services: FakeServices
    ) -> None:
        training(services)
        heir = execution_arn("by-hand")
        services.jobs.change_run(JOB_ID, 1, lambda run: replace(run, execution=heir))

        assert self.close(services, EXECUTION, "FAILED") is None
        assert services.jobs.job(JOB_ID).status is JobStatus.TRAINING

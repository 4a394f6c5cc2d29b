"""Make avatars from a trained model: ask for them once, then look until they are ready."""

import math
from dataclasses import dataclass, replace

from avatars import keys
from avatars.errors import (
    InferenceFailedError,
    InferenceNotFoundError,
    InferenceOutcomeUnknownError,
    InferenceOverdueError,
    OutcomeUnknownError,
)
from avatars.metrics import LOOKS
from avatars.model import (
    Job,
    JobStatus,
    Progress,
    ProgressState,
    Run,
    Sending,
    Stage,
    Submission,
    Workload,
)
from avatars.pipeline.admission import give_back
from avatars.pipeline.learning import remember, workload
from avatars.pipeline.looking import LookReply, Looks, look, look_again
from avatars.pipeline.running import require_run
from avatars.pipeline.submitting import Send, Step, SubmitReply, known, recover, sent, submit
from avatars.ports import Services
from avatars.settings import RESULT_LIFE_SECONDS


@dataclass(frozen=True, slots=True)
class InferenceLedger:
    """A run's one inference, kept in its row."""

    services: Services
    job_id: str
    number: int
    stage = Stage.INFERENCE

    def job(self) -> Job:
        return self.services.jobs.job(self.job_id)

    def run(self) -> Run:
        return self.services.jobs.run(self.job_id, self.number)

    def require_run(self) -> None:
        require_run(self.job(), self.number)

    def submission(self) -> Submission | None:
        return self.run().inference

    def accepted_id(self) -> str | None:
        return self.run().inference_id

    def workload(self) -> Workload:
        return workload(self.stage, self.job(), self.run())

    def asked_since(self) -> int:
        return max(self.job().trained_at or 0, self.run().started_at or 0)

    def intend(self, step: Step) -> Submission:
        require_run(self.job(), self.number)
        return sent(self._change(step).inference)

    def change(self, step: Step) -> None:
        self._change(step)

    def _change(self, step: Step) -> Run:
        return self.services.jobs.change_run(
            self.job_id, self.number, lambda run: replace(run, inference=step(run.inference))
        )

    def accept(self, accepted_id: str) -> None:
        def accept(run: Run) -> Run:
            inference = replace(sent(run.inference), state=Sending.ACCEPTED)
            return replace(run, inference=inference, inference_id=run.inference_id or accepted_id)

        self.services.jobs.change_run(self.job_id, self.number, accept)

    def answer_name(self, attempt: int) -> str:
        return keys.inference_answer(self.number, attempt)

    def outcome_unknown(self, submission: Submission) -> OutcomeUnknownError:
        return InferenceOutcomeUnknownError(
            "Avatars were ordered from the provider and its answer was lost, so they may be paid "
            "for. Nothing was sent again; the model is kept. Start another run to order again."
        )


def start_inference(services: Services, job_id: str, run: int) -> SubmitReply:
    """Ask the provider for all avatars of a run; see `submitting.submit`.

    Raises NotSentError where getting ready failed: nothing was sent.
    """
    ledger = InferenceLedger(services, job_id, run)
    model_id, prompts = known(ledger.job().model_id), ledger.run().prompts

    def get_ready() -> Send:
        provider = services.provider(fresh_key=True)
        return lambda: provider.submit_inference(model_id, prompts)

    return submit(services, ledger, get_ready, services.reader.inference_id)


def recover_inference(services: Services, job_id: str, run: int, trouble: str) -> SubmitReply:
    """Find out whether an inference was accepted; never sends. See `submitting.recover`."""
    ledger = InferenceLedger(services, job_id, run)
    return recover(services, ledger, services.reader.inference_id, trouble)


def check_inference(services: Services, job_id: str, run: int, looks: Looks) -> LookReply:
    """Look once whether the avatars are ready; if so, keep the answer with their links.

    Where a run is taken up again because avatars were missing, asks for fresh links first.
    Raises InferenceFailedError, InferenceNotFoundError or InferenceOverdueError.
    """
    ledger = InferenceLedger(services, job_id, run)
    job, row = ledger.job(), ledger.run()
    require_run(job, run)
    if row.announced_at is not None:
        return _ready(services, row, looks)
    model_id, inference_id = known(job.model_id), known(row.inference_id)
    answer, progress, looks = look(
        services,
        looks,
        ask=lambda provider: provider.check_inference(model_id, inference_id),
        read=services.reader.inference_progress,
    )
    if progress.state is ProgressState.READY:
        services.answers.keep(job_id, keys.result_answer(run), answer)
        announced = _announced(services, row, progress)
        if not row.links:  # else they were made long ago, and this is about fresh links
            services.meter.add(LOOKS, looks["answered"], stage=Stage.INFERENCE)
            remember(services, workload(Stage.INFERENCE, job, row), row.inference, looks)
        return _ready(services, announced, looks)
    if row.links:
        # They were announced before: whatever is said now, those links are tried once more.
        return _ready(services, _announced(services, row), looks)
    if progress.state in (ProgressState.FAILED, ProgressState.BAD_INPUT):
        raise InferenceFailedError(
            f"The provider could not make the avatars: {progress.reason or 'it gives no reason'}. "
            "The model is kept."
        )
    return look_again(
        services,
        services.settings.inference,
        sent(row.inference),
        progress,
        looks,
        lost=InferenceNotFoundError(
            f"The provider does not know the inference {inference_id} that it gave us. "
            "The model is kept."
        ),
        overdue=InferenceOverdueError(
            f"The inference {inference_id} was not ready in time. It may still arrive and be paid "
            "for; the ids are kept. Take the job up again to look once more."
        ),
    )


def _announced(services: Services, row: Run, progress: Progress | None = None) -> Run:
    """The run, with what the provider announced noted."""
    # Before the links are noted: once they are, nothing looks here any more.
    services.jobs.change_job(row.job_id, lambda job: job.forward(JobStatus.KEEPING))
    now = services.clock.now()

    def announce(newest: Run) -> Run:
        return replace(
            newest,
            links=len(progress.links) if progress else newest.links,
            announced_at=now,
            # Fresh links to the same pictures, which die with them.
            links_expire_at=newest.links_expire_at or now + RESULT_LIFE_SECONDS,
        )

    return services.jobs.change_run(row.job_id, row.run, announce)


def _ready(services: Services, row: Run, looks: Looks) -> LookReply:
    give_back(services, Stage.INFERENCE, row.name)
    batches = math.ceil(row.links / services.settings.batch_size)
    return {"status": "READY", "wait_seconds": 0, "looks": looks, "batches": batches}

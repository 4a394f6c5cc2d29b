"""Train a model: ask for it once, then look until it is ready."""

import hashlib
from dataclasses import dataclass, replace

from avatars import keys
from avatars.clock import as_utc
from avatars.errors import (
    ModelNotFoundError,
    OutcomeUnknownError,
    OutOfOrderError,
    PhotosNotValidError,
    TrainingFailedError,
    TrainingOutcomeUnknownError,
    TrainingOverdueError,
)
from avatars.metrics import LOOKS
from avatars.model import (
    Job,
    JobStatus,
    Progress,
    ProgressState,
    Sending,
    Stage,
    Submission,
    TrainingRequest,
    Workload,
)
from avatars.pipeline.admission import give_back
from avatars.pipeline.learning import remember, workload
from avatars.pipeline.looking import LookReply, Looks, first_look, look, look_again, schedule_of
from avatars.pipeline.running import require_run
from avatars.pipeline.submitting import Send, Step, SubmitReply, look_at_line, recover, sent, submit
from avatars.ports import Services


@dataclass(frozen=True, slots=True)
class TrainingLedger:
    """A job's one training, kept in its row."""

    services: Services
    provider: str
    job_id: str
    number: int
    stage = Stage.TRAINING
    place = 0

    def job(self) -> Job:
        return self.services.jobs.job(self.job_id)

    def require_run(self) -> None:
        require_run(self.job(), self.number)

    def submission(self) -> Submission | None:
        return self.job().training

    def accepted_id(self) -> str | None:
        return self.job().model_id

    def workload(self) -> Workload:
        return workload(self.stage, self.job())

    def asked_since(self) -> int:
        run = self.services.jobs.run(self.job_id, self.number)
        return max(self.job().chosen_at or 0, run.started_at or 0)

    def intend(self, step: Step) -> Submission:
        def intend(job: Job) -> Job:
            require_run(job, self.number)
            return replace(job.forward(JobStatus.TRAINING), training=step(job.training))

        return sent(self.services.jobs.change_job(self.job_id, intend).training)

    def change(self, step: Step) -> None:
        self.services.jobs.change_job(
            self.job_id, lambda job: replace(job, training=step(job.training))
        )

    def accept(self, accepted_id: str) -> None:
        def accept(job: Job) -> Job:
            training = replace(sent(job.training), state=Sending.ACCEPTED)
            return replace(job, training=training, model_id=job.model_id or accepted_id)

        self.services.jobs.change_job(self.job_id, accept)

    def answer_name(self, attempt: int) -> str:
        return keys.training_answer(attempt)

    def look_up(self) -> str | None:
        title = _title(self.job())
        answer = self.services.provider(self.provider).find_training(title)
        return self.services.reader(self.provider).found_training(answer, title)

    def outcome_unknown(self, submission: Submission) -> OutcomeUnknownError:
        return TrainingOutcomeUnknownError(
            "A training was sent to the provider and its answer was lost, so a model may exist and "
            "be paid for. Nothing was sent again. Ask the provider's support for a model of "
            f"{as_utc(submission.intended_at)}; if there is none, use a new folder."
        )


def start_training(services: Services, job_id: str, run: int) -> SubmitReply:
    """Ask the provider to train a model on the chosen photos; see `submitting.submit`.

    Raises NotSentError where getting ready failed: nothing was sent.
    """
    job = services.jobs.job(job_id)
    if not services.capabilities(job.provider).trains:
        return _nothing_to_train(job, run)
    ledger = TrainingLedger(services, job.provider, job_id, run)
    if not job.chosen:
        raise OutOfOrderError("The photos of this job are not chosen yet.")

    def get_ready() -> Send:
        provider = services.provider(job.provider, fresh_key=True)
        links = services.photos.links(job_id, job.chosen)
        request = TrainingRequest(_title(job), tuple(links), job.subject)
        return lambda: provider.submit_training(request)

    return submit(services, ledger, get_ready, services.reader(job.provider).training_id)


def recover_training(services: Services, job_id: str, run: int, trouble: str) -> SubmitReply:
    """Find out whether a training was accepted; never sends. See `submitting.recover`."""
    job = services.jobs.job(job_id)
    provider = job.provider
    if not services.capabilities(provider).trains:
        return _nothing_to_train(job, run)
    ledger = TrainingLedger(services, provider, job_id, run)
    return recover(services, ledger, services.reader(provider).training_id, trouble)


def check_training(services: Services, job_id: str, run: int, looks: Looks) -> LookReply:
    """Look once whether the model is ready, or what has to come before it: a run in line for its
    turn comes by here, too.

    Raises TrainingFailedError, PhotosNotValidError, ModelNotFoundError or TrainingOverdueError, and
    what `look_at_line` does.
    """
    job = services.jobs.job(job_id)
    require_run(job, run)
    if job.trained_at is not None or not services.capabilities(job.provider).trains:
        return _ready(services, job, run, looks)
    model_id = job.model_id
    if model_id is None:
        return look_at_line(services, TrainingLedger(services, job.provider, job_id, run), looks)
    schedule = schedule_of(services, job.provider, Stage.TRAINING)
    if reply := first_look(services, schedule, job.training, looks):
        return reply
    _, progress, looks = look(
        services,
        job.provider,
        looks,
        ask=lambda provider: provider.check_training(model_id),
        read=services.reader(job.provider).training_progress,
    )
    if progress.state is ProgressState.READY:
        services.jobs.change_job(job_id, lambda job: _trained(job, services.clock.now()))
        services.meter.add(LOOKS, looks["answered"], stage=Stage.TRAINING)
        remember(services, workload(Stage.TRAINING, job), job.training, looks)
        return _ready(services, job, run, looks)
    _raise_if_ended(progress)
    return look_again(
        services,
        schedule,
        sent(job.training),
        progress,
        looks,
        lost=ModelNotFoundError(
            f"The provider does not know the model {model_id} that it gave us. "
            "Ask its support; the id is kept."
        ),
        overdue=TrainingOverdueError(
            f"The model {model_id} was not ready in time. It may still arrive and be paid for; "
            "the id is kept. Take the job up again to look once more."
        ),
    )


def _title(job: Job) -> str:
    """What a training goes by: every attempt of it, and none of a job in another stack whose
    folder, and so whose id, is the same."""
    photos = "".join(photo.version_id for photo in job.chosen)
    return f"{job.job_id}-{hashlib.sha256(photos.encode()).hexdigest()[:16]}"


def photos_not_valid(reason: str | None) -> PhotosNotValidError:
    """That the provider takes none of a job's photos, and why, if it says so."""
    return PhotosNotValidError(
        f"The provider found the photos unusable{f' ({reason})' if reason else ''}. "
        "Upload other photos into a new folder."
    )


def _nothing_to_train(job: Job, run: int) -> SubmitReply:
    """How an execution that does not know of such providers comes to the next step.

    One that began before an update goes on with the state machine that it began with.
    """
    require_run(job, run)
    return {"status": "ACCEPTED", "accepted_id": None, "wait_seconds": 0}


def _ready(services: Services, job: Job, run: int, looks: Looks) -> LookReply:
    give_back(services, job.provider, Stage.TRAINING, f"{job.job_id}-{run}")
    return {"status": "READY", "wait_seconds": 0, "looks": looks, "batches": 0}


def _trained(job: Job, now: int) -> Job:
    if job.trained_at is not None:
        return job
    return replace(job.forward(JobStatus.INFERRING), trained_at=now)


def _raise_if_ended(progress: Progress) -> None:
    if progress.state is ProgressState.BAD_INPUT:
        raise photos_not_valid(progress.reason)
    if progress.state is ProgressState.FAILED:
        raise TrainingFailedError(
            f"The provider could not train a model: {progress.reason or 'it gives no reason'}."
        )

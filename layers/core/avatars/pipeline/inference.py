"""Make avatars from a model or a photo: ask for them once, then look until they are ready.

One request may not be enough for the prompts of a run; see `planning`. Each is sent once, and
looked at until its avatars are there.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from aws_lambda_powertools import Logger

from avatars import keys
from avatars.errors import (
    InferenceFailedError,
    InferenceNotFoundError,
    InferenceOutcomeUnknownError,
    InferenceOverdueError,
    JobError,
    OutcomeUnknownError,
    OutOfOrderError,
)
from avatars.metrics import LOOKS
from avatars.model import (
    ChosenPhoto,
    Inference,
    InferenceRequest,
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
from avatars.pipeline.looking import (
    LOOKS_SECONDS,
    LookReply,
    Looks,
    first_look,
    look,
    look_again,
    no_looks,
    schedule_of,
    to_send,
)
from avatars.pipeline.planning import next_photo, next_place, planned
from avatars.pipeline.running import require_run
from avatars.pipeline.submitting import (
    Send,
    Step,
    SubmitReply,
    known,
    look_at_line,
    recover,
    sent,
    submit,
)
from avatars.pipeline.training import photos_not_valid
from avatars.ports import Services

logger = Logger(child=True)

SENDS_SECONDS = 5
"""Wall seconds after which no further request of a run is sent by the same invocation: of its 150,
one may take 75, and a minute is left to keep what was answered."""


@dataclass(frozen=True, slots=True)
class InferenceLedger:
    """One inference of a run, kept in the run's row."""

    services: Services
    provider: str
    job_id: str
    number: int
    place: int = 0
    photo: ChosenPhoto | None = None
    """What it is made from, where there is no model."""
    stage = Stage.INFERENCE

    def job(self) -> Job:
        return self.services.jobs.job(self.job_id)

    def run(self) -> Run:
        return self.services.jobs.run(self.job_id, self.number)

    def inference(self) -> Inference:
        return _planned(self.services, self.provider, self.run()).inferences[self.place]

    def require_run(self) -> None:
        require_run(self.job(), self.number)

    def submission(self) -> Submission | None:
        return self.inference().submission

    def accepted_id(self) -> str | None:
        return self.inference().inference_id

    def workload(self) -> Workload:
        return workload(self.stage, self.job(), self.inference().avatars)

    def asked_since(self) -> int:
        job = self.job()
        return max(job.trained_at or job.chosen_at or 0, self.run().started_at or 0)

    def intend(self, step: Step) -> Submission:
        require_run(self.job(), self.number)
        if self.photo is not None:  # else it is INFERRING since it was trained
            self.services.jobs.change_job(self.job_id, lambda job: job.forward(JobStatus.INFERRING))
        return sent(self._change(step).submission)

    def change(self, step: Step) -> None:
        self._change(step)

    def accept(self, accepted_id: str) -> None:
        def accept(inference: Inference) -> Inference:
            submission = replace(sent(inference.submission), state=Sending.ACCEPTED)
            inference_id = inference.inference_id or accepted_id
            return replace(inference, submission=submission, inference_id=inference_id)

        self._replace(accept)

    def answer_name(self, attempt: int) -> str:
        return keys.inference_answer(self.number, self.place, attempt)

    def look_up(self) -> str | None:
        job, run = self.job(), _planned(self.services, self.provider, self.run())
        request = _request(job, run, self.place)
        runs = (self.services.jobs.run(self.job_id, n) for n in range(1, self.number + 1))
        ids = {each for run in runs for each in run.inference_ids}
        answer = self.services.provider(self.provider).find_inference(request.model_id)
        return self.services.reader(self.provider).found_inference(answer, request, ids)

    def outcome_unknown(self, submission: Submission) -> OutcomeUnknownError:
        return InferenceOutcomeUnknownError(
            "Avatars were ordered from the provider and its answer was lost, so they may be paid "
            f"for. Nothing was sent again; {self._what_remains()}"
        )

    def _what_remains(self) -> str:
        if self.services.capabilities(self.provider).trains:
            return "the model is kept. Start another run to order again."
        return "ask its support. To order again, upload the photos into a new folder."

    def _change(self, step: Step) -> Inference:
        photo_id = self.photo.photo_id if self.photo else None

        def change(inference: Inference) -> Inference:
            submission = step(inference.submission)
            if submission == inference.submission:
                return inference
            return replace(
                inference, submission=submission, photo_id=photo_id or inference.photo_id
            )

        return self._replace(change)

    def _replace(self, change: Callable[[Inference], Inference]) -> Inference:
        def replace_one(run: Run) -> Run:
            run = _planned(self.services, self.provider, run)
            return run.with_inference(self.place, change(run.inferences[self.place]))

        run = self.services.jobs.change_run(self.job_id, self.number, replace_one)
        return run.inferences[self.place]


def ledgers(services: Services, job: Job, run: Run) -> list[InferenceLedger]:
    """Those of all inferences of a run."""
    plan = _planned(services, job.provider, run).inferences
    places = range(len(plan))
    return [InferenceLedger(services, job.provider, job.job_id, run.run, n) for n in places]


def start_inference(services: Services, job_id: str, run: int) -> SubmitReply:
    """Ask the provider for avatars of a run; see `submitting.submit`.

    Sends the next of its requests, and those behind it while the function has time. Where one of
    several fails for good, the others go on. Raises NotSentError where getting ready failed:
    nothing was sent of that one.
    """
    begun = services.clock.wall()
    reply = _start_next(services, job_id, run)
    while reply["status"] == "MORE" and services.clock.wall() - begun < SENDS_SECONDS:
        reply = _start_next(services, job_id, run)
    return reply


def _start_next(services: Services, job_id: str, run: int) -> SubmitReply:
    ledger, job, row = _next(services, job_id, run)
    request = _request(job, row, ledger.place)
    if services.capabilities(ledger.provider).trains:
        known(request.model_id)
    elif row.inferences[ledger.place].is_due:
        if not job.chosen:
            raise OutOfOrderError("The photos of this job are not chosen yet.")
        photo = next_photo(job, services.settings.photo_tries)
        if photo is None:
            return _without(ledger, job, row, photos_not_valid(None))
        ledger = replace(ledger, photo=photo)

    def get_ready() -> Send:
        provider = services.provider(ledger.provider, fresh_key=True)
        if ledger.photo is None:
            return lambda: provider.submit_inference(request)
        [link] = services.photos.links(job_id, [ledger.photo])
        return lambda: provider.submit_inference(replace(request, photo_link=link))

    try:
        reply = submit(services, ledger, get_ready, services.reader(ledger.provider).inference_id)
    except JobError as error:
        # What is open, or waits for a person, is not over yet.
        if error.status is not JobStatus.FAILED:
            raise
        return _without(ledger, job, row, error)
    return _and_more(ledger, row, reply)


def recover_inference(services: Services, job_id: str, run: int, trouble: str) -> SubmitReply:
    """Find out whether an inference was accepted; never sends. See `submitting.recover`.

    Where that stays unknown of one of several, the others go on; the end of the run tells of it.
    """
    ledger, job, row = _next(services, job_id, run)
    try:
        reply = recover(services, ledger, services.reader(ledger.provider).inference_id, trouble)
    except JobError as error:
        if not isinstance(error, OutcomeUnknownError) and error.status is not JobStatus.FAILED:
            raise
        return _without(ledger, job, row, error)
    return _and_more(ledger, row, reply)


def check_inference(services: Services, job_id: str, run: int, looks: Looks) -> LookReply:
    """Look whether the avatars are ready; if so, keep the answers with their links. What is yet to
    be sent comes first: a run in line for its turn comes by here, too.

    Looks at the requests of the run in their order, up to the first that is not ready: there is
    nothing to do before all are. *looks* are those at that one. Looks for which the function has no
    time are left to its next call. Where a run is taken up again because avatars were missing, asks
    for fresh links first. Raises InferenceFailedError, PhotosNotValidError, InferenceNotFoundError
    or InferenceOverdueError, and what `look_at_line` does.
    """
    job, row = services.jobs.job(job_id), services.jobs.run(job_id, run)
    require_run(job, run)
    unsent = next_place(_planned(services, job.provider, row))
    if unsent is not None:
        ledger = InferenceLedger(services, job.provider, job_id, run, unsent)
        return look_at_line(services, ledger, looks)
    schedule = schedule_of(services, job.provider, Stage.INFERENCE)
    begun = services.clock.wall()
    for place, inference in enumerate(row.inferences):
        if inference.announced_at is None and inference.is_accepted:
            if reply := first_look(services, schedule, inference.submission, looks):
                return reply
            if services.clock.wall() - begun > LOOKS_SECONDS:
                return {"status": "RUNNING", "wait_seconds": 1, "looks": looks, "batches": 0}
            reply, row, looks = _check(services, job, row, place, looks)
            if reply is not None:
                return reply
    if row.announced_at is None:
        return to_send(looks)
    return _ready(services, job, row, looks)


def _check(
    services: Services, job: Job, row: Run, place: int, looks: Looks
) -> tuple[LookReply | None, Run, Looks]:
    """One look at one inference; where its avatars are announced now, the run says so."""
    inference = row.inferences[place]
    model_id, inference_id = job.model_id, known(inference.inference_id)
    answer, progress, looks = look(
        services,
        job.provider,
        looks,
        ask=lambda provider: provider.check_inference(model_id, inference_id),
        read=services.reader(job.provider).inference_progress,
    )
    if progress.state is ProgressState.READY:
        services.answers.keep(job.job_id, keys.result_answer(row.run, place), answer)
        announced = _announce(services, job, row, place, progress)
        if not inference.links:  # else they were made long ago, and this is about fresh links
            services.meter.add(LOOKS, looks["answered"], stage=Stage.INFERENCE)
            asked = workload(Stage.INFERENCE, job, inference.avatars)
            remember(services, asked, inference.submission, looks)
        return None, announced, no_looks()
    if inference.links:
        # They were announced before: whatever is said now, those links are tried once more.
        return None, _announce(services, job, row, place), no_looks()
    if progress.state is ProgressState.BAD_INPUT and inference.photo_id is not None:
        return _try_next_photo(services, job, row, place, progress, looks)
    if progress.state in (ProgressState.FAILED, ProgressState.BAD_INPUT):
        failed = InferenceFailedError(
            f"The provider could not make the avatars: {progress.reason or 'it gives no reason'}."
            f"{_kept(job)}"
        )
        return None, _give_up(services, job, row, place, failed), no_looks()
    try:
        reply = look_again(
            services,
            schedule_of(services, job.provider, Stage.INFERENCE),
            sent(inference.submission),
            progress,
            looks,
            lost=InferenceNotFoundError(
                f"The provider does not know the inference {inference_id} that it gave us."
                f"{_kept(job)}"
            ),
            overdue=InferenceOverdueError(
                f"The inference {inference_id} was not ready in time. It may still arrive and be "
                "paid for; the ids are kept. Take the job up again to look once more."
            ),
        )
    except (InferenceNotFoundError, InferenceOverdueError) as error:
        return None, _give_up(services, job, row, place, error), no_looks()
    return reply, row, looks


def _try_next_photo(
    services: Services, job: Job, row: Run, place: int, progress: Progress, looks: Looks
) -> tuple[LookReply | None, Run, Looks]:
    """Note that a photo is not valid, and have the request sent with the next best one.

    Gives the request up where there is none, or enough were tried; see `_give_up`.
    """
    inference = row.inferences[place]
    photo_id, fruitless_id = known(inference.photo_id), known(inference.inference_id)

    def note(job: Job) -> Job:
        if photo_id in job.invalid_photos:
            return job
        return replace(job, invalid_photos=(*job.invalid_photos, photo_id))

    job = services.jobs.change_job(job.job_id, note)
    if next_photo(job, services.settings.photo_tries) is None:
        error = photos_not_valid(progress.reason)
        return None, _give_up(services, job, row, place, error), no_looks()

    def take_back(run: Run) -> Run:
        one = run.inferences[place]
        if one.inference_id != fruitless_id:
            return run
        submission = replace(sent(one.submission), state=Sending.FRUITLESS)
        fruitless = (*one.fruitless, fruitless_id)
        return run.with_inference(
            place, replace(one, submission=submission, inference_id=None, fruitless=fruitless)
        )

    row = services.jobs.change_run(row.job_id, row.run, take_back)
    return to_send(looks), row, looks


def _announce(
    services: Services, job: Job, row: Run, place: int, progress: Progress | None = None
) -> Run:
    """Note what the provider announced."""
    _forward_after(services, row, place)
    now = services.clock.now()
    expires = now + services.capabilities(job.provider).link_seconds

    def announce(newest: Run) -> Run:
        one = newest.inferences[place]
        return newest.with_inference(
            place,
            replace(
                one,
                links=len(progress.links) if progress else one.links,
                announced_at=now,
                # Fresh links to the same pictures, which die with them.
                links_expire_at=one.links_expire_at or expires,
                reason=None,
            ),
        )

    return services.jobs.change_run(row.job_id, row.run, announce)


def _give_up(services: Services, job: Job, row: Run, place: int, error: JobError) -> Run:
    """Note that nothing comes of one request, so that what the others bring is kept all the same.

    Raises *error* where no other was accepted, or nothing came of those either.
    """
    others = (one for n, one in enumerate(row.inferences) if n != place)
    if not any(one.is_accepted and one.reason is None for one in others):
        raise error
    logger.warning("a request is given up", extra={"place": place, "code": error.code})
    _forward_after(services, row, place)
    now = services.clock.now()

    def give_up(newest: Run) -> Run:
        one = newest.inferences[place]
        if one.is_accepted and not row.inferences[place].is_accepted:
            return newest  # whoever sent it has had an answer after all
        return newest.with_inference(place, replace(one, announced_at=now, reason=str(error)))

    return services.jobs.change_run(row.job_id, row.run, give_up)


def _forward_after(services: Services, row: Run, place: int) -> None:
    """The job goes on to KEEPING where this was the last request to hear of.

    Before that is noted in the run: once it is, nothing looks here any more.
    """
    if all(n == place or one.announced_at is not None for n, one in enumerate(row.inferences)):
        services.jobs.change_job(row.job_id, lambda job: job.forward(JobStatus.KEEPING))


def _without(ledger: InferenceLedger, job: Job, row: Run, error: JobError) -> SubmitReply:
    """How a run goes on without one of its requests; raises as `_give_up`."""
    row = _give_up(ledger.services, job, row, ledger.place, error)
    if next_place(row) is not None:
        return {"status": "MORE", "accepted_id": None, "wait_seconds": 0}
    # Those before it may have been accepted just now.
    seconds = schedule_of(ledger.services, ledger.provider, ledger.stage).first_wait()
    return {"status": "ACCEPTED", "accepted_id": None, "wait_seconds": seconds}


def _next(services: Services, job_id: str, number: int) -> tuple[InferenceLedger, Job, Run]:
    """The ledger of the request that is to be sent now; of the last one where all were."""
    job, run = services.jobs.job(job_id), services.jobs.run(job_id, number)
    run = _planned(services, job.provider, run)
    place = next_place(run)
    if place is None:
        place = [n for n, one in enumerate(run.inferences) if one.is_accepted][-1]
    return InferenceLedger(services, job.provider, job_id, number, place), job, run


def _request(job: Job, run: Run, place: int) -> InferenceRequest:
    """What is asked for; a photo is yet to be linked to."""
    prompts, title = run.prompts_of(run.inferences[place]), f"{run.name}-{place + 1}"
    return InferenceRequest(prompts, job.subject, job.model_id, title=title)


def _planned(services: Services, provider: str, run: Run) -> Run:
    """The run with its requests, which are planned before the first is sent."""
    if run.inferences:
        return run
    return replace(run, inferences=planned(run.prompts, services.capabilities(provider)))


def _and_more(ledger: InferenceLedger, run: Run, reply: SubmitReply) -> SubmitReply:
    """The reply, which says as well whether the *run* that it was sent for has more to send."""
    if len(run.inferences) == 1 or reply["status"] != "ACCEPTED":
        return reply
    has_more = next_place(ledger.run()) is not None
    return {**reply, "status": "MORE", "wait_seconds": 0} if has_more else reply


def _kept(job: Job) -> str:
    return " The model is kept." if job.has_model else ""


def _ready(services: Services, job: Job, row: Run, looks: Looks) -> LookReply:
    give_back(services, job.provider, Stage.INFERENCE, row.name)
    batches = math.ceil(row.links / services.settings.batch_size)
    return {"status": "READY", "wait_seconds": 0, "looks": looks, "batches": batches}

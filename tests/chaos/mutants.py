"""The protections, each turned off: what the campaign must then notice.

Where two protections cover each other, both are turned off: the loss of one alone harms nobody.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import httpx

from avatars import marks, pictures
from avatars.aws import buckets
from avatars.aws.buckets import S3Answers, S3Gallery
from avatars.aws.rows import Rows
from avatars.errors import DownloadFailedError
from avatars.model import Avatar, AvatarStatus, Job, Photo, Sending, Stage, Submission
from avatars.pictures import Picture
from avatars.pipeline import (
    admission,
    collecting,
    finishing,
    inference,
    keeping,
    looking,
    running,
    submitting,
    sweeping,
    training,
    uploading,
)
from avatars.provider import reading
from avatars.provider.downloads import HttpDownloads
from avatars.schedule import Schedule
from avatars.wiring import AwsServices
from functions.close_job import app as close_job
from functions.finish_job import app as finish_job
from functions.judge_photo import app as judge_photo
from functions.sweep_jobs import app as sweep_jobs
from tests.chaos.campaign import Campaign
from tests.chaos.world import LONGEST
from tests.fakes import FakeExecutions

Off = Callable[[Callable[..., None]], None]

TWO_DAYS = 2 * 86_400
"""Enough for jobs that end at all: those of the same faults end within, protected."""


@dataclass(frozen=True)
class Mutant:
    """Protections that are off."""

    name: str
    says: str
    faults: tuple[str, ...]
    """Jobs with one of these faults need them."""
    noticed_by: tuple[str, ...]
    """The invariants that then break, one or another."""
    turn_off: Off
    together: int = 1
    first: int = 0
    """The job that needs them, where they were last seen to be needed: it comes before others."""
    longest: float = LONGEST
    """Virtual seconds after which a world has gone on for too long."""
    parameters: Mapping[str, str] = field(default_factory=dict)

    def campaigns(self, seed: str) -> list[Campaign]:
        """Jobs that need what is off."""
        return [
            Campaign(
                seed,
                only=(fault,),
                together=self.together,
                parameters=self.parameters,
                longest=self.longest,
            )
            for fault in self.faults
        ]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with ExitStack() as stack:

            def replaced(owner: Any, name: str, substitute: Any) -> None:
                stack.enter_context(mock.patch.object(owner, name, substitute))

            self.turn_off(replaced)
            yield


MUTANTS: dict[str, Mutant] = {}


def _mutant(
    name: str,
    says: str,
    faults: str,
    noticed_by: str,
    together: int = 1,
    first: int = 0,
    longest: float = LONGEST,
    **parameters: str,
) -> Callable[[Off], Off]:
    def register(turn_off: Off) -> Off:
        split = (
            tuple(name.strip() for name in faults.split(",")),
            tuple(part.strip() for part in noticed_by.split(",")),
        )
        MUTANTS[name] = Mutant(name, says, *split, turn_off, together, first, longest, parameters)
        return turn_off

    return register


@_mutant(
    "intent",
    "nothing is noted before a training is sent",
    "T4",
    "second training",
)
def _no_intent(replaced: Callable[..., None]) -> None:
    intend_well = submitting._intend

    def intend(services: Any, ledger: Any) -> Any:
        if ledger.stage is Stage.INFERENCE:
            return intend_well(services, ledger)
        now = services.clock.now()
        return Submission(1, uuid.uuid4().hex, Sending.INTENDED, now, now + 3600)

    def accept(ledger: Any, accepted_id: str) -> None:
        now = ledger.services.clock.now()
        done = Submission(1, "none", Sending.ACCEPTED, now, now + 3600)
        ledger.services.jobs.change_job(
            ledger.job_id, lambda job: replace(job, training=done, model_id=accepted_id)
        )

    replaced(submitting, "_intend", intend)
    replaced(training.TrainingLedger, "accept", accept)


@_mutant(
    "look at the intent",
    "a request that is under way does not keep anybody from sending another",
    "T13 at the request",
    "second training, second inference, lost model",
)
def _intent_ignored(replaced: Callable[..., None]) -> None:
    replaced(submitting, "_require_not_under_way", lambda ledger, submission: None)


@_mutant(
    "conditional write",
    "rows are written whatever stands there",
    "T13 at the intent",
    "second training, second inference, lost model",
)
def _unconditional(replaced: Callable[..., None]) -> None:
    put = Rows.put

    def put_anyway(rows: Any, job_id: str, record: str, row: Any, **more: Any) -> bool:
        return put(rows, job_id, record, row, index_keys=more.get("index_keys"))

    replaced(Rows, "put", put_anyway)


@_mutant(
    "raw answer",
    "the provider's answers to paid requests are not kept",
    "T6",
    "false failure",
)
def _no_answer(replaced: Callable[..., None]) -> None:
    keep = S3Answers.keep

    def keep_results_only(answers: Any, job_id: str, name: str, answer: Any) -> None:
        if "result" in name:
            keep(answers, job_id, name, answer)

    replaced(S3Answers, "keep", keep_results_only)


@_mutant(
    "answer that outlives its row",
    "who has no row looks for no answer either",
    "S1 for good",
    "second training",
    first=1,
)
def _no_memory(replaced: Callable[..., None]) -> None:
    find = S3Answers.find

    def find_results_only(answers: Any, job_id: str, name: str) -> Any:
        return find(answers, job_id, name) if "result" in name else None

    replaced(S3Answers, "find", find_results_only)


@_mutant(
    "client retries off",
    "the HTTP client sends again where it gets no answer",
    "T3",
    "second training",
)
def _retries(replaced: Callable[..., None]) -> None:
    send = httpx.Client.send

    def send_again(client: Any, request: Any, **more: Any) -> Any:
        try:
            return send(client, request, **more)
        except (httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError):
            return send(client, request, **more)

    replaced(httpx.Client, "send", send_again)


@_mutant(
    "recovery never sends",
    "whoever finds no answer has the request sent again",
    "T3",
    "second training",
)
def _recovery_sends(replaced: Callable[..., None]) -> None:
    recover = submitting.recover

    def recover_and_send(services: Any, *given: Any) -> Any:
        always = replace(services.settings, resubmissions=dict.fromkeys(Stage, 99))
        with mock.patch.object(services, "settings", always):
            return recover(services, *given)

    replaced(training, "recover", recover_and_send)


@_mutant(
    "execution name from the job",
    "every start has a name of its own",
    "U1",
    "second execution",
)
def _nameless(replaced: Callable[..., None]) -> None:
    def start(executions: Any, job_id: str, run: int, rescue: int = 0) -> None:
        with executions._effects.happen("start execution"):
            executions.begin(uuid.uuid4().hex, {"job_id": job_id, "run": run})

    replaced(FakeExecutions, "start", start)


@_mutant(
    "host allow-list",
    "links are followed to wherever they lead",
    "R8 links",
    "forbidden fetch",
)
def _any_host(replaced: Callable[..., None]) -> None:
    replaced(HttpDownloads, "_is_allowed", lambda downloads, link: True)


@_mutant(
    "no redirects",
    "redirects of pictures are followed",
    "R8 redirects",
    "forbidden fetch",
)
def _redirects(replaced: Callable[..., None]) -> None:
    stream = httpx.Client.stream

    def follow(client: Any, *given: Any, **more: Any) -> Any:
        return stream(client, *given, **more, follow_redirects=True)

    replaced(httpx.Client, "stream", follow)


@_mutant(
    "checksum",
    "S3 is told nothing about the bytes that it should get",
    "R6 damaged",
    "avatar that nobody drew, avatar unlike its row, COMPLETED without its avatars",
)
def _no_checksum(replaced: Callable[..., None]) -> None:
    def put(gallery: Any, key: str, file: Any, content_type: str) -> str:
        data = file.read_bytes()
        client = gallery._client
        # The SDK would add one of its own.
        config = client.meta.config
        with mock.patch.object(config, "request_checksum_calculation", "when_required"):
            client.put_object(Bucket=gallery._bucket, Key=key, Body=data, ContentType=content_type)
        return str(hashlib.sha256(data).hexdigest())

    replaced(S3Gallery, "put", put)


@_mutant(
    "deadline",
    "nobody ever calls a training or an order of avatars overdue",
    "W2",
    "no end, wrong end",
    longest=TWO_DAYS,
)
def _no_deadline(replaced: Callable[..., None]) -> None:
    # Its backup, the most looks of a schedule, is off, too.
    def look_again(
        services: Any, schedule: Any, submission: Any, progress: Any, looks: Any, **ends: Any
    ) -> Any:
        age = services.clock.now() - submission.intended_at
        wait = schedule.next_wait(age)
        return {"status": "RUNNING", "wait_seconds": wait, "looks": looks, "batches": 0}

    replaced(training, "look_again", look_again)
    replaced(inference, "look_again", look_again)


@_mutant(
    "content of a picture",
    "whatever is downloaded counts as a picture",
    "R4",
    "avatar that nobody drew",
)
def _any_content(replaced: Callable[..., None]) -> None:
    mark_file = marks.mark_file

    def mark_if_it_can(file: Path, source_type: str) -> None:
        with suppress(DownloadFailedError):
            mark_file(file, source_type)

    replaced(marks, "mark_file", mark_if_it_can)
    replaced(pictures, "look_at", lambda file: Picture("jpg", "image/jpeg", 1, 1))


@_mutant("mark of AI", "avatars are kept as they came", "R4", "avatar that nobody drew")
def _unmarked(replaced: Callable[..., None]) -> None:
    replaced(marks, "mark_file", lambda file, source_type: None)


@_mutant(
    "what is missing is counted",
    "a run whose batches are over is complete",
    "I2",
    "COMPLETED without its avatars",
)
def _not_counted(replaced: Callable[..., None]) -> None:
    finish = finishing.finish_job

    def finish_anyway(services: Any, job_id: str, run: int, failure: Any = None) -> Any:
        if failure is None:
            return finishing._end(services, job_id, run, None)
        return finish(services, job_id, run, failure)

    replaced(finish_job, "finish_job", finish_anyway)


@_mutant(
    "tries of a picture",
    "a link that fails once has failed for good",
    "R2",
    "false failure",
    first=1,
)
def _one_try(replaced: Callable[..., None]) -> None:
    keep = keeping._keep

    def keep_or_miss(*given: Any) -> Any:
        outcome = keep(*given)
        if isinstance(outcome, Exception):
            services, job, row, position, _ = given
            style = row.prompt_of(position).style
            due = Avatar(job.job_id, row.run, position, style, AvatarStatus.MISSING)
            services.jobs.put_avatar(due)
            return due
        return outcome

    replaced(keeping, "_keep", keep_or_miss)


@_mutant(
    "sequencer",
    "of several uploads of a file, the event that comes last decides",
    "U3",
    "stale photo",
    first=5,
)
def _last_event_wins(replaced: Callable[..., None]) -> None:
    judge = uploading.judge_photo

    def judge_always(services: Any, upload: Any, preparation: Any) -> Any:
        known = services.jobs.photo(upload.job_id, upload.photo_id)
        if known and known.sequencer > upload.sequencer:
            upload = replace(upload, sequencer=known.sequencer + "F")
        return judge(services, upload, preparation)

    replaced(judge_photo, "judge_photo", judge_always)


@_mutant(
    "claim of a run",
    "any execution may take up a run that another one works on",
    "T13 another execution",
    "two at work",
    first=2,
)
def _no_claim(replaced: Callable[..., None]) -> None:
    replaced(running, "_is_running", lambda services, execution: False)


@_mutant(
    "sweep",
    "nobody looks for what events have missed",
    "U4",
    "no end, late start, false failure",
)
def _no_sweep(replaced: Callable[..., None]) -> None:
    nothing = {"runs": 0, "started": 0, "resumed": 0, "closed": 0, "asked": 0}
    replaced(sweep_jobs, "sweep_jobs", lambda services: nothing)


@_mutant(
    "closing",
    "an execution that ends past its own Catch ends no job",
    "T14 abort",
    "no end",
    longest=TWO_DAYS,
)
def _no_closing(replaced: Callable[..., None]) -> None:
    replaced(close_job, "close_job", lambda *given: None)
    replaced(sweeping, "close_job", lambda *given: None)


@_mutant(
    "photos deleted",
    "the photos of a job stay where they are",
    "W1",
    "selfies left behind",
)
def _photos_stay(replaced: Callable[..., None]) -> None:
    replaced(Job, "is_done_with_photos", property(lambda job: False))


@_mutant(
    "stragglers erased",
    "what is prepared after the end of a job stays where it is",
    "U2",
    "selfies left behind",
)
def _stragglers_stay(replaced: Callable[..., None]) -> None:
    replaced(uploading, "_erase_straggler", lambda services, job: None)


@_mutant(
    "fresh key",
    "a refused key is not fetched again",
    "S5",
    "false failure",
    first=8,
)
def _old_key(replaced: Callable[..., None]) -> None:
    provider = AwsServices.provider
    replaced(
        AwsServices, "provider", lambda services, name, fresh_key=False: provider(services, name)
    )


@_mutant(
    "grace of a new id",
    "an id that is not found is lost at once",
    "W4",
    "false failure",
    first=3,
)
def _no_grace(replaced: Callable[..., None]) -> None:
    replaced(looking, "NOT_FOUND_GRACE", 0)


@_mutant(
    "advice of the provider",
    "looks come as often as somebody likes",
    "W1",
    "early look",
)
def _impatient(replaced: Callable[..., None]) -> None:
    replaced(Schedule, "first_wait", lambda schedule, *learned: 5)


@_mutant(
    "places",
    "as many trainings at once as there are jobs",
    "W1",
    "more at once than allowed",
    together=4,
    MAX_TRAININGS="2",
)
def _no_places(replaced: Callable[..., None]) -> None:
    replaced(admission, "_ahead", lambda *given: 0)
    replaced(admission, "_take", lambda *given: True)


@_mutant(
    "places given back",
    "whoever has a place keeps it",
    "W1",
    "place not given back",
)
def _places_kept(replaced: Callable[..., None]) -> None:
    for module in (submitting, training, inference, finishing):
        replaced(module, "give_back", lambda *given: None)


@_mutant(
    "gate",
    "a refusal that concerns all jobs keeps none from trying",
    "T11",
    "storm",
    first=3,
)
def _no_gate(replaced: Callable[..., None]) -> None:
    replaced(submitting, "pause", lambda *given, **more: None)


@_mutant(
    "waits as told",
    "the wait that the provider asks for is not waited",
    "T10",
    "impatient",
    first=4,
)
def _waits_little(replaced: Callable[..., None]) -> None:
    replaced(reading, "wait_seconds", lambda answer: 1)


@_mutant(
    "rescue",
    "an execution that died is not resumed",
    "X4",
    "false failure",
    first=1,
)
def _no_rescue(replaced: Callable[..., None]) -> None:
    replaced(finishing, "RESUMABLE", ())


@_mutant(
    "life of photo links",
    "photo links live a minute",
    "W1",
    "false failure",
)
def _short_links(replaced: Callable[..., None]) -> None:
    replaced(buckets, "LINK_SECONDS", 60)


@_mutant(
    "outcome that is open at the end",
    "a job that ends does not look for ids in raw answers",
    "T14 abort in flight",
    "lost model",
)
def _open_at_the_end(replaced: Callable[..., None]) -> None:
    replaced(finishing, "_open_outcome", lambda services, job_id, run: None)


@_mutant(
    "duplicates",
    "equal pictures count as often as they come",
    "U8",
    "bad photo paid for",
)
def _twins(replaced: Callable[..., None]) -> None:
    def all_of_them(photos: Sequence[Photo], *_: object) -> list[Photo]:
        return collecting.sorted_by_upload(photos)

    replaced(collecting, "without_unusable", all_of_them)


@_mutant(
    "fence",
    "a job that has ended, or is at another run, may still be worked on",
    "T14 abort and redrive",
    "sent after the end",
)
def _no_fence(replaced: Callable[..., None]) -> None:
    replaced(training, "require_run", lambda job, run: None)
    replaced(inference, "require_run", lambda job, run: None)

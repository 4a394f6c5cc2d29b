"""Whole jobs in a region: what they are made of, and what is true of them whatever happened."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from avatars.errors import (
    DownloadFailedError,
    NotSentError,
    OutcomeUnknownError,
    ProviderUnreachableError,
)
from avatars.model import (
    Answer,
    AvatarStatus,
    InferenceRequest,
    Job,
    JobStatus,
    Run,
    Sending,
    Spending,
    Stage,
)
from avatars.pipeline.admission import capacity_of, stack_capacity
from avatars.pipeline.submitting import FINDABLE_AFTER
from local.ministack import StateFailedError
from tests.builders import JOB_ID, a_picture
from tests.fakes import FakeAstria, FakeClock, FakeCompany, FakeServices, Sent, answer
from tests.region import Region

UNFINISHED = answer(202, {"status": "IN_PROGRESS"})

NOT_ACCEPTED = (400, 401, 402, 403, 404, 405, 413, 415, 422, 429, 431)
"""Answers that prove that nothing was started."""

ID_FIELDS = {
    "submit_training": ("model_id", "id"),
    "submit_inference": ("inference_id", "id"),
}
"""By which name the one and the other provider give an id."""


class Studio(FakeCompany):
    """The provider on a good day: avatars are ready at the first look. What has failed stays so."""

    clock: FakeClock
    pictures: dict[str, bytes]
    """Where the links lead."""
    signature = ""
    """How links end."""
    _asked: tuple[Any, ...] = ()

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._failed: dict[tuple[Any, ...], Answer] = {}

    def take(self, call: str, key: str, *arguments: object) -> Answer:
        self._asked = arguments
        return super().take(call, key, *arguments)

    def _reply(self, call: str, key: str) -> Answer | Exception:
        if self._asked in self._failed:
            return self._failed[self._asked]
        reply = super()._reply(call, key)
        if isinstance(reply, Answer) and b"FAILED" in reply.body:
            self._failed[self._asked] = reply  # once and for all
        if call == "check_inference" and reply == self._unfinished():
            _, inference_id = self._asked
            return self._finished(self.ordered(inference_id), inference_id)
        return reply

    def id_of(self, request: Sent) -> str | None:
        """What it calls a request that it has taken."""
        return given_id(request)

    def ordered(self, inference_id: str) -> InferenceRequest:
        """What it makes under that id."""
        sent = self.requests("submit_inference")
        [request] = [one.arguments[0] for one in sent if self.id_of(one) == inference_id]
        return request

    def _unfinished(self) -> Answer:
        return UNFINISHED

    def _finished(self, request: InferenceRequest, inference_id: str) -> Answer:
        return answer(200, {"status": "DONE", "urls": self._drawn(request, inference_id)})

    def _drawn(self, request: InferenceRequest, inference_id: str) -> list[str]:
        """Links to its avatars."""
        links = [
            f"https://cdn.results.test/{inference_id}/{number}.jpg{self.signature}"
            for number in range(sum(prompt.count for prompt in request.prompts))
        ]
        self.pictures |= {link: picture(number, side=32) for number, link in enumerate(links)}
        return links


class InstantStudio(Studio):
    """Avatars come from a photo, and the first one that it is sent is of no use."""

    def _finished(self, request: InferenceRequest, inference_id: str) -> Answer:
        first = self.requests("submit_inference")[0].arguments[0]
        if request.photo_link == first.photo_link:
            return answer(200, {"status": "IMAGE_NOT_VALID"})
        return super()._finished(request, inference_id)


class AstriaStudio(FakeAstria, Studio):
    """It lists what it has taken, once a minute has passed."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._came_at: dict[int, int] = {}

    def take(self, call: str, key: str, *arguments: object) -> Answer:
        self._came_at[len(self.sent)] = self.clock.now()
        return super().take(call, key, *arguments)

    def is_listed(self, request: Sent) -> bool:
        came_at = self._came_at[self.sent.index(request)]
        return self.clock.now() >= came_at + FINDABLE_AFTER

    def _finished(self, request: InferenceRequest, inference_id: str) -> Answer:
        return answer(200, {"images": self._drawn(request, inference_id)})


@cache
def picture(number: int, side: int = 512) -> bytes:
    """By default of exactly the size that training takes: preparing it costs little."""
    return a_picture(number, side=side)


def surroundings(kind: type[Studio] = Studio, **changes: Any) -> FakeServices:
    """Everything around a pipeline, with such a studio; *changes* are fields of Settings.

    Avatars are kept one by one: several at once would be kept in an order that nobody knows.
    """
    services = FakeServices(**{"batch_size": 1} | changes)
    studio = kind(services.effects)
    studio.clock = services.clock
    studio.pictures = services.downloads.pictures
    services.company = studio
    return services


def folder(photos: int = 5, avatars: int = 2, promised: bool = True) -> Mapping[str, bytes]:
    """The files of a folder: as many good photos, and what is wanted of them."""
    prompts = [{"style": "realistic", "count": avatars}]
    promise = {"photos": photos} if promised else {}
    wanted = {"subject": "woman", "prompts": prompts} | promise
    return {
        "job.json": json.dumps(wanted).encode(),
        **{f"{number}.jpg": picture(number) for number in range(photos)},
    }


SERVER_ERROR = ClientError({"Error": {"Code": "InternalServerError"}}, "AnyOperation")
TIMEOUT = ReadTimeoutError(endpoint_url="https://aws.test")
FAILURES: dict[str, Exception] = {
    "fetch key": NotSentError("The provider's key cannot be read."),
    "sign links": NotSentError("The role that signs the photo links cannot be assumed."),
    "submit training": ProviderUnreachableError("the provider could not be reached"),
    "submit inference": ProviderUnreachableError("the provider could not be reached"),
    "download": DownloadFailedError("The download was answered with 503."),
}
LOST_ANSWERS: dict[str, Exception] = FAILURES | {
    "submit training": OutcomeUnknownError("The request was cut off."),
    "submit inference": OutcomeUnknownError("The request was cut off."),
}
LOOKS = ("check training", "check inference", "balance")


def is_killed(region: Region) -> None:
    """The process dies at this moment."""
    region.services.effects.kill()


def fails(region: Region) -> None:
    """What an adapter raises at this moment: before an effect, it does not happen; after it,
    nobody hears of it."""
    side, _, effect = region.services.effects.moments[-1].partition(" ")
    if effect in LOOKS:
        region.services.company.will(effect.replace(" ", "_"), Answer(0, {}, b"ReadTimeout"))
    elif side == "before":
        raise FAILURES.get(effect, SERVER_ERROR)
    else:
        raise LOST_ANSWERS.get(effect, TIMEOUT)


def the_job(region: Region) -> Job:
    with region.services.effects.unwatched():
        job: Job = region.services.jobs.job(JOB_ID)
        return job


def the_runs(region: Region) -> list[Run]:
    """All runs of the job, the newest last; one may have been created that the job knows not."""
    jobs = region.services.jobs
    last = the_job(region).run
    with region.services.effects.unwatched():
        return [jobs.run(JOB_ID, number) for number in range(1, last + 1)]


def given_id(request: Sent) -> str | None:
    """The `model_id` or `inference_id` that the provider has given to a request."""
    reply = request.reply
    if not isinstance(reply, Answer) or not 200 <= reply.status_code < 300:
        return None
    try:
        given = json.loads(reply.body)
        [accepted_id] = (given[name] for name in ID_FIELDS[request.call] if name in given)
    except (ValueError, TypeError):
        return None
    return str(accepted_id)


def is_refused(request: Sent, company: FakeCompany) -> bool:
    """Whether it is proved that the provider has started nothing for a request."""
    if isinstance(company, FakeAstria):
        return company.id_of(request) is None
    if isinstance(request.reply, Answer):
        return request.reply.status_code in NOT_ACCEPTED
    return isinstance(request.reply, ProviderUnreachableError)


def nothing_is_paid_for_twice(region: Region) -> None:
    """A request was followed by another one only where it is proved that it started nothing, or
    where the settings allow it."""
    company, resubmissions = region.services.company, region.services.settings.resubmissions
    for stage in Stage:
        wanted: dict[object, list[Sent]] = defaultdict(list)
        for request in company.requests(f"submit_{stage}"):
            wanted[what_it_is_for(request)].append(request)
        for requests in wanted.values():
            doubtful = [one for one in requests[:-1] if not is_refused(one, company)]
            assert len(doubtful) <= resubmissions[stage], doubtful
    inferences = [one for run in the_runs(region) for one in run.inferences]
    fruitless = sum(len(one.fruitless) for one in inferences)
    assert len({what_it_is_for(one) for one in company.requests("submit_inference")}) <= (
        len(inferences) + fruitless
    )


def what_it_is_for(request: Sent) -> object:
    """What two requests may not both be for: a job's model, or the same avatars of a run of the
    same photo."""
    asked = request.arguments[0]
    return asked.title, getattr(asked, "photo_link", None)


def no_id_is_lost(region: Region) -> None:
    """Each id that the provider gave stands in the table, or the job says that one may be lost."""
    job, runs = the_job(region), the_runs(region)
    inferences = [one for run in runs for one in run.inferences]
    known = {job.model_id, *(i for run in runs for i in run.inference_ids)}
    known |= {i for one in inferences for i in one.fruitless}
    submissions = filter(None, (job.training, *(one.submission for one in inferences)))
    may_be_lost = sum((one.state is Sending.INTENDED) + one.abandoned for one in submissions)
    company = region.services.company
    given = {company.id_of(one) for one in company.sent if one.call in ID_FIELDS}
    lost = given - known - {None}
    assert len(lost) <= may_be_lost, lost
    if job.training and job.training.state is Sending.INTENDED:
        assert job.code == "TRAINING_OUTCOME_UNKNOWN"
    for run in runs:
        sent = [one.submission for one in run.inferences if one.submission]
        if any(submission.state is Sending.INTENDED for submission in sent):
            assert run.status is JobStatus.NEEDS_ATTENTION


def accounts(region: Region) -> list[Spending]:
    """That of the stack and, where it is capped, that of the owner."""
    services = region.services
    with services.effects.unwatched():
        job = services.jobs.job(JOB_ID)
        found = [stack_capacity(services).spending()]
        if services.settings.spending.owner_per_day:
            found.append(services.owners.change_spending(job.owner, lambda known: known))
    return found


def no_cap_is_exceeded(region: Region) -> None:
    """On no day is more spent and reserved than may be."""
    limits = region.services.settings.spending
    caps = (limits.per_day, limits.owner_per_day)
    for spending, cap in zip(accounts(region), caps, strict=False):
        assert not cap or spending.committed <= cap


def nothing_stays_reserved(region: Region) -> None:
    """After the end, but for requests that nobody knows the outcome of."""
    submissions = {f"{JOB_ID}-1 training": the_job(region).training}
    submissions |= {
        f"{run.name} inference" + (f" {place + 1}" if place else ""): one.submission
        for run in the_runs(region)
        for place, one in enumerate(run.inferences)
    }
    for spending in accounts(region):
        for name, reserved in spending.reserved.items():
            submission = submissions[name]
            assert reserved.in_doubt, name
            assert submission is not None, name
            assert submission.state is Sending.INTENDED, name


def it_ended_well_or_says_why(region: Region) -> None:
    """The job, its run and the world agree on how it ended; nothing of it is left at work."""
    job, run = the_job(region), the_runs(region)[-1]
    services = region.services
    assert all(execution.status != "RUNNING" for execution in region.executions.values())
    assert job.status.ended
    assert (job.code is None) == (job.reason is None) == (job.status is JobStatus.COMPLETED)
    assert run.status is job.status
    assert run.ended_at is not None
    assert run.waiting is None
    told = [detail["status"] for _, detail in services.notices.published if "job_id" in detail]
    assert told[-1] == job.status
    with services.effects.unwatched():
        now = services.clock.now()
        capacity = capacity_of(services, job.provider)
        assert not any(capacity.leases(stage).alive(now) for stage in Stage)
    if job.status is JobStatus.COMPLETED:
        every_avatar_is_kept(region, run)


def every_avatar_is_kept(region: Region, run: Run) -> None:
    with region.services.effects.unwatched():
        avatars = region.services.jobs.avatars(JOB_ID, run.run)
    assert [avatar.position for avatar in avatars] == [*range(1, run.avatars + 1)]
    for avatar in avatars:
        data = region.services.avatar_bucket.read(avatar.key)
        assert avatar.status is AvatarStatus.KEPT
        assert data is not None
        assert hashlib.sha256(data).hexdigest() == avatar.sha256


def what_is_kept(region: Region) -> object:
    """All rows of the job, and all that stays, to be compared with those of another moment."""
    services = region.services
    with services.effects.unwatched():
        rows = [services.jobs.photos(JOB_ID), services.jobs.avatars(JOB_ID, the_job(region).run)]
    avatars = {key: list(those) for key, those in services.avatar_bucket.versions.items()}
    return the_job(region), the_runs(region), rows, avatars


def repeating_changes_nothing(region: Region) -> None:
    """After the end every event comes once more, and every step is called once more.

    But for uploads whose preparation was lost: that they get a verdict then is right.
    """
    before = what_is_kept(region)
    judged = [event["requestPayload"] for name, event in region.taken if name == "judge_photo"]
    for function, event in list(region.taken):
        if function != "prepare_photo" or event in judged:
            region.deliver(function, event)
    region.run()
    for execution in region.executions.values():
        for met in execution.met:
            if met.call and met.call[0] != "begin_run":  # which opens an ended job again
                with suppress(StateFailedError):
                    region.invoke(*met.call)
    assert what_is_kept(region) == before

"""The nouns: jobs, photos, runs, avatars, and what the provider answers."""

import base64
import hashlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from avatars.schedule import Schedule

Item = TypeVar("Item")

MAX_PHOTOS = 30
"""Most photos of a job, whoever its provider is: what a training takes at most (provider's guide,
AI Avatars 101)."""

JOB_ID_LENGTH = 26
"""130 bits: no two folders of the world share an id."""

MOST_RESCUES = 3
"""How often a run is resumed without a person: a fault that comes every time must not go on."""

MAX_PHOTO_BYTES = 50 * 1024 * 1024
"""Largest upload that is prepared: what headshot services take (headshotpro.com/docs, photo
standards)."""


class JobStatus(StrEnum):
    """Where a job stands; within a run it only moves forward."""

    COLLECTING = "COLLECTING"
    TRAINING = "TRAINING"
    INFERRING = "INFERRING"
    KEEPING = "KEEPING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    NEEDS_ATTENTION = "NEEDS_ATTENTION"

    @property
    def ended(self) -> bool:
        return self in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.NEEDS_ATTENTION)

    def comes_before(self, other: "JobStatus") -> bool:
        """Whether a job may move from this status to *other*."""
        order = list(JobStatus)
        return not self.ended and order.index(self) < order.index(other)


class PhotoStatus(StrEnum):
    """The verdict on a photo."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SURPLUS = "surplus"
    LATE = "late"


class Advice(StrEnum):
    """What a person would say about a photo; the sentences are in `avatars.advice`.

    It is used all the same, unless the settings reject it for that.
    """

    LOW_RESOLUTION = "low_resolution"
    TOO_DARK = "too_dark"
    BLOWN_OUT = "blown_out"
    BLURRED = "blurred"
    NOT_A_PHOTO = "not_a_photo"
    NO_FACE = "no_face"
    SEVERAL_PEOPLE = "several_people"
    MISSING_PERSON = "missing_person"
    SMALL_FACE = "small_face"
    CUT_OFF_FACE = "cut_off_face"
    NEAR_DUPLICATE = "near_duplicate"


class Subject(StrEnum):
    """Who or what is on the photos; the provider's `type` (AI Avatars 101)."""

    MAN = "man"
    WOMAN = "woman"
    COUPLE = "couple"
    DOG = "dog"
    CAT = "cat"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One line of an inference request: *count* avatars in one *style*."""

    style: str
    count: int = 1
    prompt: str | None = None
    negative_prompt: str | None = None
    """What is not to be seen; only where the provider takes such a thing."""


class DoorName(StrEnum):
    """Where an order came in."""

    API = "api"
    COMMAND_LINE = "command_line"
    BUCKET = "bucket"


@dataclass(frozen=True, slots=True)
class Consent:
    """That the owner has declared that whoever is on the photos agrees to avatars of them."""

    text_version: str
    """Which text they agreed to."""
    recorded_at: int
    door: DoorName


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is wanted of a folder of photos."""

    subject: Subject
    prompts: tuple[Prompt, ...]
    photos: int | None = None
    """How many photos were promised; None means: until no more arrive."""
    hold: bool = False
    """Begin only when somebody asks for it, however many photos there are."""
    webhook: str | None = field(default=None, repr=False)
    """Where the end of the job is told: an address that may hold a secret."""
    consent: str | None = None
    """The version of the text that whoever is on the photos has agreed to; None: nobody says so."""
    provider: str | None = None
    """Who is to make the avatars; None for whoever does for the stack."""


class Sending(StrEnum):
    """What is known of a request to the provider that must not be sent twice."""

    INTENDED = "intended"
    """About to be sent, or sent; the outcome is unknown until an id is recorded."""
    NOT_SENT = "not_sent"
    """Provably not accepted; it may be sent again."""
    ABANDONED = "abandoned"
    """Its outcome stayed unknown, and the settings allow that it is sent once more."""
    ACCEPTED = "accepted"
    FRUITLESS = "fruitless"
    """Accepted, and nothing came of it: its photo is not valid. It may be sent with another."""


@dataclass(frozen=True, slots=True)
class Submission:
    """The one request of a stage: the intent, written before it is sent."""

    attempt: int
    token: str
    """Names the one invocation that may send this attempt."""
    state: Sending
    intended_at: int
    deadline: int
    """When what it started is overdue."""
    abandoned: int = 0
    """How many earlier attempts were abandoned: each may have been accepted and paid for."""
    looks: tuple[int, ...] = ()
    """When to look at it, in seconds after the intent, as learned from earlier jobs; empty where
    too few are known, and the provider's advice is followed."""

    @property
    def may_be_sent_again(self) -> bool:
        return self.state in (Sending.NOT_SENT, Sending.ABANDONED, Sending.FRUITLESS)


class Stage(StrEnum):
    """What the provider does for a job."""

    TRAINING = "training"
    INFERENCE = "inference"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do, and how it wants to be asked.

    The pipeline asks these and never a name, so that another provider is another adapter.
    """

    account: str
    """Whose key, credits and limits it shares: two products of one company have one."""
    trains: bool
    """Whether avatars come from a model that is trained first; else from a photo, at once."""
    least_photos: int
    """That a job needs."""
    most_photos: int
    """That a job may use."""
    photos_at_once: int | None
    """How many of them go into one request, the best first; None for all."""
    subjects: Set[Subject]
    free_text: bool
    """Whether a style is words of a prompt, so that any may be asked for; else one of a list."""
    negative_prompts: bool
    prompts_at_once: bool
    """Whether all prompts of a run are one request; else each is one of its own."""
    avatars_at_once: int | None
    """The most avatars of one request; None where nobody says."""
    avatar_pixels: int
    """Width, and height, of an avatar."""
    link_seconds: int
    """For how long finished avatars can be fetched."""
    model_seconds: int | None
    """For how long a model is kept; None where nobody says."""
    training: Schedule
    """When to look; without a meaning where nothing is trained."""
    inference: Schedule
    finds_requests: bool
    """Whether a request whose answer is lost can be looked up."""

    def schedule(self, stage: Stage) -> Schedule:
        """When to look at what it does in this stage."""
        return self.training if stage is Stage.TRAINING else self.inference


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What a model is wanted of."""

    title: str
    """What the request goes by, the same in each attempt."""
    photo_links: tuple[str, ...] = field(repr=False)
    subject: Subject


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """Which avatars are wanted, of a model or of a photo."""

    prompts: tuple[Prompt, ...]
    subject: Subject
    model_id: str | None = None
    photo_link: str | None = field(default=None, repr=False)
    title: str = ""
    """What the request goes by, the same in each attempt: which one it is of which run."""


class WaitReason(StrEnum):
    """Why a request is not sent yet."""

    CAPACITY = "PROVIDER_CAPACITY"
    """As many trainings or inferences are under way as the settings allow."""
    BUSY = "PROVIDER_BUSY"
    """The provider said "too many requests"."""
    CREDITS = "OUT_OF_CREDITS"
    KEY = "PROVIDER_KEY_REFUSED"
    OUTAGE = "PROVIDER_OUTAGE"
    NOT_SENT = "NOT_SENT"
    """The step that sends it failed before it had sent anything."""
    SPEND_CAP = "SPEND_CAP"
    """What may be spent on this day is spent, or reserved."""

    @property
    def needs_a_person(self) -> bool:
        return self in (WaitReason.CREDITS, WaitReason.KEY)


@dataclass(frozen=True, slots=True)
class Waiting:
    """That a run waits for the provider, and for what."""

    stage: Stage
    reason: WaitReason
    since: int
    """Since when it could have been sent: the order in which requests are."""
    until: int
    """When it asks again at the latest; whoever has not done so is not waiting any more."""
    ahead: int = 0
    """How many others come first, as far as anybody has counted."""
    stuck: int = 0
    """How often it has asked since it last came forward."""
    account: str = ""
    """At whose door; see `Capabilities`."""

    @property
    def is_in_line(self) -> bool:
        """Whether others come after it: who may not pay yet stands in nobody's way."""
        return self.reason is not WaitReason.SPEND_CAP


@dataclass(frozen=True, slots=True)
class Waiter:
    """One of the runs that wait for the same stage."""

    since: int
    run: str
    """`{job_id}-{run}`; who waits since the same second goes by this."""
    until: int


@dataclass(frozen=True, slots=True)
class Leases:
    """Who may have a training, or an inference, at the provider now."""

    holders: Mapping[str, int] = field(default_factory=dict)
    """Until when, by run (`{job_id}-{run}`)."""
    version: int = 0

    def alive(self, now: int) -> dict[str, int]:
        """Without those that are over: their holders died without giving them back."""
        return {run: until for run, until in self.holders.items() if until > now}


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether anything is sent to the provider at all, for all jobs together."""

    closed: WaitReason | None = None
    last: WaitReason | None = None
    """What it was closed for, now or the last time."""
    since: int | None = None
    probe_at: int | None = None
    """When one of those who wait may find out whether the trouble is over."""
    troubles: int = 0
    """How many requests in a row met an outage."""
    told: bool = True
    """Whether nothing is left to tell: the alarm has been rung, or a request that was taken since
    has proven that the trouble is over."""
    version: int = 0


@dataclass(frozen=True, slots=True)
class Reserved:
    """The price of a request that is about to be sent, or may have been accepted."""

    credits: int
    day: int
    """Which day's: days since 1970 in UTC, by the clock."""
    in_doubt: bool = False
    """Whether its run has ended, and nobody knows what became of it."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What the jobs of all, or of one owner, have cost today and may still cost, in credits."""

    day: int = 0
    """The last one on which anything was reserved."""
    spent: int = 0
    """On that day."""
    reserved: Mapping[str, Reserved] = field(default_factory=dict)
    """By `{job_id}-{run} {stage}`."""
    balance: int | None = None
    """What the provider had left for us when it was asked last, less what was paid since; None
    where it has not said so."""
    asked_at: int = 0
    version: int = 0

    @property
    def committed(self) -> int:
        """What of the day's cap is used up."""
        today = (one.credits for one in self.reserved.values() if one.day == self.day)
        return self.spent + sum(today)

    @property
    def outstanding(self) -> int:
        """What the provider has yet to charge for, of whatever day."""
        return sum(one.credits for one in self.reserved.values() if not one.in_doubt)


@dataclass(frozen=True, slots=True)
class ChosenPhoto:
    """One photo of the frozen set: the prepared picture in exactly this version."""

    photo_id: str
    version_id: str
    score: int | None = None
    """How good it is, of 100, where only the best one is sent; see `Photo`."""


@dataclass(frozen=True, slots=True)
class Job:
    """One folder of photos on its way to avatars. Times are Unix seconds of the clock."""

    job_id: str
    owner: str
    folder: str
    subject: Subject
    provider: str
    status: JobStatus
    created_at: int
    collect_deadline: int
    run: int = 1
    execution_started: bool = False
    promised: int | None = None
    held: bool = False
    """Whether it begins only when its owner asks for it."""
    chosen: tuple[ChosenPhoto, ...] = ()
    """In the order of their uploads, or the best one first, where only that is sent."""
    chosen_at: int | None = None
    invalid_photos: tuple[str, ...] = ()
    """Those of them (their `photo_id`) that the provider has found not valid."""
    training: Submission | None = None
    model_id: str | None = None
    trained_at: int | None = None
    code: str | None = None
    reason: str | None = None
    erased_at: int | None = None
    """Since when there is nothing of it any more but its ids: its owner has had it erased."""
    webhook: str | None = field(default=None, repr=False)
    """Where its end is told, beside the stack's own webhook."""
    consent: Consent | None = None
    ended_at: int | None = None
    """Since when it has ended; None while it is at work, or where that was not noted yet."""
    keeps_photos: bool = False
    """Whether its photos outlive its end, until the sweep finds that their time is over."""
    version: int = 0

    @property
    def takes_no_photos(self) -> bool:
        # One that needs attention before its set is frozen goes on collecting when it is taken up.
        return bool(self.chosen) or self.status in (JobStatus.COMPLETED, JobStatus.FAILED)

    @property
    def is_done_with_photos(self) -> bool:
        """Whether it has ended, and nobody can need its photos any more.

        A training whose outcome is open may still fetch them, and a person may send it again: then
        the lifecycle rule of the bucket deletes them.
        """
        needs_attention = self.status is JobStatus.NEEDS_ATTENTION
        return self.status.ended and (not needs_attention or self.trained_at is not None)

    @property
    def has_photos(self) -> bool:
        """Whether its photos are still there, as far as nobody but we deletes them."""
        return not self.is_done_with_photos or self.keeps_photos

    @property
    def has_model(self) -> bool:
        """Whether more avatars can be ordered from its model."""
        return self.trained_at is not None and self.model_id is not None

    def forward(self, status: JobStatus) -> "Job":
        """The job in *status*, unless it stands there already or further on."""
        return replace(self, status=status) if self.status.comes_before(status) else self


@dataclass(frozen=True, slots=True)
class Inference:
    """One request for avatars: for all prompts of a run, or for one of them."""

    avatars: int
    """How many are asked for."""
    prompt: int | None = None
    """Which prompt of the run, from 0; None for all."""
    submission: Submission | None = None
    inference_id: str | None = None
    photo_id: str | None = None
    """The photo that it is made from, where there is no model."""
    fruitless: tuple[str, ...] = ()
    """Earlier ids of it (`inference_id`), of photos that were not valid."""
    links: int = 0
    """How many avatars the provider announced; the links themselves stay in its raw answer."""
    announced_at: int | None = None
    links_expire_at: int | None = None
    reason: str | None = None
    """Why nothing came of it, where the others of its run go on: it counts as announced, without
    links."""

    @property
    def is_accepted(self) -> bool:
        return self.submission is not None and self.submission.state is Sending.ACCEPTED

    @property
    def is_due(self) -> bool:
        """Whether the provider has yet to accept it."""
        return not self.is_accepted and self.reason is None


@dataclass(frozen=True, slots=True)
class Run:
    """One execution for a job: the first trains, further ones reuse the model."""

    job_id: str
    run: int
    prompts: tuple[Prompt, ...]
    execution: str | None = None
    inferences: tuple[Inference, ...] = ()
    """In the order of the prompts; none before the first is about to be sent."""
    started_at: int | None = None
    ended_at: int | None = None
    status: JobStatus | None = None
    keep_rounds: int = 0
    """How often fresh links to avatars that could not be fetched were asked for."""
    rescues: int = 0
    """How often it was resumed without a person."""
    waiting: Waiting | None = None
    version: int = 0

    @property
    def name(self) -> str:
        return f"{self.job_id}-{self.run}"

    @property
    def avatars(self) -> int:
        return sum(prompt.count for prompt in self.prompts)

    @property
    def inference_ids(self) -> tuple[str, ...]:
        """What the provider calls its inferences, as far as it has said."""
        return tuple(one.inference_id for one in self.inferences if one.inference_id)

    @property
    def announced_at(self) -> int | None:
        """Since when the provider has announced all of its avatars."""
        times = [one.announced_at for one in self.inferences if one.announced_at is not None]
        return max(times) if times and len(times) == len(self.inferences) else None

    @property
    def links(self) -> int:
        """Up to which position the provider has announced avatars, once it has all."""
        is_known = [
            one.links > 0 or one.announced_at is not None or one.reason is not None
            for one in self.inferences
        ]
        if not is_known or not all(is_known):
            return 0
        return sum(one.avatars for one in self.inferences[:-1]) + self.inferences[-1].links

    @property
    def links_expire_at(self) -> int | None:
        """When the first of its links dies."""
        times = [one.links_expire_at for one in self.inferences if one.links_expire_at is not None]
        return min(times, default=None)

    def with_inference(self, place: int, inference: Inference) -> "Run":
        """The run with another inference at that place (from 0)."""
        before, after = self.inferences[:place], self.inferences[place + 1 :]
        return replace(self, inferences=(*before, inference, *after))

    def unannounced(self) -> "Run":
        """The run before the provider is asked for links anew.

        There is nothing to ask about what it never accepted.
        """
        inferences = tuple(
            replace(one, announced_at=None) if one.is_accepted else one for one in self.inferences
        )
        return replace(self, inferences=inferences)

    def reason_at(self, position: int) -> str | None:
        """Why there is no avatar at *position* (from 1), where nothing came of its request."""
        reasons = [one.reason for one in self.inferences for _ in range(one.avatars)]
        return reasons[position - 1] if position <= len(reasons) else None

    def prompts_of(self, inference: Inference) -> tuple[Prompt, ...]:
        """What one of its inferences asks for."""
        if inference.prompt is None:
            return self.prompts
        return (replace(self.prompts[inference.prompt], count=inference.avatars),)

    def prompt_of(self, position: int) -> Prompt:
        """What the avatar at *position* (from 1) was asked for: prompts are answered in order."""
        return [prompt for prompt in self.prompts for _ in range(prompt.count)][position - 1]


@dataclass(frozen=True, slots=True)
class Photo:
    """One upload and the verdict on it."""

    job_id: str
    photo_id: str
    file: str
    upload_version: str
    sequencer: str
    uploaded_at: int
    """Unix seconds of the wall clock, from the upload's event."""
    status: PhotoStatus
    code: str | None = None
    reason: str | None = None
    version_id: str | None = None
    """The version of the prepared picture."""
    pixels: str | None = None
    """SHA-256 of the prepared JPEG: equal pixels have the same, and count once."""
    crop: tuple[int, ...] | None = None
    advice: tuple[Advice, ...] = ()
    """What can be said about it whoever is to be drawn; see `avatars.advice`."""
    people: int | None = None
    """How many faces it is of; None where nobody looked."""
    likeness: str | None = None
    """64 bits in hex, of which photos that look alike have most in common."""
    taken_at: int | None = None
    """When, by the camera's clock, in seconds."""
    score: int | None = None
    """How good it is by itself, 0 to 100; None where it was prepared before anybody looked."""
    bytes: int | None = None


class AvatarStatus(StrEnum):
    """Whether an avatar is in our bucket."""

    KEPT = "kept"
    DUE = "due"
    """Not yet, but another try may bring it."""
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Avatar:
    """One finished picture, or the reason why it is not in our bucket."""

    job_id: str
    run: int
    position: int
    style: str
    status: AvatarStatus
    key: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    reason: str | None = None
    favourite: bool = False
    """Whether its owner likes it best."""
    source_type: str | None = None
    """Where it comes from, as its file says (IPTC); None where it was kept before files did."""
    signed: bool = False
    """Whether its file has content credentials (C2PA), too."""


@dataclass(frozen=True, slots=True)
class Archive:
    """All avatars of a job in one ZIP file."""

    key: str
    bytes: int


@dataclass(frozen=True, slots=True)
class ArchiveClaim:
    """That somebody packs an archive."""

    job_id: str
    key: str
    until: int
    """Unix seconds of the wall: after that, another one may."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some of many things, and where the others are."""

    items: Sequence[Item]
    next: str | None = None
    """What to ask with for those that come after these; None where there are none."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What a request asks of a provider, as far as it tells how long that takes."""

    provider: str
    stage: Stage
    subject: Subject
    size: int
    """How many photos a training has, or how many avatars are ordered."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Where its duration is remembered, those that are most like it first: of its subject and
        size, of its size, of all. Sizes are alike that differ by less than a factor of two: 8 to
        15, 16 to 31."""
        least = 1 << (max(self.size, 1).bit_length() - 1)
        size, stage = f"{least}-{2 * least - 1}", f"{self.provider}/{self.stage}"
        return f"{stage}/{self.subject}/{size}", f"{stage}/any/{size}", f"{stage}/any/any"


class Took(NamedTuple):
    """Between which looks something ended, in seconds after the intent to ask for it."""

    after: int
    """The last look that found it under way; 0 where there was none."""
    within: int
    """The look that found it done."""


@dataclass(frozen=True, slots=True)
class Durations:
    """How long requests of a kind took lately, in the order in which they ended."""

    took: tuple[Took, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """The jobs that an owner has ordered lately: what the limits count."""

    orders: Mapping[str, "Ordered"] = field(default_factory=dict)
    """By `job_id`; those of more avatars by the name of the run that makes them."""
    version: int = 0


@dataclass(frozen=True, slots=True)
class Ordered:
    """One order of an owner."""

    at: int
    photos: tuple[str, ...] = ()
    """Which, by the beginning of their `photo_id`: the same one again counts once."""


@dataclass(frozen=True, slots=True)
class Erased:
    """How many things of each kind an erasure has deleted, all their versions counted."""

    uploads: int = 0
    photos: int = 0
    avatars: int = 0
    archives: int = 0
    answers: int = 0
    rows: int = 0

    def __add__(self, other: "Erased") -> "Erased":
        return Erased(
            uploads=self.uploads + other.uploads,
            photos=self.photos + other.photos,
            avatars=self.avatars + other.avatars,
            archives=self.archives + other.archives,
            answers=self.answers + other.answers,
            rows=self.rows + other.rows,
        )


MOST_RUNS = 999
"""Numbers of runs stand in names and keys with three digits."""


class Cause(StrEnum):
    """Why a job is erased."""

    OWNER = "owner"
    """Its owner, or somebody for them, has asked for it."""
    RETENTION = "retention"
    """It has been kept for as long as the settings say."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a job that was erased; it names nobody."""

    job_id: str
    erased_at: int
    stopped: bool
    """Whether an execution was still at work on it."""
    erased: Erased
    model_id: str | None = None
    """What the provider may still have: nothing is deleted there."""
    cause: Cause = Cause.OWNER
    consent: Consent | None = None
    """What had been declared, so that it can still be shown."""
    version: int = 0

    def __add__(self, other: "Receipt") -> "Receipt":
        """The same job's, with what another pass has erased."""
        return replace(
            self,
            erased_at=self.erased_at or other.erased_at,
            stopped=self.stopped or other.stopped,
            erased=self.erased + other.erased,
            model_id=other.model_id or self.model_id,
            cause=self.cause if self.erased_at else other.cause,
            consent=self.consent or other.consent,
        )


@dataclass(frozen=True, slots=True)
class Upload:
    """One object that arrived in the upload bucket."""

    owner: str
    folder: str
    file: str
    version_id: str
    sequencer: str
    uploaded_at: int
    bytes: int

    @property
    def job_id(self) -> str:
        return job_id_for(self.owner, self.folder)

    @property
    def photo_id(self) -> str:
        return photo_id_for(self.file)


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """One object found when an upload folder is listed."""

    file: str
    uploaded_at: int
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Form:
    """A presigned POST: send *fields*, then the file, to *url*."""

    url: str
    fields: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """The provider's answer as it came, before anybody has read anything into it."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())


class ProgressState(StrEnum):
    """What a status of the provider means to us."""

    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    BAD_INPUT = "bad_input"
    NOT_FOUND = "not_found"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the provider is."""

    state: ProgressState
    word: str = ""
    """The provider's own word."""
    reason: str | None = None
    wait_seconds: int | None = None
    """The least wait that the provider asked for."""
    links: tuple[str | None, ...] = field(default=(), repr=False)
    """Where the finished avatars can be fetched, for 48 hours, in the order of the prompts; None
    where the provider gave none, or one that it gave before."""


class DriftKind(StrEnum):
    """In what an answer of the provider is not what it was."""

    UNKNOWN_WORD = "unknown_word"
    MISSING_FIELD = "missing_field"
    NEW_SHAPE = "new_shape"
    CHANGED_HEADER = "changed_header"


@dataclass(frozen=True, slots=True)
class Drift:
    """That an answer is not as the provider's documentation, or its users, have it."""

    kind: DriftKind
    shape: str
    """What it is like instead, in names and types: `{status: text, data: [{id: text}]}`."""


class Receiver(StrEnum):
    """Whose webhook is told how a job ended; each is told by a message of its own."""

    JOB = "job"
    STACK = "stack"


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """One message of the queue in front of `send_webhook`."""

    receiver: Receiver
    notice: Mapping[str, Any]
    """The event that tells how the job ended, as EventBridge delivered it."""
    tries: int
    """How often it has been handed out, this time included."""
    body: str
    """The message as it came."""
    receipt: str = field(repr=False)
    """What the queue wants to see before it hands it out later."""


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """What a receiver answered; its body is not read."""

    status_code: int
    retry_after: str | None = None
    """The header as it came: seconds, or a date."""


def job_id_for(owner: str, folder: str) -> str:
    """The id of the job of a folder, known before the first upload: letters A-Z and digits 2-7."""
    digest = hashlib.sha256(f"{owner}/{folder}".encode()).digest()
    return base64.b32encode(digest).decode()[:JOB_ID_LENGTH]


def photo_id_for(file: str) -> str:
    """The id of a photo within its job: any name makes a plain one."""
    return hashlib.sha256(file.encode()).hexdigest()[:20]

"""What the pipeline needs of the outside."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from avatars.clock import Clock
from avatars.metrics import Call, Metric
from avatars.model import (
    Allowance,
    Answer,
    ArchiveClaim,
    Avatar,
    Capabilities,
    ChosenPhoto,
    Drift,
    Durations,
    Form,
    Gate,
    InferenceRequest,
    Job,
    Leases,
    Page,
    Photo,
    Progress,
    Prompt,
    Receipt,
    Run,
    Spending,
    Stage,
    StoredUpload,
    TrainingRequest,
    Upload,
    Waiter,
    WaitReason,
    WebhookAnswer,
    WebhookMessage,
)
from avatars.settings import Settings


class Jobs(Protocol):
    """The table of jobs: every id that was ever paid for."""

    def find_job(self, job_id: str) -> Job | None: ...

    def job(self, job_id: str) -> Job:
        """Raises JobNotFoundError."""

    def run(self, job_id: str, run: int) -> Run:
        """Raises JobNotFoundError."""

    def create_job(self, job: Job, run: Run) -> Job:
        """Store a job with its first run unless there is one; returns the one that stands."""

    def change_job(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        """Apply *change* to the newest job and store the outcome.

        Where somebody else was faster, *change* is applied again to what they stored: it decides
        on the newest facts, and of two that may not both happen one sees the other. Returning the
        job unchanged stores nothing; raising stores nothing.
        """

    def change_run(self, job_id: str, run: int, change: Callable[[Run], Run]) -> Run:
        """The same for a run."""

    def unfinished_runs(self) -> list[tuple[str, int]]:
        """Job and number of every run that has not ended, oldest first; may lag by seconds."""

    def ended_jobs(self, until: int, most: int | None = None, *, with_photos: bool) -> list[str]:
        """The first *most* jobs, or all, that ended no later than *until* and are not erased,
        oldest first: those that keep their photos, or those that do not; may lag by seconds."""

    def waiting_runs(self, account: str, stage: Stage, most: int) -> list[Waiter]:
        """The first *most* of those that wait for a stage at the providers with this account, in
        their order; may lag by seconds."""

    def create_run(self, run: Run) -> Run:
        """Store a run unless there is one; returns the one that stands."""

    def photo(self, job_id: str, photo_id: str) -> Photo | None: ...

    def photos(self, job_id: str) -> list[Photo]: ...

    def put_photo(self, photo: Photo) -> bool:
        """Store a verdict unless there is one on a newer upload of the same file."""

    def avatars(self, job_id: str, run: int) -> list[Avatar]: ...

    def put_avatar(self, avatar: Avatar) -> None:
        """Store an avatar; one that is kept is never overwritten by one that is not.

        What its owner has marked stays marked.
        """

    def mark_favourite(
        self, job_id: str, run: int, position: int, favourite: bool
    ) -> Avatar | None:
        """The avatar with the mark set or taken away; None where there is no such avatar."""

    def jobs_of(
        self, owner: str, most: int, after: str | None = None, *, with_model: bool = False
    ) -> Page[Job]:
        """An owner's jobs that are not erased, the newest first; may lag by moments.

        Raises BadCursorError.
        """

    def avatars_of(
        self, job_id: str, most: int, after: str | None = None, run: int | None = None
    ) -> Page[Avatar]:
        """The avatars of all runs of a job, or of one, in order. Raises BadCursorError."""

    def erase(self, job_id: str, keep_run: int | None = None) -> int:
        """Delete the rows of a job but that of the job itself, its receipt and, for now, a run.

        Returns how many there were.
        """

    def add_to_receipt(self, receipt: Receipt) -> Receipt:
        """Add what was erased to what stands in the receipt; returns all of it."""

    def receipt(self, job_id: str) -> Receipt | None: ...

    def claim_archive(self, claim: ArchiveClaim, now: int) -> bool:
        """Whether the archive may be packed now: nobody else is at work on the same."""


class Capacity(Protocol):
    """What all jobs together may ask of the providers with one account."""

    def gate(self) -> Gate: ...

    def change_gate(self, change: Callable[[Gate], Gate]) -> Gate:
        """As `Jobs.change_job`; there is an open gate before anybody has changed it."""

    def leases(self, stage: Stage) -> Leases: ...

    def change_leases(self, stage: Stage, change: Callable[[Leases], Leases]) -> Leases:
        """The same for the leases of a stage."""

    def durations(self, key: str) -> Durations: ...

    def change_durations(self, key: str, change: Callable[[Durations], Durations]) -> Durations:
        """The same for how long something has taken lately: one of `Workload.keys`."""

    def spending(self) -> Spending: ...

    def change_spending(self, change: Callable[[Spending], Spending]) -> Spending:
        """The same for what all jobs together cost."""


class Owners(Protocol):
    """What is remembered of an owner beside the jobs."""

    def change_allowance(self, owner: str, change: Callable[[Allowance], Allowance]) -> Allowance:
        """As `Jobs.change_job`; there is an empty allowance before anybody has changed it."""

    def change_spending(self, owner: str, change: Callable[[Spending], Spending]) -> Spending:
        """The same for what an owner's jobs cost."""

    def forget_allowance(self, owner: str, version: int) -> bool:
        """Delete the allowance if it is still of that version; whether it was."""

    def forget_spending(self, owner: str, version: int) -> bool:
        """The same for what an owner's jobs have cost."""


class Uploads(Protocol):
    """The photos as their owners dropped them."""

    def list(self, prefix: str) -> list[StoredUpload]: ...

    def put(self, key: str, data: bytes) -> None: ...

    def form(self, key: str, content_type: str, max_bytes: int, seconds: int) -> Form:
        """What a browser needs to upload exactly this object within *seconds* (wall)."""

    def read(self, key: str, version_id: str | None = None) -> bytes | None:
        """The object's bytes; None where it is gone. Raises UploadWithheldError."""

    def newest_version(self, key: str) -> str | None:
        """The version that a reader without a version gets; None where the object is gone."""

    def erase(self, prefix: str) -> int:
        """Delete every version below *prefix*; returns how many there were."""


class Preparations(Protocol):
    """Preparing a photo, in a function of its own."""

    def ask(self, upload: Upload) -> None:
        """Have an upload prepared and judged whose event was lost; returns before it is."""


class Photos(Protocol):
    """The prepared photos."""

    def put(self, job_id: str, photo_id: str, jpeg: bytes) -> str:
        """Store a prepared photo; returns its version."""

    def links(self, job_id: str, photos: Sequence[ChosenPhoto]) -> Sequence[str]:
        """Links to chosen photos for the provider, alive for an hour from now.

        Raises NotSentError where they cannot be signed.
        """

    def link(self, photo: Photo, seconds: int) -> str:
        """A link for its owner to an accepted photo, alive for *seconds* (wall) at most."""

    def erase(self, job_id: str) -> int:
        """Delete every version of a job's prepared photos; returns how many there were."""


class Answers(Protocol):
    """The provider's raw answers, kept before anybody reads them."""

    def keep(self, job_id: str, name: str, answer: Answer) -> None: ...

    def find(self, job_id: str, name: str) -> Answer | None: ...

    def erase(self, job_id: str) -> int:
        """Delete every version of a job's answers; returns how many there were."""


class Gallery(Protocol):
    """The permanent bucket of avatars, and of archives of them, which are not permanent."""

    def put(self, key: str, file: Path, content_type: str) -> str:
        """Store a picture or an archive once, checked on arrival; returns its SHA-256 in hex."""

    def read(self, key: str) -> Iterator[bytes]:
        """The bytes of an object, piece by piece. Raises FileNotFoundError."""

    def size(self, key: str) -> int | None:
        """How many bytes an object has; None where there is none."""

    def link(self, key: str, seconds: int, save_as: str | None = None) -> str:
        """A link for the owner, alive for *seconds* (wall) or, if that is less, as long as the
        credentials of this process. With *save_as*, browsers save what they get by that name."""

    def share(self, key: str, seconds: int) -> str:
        """A link for anybody that lives *seconds* (wall) for certain; at most an hour."""

    def erase(self, prefix: str) -> int:
        """Delete every version below *prefix*; returns how many there were."""


class Packing(Protocol):
    """Packing a job's avatars into one archive, in a function of its own."""

    def ask(self, job_id: str) -> None:
        """Have the archive made; returns before it is."""


class Downloads(Protocol):
    """Fetches finished avatars from the provider."""

    def fetch(self, link: str, file: Path) -> int:
        """Write what *link* leads to into *file*; returns its size in bytes.

        Raises DownloadRefusedError where the link itself is unacceptable, DownloadFailedError
        where another try may help.
        """


class Credentials(Protocol):
    """Signs where a picture comes from (C2PA)."""

    def sign(self, file: Path) -> None:
        """Write a signed statement into a picture's file. Raises NotSignedError, and leaves the
        file as it was."""


class Provider(Protocol):
    """Who trains and draws. The calls return what came; `ProviderReader` understands it.

    Each sends one request. What a provider cannot do (see `Capabilities`) raises OutOfOrderError.
    """

    def submit_training(self, request: TrainingRequest) -> Answer:
        """Send exactly one request. Raises ProviderUnreachableError where it provably never
        arrived, OutcomeUnknownError where nobody can tell."""

    def check_training(self, model_id: str) -> Answer: ...

    def find_training(self, title: str) -> Answer:
        """What was asked for by this title lately; costs nothing."""

    def submit_inference(self, request: InferenceRequest) -> Answer:
        """As `submit_training`."""

    def check_inference(self, model_id: str | None, inference_id: str) -> Answer: ...

    def find_inference(self, model_id: str | None) -> Answer:
        """What was asked of this model lately; costs nothing."""

    def balance(self) -> Answer:
        """What the account has left, or whatever else shows that it works; costs nothing."""


class ProviderReader(Protocol):
    """What a provider's answers mean; pure."""

    def training_id(self, answer: Answer) -> str:
        """The `model_id`. Raises NotAcceptedError (ask again later), a JobError (refused), or
        TrainingOutcomeUnknownError."""

    def training_progress(self, answer: Answer) -> Progress: ...

    def found_training(self, answer: Answer, title: str) -> str | None:
        """The `model_id` of what was asked for by this title; None where there is none."""

    def inference_id(self, answer: Answer) -> str:
        """The `inference_id`. Raises as `training_id`."""

    def inference_progress(self, answer: Answer) -> Progress: ...

    def found_inference(
        self, answer: Answer, request: InferenceRequest, known: Collection[str]
    ) -> str | None:
        """The `inference_id` of what was asked for by this request, and is none of those that are
        *known*; None where there is none."""

    def trouble(self, answer: Answer, least: int = 1) -> WaitReason | None:
        """Why, by the answer to `balance`, nothing should be sent; None where all seems well.

        Fewer than *least* credits are too few.
        """

    def credits(self, answer: Answer) -> int | None:
        """How many credits the account has left, by any answer; None where it does not say."""

    def correlation_id(self, answer: Answer) -> str | None:
        """What the provider's support finds a request by."""

    def requests_left(self, answer: Answer) -> int | None:
        """How many requests the account has left for now; None where it does not say."""

    def drift(self, call: Call, answer: Answer) -> Sequence[Drift]:
        """In what the answer to a call is not as the provider's documentation, or what was seen
        of it, has it."""


class Executions(Protocol):
    """The executions of the state machine."""

    def start(self, job_id: str, run: int, rescue: int = 0) -> None:
        """Start the execution `{job_id}-{run}` unless it was started before.

        The *rescue* of a run whose execution died (from 1) is `{job_id}-{run}-{rescue}`.
        """

    def start_another(self, job_id: str, run: int, prompts: Sequence[Prompt]) -> None:
        """Start the execution of a further run, which has no row yet, unless it runs already.

        Raises JobNotEndedError where it does, with other prompts.
        """

    def stop(self, execution: str, cause: str) -> bool:
        """Stop an execution; whether there was still one to stop."""

    def name_of(self, job_id: str, run: int) -> str:
        """What the execution that `start` starts is called (its ARN)."""

    def status(self, execution: str) -> str | None:
        """RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED; None where there is none, or none any
        more: Step Functions forgets an execution 90 days after its end."""


class Notices(Protocol):
    """Tells the world how a job ended."""

    def publish(self, kind: str, detail: Mapping[str, object]) -> None: ...


class Meter(Protocol):
    """Counts what happens, for those who run the stack."""

    def add(self, metric: Metric, value: float = 1, **by: str | None) -> None:
        """Add *value* to a metric, *by* its dimensions; what is None is left out.

        A value that is not of a dimension's set counts as OTHER.
        """


class Webhooks(Protocol):
    """Sends webhooks to their receivers."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookAnswer:
        """Raises AddressRefusedError where *url* is none that we connect to, WebhookFailedError
        where no answer came: another try may help."""


class WebhookQueue(Protocol):
    """Where webhooks wait until they are sent."""

    def postpone(self, message: WebhookMessage, seconds: int) -> None:
        """Have it handed out again in so many seconds (wall, 12 hours at most), and not before."""

    def bury(self, message: WebhookMessage, code: str, why: str) -> None:
        """Keep it as a dead letter; the queue must then be told that it is done with."""


class Storage(Protocol):
    """The upload bucket: all that preparing a photo may touch."""

    @property
    def uploads(self) -> Uploads: ...
    @property
    def photos(self) -> Photos: ...


class Services(Storage, Protocol):
    """All of it, as a step receives it."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def jobs(self) -> Jobs: ...
    def capacity(self, account: str) -> Capacity:
        """What may be asked of the providers with this account; see `Capabilities`."""

    @property
    def owners(self) -> Owners: ...
    @property
    def answers(self) -> Answers: ...
    @property
    def gallery(self) -> Gallery: ...
    @property
    def downloads(self) -> Downloads: ...
    @property
    def executions(self) -> Executions: ...
    @property
    def preparations(self) -> Preparations: ...
    @property
    def packing(self) -> Packing: ...
    @property
    def notices(self) -> Notices: ...
    @property
    def meter(self) -> Meter: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def webhook_queue(self) -> WebhookQueue: ...

    def credentials(self) -> Credentials | None:
        """What avatars are signed with; None where the settings name nothing. Raises
        NotSignedError."""

    def webhook_secret(self, owner: str) -> str:
        """What an owner's webhooks are signed with; see `webhooks.secret`."""

    def capabilities(self, provider: str) -> Capabilities:
        """What the provider of this name can do."""

    def reader(self, provider: str) -> ProviderReader:
        """What the answers of the provider of this name mean."""

    def provider(self, provider: str, fresh_key: bool = False) -> Provider:
        """The provider of this name with our key, at most 300 s old. Raises NotSentError without
        one."""

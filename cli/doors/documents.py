"""What the HTTP API answers, by field; `--json` prints it as it came."""

from typing import NotRequired, TypedDict


class Limits(TypedDict):
    least_photos: int
    most_photos: int
    photo_bytes: int
    photo_types: list[str]
    most_avatars: int
    most_prompts: int


class ConsentWanted(TypedDict):
    required: bool
    text_version: str


class Offer(TypedDict):
    """What one provider can; without `styles` any text is one."""

    name: str
    trains: bool
    least_photos: int
    most_photos: int
    photos_sent: int | None
    subjects: list[str]
    styles: list[str]
    negative_prompts: bool
    avatar_pixels: int


class Catalogue(TypedDict):
    """What can be ordered; without `styles` any text is one, and the provider decides."""

    styles: list[str]
    provider: str
    providers: list[Offer]
    subjects: list[str]
    consent: ConsentWanted
    limits: Limits


class Line(TypedDict):
    """One line of an order: *count* avatars in one style."""

    style: str
    count: int
    prompt: NotRequired[str | None]
    negative_prompt: NotRequired[str | None]


class ConsentDeclared(TypedDict):
    subject_agrees: bool
    text_version: str


class Consent(TypedDict):
    text_version: str
    recorded_at: int
    door: str


class Order(TypedDict):
    """The body of `POST /jobs`."""

    photos: list["OrderedPhoto"]
    folder: str
    subject: str
    prompts: list[Line]
    provider: NotRequired[str]
    consent: NotRequired[ConsentDeclared]


class OrderedPhoto(TypedDict):
    file: str
    type: NotRequired[str]


class Saying(TypedDict):
    """A stable code, and what it means in a sentence."""

    code: str
    sentence: str


Waiting = TypedDict("Waiting", {"for": str, "sentence": str, "since": int, "ahead": int})
"""What a job waits for, and how many others come first."""


class Estimate(TypedDict):
    """When a job has probably ended: seconds from now, of the pipeline's clock."""

    seconds: int
    least: int
    most: int
    jobs: int


class Photo(TypedDict):
    file: str
    status: str
    code: str | None
    reason: str | None
    advice: list[Saying]
    link: str | None


class Counts(TypedDict):
    wanted: int
    kept: int


class JobSummary(TypedDict):
    job_id: str
    folder: str
    status: str
    code: str | None
    reason: str | None
    subject: str
    provider: str
    run: int
    created_at: int
    model_id: str | None


class Job(JobSummary):
    prompts: list[Line]
    promised: int | None
    consent: Consent | None
    inference_ids: list[str]
    waiting: Waiting | None
    estimate: Estimate | None
    photos: list[Photo]
    advice: list[Saying]
    avatars: Counts


class Upload(TypedDict):
    """The form that uploads one photo: the fields first, then the file."""

    file: str
    url: str
    fields: dict[str, str]


class Ordered(TypedDict):
    job: Job
    uploads: list[Upload]


class Avatar(TypedDict):
    run: int
    position: int
    style: str
    prompt: str | None
    status: str
    reason: str | None
    favourite: bool
    file: str | None
    width: int | None
    height: int | None
    bytes: int | None
    ai_generated: bool
    digital_source_type: str | None
    content_credentials: bool
    link: str | None
    expires_at: int | None


class AskedForMore(TypedDict):
    job_id: str
    run: int


class Model(TypedDict):
    model_id: str
    job_id: str
    folder: str
    subject: str
    provider: str
    trained_at: int


class Erased(TypedDict):
    uploads: int
    photos: int
    avatars: int
    archives: int
    answers: int
    rows: int


class Left(TypedDict):
    """What could not be erased, and why."""

    what: str
    id: str
    why: str


class Receipt(TypedDict):
    job_id: str
    erased_at: int
    cause: str
    consent: Consent | None
    stopped: bool
    erased: Erased
    left: list[Left]

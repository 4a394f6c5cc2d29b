"""What goes in and out of the HTTP API; the OpenAPI document is made of it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from avatars.addresses import MAX_URL_LENGTH
from avatars.keys import MAX_NAME_LENGTH
from avatars.manifest import (
    MAX_AVATARS,
    MAX_PROMPT_LENGTH,
    MAX_PROMPTS,
    MAX_STYLE_LENGTH,
    VERSION,
)
from avatars.model import (
    MAX_PHOTOS,
    AvatarStatus,
    Cause,
    DoorName,
    JobStatus,
    PhotoStatus,
    Subject,
)
from avatars.pipeline.ordering import MAX_FOLDER_LENGTH

Seconds = Annotated[int, Field(description="Unix seconds")]
Link = Annotated[str, Field(description="A link that lives for a quarter of an hour at most")]


def _whole(value: object) -> object:
    """JSON knows one kind of number: 4.0 is as whole as 4."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]


class Schema(BaseModel):
    """Built when it is first used: a request needs a few, and a cold start waits for none."""

    model_config = ConfigDict(defer_build=True)


class Request(Schema):
    """What a caller sends; a misspelt field is an error, not a wish unheard."""

    model_config = ConfigDict(extra="forbid")


class PromptWanted(Request):
    """One line of an order: `count` avatars in one style."""

    style: str = Field(min_length=1, max_length=MAX_STYLE_LENGTH, examples=["realistic"])
    count: Whole = Field(1, ge=1, le=MAX_AVATARS, strict=True)
    prompt: str | None = Field(None, min_length=1, max_length=MAX_PROMPT_LENGTH)
    negative_prompt: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_PROMPT_LENGTH,
        description="What is not to be seen; only some providers take it",
    )


class PhotoOffered(Request):
    """A photo that will be uploaded."""

    file: str = Field(min_length=1, max_length=MAX_NAME_LENGTH, examples=["IMG_2041.JPG"])
    type: str | None = Field(
        None, description="Content type; by default what the name says", examples=["image/jpeg"]
    )


class ConsentDeclared(Request):
    """That whoever is on the photos agrees to avatars of them: you declare it."""

    subject_agrees: bool = Field(strict=True)
    text_version: str = Field(
        pattern=f"^{VERSION.pattern}$",
        description="The text that they agreed to; GET /styles names that of this stack",
        examples=["1"],
    )


Prompts = Annotated[list[PromptWanted], Field(min_length=1, max_length=MAX_PROMPTS)]


_PROMPTS: Any = [{"style": "realistic", "count": 4}, {"style": "realistic", "prompt": "by the sea"}]


class Order(Request):
    """A job: who is on the photos, what is wanted, and which photos will come."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "photos": [{"file": f"IMG_{number}.JPG"} for number in range(2041, 2051)],
                    "subject": "woman",
                    "prompts": _PROMPTS,
                    "folder": "summer",
                }
            ]
        }
    )

    photos: list[PhotoOffered] = Field(
        min_length=1,
        max_length=MAX_PHOTOS,
        description="How many the provider takes, GET /styles tells",
    )
    provider: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="Who is to make the avatars, of those that GET /styles lists. By default as "
        "the stack says",
    )
    subject: Subject | None = Field(None, description="By default as the stack says")
    prompts: Prompts | None = Field(None, description="By default as the stack says")
    folder: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_FOLDER_LENGTH,
        description="The job's name, of letters, digits, spaces and . _ + -; the same one again is "
        "the same job. By default a new one.",
    )
    webhook: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_URL_LENGTH,
        description="Where the end of the job is told: a public https address",
        examples=["https://example.com/avatars"],
    )
    consent: ConsentDeclared | None = Field(
        None, description="Where the stack requires it, nothing is trained without"
    )
    hold: bool = Field(
        False,
        strict=True,
        description="Begin only when it is asked for, not as soon as all photos are judged.",
    )

    def manifest(self) -> dict[str, Any]:
        """What a `job.json` of the same order would hold, but for the promise of its photos."""
        return self.model_dump(exclude={"photos", "folder"}, exclude_none=True)


class More(Request):
    """More avatars from a model that is trained already."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"prompts": _PROMPTS}]})

    prompts: Prompts


class Liking(Request):
    """Whether an avatar is one of the best."""

    favourite: bool = Field(strict=True)


class Said(Schema):
    """A stable code, and the sentence that people read."""

    code: str
    sentence: str


class Photo(Schema):
    """One upload, and the verdict on it."""

    file: str
    status: PhotoStatus
    code: str | None
    reason: str | None
    crop: tuple[int, int, int, int] | None = Field(
        description="What is kept of it: left, top, right, bottom in pixels of the upright photo"
    )
    advice: list[Said]
    score: int | None = Field(
        description="How good it is by itself, 0 to 100; nothing where it was prepared before "
        "photos had scores"
    )
    link: Link | None = Field(description="The prepared photo, while it exists")


class Waiting(Schema):
    """What a job waits for."""

    for_: str = Field(alias="for")
    sentence: str
    since: Seconds
    ahead: int = Field(description="How many jobs come first")


class Estimate(Schema):
    """When a job has probably ended: in so many seconds, in eight cases of ten within the range."""

    seconds: int
    least: int
    most: int
    jobs: int = Field(
        description="From how many past jobs this is told; 0: from the provider's own figures"
    )


class Progress(Schema):
    """The avatars of the present run."""

    wanted: int
    kept: int


class Prompt(Schema):
    """One line of what was ordered."""

    style: str
    count: int
    prompt: str | None
    negative_prompt: str | None


class JobSummary(Schema):
    """A job in a list."""

    job_id: str
    folder: str
    status: JobStatus
    code: str | None
    reason: str | None
    subject: Subject
    provider: str = Field(description="Who makes its avatars")
    run: int
    created_at: Seconds
    model_id: str | None


class Consent(Schema):
    """That somebody declared that whoever is on the photos agrees; also to more avatars of them."""

    text_version: str = Field(description="The text that they agreed to")
    recorded_at: Seconds
    door: DoorName = Field(description="Where it was declared")


class Job(JobSummary):
    """All that is known of a job."""

    prompts: list[Prompt]
    promised: int | None = Field(description="How many photos it waits for")
    consent: Consent | None
    inference_ids: list[str] = Field(description="What the provider calls what it was asked for")
    waiting: Waiting | None
    estimate: Estimate | None
    photos: list[Photo]
    advice: list[Said] = Field(description="What is to be said about the whole set")
    avatars: Progress


class Jobs(Schema):
    """A page of jobs, the newest first."""

    jobs: list[JobSummary]
    next: str | None = Field(description="What to ask with for the next page")


class Upload(Schema):
    """A form that uploads one photo: a POST of its fields, then of `file`, to its URL."""

    file: str
    url: str
    fields: dict[str, str]


class Ordered(Schema):
    """A job, and the forms that upload its photos, which live for a quarter of an hour."""

    job: Job
    uploads: list[Upload]
    webhook_secret: str | None = Field(
        description="With a webhook: what signs it, as Standard Webhooks says. Yours; keep it."
    )


class Run(Schema):
    """The run of a job that makes more avatars; it begins in a moment."""

    job_id: str
    run: int


class Avatar(Schema):
    """One finished picture, or the reason why there is none."""

    run: int
    position: int
    style: str
    prompt: str | None
    status: AvatarStatus
    reason: str | None
    favourite: bool
    file: str | None
    width: int | None
    height: int | None
    bytes: int | None
    ai_generated: bool = Field(description="Whether AI made it: of avatars, always")
    digital_source_type: str | None = Field(
        description="What its file says of its origin (IPTC Digital Source Type); nothing where it "
        "was kept before files said so",
        examples=["http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"],
    )
    content_credentials: bool = Field(description="Whether its file is signed, too (C2PA)")
    link: Link | None
    expires_at: Seconds | None


class Avatars(Schema):
    """A page of avatars, by run and position."""

    avatars: list[Avatar]
    next: str | None


class Shared(Schema):
    """A link that anybody can open until it expires."""

    link: str
    expires_at: Seconds


class Archive(Schema):
    """A ZIP file of all avatars of a job, or that it is being packed: ask again in a moment."""

    status: Literal["ready", "packing"]
    link: Link | None
    expires_at: Seconds | None
    bytes: int | None


class Model(Schema):
    """A trained model: what can draw more avatars."""

    model_id: str
    job_id: str
    folder: str
    subject: Subject
    provider: str
    trained_at: Seconds


class Models(Schema):
    """A page of models, those of the newest jobs first."""

    models: list[Model]
    next: str | None


class Limits(Schema):
    """What an order may hold."""

    least_photos: int
    most_photos: int
    photo_bytes: int
    photo_types: list[str]
    most_avatars: int
    most_prompts: int


class ConsentWanted(Schema):
    """Whether an order needs consent, and the text that it is to."""

    required: bool
    text_version: str


class Provider(Schema):
    """Somebody who can make avatars here, and what they can."""

    name: str = Field(description="What an order names them by")
    trains: bool = Field(description="Whether there is a model, of which more can be made later")
    least_photos: int
    most_photos: int
    photos_sent: int | None = Field(
        description="How many of them are really used, the best first; nothing for all"
    )
    subjects: list[Subject]
    styles: list[str] = Field(description="Empty: any text")
    negative_prompts: bool = Field(description="Whether it can be told what is not to be seen")
    avatar_pixels: int = Field(description="Width, and height, of an avatar")


class Styles(Schema):
    """What can be ordered: of the stack's own provider, unless an order names another one."""

    styles: list[str] = Field(description="Empty: any text is passed on to the provider")
    provider: str = Field(description="Who makes the avatars of an order that names nobody")
    providers: list[Provider]
    consent: ConsentWanted
    subjects: list[Subject]
    limits: Limits


class Erased(Schema):
    """How many of each were deleted, all their versions counted."""

    uploads: int
    photos: int
    avatars: int
    archives: int
    answers: int
    rows: int


class Left(Schema):
    """What could not be deleted, and why."""

    what: str
    id: str
    why: str


class Receipt(Schema):
    """What became of a job that was erased."""

    job_id: str
    erased_at: Seconds
    cause: Cause = Field(
        description="Who wanted it: its owner, or the time that it may be kept for"
    )
    consent: Consent | None = Field(description="What had been declared of it")
    stopped: bool = Field(description="Whether it was still at work")
    erased: Erased
    left: list[Left]


class Message(Schema):
    """What API Gateway itself says."""

    message: str


class FieldProblem(Schema):
    """One thing that is wrong with a request."""

    field: str
    problem: str


class Problem(Schema):
    """Why there is no other answer (RFC 9457)."""

    type: str = Field(examples=["urn:avatars:problem:JOB_NOT_FOUND"])
    title: str
    status: int
    code: str = Field(description="Stable: what programs go by", examples=["JOB_NOT_FOUND"])
    detail: str = Field(description="What is wrong this time")
    remedy: str = Field(description="What to do about it")
    errors: list[FieldProblem] | None = None

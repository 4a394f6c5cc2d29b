"""The environment, read once and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from avatars.clock import Clock
from avatars.manifest import parse_styles
from avatars.model import Advice, Capabilities, Manifest, Stage, Subject
from avatars.schedule import Schedule

LINK_SECONDS = 3600
"""Life of the photo links: twice the 30 minutes that the guide of Picsart asks for (AI Avatars
101), and the most that a role assumed by a role can sign for."""

FIRST_PROVIDER, FIRST_ACCOUNT = "picsart-trained", "picsart"
"""Whose the jobs are, and what all jobs together may ask, by rows that were written when there was
no other."""

LEAST_SECONDS_BETWEEN_LOOKS = {Stage.TRAINING: 60, Stage.INFERENCE: 10}
"""Closer, and a hundred jobs would use up the 500 requests a minute of a provider."""

FIELDS = {"photos", "prompts", "style", "count", "prompt"}
"""What the provider's public documentation leaves without a name."""

DAY = 86_400

SUBMIT_TIMEOUT = 150
"""`Timeout` of the functions that submit, in seconds: until then a request may be in flight."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """Where the providers are, and the names that public documentation leaves open."""

    url: str
    """Of Picsart, for all but this:"""
    status_url: str
    """The guide's page for the status of a model names another host than all other pages."""
    fields: Mapping[str, str]
    """The provider's name for each of our own: photos, prompts, style, count, prompt."""
    result_origins: tuple[str, ...]
    """Hosts that avatars may be fetched from: `example.com`, `*.example.com` (https), or an origin
    such as `http://localhost:8092`."""
    astria_url: str
    astria_branch: str
    """The kind of model that Astria trains; empty for what it takes without being told."""


@dataclass(frozen=True, slots=True)
class OwnerLimits:
    """What one owner may order over HTTP; what is dropped into the bucket is not limited."""

    jobs_a_day: int
    photos_a_day: int
    open_jobs: int
    """Jobs that have not ended."""


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """What the provider charges, and how much of that a day may cost, in its credits."""

    training_price: int
    avatar_price: int
    """Both 0 where nobody has said what they are: then nothing is counted."""
    per_day: int
    """0 for no cap; the same for that of one owner."""
    owner_per_day: int

    @property
    def is_priced(self) -> bool:
        return self.training_price > 0 or self.avatar_price > 0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a step may want to know of its surroundings."""

    table: str
    upload_bucket: str
    avatar_bucket: str
    state_machine: str
    key_secret: str
    signer_role: str
    sharer_role: str
    prepare_function: str
    pack_function: str
    idempotency_table: str
    webhook_url: str
    """The stack's own webhook, which is told of every job; empty for none."""
    webhook_origins: tuple[str, ...]
    """Origins that webhooks may lead to though they are not public: receivers on this machine."""
    signing_secret: str
    """The secret (its id) that everybody's webhook secrets follow from."""
    credentials_secret: str
    """The secret (its id) with what avatars are signed with; empty where they are not."""
    webhook_queue: str
    dead_letter_queue: str
    clock: Clock
    quiet_period: int
    """Wall seconds without an upload after which a folder counts as complete."""
    collect_seconds: int
    provider_patience: int
    """How long a job waits for a provider that takes, or answers, no requests, in seconds."""
    looks: Mapping[Stage, Mapping[str, int]]
    """What is to be otherwise than a provider advises, by fields of `Schedule`."""
    mean_looks: Mapping[Stage, float]
    """How many there are to be in the mean once enough jobs are known; 0: those that the provider
    advises, however many are known."""
    most_at_once: Mapping[Stage, int]
    """How many trainings and inferences may be under way at a provider."""
    photo_tries: int
    """How many photos of a job are sent one after the other, where the provider finds them not
    valid: each may be paid for."""
    resubmissions: Mapping[Stage, int]
    """How often a request whose outcome stays unknown is sent again: it may be paid for twice."""
    batch_size: int
    owner_limits: OwnerLimits
    spending: SpendingLimits
    styles: tuple[str, ...]
    """What the provider can draw; empty where nobody has said so, and all are passed on."""
    rejected_advice: frozenset[Advice]
    """Photos that draw such advice are rejected; the others are used all the same."""
    require_consent: bool
    """Whether nothing is trained before somebody says that whoever is on the photos agrees."""
    consent_text: str
    """The version of the text that the page shows for it."""
    upload_retention: int
    """Seconds for which photos stay after their job has ended; 0: none at all."""
    avatar_retention: int
    """Seconds after its end in which a job is erased with all it has; 0: it stays."""
    default: Manifest
    provider: str
    """Who makes the avatars of a job that names nobody."""
    job_providers: tuple[str, ...]
    """Whom a job may name."""
    connection: ProviderSettings

    def schedule(self, capabilities: Capabilities, stage: Stage) -> Schedule:
        """When to look at what such a provider does in this stage."""
        return replace(capabilities.schedule(stage), **self.looks[stage])

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Settings from variables of the names in `template.yaml`.

        Raises KeyError for a missing variable and ValueError or BadManifestError for a bad one.
        """

        def number(name: str) -> int:
            value = int(environment[name])
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1.")
            return value

        clock = Clock(float(environment["CLOCK_EPOCH"]), float(environment["CLOCK_SCALE"]))
        if not 0 < clock.scale <= 1:
            raise ValueError(f"CLOCK_SCALE is {clock.scale}; it must be above 0 and at most 1.")
        return cls(
            table=environment["TABLE"],
            upload_bucket=environment["UPLOAD_BUCKET"],
            avatar_bucket=environment["AVATAR_BUCKET"],
            state_machine=environment.get("STATE_MACHINE", ""),
            key_secret=environment.get("PROVIDER_KEY_SECRET", ""),
            signer_role=environment.get("SIGNER_ROLE", ""),
            sharer_role=environment.get("SHARER_ROLE", ""),
            prepare_function=environment.get("PREPARE_FUNCTION", ""),
            pack_function=environment.get("PACK_FUNCTION", ""),
            idempotency_table=environment.get("IDEMPOTENCY_TABLE", ""),
            webhook_url=environment.get("WEBHOOK_URL", ""),
            webhook_origins=_listed(environment["WEBHOOK_ORIGINS"]),
            signing_secret=environment.get("WEBHOOK_SECRET", ""),
            credentials_secret=environment.get("CONTENT_CREDENTIALS_SECRET", ""),
            webhook_queue=environment.get("WEBHOOK_QUEUE", ""),
            dead_letter_queue=environment.get("DEAD_LETTER_QUEUE", ""),
            clock=clock,
            quiet_period=number("QUIET_PERIOD_SECONDS"),
            collect_seconds=number("COLLECT_SECONDS"),
            provider_patience=number("PROVIDER_PATIENCE_SECONDS"),
            looks={stage: _looks(environment, stage) for stage in Stage},
            mean_looks={stage: float(environment[f"{stage.name}_LOOKS"]) for stage in Stage},
            most_at_once={
                Stage.TRAINING: number("MAX_TRAININGS"),
                Stage.INFERENCE: number("MAX_INFERENCES"),
            },
            resubmissions={
                Stage.TRAINING: int(environment["TRAINING_RESUBMISSIONS"]),
                Stage.INFERENCE: int(environment["INFERENCE_RESUBMISSIONS"]),
            },
            photo_tries=number("PHOTO_TRIES"),
            batch_size=number("AVATARS_PER_BATCH"),
            owner_limits=OwnerLimits(
                jobs_a_day=number("OWNER_JOBS_PER_DAY"),
                photos_a_day=number("OWNER_PHOTOS_PER_DAY"),
                open_jobs=number("OWNER_OPEN_JOBS"),
            ),
            spending=_spending(environment),
            styles=tuple(
                style.strip()
                for style in environment["PROVIDER_STYLES"].split(",")
                if style.strip()
            ),
            rejected_advice=_advice(environment["REJECTED_ADVICE"]),
            require_consent=environment["REQUIRE_CONSENT"] == "1",
            consent_text=environment["CONSENT_TEXT_VERSION"],
            upload_retention=int(environment["UPLOAD_RETENTION_DAYS"]) * DAY,
            avatar_retention=int(environment["AVATAR_RETENTION_DAYS"]) * DAY,
            default=Manifest(
                Subject(environment["DEFAULT_SUBJECT"]),
                parse_styles(environment["DEFAULT_STYLES"]),
            ),
            provider=environment["PROVIDER"],
            job_providers=_listed(environment["JOB_PROVIDERS"]),
            connection=ProviderSettings(
                url=environment["PROVIDER_URL"].rstrip("/"),
                status_url=environment["PROVIDER_STATUS_URL"].rstrip("/"),
                fields=_fields(environment["PROVIDER_FIELDS"]),
                result_origins=_listed(environment["PROVIDER_RESULT_ORIGINS"]),
                astria_url=environment["ASTRIA_URL"].rstrip("/"),
                astria_branch=environment["ASTRIA_BRANCH"],
            ),
        )


def _looks(environment: Mapping[str, str], stage: Stage) -> dict[str, int]:
    """What differs from a provider's advice. Raises ValueError for looks too close together."""
    names = {
        "first": "FIRST_LOOK",
        "every": "LOOK",
        "advised": "ADVISED",
        "deadline": "DEADLINE",
    }
    given = {
        field: int(environment[f"{stage.name}_{name}_SECONDS"]) for field, name in names.items()
    }
    for field, seconds in given.items():
        least = LEAST_SECONDS_BETWEEN_LOOKS[stage] if field == "every" else 1
        if seconds != 0 and seconds < least:
            raise ValueError(
                f"{stage.name}_{names[field]}_SECONDS is {seconds}; it must be at least {least}, "
                "or 0 for what the provider advises."
            )
    return {field: seconds for field, seconds in given.items() if seconds}


def _spending(environment: Mapping[str, str]) -> SpendingLimits:
    """Raises ValueError for less than nothing, and for a cap without any price."""
    names = ("TRAINING_PRICE", "AVATAR_PRICE", "SPEND_PER_DAY", "OWNER_SPEND_PER_DAY")
    for name in names:
        if int(environment[name]) < 0:
            raise ValueError(f"{name} is {environment[name]}; it must be at least 0.")
    limits = SpendingLimits(*(int(environment[name]) for name in names))
    if (limits.per_day or limits.owner_per_day) and not limits.is_priced:
        raise ValueError(
            "SPEND_PER_DAY and OWNER_SPEND_PER_DAY cap nothing while TRAINING_PRICE and "
            "AVATAR_PRICE are 0: give the provider's prices."
        )
    return limits


def _advice(text: str) -> frozenset[Advice]:
    """The codes in `blurred,no_face`. Raises ValueError for one that does not exist."""
    return frozenset(Advice(code.strip()) for code in text.split(",") if code.strip())


def _listed(text: str) -> tuple[str, ...]:
    """The parts of `a, b`."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _fields(text: str) -> dict[str, str]:
    """The names in `ours=theirs,...`. Raises ValueError unless all are there."""
    fields = dict(pair.strip().split("=", 1) for pair in text.split(",") if "=" in pair)
    if set(fields) != FIELDS:
        raise ValueError(f"PROVIDER_FIELDS must name {', '.join(sorted(FIELDS))}.")
    return fields

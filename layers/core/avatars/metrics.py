"""What is counted, by what, in which unit: everything that dashboards and alarms can speak of.

Each combination of a metric with one value of one of its dimensions is paid for, so the values are
closed sets. docs/operations.md says what it comes to.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum

from avatars.errors import job_errors
from avatars.model import Advice, DriftKind, JobStatus, PhotoStatus, Stage

NAMESPACE = "Avatars"

OTHER = "other"
"""What a dimension says for a value that is not of its set."""

SERVICE = "service"
"""The dimension that all metrics have: the name of the stack."""


@dataclass(frozen=True)
class Metric:
    """A metric, beside `service` by each of its dimensions *by*, one at a time.

    Without any, or where it is *whole*, it is by `service` alone, too.
    """

    name: str
    unit: str = "Count"
    by: Mapping[str, Set[str]] = field(default_factory=dict)
    whole: bool = False
    """Whether something watches over all of it together: an alarm cannot add up what is split."""

    def dimensions(self, **values: str | None) -> dict[str, str]:
        """The given values, but OTHER in the place of those that are not of the sets."""
        unknown = values.keys() - self.by.keys()
        if unknown:
            raise TypeError(f"{self.name} is not counted by {', '.join(sorted(unknown))}.")
        return {
            name: value if value in self.by[name] else OTHER
            for name, value in values.items()
            if value is not None
        }


class Phase(StrEnum):
    """What a run spends its time with."""

    COLLECTING = "collecting"
    TRAINING = "training"
    INFERENCE = "inference"
    KEEPING = "keeping"
    WHOLE = "whole"
    """All of it, from its start to its end."""


class Call(StrEnum):
    """What the provider is asked."""

    SUBMIT_TRAINING = "submit_training"
    CHECK_TRAINING = "check_training"
    FIND_TRAINING = "find_training"
    SUBMIT_INFERENCE = "submit_inference"
    CHECK_INFERENCE = "check_inference"
    FIND_INFERENCE = "find_inference"
    BALANCE = "balance"


class CallOutcome(StrEnum):
    """What came of asking it."""

    OK = "ok"
    KEY_REFUSED = "key_refused"
    KEY_STALE = "key_stale"
    """Refused, but it was a key of some minutes ago: the next request goes out with a fresh one."""
    OUT_OF_CREDITS = "out_of_credits"
    TOO_MANY_REQUESTS = "too_many_requests"
    NOT_FOUND = "not_found"
    REJECTED = "rejected"
    """Any other 4xx."""
    FAILED = "failed"
    """5xx, and whatever else nobody expects."""
    UNREACHABLE = "unreachable"
    """Not a byte of it was sent."""
    NO_ANSWER = "no_answer"
    """It was sent, and the answer is lost."""


REJECTIONS = frozenset(
    {
        "bad_key", "blank_image", "corrupt", "duplicate", "empty", "gone", "not_an_image",
        "too_complex", "too_large", "too_many_pixels", "too_small", "unsupported_format",
        "withdrawn", "PREPARE_FAILED", *Advice,
    }
)  # fmt: skip
"""Codes of rejected photos; advice is one where the settings make it one."""

ENDED = frozenset(status.value for status in JobStatus if status.ended)

PHOTOS_JUDGED = Metric("PhotosJudged", by={"verdict": frozenset(PhotoStatus), "code": REJECTIONS})
"""Verdicts that were written. One that is changed later (a duplicate among the chosen) is two."""

JOBS_ENDED = Metric(
    "JobsEnded",
    by={"status": ENDED, "code": frozenset(error.code for error in job_errors().values())},
)
"""Runs of jobs that ended, by how, and by why not well."""

STAGE_SECONDS = Metric("StageSeconds", "Seconds", by={"stage": frozenset(Phase)})
"""How long a run took for what it has finished, by the pipeline's clock."""

LOOKS = Metric("Looks", by={"stage": frozenset(Stage)})
"""How often the provider had to be looked at until a stage was over."""

PROVIDER_CALLS = Metric(
    "ProviderCalls", by={"call": frozenset(Call), "outcome": frozenset(CallOutcome)}
)
"""Requests to the provider."""

PROVIDER_DRIFT = Metric("ProviderDrift", by={"kind": frozenset(DriftKind)}, whole=True)
"""In what answers of the provider are not as they are documented, or were seen."""

CREDITS_LEFT = Metric("CreditsLeft")
"""What the provider says that its account has left."""

AVATARS_KEPT = Metric("AvatarsKept")
"""Avatars that came into our bucket."""

LINK_SECONDS_LEFT = Metric("LinkSecondsLeft", "Seconds")
"""For how long the provider's links would still have lived when avatars were kept."""

RUNS_UNDER_WAY = Metric("RunsUnderWay")
"""Runs that have not ended, seen by each sweep."""

METRICS = (
    PHOTOS_JUDGED,
    JOBS_ENDED,
    STAGE_SECONDS,
    LOOKS,
    PROVIDER_CALLS,
    PROVIDER_DRIFT,
    CREDITS_LEFT,
    AVATARS_KEPT,
    LINK_SECONDS_LEFT,
    RUNS_UNDER_WAY,
)

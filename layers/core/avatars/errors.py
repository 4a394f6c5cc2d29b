"""Every deliberate error, by name.

JobError                      ends the job; carries its status and code
├─ TooFewPhotosError … AvatarsMissingError
└─ OutcomeUnknownError        something may have been started and paid for
NotSentError                  nothing left this machine: worth another try
NotAcceptedError              the provider said "later": nothing was started
├─ ProviderUnreachableError   the request provably never arrived
NotLookedUpError              what became of a request could not be looked up: worth another try
RunRefusedError               this execution must not touch the job
JobNotFoundError              the table knows no such job or run
OutOfOrderError               a step ran before the one that it depends on
PhotoRejectedError            one photo cannot be used; the others go on
AvatarsNotKeptError           some avatars are not in our bucket yet: worth another try
DownloadRefusedError          a link leads where we do not go
DownloadFailedError           a link did not lead to a picture: worth another try
NotSignedError                a picture has no signature: it is kept all the same
AddressRefusedError           an address outside is none that we connect to
WebhookFailedError            a receiver could not be told: worth another try
BadRequestError               a stranger's input is wrong: names the thing, the limit, the remedy
├─ BadManifestError           … and ends the job, where it stands in its `job.json`
│  └─ TooExpensiveError       … because it costs more than may be spent on any day
├─ ConsentMissingError        … and so does this one, where nobody mends it in time
├─ BadCursorError             a page is asked for by what no page has named
└─ BadKeyError                an upload lies in no folder
ConflictError                 what is asked for does not fit how the job stands
├─ JobStartedError            the job takes no more photos
├─ JobNotEndedError           … or is still at work on its avatars
├─ NoModelError               … or has no model to make more of
├─ NoAvatarsError             … or no avatars
└─ ArchiveTooLargeError       … or too many for one file
LimitReachedError             the owner has ordered as much as the settings allow
IssuerError                   the page cannot learn where to sign in

Class names are part of the state machine's definition (`Catch` and `Retry` name them).
"""

from typing import ClassVar

from avatars.model import JobStatus


class JobError(Exception):
    """Ends a job. The message is the sentence that the owner reads."""

    status: ClassVar[JobStatus] = JobStatus.FAILED
    code: ClassVar[str]


class InternalError(JobError):
    """A step failed in a way that nobody foresaw."""

    status = JobStatus.NEEDS_ATTENTION
    code = "INTERNAL_ERROR"


class ExecutionEndedError(JobError):
    """The execution was aborted or timed out from outside."""

    status = JobStatus.NEEDS_ATTENTION
    code = "EXECUTION_ENDED"


class TooFewPhotosError(JobError):
    """Fewer accepted photos than a training needs."""

    code = "TOO_FEW_PHOTOS"


class BatchIncompleteError(JobError):
    """The promised number of photos did not arrive in time."""

    code = "BATCH_INCOMPLETE"


class ProviderRejectedError(JobError):
    """The provider refused the request itself: sending it again cannot help."""

    code = "PROVIDER_REJECTED"


class ProviderKeyRefusedError(JobError):
    """The provider does not accept our API key."""

    status = JobStatus.NEEDS_ATTENTION
    code = "PROVIDER_KEY_REFUSED"


class OutOfCreditsError(JobError):
    """The provider's account has no credits left."""

    status = JobStatus.NEEDS_ATTENTION
    code = "OUT_OF_CREDITS"


class ProviderOutageError(JobError):
    """The provider took no request until the deadline for starting."""

    status = JobStatus.NEEDS_ATTENTION
    code = "PROVIDER_OUTAGE"


class ProviderBusyError(JobError):
    """The turn of a job did not come until the deadline for starting."""

    status = JobStatus.NEEDS_ATTENTION
    code = "PROVIDER_BUSY"


class SpendCapError(JobError):
    """What may be spent on a day left no room for the job until the deadline for starting."""

    status = JobStatus.NEEDS_ATTENTION
    code = "SPEND_CAP"


class TrainingFailedError(JobError):
    """The provider could not train a model."""

    code = "TRAINING_FAILED"


class PhotosNotValidError(JobError):
    """The provider found the photos unusable: the same photos will fail again."""

    code = "PHOTOS_NOT_VALID"


class TrainingOverdueError(JobError):
    """No model by the deadline; it may still be paid for and arrive."""

    status = JobStatus.NEEDS_ATTENTION
    code = "TRAINING_OVERDUE"


class ModelNotFoundError(JobError):
    """The provider does not know the model it gave us."""

    status = JobStatus.NEEDS_ATTENTION
    code = "MODEL_NOT_FOUND"


class InferenceFailedError(JobError):
    """The provider could not make the avatars; the model is still there."""

    code = "INFERENCE_FAILED"


class InferenceOverdueError(JobError):
    """No avatars by the deadline."""

    status = JobStatus.NEEDS_ATTENTION
    code = "INFERENCE_OVERDUE"


class InferenceNotFoundError(JobError):
    """The provider does not know the inference it gave us."""

    status = JobStatus.NEEDS_ATTENTION
    code = "INFERENCE_NOT_FOUND"


class AvatarsMissingError(JobError):
    """Some avatars are not in our bucket."""

    status = JobStatus.NEEDS_ATTENTION
    code = "AVATARS_MISSING"


class OutcomeUnknownError(JobError):
    """A request was sent and its answer is lost: never send it again blindly."""

    status = JobStatus.NEEDS_ATTENTION
    code = "OUTCOME_UNKNOWN"


class TrainingOutcomeUnknownError(OutcomeUnknownError):
    """The provider may or may not be training, and charging for, a model."""

    code = "TRAINING_OUTCOME_UNKNOWN"


class InferenceOutcomeUnknownError(OutcomeUnknownError):
    """The provider may or may not be making, and charging for, avatars."""

    code = "INFERENCE_OUTCOME_UNKNOWN"


class NotSentError(Exception):
    """Getting ready failed before anything was sent to the provider: safe to try again."""


class NotAcceptedError(Exception):
    """The provider accepted nothing and may be asked again.

    *wait_seconds* is the wait that it asked for, None where it did not say.
    """

    def __init__(self, message: str, wait_seconds: int | None = None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class ProviderUnreachableError(NotAcceptedError):
    """The connection failed (DNS, refused, TLS) before a byte of the request was sent."""


class NotLookedUpError(Exception):
    """A provider that can be asked what became of a request has not said: worth another try."""


class RunRefusedError(Exception):
    """This execution has no right to the job: another one runs, or the job has ended."""


class JobNotFoundError(Exception):
    """The table knows no such job, or no such run of it."""


class OutOfOrderError(Exception):
    """A step ran before the one that it depends on."""


class AvatarsNotKeptError(Exception):
    """Some avatars of a batch could not be copied yet."""


class DownloadRefusedError(Exception):
    """A link leads where we do not go; trying again cannot help."""


class DownloadFailedError(Exception):
    """An avatar could not be fetched, or what came is not a picture."""


class NotSignedError(Exception):
    """A picture has no content credentials; it is kept all the same."""


class AddressRefusedError(Exception):
    """An address is none that we connect to: the message says why, without the address."""


class WebhookFailedError(Exception):
    """A receiver could not be reached, or did not answer in time."""


class PhotoRejectedError(Exception):
    """A photo cannot be used. *code* is stable, *reason* a sentence for its owner."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class PhotoNotJudgedError(Exception):
    """A photo has no verdict yet, through no fault of its own; its event is a dead letter."""


class UploadWithheldError(Exception):
    """S3 has the upload and does not hand it out, to nobody; the message says why."""


class BadRequestError(Exception):
    """What a stranger sent is wrong; the message says what, the limit and the remedy."""


class BadManifestError(JobError, BadRequestError):
    """What is wanted of a job cannot be understood: by `job.json` it ends the job."""

    code = "BAD_MANIFEST"


class TooExpensiveError(BadManifestError):
    """A job costs more than may be spent on any day."""

    code = "TOO_EXPENSIVE"


class ConsentMissingError(JobError, BadRequestError):
    """Nobody says that whoever is on the photos agrees, and the settings require it."""

    code = "CONSENT_MISSING"


class BadCursorError(BadRequestError):
    """What names the next page is none of our own."""


class ConflictError(Exception):
    """What is asked for does not fit how the job stands now."""


class JobStartedError(ConflictError):
    """The job's photos are chosen, or it has ended; more photos would change nothing."""


class JobNotEndedError(ConflictError):
    """The job is still at work; whatever else is wanted of its model comes after that."""


class NoModelError(ConflictError):
    """The job has no model that more avatars could be made from."""


class NoAvatarsError(ConflictError):
    """The job has no avatars."""


class ArchiveTooLargeError(ConflictError):
    """The avatars of the job are more than one archive can hold."""


class LimitReachedError(Exception):
    """An owner has ordered as much as the settings allow.

    *wait_seconds* of the wall are left until another order may be made; None where that depends on
    a job that has to end first.
    """

    def __init__(self, message: str, wait_seconds: int | None = None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class BadKeyError(BadRequestError):
    """An upload's key is not `uploads/{owner}/{folder}/{file}`."""


class IssuerError(Exception):
    """An OpenID Connect issuer does not say, or not so that the page could use it."""


def job_errors() -> dict[str, type[JobError]]:
    """Every error that ends a job, by the name that the state machine sees."""
    found: dict[str, type[JobError]] = {}
    waiting: list[type[JobError]] = JobError.__subclasses__()
    while waiting:
        error = waiting.pop()
        found[error.__name__] = error
        waiting.extend(error.__subclasses__())
    return found

"""An object arrived: prepare the photo that it is, far from the table of jobs."""

from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

from aws_lambda_powertools import Logger

from avatars import keys
from avatars.errors import BadKeyError, PhotoRejectedError, UploadWithheldError
from avatars.model import Upload
from avatars.ports import Storage

if TYPE_CHECKING:
    from avatars.photos import PreparedPhoto

logger = Logger(child=True)


class Accepted(TypedDict):
    """What is said of a photo that can be used; as the fields of `Photo`."""

    status: Literal["accepted"]
    version_id: str
    pixels: str
    crop: list[int]
    advice: list[str]
    people: int
    likeness: str
    taken_at: int | None
    score: NotRequired[int]
    """Absent where a deployment came between the preparation and its judgement."""


class Rejected(TypedDict):
    """Why a photo cannot be used, whatever its job is like."""

    status: Literal["rejected"]
    code: str
    reason: str


Preparation = Accepted | Rejected

CRASHED = PhotoRejectedError(
    "PREPARE_FAILED",
    "Preparing this photo failed. Save it again as a JPEG of ordinary size and upload that.",
)


def prepare_photo(storage: Storage, upload: Upload) -> Preparation | None:
    """What there is to say of an upload by itself; None where it is no photo (`job.json`, `start`).

    It is put among the prepared photos if it can be used, once more each time.
    """
    if not keys.is_photo(upload.file):
        return None
    # Pillow: only where a photo is really prepared
    from avatars.photos import check_size

    try:
        keys.check_name(upload.file)
        check_size(upload.bytes)
        key = keys.upload_prefix(upload.owner, upload.folder) + upload.file
        data = storage.uploads.read(key, upload.version_id)
        if data is None:
            raise PhotoRejectedError(
                "gone", "The upload was deleted before it could be read. Upload it again."
            )
        prepared = prepare_safely(data)
    except PhotoRejectedError as error:
        return rejected(error)
    except BadKeyError as error:
        return rejected(PhotoRejectedError("bad_key", str(error)))
    except UploadWithheldError as error:
        return rejected(PhotoRejectedError(CRASHED.code, str(error)))
    return {
        "status": "accepted",
        "version_id": storage.photos.put(upload.job_id, upload.photo_id, prepared.jpeg),
        "pixels": prepared.pixels,
        "crop": list(prepared.crop),
        "advice": list(prepared.advice),
        "people": prepared.people,
        "likeness": prepared.likeness,
        "taken_at": prepared.taken_at,
        "score": prepared.score,
    }


def rejected(error: PhotoRejectedError) -> Rejected:
    return {"status": "rejected", "code": error.code, "reason": error.reason}


def prepare_safely(data: bytes) -> "PreparedPhoto":
    """As `avatars.photos.prepare`; whatever else a file makes it raise is a rejection, too."""
    from avatars.photos import prepare

    try:
        return prepare(data)
    except PhotoRejectedError:
        raise
    except Exception as error:
        # Whatever a decoder makes of a file is about this file alone, and the same every time.
        logger.exception("a photo broke its preparation")
        raise CRASHED from error

"""Which job is meant, and what a folder may be called."""

import re
import unicodedata

from avatars.errors import BadRequestError
from avatars.model import JOB_ID_LENGTH
from avatars.pipeline.ordering import MAX_FOLDER_LENGTH, check_folder
from cli.doors.documents import JobSummary
from cli.doors.door import Door
from cli.saying import RefusedError, UsageError, printable

_JOB_ID = re.compile(rf"[A-Z2-7]{{{JOB_ID_LENGTH}}}")
_NOT_IN_FOLDERS = re.compile(r"[^A-Za-z0-9_ .+-]+")


def job_id_of(door: Door, name: str) -> str:
    """The id that is meant by an id, or by the name of a folder. Raises RefusedError."""
    if _JOB_ID.fullmatch(name):
        return name
    found = find_by_folder(door, name)
    if found is None:
        raise RefusedError(
            f"There is no job {printable(name)!r}: give its id of {JOB_ID_LENGTH} letters and "
            "digits, or the name of its folder; `avatars list` shows them all."
        )
    return found["job_id"]


def find_by_folder(door: Door, folder: str) -> JobSummary | None:
    """The owner's job of that folder, if there is one."""
    return next((job for job in door.jobs() if job["folder"] == folder), None)


def folder_name(directory: str, wished: str | None) -> str:
    """What a directory's job is called: as wished, or like itself in what such names may have.

    Raises UsageError.
    """
    if wished is not None:
        try:
            check_folder(wished)
        except BadRequestError as error:
            raise UsageError(f"--folder: {error}") from error
        return wished
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", directory) if not unicodedata.combining(c)
    )
    name = _NOT_IN_FOLDERS.sub("-", plain)[:MAX_FOLDER_LENGTH].strip()
    if not name.strip(".- "):
        raise UsageError(f"{directory!r} gives no name for a job: name it with --folder.")
    return name

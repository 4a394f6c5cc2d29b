"""Object keys: what an upload's key says, and where prepared photos and avatars lie."""

import base64
import hashlib
import re

from avatars.errors import BadKeyError

UPLOADS = "uploads/"
MANIFEST = "job.json"
START = "start"

MAX_NAME_LENGTH = 200
"""Characters of a photo's name: they stand in the table, in logs and on the screens of people."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line breaks, and what turns the direction of writing, so that a name reads as
another one. Whatever else is not printable is usual: macOS puts U+202F before AM and PM, WhatsApp
U+200E before a date, and emoji are joined with U+200D."""

_PLAIN_OWNER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.@-]{0,127}")

_HASHED = "sub-"
"""How hashed owners begin; who is called so is hashed, too, and so takes nobody's place."""

_UNSAFE = re.compile(r"[^a-z0-9]+")


def owner_for(subject: str) -> str:
    """The owner of the jobs of whom an issuer of tokens calls *subject*.

    Issuers may put anything into it; what cannot stand in a key goes by its hash.
    """
    if _PLAIN_OWNER.fullmatch(subject) and not subject.startswith(_HASHED):
        return subject
    digest = hashlib.sha256(subject.encode()).digest()
    return f"{_HASHED}{base64.b32encode(digest).decode().rstrip('=').lower()}"


def parse_upload_key(key: str) -> tuple[str, str, str]:
    """Owner, folder and file of `uploads/{owner}/{folder}/{file}`.

    The key is taken as it is: EventBridge delivers it raw, so a `%` or a `+` is part of the
    name. A file may lie deeper: what follows the folder is its name. Raises BadKeyError where
    owner or folder is missing.
    """
    root, *parts = key.split("/", 3)
    if root != "uploads" or len(parts) < 3 or not all(parts[:2]):
        raise BadKeyError(
            "The object is not in a job's folder: upload photos as uploads/{owner}/{folder}/{file}."
        )
    owner, folder, file = parts
    return owner, folder, file


def check_name(file: str) -> None:
    """Raises BadKeyError for a photo whose name is a trick, a mishap or a novel."""
    if len(file) > MAX_NAME_LENGTH:
        raise BadKeyError(
            f"The name has {len(file)} characters, and {MAX_NAME_LENGTH} is the most: rename it."
        )
    if _CONTROLS.search(file):
        raise BadKeyError("The name has line breaks or other control characters: rename it.")
    if {"", ".", ".."} & set(file.split("/")):
        raise BadKeyError("The name leads out of its folder or has an empty part: rename it.")


def upload_prefix(owner: str, folder: str) -> str:
    return f"{UPLOADS}{owner}/{folder}/"


def is_folder(file: str) -> bool:
    """Whether this is the empty object that the S3 console makes for a folder."""
    return file == "" or file.endswith("/")


def is_photo(file: str) -> bool:
    """Whether a file of an upload folder stands for a photo.

    Not the manifest, not the wish to start, not a folder, and not the hidden files that file
    managers leave (`.DS_Store`).
    """
    name = file.rsplit("/", 1)[-1]
    return file not in (MANIFEST, START) and not is_folder(file) and not name.startswith(".")


def prepared_photo_prefix(job_id: str) -> str:
    return f"photos/{job_id}/"


def prepared_photo_key(job_id: str, photo_id: str) -> str:
    return f"{prepared_photo_prefix(job_id)}{photo_id}.jpg"


def avatar_key(owner: str, folder: str, run: int, position: int, style: str, extension: str) -> str:
    """The same job, run and position always give the same key, so a copy never duplicates."""
    slug = _UNSAFE.sub("-", style.lower()).strip("-")[:40]
    return f"{avatar_prefix(owner, folder)}{run:03}/{position:03}-{slug}.{extension}"


def avatar_prefix(owner: str, folder: str) -> str:
    return f"avatars/{owner}/{folder}/"


def archive_prefix(job_id: str) -> str:
    return f"archives/{job_id}/"


def archive_key(job_id: str, contents: str) -> str:
    """*contents* names what is in it: other contents lie under another key."""
    return f"{archive_prefix(job_id)}{contents}.zip"


def answer_prefix(job_id: str) -> str:
    return f"answers/{job_id}/"


def answer_key(job_id: str, name: str) -> str:
    return f"{answer_prefix(job_id)}{name}.json"


def training_answer(attempt: int) -> str:
    return f"training-{attempt:03}"


def inference_answer(run: int, place: int, attempt: int) -> str:
    """*place* is that of the inference in its run, from 0."""
    return f"run-{run:03}-inference{_place(place)}-{attempt:03}"


def result_answer(run: int, place: int) -> str:
    return f"run-{run:03}-result{_place(place)}"


def _place(place: int) -> str:
    """Nothing for the first: most runs have no other."""
    return f"-{place + 1:02}" if place else ""

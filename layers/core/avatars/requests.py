"""The bodies of HTTP requests."""

import json
import re
from dataclasses import dataclass

from avatars.errors import BadRequestError
from avatars.manifest import parse_manifest
from avatars.model import Manifest

MAX_FOLDER_LENGTH = 64

_FOLDER = re.compile(rf"[\w .+-]{{1,{MAX_FOLDER_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class Order:
    """What `POST /jobs` asks for."""

    manifest: Manifest
    files: tuple[str, ...]
    folder: str | None


def read_order(body: str | bytes, default: Manifest) -> Order:
    """The order in a request body: `files`, and optionally `subject`, `prompts` and `folder`.

    Raises BadRequestError.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequestError("The body is not JSON: send an object with files.") from error
    if not isinstance(content, dict):
        raise BadRequestError("The body must be a JSON object with files.")
    files, folder = content.pop("files", None), content.pop("folder", None)
    if not isinstance(files, list) or not all(isinstance(file, str) and file for file in files):
        raise BadRequestError("files must be a list of file names.")
    if folder is not None and not _is_folder_name(folder):
        raise BadRequestError(
            f"folder must have 1 to {MAX_FOLDER_LENGTH} letters, digits, spaces or . _ + -."
        )
    content.pop("photos", None)  # the promise is the number of files
    return Order(parse_manifest(content, default), tuple(files), folder)


def _is_folder_name(folder: object) -> bool:
    """Dots alone are no name: clients take them out of the addresses of everything below."""
    return isinstance(folder, str) and bool(_FOLDER.fullmatch(folder)) and bool(folder.strip("."))

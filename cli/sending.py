"""Upload photos through the forms that the stack has signed."""

import io
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from cli.doors.documents import Upload
from cli.doors.door import DoorError
from cli.doors.http import repeating_client
from cli.parallel import each_at_once

AT_ONCE = 4
"""More would not make a home's connection faster."""

GOES_ON = (
    "The photos that arrived are kept: run the same command again, and only the others are sent."
)


class _StoppedError(Exception):
    """Somebody has interrupted the command, or another photo could not be sent."""


def send_photos(
    uploads: list[Upload],
    paths: Mapping[str, Path],
    sent: Callable[[int], None],
    transport: httpx.BaseTransport | None = None,
) -> None:
    """Upload each photo, a few at once; *sent* hears of the bytes that leave, as they do.

    A form may be used again: the same photo under the same name is the same photo. Raises
    DoorError.
    """
    with repeating_client(transport=transport) as http:

        def send(upload: Upload, over: threading.Event) -> None:
            _send(http, upload, paths[upload["file"]], sent, over)

        each_at_once(uploads, send, AT_ONCE)


def _send(
    http: httpx.Client,
    upload: Upload,
    path: Path,
    sent: Callable[[int], None],
    over: threading.Event,
) -> None:
    file = upload["file"]
    try:
        with _Photo(path, sent, over) as photo:
            answer = http.post(
                upload["url"], data=upload["fields"], files={"file": ("photo", photo)}
            )
    except httpx.HTTPError as error:
        raise DoorError(
            f"{file} could not be uploaded ({type(error).__name__}). {GOES_ON}"
        ) from error
    except OSError as error:
        raise DoorError(f"{file} cannot be read: {error.strerror}. {GOES_ON}") from error
    if not answer.is_success:
        raise DoorError(
            f"{file} could not be uploaded: the bucket answers {answer.status_code}. A form lives "
            f"a quarter of an hour. {GOES_ON}"
        )


class _Photo(io.FileIO):
    """A file that tells how much of it was read, and can be stopped in the middle."""

    def __init__(self, path: Path, was_read: Callable[[int], None], over: threading.Event) -> None:
        super().__init__(path)
        self._was_read = was_read
        self._over = over

    def read(self, size: int | None = -1, /) -> bytes:
        if self._over.is_set():
            raise _StoppedError
        data = super().read(-1 if size is None else size)
        self._was_read(len(data))
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        before, after = self.tell(), super().seek(offset, whence)
        self._was_read(after - before)  # back to the beginning, where it is sent once more
        return after

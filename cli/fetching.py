"""Fetch a job's avatars into a folder."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import httpx
from rich.progress import MofNCompleteColumn

from cli.doors.documents import Avatar
from cli.doors.door import DoorError
from cli.doors.http import repeating_client
from cli.parallel import each_at_once
from cli.progress import bars
from cli.saying import RefusedError

AT_ONCE = 4


class Saved(TypedDict):
    """An avatar on this machine."""

    run: int
    position: int
    style: str
    file: str


def fetch_avatars(
    avatars: Sequence[Avatar],
    out: Path,
    folder: str,
    transport: httpx.BaseTransport | None = None,
) -> list[Saved]:
    """Save all kept avatars of a job in *out*/*folder*: other jobs in *out* have the same names.

    Those that lie there whole are not fetched again.

    Raises RefusedError or DoorError; what was fetched before that stays.
    """
    kept = [avatar for avatar in avatars if avatar["link"]]
    out /= _plain(folder)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RefusedError(f"The avatars cannot go to {out}: {error.strerror}.") from error
    paths = [out / _plain(avatar["file"] or "") for avatar in kept]
    with (
        repeating_client(transport=transport) as http,
        bars("fetching avatars", len(kept), MofNCompleteColumn()) as advance,
    ):

        def fetch(each: tuple[Avatar, Path], over: threading.Event) -> None:
            avatar, path = each
            if not (path.exists() and path.stat().st_size == avatar["bytes"]):
                _fetch(http, avatar, path)

        pairs = list(zip(kept, paths, strict=True))
        each_at_once(pairs, fetch, AT_ONCE, lambda: advance(1))
    return [
        {
            "run": avatar["run"],
            "position": avatar["position"],
            "style": avatar["style"],
            "file": str(path),
        }
        for avatar, path in pairs
    ]


def _plain(name: str) -> str:
    """The name of a file or folder, which may lead nowhere else."""
    if Path(name).name != name or name in ("", "..") or not name.isprintable():
        raise RefusedError(f"{name!r} is no plain file name, so nothing is saved under it.")
    return name


def _fetch(http: httpx.Client, avatar: Avatar, path: Path) -> None:
    part = path.with_name(path.name + ".part")
    again = "What was fetched is kept: run the same command again."
    try:
        with http.stream("GET", avatar["link"] or "") as answer, part.open("wb") as file:
            if not answer.is_success:
                raise DoorError(
                    f"{path.name} could not be fetched: the bucket answers {answer.status_code}. "
                    f"Its link lives a quarter of an hour. {again}"
                )
            for chunk in answer.iter_bytes():
                file.write(chunk)
        part.replace(path)  # whatever bears the name is whole
    except httpx.HTTPError as error:
        raise DoorError(
            f"{path.name} could not be fetched ({type(error).__name__}). {again}"
        ) from error
    except OSError as error:
        raise RefusedError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)

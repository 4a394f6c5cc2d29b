"""How commands speak: nothing that a stranger wrote may steer the terminal, no error is a trace."""

import contextlib
import sys
from collections.abc import Iterator
from typing import NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError

from avatars.errors import BadRequestError, JobNotFoundError
from cli.doors.door import DoorError

PROBLEM, USAGE, STILL_RUNNING, INTERRUPTED = 1, 2, 3, 130


class RefusedError(Exception):
    """A command does not do what it was asked for; the message says why, and what to do instead."""


PROBLEMS = (
    RefusedError,
    DoorError,
    BadRequestError,
    JobNotFoundError,
    BotoCoreError,
    ClientError,
)
"""What commands say in a sentence."""


class UsageError(RefusedError):
    """The options of a command do not go together."""


class StillRunningError(Exception):
    """A job has not ended in the time that a command was to wait for it."""


def printable(text: str) -> str:
    """The text with every character replaced that could move a cursor or break a line."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def fail(error: BaseException, code: int) -> NoReturn:
    lines = str(error).splitlines() or [type(error).__name__]
    print("avatars:", "\n".join(map(printable, lines)), file=sys.stderr)
    raise typer.Exit(code)


@contextlib.contextmanager
def problems_told() -> Iterator[None]:
    """Whatever cannot be done is said in a sentence, and ends the command with its exit code."""
    try:
        yield
    except UsageError as error:
        fail(error, USAGE)
    except StillRunningError as error:
        fail(error, STILL_RUNNING)
    except PROBLEMS as error:
        fail(error, PROBLEM)
    except (KeyboardInterrupt, typer.Abort):  # the latter at a prompt
        fail(KeyboardInterrupt("Interrupted."), INTERRUPTED)

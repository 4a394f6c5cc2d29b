"""How commands speak: nothing that a stranger wrote may steer the terminal, no error is a trace."""

import contextlib
import sys
from collections.abc import Iterator
from typing import NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError

from avatars.errors import BadRequestError, JobNotFoundError

PROBLEM, USAGE = 1, 2


class RefusedError(Exception):
    """A command does not do what it was asked for; the message says why, and what to do instead."""


def printable(text: str) -> str:
    """The text with every character replaced that could move a cursor or break a line."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def fail(error: Exception, code: int) -> NoReturn:
    print(f"avatars: {error}", file=sys.stderr)
    raise typer.Exit(code)


@contextlib.contextmanager
def problems_told() -> Iterator[None]:
    """Whatever cannot be done is said in a sentence, and ends the command with PROBLEM."""
    try:
        yield
    except (RefusedError, BadRequestError, JobNotFoundError, BotoCoreError, ClientError) as error:
        fail(error, PROBLEM)

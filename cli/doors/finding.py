"""Which door a command goes through, by its options and the environment."""

import getpass
import inspect
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from cli.doors.api import ApiDoor
from cli.doors.door import Door
from cli.printing import tell
from cli.saying import RefusedError, UsageError, problems_told
from cli.signing_in.current import OwnerAuth, tokens_for
from cli.signing_in.issuer import checked
from cli.signing_in.store import SignIns
from cli.target import STATE_DIR, find_target
from local import stack as local_stack

P = ParamSpec("P")

_UNSAFE = re.compile(r"[^A-Za-z0-9._@-]+")

MOST_OF_OWNER = 64

PANEL = "Where, and whose"

LocalOption = Annotated[
    bool,
    typer.Option(
        "--local",
        help="The stack of `avatars up`; nothing need be said where one runs.",
        rich_help_panel=PANEL,
    ),
]
StackOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="A stack on AWS, with your credentials.", rich_help_panel=PANEL
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Of the AWS CLI, for --stack.", rich_help_panel=PANEL),
]
RegionOption = Annotated[
    str | None, typer.Option(metavar="REGION", help="For --stack.", rich_help_panel=PANEL)
]
OwnerOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Whose jobs, on a stack; without it, those of your user name.",
        rich_help_panel=PANEL,
    ),
]
ApiOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="An HTTP API, signed in to (or AVATARS_API); see `avatars sign-in`.",
        rich_help_panel=PANEL,
    ),
]


@dataclass(frozen=True)
class Where:
    """The options of a command that say where it acts."""

    local: LocalOption = False
    stack: StackOption = None
    profile: ProfileOption = None
    region: RegionOption = None
    owner: OwnerOption = None
    api: ApiOption = None


Opener = Callable[[Where], Door]


def open_door(where: Where) -> Door:
    """The door that the options name, else the one that is there. Raises RefusedError."""
    named = [name for name in ("local", "stack", "api") if getattr(where, name)]
    if len(named) > 1:
        raise UsageError(f"--{named[0]} and --{named[1]} name two places: give one of them.")
    if (where.profile or where.region) and not where.stack:
        raise UsageError("--profile and --region go with --stack NAME.")
    api = where.api if named else os.environ.get("AVATARS_API") or _only_api()
    if api:
        if where.owner:
            raise UsageError("--owner is for stacks: to an API, the token says who you are.")
        url = _address(api)
        return ApiDoor(url, OwnerAuth(lambda refused: tokens_for(url, refused=refused)))
    from cli.doors.stack import StackDoor  # and with it, the schema of the API

    target = find_target(where.stack, profile=where.profile, region=where.region)
    place = "the local stack" if target.local else f"the stack {target.stack}"
    return StackDoor(target.services, clean_owner(where.owner or getpass.getuser()), place)


def _address(api: str) -> str:
    try:
        return checked(api).rstrip("/")
    except RefusedError as error:
        raise UsageError(str(error)) from error


def clean_owner(name: str) -> str:
    """A name that can be a part of object keys."""
    clean = _UNSAFE.sub("-", name).strip("-.@")[:MOST_OF_OWNER]
    if not clean:
        raise UsageError(f"{name!r} cannot be an owner: give --owner with letters or digits.")
    return clean


def at_a_door(command: Callable[Concatenate[Door, P], None]) -> Callable[..., None]:
    """A command that gets the options of Where, opens its door and tells problems in a sentence.

    The context's object, if there is one, is the Opener: tests have their own.
    """
    own = list(inspect.signature(command).parameters.values())[1:]
    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    options = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(Where).parameters.values()
    ]

    @wraps(command)
    def run(*, ctx: typer.Context, **given: Any) -> None:
        where = Where(**{option.name: given.pop(option.name) for option in options})
        opener: Opener = ctx.obj or open_door
        with problems_told():
            door = opener(where)
            tell(f"As {door.name}.")
            command(door, **given)  # type: ignore[call-arg]

    run.__signature__ = inspect.Signature([*own, *options, context])  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in (*own, *options, context)}
    return run


def _only_api() -> str | None:
    """Where somebody is signed in, if that is one place and no local stack runs."""
    if local_stack.find(STATE_DIR):
        return None
    apis = list(SignIns().all())
    return apis[0] if len(apis) == 1 else None

"""The command `avatars teardown`."""

import sys
from typing import Annotated

import typer

from cli.deploying.place import Place, Standing, find_place, standing
from cli.doors.finding import ProfileOption, RegionOption
from cli.jobs.commands import JsonOption
from cli.printing import print_json, print_line, print_table, tell
from cli.saying import RefusedError, UsageError, problems_told
from cli.teardown.deleting import delete_stack, stop_jobs
from cli.teardown.stock import Stock, models_paid_for, running_jobs, take_stock, ways_to_delete

YesOption = Annotated[
    bool, typer.Option("--yes", help="Do not ask; needed where there is no terminal.")
]


def teardown(
    stack: Annotated[str, typer.Option(metavar="NAME", help="The stack's name on AWS.")],
    profile: ProfileOption = None,
    region: RegionOption = None,
    stop: Annotated[
        bool, typer.Option("--stop-jobs", help="Stop jobs that run; their ids stay in the table.")
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a stack, after saying what goes, what stays and why; then, how that is deleted, too.

    Uploads, the page, functions, queues, logs and the provider's key go. Avatars, the table with
    every id, the people of the user pool and the secret of webhooks stay: they hold what cannot be
    made again.

    Example: avatars teardown --stack avatars

    Exit codes: 0 gone, 1 refused or failed, 2 wrong usage, 3 still going after an hour.
    """
    with problems_told():
        if not yes and not sys.stdin.isatty():
            raise UsageError("Nobody can be asked here: say --yes if the stack is to be deleted.")
        place = find_place(profile, region)
        now = standing(place, stack)
        if now is None or now.status == "DELETE_COMPLETE":
            raise RefusedError(
                f"There is no stack {stack} in {place.region} on account {place.account}."
            )
        require_removable(stack, now)
        stock = take_stock(place, stack)
        require_ours(stack, stock)
        models = models_paid_for(place, stock)
        _tell_what_goes(place, stack, stock, models)
        running = running_jobs(place, stock)
        if running and not stop:
            raise RefusedError(
                f"Jobs are under way ({len(running)}), and what they have paid for would be lost "
                "half-way. Wait until they have ended, or say --stop-jobs: their ids stay in the "
                "table."
            )
        if not yes:
            _confirm(stack)
        if running:
            stop_jobs(place, stock, running, tell)
        delete_stack(place, now, stock, tell)
        if as_json:
            print_json(_told(stack, place, stock, models))
        else:
            _print_what_stays(place, stack, stock, models)


def require_removable(stack: str, now: Standing) -> None:
    """Raises RefusedError."""
    if now.protected:
        raise RefusedError(
            f"The stack {stack} is protected against deletion. Lift that first: aws cloudformation "
            f"update-termination-protection --no-enable-termination-protection --stack-name {stack}"
        )
    if now.status.endswith("_IN_PROGRESS") and now.status != "DELETE_IN_PROGRESS":
        raise RefusedError(f"The stack {stack} is {now.status}: wait until that is over.")


def require_ours(stack: str, stock: Stock) -> None:
    """Of another stack we would not know what is dear to its owner. Raises RefusedError."""
    if not any(stock.named(name) for name in ("JobsTable", "UploadBucket", "CoreLayer")) and (
        stock.goes or stock.stays
    ):
        raise RefusedError(f"The stack {stack} is none of this template: delete it elsewhere.")


def _tell_what_goes(place: Place, stack: str, stock: Stock, models: int | None) -> None:
    tell(f"The stack {stack} in {place.region}, on account {place.account}:")
    tell(f"  goes: {len(stock.goes)} resources, with all uploads, logs and the provider's key.")
    for piece in stock.stays:
        tell(f"  stays: {piece.name} ({piece.id}): {piece.why}.")
    if models:
        tell(f"  stays at the provider: {models} models, whose ids are in the table.")
    tell("The key goes at once: be sure that you have it elsewhere.")


def _confirm(stack: str) -> None:
    typed = typer.prompt(
        "Type the stack's name to delete it", default="", show_default=False, err=True
    )
    if typed.strip() != stack:
        raise RefusedError("That is not its name: nothing was deleted.")


def _print_what_stays(place: Place, stack: str, stock: Stock, models: int | None) -> None:
    print_line(f"The stack {stack} is gone.")
    if not stock.stays:
        return
    print()
    print_table(
        ("stays", "as", "because it holds"),
        [(piece.name, piece.id, piece.why) for piece in stock.stays],
    )
    if models:
        print()
        print_line(
            f"The provider may keep {models} models, which this deletes none of: ask its support, "
            "with the ids from the table."
        )
    print()
    print_line("Once nobody needs it any more, these delete it for good:")
    for line in _ways(place, stock):
        print_line(f"  {line}")


def _ways(place: Place, stock: Stock) -> list[str]:
    profile = [f"export AWS_PROFILE={place.profile}"] if place.profile else []
    commands = [way for piece in stock.stays for way in ways_to_delete(piece)]
    return [*profile, f"export AWS_DEFAULT_REGION={place.region}", *commands]


def _told(stack: str, place: Place, stock: Stock, models: int | None) -> dict[str, object]:
    return {
        "stack": stack,
        "region": place.region,
        "account": place.account,
        "gone": [{"name": piece.name, "type": piece.type, "id": piece.id} for piece in stock.goes],
        "kept": [
            {
                "name": piece.name,
                "type": piece.type,
                "id": piece.id,
                "why": piece.why,
                "delete_with": ways_to_delete(piece),
            }
            for piece in stock.stays
        ],
        "models_at_the_provider": models,
    }

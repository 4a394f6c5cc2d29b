"""The command `avatars doctor`."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from cli.doctor.examining import CHECKS, examine
from cli.doctor.finding import Finding, Level
from cli.doors.finding import LocalOption, ProfileOption, RegionOption, StackOption
from cli.jobs.commands import JsonOption
from cli.printing import print_json, print_line, print_table, tell
from cli.saying import PROBLEM, UsageError, problems_told
from cli.target import find_target


def doctor(
    local: LocalOption = False,
    stack: StackOption = None,
    profile: ProfileOption = None,
    region: RegionOption = None,
    live: Annotated[
        bool,
        typer.Option("--live", help="Use it, too, with a job that costs nothing and is erased."),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before --live acts; needed in scripts.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Examine a stack: is it deployed as it should be, and can it work? Changes and costs nothing.

    With --live the stack is used, too, which shows what AWS alone can: that each service may do
    what it must, that the page and the sign-in answer, that a made-up token is refused, and that an
    upload comes through. It asks before, spends nothing at the provider, and erases what it made.

    Example: avatars doctor --stack avatars --region eu-central-1 --live

    Exit codes: 0 nothing to mend, 1 findings, or it cannot be looked at, 2 wrong usage, 130
    interrupted.
    """
    with problems_told():
        if local and stack:
            raise UsageError("--local and --stack name two places: give one of them.")
        if live and not yes and not sys.stdin.isatty():
            raise UsageError("Nobody can be asked here: say --yes if --live may use the stack.")
        target = find_target(stack, profile=profile, region=region)
        checks = CHECKS
        if live:
            from cli.doctor.live import LIVE, WHAT_IT_DOES

            checks = LIVE
            tell(WHAT_IT_DOES.format(stack=target.stack))
            if not yes:
                typer.confirm("Go on?", default=True, abort=True, err=True)
        with Console(stderr=True).status("Looking") as status:
            findings = examine(
                target, lambda about: status.update(f"Looking at the {about}"), checks
            )
        if as_json:
            print_json({"stack": target.stack, "findings": [asdict(each) for each in findings]})
        else:
            _print(findings)
        if any(each.level is Level.FINDING for each in findings):
            raise typer.Exit(PROBLEM)


def _print(findings: Sequence[Finding]) -> None:
    print_table(("", "about", "seen"), [(each.level, each.about, each.said) for each in findings])
    to_mend = [each for each in findings if each.remedy]
    for each in to_mend:
        print()
        print_line(f"{each.about}: {each.said}")
        print_line(f"  {each.remedy}")
    counts = Counter(each.level for each in findings)
    print()
    print_line(
        f"{counts[Level.OK]} are well, {counts[Level.NOTE]} to note, "
        f"{counts[Level.FINDING]} to mend."
    )

"""The commands `avatars deploy`, `key` and `invite`."""

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.deploying.deployment import (
    Asking,
    build,
    first_answers,
    parse_settings,
    require_tools,
    run_quietly,
    run_shown,
)
from cli.deploying.deployment import deploy as deploy_stack
from cli.deploying.place import (
    Place,
    Standing,
    find_place,
    names_region,
    require_deployable,
    require_sams_bucket,
    standing,
)
from cli.deploying.provider_key import asked_key, given_key, put_key
from cli.doctor.finding import Level
from cli.doors.finding import ProfileOption, RegionOption
from cli.printing import print_facts, print_line, tell
from cli.saying import PROBLEM, RefusedError, UsageError, problems_told
from cli.target import find_target

STACK = "avatars"

_STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")
"""As CloudFormation has them, and short enough for names that are made of them."""

StackName = Annotated[
    str | None, typer.Option("--stack", metavar="NAME", help="The stack's name on AWS.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A file with the provider's key, or - for standard input; or set "
        "AVATARS_PROVIDER_KEY. Without either it is asked for.",
        dir_okay=False,
        allow_dash=True,
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Ask nothing: take what is given.")]


class Person:
    """Whoever sits at the terminal. What they are asked is no result: it goes to standard error."""

    def ask(self, question: str, default: str) -> str:
        answer: str = typer.prompt(question, default=default, show_default=bool(default), err=True)
        return answer.strip()

    def ask_secret(self, question: str) -> str:
        answer: str = typer.prompt(
            question, default="", show_default=False, hide_input=True, err=True
        )
        return answer


class Nobody:
    """No terminal, or nobody who wants to be asked."""

    def ask(self, question: str, default: str) -> str:
        return default

    def ask_secret(self, question: str) -> str:
        return ""


def deploy(
    stack: StackName = None,
    profile: ProfileOption = None,
    region: RegionOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A parameter of template.yaml, as often as you like; others stay as they are.",
        ),
    ] = None,
    key_file: KeyFile = None,
    yes: YesOption = False,
) -> None:
    """Build the template and deploy it to your AWS account, asking for what only you know.

    The first time it asks for the stack's name and region, who gets mail when a job needs a person,
    the provider's styles and its key. Later the stack remembers: only what you name changes.

    The key goes straight into Secrets Manager: not into a command line, a file or CloudFormation.

    Example: avatars deploy --region eu-central-1 --set AlarmEmail=you@example.com

    Exit codes: 0 deployed, 1 refused or failed, 2 wrong usage, 130 interrupted.
    """
    with problems_told():
        if not yes and not sys.stdin.isatty():
            raise UsageError("Nobody can be asked here: say --yes to deploy as the options say.")
        asking: Asking = Nobody() if yes else Person()
        wanted = parse_settings(settings or [])
        key = given_key(key_file)
        require_tools()
        if region is None and not names_region(profile):
            region = asking.ask("Which region is it to be in? (near to your users)", "") or None
        place = find_place(profile, region)
        if stack is None:
            stack = asking.ask("What is the stack to be called?", STACK)
        _require_name(stack)
        now = standing(place, stack)
        require_deployable(place, stack, now)
        require_sams_bucket(place)
        if now is None:
            wanted = first_answers(asking, wanted)
            key = key or asked_key(asking)
        _tell_what_comes(place, stack, now, wanted)
        if not yes:
            typer.confirm("Deploy?", default=True, abort=True, err=True)
        tell("Building what Lambda runs, which takes a minute or two.")
        build(run_quietly)
        if deploy_stack(run_shown, stack, place.options, wanted) != 0:
            raise RefusedError(_what_failed(place, stack))
        _finish(place, stack, key, first=now is None)


def _require_name(stack: str) -> None:
    if not _STACK_NAME.fullmatch(stack):
        raise UsageError(
            f"{stack!r} cannot be a stack's name: a letter, then letters, digits and hyphens, "
            "40 at most."
        )


def _tell_what_comes(
    place: Place, stack: str, now: Standing | None, parameters: dict[str, str]
) -> None:
    tell(
        f"{'Makes' if now is None else 'Changes'} the stack {stack} in {place.region}, on account "
        f"{place.account}, as {place.who}."
    )
    if place.who.endswith(":root"):
        tell("That is the account's root user: better make yourself a user in IAM Identity Center.")
    for name, value in parameters.items():
        tell(f"  {name} = {value or '(empty)'}")
    if now is None:
        tell("At rest it costs about a dollar a month; docs/deploy.md says what for.")


def _what_failed(place: Place, stack: str) -> str:
    """What to do where the SAM CLI has said why."""
    where = " ".join(place.options)
    now = standing(place, stack)
    if now and now.status.startswith("ROLLBACK"):
        return (
            f"The stack could not be made; CloudFormation says above which resource failed, and "
            f"why. Remove the cause, then what is left (`avatars teardown --stack {stack} "
            f"{where}`), and deploy again."
        )
    return (
        "The deployment failed; the SAM CLI says above why. Where the stack was there before, it "
        f"is as it was{f' ({now.status})' if now else ''}."
    )


def _finish(place: Place, stack: str, key: str | None, *, first: bool) -> None:
    """Put the key where it belongs, and say where everything is."""
    target = find_target(stack, profile=place.profile, region=place.region)
    where = f"--stack {stack} {' '.join(place.options)}"
    facts: list[tuple[str, object]] = [("The page", target.outputs["PageUrl"])]
    if "OwnerPool" in target.outputs:
        facts.append(("Invite somebody", f".venv/bin/avatars invite YOU@EXAMPLE.COM {where}"))
    if key is not None:
        facts += [("The key", finding.said) for finding in put_key(target, key)]
    elif first:
        facts.append(("The key is missing", f".venv/bin/avatars key {where}"))
    facts += [
        ("Is all well?", f".venv/bin/avatars doctor --live {where}"),
        ("Take it down", f".venv/bin/avatars teardown {where}"),
    ]
    print_facts(facts)


def key(
    stack: Annotated[str, typer.Option(metavar="NAME", help="The stack's name on AWS.")],
    profile: ProfileOption = None,
    region: RegionOption = None,
    key_file: KeyFile = None,
) -> None:
    """Put the provider's key into a stack's secret, and ask the provider whether it takes it.

    It is in use everywhere after five minutes at most; jobs that wait for it go on by themselves.

    One key alone is that of the stack's own provider. Where jobs may name providers of another
    account, give those of all, as JSON: {"ACCOUNT": "KEY", ...} (docs/providers.md has the names).

    Example: avatars key --stack avatars < key.txt

    Example: avatars key --stack avatars --key-file keys.json

    Exit codes: 0 taken, 1 refused, 2 wrong usage, 130 interrupted.
    """
    with problems_told():
        target = find_target(stack, profile=profile, region=region)
        given = given_key(key_file)
        if given is None:
            given = asked_key(Person()) if sys.stdin.isatty() else given_key(Path("-"))
        if given is None:
            raise UsageError("There is no key to put there.")
        findings = put_key(target, given)
        for finding in findings:
            print_line(finding.said)
            if finding.remedy:
                tell(finding.remedy)
        if any(finding.level is Level.FINDING for finding in findings):
            raise typer.Exit(PROBLEM)


def invite(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Whom to invite.")],
    stack: Annotated[str, typer.Option(metavar="NAME", help="The stack's name on AWS.")],
    profile: ProfileOption = None,
    region: RegionOption = None,
    again: Annotated[bool, typer.Option("--again", help="Send a new password to them.")] = False,
) -> None:
    """Let somebody sign in: Cognito sends them a first password by mail, which holds for 7 days.

    Who is invited may order avatars, and you pay for them.

    Exit codes: 0 invited, 1 refused, 2 wrong usage.
    """
    with problems_told():
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
            raise UsageError(f"{email!r} is no address that mail can be sent to.")
        target = find_target(stack, profile=profile, region=region)
        pool = target.outputs.get("OwnerPool")
        if pool is None:
            raise RefusedError("Who signs in to this stack comes from an issuer of your own.")
        more: dict[str, Any] = {"MessageAction": "RESEND"} if again else {}
        users = target.client("cognito-idp")
        try:
            users.admin_create_user(
                UserPoolId=pool,
                Username=email,
                UserAttributes=[
                    {"Name": "email", "Value": email},
                    {"Name": "email_verified", "Value": "true"},
                ],
                DesiredDeliveryMediums=["EMAIL"],
                **more,
            )
        except users.exceptions.UsernameExistsException as error:
            raise RefusedError(
                f"{email} was invited before; --again sends a new password to whoever has not "
                "signed in yet."
            ) from error
        except users.exceptions.UserNotFoundException as error:
            raise RefusedError(f"{email} was never invited: leave --again out.") from error
        print_line(f"{email} gets a mail with a password, and signs in at")
        print_line(target.outputs["PageUrl"])

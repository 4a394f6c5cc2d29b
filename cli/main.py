"""The `avatars` command."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from avatars.errors import BadManifestError
from avatars.manifest import parse_styles
from avatars.model import Manifest, Subject
from avatars.provider.catalog import CAPABILITIES
from cli.cost.commands import cost
from cli.dead_letters import commands as dead_letters
from cli.deploying import commands as deploying
from cli.doctor.commands import doctor
from cli.jobs import commands as jobs
from cli.redrive import redrive_job
from cli.report import print_endpoints, print_outcome
from cli.saying import PROBLEM, USAGE, UsageError, fail, problems_told
from cli.signing_in.commands import sign_in, sign_out
from cli.target import STATE_DIR, StackOption, find_target
from cli.teardown.commands import teardown
from cli.tracing.commands import trace
from local import stack as local_stack
from local.simulator.styles import Style

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
JOBS, ACCESS, OPERATING, HERE = "Avatars", "Sign-in", "Operating a stack", "On this machine"

app.command(rich_help_panel=JOBS)(jobs.create)
app.command("list", rich_help_panel=JOBS)(jobs.list_jobs)
for command in (
    jobs.status,
    jobs.watch,
    jobs.download,
    jobs.more,
    jobs.erase,
    jobs.styles,
    jobs.models,
):
    app.command(rich_help_panel=JOBS)(command)
app.command("sign-in", rich_help_panel=ACCESS)(sign_in)
app.command("sign-out", rich_help_panel=ACCESS)(sign_out)
for command in (deploying.deploy, deploying.key, deploying.invite, doctor, trace, cost, teardown):
    app.command(rich_help_panel=OPERATING)(command)
app.add_typer(dead_letters.app, name="dead-letters", rich_help_panel=OPERATING)


@app.callback()
def main() -> None:
    """Selfies in, avatars out."""


@app.command(rich_help_panel=HERE)
def demo(
    photo_dir: Annotated[
        Path,
        typer.Argument(
            metavar="PHOTO_DIR",
            help="A folder of photos of one subject, 5 to 30 for a training; its files count, not "
            "its folders.",
            file_okay=False,
        ),
    ],
    subject: Annotated[Subject, typer.Option(help="Who is on the photos.")] = Subject.WOMAN,
    style: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STYLE:COUNT",
            help=f"As often as you like; without one, realistic:4. Styles: {', '.join(Style)}.",
        ),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"Which simulated provider makes them: {', '.join(CAPABILITIES)}; without it, the "
            "first.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the pictures go.", file_okay=False)] = Path(
        "out"
    ),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the outcome as one JSON object.")
    ] = False,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Leave the stack up afterwards, until `avatars down`."),
    ] = False,
) -> None:
    """Turn a folder of photos into avatars, all on this machine, with a simulated provider.

    Example: avatars demo samples --subject woman --style realistic:4 --style watercolor:2

    Exit codes: 0 completed, 1 the job ended otherwise or could not run, 2 wrong usage.
    """
    from cli.demo import DemoError, run_demo

    try:
        prompts = parse_styles(",".join(style or ["realistic:4"]))
        manifest = Manifest(subject, prompts, provider=provider)
        outcome = run_demo(photo_dir, manifest, out, STATE_DIR, keep=keep)
    except (BadManifestError, DemoError, UsageError) as error:
        fail(error, USAGE)
    except (local_stack.StackError, TimeoutError) as error:
        fail(error, PROBLEM)
    if as_json:
        print(json.dumps(outcome.as_json(), indent=2))
    else:
        print_outcome(outcome)
    if keep and (stack := local_stack.find(STATE_DIR)):
        print_endpoints(stack, file=sys.stderr if as_json else sys.stdout)
    if not outcome.completed:
        raise typer.Exit(PROBLEM)


@app.command(rich_help_panel=HERE)
def up(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the endpoints as one JSON object.")
    ] = False,
) -> None:
    """Start the local stack (embedded AWS, template, simulated provider), or say where it is."""
    stack = local_stack.find(STATE_DIR)
    if stack is None:
        print("Starting the embedded AWS and deploying template.yaml ...", file=sys.stderr)
        try:
            stack = local_stack.start(STATE_DIR)
        except local_stack.StackError as error:
            fail(error, PROBLEM)
    if as_json:
        print(json.dumps(asdict(stack), indent=2))
    else:
        print_endpoints(stack, file=sys.stdout)


@app.command(rich_help_panel=HERE)
def down() -> None:
    """Stop the local stack and remove everything that it held."""
    if not local_stack.stop(STATE_DIR):
        fail(local_stack.StackError("No local stack runs here."), PROBLEM)


@app.command(rich_help_panel=HERE)
def check(
    photos: Annotated[
        list[Path],
        typer.Argument(metavar="PHOTO...", help="Any files.", exists=True, dir_okay=False),
    ],
    subject: Annotated[Subject, typer.Option(help="Who is to be drawn.")] = Subject.WOMAN,
    out: Annotated[
        Path | None, typer.Option(help="Where the prepared photos go.", file_okay=False)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the verdicts as one JSON object.")
    ] = False,
) -> None:
    """Judge photos before they are uploaded, with the code that judges them on AWS.

    A rejected photo says why; advice says what would make a better one, which is used all the same.
    The figure is how good a photo is by itself, 0 to 100.

    Example: avatars check samples/*.jpg --subject woman --out prepared

    Exit codes: 0 some can be used, 1 none can, 2 wrong usage.
    """
    from cli.check import check_photos, print_checked

    try:
        checked = check_photos(photos, subject, out)
    except OSError as error:
        fail(error, PROBLEM)
    if as_json:
        print(checked.as_json())
    else:
        print_checked(checked)
    if not checked.accepted:
        raise typer.Exit(PROBLEM)


@app.command(rich_help_panel=OPERATING)
def redrive(
    job: Annotated[
        str, typer.Argument(metavar="JOB", help="A job's id, or its folder as OWNER/FOLDER.")
    ],
    model_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="The model of a training whose answer was lost, from the provider's support.",
        ),
    ] = None,
    stack: StackOption = None,
) -> None:
    """Take up a job that needs attention, where its recorded ids say; remove the cause first.

    Says how the job stands and what comes now, then starts and prints the execution that does it.

    While nobody knows what became of a request, and the provider cannot be asked, it is refused:
    nothing is paid for twice.

    Exit codes: 0 taken up, 1 refused, 2 wrong usage.
    """
    with problems_told():
        print(redrive_job(find_target(stack), job, model_id))

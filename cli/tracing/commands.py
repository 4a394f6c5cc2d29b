"""The command `avatars trace`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.doctor.examining import examine
from cli.doors.finding import LocalOption, ProfileOption, RegionOption, StackOption
from cli.jobs.commands import JsonOption
from cli.jobs.completing import complete_job
from cli.printing import print_facts, print_json, print_line, print_table, tell
from cli.redrive import named_job
from cli.saying import RefusedError, UsageError, problems_told
from cli.target import Target, find_target
from cli.tracing.bundle import write_bundle
from cli.tracing.fact import Source, Story
from cli.tracing.gathering import tell_story
from cli.tracing.telling import COLUMNS, about_times, document, rows, troubles

WHERE = {
    Source.TABLE: "the table",
    Source.HISTORY: "the executions",
    Source.LOGS: "the logs",
    Source.PROVIDER: "the provider's answers",
}


def trace(
    job: Annotated[
        str,
        typer.Argument(
            metavar="JOB",
            help="A job's id, or its folder as OWNER/FOLDER.",
            autocompletion=complete_job,
        ),
    ],
    bundle: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.zip",
            help="Also write it all down for support: no faces, names, prompts, links or secrets.",
            dir_okay=False,
        ),
    ] = None,
    local: LocalOption = False,
    stack: StackOption = None,
    profile: ProfileOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the whole story of a job: from the table, the executions, the logs, and the provider.

    In the order of time, a line for each fact; what went wrong is marked. A source that cannot be
    looked at, or has forgotten, is named. Changes nothing.

    Example: avatars trace alice/summer --stack avatars --bundle alice.zip

    Exit codes: 0 told (however the job stands), 1 there is no such job, or the stack cannot be
    looked at, 2 wrong usage, 130 interrupted.
    """
    with problems_told():
        if local and stack:
            raise UsageError("--local and --stack name two places: give one of them.")
        if (profile or region) and not stack:
            raise UsageError("--profile and --region go with --stack NAME.")
        target = find_target(stack, profile=profile, region=region)
        found = named_job(target, job)
        with Console(stderr=True).status("Looking") as status:
            story = tell_story(
                target, found, lambda source: status.update(f"Looking at {WHERE[source]}")
            )
        if as_json:
            print_json(document(story))
        else:
            _print(story)
        if bundle:
            _write(bundle, target, story)


def _write(bundle: Path, target: Target, story: Story) -> None:
    try:
        write_bundle(bundle, target, story, examine(target))
    except OSError as error:
        raise RefusedError(f"{bundle} cannot be written: {error.strerror}.") from error
    tell(
        f"{bundle} holds no names, faces, prompts, links or secrets. Look into it before you send "
        "it."
    )


def _print(story: Story) -> None:
    job = story.job
    reason = [("reason", job.reason)] if job.reason else []
    print_facts(
        [
            ("job", job.job_id),
            ("folder", f"{job.owner}/{job.folder}"),
            ("status", f"{job.status}, {job.code}" if job.code else job.status),
            *reason,
            ("times", about_times(story)),
        ]
    )
    print()
    print_table(COLUMNS, rows(story))
    print()
    print_line(f"{len(story.facts)} facts, {len(troubles(story))} of them trouble.")
    for gap in story.gaps:
        print_line(f"Missing of {WHERE[gap.source]}: {gap.why}")

"""`avatars create`, `list`, `status`, `watch`, `download`, `more`, `erase`, `styles`, `models`."""

import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from avatars.clock import as_utc
from avatars.errors import BadManifestError
from avatars.manifest import parse_styles
from avatars.model import JobStatus, Subject
from cli.doors.documents import (
    Avatar,
    Catalogue,
    ConsentWanted,
    Job,
    JobSummary,
    Line,
    Offer,
    Receipt,
)
from cli.doors.door import Door
from cli.doors.finding import at_a_door
from cli.fetching import Saved, fetch_avatars
from cli.following import follow, told, watch_command
from cli.jobs.completing import complete_job, complete_style
from cli.jobs.naming import folder_name, job_id_of
from cli.printing import print_facts, print_json, print_line, print_table, tell
from cli.saying import PROBLEM, RefusedError, StillRunningError, UsageError

JobArgument = Annotated[
    str,
    typer.Argument(
        metavar="JOB",
        help="A job's id, or the name of its folder.",
        autocompletion=complete_job,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead of lines for people.")
]
StyleOption = Annotated[
    list[str],
    typer.Option(
        metavar="STYLE:COUNT",
        help="As often as you like; `avatars styles` shows what there is.",
        autocompletion=complete_style,
    ),
]
PromptOption = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="What else should be on the avatars of all these styles."),
]
NegativePromptOption = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT", help="What should not be on them; only some providers take such a thing."
    ),
]
WatchOption = Annotated[
    bool, typer.Option("--watch", help="Follow it to the end, and exit by how it ends.")
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", min=0, help="Follow it for so long at most, then exit with 3."),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Follow it, and save its avatars in DIR/FOLDER.", file_okay=False
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        metavar="TEXT",
        help="Names this order to an API: sent again with the same key, it is not made twice.",
    ),
]


@at_a_door
def create(
    door: Door,
    photo_dir: Annotated[
        Path,
        typer.Argument(
            metavar="PHOTO_DIR",
            help="A folder of photos of one subject, 5 to 30 for a training; its files count, not "
            "its folders.",
            file_okay=False,
            exists=True,
        ),
    ],
    style: StyleOption,
    subject: Annotated[Subject, typer.Option(help="Who is on the photos.")],
    prompt: PromptOption = None,
    negative_prompt: NegativePromptOption = None,
    provider: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Who is to make the avatars, of those that `avatars styles` lists; without it, "
            "the stack's own.",
        ),
    ] = None,
    folder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="What the job is called; without it, like the directory."
        ),
    ] = None,
    consent: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Declare that whoever is on the photos has agreed to this version of the text of "
            "consent; `avatars styles` says which one is this stack's, and whether it is required.",
        ),
    ] = None,
    watch: WatchOption = False,
    out: OutOption = None,
    timeout: TimeoutOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make avatars of a folder of photos.

    Photos are judged here first, by the code that judges them on AWS; what cannot be used is named
    and left out. The job begins by itself as soon as all the others have arrived.

    Interrupted? The same command again sends only what is missing, follows what has begun, and
    saves what is done. A folder's name is one job: others of that name need --folder.

    Example: avatars create ./selfies --subject woman --style realistic:4 --style anime:2 --watch

    Example: avatars create ./rex --subject dog --style cartoon:8 --out ./avatars

    Exit codes: 0 done, 1 refused or the job ended otherwise, 2 wrong usage, 3 still running after
    --timeout, 130 interrupted.
    """
    from cli.jobs.creating import create_job  # and with it, all that judges photos

    _require_following(timeout, watch=watch, out=out)
    lines = lines_of(style, prompt, negative_prompt)
    name = folder_name(photo_dir.resolve().name, folder)
    created = create_job(door, photo_dir, name, subject, lines, _key(door, key), consent, provider)
    job_id = created.job["job_id"]
    if watch or out:
        _watch(
            door,
            job_id,
            1,
            timeout,
            out,
            as_json=as_json,
            left_out=[asdict(each) for each in created.left_out],
            sent=created.sent,
        )
        return
    if as_json:
        left_out = [asdict(each) for each in created.left_out]
        print_json({"job": door.job(job_id), "sent": created.sent, "left_out": left_out})
        return
    print_line(job_id)
    tell(f"It goes on by itself: `avatars watch {job_id}` follows it.")


@at_a_door
def list_jobs(
    door: Door,
    most: Annotated[
        int | None, typer.Option("--most", metavar="N", min=1, help="Only the newest N.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List jobs, the newest first.

    Example: avatars list --most 10

    Exit codes: 0 done, 1 refused, 2 wrong usage, 130 interrupted.
    """
    jobs = list(islice(door.jobs(), most))
    if as_json:
        print_json({"jobs": jobs})
    elif not jobs:
        print_line("There are no jobs.")
    else:
        columns = ("job", "folder", "status", "subject", "run", "since", "code")
        print_table(columns, map(_row, jobs))


@at_a_door
def status(door: Door, job: JobArgument, as_json: JsonOption = False) -> None:
    """Say how a job stands: its photos, what it waits for, how many avatars there are.

    Example: avatars status JOB --json

    Exit codes: 0 done (however the job stands), 1 refused, 2 wrong usage, 130 interrupted.
    """
    found = door.job(job_id_of(door, job))
    if as_json:
        print_json(found)
    else:
        print_job(door, found)


@at_a_door
def watch(
    door: Door,
    job: JobArgument,
    run: Annotated[
        int, typer.Option(metavar="N", min=1, help="Until this run has ended, that of `more`.")
    ] = 1,
    out: OutOption = None,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow a job to its end. A connection that breaks off for a while is looked over.

    Example: avatars watch JOB --timeout 1800 --out ./avatars

    Exit codes: 0 completed, 1 refused or ended otherwise, 2 wrong usage, 3 still running after
    --timeout, 130 interrupted (the job goes on).
    """
    _watch(door, job_id_of(door, job), run, timeout, out, as_json=as_json)


@at_a_door
def download(
    door: Door,
    job: JobArgument,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="They go to DIR/FOLDER. What lies there is not fetched again.",
            file_okay=False,
        ),
    ] = Path("out"),
    as_json: JsonOption = False,
) -> None:
    """Save the avatars of all runs of a job.

    Example: avatars download JOB --out ./avatars

    Exit codes: 0 saved, 1 refused or there are none, 2 wrong usage, 130 interrupted.
    """
    found = door.job(job_id_of(door, job))
    saved = _save(door, found, out)
    if not saved:
        raise RefusedError(
            f"Job {found['job_id']} is {found['status']} and has no avatars to save (yet)."
        )
    if as_json:
        print_json({"job_id": found["job_id"], "avatars": saved})
    else:
        for each in saved:
            print_line(each["file"])


@at_a_door
def more(
    door: Door,
    job: JobArgument,
    style: StyleOption,
    prompt: PromptOption = None,
    negative_prompt: NegativePromptOption = None,
    watch: WatchOption = False,
    out: OutOption = None,
    timeout: TimeoutOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make more avatars from the model of a job that has ended; nothing is trained again.

    Each call orders, and pays, anew, unless it has the --idempotency-key of an earlier one.

    Example: avatars more JOB --style anime:4 --prompt "by the sea" --watch

    Exit codes: 0 done, 1 refused or ended otherwise, 2 wrong usage, 3 still running after
    --timeout, 130 interrupted.
    """
    _require_following(timeout, watch=watch, out=out)
    job_id = job_id_of(door, job)
    asked = door.more(job_id, lines_of(style, prompt, negative_prompt), _key(door, key))
    if watch or out:
        _watch(door, job_id, asked["run"], timeout, out, as_json=as_json)
    elif as_json:
        print_json(asked)
    else:
        print_line(f"Run {asked['run']} of job {job_id} has begun.")
        tell(f"It goes on by itself: `{watch_command(job_id, asked['run'])}` follows it.")


@at_a_door
def erase(
    door: Door,
    job: Annotated[
        str | None,
        typer.Argument(
            metavar="JOB",
            help="A job's id, or the name of its folder.",
            autocompletion=complete_job,
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Erase all jobs of the owner, instead of one.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask; needed where there is no terminal.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete everything of a job for good: photos, avatars and rows. A running job is stopped.

    The receipt says what was deleted, and what could not be: models at the provider stay. With
    --all there is one for each job of an owner who leaves; interrupted, the same command goes on.

    Example: avatars erase JOB --yes --json

    Example: avatars erase --all --owner alice --stack avatars

    Exit codes: 0 erased, 1 refused, 2 wrong usage, 130 interrupted.
    """
    if (job is None) is not everything:
        raise UsageError("Say which JOB is to be erased, or --all.")
    if not yes and not sys.stdin.isatty():
        raise UsageError("Nobody can be asked here: say --yes if it is to be erased for good.")
    if job is None:
        _erase_all(door, yes=yes, as_json=as_json)
        return
    job_id = job_id_of(door, job)
    if not yes:
        found = door.job(job_id)
        kept = found["avatars"]["kept"]
        _confirm(f"Erase job {job_id} ({found['folder']}, {found['status']}, {kept} avatars)?")
    receipt = door.erase(job_id)
    if as_json:
        print_json(receipt)
    else:
        _print_receipt(receipt)


def _erase_all(door: Door, *, yes: bool, as_json: bool) -> None:
    jobs = list(door.jobs())
    if jobs and not yes:
        _confirm(f"Erase all {len(jobs)} jobs of {door.name}?")
    receipts = []
    for each in jobs:
        receipts.append(door.erase(each["job_id"]))
        if not as_json:
            _print_receipt(receipts[-1])
    if as_json:
        print_json({"receipts": receipts})
    elif not jobs:
        print_line("There are no jobs.")


def _print_receipt(receipt: Receipt) -> None:
    erased = ", ".join(f"{count} {what}" for what, count in receipt["erased"].items())
    print_line(f"Job {receipt['job_id']} is erased: {erased}.")
    if receipt["stopped"]:
        print_line("It was running, and was stopped.")
    for left in receipt["left"]:
        print_line(f"Left: {left['what']} {left['id']}. {left['why']}")


@at_a_door
def styles(door: Door, as_json: JsonOption = False) -> None:
    """Say what can be ordered, and of whom: providers, styles, subjects, limits.

    Exit codes: 0 done, 1 refused, 2 wrong usage, 130 interrupted.
    """
    catalogue = door.catalogue()
    if as_json:
        print_json(catalogue)
        return
    limits = catalogue["limits"]
    print_facts(
        [
            ("styles", ", ".join(catalogue["styles"]) or "any text; the provider knows them"),
            ("subjects", ", ".join(catalogue["subjects"])),
            ("photos", f"{limits['least_photos']} to {limits['most_photos']}"),
            ("consent", _wanted_consent(catalogue["consent"])),
            ("avatars", f"{limits['most_avatars']} at most, in {limits['most_prompts']} styles"),
        ]
    )
    print_line("")
    print_table(
        ("provider", "photos", "makes avatars of", "styles", "pixels", "more later"),
        [_of_offer(catalogue, offer) for offer in catalogue["providers"]],
    )


@at_a_door
def models(door: Door, as_json: JsonOption = False) -> None:
    """List the trained models, the newest first: `avatars more JOB` draws from them.

    Exit codes: 0 done, 1 refused, 2 wrong usage, 130 interrupted.
    """
    found = list(door.models())
    if as_json:
        print_json({"models": found})
    elif not found:
        print_line("There are no models.")
    else:
        print_table(
            ("model", "job", "folder", "subject", "trained"),
            [
                (m["model_id"], m["job_id"], m["folder"], m["subject"], as_utc(m["trained_at"]))
                for m in found
            ],
        )


def lines_of(
    style: Sequence[str], prompt: str | None, negative_prompt: str | None = None
) -> list[Line]:
    """The lines of an order, from options. Raises UsageError."""
    try:
        prompts = parse_styles(",".join(style))
    except BadManifestError as error:
        raise UsageError(str(error)) from error
    texts = {"prompt": prompt, "negative_prompt": negative_prompt}
    more: dict[str, Any] = {name: text for name, text in texts.items() if text}
    return [{"style": one.style, "count": one.count, **more} for one in prompts]  # type: ignore[typeddict-item]


def _of_offer(catalogue: Catalogue, offer: Offer) -> tuple[str, ...]:
    own = " (unless told otherwise)" if offer["name"] == catalogue["provider"] else ""
    sent = f", the best {offer['photos_sent']}" if offer["photos_sent"] else ""
    return (
        f"{offer['name']}{own}",
        f"{offer['least_photos']} to {offer['most_photos']}{sent}",
        ", ".join(offer["subjects"]),
        ", ".join(offer["styles"]) or "any text",
        str(offer["avatar_pixels"]),
        "yes" if offer["trains"] else "no",
    )


def print_job(door: Door, job: Job) -> None:
    """How a job stands, for people."""
    print_facts(_facts(door, job))
    rows = [
        (photo["file"], photo["status"], photo["reason"] or _advice(photo["advice"]))
        for photo in job["photos"]
    ]
    if rows:
        print_line("")
        print_table(("photo", "verdict", "what to say about it"), rows)
    for each in job["advice"]:
        print_line(each["sentence"])


def _watch(
    door: Door,
    job_id: str,
    run: int,
    timeout: float | None,
    out: Path | None,
    *,
    as_json: bool,
    **more: object,
) -> None:
    """Follow, save, print, and exit by how it ended."""
    try:
        job = follow(door, job_id, run, timeout)
    except (StillRunningError, KeyboardInterrupt):
        if as_json:
            print_json({"job": {"job_id": job_id, "run": run}, **more})
        raise
    saved = _save(door, job, out) if out else None
    if as_json:
        shown: dict[str, object] = {"job": job, **more}
        print_json(shown if saved is None else shown | {"avatars": saved})
    else:
        print_facts(_facts(door, job))
        if out and saved is not None:
            print_line(f"{len(saved)} of its avatars in {out / job['folder']}/.")
        elif job["avatars"]["kept"]:
            tell(f"`avatars download {job_id}` saves the avatars.")
    if job["status"] != JobStatus.COMPLETED:
        raise typer.Exit(PROBLEM)


def _save(door: Door, job: Job, out: Path) -> list[Saved]:
    avatars: list[Avatar] = list(door.avatars(job["job_id"]))
    return fetch_avatars(avatars, out, job["folder"], door.storage)


def _key(door: Door, key: str | None) -> str:
    """The key of an order. Raises UsageError for one that nobody would look at."""
    if key and not door.keeps_keys:
        raise UsageError("--idempotency-key is for APIs: a stack reached with AWS keeps none.")
    return key or str(uuid.uuid4())


def _require_following(timeout: float | None, *, watch: bool, out: Path | None) -> None:
    if timeout is not None and not (watch or out):
        raise UsageError("--timeout goes with --watch or --out DIR.")


def _confirm(question: str) -> None:
    if not typer.confirm(question, err=True):
        raise RefusedError("Nothing was erased.")


def _row(job: JobSummary) -> tuple[object, ...]:
    return (
        job["job_id"],
        job["folder"],
        job["status"],
        job["subject"],
        job["run"],
        as_utc(job["created_at"]),
        job["code"],
    )


def _facts(door: Door, job: Job) -> Iterator[tuple[str, object]]:
    counts = job["avatars"]
    yield "job", job["job_id"]
    yield "folder", job["folder"]
    yield "status", job["status"]
    if job["reason"]:
        yield job["code"] or "why", job["reason"]
    if job["waiting"]:
        yield "waits", job["waiting"]["sentence"]
    if job["estimate"]:
        yield "estimate", told(job["estimate"], door.clock_scale)
    yield "subject", job["subject"]
    if job["consent"]:
        given = job["consent"]
        yield "consent", f"text {given['text_version']}, {as_utc(given['recorded_at'])}"
    yield "wanted", ", ".join(f"{line['style']}:{line['count']}" for line in job["prompts"])
    yield "avatars", f"{counts['kept']} of {counts['wanted']}, run {job['run']}"
    yield "model", job["model_id"] or "none yet"


def _wanted_consent(consent: ConsentWanted) -> str:
    how = "is required" if consent["required"] else "may be declared"
    return f"{how}: --consent {consent['text_version']}"


def _advice(advice: Sequence[Any]) -> str:
    return " ".join(each["sentence"] for each in advice)

"""`python -m tests.chaos`: many jobs, each with random faults, and what became of them."""

import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from tests.chaos.campaign import Campaign, Result
from tests.chaos.faults import FAULTS, named
from tests.chaos.report import Report

PROGRAM = ".venv/bin/python -m tests.chaos"

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
out, err = Console(), Console(stderr=True)


@app.command()
def main(
    jobs: Annotated[int, typer.Option(help="How many.")] = 100,
    first: Annotated[
        int, typer.Option(help="The number of the first: a long campaign in parts.", min=0)
    ] = 0,
    faults: Annotated[int, typer.Option(help="How many strike each job.", min=1, max=3)] = 1,
    seed: Annotated[str, typer.Option(help="Of everything that is random.")] = "1",
    only: Annotated[str, typer.Option(help="Not random faults, but these: U1,T14 abort.")] = "",
    job: Annotated[int | None, typer.Option(help="Replay this one, step by step.")] = None,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    report: Annotated[Path | None, typer.Option(help="Where to write what was found.")] = None,
) -> None:
    """Fault campaign: real handlers, an AWS and a provider in this process, time that flies."""
    wanted = tuple(name.strip() for name in only.split(",") if name.strip())
    for name in wanted:
        try:
            named(name)
        except KeyError:
            raise typer.BadParameter(
                f"{name} is no fault; known are {', '.join(FAULTS)}."
            ) from None
    campaign = Campaign(seed, faults, wanted)
    if job is not None:
        raise typer.Exit(_replay(campaign, job))
    begun = time.monotonic()
    results = sorted(
        _results(campaign, range(first, first + jobs), workers), key=lambda result: result.number
    )
    options = f"--seed {seed} --faults {faults}" + (f" --only '{only}'" if only else "")
    part = f" --first {first}" if first else ""
    found = Report(
        f"{jobs} jobs, {'one fault' if faults == 1 else f'{faults} faults'} each"
        + (f", from number {first}" if first else ""),
        f"{PROGRAM} --jobs {jobs}{part} {options}",
        f"{PROGRAM} {options} --job",
        time.monotonic() - begun,
        results,
    )
    out.print(found.terminal())
    for sentence in found.summary():
        out.print(sentence, highlight=False)
    for result, invariant, words in found.found:
        out.print(f"VIOLATION {invariant}: {words}", style="bold", markup=False, highlight=False)
        faults_told = ", ".join(result.faults)
        out.print(f"  {faults_told}: {found.replay} {result.number}", markup=False, highlight=False)
    if report:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(found.markdown())
    raise typer.Exit(bool(found.found))


def _results(campaign: Campaign, numbers: range, workers: int) -> Iterator[Result]:
    worlds = campaign.worlds(numbers)
    fresh = multiprocessing.get_context("spawn")
    with (
        # A ProcessPoolExecutor with max_tasks_per_child may wait for new processes for ever.
        fresh.Pool(workers, maxtasksperchild=100) as pool,
        Progress(console=err, transient=True) as progress,
    ):
        bar = progress.add_task("jobs", total=len(numbers))
        for results in pool.imap_unordered(campaign.attempt, worlds):
            progress.advance(bar, len(results))
            for result in results:
                for violation in result.violations:
                    err.print(f"job {result.number}: {violation.invariant}", highlight=False)
            yield from results


def _replay(campaign: Campaign, number: int) -> bool:
    """Whether anything was violated."""
    results = campaign.run(campaign.world_of(number), keep_timeline=True)
    mine = next(result for result in results if result.number == number)
    for moment in mine.timeline:
        out.print(
            f"{_clock(moment.at)}  {moment.words}", markup=False, highlight=False, soft_wrap=True
        )
    _tell(mine)
    return bool(mine.violations)


def _tell(result: Result) -> None:
    out.print(f"job {result.number}: {', '.join(result.faults)}; {result.end}", highlight=False)
    for violation in result.violations:
        out.print(f"VIOLATION {violation.invariant}: {violation.words}", markup=False)


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:3}:{whole // 60 % 60:02}:{seconds % 60:05.2f}"


if __name__ == "__main__":
    app()

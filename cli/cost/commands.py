"""The command `avatars cost`."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from avatars.model import Stage
from avatars.schedule import Schedule
from cli.cost.counts import Job, read_counts
from cli.cost.estimate import (
    Line,
    a_job,
    is_traced,
    lines_of,
    monthly,
    planned,
    polling,
    units_of,
)
from cli.cost.looking import look_at
from cli.cost.prices import Prices, read_prices
from cli.jobs.commands import JsonOption
from cli.printing import print_json, print_line, print_table
from cli.saying import problems_told
from cli.target import StackOption, find_target

AMOUNTS = (1, 100, 10_000)
"""Jobs a month."""

TRAINING = Schedule(first=300, every=120, advised=1200, deadline=3600)
INFERENCE = Schedule(first=20, every=10, advised=60, deadline=3600)
LOOKS = {Stage.TRAINING: 5, Stage.INFERENCE: 2.5}
"""The defaults of `template.yaml`; a test compares them."""

SCHEDULES = ((60, 60), (300, 60), (300, 120), (600, 120), (300, 300), (600, 600))
"""First look and interval of trainings, in seconds."""


def cost(
    job: Annotated[
        str | None,
        typer.Argument(
            metavar="JOB",
            help="One that has run, its id or OWNER/FOLDER; without it, one of the numbers below.",
        ),
    ] = None,
    photos: Annotated[int, typer.Option(min=5, max=30, help="Of a job.")] = 15,
    avatars: Annotated[int, typer.Option(min=1, max=120, help="Of a job.")] = 40,
    training_minutes: Annotated[
        float, typer.Option(min=1, max=1440, help="How long a training takes.")
    ] = 12,
    inference_minutes: Annotated[
        float, typer.Option(min=0.1, max=1440, help="How long the avatars take.")
    ] = 2,
    training_looks: Annotated[
        float,
        typer.Option(
            min=0,
            max=20,
            help="In the mean, as learned from earlier jobs; 0: as the provider advises, which the "
            "first 30 jobs are looked at by.",
        ),
    ] = LOOKS[Stage.TRAINING],
    inference_looks: Annotated[
        float, typer.Option(min=0, max=20, help="The same at the avatars.")
    ] = LOOKS[Stage.INFERENCE],
    avatar_megabytes: Annotated[float, typer.Option(min=0, help="Size of an avatar.")] = 2,
    prices: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Prices of yours, in the form of cli/cost/prices.json."),
    ] = None,
    training_price: Annotated[
        float, typer.Option(min=0, help="What the provider charges for a training.")
    ] = 0,
    avatar_price: Annotated[
        float, typer.Option(min=0, help="What the provider charges for an avatar.")
    ] = 0,
    credit_dollars: Annotated[
        float, typer.Option(min=0, help="Dollars of one of its credits, if prices are in those.")
    ] = 1,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a job costs at AWS, and what the looks at the provider do to that.

    Counted on the local engine (docs/cost.md says how), at list prices without free tiers.

    Of a JOB, photos, avatars, looks and transitions are its own; what each comes to was counted.

    Example: avatars cost --photos 15 --avatars 40 --training-price 100 --credit-dollars 0.05

    Exit codes: 0 told, 1 there is no such job, 2 wrong usage.
    """
    with problems_told():
        known = read_prices(prices)
        counts = read_counts()
        seconds = 60 * training_minutes
        own: dict[str, float] = {}
        if job is None:
            asked = a_job(
                photos,
                avatars,
                {Stage.TRAINING: seconds, Stage.INFERENCE: 60 * inference_minutes},
                {Stage.TRAINING: TRAINING, Stage.INFERENCE: INFERENCE},
                {Stage.TRAINING: training_looks, Stage.INFERENCE: inference_looks},
            )
        else:
            asked, transitions = look_at(find_target(stack), job)
            own = {"transitions": transitions}
        traced = is_traced()
        warm = lines_of({**units_of(counts, asked, traced=traced), **own}, known)
        cold = lines_of({**units_of(counts, asked, cold=True, traced=traced), **own}, known)
        schedules: list[tuple[Schedule, tuple[int, ...]]] = [
            (Schedule(*looks, 1200, 86_400), ()) for looks in SCHEDULES
        ]
        if learned := planned(Stage.TRAINING, TRAINING, seconds, training_looks):
            schedules.append((TRAINING, learned))
        provider = (training_price + avatar_price * asked.avatars) * credit_dollars
        document = {
            "job": asdict(asked),
            "prices": {"region": known.region, "as_of": known.as_of},
            "counted": counts.document["counted"],
            "lines": [asdict(line) for line in warm],
            "dollars": {"job": _sum(warm), "first_job": _sum(cold), "provider": provider},
            "storage_month": asked.avatars * avatar_megabytes / 1e3 * known["s3_gigabyte_month"],
            "month": [asdict(line) for line in monthly(counts, known)],
            "polling": [
                asdict(polling(counts, known, schedule, seconds, learned))
                for schedule, learned in schedules
            ],
        }
        if as_json:
            print_json(document)
        else:
            _print(document, asked, known)


def _print(document: dict[str, Any], job: Job, prices: Prices) -> None:
    dollars, month = document["dollars"], document["month"]
    fixed = sum(line["dollars"] for line in month)
    print_line(
        f"{job.photos} photos, {job.avatars} avatars, {job.training_looks:.1f} looks at the "
        f"training and {job.inference_looks:.1f} at the avatars. Prices of {prices.region}, "
        f"{prices.as_of}; counted {document['counted']}."
    )
    print()
    print_table(
        ("AWS, for one job", "count", "$ per 1,000 jobs"),
        [
            (line["what"], f"{line['count']:.4g}", f"{1000 * line['dollars']:.3f}")
            for line in document["lines"]
        ]
        + [("in all", "", f"{1000 * dollars['job']:.3f}")],
    )
    print()
    print_table(
        (
            "$ for a month of",
            "jobs at AWS",
            "the stack",
            "keeping those avatars",
            "provider",
        ),
        [
            (
                f"{amount:,} job{'s' if amount > 1 else ''}",
                f"{dollars['first_job'] + (amount - 1) * dollars['job']:.4f}",
                f"{fixed:.2f}",
                f"{amount * document['storage_month']:.4f}",
                f"{amount * dollars['provider']:.2f}" if dollars["provider"] else "not told",
            )
            for amount in AMOUNTS
        ],
    )
    print()
    print_table(
        ("a stack, each month", "count", "$"),
        [(line["what"], f"{line['count']:g}", f"{line['dollars']:.2f}") for line in month],
    )
    print()
    print_table(
        ("first look, then every", "looks", "seen so late", "$ per 1,000 jobs"),
        [
            (
                f"{_minutes(one['first'])}, {_minutes(one['every'])}"
                if one["first"]
                else "learned",
                f"{one['looks']:.1f}",
                f"{one['delay']:.0f} s",
                f"{1000 * one['dollars']:.2f}",
            )
            for one in document["polling"]
        ],
    )


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} min"


def _sum(lines: Iterable[Line]) -> float:
    return sum(line.dollars for line in lines)

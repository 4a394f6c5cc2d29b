"""What people wait for when a function starts, beside others and beside a build without care.

    make bench BENCH=cold

Writes its section of docs/benchmarks.md; progress goes to standard error. What starts is what `sam
build` makes, for this machine's processor. Each start is a process of its own, and all take turns.
"""

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import ExifTags, Image, ImageChops
from rich.console import Console
from rich.progress import track

from benchmarks.page import Promise, Section, put, table
from benchmarks.starting import Build, Start, Starter, functions, make_artifacts, peers
from local.engine import PROJECT, ROOT_KEYS, client
from local.stack import running_stack

MOST_OF_NAIVE = 0.5
"""Of the time that a function takes to start in a naive build."""

MOST_OF_LEAN = 1.6
"""Times as long as the lean handler that `prepare_photo` may take to start."""

MOST_OF_TYPICAL = 0.45
"""Of the time until a typical handler has put its first small photo."""

BUCKET = "cold-starts"
KEY = "uploads/alice/summer/portrait.jpg"
PIXELS = (4032, 3024)
"""Of a phone's 12 megapixels."""

Key = tuple[str, Build]
"""Who starts, and as what."""

Starts = Mapping[Key, Sequence[Start]]

Figure = Callable[[Start], float]
"""What is looked at of a start, in milliseconds."""

UNTIL_PUT: list[Key] = [
    ("prepare_photo", Build.SHIPPED),
    ("lean", Build.SHIPPED),
    ("typical", Build.SHIPPED),
    ("typical", Build.SOURCES),
]
TYPICAL: Key = ("typical", Build.SOURCES)


def main(
    starts: Annotated[int, typer.Option(min=3, help="How often each function starts.")] = 7,
    photos: Annotated[int, typer.Option(min=3, help="How often a first photo is put.")] = 15,
) -> None:
    """Measure the starts of all functions, and how long the first photo takes."""
    with tempfile.TemporaryDirectory() as folder:
        artifacts = Path(folder) / "artifacts"
        console = Console(file=sys.stderr)
        console.print("Building")
        make_artifacts(artifacts)
        with running_stack(Path(folder) / "stack") as stack:
            ours = functions(artifacts, stack)
            everybody = ours | peers(artifacts)
            s3 = client("s3", stack.endpoint_url)
            s3.create_bucket(Bucket=BUCKET)
            versioning = {"Status": "Enabled"}
            s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=versioning)
            version = s3.put_object(Bucket=BUCKET, Key=KEY, Body=a_portrait())["VersionId"]
            asked = {
                "event": event(version),
                "UPLOAD_BUCKET": BUCKET,
                "AWS_ENDPOINT_URL": stack.endpoint_url,
                **{name.upper(): value for name, value in ROOT_KEYS.items()},
            }
            put_ = in_turns(everybody, UNTIL_PUT, photos, asked, console)
            check(s3, photos)
        # Without the engine, which would take its share of the CPU.
        keys = [*product(ours, Build), ("logger", Build.SHIPPED), ("lean", Build.SHIPPED)]
        begun = in_turns(everybody, keys, starts, {"UPLOAD_BUCKET": BUCKET}, console)
    put(section(ours, begun, put_, starts, photos))


def in_turns(
    everybody: Mapping[str, Starter],
    keys: Iterable[Key],
    rounds: int,
    given: Mapping[str, Any],
    console: Console,
) -> dict[Key, list[Start]]:
    """Each of them starts so often; a first round is for the caches of the disk."""
    started: dict[Key, list[Start]] = {key: [] for key in keys}
    turns = list(product(range(rounds + 1), started))
    for number, key in track(turns, "Starting", console=console, transient=True):
        name, build = key
        one = everybody[name].start(build, **given)
        if number:
            started[key].append(one)
    return started


def check(s3: Any, photos: int) -> None:
    """Whether everybody has put every photo, and `prepare_photo` what it should."""
    versions = s3.list_object_versions(Bucket=BUCKET)["Versions"]
    made = [version for version in versions if version["Key"] != KEY]
    if len(made) != len(UNTIL_PUT) * (photos + 1):
        raise RuntimeError(f"{len(made)} photos were put")


def a_portrait() -> bytes:
    """A portrait as a phone writes it: 12 megapixels on their side, with the noise of a sensor."""
    portrait = Image.open(PROJECT / "samples/avatar-old.png").convert("RGB")
    noise = Image.merge("RGB", [Image.effect_noise(PIXELS, 12)] * 3)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    with tempfile.TemporaryFile() as file:
        picture = ImageChops.overlay(portrait.rotate(90).resize(PIXELS), noise)
        picture.save(file, "JPEG", quality=92, exif=exif)
        file.seek(0)
        return file.read()


def event(version: str) -> dict[str, Any]:
    """That the portrait was uploaded."""
    item = {"key": KEY, "version-id": version, "sequencer": "00", "size": 1}
    return {"time": "2026-11-28T12:00:00Z", "detail": {"object": item}}


def ratio(started: Starts, one: Key, other: Key, figure: Figure) -> float:
    """How many times as long one takes as the other: the median of the turns.

    Two that start one after the other meet the same machine; the best of each may not.
    """
    turns = zip(started[one], started[other], strict=True)
    return statistics.median(figure(first) / figure(second) for first, second in turns)


def least(starts: Sequence[Start], figure: Figure) -> str:
    return f"{min(map(figure, starts)):.0f}"


# By the CPU's clock: starting is computing, and what else this machine computes is not counted.


def init(start: Start) -> float:
    return start.init_cpu


def whole(start: Start) -> float:
    return start.whole_cpu


# ruff: noqa: E501 - a paragraph is one line
def section(
    ours: Iterable[str], begun: Starts, until_put: Starts, starts: int, photos: int
) -> Section:
    of_naive = {
        name: ratio(begun, (name, Build.SHIPPED), (name, Build.NAIVE), init) for name in ours
    }
    of_lean = ratio(begun, ("prepare_photo", Build.SHIPPED), ("lean", Build.SHIPPED), init)
    of_typical = ratio(until_put, ("prepare_photo", Build.SHIPPED), TYPICAL, whole)
    worst = max(of_naive, key=of_naive.__getitem__)
    inits = table(
        ("", "ms", "of the empty one", "without bytecode, ms", "and all at once, ms", "of that"),
        [
            *(
                (
                    f"`{name}`",
                    least(begun[name, Build.SHIPPED], init),
                    f"{ratio(begun, (name, Build.SHIPPED), ('logger', Build.SHIPPED), init):.1f}",
                    least(begun[name, Build.SOURCES], init),
                    least(begun[name, Build.NAIVE], init),
                    f"**{of_naive[name]:.2f}**",
                )
                for name in ours
            ),
            *(
                (called, least(begun[name, Build.SHIPPED], init), "", "", "", "")
                for name, called in (("logger", "an empty one"), ("lean", "the lean one"))
            ),
        ],
    )
    names = {
        ("prepare_photo", Build.SHIPPED): "**`prepare_photo`**",
        ("lean", Build.SHIPPED): "the lean one, with bytecode",
        ("typical", Build.SHIPPED): "the typical one, with bytecode",
        TYPICAL: "the typical one, as SAM's own builder ships it",
    }
    firsts = table(
        (
            "",
            "start, ms of CPU",
            "the photo",
            "all, with the interpreter",
            "of typical",
            "by the wall, ms",
        ),
        [
            (
                names[key],
                least(until_put[key], init),
                least(until_put[key], lambda start: start.answer_cpu),
                least(until_put[key], whole),
                f"**{ratio(until_put, key, TYPICAL, whole):.2f}**",
                least(until_put[key], lambda start: start.whole),
            )
            for key in UNTIL_PUT
        ],
    )
    return Section(
        name="cold",
        title="Cold start",
        packages=("aws-lambda-powertools", "boto3", "pillow", "pydantic"),
        promises=[
            Promise(
                f"start of every function, of its naive build (here `{worst}`)",
                MOST_OF_NAIVE,
                of_naive[worst],
            ),
            Promise("start of `prepare_photo`, of a lean handler", MOST_OF_LEAN, of_lean),
            Promise(
                "cold start until the first small photo of 12 MP is put, of a typical handler",
                MOST_OF_TYPICAL,
                of_typical,
            ),
        ],
        text=f"""
What Lambda waits for before a sleeping function looks at an event: importing the handler, and making the first client. Measured in new processes, {starts} times in turns after a first round, in milliseconds of CPU, the least of each; ratios are medians over the turns. The artifacts are those of `sam build`, made for this machine's processor instead of Lambda's; bytecode is that of the build. Lambda's own packages (boto3, its runtime client) have theirs in every column, as they have there, so a naive build is no worse than it is.

{inits}

*Without bytecode* is what SAM's own Python builder ships: each cold start compiles what it imports. *All at once* is the same code where each import within a function stands at the top of its module. [Decision 30](decisions/0030-functions-start-with-bytecode.md) says what was done, and what was not.

**The first photo.** From the start of a process to its end: GetObject, a JPEG of 12 megapixels on its side made small and upright, PutObject, against S3 on the local engine; {photos} times in turns. Ratios are those of the CPU's time; the wall's clock also counts S3, which computes on the same machine, and whatever else does. The [lean one](../benchmarks/peers/lean/app.py) decodes scaled, and writes a line of JSON. The [typical one](../benchmarks/peers/typical/app.py) has Powertools' Logger, Tracer and Metrics, boto3 among its packages, as Tracer brings it, Pillow and pillow-heif, and decodes all pixels. Ours finds the face as well, cuts the photo to it and says what is to say about it.

{firsts}
""",
    )


if __name__ == "__main__":
    typer.run(main)

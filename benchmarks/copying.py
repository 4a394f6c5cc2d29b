"""How long it takes until avatars are ours, and with how much memory, beside what others would do.

    make bench BENCH=copying

Avatars of 2 MB lie on a host of this machine that waits 50 ms before it answers, as does the one
that plays S3. Everybody copies them in a process of their own, in turns, and what has arrived is
checked after each. Memory is the most that a process ever had, with interpreter and libraries.
"""

import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Annotated, Any, cast

import httpx
import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.progress import track
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from avatars import keys
from avatars.marks import marked
from avatars.model import Answer, Inference, Job, JobStatus, Prompt, Run, Subject, job_id_for
from avatars.settings import FIRST_PROVIDER, Settings
from avatars.wiring import AwsServices
from benchmarks.copies import LATENCY, TABLE_LATENCY
from benchmarks.copies.contenders import BUCKET, aws
from benchmarks.page import Promise, Section, put, table
from local.simulator.results import Draw

PROJECT = Path(__file__).parents[1]
AVATARS = 60
BYTES = 2_000_000
SIDE = 2048
"""Pixels: the larger of the provider's two results."""

MADE_AT = 1_790_000_000

SECONDS, MEGABYTES = 1.5, 120

WARM = 1
"""Turns before the first one that counts."""


@dataclass(frozen=True)
class Contender:
    """Somebody who copies: in how many processes at once, each with a share of the avatars."""

    name: str
    processes: int = 1
    said: str = ""


OURS = Contender("ours", 3, "**avatars**, three invocations of 20 at once, as the template has it")
CONTENDERS = (
    OURS,
    Contender("ours", 1, "**avatars**, one invocation of 60"),
    Contender("one after another", said="httpx, then boto3's `put_object`, one after another"),
    Contender("whole, 16 threads", said="the same in 16 threads"),
    Contender(
        "upload_fileobj, 16 threads", said="httpx streamed into `upload_fileobj`, 16 threads"
    ),
    Contender("plain streams, 32 threads", said="`http.client`, streamed, 32 threads: the limit"),
)


@dataclass
class Result:
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Seconds of all processes: what other work on the machine changes little."""
    megabytes: float = 0


def main(rounds: Annotated[int, typer.Option(min=3, help="Turns of everybody.")] = 7) -> None:
    """Copy avatars as we do and as others do, and write the section of the page."""
    results = {one: Result() for one in CONTENDERS}
    picture = an_avatar()
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file, ExitStack() as stack:
        Path(file.name).write_bytes(picture)
        host = stack.enter_context(process("host", file.name))
        url = f"http://127.0.0.1:{host.told.readline().strip()}"
        os.environ |= environment(url, AVATARS)
        services = AwsServices(Settings.from_environment(os.environ), aws(url))
        copiers = {one: stack.enter_context(contender(one, url)) for one in CONTENDERS}
        turns = [(n, one) for n in range(WARM + rounds) for one in CONTENDERS]
        console = Console(file=sys.stderr)
        for number, (turn, one) in enumerate(
            track(turns, "Copying", console=console, transient=True)
        ):
            links = [f"{url}/results/{position}.jpg" for position in range(AVATARS)]
            job_id = job_id_for("alice", f"folder-{number:03}")
            announce(services, job_id, links)
            answers = copy(copiers[one], links, job_id)
            check(httpx.get(f"{url}/kept", timeout=60).json(), picture, one)
            if turn >= WARM:
                result = results[one]
                result.seconds.append(max(answer["seconds"] for answer in answers))
                result.cpu.append(sum(answer["cpu"] for answer in answers))
                most = max(answer["megabytes"] for answer in answers)
                result.megabytes = max(result.megabytes, most)
    put(section(results, len(picture), rounds))


def an_avatar() -> bytes:
    """A sample as the provider would deliver it: large, with some noise, a JPEG of 2 MB."""
    portrait = Image.open(PROJECT / "samples/avatar-old.png").convert("RGB")
    pixels = np.asarray(portrait.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.int16)
    noise = np.random.default_rng(1).normal(0, 4, pixels.shape[:2])[..., None].astype(np.int16)
    noisy = Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))
    for quality in range(75, 100):
        content = io.BytesIO()
        noisy.save(content, "JPEG", quality=quality)
        if content.tell() >= BYTES:
            break
    return content.getvalue()


def ready_drawn() -> Draw:
    """For the simulator: what a provider has drawn, it has before anybody asks for it."""
    picture = an_avatar()
    return lambda *_: picture


def environment(url: str, batch_size: int) -> dict[str, str]:
    """The variables of our functions, with the template's defaults."""
    template = yaml_parse((PROJECT / "template.yaml").read_text())
    parameters = template["Parameters"]

    def value(said: Any) -> str:
        match said:
            case {"Ref": str(name)} | {"Fn::Join": [_, {"Ref": str(name)}]}:
                return str(parameters.get(name, {}).get("Default", name))
        return str(said)

    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    return {name: value(said) for name, said in variables.items()} | {
        "AVATAR_BUCKET": BUCKET,
        "PROVIDER_RESULT_ORIGINS": url,
        "AVATARS_PER_BATCH": str(batch_size),
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }


def announce(services: AwsServices, job_id: str, links: Sequence[str]) -> None:
    """The rows of a job whose avatars are ready, and the provider's answer that says so."""
    job = Job(
        job_id=job_id,
        owner="alice",
        folder=job_id,
        subject=Subject.WOMAN,
        provider=FIRST_PROVIDER,
        status=JobStatus.KEEPING,
        created_at=MADE_AT,
        collect_deadline=MADE_AT,
    )
    prompts, inferences = (Prompt("realistic", len(links)),), (Inference(len(links)),)
    services.jobs.create_job(job, Run(job_id, 1, prompts, inferences=inferences))
    body = json.dumps({"status": "DONE", "urls": links}).encode()
    services.answers.keep(job_id, keys.result_answer(1, 0), Answer(200, {}, body))


@dataclass(frozen=True)
class Process:
    asked: IO[str]
    told: IO[str]


@contextmanager
def process(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    command = [sys.executable, "-m", f"benchmarks.copies.{module}", *arguments]
    started = subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": "layers/core", **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    # Leaving closes the pipes, and who is asked nothing more ends.
    with started, cast(IO[str], started.stdin) as asked, cast(IO[str], started.stdout) as told:
        yield Process(asked, told)


@contextmanager
def contender(one: Contender, url: str) -> Iterator[Sequence[Process]]:
    variables = environment(url, AVATARS // one.processes)
    with ExitStack() as stack:
        yield [
            stack.enter_context(process("contenders", one.name, url, environment=variables))
            for _ in range(one.processes)
        ]


def copy(processes: Sequence[Process], links: Sequence[str], job_id: str) -> list[dict[str, float]]:
    """What each process says of its turn, once all are done."""
    for batch, one in enumerate(processes):
        turn = {"links": links, "job_id": job_id, "batch": batch}
        print(json.dumps(turn), file=one.asked, flush=True)
    return [json.loads(one.told.readline()) for one in processes]


def check(kept: dict[str, Any], picture: bytes, one: Contender) -> None:
    """Whoever is fast and loses an avatar is not."""
    is_ours = one.name == "ours"
    expected = {
        "avatars": AVATARS,
        "sha256": [sha256(marked(picture) if is_ours else picture).hexdigest()],
        "rows": ["kept"] * AVATARS if is_ours else [],
    }
    if (found := {name: kept[name] for name in expected}) != expected:
        raise ValueError(f"{one.said} did not copy {AVATARS} avatars: {found}")


def section(results: dict[Contender, Result], size: int, rounds: int) -> Section:
    times = {one: statistics.median(result.seconds) for one, result in results.items()}
    slowest = times[next(one for one in CONTENDERS if one.name == "one after another")]
    limit = times[CONTENDERS[-1]]
    rows = [
        (
            one.said,
            f"{times[one]:.2f}",
            f"{slowest / times[one]:.1f}",
            f"{times[one] / limit:.2f}",
            f"{statistics.median(result.cpu):.2f}",
            f"{result.megabytes:.0f}",
        )
        for one, result in results.items()
    ]
    columns = ("", "s", "times as fast as one after another", "of the limit", "CPU, s", "MB")
    return Section(
        "copying",
        "Copying",
        f"""
{AVATARS} avatars of {size / 1e6:.1f} MB ({SIDE}x{SIDE} pixels, JPEG), until they are in our bucket. The provider's host and S3 wait {LATENCY * 1000:.0f} ms before they answer, DynamoDB {TABLE_LATENCY * 1000:.0f} ms; all of them are one process on the same machine, without TLS. Medians of {rounds} turns after a first one; MB is the most that a process ever had, interpreter and libraries included.

{table(columns, rows)}

Only ours asks whether a link is allowed, whether what came is a whole picture, writes the mark of AI into the file, has S3 check a SHA-256, and records each avatar on its own.
""",  # noqa: E501 - a paragraph is one line
        [
            Promise(f"{AVATARS} avatars of 2 MB kept, 50 ms away", SECONDS, times[OURS], "s"),
            Promise("the same, memory", MEGABYTES, results[OURS].megabytes, "MB"),
        ],
        ("boto3", "httpx", "pillow"),
    )


if __name__ == "__main__":
    typer.run(main)

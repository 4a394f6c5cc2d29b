"""What the processes of functions have taken of this machine."""

import re
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Spent:
    """What a process of a function has taken so far."""

    function: str
    memory: int
    """MB that the template gives to it."""
    cpu: float
    """Seconds."""
    peak: int
    """Bytes."""


def spent() -> dict[int, Spent]:
    """What each process of a function has taken: the engine starts them, and we the engine."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        if "awslambdaric" in process.cmdline():
            times, variables = process.cpu_times(), process.environ()
            status = Path(f"/proc/{process.pid}/status").read_text()
            found[process.pid] = Spent(
                step(variables["AWS_LAMBDA_FUNCTION_NAME"]),
                int(variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]),
                times.user + times.system,
                1024 * int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]),
            )
    return found


def step(name: str) -> str:
    """`prepare_photo` for `avatars-PreparePhotoFunction-...`."""
    words = re.findall("[A-Z][a-z]+", name.split("Function")[0])
    return "_".join(words).lower()

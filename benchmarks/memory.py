"""What a photo takes in time and money by the memory of its function.

    .venv/bin/python -m benchmarks.memory PHOTO

Lambda gives CPU in proportion to memory, a whole one at 1,769 MB (AWS Lambda developer guide,
"Configure Lambda function memory"). Here a process gets that share of every 20 ms by being stopped
for the rest. Prints a Markdown table.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import psutil
import typer

WHOLE_CPU = 1769
"""MB."""

PERIOD = 0.02
"""Seconds in which a process may use up its share."""

MEMORIES = (512, 1024, WHOLE_CPU, 3008)

PREPARE = """
import statistics, sys, time
start = time.perf_counter()
from avatars.photos import prepare
photo = open(sys.argv[1], "rb").read()
prepare(photo)
cold = time.perf_counter() - start
times = []
for _ in range(9):
    start = time.perf_counter()
    prepare(photo)
    times.append(time.perf_counter() - start)
print(cold, statistics.median(times))
"""


def main(photo: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Prepare a photo with ever more CPU."""
    print("| memory, MB | of a CPU | cold, s | warm, s | warm, GB-s |\n|---|---|---|---|---|")
    for memory in MEMORIES:
        share = memory / WHOLE_CPU
        cold, warm = measure(photo, share)
        print(f"| {memory} | {share:.2f} | {cold:.2f} | {warm:.3f} | {warm * memory / 1024:.3f} |")


def measure(photo: Path, share: float) -> tuple[float, float]:
    """Seconds of the first preparation in a process, with its imports, and of those after it."""
    with subprocess.Popen(
        [sys.executable, "-c", PREPARE, str(photo)], stdout=subprocess.PIPE, text=True
    ) as process:
        worker = psutil.Process(process.pid)
        while process.poll() is None and share < 1:
            time.sleep(share * PERIOD)
            worker.suspend()
            time.sleep((1 - share) * PERIOD)
            worker.resume()
        out, _ = process.communicate()
    cold, warm = map(float, out.split())
    return cold, warm


if __name__ == "__main__":
    typer.run(main)

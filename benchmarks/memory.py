"""What a photo takes in time and money by the memory of its function.

    .venv/bin/python -m benchmarks.memory PHOTO

Lambda gives CPU in proportion to memory, a whole one at 1,769 MB (AWS Lambda developer guide,
"Configure Lambda function memory"), and preparing takes one thread. So the CPU's time is measured,
and what it becomes with less of a CPU, or with more, is worked out. Prints a Markdown table.
"""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

WHOLE_CPU = 1769
"""MB."""

MEMORIES = (512, 1024, WHOLE_CPU, 3008)

PREPARE = """
import sys, time
from avatars.photos import prepare
photo = open(sys.argv[1], "rb").read()
prepare(photo)
cold = time.process_time()
times = []
for _ in range(15):
    start = time.process_time()
    prepare(photo)
    times.append(time.process_time() - start)
print(cold, min(times))
"""


def main(photo: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Prepare a photo in a new process, and again."""
    printed = subprocess.check_output([sys.executable, "-c", PREPARE, str(photo)], text=True)
    cold, warm = map(float, printed.split())
    print("| memory, MB | of a CPU | cold, s | warm, s | warm, GB-s |\n|---|---|---|---|---|")
    for memory in MEMORIES:
        slower = max(1, WHOLE_CPU / memory)
        print(
            f"| {memory} | {memory / WHOLE_CPU:.2f} | {cold * slower:.2f} | {warm * slower:.3f}"
            f" | {warm * slower * memory / 1024:.3f} |"
        )


if __name__ == "__main__":
    typer.run(main)

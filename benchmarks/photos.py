"""How fast photos are prepared, with how much memory and how well, beside what others use.

    make bench BENCH=photos
    make bench BENCH=photos ARGS="holiday/*.jpg"

Writes a section of docs/benchmarks.md; progress goes to standard error. Everybody works in a
process of their own, in turns, one thread each; a time is the CPU's, the best of all rounds; memory
is the most that the process ever had, interpreter and libraries included (Linux).
"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import IO, Annotated, Any, cast

import numpy as np
import typer
from PIL import ExifTags, Image, ImageOps
from rich.console import Console
from rich.progress import track
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from avatars.photos import JPEG_QUALITY, colours
from avatars.photos.decoding import PREPARED_SIZE
from benchmarks import page
from benchmarks.preparing import QUALITY, SIZE
from benchmarks.preparing.contenders import CONTENDERS, Crop

PROJECT = Path(__file__).parents[1]
SHARP = PROJECT / ".venv-bench/sharp"
"""Where `make bench` puts sharp, if there is an npm."""

NAMES = {
    "floor": "floor: C libraries, neither upright nor in sRGB",
    "avatars": "**avatars**",
    "avatars-all": "**avatars**, with its faces found and advice on it",
    "pyvips": "pyvips, `thumbnail_buffer`",
    "sharp": "sharp, as it comes",
    "sharp-exact": "sharp, `fastShrinkOnLoad: false`",
    "pillow": "Pillow, textbook: whole picture, then small",
}
PHONES = {"12 MP": (4032, 3024), "24 MP": (5712, 4284), "48 MP": (8064, 6048)}
GOAL_RATIO = 1.3
"""How many times as long as the floor the preparation may take, in the geometric mean."""

NOISE = 3
"""Of a phone's sensor, as a standard deviation of 255."""


@dataclass
class Result:
    seconds: list[float] = field(default_factory=list)
    megabytes: float = 0
    quality: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    """PSNR in dB, SSIM, and mean dE00, against the whole picture in sRGB made small at once."""

    @property
    def milliseconds(self) -> float:
        return 1000 * min(self.seconds)


def main(
    photos: Annotated[
        list[Path] | None,
        typer.Argument(help="Your own; else three made ones.", exists=True, dir_okay=False),
    ] = None,
    rounds: Annotated[int, typer.Option(help="How often everybody prepares each photo.")] = 15,
) -> None:
    """Measure the preparation of photos beside that of others."""
    if (SIZE, QUALITY) != (PREPARED_SIZE, JPEG_QUALITY):
        raise ValueError("avatars prepares other pictures than the rest would")
    tables: list[str] = []
    ratios: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for photo in photos or phone_photos(Path(folder)):
            results = measure(photo, rounds, Path(folder))
            tables.append(table(photo, results))
            for name, result in results.items():
                ratio = result.milliseconds / results["floor"].milliseconds
                ratios.setdefault(name, []).append(ratio)
    means = {name: float(np.exp(np.mean(np.log(values)))) for name, values in ratios.items()}
    rows = [(NAMES[name], f"{mean:.2f}") for name, mean in means.items()]
    text = [
        "[What is made of a photo, and why that is fast](photos.md). A time is the CPU's.",
        page.table(("geometric mean of the times", "of the floor"), rows),
        *tables,
    ]
    promise = page.Promise("photos prepared, of the C floor's time", GOAL_RATIO, means["avatars"])
    packages = ("pillow", "pyvips-binary", "simplejpeg")
    page.put(page.Section("photos", "Preparing photos", "\n\n".join(text), [promise], packages))


def phone_photos(folder: Path) -> Iterator[Path]:
    """Portraits as a phone writes them: Display P3, on its side, with the noise of a sensor."""
    portrait = Image.open(PROJECT / "samples/avatar-old.png").convert("RGB")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for name, size in PHONES.items():
        chance = np.random.default_rng(1)
        whole = portrait.resize(size, Image.Resampling.BICUBIC)
        tile = portrait.resize((1024, 1024), Image.Resampling.LANCZOS)
        detail = Image.new("RGB", size)
        for left in range(0, size[0], tile.width):
            for top in range(0, size[1], tile.height):
                detail.paste(tile, (left, top))
        pixels = np.asarray(Image.blend(whole, detail, 0.35), np.int16)
        noise = chance.normal(0, NOISE, (*pixels.shape[:2], 1)).astype(np.int16)
        picture = Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))
        path = folder / f"{name}.jpg"
        picture.save(path, quality=92, exif=exif, icc_profile=colours.display_p3())
        yield path


def measure(photo: Path, rounds: int, folder: Path) -> dict[str, Result]:
    """Has everybody prepare the photo, in turns."""
    photo = photo.resolve()  # not everybody works in this folder
    whole = upright(photo)
    results: dict[str, Result] = {}
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(worker(command)) for name, command in commands().items()
        }
        for name, ask in workers.items():
            out = folder / f"{name}.out"
            answer = ask(f"{photo}\t{out}")
            results[name] = Result()
            if name == "floor":
                continue
            crops = [answer["crop"]] if answer["crop"] else middles(whole.size)
            results[name].quality = max(quality(whole, crop, out) for crop in crops)
        console = Console(file=sys.stderr)
        for _ in track(range(rounds), f"{photo.name}", console=console):
            for name, ask in workers.items():
                results[name].seconds.append(ask(str(photo))["seconds"])
        for name, ask in workers.items():
            results[name].megabytes = ask.peak_megabytes()
    return results


def commands() -> dict[str, Sequence[str]]:
    python = {
        name: [sys.executable, "-m", "benchmarks.preparing.contenders", name] for name in CONTENDERS
    }
    script = str(PROJECT / "benchmarks/preparing/sharp.mjs")
    if SHARP.exists() and (node := shutil.which("node")):
        sharp = [node, script, str(SIZE), str(QUALITY)]
        others = {"sharp": sharp, "sharp-exact": [*sharp, "exact"]}
    else:
        print("sharp is left out: it needs node and npm", file=sys.stderr)
        others = {}
    found = {**python, **others}
    return {name: found[name] for name in NAMES if name in found}


class Worker:
    """One contender, in its process."""

    def __init__(self, process: "subprocess.Popen[str]", asked: IO[str], told: IO[str]) -> None:
        self._process, self._asked, self._told = process, asked, told

    def __call__(self, line: str) -> dict[str, Any]:
        print(line, file=self._asked, flush=True)
        answer: dict[str, Any] = json.loads(self._told.readline())
        return answer

    def peak_megabytes(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        [kilobytes] = [line.split()[1] for line in status.splitlines() if "VmHWM" in line]
        return int(kilobytes) / 1024


@contextmanager
def worker(command: Sequence[str]) -> Iterator[Worker]:
    process = subprocess.Popen(
        command,
        cwd=SHARP if command[1].endswith(".mjs") else PROJECT,
        env={**os.environ, "VIPS_CONCURRENCY": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    # Leaving closes the pipes, and a contender that is asked nothing more ends.
    with process, cast(IO[str], process.stdin) as asked, cast(IO[str], process.stdout) as told:
        yield Worker(process, asked, told)


def upright(photo: Path) -> Image.Image:
    """The whole picture in sRGB."""
    with Image.open(photo) as image:
        profile = image.info.get("icc_profile")
        picture = ImageOps.exif_transpose(image).convert("RGB")
    return colours.in_srgb(picture, profile)


def middles(size: tuple[int, int]) -> list[Crop]:
    """The middle square, and those that somebody means who rounds on the small picture."""
    side = min(size)
    one = math.ceil(side / SIZE)
    left, top = ((length - side) // 2 for length in size)
    across, down = (range(-one, one + 1) if length > side else (0,) for length in size)
    return [(left + x, top + y, left + x + side, top + y + side) for x, y in product(across, down)]


def quality(whole: Image.Image, crop: Crop, jpeg: Path) -> tuple[float, float, float]:
    best = np.asarray(whole.resize((SIZE, SIZE), Image.Resampling.LANCZOS, crop))
    with Image.open(jpeg) as image:
        made = np.asarray(image.convert("RGB"))
    return (
        float(peak_signal_noise_ratio(best, made)),
        float(structural_similarity(best, made, channel_axis=2)),
        float(deltaE_ciede2000(rgb2lab(best), rgb2lab(made)).mean()),
    )


def table(photo: Path, results: dict[str, Result]) -> str:
    """One row for everybody."""
    floor = results["floor"].milliseconds
    ours = results["avatars"].milliseconds
    rows = [
        f"| {photo.stem}, {photo.stat().st_size / 1e6:.1f} MB | ms | of the floor | of avatars | MB"
        " | PSNR | SSIM | dE00 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        psnr, ssim, colour = result.quality
        judged = f"{psnr:.1f} | {ssim:.3f} | {colour:.2f}" if name != "floor" else "- | - | -"
        time = result.milliseconds
        rows.append(
            f"| {NAMES[name]} | {time:.1f} | {time / floor:.2f} | {time / ours:.2f}"
            f" | {result.megabytes:.0f} | {judged} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    typer.run(main)

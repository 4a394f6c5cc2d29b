"""Makes the page's pictures from one sample photo, with the hand of the simulator's painters."""

import random
from pathlib import Path

from PIL import Image, ImageOps

from local.engine import PROJECT
from local.simulator import painters
from local.simulator.drawing import PAINTERS

PHOTO = PROJECT / "samples" / "IMG 2042.jpg"
PAGE = PROJECT / "web"
SIDE = 384
SEED = "style pictures"


def make(page: Path) -> None:
    """Writes `photo.jpg`, and `styles/{style}.jpg` for each style that the simulator knows."""
    (page / "styles").mkdir(exist_ok=True)
    with Image.open(PHOTO) as photo:
        portrait = ImageOps.fit(photo.convert("RGB"), painters.SIZE, centering=(0.5, 0.1))
    _save(portrait, page / "photo.jpg")
    for style, paint in PAINTERS.items():
        _save(paint(portrait, random.Random(f"{SEED} {style}")), page / "styles" / f"{style}.jpg")


def _save(picture: Image.Image, file: Path) -> None:
    small = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    small.save(file, quality=82, optimize=True, progressive=True)


if __name__ == "__main__":
    make(PAGE)

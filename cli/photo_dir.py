"""The photos in a folder of this machine."""

import os
from pathlib import Path

from avatars import keys
from cli.saying import UsageError

NOT_PHOTOS = {keys.MANIFEST, keys.START, "README.md", "LICENSE", "LICENSE.md", "LICENSE.txt"}


class NoPhotosError(UsageError):
    """A folder does not hold what it should."""


def photo_files(photo_dir: Path) -> list[Path]:
    """Everything in a folder that may be meant as a photo. Raises NoPhotosError."""
    if not photo_dir.is_dir():
        raise NoPhotosError(f"There is no folder {photo_dir}.")
    files = sorted(
        file
        for file in photo_dir.iterdir()
        if file.is_file() and not file.name.startswith(".") and file.name not in NOT_PHOTOS
    )
    if not files:
        raise NoPhotosError(f"There are no photos in {photo_dir}.")
    for file in files:
        if not os.access(file, os.R_OK):
            raise NoPhotosError(f"{file} cannot be read: change its permissions or move it away.")
    return files

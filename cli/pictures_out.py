"""The folder that a demo's pictures go to."""

from pathlib import Path

RECORD = ".last-run"


class PicturesOut:
    """Remembers every file before it is written, so that the next run removes what this one left,
    however it ended, and nothing else: people must not be mixed. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._record = folder / RECORD
        if self._record.exists():
            for name in self._record.read_text().splitlines():
                (folder / name).unlink(missing_ok=True)
        for kind in ("photos", "avatars"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        self._record.write_text("")

    def file(self, name: str) -> Path:
        """Where the picture of that name (below the folder) goes."""
        with self._record.open("a") as record:
            record.write(f"{name}\n")
        return self.folder / name

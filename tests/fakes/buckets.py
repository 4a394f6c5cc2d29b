"""The two buckets, in memory."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avatars import keys
from avatars.clock import Clock
from avatars.model import Answer, ChosenPhoto, Form, Photo, StoredUpload
from tests.fakes.clock import FakeClock
from tests.fakes.effects import Effects


@dataclass(frozen=True)
class Version:
    """One version of an object; without data it is a delete marker."""

    version_id: str
    stored_at: int
    data: bytes | None
    content_type: str = "binary/octet-stream"


@dataclass
class FakeBucket:
    """Objects with all their versions; deleting one only puts a marker over it."""

    clock: Clock = field(default_factory=FakeClock)
    versions: dict[str, list[Version]] = field(default_factory=dict)
    writes: int = 0

    def put(self, key: str, data: bytes | None, content_type: str = "binary/octet-stream") -> str:
        """Store a new version; returns its id."""
        self.writes += 1
        version_id = f"version-{self.writes}"
        version = Version(version_id, int(self.clock.wall()), data, content_type)
        self.versions.setdefault(key, []).append(version)
        return version_id

    def delete(self, key: str) -> str:
        """Put a delete marker over the object; returns the marker's id."""
        return self.put(key, None)

    def read(self, key: str, version_id: str | None = None) -> bytes | None:
        """The newest version's data, or that version's."""
        for version in reversed(self.versions.get(key, [])):
            if version_id in (None, version.version_id):
                return version.data
        return None

    def current(self, prefix: str = "") -> dict[str, Version]:
        """The newest versions below *prefix* by key, without what is deleted."""
        return {
            key: versions[-1]
            for key, versions in sorted(self.versions.items())
            if key.startswith(prefix) and versions[-1].data is not None
        }

    def erase(self, prefix: str) -> int:
        """Delete every version and marker below *prefix* for good; returns how many."""
        gone = [key for key in self.versions if key.startswith(prefix)]
        return sum(len(self.versions.pop(key)) for key in gone)


class FakeUploads:
    """The photos as their owners dropped them."""

    def __init__(self, bucket: FakeBucket | None = None, effects: Effects | None = None) -> None:
        self.bucket = bucket or FakeBucket()
        self._effects = effects or Effects()

    def list(self, prefix: str) -> list[StoredUpload]:
        with self._effects.happen("list uploads"):
            return [
                StoredUpload(key.removeprefix(prefix), version.stored_at, len(version.data or b""))
                for key, version in self.bucket.current(prefix).items()
            ]

    def put(self, key: str, data: bytes) -> None:
        with self._effects.happen("put upload"):
            self.bucket.put(key, data)

    def form(self, key: str, content_type: str, max_bytes: int, seconds: int) -> Form:
        return Form("https://uploads.test/", {"key": key, "Content-Type": content_type})

    def read(self, key: str, version_id: str | None = None) -> bytes | None:
        with self._effects.happen("read upload"):
            return self.bucket.read(key, version_id)

    def newest_version(self, key: str) -> str | None:
        with self._effects.happen("look at upload"):
            current = self.bucket.current(key).get(key)
            return current.version_id if current else None

    def erase(self, prefix: str) -> int:
        with self._effects.happen("erase uploads"):
            return self.bucket.erase(prefix)


class FakePhotos:
    """The prepared photos."""

    def __init__(self, bucket: FakeBucket | None = None, effects: Effects | None = None) -> None:
        self.bucket = bucket or FakeBucket()
        self._effects = effects or Effects()

    def put(self, job_id: str, photo_id: str, jpeg: bytes) -> str:
        with self._effects.happen("put photo"):
            return self.bucket.put(keys.prepared_photo_key(job_id, photo_id), jpeg, "image/jpeg")

    def links(self, job_id: str, photos: Sequence[ChosenPhoto]) -> Sequence[str]:
        with self._effects.happen("sign links"):
            return [
                f"https://photos.test/{keys.prepared_photo_key(job_id, photo.photo_id)}"
                f"?versionId={photo.version_id}"
                for photo in photos
            ]

    def link(self, photo: Photo, seconds: int) -> str:
        key = keys.prepared_photo_key(photo.job_id, photo.photo_id)
        return f"https://photos.test/{key}?versionId={photo.version_id}&lives={seconds}"

    def erase(self, job_id: str) -> int:
        with self._effects.happen("erase photos"):
            return self.bucket.erase(f"photos/{job_id}/")


class FakeAnswers:
    """The provider's raw answers; the newest of a name is found."""

    def __init__(self, effects: Effects | None = None) -> None:
        self._effects = effects or Effects()
        self._answers: dict[tuple[str, str], list[Answer]] = defaultdict(list)

    def keep(self, job_id: str, name: str, answer: Answer) -> None:
        with self._effects.happen("keep answer"):
            self._answers[job_id, name].append(answer)

    def find(self, job_id: str, name: str) -> Answer | None:
        with self._effects.happen("find answer"):
            return self._answers[job_id, name][-1] if (job_id, name) in self._answers else None

    def erase(self, job_id: str) -> int:
        with self._effects.happen("erase answers"):
            gone = [key for key in self._answers if key[0] == job_id]
            return sum(len(self._answers.pop(key)) for key in gone)


class FakeGallery:
    """The permanent bucket of avatars."""

    def __init__(self, bucket: FakeBucket | None = None, effects: Effects | None = None) -> None:
        self.bucket = bucket or FakeBucket()
        self._effects = effects or Effects()

    def put(self, key: str, file: Path, content_type: str) -> str:
        with self._effects.happen("put avatar"):
            data = file.read_bytes()
            self.bucket.put(key, data, content_type)
            return hashlib.sha256(data).hexdigest()

    def read(self, key: str) -> Iterator[bytes]:
        with self._effects.happen("read avatar"):
            data = self.bucket.read(key)
            if data is None:
                raise FileNotFoundError(key)
            yield data

    def size(self, key: str) -> int | None:
        with self._effects.happen("look at avatar"):
            data = self.bucket.read(key)
            return None if data is None else len(data)

    def link(self, key: str, seconds: int, save_as: str | None = None) -> str:
        return f"https://avatars.test/{key}?lives={seconds}&saved={save_as}"

    def share(self, key: str, seconds: int) -> str:
        with self._effects.happen("sign share"):
            return f"https://avatars.test/{key}?shared={seconds}"

    def erase(self, prefix: str) -> int:
        with self._effects.happen("erase avatars"):
            return self.bucket.erase(prefix)

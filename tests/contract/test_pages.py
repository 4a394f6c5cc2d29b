"""The bucket of the page: S3 and the fake keep the same promises."""

from typing import Any

import boto3
import pytest

from avatars.aws.pages import S3Page
from avatars.publishing import PageStore
from tests.contract.conftest import REGION
from tests.fakes.pages import FakePage, Served

BUCKET = "a-page"


class FakeSeen:
    """The fake, and what a browser would get of it."""

    def __init__(self) -> None:
        self.page = FakePage()

    def get(self, file: str) -> Served | None:
        return self.page.versions[file][-1]

    def versions(self) -> int:
        return sum(len(versions) for versions in self.page.versions.values())


class S3Seen:
    """The adapter, and what S3 has of it."""

    def __init__(self) -> None:
        self._s3: Any = boto3.client("s3")
        self._s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        self._s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.page = S3Page(self._s3, BUCKET)

    def get(self, file: str) -> Served | None:
        found = self._s3.get_object(Bucket=BUCKET, Key=f"page/{file}")
        return Served(found["Body"].read(), found["ContentType"], found["CacheControl"])

    def versions(self) -> int:
        listed = self._s3.list_object_versions(Bucket=BUCKET)
        return len([*listed.get("Versions", []), *listed.get("DeleteMarkers", [])])


@pytest.fixture(params=[FakeSeen, S3Seen])
def seen(request: pytest.FixtureRequest, aws: None) -> Any:
    return request.param()


def put(page: PageStore, *files: str) -> None:
    for file in files:
        page.put(file, file.encode(), "text/html", "no-cache")


def test_a_file_is_served_with_its_headers(seen: Any) -> None:
    put(seen.page, "a/b c.html")

    assert seen.get("a/b c.html") == Served(b"a/b c.html", "text/html", "no-cache")


def test_files_are_listed_by_their_paths_until_they_are_deleted(seen: Any) -> None:
    put(seen.page, "index.html", "a/b.js", "a/b.js")
    listed = seen.page.files()

    seen.page.delete(["a/b.js"])

    assert listed == {"index.html", "a/b.js"}
    assert seen.page.files() == {"index.html"}


def test_erasing_leaves_no_version(seen: Any) -> None:
    put(seen.page, "index.html", "index.html", "a.js")
    seen.page.delete(["a.js"])

    seen.page.erase()

    assert seen.versions() == 0
    assert seen.page.files() == set()


def test_erasing_what_is_not_there_does_nothing(seen: Any) -> None:
    seen.page.erase()

    assert seen.page.files() == set()

"""The two buckets: S3 and the fakes keep the same promises."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from avatars.aws.buckets import S3Answers, S3Gallery, S3Photos, S3Uploads
from avatars.errors import UploadWithheldError
from avatars.model import Answer, ChosenPhoto, StoredUpload
from avatars.ports import Answers, Gallery, Photos, Uploads
from tests.builders import JOB_ID, PREFIX, a_photo
from tests.contract.conftest import REGION
from tests.fakes import FakeAnswers, FakeBucket, FakeGallery, FakePhotos, FakeUploads
from tests.fakes.clock import NOON

BUCKET = "a-bucket"
AVATAR = "avatars/alice/summer/001/001-Été + 50%.png"


@dataclass
class Store:
    """A versioned bucket behind all four ports, and what tests see of it past them."""

    uploads: Uploads
    photos: Photos
    answers: Answers
    gallery: Gallery

    def put(self, key: str, data: bytes) -> str:
        raise NotImplementedError

    def delete(self, key: str) -> str:
        raise NotImplementedError

    def get(self, key: str, version_id: str | None = None) -> tuple[bytes, str]:
        """Data and content type."""
        raise NotImplementedError

    def versions(self, key: str) -> int:
        raise NotImplementedError


class FakeStore(Store):
    def __init__(self) -> None:
        self.bucket = FakeBucket()
        super().__init__(
            FakeUploads(self.bucket),
            FakePhotos(self.bucket),
            FakeAnswers(),
            FakeGallery(self.bucket),
        )

    def put(self, key: str, data: bytes) -> str:
        return self.bucket.put(key, data)

    def delete(self, key: str) -> str:
        return self.bucket.delete(key)

    def get(self, key: str, version_id: str | None = None) -> tuple[bytes, str]:
        versions = {version.version_id: version for version in self.bucket.versions[key]}
        version = versions[version_id] if version_id else self.bucket.versions[key][-1]
        return version.data or b"", version.content_type

    def versions(self, key: str) -> int:
        return len(self.bucket.versions.get(key, []))


class S3Store(Store):
    def __init__(self) -> None:
        self.client = boto3.client("s3", config=Config(signature_version="s3v4"))
        where: Any = {"LocationConstraint": REGION}
        self.client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
        self.client.put_bucket_versioning(
            Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
        )
        super().__init__(
            S3Uploads(self.client, BUCKET),
            S3Photos(self.client, BUCKET, lambda: self.client),
            S3Answers(self.client, BUCKET),
            S3Gallery(self.client, BUCKET, lambda: self.client),
        )

    def put(self, key: str, data: bytes) -> str:
        return self.client.put_object(Bucket=BUCKET, Key=key, Body=data)["VersionId"]

    def delete(self, key: str) -> str:
        return self.client.delete_object(Bucket=BUCKET, Key=key)["VersionId"]

    def get(self, key: str, version_id: str | None = None) -> tuple[bytes, str]:
        version: Any = {"VersionId": version_id} if version_id else {}
        reply = self.client.get_object(Bucket=BUCKET, Key=key, **version)
        return reply["Body"].read(), reply["ContentType"]

    def versions(self, key: str) -> int:
        reply = self.client.list_object_versions(Bucket=BUCKET, Prefix=key)
        return len(reply.get("Versions", [])) + len(reply.get("DeleteMarkers", []))


@pytest.fixture(params=["fake", "S3"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "fake":
        return FakeStore()
    request.getfixturevalue("aws")
    return S3Store()


@pytest.fixture
def s3(aws: None) -> S3Store:
    return S3Store()


class TestUploads:
    @pytest.mark.parametrize("file", ["1.jpg", "a b.jpg", "a+b.JPG", "50%.jpg", "Été/ü.png"])
    def test_whatever_a_file_is_called_it_is_listed_and_read(self, store: Store, file: str) -> None:
        store.put(PREFIX + file, b"selfie")

        [listed] = store.uploads.list(PREFIX)

        assert listed.file == file
        assert isinstance(listed.uploaded_at, int)
        assert store.uploads.read(PREFIX + file) == b"selfie"

    def test_what_lies_in_an_archive_is_withheld(self, s3: S3Store) -> None:
        s3.client.put_object(Bucket=BUCKET, Key=f"{PREFIX}1.jpg", StorageClass="GLACIER")

        with pytest.raises(UploadWithheldError, match="Upload it again"):
            s3.uploads.read(f"{PREFIX}1.jpg")

    def test_a_folder_is_listed_without_its_neighbours(self, store: Store) -> None:
        store.put("uploads/alice/summer/1.jpg", b"")
        store.put("uploads/alice/summer 2/1.jpg", b"")

        assert len(store.uploads.list("uploads/alice/summer/")) == 1
        assert store.uploads.list("uploads/bob/") == []

    def test_what_was_deleted_is_not_listed(self, store: Store) -> None:
        store.put(f"{PREFIX}1.jpg", b"")
        store.delete(f"{PREFIX}1.jpg")

        assert store.uploads.list(PREFIX) == []

    def test_a_version_is_read_even_if_a_newer_one_lies_above_it(self, store: Store) -> None:
        first = store.put(f"{PREFIX}1.jpg", b"first")
        store.uploads.put(f"{PREFIX}1.jpg", b"second")

        assert store.uploads.read(f"{PREFIX}1.jpg", first) == b"first"
        assert store.uploads.read(f"{PREFIX}1.jpg") == b"second"

    def test_the_newest_version_of_an_upload_is_known(self, store: Store) -> None:
        store.uploads.put(f"{PREFIX}a.jpg", b"old")
        store.uploads.put(f"{PREFIX}a.jpg", b"new")

        version = store.uploads.newest_version(f"{PREFIX}a.jpg")

        assert store.uploads.read(f"{PREFIX}a.jpg", version) == b"new"
        assert store.uploads.newest_version(f"{PREFIX}b.jpg") is None

    def test_an_upload_is_listed_with_its_size(self, store: Store) -> None:
        store.uploads.put(f"{PREFIX}a.jpg", b"twelve bytes")

        [upload] = store.uploads.list(PREFIX)

        assert (upload.file, upload.bytes) == ("a.jpg", 12)

    def test_what_is_gone_is_none(self, store: Store) -> None:
        version = store.put(f"{PREFIX}1.jpg", b"first")
        marker = store.delete(f"{PREFIX}1.jpg")

        assert store.uploads.read(f"{PREFIX}2.jpg") is None
        assert store.uploads.read(f"{PREFIX}1.jpg") is None
        assert store.uploads.read(f"{PREFIX}1.jpg", marker) is None
        assert store.uploads.read(f"{PREFIX}1.jpg", version) == b"first"

    def test_what_was_erased_is_gone_in_every_version(self, store: Store) -> None:
        version = store.put(f"{PREFIX}1.jpg", b"first")
        store.put(f"{PREFIX}1.jpg", b"second")
        store.put(f"{PREFIX}a b+%.jpg", b"another")
        store.delete(f"{PREFIX}1.jpg")
        store.put("uploads/alice/summer2/1.jpg", b"a neighbour")

        erased = store.uploads.erase(PREFIX)

        assert erased == 4
        assert store.uploads.read(f"{PREFIX}1.jpg", version) is None
        assert store.versions(f"{PREFIX}1.jpg") == 0
        assert store.uploads.read("uploads/alice/summer2/1.jpg") == b"a neighbour"

    def test_erasing_nothing_is_nothing(self, store: Store) -> None:
        assert store.uploads.erase(PREFIX) == 0


class TestPhotos:
    def test_a_prepared_photo_has_a_version_of_its_own(self, store: Store) -> None:
        first = store.photos.put(JOB_ID, "p1", b"first")
        second = store.photos.put(JOB_ID, "p1", b"second")

        assert store.get(f"photos/{JOB_ID}/p1.jpg", first) == (b"first", "image/jpeg")
        assert first != second

    def test_there_is_one_link_for_each_chosen_version_in_order(self, store: Store) -> None:
        versions = [store.photos.put(JOB_ID, f"p{number}", b"photo") for number in (2, 1)]
        chosen = [ChosenPhoto("p2", versions[0]), ChosenPhoto("p1", versions[1])]

        links = store.photos.links(JOB_ID, chosen)

        assert [urlsplit(link).path.rpartition("/")[2] for link in links] == ["p2.jpg", "p1.jpg"]
        assert [parse_qs(urlsplit(link).query)["versionId"] for link in links] == [
            [version] for version in versions
        ]

    def test_an_owners_link_leads_to_the_version_that_was_prepared(self, store: Store) -> None:
        photo = a_photo(1)
        version = store.photos.put(JOB_ID, photo.photo_id, b"photo")

        link = store.photos.link(replace(photo, version_id=version), 900)

        assert urlsplit(link).path.endswith(f"photos/{JOB_ID}/{photo.photo_id}.jpg")
        assert parse_qs(urlsplit(link).query)["versionId"] == [version]

    def test_erased_are_those_of_one_job(self, store: Store) -> None:
        store.photos.put(JOB_ID, "p1", b"first")
        store.photos.put(JOB_ID, "p1", b"second")
        store.photos.put(f"{JOB_ID}X", "p1", b"another job's")

        erased = store.photos.erase(JOB_ID)

        assert erased == 2
        assert store.versions(f"photos/{JOB_ID}/p1.jpg") == 0
        assert store.versions(f"photos/{JOB_ID}X/p1.jpg") == 1


class TestAnswers:
    @pytest.mark.parametrize(
        "body", [b'{"model_id": "m-1"}', b"<html>", b"", b"\xff\x00\xfe", "Été \U0001f600".encode()]
    )
    def test_an_answer_comes_back_byte_for_byte(self, store: Store, body: bytes) -> None:
        answer = Answer(202, {"retry-after": "5", "content-type": "application/json"}, body)

        store.answers.keep(JOB_ID, "training-001", answer)

        assert store.answers.find(JOB_ID, "training-001") == answer

    def test_the_newest_of_a_name_is_found(self, store: Store) -> None:
        for code in (500, 202):
            store.answers.keep(JOB_ID, "training-001", Answer(code, {}, b""))

        assert store.answers.find(JOB_ID, "training-001") == Answer(202, {}, b"")

    def test_an_answer_that_never_came_is_none(self, store: Store) -> None:
        assert store.answers.find(JOB_ID, "training-001") is None

    def test_erased_are_those_of_one_job(self, store: Store) -> None:
        for name in ("training-001", "run-001-result"):
            store.answers.keep(JOB_ID, name, Answer(200, {}, b""))
        store.answers.keep(JOB_ID, "training-001", Answer(202, {}, b""))
        store.answers.keep(f"{JOB_ID}X", "training-001", Answer(200, {}, b""))

        erased = store.answers.erase(JOB_ID)

        assert erased == 3
        assert store.answers.find(JOB_ID, "training-001") is None
        assert store.answers.find(f"{JOB_ID}X", "training-001") == Answer(200, {}, b"")
        assert store.answers.erase(JOB_ID) == 0


class TestGallery:
    def test_a_picture_is_stored_with_its_type_and_known_by_its_checksum(
        self, store: Store, tmp_path: Path
    ) -> None:
        file = tmp_path / "avatar"
        picture = b"a picture" * 100_000
        file.write_bytes(picture)

        sha256 = store.gallery.put("avatars/alice/1.png", file, "image/png")

        assert sha256 == hashlib.sha256(picture).hexdigest()
        assert store.get("avatars/alice/1.png") == (picture, "image/png")

    @pytest.mark.parametrize("size", [0, 1, 3_000_000])
    def test_what_was_stored_is_read_piece_by_piece_and_has_its_size(
        self, store: Store, size: int
    ) -> None:
        store.put(AVATAR, b"x" * size)

        assert b"".join(store.gallery.read(AVATAR)) == b"x" * size
        assert store.gallery.size(AVATAR) == size

    def test_what_is_not_there_is_said_so(self, store: Store) -> None:
        store.put(AVATAR, b"x")
        store.delete(AVATAR)

        for key in (AVATAR, "archives/nobody.zip"):
            assert store.gallery.size(key) is None
            with pytest.raises(FileNotFoundError, match=re.escape(key)):
                list(store.gallery.read(key))

    def test_a_link_leads_to_the_object(self, store: Store) -> None:
        for link in (store.gallery.link(AVATAR, 900), store.gallery.share(AVATAR, 3600)):
            assert unquote(urlsplit(link).path).endswith(AVATAR)

    def test_erased_is_whatever_lies_below_a_prefix(self, store: Store) -> None:
        for key in (AVATAR, AVATAR, "avatars/alice/summer/002/001-anime.png"):
            store.put(key, b"x")
        store.delete(AVATAR)
        store.put("avatars/alice/summer2/001/001-anime.png", b"a neighbour")

        erased = store.gallery.erase("avatars/alice/summer/")

        assert erased == 4
        assert store.versions(AVATAR) == 0
        assert store.gallery.size("avatars/alice/summer2/001/001-anime.png") == 11
        assert store.gallery.erase("avatars/alice/summer/") == 0


def signer(*keys: str) -> Callable[[], Any]:
    """Gives clients with these credentials, one after the other."""
    remaining = iter(keys)

    def client() -> Any:
        session = boto3.Session(next(remaining), "secret", "token", region_name=REGION)
        return session.client("s3", config=Config(signature_version="s3v4"))

    return client


def signed_by(link: str) -> str:
    return parse_qs(urlsplit(link).query)["X-Amz-Credential"][0].split("/")[0]


class TestOnlyS3:
    """What a fake need not know."""

    def test_a_photo_link_is_signed_with_sigv4_for_an_hour_and_for_one_version(
        self, s3: S3Store
    ) -> None:
        version = s3.photos.put(JOB_ID, "p1", b"photo")

        [link] = s3.photos.links(JOB_ID, [ChosenPhoto("p1", version)])

        query = parse_qs(urlsplit(link).query)
        assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
        assert query["X-Amz-Expires"] == ["3600"]
        assert query["versionId"] == [version]

    def test_links_are_signed_by_the_signer_and_freshly_each_time(self, s3: S3Store) -> None:
        photos = S3Photos(s3.client, BUCKET, signer("AKIAFIRST", "AKIASECOND"))
        chosen = [ChosenPhoto("p1", "v1"), ChosenPhoto("p2", "v2")]

        signers = [[signed_by(link) for link in photos.links(JOB_ID, chosen)] for _ in range(2)]

        assert signers == [["AKIAFIRST"] * 2, ["AKIASECOND"] * 2]

    def test_shared_links_are_signed_by_the_sharer_and_freshly_each_time(self, s3: S3Store) -> None:
        gallery = S3Gallery(s3.client, BUCKET, signer("AKIAFIRST", "AKIASECOND"))

        links = [gallery.share(AVATAR, 3600) for _ in range(2)]

        assert [signed_by(link) for link in links] == ["AKIAFIRST", "AKIASECOND"]
        assert [parse_qs(urlsplit(link).query)["X-Amz-Expires"] for link in links] == [["3600"]] * 2

    def test_an_owners_links_are_signed_by_this_process_and_cost_no_call(self, s3: S3Store) -> None:
        def nobody() -> Any:
            raise AssertionError("A role was assumed for an owner's link.")

        gallery = S3Gallery(s3.client, BUCKET, nobody)
        photos = S3Photos(s3.client, BUCKET, nobody)

        links = [
            gallery.link(AVATAR, 900),
            photos.link(a_photo(1, version_id="v1"), 900),
        ]

        own = boto3.Session().get_credentials()
        assert own
        assert [signed_by(link) for link in links] == [own.access_key] * 2
        assert all(parse_qs(urlsplit(link).query)["X-Amz-Expires"] == ["900"] for link in links)

    def test_browsers_save_an_archive_by_the_name_that_its_link_carries(self, s3: S3Store) -> None:
        link = s3.gallery.link("archives/1.zip", 900, save_as="avatars-summer.zip")
        plain = s3.gallery.link("archives/1.zip", 900)

        assert parse_qs(urlsplit(link).query)["response-content-disposition"] == [
            'attachment; filename="avatars-summer.zip"'
        ]
        assert "disposition" not in plain

    def test_a_form_allows_one_key_one_type_and_a_size_for_a_while(self, s3: S3Store) -> None:
        form = s3.uploads.form(f"{PREFIX}a b+50%.jpg", "image/jpeg", 1000, 900)

        policy = json.loads(base64.b64decode(form.fields["policy"]))
        assert form.fields["key"] == f"{PREFIX}a b+50%.jpg"
        assert form.fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
        assert {"key": f"{PREFIX}a b+50%.jpg"} in policy["conditions"]
        assert {"Content-Type": "image/jpeg"} in policy["conditions"]
        assert {"bucket": BUCKET} in policy["conditions"]
        assert ["content-length-range", 1, 1000] in policy["conditions"]

    def test_a_form_does_not_show_its_signature_where_it_is_printed(self, s3: S3Store) -> None:
        form = s3.uploads.form(f"{PREFIX}1.jpg", "image/jpeg", 1000, 900)

        assert "signature" not in repr(form)

    def test_more_than_one_page_of_uploads_is_listed_and_erased(self, s3: S3Store) -> None:
        for number in range(1001):
            s3.put(f"{PREFIX}{number}.jpg", b"")

        assert len(s3.uploads.list(PREFIX)) == 1001
        assert s3.uploads.erase(PREFIX) == 1001
        assert s3.uploads.list(PREFIX) == []

    def test_any_other_trouble_is_raised(self, s3: S3Store) -> None:
        elsewhere = S3Uploads(s3.client, "no-such-bucket")

        with pytest.raises(ClientError, match="NoSuchBucket"):
            elsewhere.read("uploads/alice/summer/1.jpg")

    def test_answers_keep_every_version(self, s3: S3Store) -> None:
        for code in (500, 202):
            s3.answers.keep(JOB_ID, "training-001", Answer(code, {}, b""))

        assert s3.versions(f"answers/{JOB_ID}/training-001.json") == 2

    def test_an_avatar_goes_with_its_checksum(self, s3: S3Store, tmp_path: Path) -> None:
        requests: list[dict[str, str]] = []
        s3.client.meta.events.register(
            "before-send.s3.PutObject",
            lambda request, **_: requests.append(
                {name.lower(): str(value) for name, value in request.headers.items()}
            ),
        )
        file = tmp_path / "avatar"
        file.write_bytes(b"a picture")

        s3.gallery.put("avatars/alice/1.png", file, "image/png")

        checksum = base64.b64encode(hashlib.sha256(b"a picture").digest()).decode()
        assert requests[0]["x-amz-checksum-sha256"] == f"b'{checksum}'"


def test_the_fake_lists_the_time_of_its_clock() -> None:
    store = FakeStore()

    store.put(f"{PREFIX}1.jpg", b"")

    assert store.uploads.list(PREFIX) == [StoredUpload("1.jpg", NOON)]

"""The two buckets in S3: what comes and goes, and what stays."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avatars import keys
from avatars.errors import UploadWithheldError
from avatars.model import Answer, ChosenPhoto, Form, Photo, StoredUpload
from avatars.settings import LINK_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef, ObjectIdentifierTypeDef

_WITHHELD = ("InvalidObjectState", "InvalidRequest")
"""What GetObject answers for an archived object, and for one under a customer's key (SSE-C)."""


CHUNK_BYTES = 1024 * 1024

BLOCK_BYTES = 256 * 1024


class S3Uploads:
    """The photos as their owners dropped them, below `uploads/` of the upload bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def list(self, prefix: str) -> list[StoredUpload]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        return [
            StoredUpload(
                file=item["Key"].removeprefix(prefix),
                uploaded_at=int(item["LastModified"].timestamp()),
                bytes=item["Size"],
            )
            for page in pages
            for item in page.get("Contents", [])
        ]

    def put(self, key: str, data: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=data)

    def form(self, key: str, content_type: str, max_bytes: int, seconds: int) -> Form:
        post = self._client.generate_presigned_post(
            self._bucket,
            key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, max_bytes]],
            ExpiresIn=seconds,
        )
        return Form(post["url"], post["fields"])

    def read(self, key: str, version_id: str | None = None) -> bytes | None:
        try:
            return _read(self._client, self._bucket, key, version_id)
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in _WITHHELD:
                raise UploadWithheldError(
                    "S3 does not hand it out: it lies in an archive, or is encrypted with a key "
                    "that came with it. Upload it again without either."
                ) from error
            raise

    def newest_version(self, key: str) -> str | None:
        try:
            return self._client.head_object(Bucket=self._bucket, Key=key)["VersionId"]
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return None
            raise

    def erase(self, prefix: str) -> int:
        return _erase(self._client, self._bucket, prefix)


class S3Photos:
    """The prepared photos, below `photos/` of the upload bucket.

    *signer* gives an S3 client whose credentials are fresh and live as long as the links: a
    link dies with the credentials that signed it.
    """

    def __init__(self, client: S3Client, bucket: str, signer: Callable[[], S3Client]) -> None:
        self._client = client
        self._bucket = bucket
        self._signer = signer

    def put(self, job_id: str, photo_id: str, jpeg: bytes) -> str:
        reply = self._client.put_object(
            Bucket=self._bucket,
            Key=keys.prepared_photo_key(job_id, photo_id),
            Body=jpeg,
            ContentType="image/jpeg",
            ChecksumSHA256=_base64(hashlib.sha256(jpeg).digest()),
        )
        return reply["VersionId"]

    def links(self, job_id: str, photos: Sequence[ChosenPhoto]) -> Sequence[str]:
        client = self._signer()
        return [
            client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": keys.prepared_photo_key(job_id, photo.photo_id),
                    "VersionId": photo.version_id,
                },
                ExpiresIn=LINK_SECONDS,
            )
            for photo in photos
        ]

    def link(self, photo: Photo, seconds: int) -> str:
        return self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": keys.prepared_photo_key(photo.job_id, photo.photo_id),
                "VersionId": photo.version_id or "",
            },
            ExpiresIn=seconds,
        )

    def erase(self, job_id: str) -> int:
        return _erase(self._client, self._bucket, keys.prepared_photo_prefix(job_id))


class S3Answers:
    """The provider's raw answers, below `answers/` of the avatar bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def keep(self, job_id: str, name: str, answer: Answer) -> None:
        content = {
            "status_code": answer.status_code,
            "headers": dict(answer.headers),
            # surrogateescape: any bytes survive, and what is text stays readable.
            "body": answer.body.decode("utf-8", "surrogateescape"),
        }
        self._client.put_object(
            Bucket=self._bucket,
            Key=keys.answer_key(job_id, name),
            Body=json.dumps(content).encode(),
            ContentType="application/json",
        )

    def find(self, job_id: str, name: str) -> Answer | None:
        data = _read(self._client, self._bucket, keys.answer_key(job_id, name), None)
        if data is None:
            return None
        content = json.loads(data)
        body = content["body"].encode("utf-8", "surrogateescape")
        return Answer(content["status_code"], content["headers"], body)

    def erase(self, job_id: str) -> int:
        return _erase(self._client, self._bucket, keys.answer_prefix(job_id))


class S3Gallery:
    """The finished avatars below `avatars/` of the avatar bucket, archives below `archives/`.

    *sharer* gives an S3 client whose credentials are fresh: a link dies with them.
    """

    def __init__(self, client: S3Client, bucket: str, sharer: Callable[[], S3Client]) -> None:
        self._client = client
        self._bucket = bucket
        self._sharer = sharer

    def put(self, key: str, file: Path, content_type: str) -> str:
        with _Blocks(file) as body:
            sha256 = hashlib.file_digest(body, "sha256")
            body.seek(0)
            # S3 refuses what does not match it: a picture arrives whole or not at all.
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                ChecksumSHA256=_base64(sha256.digest()),
            )
        return sha256.hexdigest()

    def read(self, key: str) -> Iterator[bytes]:
        try:
            reply = self._client.get_object(Bucket=self._bucket, Key=key)
        except self._client.exceptions.NoSuchKey as error:
            raise FileNotFoundError(key) from error
        yield from reply["Body"].iter_chunks(CHUNK_BYTES)

    def size(self, key: str) -> int | None:
        # Not HeadObject: to whoever may list a prefix only, it may call what is absent forbidden.
        found = self._client.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
        sizes = {item["Key"]: item["Size"] for item in found.get("Contents", [])}
        return sizes.get(key)

    def link(self, key: str, seconds: int, save_as: str | None = None) -> str:
        return self._sign(self._client, key, seconds, save_as)

    def share(self, key: str, seconds: int) -> str:
        return self._sign(self._sharer(), key, seconds)

    def erase(self, prefix: str) -> int:
        return _erase(self._client, self._bucket, prefix)

    def _sign(self, client: S3Client, key: str, seconds: int, save_as: str | None = None) -> str:
        wanted = {"Bucket": self._bucket, "Key": key}
        if save_as:
            wanted["ResponseContentDisposition"] = f'attachment; filename="{save_as}"'
        return client.generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds)


class _Blocks(io.FileIO):
    """A file that is sent in larger blocks than it is asked for: with those of urllib3, 16 KB, the
    interpreter's lock goes from thread to thread a hundred times for each picture."""

    def read(self, size: int | None = -1) -> bytes:
        is_all = size is None or size < 0
        return super().read(-1 if is_all else max(size or 0, BLOCK_BYTES))


def _read(client: S3Client, bucket: str, key: str, version_id: str | None) -> bytes | None:
    request: GetObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
    if version_id:
        request["VersionId"] = version_id
    try:
        return client.get_object(**request)["Body"].read()
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchVersion", "MethodNotAllowed"):
            return None  # MethodNotAllowed: the version is a delete marker
        raise


def _erase(client: S3Client, bucket: str, prefix: str) -> int:
    erased = 0
    while True:
        # Always the first page: the ones behind it move up as it is deleted.
        page = client.list_object_versions(Bucket=bucket, Prefix=prefix)
        listed = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        found: list[ObjectIdentifierTypeDef] = [
            {"Key": one["Key"], "VersionId": one["VersionId"]} for one in listed
        ]
        if found:
            reply = client.delete_objects(Bucket=bucket, Delete={"Objects": found, "Quiet": True})
            if errors := reply.get("Errors"):
                raise OSError(f"{len(errors)} objects could not be deleted: {errors[0]['Code']}")
        erased += len(found)
        if not page["IsTruncated"]:
            return erased


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()

"""The bucket that the page is served from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatars.aws.buckets import S3Uploads

if TYPE_CHECKING:
    from collections.abc import Collection

    from mypy_boto3_s3 import S3Client

PREFIX = "page/"


class S3Page:
    """The page's files, below `page/` of its bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._objects = S3Uploads(client, bucket)

    def put(self, file: str, data: bytes, content_type: str, cache_control: str) -> None:
        self._client.put_object(
            Bucket=self._bucket,
            Key=PREFIX + file,
            Body=data,
            ContentType=content_type,
            CacheControl=cache_control,
        )

    def files(self) -> set[str]:
        return {item.file for item in self._objects.list(PREFIX)}

    def delete(self, files: Collection[str]) -> None:
        for file in files:
            self._client.delete_object(Bucket=self._bucket, Key=PREFIX + file)

    def erase(self) -> None:
        self._objects.erase(PREFIX)

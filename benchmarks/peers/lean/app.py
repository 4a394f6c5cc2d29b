"""The least that makes a photo small: boto3, Pillow, a line of JSON; nothing is looked at."""

import io
import json
import os
from typing import Any

import boto3
from PIL import Image, ImageCms, ImageOps

s3 = boto3.client("s3")
bucket = os.environ["UPLOAD_BUCKET"]


def handler(event: dict[str, Any], context: object) -> None:
    key = event["detail"]["object"]["key"]
    image = Image.open(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    profile = image.info.get("icc_profile")
    image.draft(None, (1024, 1024))
    small = ImageOps.exif_transpose(ImageOps.fit(image, (512, 512), Image.Resampling.LANCZOS))
    if profile:
        small = in_srgb(small, profile)
    jpeg = io.BytesIO()
    small.save(jpeg, "JPEG", quality=90)
    s3.put_object(Bucket=bucket, Key=f"small/{key}", Body=jpeg.getvalue())
    print(json.dumps({"level": "INFO", "message": "made small", "bytes": jpeg.tell()}))


def in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(image, theirs, ImageCms.createProfile("sRGB"))
    assert converted is not None  # noqa: S101 - None only where it works in place
    return converted

"""What most build to make photos small: Powertools' three, boto3, Pillow with HEIC, all at once."""

import io
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from PIL import Image, ImageCms, ImageOps
from pillow_heif import register_heif_opener  # type: ignore[import-not-found]

logger = Logger()
tracer = Tracer()
metrics = Metrics(namespace="Typical")

register_heif_opener()

s3 = boto3.client("s3")
bucket = os.environ["UPLOAD_BUCKET"]


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    key = event["detail"]["object"]["key"]
    image = Image.open(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    upright = ImageOps.exif_transpose(image)
    small = ImageOps.fit(upright.convert("RGB"), (512, 512), Image.Resampling.LANCZOS)
    if profile := image.info.get("icc_profile"):
        small = in_srgb(small, profile)
    jpeg = io.BytesIO()
    small.save(jpeg, "JPEG", quality=90)
    s3.put_object(Bucket=bucket, Key=f"small/{key}", Body=jpeg.getvalue())
    metrics.add_metric(name="Photos", unit=MetricUnit.Count, value=1)
    logger.info("made small", extra={"bytes": jpeg.tell()})


def in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(image, theirs, ImageCms.createProfile("sRGB"))
    assert converted is not None  # noqa: S101 - None only where it works in place
    return converted

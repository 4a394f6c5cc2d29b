"""What the provider answered: statuses, ids and sizes, never a link."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from avatars import keys
from avatars.aws.buckets import S3Answers
from avatars.model import Answer, Job
from avatars.ports import ProviderReader
from avatars.provider.catalog import reader
from cli.target import Target
from cli.tracing.fact import Fact, Source

REFUSED = 400


def facts_of_answers(target: Target, job: Job) -> Iterator[Fact]:
    """The answers that are kept: of each request that is paid for, and the one with the links."""
    s3, bucket = target.client("s3"), target.outputs["AvatarBucket"]
    answers, prefix = S3Answers(s3, bucket), keys.answer_prefix(job.job_id)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for item in (item for page in pages for item in page.get("Contents", [])):
        name = item["Key"].removeprefix(prefix).removesuffix(".json")
        answer = answers.find(job.job_id, name)
        if answer is not None:
            yield _of_answer(item["LastModified"], name, answer, reader(job.provider))


def _of_answer(kept_at: datetime, name: str, answer: Answer, provider: ProviderReader) -> Fact:
    progress = provider.inference_progress(answer)
    links: dict[str, Any] = {"links": len(progress.links)} if progress.links else {}
    return Fact(
        kept_at.timestamp(),
        Source.PROVIDER,
        "answered {answer} with {status_code}",
        {
            "answer": name,
            "status_code": answer.status_code,
            "word": progress.word,
            "bytes": len(answer.body),
            "correlation_id": provider.correlation_id(answer),
            "credits_left": provider.credits(answer),
            **links,
        },
        trouble=answer.status_code >= REFUSED,
    )

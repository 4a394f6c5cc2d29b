"""The mission: photos are dropped into the bucket, and avatars come out of it."""

import hashlib
import io
import itertools
import json
import re
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from avatars import keys
from avatars.model import JobStatus
from tests.e2e.pictures import portrait
from tests.e2e.pipeline import Folder, Pipeline, eventually

PHOTOS = {
    "IMG 2041.JPG": portrait(1),
    "me+you.jpg": portrait(2, lying=True),
    "100% me.jpeg": portrait(3),
    "Été à Zürich.png": portrait(4, "PNG"),
    "自撮り.PNG": portrait(5, "PNG"),
    "%2B%20.jpg": portrait(6),
}
"""Keys as people have them."""

STYLES = ["realistic", "realistic", "watercolor"]


@dataclass(frozen=True)
class Outcome:
    """A folder whose job has ended, and what can only be seen on the way."""

    folder: Folder
    statuses: list[JobStatus]
    prepared: list[bytes]


@pytest.fixture(scope="module")
def done(pipeline: Pipeline) -> Outcome:
    pipeline.provider.forget()
    pipeline.provider.behave(training_seconds=2000, inference_seconds=1500)
    folder = Folder(pipeline, "alice", "Summer in Zürich + 50%")
    folder.want(
        subject="woman",
        photos=len(PHOTOS),
        prompts=[
            {"style": "realistic", "count": 2},
            {"style": "watercolor", "prompt": "by a lake"},
        ],
    )
    folder.drop(PHOTOS)
    statuses, prepared = [], []
    for status in folder.statuses():
        statuses.append(status)
        if status is JobStatus.TRAINING:
            prepared = prepared_photos(folder)
    folder.execution()
    return Outcome(folder, statuses, prepared)


def prepared_photos(folder: Folder) -> list[bytes]:
    bucket, s3 = folder.pipeline.upload_bucket, folder.pipeline.s3
    found = s3.list_objects_v2(Bucket=bucket, Prefix=f"photos/{folder.job_id}/")
    return [
        s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in found["Contents"]
    ]


def test_the_job_is_completed(done: Outcome) -> None:
    job = done.folder.job()

    assert (job.status, job.code, job.reason) == (JobStatus.COMPLETED, None, None)
    assert (job.owner, job.folder, job.subject) == ("alice", done.folder.name, "woman")
    assert done.folder.execution()["status"] == "SUCCEEDED"


def test_the_status_only_moved_forward(done: Outcome) -> None:
    order = [done.statuses.index(status) for status in JobStatus if status in done.statuses]

    assert order == sorted(order) == list(range(len(done.statuses)))
    assert done.statuses[0] is JobStatus.COLLECTING
    assert done.statuses[-1] is JobStatus.COMPLETED


def test_every_photo_is_accepted_under_the_name_it_was_given(done: Outcome) -> None:
    verdicts = {file: photo.status for file, photo in done.folder.photos().items()}

    assert verdicts == dict.fromkeys(PHOTOS, "accepted")


def test_the_provider_is_shown_small_squares_that_say_nothing_of_their_origin(
    done: Outcome,
) -> None:
    pictures = [Image.open(io.BytesIO(photo)) for photo in done.prepared]

    assert len(pictures) == len(PHOTOS)
    assert {(picture.format, picture.size) for picture in pictures} == {("JPEG", (512, 512))}
    assert not any(picture.getexif() for picture in pictures)


def test_every_avatar_is_in_our_bucket_as_its_row_says(done: Outcome) -> None:
    pipeline, avatars = done.folder.pipeline, done.folder.avatars()

    assert [avatar.style for avatar in avatars] == STYLES
    for position, avatar in enumerate(avatars, start=1):
        kept = pipeline.s3.get_object(Bucket=pipeline.avatar_bucket, Key=avatar.key)
        picture = kept["Body"].read()

        assert avatar.key == f"{gallery(done)}{position:03}-{avatar.style}.jpg"
        assert kept["ContentType"] == "image/jpeg"
        assert hashlib.sha256(picture).hexdigest() == avatar.sha256
        assert len(picture) == avatar.bytes
        assert Image.open(io.BytesIO(picture)).size == (avatar.width, avatar.height)
        said = Image.open(io.BytesIO(picture)).getxmp()["xmpmeta"]["RDF"]["Description"]
        assert said["DigitalSourceType"].endswith("/digitalsourcetype/trainedAlgorithmicMedia")
    assert len({avatar.sha256 for avatar in avatars}) == len(STYLES)


def test_there_is_nothing_else_in_the_gallery(done: Outcome) -> None:
    pipeline = done.folder.pipeline

    found = pipeline.s3.list_object_versions(Bucket=pipeline.avatar_bucket, Prefix=gallery(done))

    assert [item["Key"] for item in found["Versions"]] == [
        avatar.key for avatar in done.folder.avatars()
    ]


def gallery(done: Outcome) -> str:
    return f"avatars/alice/{done.folder.name}/001/"


def test_one_training_and_one_inference_were_ordered_and_paid(done: Outcome) -> None:
    provider = done.folder.pipeline.provider
    (training,), (inference,) = provider.calls("start_training"), provider.calls("start_inference")

    assert training["links"] == len(PHOTOS)
    assert inference["prompts"] == [
        {"style": "realistic", "count": 2},
        {"style": "watercolor", "count": 1, "prompt": "by a lake"},
    ]
    assert len(provider.charges()) == 2


def test_the_ids_of_what_was_paid_for_are_in_the_table(done: Outcome) -> None:
    provider = done.folder.pipeline.provider

    (inference,) = provider.calls("start_inference")

    assert done.folder.job().model_id == inference["model_id"]
    assert list(done.folder.run().inference_ids) == [inference["inference_id"]]


def test_what_the_provider_answered_is_kept_word_for_word(done: Outcome) -> None:
    training = json.loads(done.folder.answer(keys.training_answer(1))["body"])
    inference = json.loads(done.folder.answer(keys.inference_answer(1, 0, 1))["body"])
    result = json.loads(done.folder.answer(keys.result_answer(1, 0))["body"])

    assert training["model_id"] == done.folder.job().model_id
    assert [inference["inference_id"]] == list(done.folder.run().inference_ids)
    assert len(result["urls"]) == len(STYLES)


def test_the_provider_is_looked_at_as_rarely_as_it_advises(done: Outcome) -> None:
    provider = done.folder.pipeline.provider

    training = pauses(provider.calls("start_training"), provider.calls("check_training"))
    inference = pauses(provider.calls("start_inference"), provider.calls("check_inference"))

    assert len(training) > 1
    assert training[0] >= 300
    assert min(training[1:]) >= 120
    assert len(inference) > 1
    assert inference[0] >= 20
    assert min(inference[1:]) >= 10


def pauses(start: list[dict[str, Any]], looks: list[dict[str, Any]]) -> list[float]:
    """Seconds of the provider's clock between its calls."""
    return [
        after["clock"] - before["clock"] for before, after in itertools.pairwise([*start, *looks])
    ]


def test_the_links_to_the_photos_live_as_long_as_the_provider_needs_them(done: Outcome) -> None:
    fetches = done.folder.pipeline.provider.journal(event="photo")

    seen = [(fetch["occasion"], fetch["status"]) for fetch in fetches]
    assert sorted(seen) == [("late", 200)] * len(PHOTOS) + [("submit", 200)] * len(PHOTOS)


def test_the_photos_are_gone_in_every_version(done: Outcome) -> None:
    folder = done.folder

    assert folder.versions(folder.prefix) == []
    assert folder.versions(f"photos/{folder.job_id}/") == []


def test_the_world_is_told_once_and_in_ids_only(done: Outcome) -> None:
    folder = done.folder

    (notice,) = folder.notices()

    assert notice["detail-type"] == "AvatarsReady"
    assert notice["detail"] == {
        "job_id": folder.job_id,
        "run": 1,
        "status": "COMPLETED",
        "code": None,
        "model_id": folder.job().model_id,
        "inference_ids": list(folder.run().inference_ids),
        "started_at": folder.run().started_at,
        "has_webhook": False,
        "table": folder.pipeline.stack.outputs["JobsTable"],
    }


@pytest.mark.parametrize("place", ["history", "logs", "table", "events"])
def test_no_secret_gets_anywhere_it_can_be_read(done: Outcome, place: str) -> None:
    pipeline = done.folder.pipeline
    key = pipeline.provider_key()
    result = json.loads(done.folder.answer(keys.result_answer(1, 0))["body"])

    text = everything_in(place, done.folder)

    assert done.folder.job_id in text
    assert key not in text
    assert "X-Amz-Signature" not in text
    assert not any(link in text for link in result["urls"])


def everything_in(place: str, folder: Folder) -> str:
    pipeline = folder.pipeline
    match place:
        case "history":
            return json.dumps(pipeline.history(f"{folder.job_id}-1"), default=str)
        case "logs":
            return eventually(lambda: logged_to_the_end(folder), "log line of the last step")
        case "table":
            return str([folder.job(), folder.run(), folder.photos(), folder.avatars()])
    return json.dumps(folder.notices())


def logged_to_the_end(folder: Folder) -> str | None:
    """The log, once its last step has written into it."""
    text = folder.pipeline.logs()
    return text if re.search(f"finished job.*{folder.job_id}", text) else None

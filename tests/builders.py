"""Jobs, photos and uploads as tests need them; every argument is a field that matters there."""

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from avatars.model import (
    Avatar,
    AvatarStatus,
    ChosenPhoto,
    Inference,
    Job,
    JobStatus,
    Photo,
    PhotoStatus,
    Prompt,
    Run,
    Sending,
    Subject,
    Submission,
    Upload,
    job_id_for,
)
from avatars.pipeline.preparing import prepare_photo
from avatars.pipeline.uploading import judge_photo
from tests.fakes import FakeServices
from tests.fakes.aws import execution_arn
from tests.fakes.clock import NOON
from tests.fakes.services import INSTANT, PICSART

OWNER, FOLDER = "alice", "summer"
PREFIX = f"uploads/{OWNER}/{FOLDER}/"
JOB_ID = job_id_for(OWNER, FOLDER)
EXECUTION = execution_arn(f"{JOB_ID}-1")
PROMPTS = (Prompt("realistic", 4),)
DAY = 86_400


def a_job(**changes: Any) -> Job:
    """A job that began to collect at noon."""
    job = Job(
        job_id=JOB_ID,
        owner=OWNER,
        folder=FOLDER,
        subject=Subject.WOMAN,
        provider=PICSART,
        status=JobStatus.COLLECTING,
        created_at=NOON,
        collect_deadline=NOON + DAY,
        execution_started=True,
    )
    return replace(job, **changes)


def a_run(**changes: Any) -> Run:
    """Its first run, of four avatars."""
    return replace(Run(JOB_ID, 1, PROMPTS, execution=EXECUTION, started_at=NOON), **changes)


def an_inference(**changes: Any) -> Inference:
    """All of its avatars, asked for at noon."""
    accepted = a_submission(Sending.ACCEPTED)
    inference = Inference(4, submission=accepted, inference_id="inference-1")
    return replace(inference, **changes)


def a_photo(number: int, **changes: Any) -> Photo:
    """An accepted photo; *number* tells it from the others and orders it by upload."""
    upload = an_upload(f"{number:03}.jpg", uploaded_at=NOON + number)
    photo = Photo(
        job_id=JOB_ID,
        photo_id=upload.photo_id,
        file=upload.file,
        upload_version=upload.version_id,
        sequencer=upload.sequencer,
        uploaded_at=upload.uploaded_at,
        status=PhotoStatus.ACCEPTED,
        version_id=f"prepared-{number}",
        pixels=f"pixels-{number}",
    )
    return replace(photo, **changes)


def an_upload(file: str, **changes: Any) -> Upload:
    """What an event says of a file in the folder."""
    return replace(Upload(OWNER, FOLDER, file, "version-1", "0A", NOON, 1000), **changes)


def a_submission(state: Sending = Sending.INTENDED, **changes: Any) -> Submission:
    """A first request, about to be sent at noon."""
    return replace(Submission(1, "a-token", state, NOON, NOON + 3600), **changes)


def a_picture(number: int = 0, form: str = "JPEG", side: int = 300) -> bytes:
    """A small picture; equal numbers give equal pixels."""
    gradient = Image.linear_gradient("L").resize((side, side))
    shade = Image.new("L", gradient.size, number * 37 % 256)
    content = io.BytesIO()
    Image.merge("RGB", (gradient, gradient.rotate(90), shade)).save(content, form)
    return content.getvalue()


def stored(services: FakeServices, job: Job, *photos: Photo, run: Run | None = None) -> None:
    """The rows of a job."""
    services.jobs.create_job(job, run or a_run())
    for photo in photos:
        services.jobs.put_photo(photo)


def dropped(services: FakeServices, file: str, data: bytes = b"", **changes: Any) -> Upload:
    """A file lies in the folder; returns what its event says."""
    key = PREFIX + file
    version_id = services.upload_bucket.put(key, data)
    order = len(services.upload_bucket.versions[key])
    return an_upload(
        file,
        version_id=version_id,
        sequencer=f"{order:02}",
        uploaded_at=int(services.clock.wall()),
        bytes=len(data),
        **changes,
    )


def judged(services: FakeServices, upload: Upload) -> Photo | None:
    """The verdict on an upload once both functions have had it."""
    return judge_photo(services, upload, prepare_photo(services, upload))


def ready_to_train(services: FakeServices) -> None:
    """Five photos are chosen; training comes next."""
    stored(services, a_job(chosen=chosen(range(1, 6)), chosen_at=NOON))


def training(services: FakeServices, model_id: str = "model-1") -> None:
    """The provider trains since noon."""
    stored(
        services,
        a_job(
            status=JobStatus.TRAINING,
            chosen=chosen(range(1, 6)),
            chosen_at=NOON,
            training=a_submission(Sending.ACCEPTED),
            model_id=model_id,
        ),
    )


def trained(services: FakeServices, **changes: Any) -> None:
    """The model is there since noon; avatars come next."""
    job = a_job(
        status=JobStatus.INFERRING,
        chosen=chosen(range(1, 6)),
        chosen_at=NOON,
        training=a_submission(Sending.ACCEPTED),
        model_id="model-1",
        trained_at=NOON,
    )
    stored(services, replace(job, **changes))


def inferring(services: FakeServices, prompts: Sequence[Prompt] = PROMPTS) -> None:
    """The provider draws since noon."""
    trained(services)
    services.jobs.change_run(
        JOB_ID,
        1,
        lambda run: replace(
            run,
            prompts=tuple(prompts),
            inferences=(an_inference(avatars=sum(prompt.count for prompt in prompts)),),
        ),
    )


def ready_to_draw(
    services: FakeServices, *prompts: Prompt, photos: int = 3, **changes: Any
) -> None:
    """Nothing is trained: avatars come next, from the best of some photos."""
    best_first = tuple(
        replace(photo, score=90 - place) for place, photo in enumerate(chosen(range(1, photos + 1)))
    )
    job = a_job(provider=INSTANT, chosen=best_first, chosen_at=NOON)
    stored(services, replace(job, **changes), run=a_run(prompts=prompts))


def announce(services: FakeServices, keep_rounds: int = 0, **changes: Any) -> None:
    """The provider has announced, at noon, all avatars of the run."""
    links = {"links": 4, "announced_at": NOON, "links_expire_at": NOON + 2 * DAY}
    services.jobs.change_run(
        JOB_ID,
        1,
        lambda run: replace(
            run,
            keep_rounds=keep_rounds,
            inferences=(an_inference(avatars=run.avatars, **links | changes),),
        ),
    )


def chosen(numbers: Sequence[int]) -> tuple[ChosenPhoto, ...]:
    """The frozen set of those photos."""
    return tuple(
        ChosenPhoto(photo.photo_id, photo.version_id or "") for photo in map(a_photo, numbers)
    )


def an_avatar(position: int, **changes: Any) -> Avatar:
    """A kept avatar of the first run."""
    avatar = Avatar(
        job_id=JOB_ID,
        run=1,
        position=position,
        style="realistic",
        status=AvatarStatus.KEPT,
        key=f"avatars/{OWNER}/{FOLDER}/001/{position:03}-realistic.jpg",
        sha256="0" * 64,
        bytes=1000,
        width=512,
        height=512,
    )
    return replace(avatar, **changes)

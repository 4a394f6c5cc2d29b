"""How fast the HTTP API answers: owners with many jobs, and one of them who reads."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import httpx

from avatars import keys
from avatars.aws.jobs import DynamoDBJobs
from avatars.aws.rows import Rows
from avatars.model import (
    Advice,
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
    job_id_for,
)
from avatars.settings import FIRST_PROVIDER
from local.engine import client
from local.stack import Stack

PHOTOS, AVATARS = 10, 12
"""What each job has."""

OTHERS = 9
"""Owners beside the one who reads; together they have half of the jobs."""

A_PAGE = 20
"""How many jobs or models a list answers with at once, unless asked for more or fewer."""

WRITERS = 8

PROMPTS = (Prompt("realistic", 4), Prompt("watercolor", 4), Prompt("anime", 4, "by the sea"))
MADE_AT = 1_790_000_000


class Reader:
    """Whoever reads: signed in, with a connection that stays."""

    def __init__(self, stack: Stack) -> None:
        users, outputs = client("cognito-idp", stack.endpoint_url), stack.outputs
        signed_in = users.admin_initiate_auth(
            UserPoolId=outputs["OwnerPool"],
            ClientId=outputs["OwnerPoolClient"],
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": stack.page_user, "PASSWORD": stack.page_password},
        )["AuthenticationResult"]
        user = users.admin_get_user(UserPoolId=outputs["OwnerPool"], Username=stack.page_user)
        attributes = {item["Name"]: item["Value"] for item in user["UserAttributes"]}
        self.owner = keys.owner_for(attributes["sub"])
        self._http = httpx.Client(
            base_url=outputs["ApiUrl"],
            headers={"Authorization": f"Bearer {signed_in['AccessToken']}"},
            timeout=60,
            trust_env=False,
        )

    def get(self, path: str) -> tuple[dict[str, Any], float]:
        """What is answered, and after how many milliseconds."""
        begun = time.perf_counter()
        answer = self._http.get(path)
        took = 1000 * (time.perf_counter() - begun)
        body: dict[str, Any] = answer.raise_for_status().json()
        return body, took


def fill(stack: Stack, reader: str, count: int) -> Iterator[Job]:
    """Write the rows of *count* jobs, half of them the reader's; yields each as it stands."""
    rows = Rows(client("dynamodb", stack.endpoint_url), stack.outputs["JobsTable"])
    table = DynamoDBJobs(rows)
    owners = [reader if number % 2 else f"other-{number % (2 * OTHERS)}" for number in range(count)]

    def write(number: int) -> Job:
        job = a_job(owners[number], number)
        table.create_job(job, a_run(job))
        for photo in photos_of(job):
            table.put_photo(photo)
        for avatar in avatars_of(job):
            table.put_avatar(avatar)
        return job

    with ThreadPoolExecutor(WRITERS) as pool:
        yield from pool.map(write, range(count))


def routes(job: Job) -> Mapping[str, str]:
    """What is read, and where."""
    return {
        "GET /jobs": "/jobs",
        "GET /jobs/{job_id}": f"/jobs/{job.job_id}",
        "GET /jobs/{job_id}/avatars": f"/jobs/{job.job_id}/avatars",
        "GET /models": "/models",
    }


def check(route: str, body: Mapping[str, Any]) -> None:
    """An answer without the rows that were written would be no answer."""
    match body:
        case {"jobs": things, "next": str()} | {"models": things, "next": str()}:
            whole = len(things) == A_PAGE
        case {"photos": photos, "avatars": {"kept": kept}}:
            whole = (len(photos), kept) == (PHOTOS, AVATARS)
        case {"avatars": avatars}:
            whole = len([avatar for avatar in avatars if avatar["link"]]) == AVATARS
        case _:
            whole = False
    if not whole:
        raise ValueError(f"{route} did not answer what is in the table: {body}")


def a_job(owner: str, number: int) -> Job:
    """A job that has come to its end, with a model."""
    folder, made_at = f"folder-{number:04}", MADE_AT + number
    job_id = job_id_for(owner, folder)
    return Job(
        job_id=job_id,
        owner=owner,
        folder=folder,
        subject=Subject.WOMAN,
        provider=FIRST_PROVIDER,
        status=JobStatus.COMPLETED,
        created_at=made_at,
        collect_deadline=made_at + 86_400,
        execution_started=True,
        promised=PHOTOS,
        chosen=tuple(ChosenPhoto(f"photo-{n:02}", f"version-{n:02}" * 4) for n in range(PHOTOS)),
        chosen_at=made_at + 60,
        training=Submission(1, "t" * 32, Sending.ACCEPTED, made_at + 60, made_at + 14_400),
        model_id=f"model-{job_id}",
        trained_at=made_at + 720,
        version=8,
    )


def a_run(job: Job) -> Run:
    return Run(
        job_id=job.job_id,
        run=1,
        prompts=PROMPTS,
        execution=f"arn:aws:states:us-east-1:123456789012:execution:MakeAvatars:{job.job_id}-1",
        inferences=(
            Inference(
                AVATARS,
                submission=Submission(
                    1, "t" * 32, Sending.ACCEPTED, job.created_at + 725, job.created_at + 4000
                ),
                inference_id=f"inference-{job.job_id}",
                links=AVATARS,
                announced_at=job.created_at + 750,
            ),
        ),
        started_at=job.created_at,
        ended_at=job.created_at + 760,
        status=JobStatus.COMPLETED,
        version=9,
    )


def photos_of(job: Job) -> Iterator[Photo]:
    for number in range(PHOTOS):
        yield Photo(
            job_id=job.job_id,
            photo_id=f"photo-{number:02}",
            file=f"IMG_{2041 + number}.JPG",
            upload_version=f"upload-{number:02}" * 3,
            sequencer=f"{number:018X}",
            uploaded_at=job.created_at + number,
            status=PhotoStatus.ACCEPTED,
            version_id=f"version-{number:02}" * 4,
            pixels=f"{number:064x}",
            crop=(0, 504, 3024, 3528),
            advice=(Advice.BLURRED,) if number == 3 else (),
            people=1,
            likeness=f"{number * 0x0123456789ABCD:016x}",
            taken_at=job.created_at - 3600 * number,
            score=100 - number,
            bytes=2_300_000,
        )


def avatars_of(job: Job) -> Iterator[Avatar]:
    styles = chain.from_iterable([prompt.style] * prompt.count for prompt in PROMPTS)
    for position, style in enumerate(styles, start=1):
        yield Avatar(
            job_id=job.job_id,
            run=1,
            position=position,
            style=style,
            status=AvatarStatus.KEPT,
            key=keys.avatar_key(job.owner, job.folder, 1, position, style, "jpg"),
            sha256=f"{position:064x}",
            bytes=310_000,
            width=1024,
            height=1024,
        )

"""Private things that jobs are full of, and all places that strangers may read: none is there.

One test, because everything is looked through once: jobs that complete and that fail, by the bucket
and over HTTP, at a provider and a receiver that repeat whatever they are sent.
"""

import contextlib
import io
import json
import re
import secrets
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from avatars import keys
from avatars.model import Gate, JobStatus
from cli.dead_letters.commands import _facts
from cli.dead_letters.queue import DeadLetterQueue
from cli.target import Target
from cli.tracing.bundle import write_bundle
from cli.tracing.gathering import tell_story
from cli.tracing.telling import document, rows
from local.stack import RECEIVER, STACK
from tests.e2e.people import Person, send
from tests.e2e.pictures import portrait
from tests.e2e.pipeline import Folder, Pipeline, Provider, eventually
from tests.leaks import Mark, found_in

AN_OBJECT_HAS_A_NAME = "S3 tells of an object by its key, which holds owner, folder and file"
PEOPLE_ARE_TOLD = "who operates a stack may see whose job it is, and what the files are called"
ROWS_HOLD_IT = "the table is where it is kept; its readers are the functions that need it"
A_RUN_IS_ASKED_FOR = (
    "a further run is asked for by the input of its execution, prompts included; docs/guarantees.md"
)
THE_RECEIVERS_OWN = "a receiver is told which folder is meant"

ALLOWED = {
    ("owner", "events"): AN_OBJECT_HAS_A_NAME,
    ("folder", "events"): AN_OBJECT_HAS_A_NAME,
    ("file", "events"): AN_OBJECT_HAS_A_NAME,
    ("prompt of a further run", "events"): A_RUN_IS_ASKED_FOR,
    ("prompt of a further run", "histories"): A_RUN_IS_ASKED_FOR,
    ("folder", "webhooks"): THE_RECEIVERS_OWN,
    ("owner", "trace"): PEOPLE_ARE_TOLD,
    ("folder", "trace"): PEOPLE_ARE_TOLD,
    ("file", "trace"): PEOPLE_ARE_TOLD,
    ("owner", "rows"): ROWS_HOLD_IT,
    ("folder", "rows"): ROWS_HOLD_IT,
    ("file", "rows"): ROWS_HOLD_IT,
    ("prompt", "rows"): ROWS_HOLD_IT,
    ("prompt of a further run", "rows"): ROWS_HOLD_IT,
    ("webhook", "rows"): ROWS_HOLD_IT,
}
"""Where what may stand, and why. Whatever is not here is nowhere; whatever is here is needed."""

SIGNATURES = r"(X-Amz-Signature|X-Amz-Security-Token|X-Amz-Credential)=([^&\"'\s\\]+)"


@dataclass(frozen=True)
class Private:
    """What must stay where it is; texts of chance, so that no other test's are found."""

    chance: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def owner(self) -> str:
        return f"owner-{self.chance}@example.com"

    @property
    def folder(self) -> str:
        return f"folder {self.chance}"

    @property
    def file(self) -> str:
        return f"file {self.chance}.jpg"

    @property
    def prompt(self) -> str:
        return f"a garden of marzipan where {self.chance} sings"

    @property
    def further_prompt(self) -> str:
        return f"a tower of sugar where {self.chance} sleeps"

    @property
    def webhook(self) -> str:
        return f"{RECEIVER}/hooks?token=hook-{self.chance}"

    @property
    def redirect(self) -> str:
        return f"https://evil.test/redirect-{self.chance}"

    @property
    def comment(self) -> str:
        return f"comment {self.chance}"

    def marks(self) -> list[Mark]:
        texts = {
            "owner": self.owner,
            "folder": self.folder,
            "file": self.file,
            "prompt": self.prompt,
            "prompt of a further run": self.further_prompt,
            "webhook": f"hook-{self.chance}",
            "redirect": f"redirect-{self.chance}",
            "comment of a photo": self.comment,
            "latitude": "30.182719",
            "latitude as it is stored": "30182719",
        }
        pixels = Mark("bytes of a photo", self.photo(0)[-80:-8])
        return [pixels, *(Mark.of(name, text) for name, text in texts.items())]

    def photo(self, number: int) -> bytes:
        """A photo that says where it was taken (48° 51' 30.182719" N), and more."""
        with Image.open(io.BytesIO(portrait(number))) as image:
            exif = image.getexif()
            exif[ExifTags.Base.ImageDescription] = self.comment
            exif.get_ifd(ExifTags.IFD.GPSInfo).update(
                {
                    ExifTags.GPS.GPSLatitudeRef: "N",
                    ExifTags.GPS.GPSLatitude: (48.0, 51.0, IFDRational(30182719, 1000000)),
                }
            )
            file = io.BytesIO()
            image.save(file, "JPEG", exif=exif, comment=self.comment.encode())
        return file.getvalue()

    def photos(self) -> dict[str, bytes]:
        """Five that can be used, and one that cannot."""
        good = {f"{number} {self.file}": self.photo(number) for number in range(5)}
        return good | {f"broken {self.file}": self.photo(0)[:300] + self.comment.encode()}


class Repeating(BaseHTTPRequestHandler):
    """A receiver that answers with all that it was sent; the first time, that it wants no more."""

    server: "Receiver"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        said = f"{self.path}\n{self.headers}\n{body.decode()}"
        self.server.got.append(said)
        self.send_response(410 if len(self.server.got) == 1 else 200)
        self.send_header("Content-Length", str(len(said.encode())))
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *_: object) -> None:
        """The console is the tests' own."""


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", int(RECEIVER.rpartition(":")[2])), Repeating)
        self.got: list[str] = []


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """Somebody listens where webhooks of a local stack may lead."""
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


@contextlib.contextmanager
def overhearing(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    """Two queues: every event on the bus, and whatever the topics send."""
    queues, bus, topics = (pipeline.aws(name) for name in ("sqs", "events", "sns"))
    urls, arns = [], []
    for name in ("overheard-events", "overheard-notices"):
        urls.append(queues.create_queue(QueueName=name)["QueueUrl"])
        attributes = queues.get_queue_attributes(QueueUrl=urls[-1], AttributeNames=["QueueArn"])
        arns.append(attributes["Attributes"]["QueueArn"])
        everybody = {
            "Effect": "Allow",
            "Principal": {"Service": ["sns.amazonaws.com", "events.amazonaws.com"]},
            "Action": "sqs:SendMessage",
            "Resource": arns[-1],
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
        queues.set_queue_attributes(QueueUrl=urls[-1], Attributes={"Policy": policy})
    everything = {"account": [{"prefix": ""}]}
    bus.put_rule(Name="overheard", EventPattern=json.dumps(everything))
    bus.put_targets(Rule="overheard", Targets=[{"Id": "queue", "Arn": arns[0]}])
    subscriptions = [
        topics.subscribe(TopicArn=pipeline.stack.outputs[topic], Protocol="sqs", Endpoint=arns[1])
        for topic in ("AlarmTopic", "NoticeTopic")
    ]
    try:
        yield urls[0], urls[1]
    finally:
        for subscription in subscriptions:
            topics.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        bus.remove_targets(Rule="overheard", Ids=["queue"])
        bus.delete_rule(Name="overheard")
        for url in urls:
            queues.delete_queue(QueueUrl=url)


def test_nothing_private_is_left_where_others_read(
    pipeline: Pipeline, provider: Provider, tmp_path: Path
) -> None:
    began, private = time.time(), Private()
    person = Person(pipeline, private.owner)
    key = pipeline.provider_key()
    with receiving() as receiver, overhearing(pipeline) as (events, notices):
        refused, lost = failing(pipeline, provider, private)
        dropped, ordered, forms = working(pipeline, provider, private, person, key)
        drawing_more(pipeline, provider, private, [dropped, ordered])
        eventually(lambda: len(receiver.got) >= 2, "two webhooks")
        folders = [refused, lost, dropped, ordered]
        letters = pipeline.stack.outputs["DeadLetterQueue"]
        places = {
            "logs": logs(pipeline, began),
            "histories": histories(pipeline, folders),
            "events": drained(pipeline, events),
            "notices": drained(pipeline, notices),
            "webhooks": "\n".join(said.partition("\n")[2] for said in receiver.got),
            "API errors": errors_of_the_api(person, ordered),
            "rows": rows_of(pipeline, folders),
            "dead letters, told": told_letters(pipeline, letters),
            **traces(pipeline, folders, tmp_path),
        }
        person.http.close()

    links = links_in(refused) + links_in(lost)
    marks = [
        *private.marks(),
        Mark.of("API key", key),
        Mark.of("bearer token", person.token.removeprefix("Bearer ")),
        Mark.of("webhook secret", secret(pipeline, "WebhookSecret")),
        Mark.of("link of a photo", "X-Amz-Signature="),
        *(
            Mark.of("link of an avatar", f"/avatars/{inference_id}/")
            for folder in (dropped, ordered)  # one of them got no avatars, and either may be it
            for inference_id in folder.run().inference_ids
        ),
        *(Mark.of(f"link of a photo: {name}", value) for name, value in links),
        *(Mark.of(f"form: {name}", value) for name, value in forms),
    ]
    found = found_in(marks, places)
    # That it could have been found: the provider was sent it, and repeated it.
    assert {name for name, _ in links} == {
        "X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Credential",
    }  # fmt: skip
    assert len(forms) >= 4
    assert key in refused.answer(keys.training_answer(1))["body"]
    assert found - ALLOWED.keys() == set()
    assert ALLOWED.keys() - found == set(), "allowed, but nobody needs it"


def failing(pipeline: Pipeline, provider: Provider, private: Private) -> tuple[Folder, Folder]:
    """Two jobs whose trainings are answered with all that was sent: a refusal, and a crash."""
    provider.behave(
        faults=[
            {"route": "start_training", "what": "echo", "status": status} for status in (422, 500)
        ]
    )
    folders = [Folder(pipeline, private.owner, f"{name} {private.folder}") for name in "ab"]
    for folder in folders:
        folder.want(photos=5, prompts=[{"style": "anime", "prompt": private.prompt}])
        folder.drop({name: data for name, data in private.photos().items() if name[0].isdigit()})
    ends = {folder.ends().code: folder for folder in folders}
    pipeline.capacity.change_gate(lambda gate: Gate(version=gate.version))
    return ends["PROVIDER_REJECTED"], ends["TRAINING_OUTCOME_UNKNOWN"]


def working(
    pipeline: Pipeline, provider: Provider, private: Private, person: Person, key: str
) -> tuple[Folder, Folder, list[tuple[str, str]]]:
    """A job from the bucket and one over HTTP, and the secrets of its upload forms.

    The provider's status is our key at first, and one of the orders of avatars is repeated.
    """
    provider.behave(
        faults=[
            {"route": "check_training", "what": "answer", "status": 200, "body": {"status": key}},
            {"route": "start_inference", "what": "echo", "status": 422},
        ]
    )
    prompts = [{"style": "anime", "count": 2, "prompt": private.prompt}]
    dropped = Folder(pipeline, private.owner, private.folder)
    dropped.want(photos=6, prompts=prompts, webhook=private.webhook)
    dropped.drop(private.photos())
    photos = private.photos()
    order = person.order(
        photos=[{"file": file} for file in photos],
        subject="woman",
        prompts=prompts,
        folder=private.folder,
        webhook=private.webhook,
    )
    assert order.status_code == 201, order.text
    uploads = order.json()["uploads"]
    for upload in uploads:
        send(upload, photos[upload["file"]])
    ordered = Folder(pipeline, person.owner, private.folder)
    statuses = {folder.ends().status for folder in (dropped, ordered)}
    assert statuses == {JobStatus.COMPLETED, JobStatus.FAILED}
    names = ("policy", "x-amz-signature", "x-amz-security-token", "x-amz-credential")
    fields = {name.lower(): value for name, value in uploads[0]["fields"].items()}
    return dropped, ordered, [(name, fields[name]) for name in names if name in fields]


def drawing_more(
    pipeline: Pipeline, provider: Provider, private: Private, folders: Sequence[Folder]
) -> None:
    """More avatars of the job that completed; the link to one of them leads elsewhere."""
    (folder,) = (each for each in folders if each.job().status is JobStatus.COMPLETED)
    provider.stumble("download", "answer", status=302, headers={"Location": private.redirect})
    prompts = [{"style": "anime", "count": 2, "prompt": private.further_prompt}]
    pipeline.execute(job_id=folder.job_id, prompts=prompts)
    assert folder.job().code == "AVATARS_MISSING"


def secret(pipeline: Pipeline, name: str) -> str:
    found = pipeline.aws("secretsmanager").get_secret_value(SecretId=pipeline.stack.outputs[name])
    text: str = found["SecretString"]
    return text


def links_in(folder: Folder) -> list[tuple[str, str]]:
    """What signs the links to a job's photos, by what its provider has repeated."""
    return re.findall(SIGNATURES, folder.answer(keys.training_answer(1))["body"])


def logs(pipeline: Pipeline, began: float) -> str:
    """Everything in every group of logs."""
    client = pipeline.aws("logs")
    groups = [group["logGroupName"] for group in client.describe_log_groups()["logGroups"]]
    pages = client.get_paginator("filter_log_events")
    return "\n".join(
        event["message"]
        for group in groups
        for page in pages.paginate(logGroupName=group, startTime=int(began * 1000))
        for event in page["events"]
    )


def histories(pipeline: Pipeline, folders: Sequence[Folder]) -> str:
    """Inputs, outputs, causes and all events of all executions of the jobs."""
    listed = pipeline.states.list_executions(stateMachineArn=pipeline.stack.outputs["StateMachine"])
    job_ids = {folder.job_id for folder in folders}
    found = []
    for execution in listed["executions"]:
        described = pipeline.execution(execution["name"]) or {}
        if json.loads(described["input"]).get("job_id") in job_ids:
            found.append([described, pipeline.history(execution["name"])])
    assert len(found) == 5
    return json.dumps(found, default=str)


def drained(pipeline: Pipeline, url: str) -> str:
    """All messages that a queue has got."""
    found = []
    while (
        messages := pipeline.aws("sqs")
        .receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        .get("Messages")
    ):
        found.extend(messages)
        for message in messages:
            pipeline.aws("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert found
    return json.dumps(found)


def errors_of_the_api(person: Person, ordered: Folder) -> str:
    """What strangers, and people who ask for what is wrong, are told."""
    url = person.http.base_url
    answers = [
        httpx.get(f"{url}jobs", trust_env=False),
        httpx.get(f"{url}jobs", headers={"Authorization": "Bearer x"}, trust_env=False),
        person.http.get(f"/jobs/{'A' * 26}"),
        person.http.post("/jobs", json={"subject": "unicorn", "photos": 7, "extra": True}),
        person.http.post("/jobs", content=b"{"),
        person.http.post(f"/jobs/{ordered.job_id}/avatars", json={"prompts": [{"style": "?"}]}),
        person.http.post(f"/jobs/{ordered.job_id}/start"),
        person.http.get("/jobs", params={"next": "?"}),
    ]
    assert all(400 <= answer.status_code < 500 for answer in answers)
    return "\n".join(f"{answer.headers}\n{answer.text}" for answer in answers)


def rows_of(pipeline: Pipeline, folders: Sequence[Folder]) -> str:
    return json.dumps(
        [
            pipeline.aws("dynamodb").query(
                TableName=pipeline.stack.outputs["JobsTable"],
                KeyConditionExpression="job_id = :job_id",
                ExpressionAttributeValues={":job_id": {"S": folder.job_id}},
            )["Items"]
            for folder in folders
        ]
    )


def told_letters(pipeline: Pipeline, url: str) -> str:
    """The dead letters as the command lists them; one is the webhook that nobody wanted."""
    queue = DeadLetterQueue(pipeline.aws("sqs"), url)

    def about_webhooks() -> list[dict[str, Any]]:
        with queue.held() as letters:
            told = [_facts(letter) for letter in letters]
        return told if any(facts["function"] == "send_webhook" for facts in told) else []

    return json.dumps(eventually(about_webhooks, "webhook that is a dead letter"))


def traces(pipeline: Pipeline, folders: Sequence[Folder], directory: Path) -> dict[str, str]:
    """What `avatars trace` tells of the jobs, and what its bundles hold."""
    stack = pipeline.stack
    target = Target(STACK, stack.outputs, pipeline.aws, stack.clock)
    told, bundles = [], []
    for folder in folders:
        story = tell_story(target, folder.job())
        told += [json.dumps(document(story)), *(str(cells[-1]) for cells in rows(story))]
        file = directory / f"{folder.job_id}.zip"
        write_bundle(file, target, story, [])
        with zipfile.ZipFile(file) as bundle:
            bundles += [bundle.read(name).decode() for name in bundle.namelist()]
    return {"trace": "\n".join(told), "bundle": "\n".join(bundles)}

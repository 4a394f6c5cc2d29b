"""How a job ended reaches whoever asked to be told: signed, again and again, or explained."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.e2e.command import avatars
from tests.e2e.pictures import portraits
from tests.e2e.pipeline import GENEROUS, Folder, Pipeline, eventually, running_pipeline


@dataclass(frozen=True)
class Delivery:
    """One request that a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)

    def verified(self, secret: str) -> dict[str, Any]:
        """What it says. Raises WebhookVerificationError."""
        content: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return content


class Receiver(ThreadingHTTPServer):
    """Somebody's web server on this machine: answers what is planned by path, else 204."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.plans: dict[str, list[int]] = {}
        self.deliveries: list[Delivery] = []

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def got(self, path: str, count: int = 1, about: str = "") -> list[Delivery]:
        """The requests to a path about a job, once there are so many."""

        def enough() -> list[Delivery]:
            found = [
                delivery
                for delivery in self.deliveries
                if delivery.path == path and about.encode() in delivery.body
            ]
            return found if len(found) >= count else []

        return eventually(enough, f"{count} deliveries to {path}")


class _Exchange(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.deliveries.append(Delivery(self.path, dict(self.headers), body))
        plans = self.server.plans.get(self.path)
        self.send_response(plans.pop(0) if plans else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """The console is the tests' own."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.02,))
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Pipeline]:
    """A stack of its own, which tells the receiver of every job."""
    parameters = GENEROUS | {
        "WebhookOrigins": receiver.origin,
        "WebhookUrl": f"{receiver.origin}/stack",
    }
    folder: Path = tmp_path_factory.mktemp("webhooks")
    with running_pipeline(folder, parameters=parameters) as pipeline:
        yield pipeline


def secret_of(pipeline: Pipeline, owner: str) -> str:
    """As the README tells receivers to get it."""
    stack_secret = pipeline.aws("secretsmanager").get_secret_value(
        SecretId=pipeline.stack.outputs["WebhookSecret"]
    )["SecretString"]
    digest = hmac.digest(stack_secret.encode(), owner.encode(), hashlib.sha256)
    return f"whsec_{base64.b64encode(digest).decode()}"


def told_to(folder: Folder, url: str) -> None:
    """A job that ends at once, for want of photos, and tells *url*."""
    folder.want(photos=2, webhook=url)
    folder.drop(portraits(range(2)))
    folder.ends()


def test_finished_avatars_are_told_to_the_jobs_webhook_and_to_the_stacks(
    folder: Folder, receiver: Receiver
) -> None:
    folder.want(photos=5, prompts=[{"style": "anime"}], webhook=f"{receiver.origin}/ready")
    folder.drop(portraits(range(5)))
    job = folder.ends()

    [of_job] = receiver.got("/ready")
    [of_stack] = receiver.got("/stack", about=folder.job_id)

    told = of_job.verified(secret_of(folder.pipeline, folder.owner))
    assert job.status == "COMPLETED"
    assert told["type"] == "avatars.ready"
    assert told["data"] == {
        "job_id": folder.job_id,
        "run": 1,
        "status": "COMPLETED",
        "code": None,
        "folder": folder.name,
    }
    assert of_stack.verified(secret_of(folder.pipeline, "")) == told
    assert of_job.headers["webhook-id"] == of_stack.headers["webhook-id"]
    with pytest.raises(WebhookVerificationError):
        of_job.verified(secret_of(folder.pipeline, "mallory"))


def test_a_receiver_in_trouble_is_told_again_until_it_takes_it_and_nobody_else_twice(
    folder: Folder, receiver: Receiver
) -> None:
    receiver.plans["/failing"] = [500, 503]

    told_to(folder, f"{receiver.origin}/failing")

    tries = receiver.got("/failing", 3)
    secret = secret_of(folder.pipeline, folder.owner)
    assert [each.verified(secret)["type"] for each in tries] == ["avatars.failed"] * 3
    assert len({each.headers["webhook-id"] for each in tries}) == 1
    assert len(receiver.got("/stack", about=folder.job_id)) == 1
    queue = folder.pipeline.resources["WebhookQueue"]
    eventually(lambda: is_empty(folder.pipeline, queue), "empty queue")
    assert len(receiver.got("/failing")) == 3


def is_empty(pipeline: Pipeline, queue: str) -> bool:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = pipeline.aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)
    return {found["Attributes"][name] for name in names} == {"0"}


def test_a_receiver_that_is_gone_leaves_a_dead_letter_that_is_handed_back(
    folder: Folder, receiver: Receiver
) -> None:
    receiver.plans["/gone"] = [410]
    told_to(folder, f"{receiver.origin}/gone")

    letter = eventually(lambda: letter_about(folder), "letter")
    explained = avatars(folder.pipeline, "dead-letters", "explain", letter["id"])
    redriven = avatars(folder.pipeline, "dead-letters", "redrive", letter["id"])

    assert (letter["function"], letter["tries"]) == ("send_webhook", 1)
    assert explained.stdout.splitlines() == [
        f"How job {folder.job_id} ended was to be told to its own webhook: AvatarJobFailed.",
        "But send_webhook failed once, with RECEIVER_REFUSED: The receiver answered 410.",
        "A redrive sends it again, ten times within a day if need be.",
    ]
    assert redriven.returncode == 0, redriven.stderr
    first, again = receiver.got("/gone", 2)
    assert again.verified(secret_of(folder.pipeline, folder.owner))["type"] == "avatars.failed"
    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    assert letter_about(folder) is None


def test_a_webhook_that_leads_inside_is_refused_and_nothing_is_sent(folder: Folder) -> None:
    told_to(folder, "https://localhost/hooks")

    letter = eventually(lambda: letter_about(folder), "letter")

    assert (letter["error"], letter["tries"]) == ("ADDRESS_REFUSED", 1)
    assert "not public" in letter["message"]


def letter_about(folder: Folder) -> dict[str, Any] | None:
    done = avatars(folder.pipeline, "dead-letters", "list", "--json")
    assert done.returncode == 0, done.stderr
    return next((item for item in json.loads(done.stdout) if item["job_id"] == folder.job_id), None)

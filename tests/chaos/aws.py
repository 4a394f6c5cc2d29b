"""The engine in this process: real adapters reach it without a socket."""

import asyncio
import io
import json
import threading
from collections.abc import Coroutine, Iterator
from functools import cache
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import httpx
from boto3.dynamodb.types import TypeDeserializer
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.config import Config

from avatars.model import job_id_for
from local import ministack
from tests.chaos.seam import Call, Seam
from tests.contract.table import TABLE, properties
from tests.fakes import ENVIRONMENT

ADDRESS = "http://127.0.0.1:4566"
"""Nobody listens there: whatever is sent to it is answered here."""

AWS_ENVIRONMENT = {
    "AWS_ENDPOINT_URL": ADDRESS,
    # The engine takes twelve digits for the account that is meant.
    "AWS_ACCESS_KEY_ID": "123456789012",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}

DAMAGE = "damage"
"""Among the faults of a call: its body does not arrive as it was sent."""

Result = TypeVar("Result")

BUCKETS = (ENVIRONMENT["UPLOAD_BUCKET"], ENVIRONMENT["AVATAR_BUCKET"])


class Applications:
    """ASGI applications, called from any thread, one call at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()

    def call(self, app: Any, request: httpx.Request) -> httpx.Response:
        return self.run(answer_of(app, request))

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        with self._lock:
            return self._loop.run_until_complete(work)


async def answer_of(app: Any, request: httpx.Request) -> httpx.Response:
    """As `httpx.ASGITransport`, in a third of its time."""
    given = [{"type": "http.request", "body": request.content, "more_body": False}]
    messages: list[Any] = []

    async def receive() -> Any:
        return given.pop() if given else await asyncio.Future()

    async def send(message: Any) -> None:
        messages.append(message)

    url = request.url
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.partition(b"?")[0],
        "query_string": url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (url.host, url.port),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    await app(scope, receive, send)
    start, *bodies = messages
    content = b"".join(message.get("body", b"") for message in bodies)
    return httpx.Response(start["status"], headers=start["headers"], content=content)


@cache
def applications() -> Applications:
    """Those of this process."""
    return Applications()


class Engine:
    """An empty AWS account with the table and the buckets of the template.

    The process has one engine, so only one of these may be in use at a time.
    """

    def __init__(self, seam: Seam) -> None:
        self._seam = seam
        self._app = ministack.application()
        self._reset()
        self.session = _session()
        """Its clients pass through the seam."""
        self.session.events.register("before-send", self._answer, unique_id="chaos")
        self.s3 = self._plain_client("s3")
        self.dynamodb = self._plain_client("dynamodb")
        self.secrets = self._plain_client("secretsmanager")
        self._furnish()

    def close(self) -> None:
        self.session.events.unregister("before-send", unique_id="chaos")

    def rows(self) -> Iterator[dict[str, Any]]:
        for page in self.dynamodb.get_paginator("scan").paginate(TableName=TABLE):
            yield from map(plain, page["Items"])

    def put(self, bucket: str, key: str, data: bytes) -> str:
        """An object from outside; returns its version."""
        version: str = self.s3.put_object(Bucket=bucket, Key=key, Body=data)["VersionId"]
        return version

    def _plain_client(self, service: str) -> Any:
        """A client past the seam, for what the world does and what the auditor reads."""
        client = self.session.client(service, config=Config(s3={"addressing_style": "path"}))
        client.meta.events.unregister("before-send", unique_id="chaos")
        client.meta.events.register("before-send", lambda request, **_: self._send(request))
        return client

    def _answer(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
        call = described(event_name, request)
        reply: AWSResponse = self._seam.through(call, lambda: self._send(request, call))
        return reply

    def _send(self, request: AWSPreparedRequest, call: Call | None = None) -> AWSResponse:
        body: Any = request.body or b""
        content = body.read() if hasattr(body, "read") else body
        if call and DAMAGE in call.faults:
            content = bytes([content[0] ^ 1, *content[1:]])
        headers = [(name, _text(value)) for name, value in request.headers.items()]
        wire = httpx.Request(request.method, request.url, headers=headers, content=content)
        reply = applications().call(self._app, wire)
        return answered(request.url, reply.status_code, dict(reply.headers), reply.content)

    def _reset(self) -> None:
        reply = applications().call(self._app, httpx.Request("POST", f"{ADDRESS}/_ministack/reset"))
        assert reply.is_success, reply.text

    def _furnish(self) -> None:
        self.dynamodb.create_table(TableName=TABLE, **properties())
        for bucket in BUCKETS:
            self.s3.create_bucket(Bucket=bucket)
            self.s3.put_bucket_versioning(
                Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
            )
        secret = ENVIRONMENT["PROVIDER_KEY_SECRET"]
        self.secrets.create_secret(Name=secret, SecretString="key-1")
        roles, signer = self._plain_client("iam"), ENVIRONMENT["SIGNER_ROLE"].rpartition("/")[2]
        roles.create_role(RoleName=signer, AssumeRolePolicyDocument=_allow("sts:AssumeRole", "*"))
        photos = f"arn:aws:s3:::{BUCKETS[0]}/photos/*"
        roles.put_role_policy(
            RoleName=signer,
            PolicyName="photos",
            PolicyDocument=_allow("s3:GetObjectVersion", photos),
        )


@cache
def _session() -> boto3.Session:
    """One for the process: it reads the descriptions of the services once."""
    return boto3.Session(
        aws_access_key_id=AWS_ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=AWS_ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
        region_name=AWS_ENVIRONMENT["AWS_DEFAULT_REGION"],
    )


class _Raw(io.BytesIO):
    """A body as urllib3 has it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def answered(url: str, status: int, headers: dict[str, str], body: bytes) -> AWSResponse:
    """An answer of AWS."""
    named: Any = HeadersDict(headers)
    return AWSResponse(url, status, named, _Raw(body))


def described(event_name: str, request: AWSPreparedRequest) -> Call:
    """What can be seen of a request to AWS."""
    _, service, operation = event_name.split(".")
    if service == "dynamodb":
        return _of_row(operation, request.body)
    if service == "s3":
        return _of_object(operation, request.url)
    return Call(service, operation)


def _of_row(operation: str, content: Any) -> Call:
    body = json.loads(content)
    row = plain(body.get("Item") or body.get("Key") or {})
    values = plain(body.get("ExpressionAttributeValues", {}))
    job_id = row.get("job_id") or values.get(":job_id") or ""
    about = row.get("record") or values.get(":prefix") or body.get("IndexName", "")
    return Call("dynamodb", operation, about, job_id, row)


def _of_object(operation: str, url: str) -> Call:
    address = urlsplit(url)
    _, bucket, *rest = address.path.split("/", 2)
    key = unquote(rest[0]) if rest else ""
    key = key or parse_qs(address.query).get("prefix", [""])[0]
    return Call("s3", operation, key, owner_of(key), {"bucket": bucket})


def owner_of(key: str) -> str:
    """The job that an object belongs to."""
    root, *parts = key.split("/")
    if root in ("photos", "answers", "archives") and parts:
        return parts[0]
    if root in ("uploads", "avatars") and len(parts) > 1:
        return job_id_for(parts[0], parts[1])
    return ""


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """A row without DynamoDB's types."""
    deserialize = TypeDeserializer().deserialize
    return {name: _whole(deserialize(value)) for name, value in item.items()}


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if hasattr(value, "to_integral_value") else value


def _allow(action: str, resource: str) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

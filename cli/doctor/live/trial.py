"""A job that costs nothing: ordered, uploaded to, judged, waited for, and erased.

Every link of the chain before the provider is used, each service under its own role.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx

from avatars import keys
from avatars.keys import owner_for
from cli.doctor.finding import Finding, fine, wrong
from cli.doctor.storage import DEPLOY
from cli.target import Target

ABOUT = "trial job"
OWNER = "avatars-doctor"

NO_PHOTO = b"This is no photo: avatars doctor --live has uploaded it."

PATIENCE_SECONDS = 90
"""Wall: six cold starts in a row, and some events on the way."""

LOOK_SECONDS = 1.0

Found = TypeVar("Found")


class Api:
    """The API's function, called as the API calls it, in somebody's name; so it needs no token."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def __call__(
        self, route: str, body: dict[str, Any] | None = None, **path: str
    ) -> tuple[int, dict[str, Any]]:
        """The status and the document that it answers with; 0 where the function crashes."""
        method, pattern = route.split(" ")
        event = {
            "version": "2.0",
            "routeKey": route,
            "rawPath": pattern.format(**path),
            "rawQueryString": "",
            "headers": {"content-type": "application/json"},
            "pathParameters": path or None,
            "requestContext": {
                "authorizer": {"jwt": {"claims": {"sub": OWNER}, "scopes": None}},
                "http": {
                    "method": method,
                    "path": pattern.format(**path),
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "avatars doctor",
                },
                "requestId": f"doctor-{secrets.token_hex(8)}",
                "routeKey": route,
                "stage": "$default",
            },
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = self._target.client("lambda").invoke(
            FunctionName=self._target.resources["ApiFunction"], Payload=json.dumps(event)
        )
        reply = json.load(answer["Payload"])
        if "FunctionError" in answer:
            return 0, {"detail": f"{reply.get('errorType')}: {reply.get('errorMessage')}"}
        document = json.loads(reply.get("body") or "{}")
        return int(reply["statusCode"]), document if isinstance(document, dict) else {}


def trial_job(target: Target) -> Iterator[Finding]:
    """From the order to the receipt; whatever was begun is erased, also after a failure."""
    api = Api(target)
    status, offer = api("GET /styles")
    if status != 200:
        yield _failed("The API's function does not answer", status, offer)
        return
    folder = f"check-{secrets.token_hex(4)}"
    order: dict[str, Any] = {
        "folder": folder,
        "photos": [{"file": f"{number}.jpg"} for number in range(offer["limits"]["least_photos"])],
        "prompts": [{"style": (offer.get("styles") or ["realistic"])[0]}],
        "hold": True,  # never complete by itself, whatever is uploaded
    }
    asked = offer.get("consent") or {}
    if asked.get("required"):  # nobody is on the file
        order["consent"] = {"subject_agrees": True, "text_version": asked["text_version"]}
    status, ordered = api("POST /jobs", order)
    if status != 201:
        yield _failed("The order was refused", status, ordered)
        return
    yield fine(ABOUT, "It was ordered: the API's function wrote it down and signed forms.")
    job_id = ordered["job"]["job_id"]
    try:
        yield from _uploaded(
            target, ordered["uploads"], keys.upload_prefix(owner_for(OWNER), folder)
        )
        yield from _judged(api, job_id)
        yield from _collecting(target, job_id)
    finally:
        erased = list(_erased(target, api, job_id, folder))
    yield from erased


def _uploaded(target: Target, forms: list[dict[str, Any]], prefix: str) -> Iterator[Finding]:
    """By the form that was signed for it, and by no other."""
    form, other = forms[0], forms[1]
    with httpx.Client(timeout=60, trust_env=not target.local) as browser:

        def post(fields: dict[str, str], content: bytes) -> int:
            file = {"file": ("0.jpg", content)}
            return browser.post(form["url"], data=fields, files=file).status_code

        try:
            empty = post(other["fields"], b"")
            moved = post({**other["fields"], "key": f"{prefix}elsewhere.jpg"}, NO_PHOTO)
            taken = post(form["fields"], NO_PHOTO)
        except httpx.HTTPError as error:
            yield wrong(
                ABOUT,
                f"{form['url']} cannot be reached ({type(error).__name__}).",
                "Look at your connection.",
            )
            return
    if not 200 <= taken < 300:
        yield wrong(ABOUT, f"The form was refused ({taken}): nobody can upload.", DEPLOY)
        return
    yield fine(ABOUT, "S3 took an upload by its form.")
    if min(empty, moved) >= 400:
        yield fine(ABOUT, "It took none of a size, or to a place, that the form does not allow.")
    else:
        yield wrong(
            ABOUT,
            f"It took one of another size ({empty}) or to another place ({moved}) than allowed.",
            DEPLOY,
        )
    stored = target.client("s3").head_object(
        Bucket=target.outputs["UploadBucket"], Key=f"{prefix}0.jpg"
    )
    yield fine(ABOUT, f"It lies there encrypted ({stored.get('ServerSideEncryption', 'AES256')}).")


def _judged(api: Api, job_id: str) -> Iterator[Finding]:
    """S3 tells EventBridge, that calls prepare_photo, whose outcome goes to judge_photo."""

    def verdict() -> dict[str, Any] | None:
        _, job = api("GET /jobs/{job_id}", job_id=job_id)
        judged = [each for each in job.get("photos", []) if each.get("status") == "rejected"]
        return judged[0] if judged else None

    found = _eventually(verdict)
    if found is None:
        yield wrong(
            ABOUT,
            f"The upload was not judged within {PATIENCE_SECONDS} seconds.",
            "Look at the rule PreparePhotoFunctionUploaded, and at the logs of prepare_photo and "
            "judge_photo; `avatars dead-letters list` says what was left undone.",
        )
    elif found["code"] != "not_an_image":
        yield wrong(ABOUT, f"It was judged {found['code']}: {found.get('reason')}", DEPLOY)
    else:
        yield fine(ABOUT, "EventBridge heard of it, and it was judged: not_an_image.")


def _collecting(target: Target, job_id: str) -> Iterator[Finding]:
    """Its execution has called two functions."""
    states, name = target.client("stepfunctions"), target.executions.name_of(job_id, 1)

    def called() -> bool:
        try:
            events = states.get_execution_history(executionArn=name)["events"]
        except states.exceptions.ExecutionDoesNotExist:
            return False
        return len([each for each in events if each["type"] == "TaskSucceeded"]) >= 2

    if _eventually(called):
        yield fine(ABOUT, "Its execution began, and waits for photos.")
    else:
        yield wrong(
            ABOUT,
            "Its execution has called no function.",
            f"Look at {name} in Step Functions: what did its role not get?",
        )


def _erased(target: Target, api: Api, job_id: str, folder: str) -> Iterator[Finding]:
    """All of it is gone, and the execution stopped."""
    status, receipt = api("DELETE /jobs/{job_id}", job_id=job_id)
    if status != 200:
        yield _failed(f"Job {job_id} could not be erased", status, receipt)
        return
    left = target.client("s3").list_object_versions(
        Bucket=target.outputs["UploadBucket"], Prefix=keys.upload_prefix(owner_for(OWNER), folder)
    )
    versions = len(left.get("Versions", [])) + len(left.get("DeleteMarkers", []))
    running = _eventually(
        lambda: target.executions.status(target.executions.name_of(job_id, 1)) != "RUNNING"
    )
    if versions or not running:
        yield wrong(
            ABOUT,
            f"After the erasure {versions} versions are left, and its execution "
            f"{'has ended' if running else 'still runs'}.",
            f"The sweep erases again; look at job {job_id} in a quarter of an hour.",
        )
    else:
        yield fine(ABOUT, "It was erased, in all versions, and its execution stopped.")


def _failed(what: str, status: int, document: dict[str, Any]) -> Finding:
    said = document.get("detail") or document.get("code") or "without a word"
    return wrong(ABOUT, f"{what} ({status}): {said}", document.get("remedy") or DEPLOY)


def _eventually(look: Callable[[], Found | None]) -> Found | None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return found

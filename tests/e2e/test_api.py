"""The HTTP API: a job from the order to its avatars, and whom it turns away."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from avatars.model import job_id_for
from tests.e2e.pictures import portrait
from tests.e2e.pipeline import Pipeline, Provider, eventually

pytestmark = pytest.mark.usefixtures("provider")

PASSWORD = "Correct-horse-battery-1"

FILES = ["IMG 1.JPG", "me+you.jpeg", "50%.jpg", "Zürich.png", "自撮り.PNG"]


class Person:
    """Somebody in the template's user pool, and their HTTP client for the API."""

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        users, outputs = pipeline.aws("cognito-idp"), pipeline.stack.outputs
        pool = outputs["OwnerPool"]
        user = users.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
        users.admin_set_user_password(
            UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True
        )
        signed_in = users.admin_initiate_auth(
            UserPoolId=pool,
            ClientId=outputs["OwnerPoolClient"],
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        token = signed_in["AuthenticationResult"]["IdToken"]
        (self.owner,) = (
            attribute["Value"]
            for attribute in user["User"]["Attributes"]
            if attribute["Name"] == "sub"
        )
        self.http = httpx.Client(
            base_url=outputs["ApiUrl"],
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )

    def order(self, **body: Any) -> httpx.Response:
        return self.http.post("/jobs", json=body)

    def job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = self.http.get(f"/jobs/{job_id}").raise_for_status().json()
        return job

    def job_that_ended(self, job_id: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            job = self.job(job_id)
            return job if job["status"] in ("COMPLETED", "FAILED", "NEEDS_ATTENTION") else None

        return eventually(ended, f"end of {job_id}")


@pytest.fixture(scope="module")
def invite(pipeline: Pipeline) -> Iterator[Callable[[str], Person]]:
    people = []

    def invite(name: str) -> Person:
        people.append(Person(pipeline, name))
        return people[-1]

    yield invite
    for person in people:
        person.http.close()


@pytest.fixture(scope="module")
def alice(invite: Callable[[str], Person]) -> Person:
    return invite("alice@example.com")


@pytest.fixture(scope="module")
def bob(invite: Callable[[str], Person]) -> Person:
    return invite("bob@example.com")


def send(upload: dict[str, Any], photo: bytes) -> httpx.Response:
    """Upload a photo with its form, as a browser would."""
    return httpx.post(
        upload["url"], data=upload["fields"], files={"file": photo}, trust_env=False, timeout=30
    )


def test_photos_are_ordered_uploaded_and_become_avatars(
    alice: Person, provider: Provider, pipeline: Pipeline
) -> None:
    ordered = alice.order(
        folder="summer", subject="man", files=FILES, prompts=[{"style": "anime", "count": 2}]
    )
    assert ordered.status_code == 201
    order = ordered.json()
    assert order["job_id"] == job_id_for(alice.owner, "summer")
    assert [upload["file"] for upload in order["uploads"]] == FILES

    for number, upload in enumerate(order["uploads"]):
        kind = "PNG" if upload["file"].lower().endswith("png") else "JPEG"
        assert send(upload, portrait(number, kind)).status_code == 204
    job = alice.job_that_ended(order["job_id"])

    assert (job["status"], job["subject"], job["promised"]) == ("COMPLETED", "man", 5)
    assert [(photo["file"], photo["status"]) for photo in sorted_photos(job)] == [
        (file, "accepted") for file in sorted(FILES)
    ]
    assert [avatar["style"] for avatar in job["avatars"]] == ["anime", "anime"]
    for avatar in job["avatars"]:
        assert avatar["key"].startswith(f"avatars/{alice.owner}/summer/001/")
        pipeline.s3.head_object(Bucket=pipeline.avatar_bucket, Key=avatar["key"])
    assert job["model_id"] == provider.calls("start_training")[0]["model_id"]


def sorted_photos(job: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(job["photos"], key=lambda photo: photo["file"])


def test_a_job_starts_without_the_photos_that_never_came_when_asked_to(
    alice: Person, provider: Provider
) -> None:
    files = [f"{number}.jpg" for number in range(7)]
    order = alice.order(files=files, prompts=[{"style": "anime"}]).json()
    for number, upload in enumerate(order["uploads"][:5]):
        send(upload, portrait(number))
    eventually(lambda: len(alice.job(order["job_id"])["photos"]) == 5, "verdict on every photo")

    asked = alice.http.post(f"/jobs/{order['job_id']}/start")
    job = alice.job_that_ended(order["job_id"])

    assert asked.status_code == 202
    assert job["status"] == "COMPLETED"
    assert [call["links"] for call in provider.calls("start_training")] == [5]


def test_an_order_that_is_repeated_is_the_same_job(alice: Person) -> None:
    wanted = {"folder": "twice", "files": FILES}

    first, second = alice.order(**wanted).json(), alice.order(**wanted).json()

    assert first["job_id"] == second["job_id"]


def test_a_form_takes_one_file_of_one_kind_only(alice: Person) -> None:
    upload = alice.order(folder="forms", files=FILES).json()["uploads"][0]
    prefix = f"uploads/{alice.owner}/"

    elsewhere = upload | {"fields": upload["fields"] | {"key": f"{prefix}other/1.jpg"}}
    as_page = upload | {"fields": upload["fields"] | {"Content-Type": "text/html"}}

    assert upload["fields"]["key"] == f"{prefix}forms/{FILES[0]}"
    assert send(elsewhere, portrait(1)).status_code == 403
    assert send(as_page, b"<script>").status_code == 403
    assert send(upload, b"").status_code == 400


def test_a_strangers_job_does_not_exist(alice: Person, bob: Person) -> None:
    order = alice.order(folder="hers", files=FILES).json()

    looked = bob.http.get(f"/jobs/{order['job_id']}")
    started = bob.http.post(f"/jobs/{order['job_id']}/start")
    same_name = bob.order(folder="hers", files=FILES).json()

    assert (looked.status_code, started.status_code) == (404, 404)
    assert alice.owner not in looked.text
    assert same_name["job_id"] != order["job_id"]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/jobs"), ("GET", "/jobs/A"), ("POST", "/jobs/A/start")]
)
def test_nobody_is_let_in_without_a_token(alice: Person, method: str, path: str) -> None:
    nobody = alice.http.request(method, path, headers={"Authorization": ""})
    forger = alice.http.request(method, path, headers={"Authorization": "Bearer e30.e30.e30"})

    assert (nobody.status_code, forger.status_code) == (401, 401)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"{}", "files"),
        (b'{"files": ["1.jpg"]}', "5 to 30"),
        (b'{"files": ["1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.gif"]}', "5.gif"),
        (b'{"files": ["1.jpg", "2.jpg", "3.jpg", "4.jpg", "../5.jpg"]}', "../5.jpg"),
        (b'{"files": ["1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg"], "subject": "fox"}', "subject"),
        (b'{"files": ["1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg"], "prompts": []}', "prompts"),
        (b'{"files": ["1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg"], "style": "a"}', "style"),
        (b'{"files": ["1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg"], "folder": "a/b"}', "folder"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_the_reason(
    alice: Person, body: bytes, word: str
) -> None:
    refused = alice.http.post("/jobs", content=body)

    assert refused.status_code == 422
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert word in refused.json()["detail"]

"""The HTTP API: a job from the order to its avatars and its end, and whom it turns away."""

import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from avatars.api.openapi import document
from avatars.model import job_id_for
from tests.e2e.people import Person, send
from tests.e2e.pictures import portrait
from tests.e2e.pipeline import Pipeline, Provider, eventually

pytestmark = pytest.mark.usefixtures("provider")

FILES = ["IMG 1.JPG", "me+you.jpeg", "50%.jpg", "Zürich.png", "自撮り.PNG"]
PHOTOS = [{"file": file} for file in FILES]

ROUTES = [
    (method.upper(), path) for path, methods in document()["paths"].items() for method in methods
]


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


def get(link: str) -> httpx.Response:
    """Whoever has a link needs nothing else."""
    return httpx.get(link, trust_env=False, timeout=30)


def send_all(uploads: list[dict[str, Any]]) -> None:
    for number, upload in enumerate(uploads):
        kind = "PNG" if upload["file"].lower().endswith("png") else "JPEG"
        assert send(upload, portrait(number, kind)).status_code == 204


@pytest.fixture(scope="module")
def summer(alice: Person) -> dict[str, Any]:
    """A job of Alice's that has ended with two avatars."""
    ordered = alice.order(
        folder="summer", subject="man", photos=PHOTOS, prompts=[{"style": "anime", "count": 2}]
    )
    assert ordered.status_code == 201
    order = ordered.json()
    assert [upload["file"] for upload in order["uploads"]] == FILES
    send_all(order["uploads"])
    return alice.job_that_ended(order["job"]["job_id"])


class TestTheWholeWay:
    def test_photos_are_ordered_uploaded_and_become_avatars(
        self, alice: Person, summer: dict[str, Any]
    ) -> None:
        page = alice.http.get(f"/jobs/{summer['job_id']}/avatars").json()

        assert summer["job_id"] == job_id_for(alice.owner, "summer")
        assert (summer["status"], summer["subject"]) == ("COMPLETED", "man")
        assert {photo["file"]: photo["status"] for photo in summer["photos"]} == dict.fromkeys(
            FILES, "accepted"
        )
        assert summer["avatars"] == {"wanted": 2, "kept": 2}
        assert [avatar["style"] for avatar in page["avatars"]] == ["anime", "anime"]
        for avatar in page["avatars"]:
            picture = get(avatar["link"])
            assert picture.status_code == 200
            assert len(picture.content) == avatar["bytes"]

    def test_the_job_and_its_model_are_listed(self, alice: Person, summer: dict[str, Any]) -> None:
        jobs = eventually(
            lambda: [
                job
                for job in alice.http.get("/jobs", params={"limit": 100}).json()["jobs"]
                if job["status"] == "COMPLETED"
            ],
            "job in the list",
        )
        models = alice.http.get("/models").json()["models"]

        assert summer["job_id"] in [job["job_id"] for job in jobs]
        assert summer["model_id"] in [model["model_id"] for model in models]

    def test_one_avatar_becomes_a_favourite_and_is_shared(
        self, alice: Person, summer: dict[str, Any]
    ) -> None:
        avatar = f"/jobs/{summer['job_id']}/avatars/1/2"

        liked = alice.http.patch(avatar, json={"favourite": True}).json()
        shared = alice.http.post(f"{avatar}/share")

        assert liked["favourite"]
        assert shared.status_code == 201
        assert get(shared.json()["link"]).content == get(liked["link"]).content
        assert get(shared.json()["link"].replace("/002-", "/001-")).status_code == 403

    def test_all_avatars_come_in_one_archive(self, alice: Person, summer: dict[str, Any]) -> None:
        def archive() -> httpx.Response | None:
            answer = alice.http.get(f"/jobs/{summer['job_id']}/archive").raise_for_status()
            return answer if answer.status_code == 200 else None

        packed = get(eventually(archive, "archive").json()["link"])

        assert packed.headers["Content-Disposition"] == 'attachment; filename="avatars-summer.zip"'
        with zipfile.ZipFile(io.BytesIO(packed.content)) as files:
            assert files.namelist() == ["001-001-anime.jpg", "001-002-anime.jpg"]
            assert files.testzip() is None

    def test_more_are_made_from_the_same_model(self, alice: Person, provider: Provider) -> None:
        first = {"folder": "autumn", "prompts": [{"style": "anime", "count": 2}]}
        order = alice.order(photos=PHOTOS, **first).json()
        send_all(order["uploads"])
        job_id = alice.job_that_ended(order["job"]["job_id"])["job_id"]
        wanted = {"prompts": [{"style": "pop_art", "count": 1}]}
        path, once = f"/jobs/{job_id}/avatars", {"Idempotency-Key": "more"}

        answers = [alice.http.post(path, json=wanted, headers=once) for _ in range(2)]
        eventually(lambda: alice.job(job_id)["run"] == 2, "second run")
        ended = alice.job_that_ended(job_id)

        assert [answer.json()["run"] for answer in answers] == [2, 2]
        assert ended["status"] == "COMPLETED"
        assert len(provider.calls("start_training")) == 1
        assert len(provider.calls("start_inference")) == 2
        styles = [avatar["style"] for avatar in alice.http.get(path).json()["avatars"]]
        assert styles == ["anime", "anime", "pop_art"]


class TestOrders:
    def test_a_job_starts_without_the_photos_that_never_came_when_asked_to(
        self, alice: Person, provider: Provider
    ) -> None:
        photos = [{"file": f"{number}.jpg"} for number in range(7)]
        order = alice.order(photos=photos, prompts=[{"style": "anime"}]).json()
        job_id = order["job"]["job_id"]
        send_all(order["uploads"][:5])
        eventually(lambda: len(alice.job(job_id)["photos"]) == 5, "verdict on every photo")

        asked = alice.http.post(f"/jobs/{job_id}/start")
        job = alice.job_that_ended(job_id)

        assert asked.status_code == 202
        assert job["status"] == "COMPLETED"
        assert [call["links"] for call in provider.calls("start_training")] == [5]

    def test_one_that_is_held_shows_its_photos_and_waits_for_its_start(
        self, alice: Person, provider: Provider
    ) -> None:
        order = alice.order(folder="held", photos=PHOTOS, hold=True).json()
        job_id = order["job"]["job_id"]
        send_all(order["uploads"])
        eventually(lambda: len(alice.job(job_id)["photos"]) == 5, "verdict on every photo")

        waiting = alice.job(job_id)
        pictures = [get(photo["link"]).status_code for photo in waiting["photos"]]
        wanted = {"folder": "held", "prompts": [{"style": "anime"}], "subject": "cat"}
        alice.order(photos=PHOTOS, hold=True, **wanted)
        alice.http.post(f"/jobs/{job_id}/start")
        ended = alice.job_that_ended(job_id)

        assert (waiting["status"], waiting["waiting"]["for"]) == ("COLLECTING", "PHOTOS")
        assert pictures == [200] * 5
        assert (ended["status"], ended["subject"]) == ("COMPLETED", "cat")
        assert [prompt["style"] for prompt in ended["prompts"]] == ["anime"]

    def test_an_order_that_is_repeated_is_the_same_job(self, alice: Person) -> None:
        first, second = (
            alice.http.post("/jobs", json={"photos": PHOTOS}, headers={"Idempotency-Key": "order"})
            for _ in range(2)
        )
        other = alice.http.post(
            "/jobs", json={"photos": PHOTOS, "subject": "dog"}, headers={"Idempotency-Key": "order"}
        )

        assert first.json()["job"]["job_id"] == second.json()["job"]["job_id"]
        assert first.json()["job"]["folder"] == second.json()["job"]["folder"]
        assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")

    def test_one_with_a_webhook_is_told_what_signs_it(self, alice: Person) -> None:
        webhook = "https://hooks.example.com/avatars"

        order = alice.order(folder="signed", photos=PHOTOS, webhook=webhook).json()
        alice.http.delete(f"/jobs/{order['job']['job_id']}")  # so that nobody is told of its end

        assert order["webhook_secret"].startswith("whsec_")

    def test_a_form_takes_one_file_of_one_kind_only(self, alice: Person) -> None:
        upload = alice.order(folder="forms", photos=PHOTOS).json()["uploads"][0]
        prefix = f"uploads/{alice.owner}/"

        elsewhere = upload | {"fields": upload["fields"] | {"key": f"{prefix}other/1.jpg"}}
        as_page = upload | {"fields": upload["fields"] | {"Content-Type": "text/html"}}

        assert upload["fields"]["key"] == f"{prefix}forms/{FILES[0]}"
        assert send(elsewhere, portrait(1)).status_code == 403
        assert send(as_page, b"<script>").status_code == 403
        assert send(upload, b"").status_code == 400

    @pytest.mark.parametrize(
        ("body", "status", "word"),
        [
            (b"{", 400, "JSON"),
            (b"[]", 422, "body"),
            (b"{}", 422, "photos"),
            (b'{"photos": [{"file": "1.jpg"}]}', 422, "takes 5 to 30 photos"),
            (b'{"photos": []}', 422, "at least 1"),
            (b'{"provider": "nobody", "photos": PHOTOS}', 422, "take one of astria"),
            (b'{"folder": "a/b", "photos": PHOTOS}', 422, "folder"),
            (b'{"subject": "fox", "photos": PHOTOS}', 422, "subject"),
            (b'{"prompts": [], "photos": PHOTOS}', 422, "prompts"),
            (b'{"prompts": [{"style": "baroque"}], "photos": PHOTOS}', 422, "baroque"),
        ],
    )
    def test_an_order_that_makes_no_sense_is_refused_with_the_reason(
        self, alice: Person, body: bytes, status: int, word: str
    ) -> None:
        photos = b",".join(b'{"file": "%d.jpg"}' % number for number in range(5))
        refused = alice.http.post(
            "/jobs",
            content=body.replace(b"PHOTOS", b"[" + photos + b"]"),
            headers={"Content-Type": "application/json"},
        )

        assert refused.status_code == status
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert word in refused.json()["detail"]


class TestErasure:
    def test_a_job_that_is_at_work_is_stopped_and_leaves_nothing(
        self, alice: Person, provider: Provider, pipeline: Pipeline
    ) -> None:
        provider.behave(training_seconds=100_000)
        order = alice.order(folder="regretted", photos=PHOTOS).json()
        job_id = order["job"]["job_id"]
        send_all(order["uploads"])
        eventually(lambda: alice.job(job_id)["model_id"], "model")

        receipt = alice.http.delete(f"/jobs/{job_id}")

        assert receipt.status_code == 200
        assert receipt.json()["stopped"]
        assert receipt.json()["erased"]["uploads"] >= 6
        assert receipt.json()["left"][0]["id"] == pipeline.jobs.job(job_id).model_id
        assert alice.http.get(f"/jobs/{job_id}").status_code == 404
        assert pipeline.execution_that_ended(f"{job_id}-1")["status"] == "ABORTED"
        for prefix in (f"uploads/{alice.owner}/regretted/", f"photos/{job_id}/"):
            left = pipeline.s3.list_object_versions(Bucket=pipeline.upload_bucket, Prefix=prefix)
            assert "Versions" not in left
        again = alice.http.delete(f"/jobs/{job_id}")
        assert again.json() == receipt.json()

    def test_what_is_uploaded_afterwards_begins_nothing(
        self, alice: Person, pipeline: Pipeline
    ) -> None:
        order = alice.order(folder="too-late", photos=PHOTOS).json()
        job_id = order["job"]["job_id"]
        alice.http.delete(f"/jobs/{job_id}")

        send(order["uploads"][0], portrait(1))
        prefix = f"photos/{job_id}/"
        pipeline.invoke("SweepJobsFunction", {})

        assert alice.http.get(f"/jobs/{job_id}").status_code == 404
        assert pipeline.jobs.photos(job_id) == []
        assert "Versions" not in pipeline.s3.list_object_versions(
            Bucket=pipeline.upload_bucket, Prefix=prefix
        )


class TestStrangers:
    @pytest.mark.parametrize(("method", "path"), [r for r in ROUTES if "{job_id}" in r[1]])
    def test_a_strangers_job_does_not_exist_on_any_route(
        self, alice: Person, bob: Person, summer: dict[str, Any], method: str, path: str
    ) -> None:
        before = alice.job(summer["job_id"])
        address = path.format(job_id=summer["job_id"], run=1, position=1)
        body = {
            "PATCH": {"favourite": True},
            "POST": {"prompts": [{"style": "anime"}]},
        }.get(method)

        answer = bob.http.request(method, address, json=body)

        assert (answer.status_code, answer.json()["code"]) == (404, "JOB_NOT_FOUND")
        assert alice.owner not in answer.text
        assert "summer" not in answer.text
        assert alice.job(summer["job_id"]) == before

    def test_nor_in_any_list(self, bob: Person, summer: dict[str, Any]) -> None:
        lists = bob.http.get("/jobs").text + bob.http.get("/models").text

        assert summer["job_id"] not in lists

    def test_the_same_folder_is_another_job(self, bob: Person, summer: dict[str, Any]) -> None:
        same_name = bob.order(folder="summer", photos=PHOTOS).json()["job"]

        assert same_name["job_id"] != summer["job_id"]

    @pytest.mark.parametrize(("method", "path"), ROUTES)
    def test_nobody_is_let_in_without_a_token(self, alice: Person, method: str, path: str) -> None:
        address = path.format(job_id="A" * 26, run=1, position=1)
        nobody = alice.http.request(method, address, headers={"Authorization": ""})
        forger = alice.http.request(
            method, address, headers={"Authorization": "Bearer e30.e30.e30"}
        )

        assert (nobody.status_code, forger.status_code) == (401, 401)

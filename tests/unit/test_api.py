"""Every route of the HTTP API takes the request that `events/` documents, and says no clearly."""

import base64
import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from avatars import keys
from avatars.model import JobStatus, Ordered
from tests.builders import (
    JOB_ID,
    OWNER,
    PREFIX,
    a_job,
    a_run,
    an_avatar,
    inferring,
    stored,
    trained,
    training,
)
from tests.fakes import ENVIRONMENT, FakeServices
from tests.fakes.services import INSTANT
from tests.printed import lines_of, printing
from tests.wired import unwire, wire

EVENTS = Path(__file__).parents[2] / "events"
OF_A_JOB = sorted(path.stem for path in EVENTS.glob("api_*.json") if "{job_id}" in path.read_text())


@dataclass
class Context:
    """What Lambda tells a handler; the parts that are read."""

    function_name: str = "api"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:api"
    aws_request_id: str = "a-request"


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServices]:
    """Fakes in the places of adapters; any style is drawn."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    fakes = FakeServices(styles=())
    wire(fakes)
    yield fakes
    unwire()


@pytest.fixture
def finished(services: FakeServices, tmp_path: Path) -> FakeServices:
    """A job with its two avatars."""
    inferring(services)
    services.jobs.change_job(JOB_ID, lambda job: replace(job, status=JobStatus.COMPLETED))
    picture = tmp_path / "picture"
    picture.write_bytes(b"a picture")
    for position in (1, 2):
        services.gallery.put(an_avatar(position).key or "", picture, "image/jpeg")
        services.jobs.put_avatar(an_avatar(position))
    return services


def request(name: str) -> Any:
    """A request of `events/`, without the key that makes it safe to repeat."""
    sample = json.loads((EVENTS / f"{name}.json").read_text())
    sample["headers"].pop("idempotency-key", None)
    return sample


def ask(event: Any) -> tuple[int, Any]:
    """Status and body of the answer."""
    reply = importlib.import_module("functions.api.app").handler(event, Context())
    return reply["statusCode"], json.loads(reply["body"])


class TestJobs:
    def test_an_order_is_answered_with_the_job_and_its_forms(self, services: FakeServices) -> None:
        status, ordered = ask(request("api_create_job"))

        assert status == 201
        assert (ordered["job"]["job_id"], ordered["job"]["status"]) == (JOB_ID, "COLLECTING")
        assert len(ordered["uploads"]) == ordered["job"]["promised"] == 6
        assert ordered["uploads"][0].keys() == {"file", "url", "fields"}

    def test_an_order_without_a_folder_gets_one_of_its_own(self, services: FakeServices) -> None:
        order = request("api_create_job")
        order["body"] = json.dumps({"photos": [{"file": f"{n}.jpg"} for n in range(5)]})

        folders = [ask(order)[1]["job"]["folder"] for _ in range(2)]

        assert folders[0] != folders[1]

    def test_an_order_for_a_folder_that_has_started_is_a_conflict(
        self, services: FakeServices
    ) -> None:
        training(services)

        status, problem = ask(request("api_create_job"))

        assert (status, problem["code"]) == (409, "JOB_STARTED")

    def test_without_consent_where_it_is_required_an_order_is_refused_with_a_remedy(
        self, services: FakeServices
    ) -> None:
        services.settings = replace(services.settings, require_consent=True)
        wire(services)
        order = request("api_create_job")
        agreed = json.loads(order["body"]) | {
            "consent": {"subject_agrees": True, "text_version": "1"}
        }

        status, problem = ask(order)
        accepted, ordered = ask(order | {"body": json.dumps(agreed)})

        assert (status, problem["code"]) == (422, "CONSENT_MISSING")
        assert "GET /styles" in problem["remedy"]
        assert (accepted, ordered["job"]["consent"]["door"]) == (201, "api")

    def test_a_limit_is_told_with_the_time_to_wait(self, services: FakeServices) -> None:
        limits = replace(services.settings.owner_limits, jobs_a_day=1)
        wire_with = replace(services.settings, owner_limits=limits)
        services.settings = wire_with
        wire(services)
        order = request("api_create_job")
        ask(order)
        other = order | {"body": order["body"].replace("summer", "winter")}

        reply = importlib.import_module("functions.api.app").handler(other, Context())

        assert reply["statusCode"] == 429
        assert reply["headers"]["Retry-After"] == "86400"

    def test_a_start_is_accepted(self, services: FakeServices) -> None:
        stored(services, a_job())

        assert ask(request("api_start_job"))[0] == 202
        assert f"{PREFIX}start" in services.upload_bucket.current()

    def test_an_owner_sees_how_the_job_stands(self, services: FakeServices) -> None:
        training(services)

        status, job = ask(request("api_get_job"))

        assert (status, job["status"]) == (200, "TRAINING")
        assert job["waiting"]["for"] == "MODEL"
        assert job["estimate"]["jobs"] == 0

    def test_jobs_and_models_are_listed_a_page_at_a_time(self, services: FakeServices) -> None:
        trained(services)
        newer = a_job(job_id="B" * 26, folder="winter", created_at=a_job().created_at + 1)
        stored(services, newer)
        page = request("api_list_jobs") | {"queryStringParameters": {"limit": "1"}}

        _, first = ask(page)
        page["queryStringParameters"]["next"] = first["next"]
        _, second = ask(page)
        _, models = ask(request("api_list_models"))

        assert [job["job_id"] for job in first["jobs"]] == ["B" * 26]
        assert [job["job_id"] for job in second["jobs"]] == [JOB_ID]
        assert second["next"] is None
        assert [model["model_id"] for model in models["models"]] == ["model-1"]

    def test_an_erased_job_leaves_a_receipt(self, finished: FakeServices) -> None:
        status, receipt = ask(request("api_erase_job"))

        assert status == 200
        assert receipt["erased"]["avatars"] == 2
        assert ask(request("api_get_job"))[0] == 404
        assert ask(request("api_erase_job")) == (200, receipt)


class TestAvatars:
    def test_they_are_listed_with_links(self, finished: FakeServices) -> None:
        status, page = ask(request("api_list_avatars"))

        assert status == 200
        assert [avatar["position"] for avatar in page["avatars"]] == [1, 2]
        assert all(avatar["link"] for avatar in page["avatars"])

    def test_one_becomes_a_favourite(self, finished: FakeServices) -> None:
        status, avatar = ask(request("api_like_avatar"))

        assert (status, avatar["favourite"]) == (200, True)
        assert [a.favourite for a in finished.jobs.avatars(JOB_ID, 1)] == [False, True]

    def test_one_is_shared_for_an_hour(self, finished: FakeServices) -> None:
        status, shared = ask(request("api_share_avatar"))

        assert status == 201
        assert shared["link"].endswith("?shared=3600")
        assert shared["expires_at"] == int(finished.clock.wall()) + 3600

    @pytest.mark.parametrize("name", ["api_like_avatar", "api_share_avatar"])
    def test_there_is_no_third(self, finished: FakeServices, name: str) -> None:
        event = request(name)
        event["rawPath"] = event["rawPath"].replace("/1/2", "/1/3")
        event["requestContext"]["http"]["path"] = event["rawPath"]

        status, problem = ask(event)

        assert (status, problem["code"]) == (404, "AVATAR_NOT_FOUND")

    def test_the_line_about_an_order_of_more_names_its_job_and_not_another_one_of_its_owner(
        self, finished: FakeServices
    ) -> None:
        other = "O" * 26
        finished.jobs.create_job(a_job(job_id=other), a_run(job_id=other))
        ordered = {other: Ordered(finished.clock.now())}
        finished.owners.change_allowance(OWNER, lambda known: replace(known, orders=ordered))

        with printing() as paper:
            ask(request("api_create_avatars"))

        assert lines_of(paper)[-1]["job_id"] == JOB_ID

    def test_more_of_them_are_ordered(self, finished: FakeServices) -> None:
        assert ask(request("api_create_avatars")) == (202, {"job_id": JOB_ID, "run": 2})

    def test_where_they_were_made_from_a_photo_it_says_why_there_are_no_more(
        self, finished: FakeServices
    ) -> None:
        finished.jobs.change_job(JOB_ID, lambda job: replace(job, provider=INSTANT, model_id=None))

        status, told = ask(request("api_create_avatars"))

        assert (status, told["code"]) == (409, "NO_MODEL")
        assert "are made from a photo, without a model that could make more" in told["detail"]
        assert finished.executions.started == []

    @pytest.mark.parametrize(
        ("prepare", "code"), [(inferring, "JOB_NOT_ENDED"), (None, "NO_MODEL")]
    )
    def test_or_not_yet(self, services: FakeServices, prepare: Any, code: str) -> None:
        if prepare:
            prepare(services)
        else:
            stored(services, a_job(status=JobStatus.FAILED))

        status, problem = ask(request("api_create_avatars"))

        assert (status, problem["code"]) == (409, code)

    def test_an_archive_is_packed_when_it_is_asked_for(
        self, finished: FakeServices, tmp_path: Path
    ) -> None:
        first = ask(request("api_get_archive"))
        importlib.import_module("functions.pack_avatars.app").handler(
            json.loads((EVENTS / "pack_avatars.json").read_text()), Context()
        )
        status, archive = ask(request("api_get_archive"))

        assert first[0] == 202
        assert finished.packing.asked == [JOB_ID]
        assert (status, archive["status"]) == (200, "ready")
        assert "saved=avatars-summer.zip" in archive["link"]
        assert len(finished.avatar_bucket.current(keys.archive_prefix(JOB_ID))) == 1

    def test_of_nothing_there_is_no_archive(self, services: FakeServices) -> None:
        training(services)

        status, problem = ask(request("api_get_archive"))

        assert (status, problem["code"]) == (409, "NO_AVATARS")


def test_what_can_be_ordered_is_told(services: FakeServices) -> None:
    _, styles = ask(request("api_list_styles"))

    assert styles["subjects"] == ["man", "woman", "couple", "dog", "cat"]
    assert styles["limits"]["most_photos"] == 30


class TestRefusals:
    @pytest.mark.parametrize("name", OF_A_JOB)
    def test_a_strangers_job_does_not_exist(self, services: FakeServices, name: str) -> None:
        trained(services, owner="bob", status=JobStatus.COMPLETED)
        services.jobs.put_avatar(an_avatar(2))
        before = services.jobs.job(JOB_ID)

        status, problem = ask(request(name))

        assert (status, problem["code"]) == (404, "JOB_NOT_FOUND")
        assert "bob" not in json.dumps(problem)
        assert services.jobs.job(JOB_ID) == before

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ("{}", "body.photos"),
            ('{"photos": []}', "body.photos"),
            ('{"photos": "1.jpg"}', "body.photos"),
            ("[]", "body"),
            ("7", "body"),
            ('{"photos": [{"file": ""}]}', "body.photos.0.file"),
            ('{"files": []}', "body.files"),
            ('{"subject": "parrot"}', "body.subject"),
            ('{"prompts": [{"style": "anime", "count": "4"}]}', "body.prompts.0.count"),
            ('{"prompts": [{"style": "anime", "count": 121}]}', "body.prompts.0.count"),
        ],
    )
    def test_every_mistake_is_told_by_its_field(
        self, services: FakeServices, body: str, field: str
    ) -> None:
        status, problem = ask(request("api_create_job") | {"body": body})

        assert (status, problem["code"]) == (422, "BAD_REQUEST")
        assert any(error["field"].startswith(field) for error in problem["errors"])
        assert problem["remedy"]

    def test_what_only_the_verb_knows_is_told_by_its_sentence(self, services: FakeServices) -> None:
        order = request("api_create_job")

        status, problem = ask(order | {"body": order["body"].replace("me+you.png", "me.gif")})

        assert (status, problem["code"]) == (422, "BAD_REQUEST")
        assert "me.gif" in problem["detail"]

    @pytest.mark.parametrize(
        "body",
        [
            "{oops",
            pytest.param("[" * 100_000, id="nested without end"),
            pytest.param("9" * 5000, id="a number without end"),
        ],
    )
    def test_what_is_no_json_is_told(self, services: FakeServices, body: str) -> None:
        status, problem = ask(request("api_create_job") | {"body": body})

        assert (status, problem["code"]) == (400, "NOT_JSON")

    def test_a_body_that_is_no_text_is_a_mistake_like_any_other(
        self, services: FakeServices
    ) -> None:
        body = base64.b64encode(b"\xff\xd8\xff\xe0").decode()

        status, _ = ask(request("api_create_job") | {"body": body, "isBase64Encoded": True})

        assert status == 400

    def test_a_body_may_arrive_in_base64(self, services: FakeServices) -> None:
        order = request("api_create_job")
        body = base64.b64encode(order["body"].encode()).decode()

        assert ask(order | {"body": body, "isBase64Encoded": True})[0] == 201

    def test_a_form_is_no_json(self, services: FakeServices) -> None:
        order = request("api_create_job")
        order["headers"]["content-type"] = "application/x-www-form-urlencoded"

        status, problem = ask(order)

        assert (status, problem["code"]) == (415, "UNSUPPORTED_TYPE")

    def test_a_page_is_asked_for_by_what_a_page_has_named(self, services: FakeServices) -> None:
        page = request("api_list_jobs") | {"queryStringParameters": {"next": "yesterday"}}

        status, problem = ask(page)

        assert (status, problem["code"]) == (422, "BAD_REQUEST")

    def test_a_route_that_is_none(self, services: FakeServices) -> None:
        event = request("api_list_jobs")
        event["rawPath"] = event["requestContext"]["http"]["path"] = "/jobs/1/2/3"

        status, problem = ask(event)

        assert (status, problem["code"]) == (404, "NO_ROUTE")

    def test_who_is_called_anything_at_all_has_a_folder_of_their_own(
        self, services: FakeServices
    ) -> None:
        order = request("api_create_job")
        order["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = "auth0|../7"

        _, ordered = ask(order)

        prefix = ordered["uploads"][0]["fields"]["key"].split("/summer/")[0]
        assert prefix.startswith("uploads/sub-")
        assert prefix.count("/") == 1


def test_a_webhook_is_answered_with_what_signs_it(services: FakeServices) -> None:
    order = request("api_create_job")
    body = json.loads(order["body"]) | {"webhook": "https://example.com/avatars"}

    _, ordered = ask(order | {"body": json.dumps(body)})

    assert ordered["webhook_secret"] == services.webhook_secret("alice")
    assert services.jobs.job(JOB_ID).webhook == "https://example.com/avatars"


@pytest.mark.parametrize(
    "webhook", ["http://example.com/", "https://example.com:8443/", "ftp://a", "x"]
)
def test_one_that_leads_nowhere_public_is_refused(services: FakeServices, webhook: str) -> None:
    order = request("api_create_job")
    body = json.loads(order["body"]) | {"webhook": webhook}

    status, problem = ask(order | {"body": json.dumps(body)})

    assert status == 422
    assert "webhook" in problem["detail"]

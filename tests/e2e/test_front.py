"""The front: signing in, the API, uploads and links at the one address that a browser needs."""

import base64
import hashlib
import html
import io
import json
import re
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from avatars.model import job_id_for
from cli.report import print_endpoints
from tests.e2e.pictures import portrait
from tests.e2e.pipeline import Pipeline, eventually

ORDER = {"photos": [{"file": f"{number}.jpg"} for number in range(5)]}


class Browser:
    """What a browser does with the page, by HTTP alone; it keeps no cookies and runs no scripts."""

    def __init__(self, page_url: str) -> None:
        self.origin = page_url.rstrip("/")
        self.http = httpx.Client(base_url=self.origin, trust_env=False, timeout=60)
        self.config: dict[str, Any] = self.http.get("/config.json").raise_for_status().json()
        self.verifier = secrets.token_urlsafe(48)

    def open_sign_in(self) -> dict[str, str]:
        """The hidden fields of the sign-in form."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        form = self.http.get(
            self.config["authorize"],
            params={
                "response_type": "code",
                "client_id": self.config["client_id"],
                "redirect_uri": f"{self.origin}/",
                "scope": self.config["scope"],
                "state": "a-state",
                "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
                "code_challenge_method": "S256",
            },
        ).raise_for_status()
        fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form.text)
        return {name: html.unescape(value) for name, value in fields}

    def sign_in(self, username: str, password: str) -> httpx.Response:
        who = {"username": username, "password": password}
        return self.http.post(
            "/login", data=self.open_sign_in() | who, headers={"Origin": self.origin}
        )

    def redeem(self, code: str, **changes: str) -> httpx.Response:
        return self.http.post(
            self.config["token"],
            data={
                "grant_type": "authorization_code",
                "code": code,
                "client_id": self.config["client_id"],
                "redirect_uri": f"{self.origin}/",
                "code_verifier": self.verifier,
            }
            | changes,
        )

    def code(self, username: str, password: str) -> str:
        """The code that the page is called with after signing in."""
        back = self.sign_in(username, password)
        assert back.status_code == 302, back.text
        assert back.headers["location"].startswith(f"{self.origin}/?")
        query = parse_qs(urlsplit(back.headers["location"]).query)
        assert query["state"] == ["a-state"]
        return query["code"][0]

    def api(self, method: str, path: str, token: str, **more: Any) -> httpx.Response:
        return self.http.request(
            method, f"/api{path}", headers={"Authorization": f"Bearer {token}"}, **more
        )

    def order(self, token: str, **more: Any) -> dict[str, Any]:
        """A job for five photos, and their forms."""
        answer = self.api("POST", "/jobs", token, json=ORDER | more)
        ordered: dict[str, Any] = answer.raise_for_status().json()
        return ordered

    def send(self, upload: dict[str, Any], photo: bytes) -> httpx.Response:
        return self.http.post(
            upload["url"],
            data=upload["fields"],
            files={"file": photo},
            headers={"Origin": self.origin},
        )


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return found


@pytest.fixture(scope="module")
def browser(pipeline: Pipeline) -> Iterator[Browser]:
    browser = Browser(pipeline.stack.page_url)
    yield browser
    browser.http.close()


@pytest.fixture(scope="module")
def token(browser: Browser, pipeline: Pipeline) -> str:
    """An access token of the user whom the stack has made up."""
    code = browser.code(pipeline.stack.page_user, pipeline.stack.page_password)
    tokens = browser.redeem(code).raise_for_status().json()
    return str(tokens["access_token"])


class TestPage:
    def test_it_is_there_with_its_headers(self, browser: Browser) -> None:
        page = browser.http.get("/")

        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "https:" not in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"

    def test_it_knows_whom_to_sign_in_as(self, browser: Browser, pipeline: Pipeline) -> None:
        assert browser.config["try"] == {
            "username": pipeline.stack.page_user,
            "password": pipeline.stack.page_password,
        }
        assert browser.config["api"] == f"{browser.origin}/api"

    @pytest.mark.parametrize(
        "target", ["/_ministack/health", "/_aws/x", "/api/../_ministack/health"]
    )
    def test_the_engines_own_doors_stay_closed(self, browser: Browser, target: str) -> None:
        assert browser.http.get(target).status_code == 404

    def test_another_host_is_refused(self, browser: Browser) -> None:
        assert browser.http.get("/", headers={"Host": "evil.example"}).status_code == 421

    def test_another_sites_form_is_refused(self, browser: Browser) -> None:
        sent = browser.http.post(
            "/login", data={"a": "b"}, headers={"Origin": "https://evil.example"}
        )

        assert sent.status_code == 403

    def test_the_command_names_it_first(self, pipeline: Pipeline) -> None:
        said = io.StringIO()

        print_endpoints(pipeline.stack, said)

        page, shell = said.getvalue().split("export ", 1)
        for fact in (
            pipeline.stack.page_url,
            pipeline.stack.page_user,
            pipeline.stack.page_password,
        ):
            assert fact in page
        assert pipeline.stack.endpoint_url in shell


class TestSignIn:
    def test_a_code_becomes_a_token_of_the_one_who_signed_in(
        self, browser: Browser, token: str, pipeline: Pipeline
    ) -> None:
        pool = pipeline.stack.outputs["OwnerPool"]
        user = pipeline.aws("cognito-idp").admin_get_user(
            UserPoolId=pool, Username=pipeline.stack.page_user
        )
        [owner] = [a["Value"] for a in user["UserAttributes"] if a["Name"] == "sub"]

        assert claims(token)["sub"] == owner
        assert claims(token)["iss"] == browser.config["issuer"]
        assert browser.api("GET", "/jobs/A", token).status_code == 404

    def test_a_code_is_of_no_use_to_whoever_else_sees_it(
        self, browser: Browser, pipeline: Pipeline
    ) -> None:
        code = browser.code(pipeline.stack.page_user, pipeline.stack.page_password)

        guessed = browser.redeem(code, code_verifier=secrets.token_urlsafe(48))
        without = browser.redeem(code, code_verifier="")
        first, second = browser.redeem(code), browser.redeem(code)

        assert [r.status_code for r in (guessed, without, first, second)] == [400, 400, 200, 400]

    def test_a_wrong_password_leads_nowhere(self, browser: Browser, pipeline: Pipeline) -> None:
        again = browser.sign_in(pipeline.stack.page_user, "Wrong-password-1")

        assert again.status_code == 200
        assert "location" not in again.headers

    def test_a_code_goes_to_the_page_only(self, browser: Browser) -> None:
        asked = browser.http.get(
            browser.config["authorize"],
            params={
                "response_type": "code",
                "client_id": browser.config["client_id"],
                "redirect_uri": "https://evil.example/",
            },
        )

        assert asked.status_code == 400

    def test_signing_out_leads_back_to_the_page(self, browser: Browser) -> None:
        out = browser.http.get(
            browser.config["logout"],
            params={
                "client_id": browser.config["client_id"],
                "logout_uri": f"{browser.origin}/",
            },
        )

        assert (out.status_code, out.headers["location"]) == (302, f"{browser.origin}/")

    def test_discovery_leads_through_the_front(self, browser: Browser) -> None:
        pool = browser.config["issuer"].rpartition("/")[2]

        found = browser.http.get(f"/{pool}/.well-known/openid-configuration").json()

        assert found["issuer"] == browser.config["issuer"]
        assert found["token_endpoint"] == browser.config["token"]
        assert browser.http.get(found["jwks_uri"]).json()["keys"]


class TestMachines:
    @pytest.fixture
    def secret(self, pipeline: Pipeline) -> str:
        outputs = pipeline.stack.outputs
        client = pipeline.aws("cognito-idp").describe_user_pool_client(
            UserPoolId=outputs["OwnerPool"], ClientId=outputs["MachineClient"]
        )
        return str(client["UserPoolClient"]["ClientSecret"])

    def token(self, browser: Browser, client: str, secret: str, **more: str) -> httpx.Response:
        return browser.http.post(
            "/oauth2/token",
            auth=(client, secret),
            data={"grant_type": "client_credentials", **more},
        )

    def test_a_machine_owns_the_jobs_that_it_orders(
        self, browser: Browser, secret: str, pipeline: Pipeline
    ) -> None:
        client = pipeline.stack.outputs["MachineClient"]
        token = self.token(browser, client, secret).raise_for_status().json()["access_token"]

        ordered = browser.order(token, folder="by-a-machine")

        assert ordered["job"]["job_id"] == job_id_for(client, "by-a-machine")
        assert claims(token)["scope"] == "avatars/jobs"

    def test_without_its_secret_it_gets_no_token(
        self, browser: Browser, pipeline: Pipeline
    ) -> None:
        refused = self.token(browser, pipeline.stack.outputs["MachineClient"], "guessed")

        assert refused.status_code == 400
        assert "access_token" not in refused.json()

    def test_a_token_that_the_same_issuer_made_for_another_audience_is_refused(
        self, browser: Browser, pipeline: Pipeline
    ) -> None:
        stranger = pipeline.aws("cognito-idp").create_user_pool_client(
            UserPoolId=pipeline.stack.outputs["OwnerPool"],
            ClientName="stranger",
            GenerateSecret=True,
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthFlows=["client_credentials"],
            AllowedOAuthScopes=["avatars/jobs"],
        )["UserPoolClient"]
        token = (
            self.token(browser, stranger["ClientId"], stranger["ClientSecret"])
            .raise_for_status()
            .json()["access_token"]
        )

        assert claims(token)["iss"] == browser.config["issuer"]
        assert browser.api("POST", "/jobs", token, json=ORDER).status_code == 401


class TestStorage:
    def test_a_large_photo_is_uploaded_by_its_form(
        self, browser: Browser, token: str, pipeline: Pipeline
    ) -> None:
        upload = browser.order(token, folder="by-the-page")["uploads"][0]
        large = portrait(1) + bytes(8_000_000)  # decoders stop at the end of the picture

        sent = browser.send(upload, large)

        assert upload["url"].startswith(browser.origin)
        assert sent.status_code == 204
        stored = pipeline.s3.get_object(Bucket=pipeline.upload_bucket, Key=upload["fields"]["key"])
        assert stored["Body"].read() == large

    def test_a_form_is_for_what_it_was_signed_for(self, browser: Browser, token: str) -> None:
        upload = browser.order(token, folder="forms")["uploads"][0]
        elsewhere = upload["fields"] | {"key": "uploads/somebody/else/1.jpg"}

        assert browser.send(upload | {"fields": elsewhere}, portrait(1)).status_code == 403

    @pytest.mark.usefixtures("provider")
    def test_photos_become_avatars_that_are_seen_by_their_links(
        self, browser: Browser, token: str
    ) -> None:
        order = browser.order(token, prompts=[{"style": "anime"}])
        job = f"/jobs/{order['job']['job_id']}"
        for number, upload in enumerate(order["uploads"]):
            assert browser.send(upload, portrait(number)).status_code == 204

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = browser.api("GET", job, token).json()
            return found if found["status"] in ("COMPLETED", "FAILED") else None

        assert eventually(ended, "end of the job")["status"] == "COMPLETED"
        [avatar] = browser.api("GET", f"{job}/avatars", token).json()["avatars"]
        link = avatar["link"]
        seen = browser.http.get(link)
        part = browser.http.get(link, headers={"Range": "bytes=0-9"})
        assert link.startswith(browser.origin)
        assert (seen.status_code, len(seen.content)) == (200, avatar["bytes"])
        assert (part.status_code, part.content) == (206, seen.content[:10])
        assert "access-control-allow-origin" not in seen.headers
        tampered = (link.replace(".jpg?", ".png?"), link[:-1], link.partition("?")[0])
        assert [browser.http.get(url).status_code for url in tampered] == [403, 403, 403]

"""`avatars sign-in` at the pool of the template, with the browser played by the test."""

import json
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.conftest import ROOT
from tests.e2e.command import avatars, command, surroundings
from tests.e2e.people import PASSWORD, Person
from tests.e2e.pipeline import Pipeline

SIGN_IN_HERE = "Sign in here: "


class Form(HTMLParser):
    """The first form of a page: where it goes, and its fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = self.action or given["action"]
        if tag == "input":
            self.fields[given["name"]] = given.get("value", "")


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=30, follow_redirects=True) as browser:
        yield browser


def sign_in(browser: httpx.Client, address: str, user: str, password: str) -> httpx.Response:
    """What a person sees last who fills in the form at an address."""
    form = Form(browser.get(address).raise_for_status().text)
    filled_in = form.fields | {"username": user, "password": password}
    return browser.post(urljoin(address, form.action), data=filled_in)


def test_a_person_signs_in_with_a_browser_works_and_signs_out(
    pipeline: Pipeline, browser: httpx.Client, tmp_path: Path
) -> None:
    stack, dora = pipeline.stack, Person(pipeline, "dora-at-her-terminal@example.com")
    dora.http.close()
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    with subprocess.Popen(
        command("sign-in", stack.page_url, "--no-browser", stack=None),
        cwd=ROOT,
        env=surroundings(pipeline) | home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        address = process.stderr.readline().removeprefix(SIGN_IN_HERE).strip()

        seen = sign_in(browser, address, dora.name, PASSWORD)
        said, problems = process.communicate()
    assert process.returncode == 0, problems
    assert "go back to the terminal" in seen.text
    assert "Signed in at" in said

    (kept,) = tmp_path.rglob("sign-ins.json")
    mode = kept.stat().st_mode & 0o777
    (found,) = json.loads(kept.read_text()).values()
    secrets = (found["tokens"]["access"], found["tokens"]["refresh"], PASSWORD)
    api = f"{stack.page_url}api"
    listed = avatars(pipeline, "list", "--json", "--api", api, stack=None, **home)
    out = avatars(pipeline, "sign-out", stack=None, **home)
    after = avatars(pipeline, "list", "--api", api, stack=None, **home)

    assert mode == 0o600
    assert not any(secret in said + problems for secret in secrets)
    assert listed.returncode == 0, listed.stderr
    assert json.loads(listed.stdout) == {"jobs": []}
    assert out.returncode == 0, out.stderr
    assert after.returncode == 1
    assert "Nobody is signed in" in after.stderr
    assert json.loads(kept.read_text()) == {}


def test_a_machine_gets_its_token_with_the_secret_of_its_client(pipeline: Pipeline) -> None:
    pool = pipeline.stack.outputs["OwnerPool"]
    client = pipeline.aws("cognito-idp").describe_user_pool_client(
        UserPoolId=pool, ClientId=pipeline.resources["MachineClient"]
    )["UserPoolClient"]
    machine = {
        "AVATARS_API": f"{pipeline.stack.page_url}api",
        "AVATARS_ISSUER": f"{pipeline.stack.page_url}{pool}",
        "AVATARS_CLIENT_ID": client["ClientId"],
        "AVATARS_CLIENT_SECRET": client["ClientSecret"],
    }

    let_in = avatars(pipeline, "list", "--json", stack=None, **machine)
    turned_away = avatars(
        pipeline, "list", stack=None, **machine | {"AVATARS_CLIENT_SECRET": "wrong"}
    )

    assert let_in.returncode == 0, let_in.stderr
    listed = {job["job_id"] for job in json.loads(let_in.stdout)["jobs"]}
    its_own = pipeline.jobs.jobs_of(client["ClientId"], most=100).items
    assert listed == {job.job_id for job in its_own}
    assert turned_away.returncode == 1
    assert "gives no tokens" in turned_away.stderr
    assert client["ClientSecret"] not in let_in.stderr + turned_away.stderr

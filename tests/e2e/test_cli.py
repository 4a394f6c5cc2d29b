"""The commands on jobs on the deployed pipeline: with AWS credentials, and through the HTTP API."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from avatars.model import JobStatus, job_id_for
from tests.conftest import ROOT
from tests.e2e.command import avatars, command, surroundings
from tests.e2e.pictures import portrait
from tests.e2e.pipeline import Pipeline, Provider

pytestmark = [pytest.mark.usefixtures("provider"), pytest.mark.timeout(300)]

PASSWORD = "Correct-horse-battery-1"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def token(pipeline: Pipeline) -> str:
    """Of somebody in the template's user pool."""
    users, outputs = pipeline.aws("cognito-idp"), pipeline.stack.outputs
    name, pool = "dora@example.com", outputs["OwnerPool"]
    users.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
    users.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)
    signed_in = users.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=outputs["OwnerPoolClient"],
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
    )
    access: str = signed_in["AuthenticationResult"]["AccessToken"]
    return access


@pytest.fixture(params=["stack", "api"])
def run(request: pytest.FixtureRequest, pipeline: Pipeline, token: str) -> Run:
    """A command at one of the doors."""
    if request.param == "stack":
        return lambda *words: avatars(pipeline, *words, "--owner", "dora")
    url = pipeline.stack.outputs["ApiUrl"]
    return lambda *words: avatars(
        pipeline, *words, stack=None, AVATARS_API=url, AVATARS_TOKEN=token
    )


@pytest.fixture
def selfies(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Ten files, one of which is no photo, in a folder that nobody has used."""
    folder = tmp_path / "".join(c for c in request.node.name if c.isalnum())
    folder.mkdir()
    for number in range(9):
        (folder / f"Été {number}+.jpg").write_bytes(portrait(number))
    (folder / "diary.jpg").write_text("Dear diary")
    return folder


def as_json(done: subprocess.CompletedProcess[str], code: int = 0) -> Any:
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_photos_become_avatars_more_are_made_and_all_is_erased(
    run: Run, selfies: Path, tmp_path: Path, provider: Provider
) -> None:
    created = as_json(
        run("create", selfies, "--subject", "cat", "--style", "anime:2", "--watch", "--json")
    )
    job = created["job"]
    assert (job["status"], job["subject"]) == ("COMPLETED", "cat")
    assert [each["file"] for each in created["left_out"]] == ["diary.jpg"]
    assert len(created["sent"]) == len(job["photos"]) == 9

    more = as_json(run("more", selfies.name, "--style", "pop_art", "--watch", "--json"))
    saved = as_json(run("download", job["job_id"], "--out", tmp_path / "out", "--json"))
    status = as_json(run("status", job["job_id"], "--json"))
    listed = as_json(run("list", "--json"))["jobs"]
    models = as_json(run("models", "--json"))["models"]
    receipt = as_json(run("erase", job["job_id"], "--yes", "--json"))
    gone = run("status", job["job_id"])

    assert (more["job"]["run"], more["job"]["status"]) == (2, "COMPLETED")
    assert [each["style"] for each in saved["avatars"]] == ["anime", "anime", "pop_art"]
    for each in saved["avatars"]:
        assert Path(each["file"]).read_bytes()[:2] == b"\xff\xd8"
    assert status["model_id"] == job["model_id"] == models[0]["model_id"]
    assert job["job_id"] in [each["job_id"] for each in listed]
    assert receipt["erased"]["avatars"] == 3
    assert [each["id"] for each in receipt["left"]] == [job["model_id"]]
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "There is no job" in gone.stderr
    assert len(provider.calls("start_training")) == 1


def test_a_creation_that_is_interrupted_goes_on_where_it_was(
    pipeline: Pipeline, selfies: Path, provider: Provider
) -> None:
    wanted = ("create", selfies, "--subject", "woman", "--style", "anime", "--owner", "dora")
    with subprocess.Popen(
        command(*wanted), cwd=ROOT, env=surroundings(pipeline), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        said = iter(process.stderr)
        while not next(said).startswith("Job "):
            pass
        process.send_signal(signal.SIGINT)
        rest = "".join(said)
    # Somewhere in its uploads; or it was faster.
    assert process.returncode in (0, 130), rest

    done = as_json(avatars(pipeline, *wanted, "--watch", "--json"))

    assert done["job"]["job_id"] == job_id_for("dora", selfies.name)
    assert done["job"]["status"] == "COMPLETED"
    assert {photo["status"] for photo in done["job"]["photos"]} == {"accepted"}
    assert [call["links"] for call in provider.calls("start_training")] == [9]


def test_a_job_that_ends_otherwise_or_takes_longer_says_so_in_its_exit_code(
    pipeline: Pipeline, selfies: Path, provider: Provider
) -> None:
    provider.behave(training_fails="too blurred")
    order = ("create", selfies, "--subject", "woman", "--style", "anime", "--owner", "dora")

    slow = avatars(pipeline, *order, "--watch", "--timeout", "0.1")
    job_id = job_id_for("dora", selfies.name)
    failed = avatars(pipeline, "watch", job_id, "--owner", "dora")

    assert slow.returncode == 3, slow.stderr
    assert f"avatars watch {job_id}" in slow.stderr
    assert failed.returncode == 1, failed.stderr
    assert JobStatus.FAILED in failed.stdout


def test_a_stack_is_examined_without_changing_it(pipeline: Pipeline) -> None:
    findings = as_json(avatars(pipeline, "doctor", "--json"), code=1)["findings"]

    wrong = {each["about"] for each in findings if each["level"] == "finding"}
    # What the engine does otherwise than AWS, whose stack this pretends to be: docs/fidelity.md.
    differences = {"clock", "UploadBucket", "JobsTable", "functions", "state machine", "API"}
    assert wrong == differences | {"alarms"}
    assert all(each["remedy"] for each in findings if each["level"] == "finding")
    assert {"provider key", "provider picsart", "provider astria", "rules", "logs"} <= {
        each["about"] for each in findings if each["level"] == "ok"
    }


def test_an_examination_finds_what_is_switched_off(pipeline: Pipeline) -> None:
    rule = {"Name": pipeline.resources["CloseJobFunctionExecutionEnded"]}
    pipeline.aws("events").disable_rule(**rule)
    try:
        done = avatars(pipeline, "doctor")
    finally:
        pipeline.aws("events").enable_rule(**rule)

    assert done.returncode == 1
    assert "CloseJobFunctionExecutionEnded is switched off" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("list", "--local", "--stack", "avatars"), "name two places"),
        (("list", "--region", "eu-west-1"), "go with --stack"),
        (("list", "--api", "http://example.com"), "no address that a token may be sent to"),
        (("erase", "A" * 26, "--stack", "avatars"), "--yes"),
        (("create", "no-such-folder", "--subject", "woman", "--style", "anime"), "does not exist"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(
    pipeline: Pipeline, words: tuple[str, ...], said: str
) -> None:
    done = avatars(pipeline, *words, stack=None)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr

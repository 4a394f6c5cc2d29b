"""The API keeps what its document promises, whatever it is asked: thousands of odd requests."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from avatars.model import Avatar, AvatarStatus, JobStatus
from tests.builders import a_job, a_run
from tests.conftest import ROOT
from tests.e2e.people import Person
from tests.e2e.pipeline import Pipeline, Provider

DOCUMENT = ROOT / "docs/openapi.json"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")

NOT_PROMISED = [
    # Rules beyond the schema: names of files and folders, styles of the account, pages.
    "positive_data_acceptance",
    # API Gateway answers 404 to a method that a path does not have.
    "unsupported_method",
]

SECRET = "nobodys-business"
"""In every field of the stranger's job that has a text."""


@pytest.fixture
def bob(pipeline: Pipeline, provider: Provider) -> Iterator[Person]:
    bob = Person(pipeline, "bob-who-asks@example.com")
    yield bob
    bob.http.close()


def id_of(number: int) -> str:
    return f"{number}".rjust(26, "A").translate(str.maketrans("0189", "2345"))


def a_collecting_job(pipeline: Pipeline, number: int, owner: str, folder: str) -> str:
    """A job that waits for photos, and may be told to begin; returns its id."""
    job_id = id_of(number)
    job = a_job(job_id=job_id, owner=owner, folder=folder)
    pipeline.jobs.create_job(job, replace(a_run(), job_id=job_id, execution=None))
    return job_id


def a_finished_job(pipeline: Pipeline, number: int, owner: str, folder: str) -> str:
    """A job with a model and two avatars, one of which is kept; returns its id."""
    job_id = id_of(number)
    job = a_job(
        job_id=job_id,
        owner=owner,
        folder=folder,
        status=JobStatus.COMPLETED,
        execution_started=True,
        model_id=f"model-{folder}",
        trained_at=1,
    )
    ended = replace(a_run(), job_id=job_id, execution=None, ended_at=1)
    pipeline.jobs.create_job(job, ended)
    avatar = Avatar(job_id, 1, 1, folder, AvatarStatus.KEPT, key=f"avatars/{owner}/{folder}/1.jpg")
    pipeline.jobs.put_avatar(avatar)
    pipeline.jobs.put_avatar(
        replace(avatar, position=2, status=AvatarStatus.MISSING, key=None, reason=folder)
    )
    return job_id


def test_it_never_fails_never_says_what_is_not_in_it_and_never_tells_of_strangers(
    pipeline: Pipeline, bob: Person, tmp_path: Path
) -> None:
    collecting = a_collecting_job(pipeline, 23, bob.owner, "mine-23")
    kept = [a_finished_job(pipeline, 22, bob.owner, "mine-22"), collecting]
    erased = [a_finished_job(pipeline, number, bob.owner, f"mine-{number}") for number in (24, 25)]
    hers = a_finished_job(pipeline, 77, "alice", SECRET)
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(about([*kept, hers], [*erased, hers])))

    asked = subprocess.run(
        [
            SCHEMATHESIS, "run", document,
            "--url", pipeline.stack.outputs["ApiUrl"],
            "--header", f"Authorization: {bob.token}",
            "--phases", "examples,coverage,fuzzing",
            "--max-examples", "8", "--generation-deterministic",
            "--checks", "all", "--exclude-checks", ",".join(NOT_PROMISED),
            "--report", "har", "--report-dir", tmp_path, "--warnings", "off", "--no-color",
        ],
        cwd=tmp_path,
        env=os.environ | {"NO_PROXY": "127.0.0.1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )  # fmt: skip
    pipeline.jobs.change_run(collecting, 1, lambda run: replace(run, ended_at=1))

    assert asked.returncode == 0, asked.stdout + asked.stderr
    answers = exchanges(tmp_path)
    statuses = {answer["response"]["status"] for answer in answers}
    assert len(answers) > 200
    assert {200, 201, 202, 404, 422} <= statuses
    assert max(statuses) < 500
    assert SECRET not in json.dumps([answer["response"] for answer in answers])
    assert succeeded(answers) == {
        operation["operationId"]
        for path in json.loads(DOCUMENT.read_text())["paths"].values()
        for operation in path.values()
    }


def about(kept: list[str], erased: list[str]) -> dict[str, Any]:
    """The document, with these as the only jobs and the first avatar as the only one."""
    document: dict[str, Any] = json.loads(DOCUMENT.read_text())
    for path in document["paths"].values():
        for method, operation in path.items():
            job_ids = erased if method == "delete" else kept
            only = {"job_id": job_ids, "run": [1], "position": [1]}
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    parameter["schema"]["enum"] = only[parameter["name"]]
                    parameter["schema"].pop("examples", None)
    return document


def succeeded(exchanged: list[dict[str, Any]]) -> set[str]:
    """The operations that did at least once what they are for."""
    return {
        operation["operationId"]
        for path, operations in json.loads(DOCUMENT.read_text())["paths"].items()
        for method, operation in operations.items()
        for entry in exchanged
        if entry["request"]["method"] == method.upper()
        and entry["response"]["status"] < 300
        and re.fullmatch(re.sub("{.*?}", "[^/]+", path), path_of(entry["request"]["url"]))
    }


def path_of(address: str) -> str:
    return urlsplit(address).path.partition("$default")[2]


def exchanges(folder: Path) -> list[dict[str, Any]]:
    [report] = folder.glob("har-*.json")
    entries: list[dict[str, Any]] = json.loads(report.read_text())["log"]["entries"]
    return entries

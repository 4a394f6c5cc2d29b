"""The API keeps what its document promises, whatever it is asked: thousands of odd requests."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avatars.model import Avatar, AvatarStatus, JobStatus
from tests.builders import a_job, a_run
from tests.conftest import ROOT
from tests.e2e.people import Person
from tests.e2e.pipeline import Pipeline, Provider

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


def a_finished_job(pipeline: Pipeline, number: int, owner: str, folder: str) -> str:
    """A job with a model and two avatars, one of which is kept; returns its id."""
    job_id = f"{number}".rjust(26, "A").translate(str.maketrans("0189", "2345"))
    job = a_job(
        job_id=job_id,
        owner=owner,
        folder=folder,
        status=JobStatus.COMPLETED,
        execution_started=True,
        model_id=f"model-{folder}",
        trained_at=1,
    )
    ended = replace(a_run(), job_id=job_id, execution="gone", ended_at=1)
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
    mine = [
        a_finished_job(pipeline, number, bob.owner, f"mine-{number}") for number in range(22, 28)
    ]
    hers = a_finished_job(pipeline, 77, "alice", SECRET)
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(f'[parameters]\n"path.job_id" = {json.dumps([*mine, hers])}\n')

    asked = subprocess.run(
        [
            SCHEMATHESIS, f"--config-file={configuration}", "run", ROOT / "docs/openapi.json",
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

    assert asked.returncode == 0, asked.stdout + asked.stderr
    answers = [entry["response"] for entry in exchanges(tmp_path)]
    statuses = [answer["status"] for answer in answers]
    assert len(statuses) > 200
    assert {200, 201, 404, 422} <= set(statuses)
    assert max(statuses) < 500
    assert SECRET not in json.dumps(answers)


def exchanges(folder: Path) -> list[dict[str, Any]]:
    [report] = folder.glob("har-*.json")
    entries: list[dict[str, Any]] = json.loads(report.read_text())["log"]["entries"]
    return entries

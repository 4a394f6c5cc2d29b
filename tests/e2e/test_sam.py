"""AWS's own tools against the embedded AWS: `sam remote invoke`, and what `sam build` makes."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from avatars.model import JobStatus
from local.engine import REGION, ROOT_KEYS
from local.stack import STACK
from tests.conftest import ROOT, SAM
from tests.e2e.pictures import portraits
from tests.e2e.pipeline import Folder, Pipeline, running_pipeline

pytestmark = pytest.mark.timeout(300)


class TestRemoteInvoke:
    """The way that needs no Docker."""

    def test_a_function_takes_its_event(self, pipeline: Pipeline, summer: Folder) -> None:
        reply = remote_invoke(pipeline, "ApiFunction", "api_create_job")

        assert reply["statusCode"] == 201
        assert json.loads(reply["body"])["job"]["job_id"] == summer.job_id

    def test_the_state_machine_takes_its_input(self, pipeline: Pipeline, summer: Folder) -> None:
        summer.begin()
        summer.drop(portraits(range(5)))
        summer.want(photos=5, prompts=[{"style": "anime"}])

        reply = remote_invoke(pipeline, "MakeAvatars", "make_avatars")

        assert reply == {"status": "COMPLETED", "code": None, "reason": None}
        assert summer.job().status is JobStatus.COMPLETED


def remote_invoke(pipeline: Pipeline, resource: str, event: str) -> dict[str, Any]:
    """What `sam remote invoke` prints of the reply."""
    if not SAM.exists():
        pytest.skip("the SAM CLI is not installed (make setup)")
    # Nothing of the user's own: no profile, no region, no proxy on the way to this machine.
    environment = {name: value for name, value in os.environ.items() if "AWS" not in name} | {
        "AWS_ENDPOINT_URL": pipeline.stack.endpoint_url,
        "AWS_DEFAULT_REGION": REGION,
        "NO_PROXY": "127.0.0.1",
        "SAM_CLI_TELEMETRY": "0",
        **{name.upper(): value for name, value in ROOT_KEYS.items()},
    }
    file = ROOT / "events" / f"{event}.json"
    done = subprocess.run(
        [SAM, "remote", "invoke", resource, "--stack-name", STACK, "--event-file", file],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    reply: dict[str, Any] = json.loads(done.stdout)
    return reply


class TestBuild:
    @pytest.fixture
    def built(self, build: Path, tmp_path: Path) -> Iterator[Pipeline]:
        """A stack of what `sam build` made."""
        with running_pipeline(tmp_path / "stack", template=build / "template.yaml") as pipeline:
            yield pipeline

    def test_what_sam_builds_makes_avatars(self, built: Pipeline) -> None:
        folder = Folder(built, "alice", "summer")

        folder.want(photos=5, prompts=[{"style": "anime"}])
        folder.drop(portraits(range(5)))
        job = folder.ends()

        assert (job.status, job.code, job.reason) == (JobStatus.COMPLETED, None, None)
        assert [avatar.status for avatar in folder.avatars()] == ["kept"]

"""What more than one suite stands on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]

# Loggers are named by it where they are imported; on Lambda it is there before that.
os.environ["POWERTOOLS_SERVICE_NAME"] = "avatars"
SAM = ROOT / ".venv-gates/bin/sam"

SHARING = ("tests/e2e/", "tests/template/test_build.py")
"""Tests that share one engine and one build, which each take a while to make."""

APART = tuple(
    f"tests/e2e/test_{name}.py" for name in ("capacity", "deadlines", "demo", "engine", "webhooks")
)
"""Those that start engines of their own."""


class Scheduling(LoadScopeScheduling):
    """Which tests `pytest --numprocesses` gives to a process together: those that share an engine,
    and those of a file."""

    def _split_scope(self, nodeid: str) -> str:
        return "the engine" if shares(nodeid) else nodeid.partition("::")[0]


def shares(nodeid: str) -> bool:
    return nodeid.startswith(SHARING) and not nodeid.startswith(APART)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    config.option.loadscopereorder = False  # but as they are collected
    return Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let what takes longest come first, beside which all others pass."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not shares(item.nodeid))


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `sam build` fills: the template, a folder for each layer and function."""
    if sys.version_info[:2] != (3, 13):
        pytest.skip("sam build needs python3.13, and no such Python was found at installation")
    if not SAM.exists():
        pytest.skip("the SAM CLI is not installed (make setup)")

    folder = tmp_path_factory.mktemp("build") / ".aws-sam/build"
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "SAM_CLI_TELEMETRY": "0",
    }
    done = subprocess.run(
        [SAM, "build", "--build-dir", folder],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return folder

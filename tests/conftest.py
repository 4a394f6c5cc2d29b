"""What more than one suite stands on."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from local.engine import RECORD_CALLS

ROOT = Path(__file__).parents[1]

# Loggers are named by it where they are imported; on Lambda it is there before that.
os.environ["POWERTOOLS_SERVICE_NAME"] = "avatars"
SAM = ROOT / ".venv-gates/bin/sam"

SHARING = ("tests/e2e/", "tests/template/test_build.py")
"""Tests that share one engine and one build, which each take a while to make."""

APART = tuple(
    f"tests/e2e/test_{name}.py"
    for name in ("capacity", "deadlines", "demo", "engine", "page", "webhooks")
)
"""Those that start engines of their own, and the page's, which take long enough to be worth one:
whoever has all the others is the last one to end."""

JUDGING = "tests/e2e/test_permissions.py"
"""What looks back at all of them, from a process that has nothing else to do any more."""

OUTCOMES = "outcomes.txt"
"""In the folder that RECORD_CALLS names: a line for each test that is over, `passed tests/...`."""


class Scheduling(LoadScopeScheduling):
    """Which tests `pytest --numprocesses` gives to a process together: those that share an engine,
    and those of a file."""

    def _split_scope(self, nodeid: str) -> str:
        return "the engine" if shares(nodeid) else nodeid.partition("::")[0]


def shares(nodeid: str) -> bool:
    return nodeid.startswith(SHARING) and not nodeid.startswith((*APART, JUDGING))


class Outcomes:
    """Writes down how every test ends, once its fixtures are gone, too."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self._outcomes.get(report.nodeid, "passed") == "passed":
            self._outcomes[report.nodeid] = report.outcome
        if report.when not in ("setup", "call"):  # teardown, or the end of a process that crashed
            with self._file.open("a") as outcomes:
                outcomes.write(f"{self._outcomes[report.nodeid]} {report.nodeid}\n")


def pytest_configure(config: pytest.Config) -> None:
    """Let engines write down what roles ask of them, and this process how tests end."""
    if not hasattr(config, "workerinput"):
        folder = Path(tempfile.mkdtemp(prefix="avatars-calls-"))
        os.environ[RECORD_CALLS] = str(folder)
        config.add_cleanup(lambda: shutil.rmtree(folder))
        config.pluginmanager.register(Outcomes(folder / OUTCOMES))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    config.option.loadscopereorder = False  # but as they are collected
    return Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let what takes longest come first, beside which all others pass; what judges them, last."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not shares(item.nodeid))
    items.sort(key=lambda item: item.nodeid.startswith(JUDGING))


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

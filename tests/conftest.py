"""What more than one suite stands on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SAM = ROOT / ".venv-gates/bin/sam"


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

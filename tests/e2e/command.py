"""The `avatars` command, on the deployed pipeline, as an operator runs it."""

import os
import subprocess
import sys
from pathlib import Path

from local.engine import REGION, ROOT_KEYS
from local.stack import STACK
from tests.conftest import ROOT
from tests.e2e.pipeline import Pipeline

AVATARS = Path(sys.executable).with_name("avatars")


def avatars(
    pipeline: Pipeline, *arguments: str, stack: str = STACK
) -> subprocess.CompletedProcess[str]:
    """Run a command on a stack by its name, as on AWS; the environment leads to the engine."""
    # Nothing of the user's own: no profile, no region, no proxy on the way to this machine.
    environment = {name: value for name, value in os.environ.items() if "AWS" not in name} | {
        "AWS_ENDPOINT_URL": pipeline.stack.endpoint_url,
        "AWS_DEFAULT_REGION": REGION,
        "NO_PROXY": "127.0.0.1",
        **{name.upper(): value for name, value in ROOT_KEYS.items()},
    }
    return subprocess.run(
        [AVATARS, *arguments, "--stack", stack],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )

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
    pipeline: Pipeline,
    *arguments: object,
    stack: str | None = STACK,
    said: str = "",
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run a command on a stack by its name, as on AWS; the environment leads to the engine.

    Without a *stack*, it is the *environment* that says where. *said* is its standard input.
    """
    return subprocess.run(
        command(*arguments, stack=stack),
        cwd=ROOT,
        env=surroundings(pipeline) | environment,
        input=said,
        capture_output=True,
        text=True,
    )


def command(*arguments: object, stack: str | None = STACK) -> list[str]:
    """What is run, word by word."""
    where = ["--stack", stack] if stack else []
    return [str(AVATARS), *map(str, arguments), *where]


def surroundings(pipeline: Pipeline) -> dict[str, str]:
    """Nothing of the user's own: no profile, no region, no proxy on the way to this machine."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if "AWS" not in name and "AVATARS" not in name
    }
    return ours | {
        "AWS_ENDPOINT_URL": pipeline.stack.endpoint_url,
        "AWS_DEFAULT_REGION": REGION,
        "NO_PROXY": "127.0.0.1",
        **{name.upper(): value for name, value in ROOT_KEYS.items()},
    }

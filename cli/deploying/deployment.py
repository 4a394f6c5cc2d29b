"""A deployment: what is asked, and what the SAM CLI is told."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Protocol

from cli.saying import RefusedError, UsageError
from local.engine import PROJECT

SAM = PROJECT / ".venv-gates/bin/sam"

PYTHON = "python3.13"
"""Lambda's, which `sam build` runs."""

OURS = ("ClockEpoch", "ClockScale", "WebhookOrigins")
"""Parameters of the local stack."""

Run = Callable[[Sequence[str], Mapping[str, str]], int]
"""Runs a command with an environment, its output shown; returns its exit code."""


class Asking(Protocol):
    """Somebody who answers, or nobody: then the default it is."""

    def ask(self, question: str, default: str) -> str: ...

    def ask_secret(self, question: str) -> str: ...


def template_parameters() -> dict[str, dict[str, Any]]:
    # Every other command would wait for it, too.
    from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

    parameters: dict[str, dict[str, Any]] = yaml_parse((PROJECT / "template.yaml").read_text())[
        "Parameters"
    ]
    return parameters


def parse_settings(given: Sequence[str]) -> dict[str, str]:
    """`Name=value` as parameters of the template. Raises UsageError."""
    known, found = template_parameters(), {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise UsageError(f"{each!r} is no NAME=VALUE.")
        if name not in known:
            like = get_close_matches(name, known, n=1)
            hint = f"did you mean {like[0]}?" if like else "it describes them all."
            raise UsageError(f"The template has no parameter {name}: {hint}")
        if name in OURS:
            raise UsageError(f"{name} is for stacks on this machine: on AWS it keeps its default.")
        found[name] = value
    return found


def first_answers(asking: Asking, given: Mapping[str, str]) -> dict[str, str]:
    """What only you know of a new stack, by the template's parameters."""
    answers = dict(given)
    for name, question, default in (
        ("AlarmEmail", "Who gets mail when a job needs a person? (empty: nobody)", ""),
        ("ProviderStyles", "Which styles does the provider draw for you?", "realistic"),
    ):
        if name not in answers:
            answers[name] = asking.ask(question, default).replace(" ", "")
    return answers


def require_tools() -> None:
    """What `sam build` needs. Raises RefusedError."""
    if not SAM.exists():
        raise RefusedError("The SAM CLI is not installed: run `make setup`.")
    if shutil.which(PYTHON, path=search_path()) is None or _runs(PYTHON) != 0:
        raise RefusedError(
            f"The build needs {PYTHON}, which is what Lambda runs, and there is none on PATH. "
            "Install it (`uv python install 3.13`, pyenv, or your system's packages), `make "
            "clean`, and try again."
        )


def build(run: Run) -> None:
    """Build what is deployed. Raises RefusedError."""
    if run([str(SAM), "build"], environment()) != 0:
        raise RefusedError("The build failed; the SAM CLI says above why. Nothing was deployed.")


def deploy(run: Run, stack: str, options: Sequence[str], parameters: Mapping[str, str]) -> int:
    """Have CloudFormation make or change the stack; the SAM CLI's exit code.

    Parameters that are not named keep the values that the stack has.
    """
    named = [f"{name}={_quoted(value)}" for name, value in parameters.items()]
    return run(
        [
            str(SAM),
            "deploy",
            "--stack-name",
            stack,
            *options,
            "--no-confirm-changeset",
            "--no-progressbar",
            *(["--parameter-overrides", *named] if named else []),
        ],
        environment(),
    )


def run_shown(words: Sequence[str], env: Mapping[str, str]) -> int:
    """What it prints is not our result: all of it goes to standard error."""
    return subprocess.run(
        words, cwd=PROJECT, env=dict(env), stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False
    ).returncode


def run_quietly(words: Sequence[str], env: Mapping[str, str]) -> int:
    """What it prints is of interest only where it fails."""
    done = subprocess.run(
        words,
        cwd=PROJECT,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
    return done.returncode


def environment() -> dict[str, str]:
    """The SAM CLI's: the user's own, without what is not for it."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AVATARS_")}
    return ours | {"PATH": search_path(), "SAM_CLI_TELEMETRY": "0"}


def search_path() -> str:
    """The environment's Python before the system's: it is there where `make setup` found 3.13."""
    return os.pathsep.join([str(PROJECT / ".venv/bin"), os.environ.get("PATH", os.defpath)])


def _runs(python: str) -> int:
    """A version manager's shim may lie on PATH and refuse to run."""
    return subprocess.run(
        [python, "--version"], env=environment(), capture_output=True, check=False
    ).returncode


def _quoted(value: str) -> str:
    escaped = value.replace('"', '\\"')
    return f'"{escaped}"'

"""What functions take to start: what `sam build` made, and others, each time in a new process."""

import ast
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from local.engine import PROJECT, client
from local.stack import STACK, Stack

RUNTIME = (
    *("awslambdaric", "simplejson", "snapshot-restore-py"),
    *("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"),
)
"""The packages that Lambda has for every function."""

CORE = PROJECT / "layers/core"
PEERS = PROJECT / "benchmarks/peers"

BORROWED = {
    "bare": ("ApiFunction", "CoreLayer/python"),
    "logger": ("CoreLayer/python",),
    "lean": ("PreparePhotoFunction",),
    "typical": (),
}
"""Whose packages a peer has, besides its own."""

OF_PUBLISHING = 'from avatars.wiring import page; page("bucket")'
OF_PREPARING = "from avatars.wiring import storage; storage().uploads"
OF_A_STEP = "from avatars.wiring import services; services().jobs"
"""What makes the first client of a function; that of a peer is made where it is imported."""

MEASURE = """
import importlib, json, sys, time
from types import SimpleNamespace
import awslambdaric.bootstrap  # Lambda has it before it looks at the function

def clocks():
    return time.perf_counter(), time.process_time()

given = json.loads(sys.argv[1])
context = SimpleNamespace(
    function_name="any", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="id"
)
begun = clocks()
import app
for module in given["early"]:
    try:
        importlib.import_module(module)
    except ImportError:
        pass  # no module but a name of one, or what this function does not have
exec(given["first_client"])
ready = clocks()
reply = app.handler(given["event"], context) if given["event"] else None
answered = clocks()
moments = [begun, ready, answered]
times = [b - a for one, other in zip(moments, moments[1:]) for a, b in zip(one, other)]
print()
print(json.dumps({"times": [*times, answered[1]], "reply": reply}))
"""


class Build(StrEnum):
    """In which form code is started."""

    SHIPPED = "shipped"
    """As `sam build` makes it, with bytecode."""
    SOURCES = "sources"
    """Without, as SAM's own builder makes it. The runtime's packages have it all the same."""
    NAIVE = "naive"
    """The same, and every import of a function at the top of its module."""


@dataclass(frozen=True)
class Start:
    """One start, in milliseconds: of the wall and of the CPU."""

    init: float
    """Importing the handler, and the first client."""
    init_cpu: float
    answer: float
    """What was asked first."""
    answer_cpu: float
    whole_cpu: float
    """Interpreter and runtime client included."""
    whole: float
    """From the start of the process to its end."""
    reply: Any


@dataclass(frozen=True)
class Starter:
    """A function, or one of its peers, that can be started."""

    name: str
    folder: Path
    """Where the artifacts are."""
    parts: Sequence[str]
    """Its own and its layers: folders of Python's path."""
    first_client: str = ""
    app: Path | None = None
    environment: Mapping[str, str] | None = None

    def start(self, build: Build = Build.SHIPPED, event: Any = None, **more: str) -> Start:
        """One start, with the variables that Lambda gives to it and *more*."""
        place = self.folder / (Build.SOURCES if build is Build.NAIVE else build)
        path = [*(place / part for part in self.parts), self.folder / "runtime"]
        early = early_imports(self.app) if build is Build.NAIVE and self.app else []
        given = {"event": event, "early": early, "first_client": self.first_client}
        begun = time.perf_counter()
        printed = subprocess.check_output(
            # -S: nothing of the environment but what is named here.
            [sys.executable, "-S", "-c", MEASURE, json.dumps(given)],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(map(str, path)),
                "PYTHONDONTWRITEBYTECODE": "1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "none",
                "AWS_SECRET_ACCESS_KEY": "none",
                "POWERTOOLS_SERVICE_NAME": self.name,
                # What Tracer tells by that it runs there, and is traced.
                "LAMBDA_TASK_ROOT": str(place),
                "AWS_LAMBDA_FUNCTION_NAME": self.name,
                "_X_AMZN_TRACE_ID": "Root=1-67891233-abcdef012345678912345678;Sampled=1",
                **(self.environment or {}),
                **more,
            },
            text=True,
        )
        whole = time.perf_counter() - begun
        said = json.loads(printed.splitlines()[-1])
        init, init_cpu, answer, answer_cpu, whole_cpu = (1000 * one for one in said["times"])
        return Start(init, init_cpu, answer, answer_cpu, whole_cpu, 1000 * whole, said["reply"])


def make_artifacts(folder: Path) -> None:
    """What `sam build` makes, but for this machine's processor; the peers in the same way; all of
    it again without bytecode; and the runtime's packages, which have theirs."""
    shipped = folder / Build.SHIPPED
    environment = os.environ | {"LAMBDA_PROCESSOR": platform.machine(), "SAM_CLI_TELEMETRY": "0"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    _run([PROJECT / ".venv-gates/bin/sam", "build", "--build-dir", shipped], environment)
    for peer in BORROWED:
        environment["ARTIFACTS_DIR"] = str(shipped / peer)
        (shipped / peer).mkdir()
        makefile, place = PROJECT / "requirements/Makefile", PEERS / peer
        command = ["make", "--file", makefile, "--directory", place, f"build-{peer}Function"]
        _run(command, environment)
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(shipped, folder / Build.SOURCES, ignore=without)
    for package in RUNTIME:
        _install(package, folder / "runtime")
    _run([sys.executable, "-m", "compileall", "-q", folder / "runtime"], environment)


def peers(folder: Path) -> dict[str, Starter]:
    """Those that functions are measured beside."""
    return {name: Starter(name, folder, [name, *parts]) for name, parts in BORROWED.items()}


def functions(folder: Path, stack: Stack) -> dict[str, Starter]:
    """Those of the template, by the names of their folders, with what they have in a stack."""
    return {
        app.parent.name: Starter(
            app.parent.name,
            folder,
            _parts(logical := _logical_id(app.parent.name)),
            _first_client(app.parent.name),
            app,
            _environment(stack, logical),
        )
        for app in sorted((PROJECT / "functions").glob("*/app.py"))
    }


def early_imports(app: Path) -> list[str]:
    """All that the handler's module, and what it needs of ours, imports within functions: modules
    that a build which imports everything at once has at its start."""
    seen: set[str] = set()
    late: list[str] = []
    files = [app]
    while files:
        for name, is_late in _imports(ast.parse(files.pop().read_text())):
            if name not in seen:
                seen.add(name)
                late += [name] if is_late else []
                files += _file_of(name)
    return late


def _imports(node: ast.AST, is_late: bool = False) -> Iterator[tuple[str, bool]]:
    """Names that may be modules, and whether a function imports them."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case ast.Import(names=names):
                yield from ((name.name, is_late) for name in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module, is_late
                yield from ((f"{module}.{name.name}", is_late) for name in names)
        yield from _imports(child, is_late or isinstance(child, ast.FunctionDef))


def _file_of(module: str) -> list[Path]:
    if not module.startswith("avatars"):
        return []
    path = CORE.joinpath(*module.split("."))
    return [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()]


def _logical_id(function: str) -> str:
    return "".join(word.capitalize() for word in function.split("_")) + "Function"


def _parts(logical_id: str) -> list[str]:
    signing = ["SigningLayer/python"] if logical_id == "KeepAvatarsFunction" else []
    return [logical_id, "CoreLayer/python", *signing]


def _first_client(function: str) -> str:
    return {"publish_page": OF_PUBLISHING, "prepare_photo": OF_PREPARING}.get(function, OF_A_STEP)


def _environment(stack: Stack, logical_id: str) -> dict[str, str]:
    resource = client("cloudformation", stack.endpoint_url).describe_stack_resource(
        StackName=STACK, LogicalResourceId=logical_id
    )
    variables: dict[str, str] = client("lambda", stack.endpoint_url).get_function_configuration(
        FunctionName=resource["StackResourceDetail"]["PhysicalResourceId"]
    )["Environment"]["Variables"]
    return variables


def _install(package: str, target: Path) -> None:
    """A package as it is installed here, which is at the version of the lock."""
    for file in distribution(package).files or ():
        if file.suffix != ".pyc" and ".." not in file.parts:
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(file.locate()), target / file)


def _run(command: Sequence[object], environment: Mapping[str, str]) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=PROJECT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed:\n{done.stdout}{done.stderr}")

"""How long the function of the API takes to start, beside a bare one: each time a new process."""

import compileall
import json
import os
import py_compile
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from itertools import product
from pathlib import Path

from local.engine import PROJECT

RUNTIME = (
    *("awslambdaric", "simplejson", "snapshot-restore-py"),
    *("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"),
)
"""The packages that Lambda has for every function."""

APPS = {"bare": PROJECT / "benchmarks/bare/app.py", "api": PROJECT / "functions/api/app.py"}

FIRST_CLIENTS = {
    "bare": "",  # made where it is imported
    "api": "from avatars.wiring import services; services().jobs",
}

MEASURE = """
import json, sys, time
from types import SimpleNamespace
import awslambdaric.bootstrap  # Lambda has it before it looks at the function

def clocks():
    return time.perf_counter(), time.process_time()

event, context = json.loads(sys.argv[1]), SimpleNamespace(
    function_name="api", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="id"
)
begun = clocks()
import app
{first_client}
ready = clocks()
answer = app.handler(event, context)
answered = clocks()
assert answer["statusCode"] == 200, answer
print(json.dumps([*(b - a for a, b in zip(begun, ready)),
                  *(b - a for a, b in zip(ready, answered))]))
"""

EVENT = {
    "version": "2.0",
    "routeKey": "GET /styles",
    "rawPath": "/styles",
    "rawQueryString": "",
    "headers": {},
    "requestContext": {
        "stage": "$default",
        "requestId": "id",
        "http": {"method": "GET", "path": "/styles"},
        "authorizer": {"jwt": {"claims": {"sub": "somebody"}}},
    },
    "isBase64Encoded": False,
}


@dataclass(frozen=True)
class Start:
    """One start, in milliseconds: of the wall and of the CPU."""

    init: float
    """Importing, and the first client."""
    init_cpu: float
    answer: float
    """The first answer, which needs nobody else."""
    answer_cpu: float


Key = tuple[str, bool]
"""Who starts, and whether there is bytecode."""

KEYS: list[Key] = list(product(APPS, (True, False)))


def make_artifacts(folder: Path) -> None:
    """What `sam build` puts into the functions and their layer, for this machine's processor: once
    with bytecode, as it does, and once without. The runtime has always been compiled."""
    _install(RUNTIME, folder / "runtime")
    _compile(folder / "runtime")
    for bytecode in (True, False):
        place = _place(folder, bytecode)
        for name, app in APPS.items():
            _install(_locked(PROJECT / "functions/api/requirements.txt"), place / name)
            shutil.copy(app, place / name)
        _install(_locked(PROJECT / "layers/core/requirements.txt"), place / "layer")
        ours = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / "layers/core/avatars", place / "layer/avatars", ignore=ours)
        if bytecode:
            _compile(place)


def start(folder: Path, key: Key, environment: Mapping[str, str]) -> Start:
    """One start of a function, with the variables that Lambda gives to it."""
    name, bytecode = key
    place, runtime = _place(folder, bytecode), folder / "runtime"
    printed = subprocess.check_output(
        [
            sys.executable,
            "-S",  # nothing of the environment but what is named here
            "-c",
            MEASURE.format(first_client=FIRST_CLIENTS[name]),
            json.dumps(EVENT),
        ],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, [place / name, place / "layer", runtime])),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            **environment,
        },
        text=True,
    )
    return Start(*(1000 * seconds for seconds in json.loads(printed.splitlines()[-1])))


def _place(folder: Path, bytecode: bool) -> Path:
    return folder / ("bytecode" if bytecode else "sources")


def _compile(folder: Path) -> None:
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=1, invalidation_mode=unchecked)


def _locked(lock: Path) -> list[str]:
    return re.findall(r"^([\w.-]+)==", lock.read_text(), re.MULTILINE)


def _install(packages: Iterable[str], target: Path) -> None:
    """These packages as they are installed here, which is at the versions of the locks."""
    for package in packages:
        for file in distribution(package).files or ():
            if file.suffix != ".pyc" and ".." not in file.parts:
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target / file)

"""No function imports what is heavy before it needs it: somebody waits for each of its starts."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from local.bundle import SITE_PACKAGES

ROOT = Path(__file__).parents[2]
CORE = ROOT / "layers/core"
FUNCTIONS = sorted(path.parent for path in ROOT.glob("functions/*/app.py"))

HEAVY = {
    "PIL": "18 ms; only where a picture is at hand",
    "ai_edge_litert": "118 ms with NumPy; only where faces are looked for",
    "asyncio": "22 ms; nothing of ours waits in that way",
    "aws_lambda_powertools.event_handler": "66 ms; only the API has routes",
    "boto3": "40 ms; clients are botocore's, and nothing else of boto3 is used",
    "c2pa": "47 ms; only where avatars are signed, which few stacks do",
    "cryptography": "81 ms; only where a certificate is looked at",
    "httpx": "95 ms; only where somebody outside AWS is asked, after AWS has been",
    "numpy": "105 ms; only where faces are looked for",
    "pi_heif": "42 ms; only where a photo is a HEIC",
    "pydantic": "39 ms, and more for each model; only the API reads what strangers wrote in JSON",
}
"""What no function imports at the top of any module, and why: milliseconds of a whole CPU beyond
botocore and Powertools's Logger, with bytecode, on the machine of docs/benchmarks.md. With 256 MB,
a seventh of a CPU, they take seven times as long."""

ALLOWED = {
    "api": {"asyncio", "aws_lambda_powertools.event_handler", "pydantic"},
}
"""What a function is made of, so that nothing of it works without: Powertools's resolver and the
models of its routes, and what these bring along."""

IMPORT = """
import json, os, sys
import aws_lambda_powertools, awslambdaric.bootstrap, botocore.session  # what they all have
modules = {}
for folder in sys.argv[1:]:
    reader, writer = os.pipe()
    if os.fork() == 0:  # everybody begins with nothing else
        sys.path.insert(0, folder)
        import app
        os.write(writer, json.dumps(sorted(sys.modules)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        modules[folder] = json.loads(told.read() or "null")
    os.wait()
print(json.dumps(modules))
"""


def heavy_imports(functions: Iterable[Path]) -> dict[str, set[str]]:
    """What is heavy among the modules that each function has once its handler is imported."""
    printed = subprocess.check_output(
        [sys.executable, "-S", "-c", IMPORT, *functions],
        env=os.environ | {"PYTHONPATH": f"{CORE}:{SITE_PACKAGES}"},
        text=True,
    )
    return {
        Path(folder).name: {name for name in HEAVY if name in modules}
        for folder, modules in json.loads(printed).items()
    }


@pytest.fixture(scope="module")
def started() -> dict[str, set[str]]:
    return heavy_imports(FUNCTIONS)


@pytest.mark.parametrize("function", [folder.name for folder in FUNCTIONS])
def test_a_function_starts_with_what_it_is_made_of(
    started: dict[str, set[str]], function: str
) -> None:
    assert started[function] == ALLOWED.get(function, set())


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("import httpx", {"httpx"}),
        ("from avatars.photos import prepare", {"PIL"}),
        ("from avatars.webhooks.sender import HttpWebhooks", {"httpx"}),
        ("def handler():\n    import httpx", set()),
    ],
)
def test_whatever_imports_it_is_found(tmp_path: Path, planted: str, found: set[str]) -> None:
    (tmp_path / "app.py").write_text(planted)

    assert heavy_imports([tmp_path])[tmp_path.name] == found


@pytest.mark.parametrize("name", sorted(HEAVY.keys() - {"asyncio", "boto3"}))
def test_the_list_names_what_is_imported_somewhere(name: str) -> None:
    imports = re.compile(rf"^\s*(import|from) {re.escape(name)}\b", re.MULTILINE)

    modules = [path.read_text() for path in CORE.rglob("*.py")]

    assert any(imports.search(module) for module in modules)

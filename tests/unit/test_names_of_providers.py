"""The pipeline asks what a provider can do: nobody but the adapters knows one by its name."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from avatars.provider.catalog import CAPABILITIES

ROOT = Path(__file__).parents[2]
KNOW = (
    "layers/core/avatars/provider/",
    "layers/core/avatars/settings.py",
    "local/",
    "tests/",
    "events/",
    "docs/",
    "samples/",
    "README.md",
    "CHANGELOG.md",
    "samconfig.toml",
    # They look for keys that have leaked, which go by what they are keys of.
    "gates/provider_key.py",
    "gates/secrets.py",
    # It lists files by their names, an adapter's too.
    "gates/secrets.json",
)
"""Adapters, simulators, and what tells people about them."""

NAMES = {word for name in CAPABILITIES for word in name.split("-")} - {"trained", "instant"}


def who_knows(files: Mapping[str, str], name: str) -> list[str]:
    """The files, by path, that mention a provider and should not."""
    return [path for path, text in files.items() if name in _beside(path, text).lower()]


def _beside(path: str, text: str) -> str:
    """What there is beside that where a provider may be named."""
    if path == "template.yaml":
        # Its parameters set what the settings know, and the environment hands that on.
        sections = re.split(r"^(?=\w)", text, flags=re.MULTILINE)
        others = "".join(one for one in sections if not one.startswith("Parameters:"))
        return re.sub(r"^ {8}[A-Z_]+: !Ref \w+$", "", others, flags=re.MULTILINE)
    return "" if path.startswith(KNOW) else text


def tracked() -> dict[str, str]:
    command = ["git", "ls-files", "-z"]
    listed = subprocess.check_output(command, cwd=ROOT, text=True)
    files = [ROOT / path for path in listed.split("\0") if path]
    contents = {str(file.relative_to(ROOT)): file.read_bytes() for file in files if file.is_file()}
    return {path: text.decode() for path, text in contents.items() if b"\0" not in text}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_nobody_but_the_adapters_mentions_one(name: str) -> None:
    assert who_knows(tracked(), name) == []


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize(
    "path",
    [
        "layers/core/avatars/pipeline/training.py",
        "functions/keep_avatars/app.py",
        "statemachine/make_avatars.asl.yaml",
        "cli/redrive.py",
        "web/texts/en.js",
        "benchmarks/reading.py",
        "gates/finding.py",
        ".github/workflows/deliver.yml",
        "Makefile",
    ],
)
def test_who_did_would_be_found(path: str, name: str) -> None:
    assert who_knows({path: f"if provider == '{name.title()}':"}, name) == [path]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_of_the_template_only_its_parameters_may(name: str) -> None:
    template = f"Description: An\nParameters:\n  Url:\n    Default: {name}\n\nOutputs:\n  One:\n"

    assert who_knows({"template.yaml": template}, name) == []
    assert who_knows({"template.yaml": f"{template}    Value: {name}"}, name) == ["template.yaml"]

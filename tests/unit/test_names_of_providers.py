"""The pipeline asks what a provider can do: nobody but the adapters knows one by its name."""

from pathlib import Path

import pytest

from avatars.provider.catalog import CAPABILITIES

ROOT = Path(__file__).parents[2]
SHIPPED = [
    file
    for folder in ("layers/core/avatars", "functions", "statemachine", "cli", "web")
    for file in sorted((ROOT / folder).rglob("*"))
    if file.suffix in {".py", ".yaml", ".js", ".html"}
]
KNOW = ("layers/core/avatars/provider/", "layers/core/avatars/settings.py")
NAMES = {word for name in CAPABILITIES for word in name.split("-")} - {"trained", "instant"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_nobody_but_the_adapters_mentions_one(name: str) -> None:
    files = {str(file.relative_to(ROOT)): file.read_text() for file in SHIPPED}

    mentioned = [
        file for file, text in files.items() if name in text.lower() and not file.startswith(KNOW)
    ]

    assert mentioned == []

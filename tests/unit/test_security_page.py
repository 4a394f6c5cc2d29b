"""The threat model names tests, and each of them exists."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs/security.md").read_text()
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)


def names_in(file: Path) -> set[str]:
    """Its tests, and the faults that it plants for a rule of the template to find."""
    return {
        node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef)
        and (
            node.name.startswith("test_")
            or any(ast.unparse(each).startswith("breaks(") for each in node.decorator_list)
        )
    }


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_it_exists(file: str, test: str) -> None:
    assert test in names_in(TESTS / file)


def test_every_threat_names_one() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "shown by" not in line]

    assert len(rows) > 30
    assert [row for row in rows if not re.search(r"`[\w/]+\.py::\w+` \|$", row)] == []

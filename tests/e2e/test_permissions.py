"""What the whole suite has asked of AWS: no role may do more, but for what is written down.

`docs/permissions.md` says what each role may do and why; here it is held to that.
"""

import os
import time
from pathlib import Path

import pytest

from local.engine import RECORD_CALLS
from tests.conftest import JUDGING, OUTCOMES, ROOT
from tests.template.calls import calls
from tests.template.expanded import definition, everything, expand, named, source
from tests.template.grants import Grant, grants, recorded, used
from tests.template.unused import excuse

PATIENCE = 1500
"""Seconds that the others may take, in the other processes."""

pytestmark = pytest.mark.timeout(PATIENCE + 60)

RECORDINGS = Path(os.environ[RECORD_CALLS])


@pytest.fixture(scope="module")
def suite(request: pytest.FixtureRequest) -> None:
    """Waits until every end-to-end test is over; there is nothing to judge unless all passed."""
    option = request.config.option
    ids = {item.nodeid for item in request.session.items}
    tests = {id_ for id_ in ids if id_.startswith("tests/e2e/") and not id_.startswith(JUDGING)}
    files = {str(file.relative_to(ROOT)) for file in ROOT.glob("tests/e2e/test_*.py")} - {JUDGING}
    if files - {id_.partition("::")[0] for id_ in tests} or option.keyword or option.markexpr:
        pytest.skip("only part of the end-to-end tests runs: what the others use is not known")

    deadline = time.monotonic() + PATIENCE
    while tests - (outcomes := known_outcomes()).keys():
        assert time.monotonic() < deadline, f"not over: {sorted(tests - outcomes.keys())}"
        time.sleep(0.5)
    if others := sorted(id_ for id_ in tests if outcomes[id_] != "passed"):
        pytest.skip(f"what these would have used is not known: {', '.join(others)}")


def known_outcomes() -> dict[str, str]:
    """How tests have ended so far, by their ids."""
    file = RECORDINGS / OUTCOMES
    lines = file.read_text().splitlines() if file.exists() else []
    return {id_: outcome for outcome, _, id_ in (line.partition(" ") for line in lines)}


@pytest.fixture(scope="module")
def granted() -> list[Grant]:
    return grants(everything(expand(source())))


@pytest.fixture(scope="module")
def by_default() -> list[Grant]:
    return grants(named(expand(source())))


@pytest.fixture(scope="module")
def in_use(suite: None, granted: list[Grant]) -> set[Grant]:
    """What functions asked for themselves, and what AWS's services ask under a role."""
    resources = everything(expand(source()))
    ours = recorded(RECORDINGS, resources)
    theirs = (call for _, call in calls(resources, definition()))
    return used(granted, [*ours, *theirs])


def test_whatever_a_role_may_do_is_used_or_excused(
    granted: list[Grant], by_default: list[Grant], in_use: set[Grant]
) -> None:
    idle = [grant for grant in granted if grant not in in_use]

    assert [str(grant) for grant in idle if not excuse(grant, by_default)] == [], (
        "nothing uses these: take them away, let a test need them, or excuse them in "
        "tests/template/unused.py"
    )


def test_whatever_is_excused_is_not_used(by_default: list[Grant], in_use: set[Grant]) -> None:
    excuses = {str(grant): excuse(grant, by_default) for grant in in_use}

    assert [grant for grant, one in sorted(excuses.items()) if one and not one.by_chance] == [], (
        "these are used after all: take their excuses out of tests/template/unused.py"
    )

"""The campaign is worth something: each protection that is turned off turns it red."""

import pytest

from tests.chaos.campaign import Campaign, Result
from tests.chaos.mutants import MUTANTS, Mutant

SEED = "mutants"

JOBS = 12
"""How many jobs of each fault may pass before one of them needs the protection."""


def first_harmed(mutant: Mutant) -> tuple[Campaign, list[Result]] | None:
    """The first jobs that need what is off, and what became of them."""
    for number in sorted(range(JOBS), key=lambda number: number != mutant.first):
        for campaign in mutant.campaigns(SEED):
            results = campaign.run(campaign.world_of(number))
            if set(mutant.noticed_by) & broken(results):
                return campaign, results
    return None


def broken(results: list[Result]) -> set[str]:
    """The invariants that these jobs violate."""
    return {violation.invariant for result in results for violation in result.violations}


@pytest.mark.parametrize("name", MUTANTS)
def test_without_a_protection_the_campaign_turns_red(name: str) -> None:
    mutant = MUTANTS[name]

    with mutant.at_work():
        found = first_harmed(mutant)

    assert found, f"nothing notices that {mutant.says}"
    campaign, results = found
    assert not broken(campaign.run([result.number for result in results]))

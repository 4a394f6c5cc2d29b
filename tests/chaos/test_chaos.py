"""Every fault of the matrix strikes, and does no harm that it need not do."""

import pytest

from tests.chaos.auditor import INVARIANTS
from tests.chaos.campaign import Campaign, Result
from tests.chaos.faults import FAULTS
from tests.machine import ROOT

SEED = "test"

TRIES = 10
"""Where a fault strikes at a random moment, it may come too late for a job."""


def suffered(fault_id: str) -> Result:
    """What became of the first job that the fault struck."""
    campaign = Campaign(SEED, only=(fault_id,))
    for number in range(TRIES):
        [result] = campaign.run([number])
        if fault_id in result.struck or result.violations:
            return result
    raise AssertionError(f"{fault_id} never struck")


@pytest.mark.parametrize("fault_id", FAULTS)
def test_a_fault_breaks_nothing_and_the_job_ends_as_it_should(fault_id: str) -> None:
    result = suffered(fault_id)

    assert not result.violations
    assert result.end in result.expected


def test_jobs_that_share_a_provider_and_an_outage_end_as_they_should() -> None:
    campaign = Campaign(SEED, faults=2, together=6, parameters={"MAX_TRAININGS": "2"})

    results = campaign.run(range(6))

    assert [result.violations for result in results] == [()] * 6


def test_a_replay_is_the_same_story() -> None:
    campaign = Campaign(SEED, faults=2)

    one, other = (campaign.run([7], keep_timeline=True)[0] for _ in range(2))

    assert [moment.at for moment in one.timeline] == [moment.at for moment in other.timeline]


def test_the_committed_reports_know_every_invariant_and_every_fault() -> None:
    for report in sorted((ROOT / "docs" / "chaos").glob("*.md")):
        text = report.read_text()

        assert all(f"| {name} | 0 |" in text for name in INVARIANTS), report.name
        assert all(f"| {fault_id} |" in text for fault_id in FAULTS), report.name

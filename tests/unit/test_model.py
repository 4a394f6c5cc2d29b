"""Names that must never change, and statuses that only move forward."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.model import JobStatus, Prompt, Run, job_id_for

ORDER = [JobStatus.COLLECTING, JobStatus.TRAINING, JobStatus.INFERRING, JobStatus.KEEPING]
ENDS = [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.NEEDS_ATTENTION]


def test_the_id_of_a_folder_is_known_before_the_first_upload() -> None:
    # base32(sha256("alice/summer")), 26 characters: stored in tables and names of executions.
    assert job_id_for("alice", "summer") == "RXYE7KILOGZTC4BUWX4C4NV5VP"


@given(st.text(min_size=1), st.text(min_size=1))
def test_an_id_fits_into_the_name_of_an_execution(owner: str, folder: str) -> None:
    owner, folder = (text.encode("utf-8", "replace").decode() for text in (owner, folder))

    job_id = job_id_for(owner, folder)

    assert len(job_id) == 26
    assert set(job_id) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def test_a_job_moves_forward_only() -> None:
    for earlier, later in pairwise(ORDER):
        assert earlier.comes_before(later)
        assert not later.comes_before(earlier)


@pytest.mark.parametrize("end", ENDS)
def test_an_end_is_an_end(end: JobStatus) -> None:
    assert end.ended
    assert all(status.comes_before(end) for status in ORDER)
    assert not any(end.comes_before(status) for status in JobStatus)


def test_avatars_come_in_the_order_of_the_prompts() -> None:
    run = Run("job", 1, (Prompt("realistic", 2), Prompt("anime", 1)))

    assert [run.prompt_of(position).style for position in (1, 2, 3)] == [
        "realistic",
        "realistic",
        "anime",
    ]
    assert run.avatars == 3

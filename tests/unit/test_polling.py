"""Learned looks beside the advised ones and fixed ones, on jobs that they have not seen before."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from avatars.model import Stage
from benchmarks.polling import (
    ALIKE,
    AS_ADVISED,
    AS_OFTEN_AS_ONE_LIKES,
    DEFAULT,
    WIDE,
    Jobs,
    Spread,
    as_advised,
    best,
    fixed,
    geometric,
    learned,
    main,
    of_planned,
    recorded,
    simulated,
    wanted_looks,
)
from cli.cost.commands import LOOKS

SEED = 7
"""Another one than the benchmark's."""


@pytest.fixture(scope="module", params=[WIDE, ALIKE], ids=["all jobs alike", "by subject and size"])
def jobs(request: pytest.FixtureRequest) -> Jobs:
    return simulated(request.param, SEED)


def test_jobs_take_as_long_as_is_said() -> None:
    jobs = simulated(WIDE, SEED)

    assert 690 < sorted(jobs[Stage.TRAINING])[len(jobs[Stage.TRAINING]) // 2] < 750
    assert 30 <= min(jobs[Stage.INFERENCE]) <= max(jobs[Stage.INFERENCE]) <= 300
    assert jobs == simulated(WIDE, SEED)


def test_learned_looks_are_fewer_than_the_advised_ones_and_see_it_sooner(jobs: Jobs) -> None:
    advised = as_advised(jobs)

    ours = learned(jobs, LOOKS)

    assert ours.transitions <= 0.5 * advised.transitions
    assert ours.delay <= 0.95 * advised.delay


def test_they_are_less_than_half_of_one_every_30_seconds(jobs: Jobs) -> None:
    half_a_minute = of_planned(jobs, fixed(30))

    ours = learned(jobs, wanted_looks(10, 5))

    assert ours.transitions <= 0.45 * half_a_minute.transitions
    # Those at a training may not come as close; no schedule that keeps to that sees it as soon.
    assert ours.delay <= half_a_minute.delay + 20
    assert best(jobs, 0.5, AS_ADVISED).delay > half_a_minute.delay


def test_more_looks_see_it_sooner(jobs: Jobs) -> None:
    results = [learned(jobs, wanted_looks(each, each)) for each in (2, 4, 8)]

    assert results == sorted(results, key=lambda result: result.transitions)
    assert results == sorted(results, key=lambda result: -result.delay)


def test_a_stage_takes_as_many_looks_as_are_wanted_where_they_may_come_close(jobs: Jobs) -> None:
    ours = learned(jobs, wanted_looks(4, 4), AS_OFTEN_AS_ONE_LIKES)

    assert list(ours.looks.values()) == pytest.approx([4, 4], rel=0.1)


def test_nobody_does_better_than_who_knows_all_durations_beforehand(jobs: Jobs) -> None:
    ours = learned(jobs, LOOKS)

    limit = best(jobs, 10, AS_ADVISED)

    # Where a look is worth ten seconds: that is what the best one is the best at.
    ours_in_all, limit_in_all = (one.delay + 10 * sum(one.looks.values()) for one in (ours, limit))
    assert 0.8 * ours_in_all < limit_in_all < ours_in_all


def test_what_is_learned_follows_a_provider_that_becomes_faster() -> None:
    slow = simulated(WIDE, SEED)
    fast = simulated({**WIDE, Stage.TRAINING: Spread(480, 0.3, 300, 1200)}, SEED)
    both: Jobs = {stage: [*slow[stage][:630], *fast[stage][-1500:]] for stage in Stage}

    late = learned(both, wanted_looks(4, 4)).late[Stage.TRAINING]

    assert late < 1.5 * learned(slow, wanted_looks(4, 4)).late[Stage.TRAINING]


def test_looks_that_get_rarer_begin_close_to_each_other() -> None:
    looks = geometric()

    assert list(looks[:4]) == [15, 38, 71, 122]
    assert looks[-1] - looks[-2] <= 120


class TestRecorded:
    def test_jobs_of_a_file_are_looked_at_by_all_schedules(
        self, tmp_path: Path, jobs: Jobs, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "durations.json"
        file.write_text(json.dumps({stage: jobs[stage][:200] for stage in Stage}))

        main(file)

        table = capsys.readouterr().out
        assert "| as advised |" in table
        assert f"| {DEFAULT} |" in table

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            ({"training": [720] * 39, "inference": [60] * 40}, "39 durations for training; 40"),
            ({"training": [720] * 40}, "named training and inference"),
            ({"training": ["long"], "inference": []}, "must hold lists of seconds"),
            ([], "must hold lists of seconds"),
        ],
    )
    def test_a_file_with_too_few_is_refused(self, tmp_path: Path, content: Any, why: str) -> None:
        file = tmp_path / "durations.json"
        file.write_text(json.dumps(content))

        with pytest.raises(typer.BadParameter, match=why):
            recorded(file)

"""The longest and the largest job that the template allows stays within Step Functions' limits."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pytest

from avatars.manifest import MAX_AVATARS
from avatars.model import MAX_PHOTOS, Answer, JobStatus, Stage
from avatars.pipeline.finishing import MOST_KEEP_ROUNDS
from avatars.settings import Settings
from tests.builders import DAY, EXECUTION, PREFIX
from tests.fakes import ENVIRONMENT, answer
from tests.machine import TEMPLATE, Execution
from tests.region import Region
from tests.whole_jobs import Studio, folder, surroundings, the_job

MOST_EVENTS = 20_000
"""AWS ends an execution at 25,000; the rest is for what nobody has thought of."""

MOST_BYTES = 32 * 1024
"""AWS takes 256 KiB as input, output or variable of a state."""

MARGIN = 1500
"""Seconds before a deadline at which the slow provider does at last what it should."""


def longest(parameter: str) -> int:
    return int(TEMPLATE["Parameters"][parameter]["MaxValue"])


DEFAULTS = Settings.from_environment(ENVIRONMENT)
LONGEST: dict[str, Any] = {
    "collect_seconds": longest("CollectSeconds"),
    "quiet_period": TEMPLATE["Parameters"]["QuietPeriodSeconds"]["MinValue"],
    "provider_patience": longest("ProviderPatienceSeconds"),
    "looks": {
        Stage.TRAINING: {"deadline": longest("TrainingDeadlineSeconds")},
        Stage.INFERENCE: {"deadline": longest("InferenceDeadlineSeconds")},
    },
    "batch_size": TEMPLATE["Parameters"]["AvatarsPerBatch"]["Default"],
}


PATIENCE = LONGEST["provider_patience"] - MARGIN
HOLDS_BACK = {
    "submit_training": (PATIENCE, answer(402)),
    "submit_inference": (PATIENCE, answer(402)),
    "check_training": (PATIENCE + longest("TrainingDeadlineSeconds"), answer(503)),
    "check_inference": (PATIENCE + longest("InferenceDeadlineSeconds"), answer(503)),
}
"""For how long after it is first asked for something a studio does what instead."""


class SlowStudio(Studio):
    """Lets a job wait as long as any job may wait, and then does what it was asked for."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._began: dict[str, int] = {}
        self._times_finished = 0

    def _reply(self, call: str, key: str) -> Answer | Exception:
        now = self.clock.now()
        if call == "balance":
            last_asked = max(self._began.get(call, 0) for call in HOLDS_BACK if "submit" in call)
            return answer(200, {"credits": int(now >= last_asked + PATIENCE)})
        seconds, instead = HOLDS_BACK[call]
        if now < self._began.setdefault(call, now) + seconds:
            return instead
        return super()._reply(call, key)

    def _finished(self, *ordered: Any) -> Answer:
        """Links that lead nowhere, as long as fresh ones are asked for."""
        reply = super()._finished(*ordered)
        self._times_finished += 1
        if self._times_finished <= MOST_KEEP_ROUNDS:
            self.pictures.clear()
        return reply


class WordyStudio(Studio):
    """Signs its links at length."""

    signature = f"?signature={'x' * 2000}"


class UselessStudio(WordyStudio):
    """… and they lead nowhere."""

    def _finished(self, *ordered: Any) -> Answer:
        reply = super()._finished(*ordered)
        self.pictures.clear()
        return reply


def events_of(execution: Execution) -> int:
    """How many AWS would write: the interpreter leaves some out.

    Each attempt of a task has a TaskStarted; a Map has a MapStateStarted, and each of its
    iterations a beginning and an end of its own and of one state, or of two where it fails.
    """
    history = Counter(event["type"] for event in execution.outcome["events"])
    calls = [met.call for met in execution.met if met.call]
    iterations = sum(1 for call, _ in groupby(calls) if call[0] == "keep_avatars")
    return history.total() + history["TaskScheduled"] + history["MapStateEntered"] + 6 * iterations


def texts_of(execution: Execution) -> Iterator[str]:
    """All that it carries: what goes into functions and comes out of them, into states and out.

    What is assigned to a variable comes out of a function, or is a failure that goes into one.
    """
    for met in execution.met:
        yield json.dumps(met.call)
        yield json.dumps(met.reply)
        yield met.error.cause if met.error else ""
    for event in execution.outcome["events"]:
        yield from (json.dumps(part) for part in event.values())


def test_the_longest_job_fits_into_the_history_of_an_execution() -> None:
    with Region(surroundings(SlowStudio, **LONGEST)) as region:
        effects = region.services.effects
        files = folder(avatars=MAX_AVATARS, promised=False)
        manifest = files["job.json"]

        def somebody_changes_their_mind() -> None:
            """So that the folder is never quiet."""
            effects.before("list uploads", somebody_changes_their_mind)
            region.services.upload_bucket.put(f"{PREFIX}job.json", manifest)

        somebody_changes_their_mind()
        region.drop(PREFIX, files)
        region.run()

        execution = region.executions[EXECUTION]
        assert the_job(region).status is JobStatus.COMPLETED
        assert region.time > 11 * DAY
        assert events_of(execution) < MOST_EVENTS


@pytest.mark.parametrize("studio", [WordyStudio, UselessStudio])
def test_the_largest_job_fits_into_what_a_state_may_carry(studio: type[Studio]) -> None:
    with Region(surroundings(studio, batch_size=LONGEST["batch_size"])) as region:
        region.drop(PREFIX, folder(photos=MAX_PHOTOS, avatars=MAX_AVATARS))
        region.run()

        texts = [*texts_of(region.executions[EXECUTION])]
        assert max(map(len, texts)) < MOST_BYTES

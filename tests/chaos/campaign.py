"""Runs jobs, each with its faults, and compares what became of them with what should."""

import hashlib
import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain

from avatars.model import Upload as Name
from tests.chaos.auditor import Evidence, Upload, Violation, audit
from tests.chaos.faults import Fault, drawn, named
from tests.chaos.jobs import an_order, dice
from tests.chaos.trial import COMPLETED, Trial
from tests.chaos.world import LONGEST, Moment, World

BLOCK = 20
"""Jobs are numbered; of so many blocks of so many jobs each, one is a wave."""

WAVE_SECONDS = 600


@dataclass(frozen=True)
class Result:
    """What became of a job."""

    number: int
    faults: tuple[str, ...]
    struck: frozenset[str]
    end: str
    expected: frozenset[str]
    violations: tuple[Violation, ...]
    wave: bool = False
    timeline: Sequence[Moment] = field(default=(), repr=False)

    @property
    def recoverable(self) -> bool:
        """Whether nothing that struck needs a person."""
        return self.expected == {COMPLETED}


@dataclass(frozen=True)
class Campaign:
    """So many faults for each job; whatever is random comes from the seed and the job's number."""

    seed: str
    faults: int = 1
    only: tuple[str, ...] = ()
    """Not random faults, but these."""
    together: int = 1
    """So many jobs, each numbered after the first, in one world."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of the stack, whatever else would be."""
    longest: float = LONGEST
    """Virtual seconds after which a world has gone on for too long."""

    def is_wave(self, number: int) -> bool:
        """Whether that job shares its world with those of its block."""
        return not self.only and number // BLOCK % 5 == 4

    def worlds(self, numbers: range) -> list[list[int]]:
        """The numbers of the jobs, those of one world together."""
        waves: dict[int, list[int]] = {}
        alone = []
        for number in numbers:
            if self.is_wave(number):
                waves.setdefault(number // BLOCK, []).append(number)
            else:
                alone.append([number])
        return [*waves.values(), *alone]

    def world_of(self, number: int) -> list[int]:
        """Who shares the world of that job, if the campaign is long enough."""
        if not self.is_wave(number):
            return list(range(number, number + self.together))
        first = number // BLOCK * BLOCK
        return list(range(first, first + BLOCK))

    def run(self, numbers: Sequence[int], keep_timeline: bool = False) -> list[Result]:
        """What becomes of the jobs of one world."""
        chances = [dice(f"{self.seed}/{number}") for number in numbers]
        planned = [self._faults(chance) for chance in chances]
        environment = {**_environment(chances[0], planned), **self.parameters}
        seed = f"{self.seed}/{numbers[0]}"
        with _silence(), World(seed, len(numbers), environment, self.longest) as world:
            trials = [
                _trial(world, number, chance, faults)
                for number, chance, faults in zip(numbers, chances, planned, strict=True)
            ]
            for trial, faults in zip(trials, planned, strict=True):
                for fault in faults:
                    fault.strike(trial)
                trial.arrive()
            world.run()
            evidence = world.evidence(
                [upload for trial in trials for upload in _uploads(trial)],
                frozenset(trial.job_id for trial in trials if trial.operated),
            )
            violations = audit(evidence)
        if world.never_ended:
            violations.append(Violation("no end", "", world.never_ended))
        results = [
            _result(number, trial, evidence, violations)
            for number, trial in zip(numbers, trials, strict=True)
        ]
        # Whatever concerns none of the jobs is told once.
        jobs = {trial.job_id for trial in trials}
        strays = tuple(one for one in violations if one.job_id not in jobs)
        results[0] = replace(results[0], violations=results[0].violations + strays)
        if not keep_timeline:
            return results
        return [
            replace(result, timeline=_timeline(world, trial.job_id))
            for result, trial in zip(results, trials, strict=True)
        ]

    def attempt(self, numbers: Sequence[int]) -> list[Result]:
        """The same; where a world breaks, that is a violation, too, and others go on."""
        try:
            return self.run(numbers)
        except Exception as error:  # noqa: BLE001 - a replay shows it
            crash = Violation("crash", "", repr(error))
            nothing: frozenset[str] = frozenset()
            return [Result(number, (), nothing, "nothing", nothing, (crash,)) for number in numbers]

    def _faults(self, chance: random.Random) -> list[Fault]:
        if self.only:
            return [named(name) for name in self.only]
        return drawn(chance, self.faults)


def _timeline(world: World, job_id: str) -> list[Moment]:
    """What happened to a job, and to nobody's."""
    return [moment for moment in world.timeline if moment.job_id in (job_id, "")]


def _environment(chance: random.Random, planned: Sequence[Sequence[Fault]]) -> dict[str, str]:
    """The parameters of the stack, as its owner may set them."""
    environment = {
        "INFERENCE_RESUBMISSIONS": chance.choice(["0", "1"]),
        "COLLECT_SECONDS": chance.choice(["7200", "7200", "7200", "86400"]),
        "PROVIDER_PATIENCE_SECONDS": chance.choice(["7200", "86400"]),
    }
    for fault in chain(*planned):
        environment |= fault.environment
    if len(planned) > 1:
        environment |= {
            "MAX_TRAININGS": str(chance.choice([3, 8, 100])),
            "MAX_INFERENCES": str(chance.choice([1, 3, 40])),
            "PROVIDER_PATIENCE_SECONDS": "86400",
        }
    return environment


def _trial(world: World, number: int, chance: random.Random, faults: Sequence[Fault]) -> Trial:
    # Two faults together may cost more photos than each alone.
    spare = max(fault.spare for fault in faults) + 2 * (len(faults) - 1)
    order = an_order(chance, number, spare=spare)
    order.arrival = chance.uniform(0, WAVE_SECONDS) if world.is_wave else 0
    return Trial(world, order, chance)


def _result(
    number: int, trial: Trial, evidence: Evidence, violations: Sequence[Violation]
) -> Result:
    row = next(
        (row for row in evidence.rows if (row["job_id"], row["record"]) == (trial.job_id, "job")),
        {"status": "nothing"},
    )
    end, expected = "/".join(filter(None, (row["status"], row.get("code")))), trial.expected()
    own = [one for one in violations if one.job_id == trial.job_id]
    if end not in expected:
        invariant = "false failure" if expected == {COMPLETED} else "wrong end"
        words = f"it is {end}, and should be {' or '.join(sorted(expected))}"
        own.append(Violation(invariant, trial.job_id, words))
    return Result(
        number=number,
        faults=tuple(trial.planned),
        struck=frozenset(trial.struck),
        end=end,
        expected=frozenset(expected),
        violations=tuple(own),
        wave=trial.world.is_wave,
    )


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing is logged: the auditor would not read it."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _uploads(trial: Trial) -> Iterator[Upload]:
    """What was put into a folder, and whether it is a photo."""
    for at, name, version_id, data in trial.uploaded:
        photo_id = Name(trial.order.owner, trial.order.folder, name, "", "", 0, 0).photo_id
        sha256 = hashlib.sha256(data).hexdigest()
        is_photo = name not in trial.order.bad
        yield Upload(at, trial.job_id, photo_id, version_id, sha256, is_photo)

"""What a fault is: a row of the matrix, and how it is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from avatars.model import Stage
from tests.chaos import trouble
from tests.chaos.seam import Call
from tests.chaos.trial import Trial, unknown

MINUTE, HOUR, DAY = 60, 3600, 86_400

FOREVER = float("inf")

STARTS = {Stage.TRAINING: "start_training", Stage.INFERENCE: "start_inference"}
CHECKS = {Stage.TRAINING: "check_training", Stage.INFERENCE: "check_inference"}

Plan = Callable[..., None]


@dataclass(frozen=True)
class Fault:
    """One row of the matrix, and how it is done."""

    id: str
    says: str
    plan: Plan
    """Takes the trial and, where there are any, one of the ways."""
    ways: tuple[str, ...] = ()
    """Chance chooses one of them."""
    spare: int = 0
    """How many photos the job can lose by it and still be trained."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the template without which it would take days."""

    def strike(self, trial: Trial) -> None:
        if self.ways:
            trial.suffer(self.id, lambda one: self.plan(one, one.chance.choice(self.ways)))
        else:
            trial.suffer(self.id, self.plan)


FAULTS: dict[str, Fault] = {}


def fault(
    fault_id: str, says: str, *ways: str, spare: int = 0, **environment: str
) -> Callable[[Plan], Plan]:
    """Register how it is done."""

    def register(plan: Plan) -> Plan:
        FAULTS[fault_id] = Fault(fault_id, says, plan, ways, spare, environment)
        return plan

    return register


def opens(trial: Trial, stage: Stage) -> str | None:
    """The code of an unknown outcome, unless the stack sends once more."""
    again = trial.world.environment[f"{stage.upper()}_RESUBMISSIONS"]
    return unknown(stage) if again == "0" else None


def answers(
    trial: Trial, stage: Stage, statuses: list[int], dooms: str | None, created: bool = False
) -> None:
    """The paid request is answered with one of these."""
    route, status = STARTS[stage], trial.chance.choice(statuses)
    body = trial.chance.choice(["<html>oops</html>", "", {"message": "oops", "code": status}])
    act = trouble.answers(route, status, body, created=created)
    trial.on("provider", route, act, dooms=dooms)


def submission(call: Call, stage: Stage) -> Any:
    """The state of the request of that stage in the row that is written."""
    written = call.facts if call.operation == "PutItem" else {}
    return (written.get(stage) or {}).get("state")

"""Preparing and judging photos: dying on it, and AWS that throttles."""

from tests.chaos import trouble
from tests.chaos.faults.fault import fault
from tests.chaos.trial import Trial


@fault("P1", "the process dies while a photo is prepared, one to three times", spare=1)
def _killed_preparing(trial: Trial) -> None:
    key = trial.order.prefix + trial.chance.choice(sorted(trial.order.photos))
    kill = trouble.killed_after(trial.world.seam)
    trial.on("s3", "GetObject", kill, about=key, times=trial.chance.randint(1, 3))


@fault(
    "P2",
    "the process dies once a prepared photo is stored, or before or after a verdict is",
    "prepared",
    "before the verdict",
    "after the verdict",
)
def _killed_prepared(trial: Trial, way: str) -> None:
    skip, times = trial.chance.randint(0, 4), trial.chance.randint(1, 2)
    after, before = trouble.killed_after(trial.world.seam), trouble.killed_before(trial.world.seam)
    if way == "prepared":
        trial.on("s3", "PutObject", after, about="photos/", skip=skip, times=times)
    else:
        kill = before if way == "before the verdict" else after
        trial.on("dynamodb", "PutItem", kill, about="photo#", skip=skip, times=times)


@fault("P3", "S3 and DynamoDB throttle, one to eight times")
def _throttled(trial: Trial) -> None:
    trial.on(
        trial.chance.choice(["s3", "dynamodb"]),
        "",
        trouble.throttled,
        skip=trial.chance.randint(0, 60),
        times=trial.chance.randint(1, 8),
    )

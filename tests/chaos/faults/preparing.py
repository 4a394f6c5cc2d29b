"""Preparing photos: dying on it, and AWS that throttles."""

from tests.chaos import trouble
from tests.chaos.faults.fault import fault
from tests.chaos.trial import Trial


@fault("P1", "the process dies while a photo is prepared, one to three times", spare=1)
def _killed_preparing(trial: Trial) -> None:
    key = trial.order.prefix + trial.chance.choice(sorted(trial.order.photos))
    kill = trouble.killed_after(trial.world.seam)
    trial.on("s3", "GetObject", kill, about=key, times=trial.chance.randint(1, 3))


@fault("P2", "the process dies once a prepared photo is stored")
def _killed_prepared(trial: Trial) -> None:
    trial.on(
        "s3",
        "PutObject",
        trouble.killed_after(trial.world.seam),
        about="photos/",
        skip=trial.chance.randint(0, 4),
        times=trial.chance.randint(1, 2),
    )


@fault("P3", "S3 and DynamoDB throttle, one to eight times")
def _throttled(trial: Trial) -> None:
    trial.on(
        trial.chance.choice(["s3", "dynamodb"]),
        "",
        trouble.throttled,
        skip=trial.chance.randint(0, 60),
        times=trial.chance.randint(1, 8),
    )

"""The state of a job, and trouble at any moment whatever: beyond the matrix, ids with an X."""

from typing import Any

import httpx

from avatars.model import MOST_RESCUES, JobStatus
from tests.chaos import trouble
from tests.chaos.auditor import Write
from tests.chaos.faults.fault import HOUR, fault
from tests.chaos.seam import Call, Strike
from tests.chaos.trial import Trial
from tests.fakes import ENVIRONMENT

STEPS = (
    "begin_run",
    "collect_photos",
    "start_training",
    "check_training",
    "start_inference",
    "check_inference",
    "keep_avatars",
    "finish_job",
)

INDEXES = ("UnfinishedRuns", "WaitingRuns")

AWS_TROUBLE = (trouble.throttled, trouble.broken, trouble.cut_off)


@fault(
    "S1",
    "all rows of a job at work lost: for good, or restored as they were after 5 to 60 minutes",
    "for good",
    "restored",
)
def _rows_lost(trial: Trial, way: str) -> None:
    world, table = trial.world, ENVIRONMENT["TABLE"]
    dynamodb = world.engine.dynamodb

    def delete() -> list[Any]:
        found = dynamodb.query(
            TableName=table,
            KeyConditionExpression="job_id = :job_id",
            ExpressionAttributeValues={":job_id": {"S": trial.job_id}},
        )
        for row in found["Items"]:
            key = {name: row[name] for name in ("job_id", "record")}
            dynamodb.delete_item(TableName=table, Key=key)
            world.history.append(
                Write(world.clock.wall(), "DeleteItem", trial.job_id, row["record"]["S"], {})
            )
        return list(found["Items"])

    def lose() -> None:
        if not trial.running():
            return  # the job has ended: only its rows tell that it ever was
        trial.strikes("S1", f"the rows are lost, {way}")
        rows = delete()
        if way == "restored":
            world.region.plan(trial.chance.uniform(5, 60) * 60, lambda: restore(rows))
        else:
            # It may need attention; who takes it up gets the ids back from the raw answers.
            world.region.plan(3 * HOUR, trial.take_up)
            if "U5" in trial.struck:
                # That a photo was deleted stood in the rows alone: now it is waited for.
                trial.may_end("BATCH_INCOMPLETE")

    def restore(rows: list[Any]) -> None:
        job = world.services.jobs.find_job(trial.job_id)
        if job and job.status is JobStatus.COMPLETED:
            return  # it was made anew from its folder: nobody takes that back
        world.note(trial.job_id, "the rows are back")
        delete()
        for row in rows:
            dynamodb.put_item(TableName=table, Item=row)
        world.region.plan(3 * HOUR, see_to_it)

    def see_to_it() -> None:
        """Whoever has restored rows looks whether a step gave up before they were back."""
        job = world.services.jobs.find_job(trial.job_id)
        if job and job.status is JobStatus.NEEDS_ATTENTION and job.code == "INTERNAL_ERROR":
            trial.take_up()

    trial.later(trial.sometime(60), lose)


@fault("S2", "another writer is faster, again and again")
def _two_writers(trial: Trial) -> None:
    record = trial.chance.choice(["job", "run#001"])
    table, dynamodb = ENVIRONMENT["TABLE"], trial.world.engine.dynamodb

    def write() -> None:
        dynamodb.update_item(
            TableName=table,
            Key={"job_id": {"S": trial.job_id}, "record": {"S": record}},
            UpdateExpression="ADD version :one",
            ConditionExpression="attribute_exists(job_id)",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    skip, times = trial.chance.randint(1, 6), trial.chance.randint(1, 5)
    act = trouble.do_first(write)
    trial.on("dynamodb", "PutItem", act, about=record, skip=skip, times=times)


@fault("S5", "the provider's key is rotated in mid-flight")
def _rotated(trial: Trial) -> None:
    world = trial.world

    def rotate() -> None:
        secret, key = ENVIRONMENT["PROVIDER_KEY_SECRET"], f"key-{world.clock.wall()}"
        world.wire.rotate_key(key)
        world.engine.secrets.put_secret_value(SecretId=secret, SecretString=key)

    for _ in range(trial.chance.randint(1, 3)):
        trial.later(trial.sometime(30), rotate, "rotated")


@fault("X1", "the process dies before or after any call whatever")
def _killed_anywhere(trial: Trial) -> None:
    kill = trial.chance.choice([trouble.killed_before, trouble.killed_after])(trial.world.seam)
    trial.on("", "", kill, skip=trial.chance.randint(0, 130), times=trial.chance.choice([1, 1, 2]))


@fault("X2", "any calls to AWS fail")
def _aws_fails(trial: Trial) -> None:
    trial.on(
        "",
        "",
        trial.chance.choice(AWS_TROUBLE),
        when=lambda call: call.service not in ("provider", "results", "region"),
        skip=trial.chance.randint(0, 100),
        times=trial.chance.randint(1, 12),
    )


@fault("X3", "any writes happen, and their confirmation is lost")
def _unconfirmed(trial: Trial) -> None:
    act = trial.chance.choice([trouble.unconfirmed, trouble.confirmed_too_late])
    operations = ("PutItem", "PutObject", "DeleteObjects")
    times, skip = trial.chance.randint(1, 6), trial.chance.randint(0, 30)
    trial.on("", operations, act, skip=skip, times=times)


@fault("X4", "the execution dies: it fails or times out past its own Catch, and nobody is told")
def _execution_dies(trial: Trial) -> None:
    trial.hears_of_ends = trial.chance.random() < 0.5
    status = trial.chance.choice(["FAILED", "TIMED_OUT"])

    def die() -> None:
        for arn in trial.running():
            trial.world.region.die(arn, status)

    for _ in range(trial.chance.randint(1, MOST_RESCUES)):
        trial.later(trial.sometime(10, 2400), die, f"the execution is {status}")


@fault("X5", "the indexes of the table lag behind")
def _index_lags(trial: Trial) -> None:
    indexes = ("UnfinishedRuns", "WaitingRuns")
    trial.on(
        "dynamodb", "Query", trouble.stale(), when=lambda call: call.about in indexes, times=40
    )


@fault("X6", "Step Functions cannot reach a function, or loses sight of it")
def _out_of_sight(trial: Trial) -> None:
    region = trial.world.region
    for function in trial.chance.sample(STEPS, 3):
        never = trial.chance.random() < 0.5
        error = "Lambda.TooManyRequestsException" if never else "Lambda.ServiceException"
        after = None if never else trial.chance.choice([1.0, 30.0, 140.0])
        trial.later(
            trial.sometime(0, 600),
            lambda function=function, error=error, after=after: region.lose_sight(
                function, error, after
            ),
            f"{function} is out of sight",
        )


@fault(
    "X7",
    "nothing reaches the provider, for ten minutes to six hours",
    PROVIDER_PATIENCE_SECONDS="86400",
)
def _provider_down(trial: Trial) -> None:
    act = trouble.never_sent(httpx.ConnectError, "[Errno 111] Connection refused")
    _down(trial, ("provider", "results"), act, trial.chance.choice([600, HOUR, 6 * HOUR]))


@fault("X8", "a service of AWS is down, for one to ten minutes")
def _aws_down(trial: Trial) -> None:
    service = trial.chance.choice(["dynamodb", "s3", "sts", "secrets-manager"])
    act = trial.chance.choice([trouble.broken, trouble.unreachable])
    _down(trial, (service,), act, trial.chance.choice([60, 300, 600]))


def _down(trial: Trial, services: tuple[str, ...], act: trouble.Act, seconds: float) -> None:
    """For all jobs, from some moment on."""
    clock, begins = trial.world.clock, trial.sometime(0, 1200)
    since = clock.wall() + trial.order.arrival + begins

    def is_down(call: Call) -> bool:
        return call.service in services and since <= clock.wall() < since + seconds

    trial.world.seam.strikes.append(Strike(is_down, act, times=float("inf")))
    trial.later(begins, lambda: None, f"{' and '.join(services)} down for {seconds:.0f} s")

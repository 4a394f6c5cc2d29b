"""The paid request: what can become of it, of its answer, and of whoever sends it."""

from collections.abc import Callable
from typing import Any

import httpx

from avatars.model import Stage
from local.ministack import StateFailedError
from tests.chaos import trouble
from tests.chaos.faults.fault import (
    FOREVER,
    HOUR,
    MINUTE,
    STARTS,
    answers,
    fault,
    opens,
    submission,
)
from tests.chaos.seam import Call
from tests.chaos.trial import Trial

NEVER_SENT = (
    (httpx.ConnectError, "[Errno -2] Name or service not known"),
    (httpx.ConnectError, "[Errno 111] Connection refused"),
    (httpx.ConnectError, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
    (httpx.ConnectTimeout, "timed out"),
)
ANSWER_LOST = (
    (httpx.ReadError, "[Errno 104] Connection reset by peer"),
    (httpx.RemoteProtocolError, "Server disconnected without sending a response."),
    (httpx.WriteError, "[Errno 32] Broken pipe"),
)
REFUSALS = {402: "OUT_OF_CREDITS", 403: "PROVIDER_KEY_REFUSED"}


@fault("T1", "the process dies between the intent and the request")
def killed_before_sending(trial: Trial, stage: Stage = Stage.TRAINING) -> None:
    kill = trouble.killed_before(trial.world.seam)
    trial.on("provider", STARTS[stage], kill, dooms=opens(trial, stage))


@fault("T2", "the request never leaves: DNS, refused, TLS, one to six times")
def never_sent(trial: Trial, stage: Stage = Stage.TRAINING) -> None:
    act = trouble.never_sent(*trial.chance.choice(NEVER_SENT))
    trial.on("provider", STARTS[stage], act, times=trial.chance.randint(1, 6))


@fault("T3", "the answer is lost after the provider accepted")
def answer_lost(trial: Trial, stage: Stage = Stage.TRAINING) -> None:
    act = trouble.answer_lost(*trial.chance.choice(ANSWER_LOST))
    trial.on("provider", STARTS[stage], act, dooms=opens(trial, stage))


@fault("T4", "the process dies with the answer in its hands")
def killed_with_answer(trial: Trial, stage: Stage = Stage.TRAINING) -> None:
    kill = trouble.killed_after(trial.world.seam)
    trial.on("provider", STARTS[stage], kill, dooms=opens(trial, stage))


@fault("T5", "the save of the id throttled, or done and not confirmed")
def save_throttled(trial: Trial, stage: Stage = Stage.TRAINING) -> None:
    act = trial.chance.choice([trouble.throttled, trouble.unconfirmed])
    trial.on("dynamodb", "PutItem", act, when=_writes(stage, "accepted"))


@fault("T6", "DynamoDB down for a minute when the id is to be saved")
def table_down(trial: Trial, stage: Stage = Stage.TRAINING) -> None:
    world, saves = trial.world, _writes(stage, "accepted")
    until: list[float] = []

    def is_down(call: Call) -> bool:
        if not until and saves(call):
            until.append(world.clock.wall() + MINUTE)
        return bool(until) and world.clock.wall() < until[0]

    act = trial.chance.choice([trouble.broken, trouble.unreachable])
    trial.on("dynamodb", "", act, when=is_down, times=FOREVER)


@fault("T7", "the process dies once the id is saved")
def killed_after_saving(trial: Trial, stage: Stage = Stage.TRAINING) -> None:
    act = trouble.killed_after(trial.world.seam)
    trial.on("dynamodb", "PutItem", act, when=_writes(stage, "accepted"))


@fault("T8", "HTTP 500, though the model was created")
def created_in_error(trial: Trial, stage: Stage = Stage.TRAINING) -> None:
    answers(trial, stage, [500, 502, 503, 504], created=True, dooms=opens(trial, stage))


@fault("T9", "HTTP 500 or 503, and nothing was created")
def error(trial: Trial, stage: Stage = Stage.TRAINING) -> None:
    answers(trial, stage, [500, 502, 503, 504], dooms=opens(trial, stage))


@fault("T10", "429, with and without Retry-After, in both forms")
def too_many(trial: Trial, stage: Stage = Stage.TRAINING) -> None:
    plain = {"detail": "Rate limit exceeded", "message": "Too Many Requests", "code": 429}
    gateway = {"fault": {"faultstring": "Rate limit", "detail": {"errorcode": "QuotaViolation"}}}
    headers = trial.chance.choice([{}, {"Retry-After": "7"}, {"Retry-After": "600"}])
    act = trouble.answers(
        STARTS[stage], 429, trial.chance.choice([plain, gateway]), headers=headers
    )
    trial.on("provider", STARTS[stage], act, times=trial.chance.randint(1, 5))


@fault(
    "T11", "400; or 402 or 403 until it is mended, or for ever", PROVIDER_PATIENCE_SECONDS="7200"
)
def refused(trial: Trial, stage: Stage = Stage.TRAINING) -> None:
    status = trial.chance.choice([400, 422, 402, 403])
    if status not in REFUSALS:
        answers(trial, stage, [status], dooms="PROVIDER_REJECTED")
        return
    lasts = trial.chance.choice([HOUR] if trial.world.is_wave else [20 * MINUTE, HOUR, FOREVER])
    knobs = {"credits": 0} if status == 402 else {"locked": True}
    wire, mended = trial.world.wire, {"credits": 1_000_000, "locked": False}

    def begin() -> None:
        # The account says so, too, to whoever asks for its balance.
        for who in (trial.job_id, ""):
            wire.knobs.setdefault(who, {}).update(knobs)
        if lasts < FOREVER:
            trial.world.region.plan(lasts, mend)

    def mend() -> None:
        for who in (trial.job_id, ""):
            wire.knobs[who].update(mended)
        trial.world.note(trial.job_id, "T11 is over")

    dooms = REFUSALS[status] if lasts == FOREVER else None
    trial.on("provider", STARTS[stage], trouble.do_first(begin), dooms=dooms)


@fault("T12", "200 with HTML, an empty body, or without an id")
def no_id(trial: Trial, stage: Stage = Stage.TRAINING) -> None:
    body = trial.chance.choice(
        [
            "<html>welcome</html>",
            "",
            {"status": "ACCEPTED"},
            {"model_id": None},
            [1, 2],
            {"data": {}},
        ]
    )
    created = trial.chance.random() < 0.5
    act = trouble.answers(STARTS[stage], trial.chance.choice([200, 202]), body, created=created)
    trial.on("provider", STARTS[stage], act, dooms=opens(trial, stage))


@fault(
    "T13",
    "two executions, or two invocations, race for one job",
    "another execution",
    "at the intent",
    "at the request",
    "out of sight",
)
def race(trial: Trial, way: str) -> None:
    region, stage = trial.world.region, trial.chance.choice(list(Stage))
    function = STARTS[stage]

    def again() -> None:
        run = {"job_id": trial.job_id, "run": 1}
        try:
            region.invoke(function, run)
        except StateFailedError as error:
            trial.world.note(trial.job_id, f"the second {function}: {error}")

    def slowly() -> None:
        region.plan(1, again)
        trial.world.sleep(5)

    if way == "another execution":
        trial.later(trial.sometime(), lambda: trial.start(trial.job_id), way)
    elif way == "at the intent":
        act = trouble.do_first(slowly)
        trial.on(
            "dynamodb", "PutItem", act, when=lambda call: submission(call, stage) == "intended"
        )
    elif way == "at the request":
        trial.on("provider", function, trouble.do_first(slowly))
    else:
        error = trial.chance.choice(["Lambda.ServiceException", "Lambda.SdkClientException"])
        trial.struck.add("T13")
        region.lose_sight(function, error, after=trial.chance.choice([2.0, 60.0, 140.0]))


@fault(
    "T14",
    "a person aborts, restarts, redrives, or starts it twice",
    "abort and restart",
    "abort and redrive",
    "start twice",
    "abort",
    "abort in flight",
)
def operated(trial: Trial, way: str) -> None:
    at = trial.sometime(60, 1300)
    trial.mood(training_seconds=1200)
    if way == "abort in flight":
        _abort_in_flight(trial)
        return
    if way == "abort":
        trial.later(at, trial.abort_for_good, way)
        return
    if way != "start twice":
        trial.later(at, trial.abort, "aborted")
    if way == "abort and redrive":
        trial.later(at + 90, lambda: trial.world.region.redrive(trial.execution), "redriven")
    trial.later(at + 10 * MINUTE, trial.take_up, "taken up again")
    trial.later(at + 2 * HOUR, trial.take_up, "taken up again")


def _abort_in_flight(trial: Trial) -> None:
    """The provider's answer is kept, its id not yet, and nobody comes back for it."""

    def end() -> None:
        trial.abort()
        trial.world.seam.kill()

    act = trouble.do_afterwards(end)
    about = f"answers/{trial.job_id}/training"
    trial.on("s3", "PutObject", act, about=about, dooms="EXECUTION_ENDED")


@fault("T15", "the answer takes 61 seconds: nobody waits for it, nobody sends again")
def answer_late(trial: Trial, stage: Stage = Stage.TRAINING) -> None:
    act = trouble.answer_late(60, trial.world.sleep)
    trial.on("provider", STARTS[stage], act, dooms=opens(trial, stage))


@fault("T17", "the answer drips until Lambda's time is over")
def longer_than_lambda(trial: Trial, stage: Stage = Stage.TRAINING) -> None:
    def act(call: Call, go: Any) -> Any:
        go()
        trial.world.sleep(150)
        trial.world.seam.kill()

    trial.on("provider", STARTS[stage], act, dooms=opens(trial, stage))


def _writes(stage: Stage, state: str) -> Callable[[Call], bool]:
    return lambda call: submission(call, stage) == state

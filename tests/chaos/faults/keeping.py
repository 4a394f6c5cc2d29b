"""Avatars: ordering them, and copying them before their links die."""

from typing import Any

import httpx

from avatars.model import JobStatus, Stage
from local.simulator import scenario
from tests.chaos import trouble
from tests.chaos.faults import submitting
from tests.chaos.faults.fault import FOREVER, HOUR, fault
from tests.chaos.seam import Call
from tests.chaos.trial import Trial

PUTS = (
    trouble.throttled,
    trouble.broken,
    trouble.unconfirmed,
    trouble.confirmed_too_late,
    trouble.damaged,
)

FORBIDDEN = (
    "169.254.169.254",
    "localhost:4566",
    "results.test.evil.test",
    "127.0.0.1",
    "results.test:81",
)


@fault("I1", "whatever can happen to a training happens to the order of avatars")
def _inference(trial: Trial) -> None:
    plan: Any = trial.chance.choice(
        [
            submitting.killed_before_sending,
            submitting.never_sent,
            submitting.answer_lost,
            submitting.killed_with_answer,
            submitting.save_throttled,
            submitting.table_down,
            submitting.killed_after_saving,
            submitting.created_in_error,
            submitting.error,
            submitting.too_many,
            submitting.refused,
            submitting.no_id,
            submitting.answer_late,
            submitting.longer_than_lambda,
        ]
    )
    plan(trial, Stage.INFERENCE)


@fault("I2", "fewer pictures than ordered, one twice, or none")
def _partial(trial: Trial) -> None:
    results = trial.chance.choice(["fewer", "duplicate", "none"])
    if results == "fewer" and trial.order.avatars == 1:
        results = "none"
    if results == "duplicate" and trial.order.avatars == 1:
        results = "none"
    trial.mood(results=results)
    trial.doom("INFERENCE_OVERDUE" if results == "none" else "AVATARS_MISSING")


@fault("R1", "nobody copies while the links live; or their host is down for hours")
def _expired(trial: Trial) -> None:
    if trial.chance.random() < 0.5:

        def abort() -> None:
            trial.abort()
            trial.world.region.plan(49 * HOUR, come_back)

        def come_back() -> None:
            job = trial.world.services.jobs.find_job(trial.job_id)
            if job and job.status is JobStatus.COMPLETED:
                return  # whoever brought another fault took it up while the links lived
            trial.doom("AVATARS_MISSING")
            trial.take_up()

        about, act = f"answers/{trial.job_id}/run-001-result", trouble.do_afterwards(abort)
        trial.on("s3", "PutObject", act, about=about)
        return
    hours = trial.chance.choice([0.3, 2, 5, 60])
    down: list[float] = []

    def is_down(call: Call) -> bool:
        now = trial.world.clock.wall()
        down.append(now)
        return now < down[0] + hours * HOUR

    act = trouble.never_sent(httpx.ConnectError, "[Errno 111] Connection refused")
    dooms = "AVATARS_MISSING" if hours == 60 else None
    trial.on("results", "download", act, when=is_down, times=FOREVER, dooms=dooms)


@fault("R2", "403 or 404 on one link: once, some times, always")
def _link_refused(trial: Trial) -> None:
    status = trial.chance.choice([403, 404, 410, 500])
    on_one_picture(trial, trouble.answers("download", status))


@fault("R3", "the connection cut at half of the body")
def _cut(trial: Trial) -> None:
    on_one_picture(trial, trouble.half_a_body)


@fault("R4", "a page, a JSON error or nothing instead of a picture")
def _junk(trial: Trial) -> None:
    body = trial.chance.choice(["<html>oops</html>", {"error": "oops"}, ""])
    on_one_picture(trial, trouble.answers("download", 200, body))


@fault("R5", "the process dies in the middle of the copies")
def _killed_copying(trial: Trial) -> None:
    kill = trial.chance.choice([trouble.killed_before, trouble.killed_after])(trial.world.seam)
    service, operation, about = trial.chance.choice(
        [
            ("results", "download", ""),
            ("s3", "PutObject", "avatars/"),
            ("dynamodb", "PutItem", "avatar#"),
        ]
    )
    times = trial.chance.randint(1, 3)
    skip = trial.chance.randint(0, trial.order.avatars - 1)
    trial.on(service, operation, kill, about=about, skip=skip, times=times)


@fault(
    "R6",
    "PutObject fails, is never confirmed, or gets other bytes than were sent",
    *(act.__name__ for act in PUTS),
)
def _put_fails(trial: Trial, way: str) -> None:
    act = next(act for act in PUTS if act.__name__ == way)
    times, skip = trial.chance.randint(1, 6), trial.chance.randint(0, trial.order.avatars - 1)
    trial.on("s3", "PutObject", act, about="avatars/", skip=skip, times=times)


@fault("R7", "a body of 30 MB, an endless one, or a slow drip")
def _too_long(trial: Trial) -> None:
    act = trial.chance.choice(
        [
            trouble.simulated(scenario.Oversize(what="oversize", route="download")),
            trouble.endless,
            trouble.slow_drip(trial.world.clock.move),
        ]
    )
    on_one_picture(trial, act)


@fault("R8", "links and redirects to where nobody may go", "links", "redirects")
def _astray(trial: Trial, way: str) -> None:
    host = trial.chance.choice(FORBIDDEN)
    if way == "links":
        trial.mood(results_host=host)
        trial.doom("AVATARS_MISSING")
        return
    status = trial.chance.choice([301, 302, 303, 307, 308])
    location = f"http://{host}/latest/meta-data/iam/security-credentials/"
    act = trouble.answers("download", status, headers={"Location": location})
    trial.on("results", "download", act, times=FOREVER, dooms="AVATARS_MISSING")


def on_one_picture(trial: Trial, act: trouble.Act) -> None:
    """Once, some times, or always: then the avatar is missing."""
    position = trial.chance.randint(1, trial.order.avatars)
    times = trial.chance.choice([1, 2, 7, FOREVER])
    dooms = "AVATARS_MISSING" if times == FOREVER else None
    trial.on(
        "results",
        "download",
        act,
        when=lambda call: call.about.endswith(f"/{position}.jpg"),
        times=times,
        dooms=dooms,
    )

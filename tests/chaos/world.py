"""A world for one job, or for some at once: AWS, the provider, and time, all in this process."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any
from unittest import mock

import botocore.endpoint
import time_machine
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS

from avatars.clock import Clock
from avatars.provider.calls import http_client
from avatars.provider.downloads import HttpDownloads
from avatars.settings import Settings
from avatars.wiring import AwsServices
from tests.chaos.auditor import Evidence, History, Start, Upload, Version, Write
from tests.chaos.aws import AWS_ENVIRONMENT, BUCKETS, Engine, owner_of
from tests.chaos.jobs import STYLES, an_event, dice
from tests.chaos.seam import Call, Seam
from tests.chaos.wire import PROVIDER_ENVIRONMENT, Wire
from tests.fakes import (
    ENVIRONMENT,
    Effects,
    FakeExecutions,
    FakeNotices,
    FakePacking,
    FakePreparations,
)
from tests.fakes.clock import NOON
from tests.machine import MACHINE, Execution
from tests.region import Event, NeverEndsError, Region

SLOW_CALLS = 0.1
"""The share of calls during which others go on."""

BY_HAND = "by-hand-"
"""How the names begin of executions that people start."""

LONGEST = 5 * 86_400
"""Virtual seconds after which a world has gone on for too long, unless it is told otherwise."""

WRITES = ("PutItem", "UpdateItem", "DeleteItem")


class WorldClock(Clock):
    """The wall clock of this process, which stands still until it is moved."""

    __slots__ = ("_traveller",)

    _traveller: Any

    def __init__(self, traveller: Any) -> None:
        super().__init__()
        object.__setattr__(self, "_traveller", traveller)

    def move(self, seconds: float) -> None:
        self._traveller.shift(seconds)


@dataclass(frozen=True)
class Moment:
    """Something happened: seconds after the beginning, to which job (or to none)."""

    at: float
    job_id: str
    words: str


class Planned(Region):
    """A region in which other things happen, too."""

    def plan(self, after: float, work: Callable[[], object]) -> None:
        """Something else happens in so many seconds."""
        self._turns.plan(after, work)

    def die(self, arn: str, status: str) -> None:
        """An execution ends by itself, FAILED or TIMED_OUT, past its own Catch."""
        if self.executions[arn].status == "RUNNING":
            self._machine.end(self.executions[arn], status)


class World:
    """A context: time stands still within, until `run` lets it pass."""

    def __init__(
        self,
        seed: str,
        jobs: int = 1,
        environment: Mapping[str, str] | None = None,
        longest: float = LONGEST,
    ) -> None:
        self.number = dice(seed).getrandbits(32)
        self.is_wave = jobs > 1
        """Whether there are others; where there are none, what is nobody's is the one job's."""
        self.environment = {
            **ENVIRONMENT,
            **AWS_ENVIRONMENT,
            **PROVIDER_ENVIRONMENT,
            "PROVIDER_STYLES": ",".join(STYLES),
            # Copies are made by threads: one at a time, so that a replay is one.
            "AVATARS_PER_BATCH": "1",
            **(environment or {}),
        }
        self._longest = longest
        self._pace = dice(f"{seed} pace")
        self.seam = Seam(self._tell, self._pause)
        self.seam.watchers += [self._note_write, self._tell_of_upload]
        self.deliveries: dict[str, Callable[[Event], list[float]]] = {}
        """After how long each the events of a job arrive."""
        self.history: list[Write] = []
        self.timeline: list[Moment] = []
        self.never_ended: str | None = None
        self._starts: list[Start] = []
        self._ended_at: dict[str, float] = {}
        self._exit = ExitStack()

    def __enter__(self) -> "World":
        enter = self._exit.enter_context
        traveller = enter(time_machine.travel(NOON, tick=False))
        self.clock = WorldClock(traveller)
        enter(mock.patch.dict("os.environ", self.environment))
        enter(mock.patch.dict(MACHINE))  # another version may be deployed
        enter(mock.patch("tests.region.FOREVER", self._longest))
        # The SDK sleeps between its tries, and downloads are timed.
        enter(mock.patch.object(botocore.endpoint, "time", SimpleNamespace(sleep=self.sleep)))
        enter(mock.patch("time.monotonic", self.clock.wall))
        self.engine = Engine(self.seam)
        self._exit.callback(self.engine.close)
        enter(mock.patch("avatars.wiring.make_client", self.engine.session.client))
        secrets = SecretsProvider(boto3_client=self.engine.session.client("secretsmanager"))
        enter(mock.patch.dict(DEFAULT_PROVIDERS, {"secrets": secrets}))
        self.wire = Wire(self.seam, self.clock, self.number)
        self.services = self._services()
        self.region = Planned(self.services, self.number, self.environment)
        enter(self.region)
        self.region.deliveries = self._deliveries
        self.wire.plan = lambda at, work: self.region.plan(at - self.clock.wall(), work)
        self._watch_executions()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def run(self) -> None:
        """Until nothing is left to do."""
        try:
            self.region.run()
        except NeverEndsError as error:
            self.never_ended = str(error)

    def sleep(self, seconds: float) -> None:
        """The handler that is at work takes its time."""
        try:
            self.region.sleep(seconds)
        except RuntimeError:
            self.clock.move(seconds)  # a thread of a handler: nobody can go on meanwhile

    def _pause(self) -> None:
        """Some calls take their time, so that other handlers get in between."""
        if self._pace.random() < SLOW_CALLS:
            self.sleep(self._pace.uniform(0, 2))

    def note(self, job_id: str, words: str) -> None:
        """For the timeline of a replay."""
        self.timeline.append(Moment(self.clock.wall() - NOON, job_id, words))

    def evidence(self, uploads: Sequence[Upload], taken_up: frozenset[str]) -> Evidence:
        """What an auditor may see, once all is over."""
        return Evidence(
            journal=self.wire.journal,
            rows=list(self.engine.rows()),
            writes=self.history,
            buckets={bucket: self._versions(bucket) for bucket in BUCKETS},
            now=self.clock.wall(),
            uploads=uploads,
            starts=self._starts,
            histories=[self._history(one) for one in self.region.executions.values()],
            taken_up=taken_up,
            most_trainings=int(self.environment["MAX_TRAININGS"]),
            most_inferences=int(self.environment["MAX_INFERENCES"]),
            trainings=1 + int(self.environment["TRAINING_RESUBMISSIONS"]),
            inferences=1 + int(self.environment["INFERENCE_RESUBMISSIONS"]),
        )

    def _history(self, execution: Execution) -> History:
        events = execution.outcome.get("events", [])
        return History(
            execution.arn,
            execution.given["job_id"],
            self._ended_at.get(execution.arn, self.clock.wall()),
            any(met.call and met.call[0] != "begin_run" for met in execution.met),
            len(events),
            max((len(json.dumps(event, default=str)) for event in events), default=0),
        )

    def _versions(self, bucket: str) -> dict[str, list[Version]]:
        found: dict[str, list[Version]] = {}
        s3 = self.engine.s3
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
        for page in pages:
            for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                name = {"Key": item["Key"], "VersionId": item["VersionId"]}
                is_avatar = item["Key"].startswith("avatars/") and "Size" in item
                data = s3.get_object(Bucket=bucket, **name)["Body"].read() if is_avatar else None
                version = Version(item["VersionId"], item["LastModified"].timestamp(), data)
                found.setdefault(item["Key"], []).append(version)
        return {key: sorted(versions, key=_by_age) for key, versions in found.items()}

    def _services(self) -> Any:
        settings = replace(Settings.from_environment(self.environment), clock=self.clock)
        services: Any = AwsServices(settings)
        process = _Process(self.seam)
        vars(services).update(
            executions=FakeExecutions(process),
            preparations=FakePreparations(process),
            packing=FakePacking(process),
            notices=FakeNotices(process),
            downloads=HttpDownloads(settings.connection.result_origins, self.wire),
            _http=http_client(self.wire),
            effects=process,
            upload_bucket=_Uploads(self.engine),
        )
        # Made now, so that a process which takes over has them, too.
        for port in (
            "jobs", "owners", "uploads", "photos", "answers", "gallery", "meter", "_rows",
        ):  # fmt: skip
            getattr(services, port)
        return services

    def _deliveries(self, function: str, event: Event) -> Sequence[float]:
        detail = event.get("requestPayload", event)["detail"]
        if "object" in detail:
            job_id = owner_of(detail["object"]["key"])
        else:
            job_id = json.loads(detail["input"])["job_id"]
        return self.deliveries[job_id](event) if job_id in self.deliveries else [0]

    def _tell_of_upload(self, call: Call, reply: Any) -> None:
        """What a handler itself puts into the upload bucket has an event, too."""
        if call.operation == "PutObject" and call.about.startswith("uploads/"):
            event = an_event("prepare_photo")
            event["detail"]["object"] |= {
                "key": call.about,
                "version-id": reply.headers["x-amz-version-id"],
                "sequencer": f"{int(self.clock.wall()):018X}",
            }
            self.region.publish(event)

    def _watch_executions(self) -> None:
        begin, end = self.services.executions.when_started, self.services.executions.end

        def count_and_begin(arn: str, given: Any) -> None:
            by_hand = arn.rpartition(":")[2].startswith(BY_HAND)
            self._starts.append(Start(arn, given["job_id"], by_hand, self.clock.wall()))
            begin(arn, given)

        def note_and_end(arn: str, status: str) -> None:
            self._ended_at[arn] = self.clock.wall()
            end(arn, status)

        self.services.executions.when_started = count_and_begin
        self.services.executions.end = note_and_end

    def _tell(self, call: Call, outcome: str) -> None:
        self.note(call.job_id, f"{call} -> {outcome}")

    def _note_write(self, call: Call, reply: Any) -> None:
        if call.operation in WRITES and reply.status_code == 200:
            self.history.append(
                Write(self.clock.wall(), call.operation, call.job_id, call.about, call.facts)
            )


class _Process(Effects):
    """What the region knows of the process that handlers run in."""

    def __init__(self, seam: Seam) -> None:
        super().__init__()
        self._seam = seam

    def revive(self) -> None:
        self._seam.revive()
        for provider in DEFAULT_PROVIDERS.values():
            provider.clear_cache()

    @contextmanager
    def happen(self, name: str) -> Iterator[None]:
        self._seam.through(Call("region", f"before {name}"), _all_is_well)
        yield
        self._seam.through(Call("region", f"after {name}"), _all_is_well)


def _by_age(version: Version) -> float:
    return version.stored_at


def _all_is_well() -> Any:
    return SimpleNamespace(status_code=200)


@dataclass
class _Uploads:
    """The upload bucket as those see it who drop photos."""

    engine: Engine

    def put(self, key: str, data: bytes) -> str:
        return self.engine.put(ENVIRONMENT["UPLOAD_BUCKET"], key, data)

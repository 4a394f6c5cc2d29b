"""One job in a world, what befalls it there, and how it may end because of that."""

import contextlib
import json
import random
from collections.abc import Callable
from typing import Any

from avatars.errors import job_errors
from avatars.model import MAX_PHOTOS, Stage
from local.ministack import StateFailedError
from tests.chaos.jobs import Order, picture, request
from tests.chaos.seam import Call, Strike
from tests.chaos.trouble import Act
from tests.chaos.world import BY_HAND, World
from tests.fakes import KilledError
from tests.fakes.aws import execution_arn
from tests.region import Event

ENDS = {error.code: f"{error.status}/{error.code}" for error in job_errors().values()}
"""How a job ends, by the code of the error: `NEEDS_ATTENTION/TRAINING_OVERDUE`."""

COMPLETED = "COMPLETED"


class Trial:
    """A job and its faults. Whatever strikes notes here which ends it makes right."""

    def __init__(self, world: World, order: Order, chance: random.Random) -> None:
        self.world = world
        self.order = order
        self.job_id = order.job_id
        self.chance = chance
        self.planned: list[str] = []
        self.struck: set[str] = set()
        self.ends: set[str] = set()
        """The right ends; none means that nothing but COMPLETED is right."""
        self.ends_besides: set[str] = set()
        self.operated = False
        """Whether a person took the job up again."""
        self.deliveries: Callable[[Event], list[float]] = lambda event: [0]
        """After how long each the event of an upload reaches its function."""
        self.hears_of_ends = True
        """Whether the ends of its executions are told."""
        self.events: list[Event] = []
        self.uploaded: list[tuple[float, str, str, bytes]] = []
        """When, what, in which version: every file that came."""
        self._fault = ""
        self._tokens: set[str] = set()
        self._open: Stage | None = None
        self._cut: Stage | None = None
        world.seam.watchers.append(self._watch)
        world.deliveries[self.job_id] = self._delivered

    @property
    def execution(self) -> str:
        return execution_arn(f"{self.job_id}-1")

    # ------------------------------------------------------------- what happens

    def suffer(self, fault_id: str, plan: Callable[["Trial"], None]) -> None:
        """Plan a fault for this job."""
        self._fault = fault_id
        self.planned.append(fault_id)
        plan(self)

    def on(
        self,
        service: str,
        operation: str | tuple[str, ...],
        act: Act,
        *,
        about: str = "",
        skip: int = 0,
        times: float = 1,
        when: Callable[[Call], bool] = lambda call: True,
        dooms: str | None = None,
    ) -> None:
        """Let *act* happen to calls of this job; *dooms* is the code that it then ends with."""
        fault = self._fault

        def matches(call: Call) -> bool:
            mine = call.job_id == self.job_id or (not call.job_id and not self.world.is_wave)
            return (
                mine
                and service in ("", call.service)
                and (not operation or call.operation in operation)
                and call.about.startswith(about)
                and when(call)
            )

        def strike(call: Call, go: Any) -> Any:
            self.strikes(fault, f"{call}: {act.__qualname__.partition('.')[0]}", dooms)
            try:
                return act(call, go)
            except KilledError:
                self._cut = self._open
                raise
            finally:
                if call.about.startswith("answers/") or _is_intent(call):
                    self._cut = self._open

        if isinstance(operation, str) and operation:
            operation = (operation,)
        self.world.seam.strikes.append(Strike(matches, strike, skip, times))

    def strikes(self, fault: str, words: str, dooms: str | None = None) -> None:
        """It has happened."""
        self.struck.add(fault)
        self.world.note(self.job_id, f"{fault} strikes: {words}")
        if dooms:
            self.ends.add(ENDS[dooms])

    def doom(self, code: str) -> None:
        """By what the provider is like, the job must end so."""
        self.ends.add(ENDS[code])

    def may_end(self, code: str) -> None:
        """That end is right, too, besides whatever else is."""
        self.ends_besides.add(ENDS[code])

    def mood(self, **knobs: Any) -> None:
        """The provider is like this whenever this job asks it."""
        self.struck.add(self._fault)
        self.world.wire.knobs.setdefault(self.job_id, {}).update(knobs)

    def later(self, seconds: float, action: Callable[[], object], words: str = "") -> None:
        """Something happens so long after the first file came."""
        fault = self._fault

        def act() -> None:
            if words:
                self.strikes(fault, words)
            action()

        self.world.region.plan(self.order.arrival + seconds, act)

    def sometime(self, first: float = 0, last: float = 1500) -> float:
        return self.chance.uniform(first, last)

    # ------------------------------------------------------------ what people do

    def take_up(self) -> None:
        """A person starts an execution that takes the job up where it stands."""
        self.start(f"{self.job_id}-{len(self.world.timeline)}")

    def start(self, name: str) -> None:
        """A person starts another execution for its run."""
        self.operated = True
        self.world.region.start({"job_id": self.job_id, "run": 1}, BY_HAND + name)

    def running(self) -> list[str]:
        """Whatever executions work on the job."""
        return [
            arn
            for arn, execution in self.world.region.executions.items()
            if execution.given.get("job_id") == self.job_id and execution.status == "RUNNING"
        ]

    def abort(self) -> bool:
        """A person stops whatever execution works on the job; whether one did."""
        running = self.running()
        for arn in running:
            self.world.region.abort(arn)
        return bool(running)

    def abort_for_good(self) -> None:
        """The same, and nobody takes the job up again."""
        opened = self._open
        if self.abort():
            self.doom("EXECUTION_ENDED")
            if opened:
                self.doom(unknown(opened))

    def another_picture(self) -> bytes:
        """A photo that is not among those of the folder."""
        return picture(self.order.numbers.pop())

    # ------------------------------------------------------------------ arrival

    def arrive(self) -> None:
        """Plan the coming of its files."""
        order, region = self.order, self.world.region
        if order.by_api:
            while len(order.files) > MAX_PHOTOS:
                order.photos.popitem()
            order.moments = order.moments[: len(order.files)]
            region.plan(order.arrival, self.order_by_api)
        elif order.manifest is not None:
            region.plan(order.arrival, lambda: self.upload("job.json", order.manifest))
        for (name, data), moment in zip(order.files.items(), order.moments, strict=True):
            region.plan(
                order.arrival + moment, lambda name=name, data=data: self.upload(name, data)
            )
        if order.start:
            region.plan(order.arrival + max(order.moments), lambda: self.upload("start", b""))

    def upload(self, name: str, data: Any) -> Event:
        """A file arrives, and its event goes out."""
        content = data if isinstance(data, bytes) else json.dumps(data).encode()
        event = self.world.region.put(self.order.prefix + name, content)
        self.events.append(event)
        version_id = event["detail"]["object"]["version-id"]
        self.uploaded.append((self.world.clock.wall(), name, version_id, content))
        self.world.region.publish(event)
        return event

    def order_by_api(self) -> str | None:
        """POST /jobs; the id of the job."""
        order = self.order
        assert order.manifest is not None
        body = {
            "folder": order.folder,
            "subject": order.manifest["subject"],
            "prompts": order.manifest["prompts"],
            "files": list(order.files),
        }
        for _ in range(3):
            with contextlib.suppress(StateFailedError):
                reply = self.world.region.invoke("api", request("create_job", order, body))
                job_id: str | None = json.loads(reply["body"]).get("job_id")
                return job_id
            self.world.region.sleep(5)  # an error page; its reader presses the button again
        return None

    # ------------------------------------------------------------------ the end

    def expected(self) -> set[str]:
        """The right ends of this job, after all that has struck it."""
        ends = set(self.ends)
        if self._cut and self._open is self._cut:
            # Between intent and id the process died, or could not write what it had to.
            ends.add(ENDS[unknown(self._cut)])
        return (ends or {COMPLETED}) | self.ends_besides

    def _delivered(self, event: Event) -> list[float]:
        if "requestPayload" in event or "object" in event["detail"]:
            return self.deliveries(event)
        return [0] if self.hears_of_ends else []

    def _watch(self, call: Call, reply: Any) -> None:
        """Follow, on the wire, whether a paid request is out whose answer is nowhere yet."""
        if call.job_id != self.job_id or reply.status_code >= 300:
            return
        if call.operation == "PutObject" and call.about.startswith("answers/"):
            self._open = None
        if call.operation == "PutItem":
            for stage in Stage:
                submission = call.facts.get(stage) or {}
                if submission.get("state") not in (None, "intended"):
                    self._open = None if self._open is stage else self._open
                elif submission and submission["token"] not in self._tokens:
                    self._tokens.add(submission["token"])
                    self._open = stage


def _is_intent(call: Call) -> bool:
    submissions = [call.facts.get(stage) or {} for stage in Stage]
    return any(submission.get("state") == "intended" for submission in submissions)


def unknown(stage: Stage) -> str:
    """The code of a request of which nobody knows what became."""
    return "TRAINING_OUTCOME_UNKNOWN" if stage is Stage.TRAINING else "INFERENCE_OUTCOME_UNKNOWN"

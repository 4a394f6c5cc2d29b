"""The simulated provider itself: models, inferences, credits and quota, as state on a clock."""

import math
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from starlette.exceptions import HTTPException

from local.simulator.bodies import InferenceRequest, TrainingRequest
from local.simulator.dialect import Phase
from local.simulator.drawing import Style
from local.simulator.journal import Clock, Journal
from local.simulator.scenario import AnyFault, Scenario

# Guide (AI Avatars 101): training takes up to 20 minutes, links must live 30, results live 48 h.
TRAINING_SECONDS = (180.0, 1200.0)
LINK_SECONDS = 1800.0
RESULT_SECONDS = 48 * 3600.0
# "Around 20 s" in the guide; the spread is the simulator's own, and so is the time in the queue.
INFERENCE_SECONDS = (15.0, 60.0)
QUEUED_SHARE = 0.1

# The real prices are not public: these are the simulator's own.
TRAINING_CREDITS = 30
AVATAR_CREDITS = 2

# Every photo is fetched when a training is accepted and once more during it.
LOOKS = 2


class RefusedError(HTTPException):
    """A call that the provider answers with an HTTP error."""


@dataclass(kw_only=True)
class Work:
    """A training or an inference on its way; times are Unix seconds of the clock."""

    created_at: float
    ends_at: float
    visible_at: float
    failure: str | None

    def phase(self, now: float) -> Phase:
        """Where the work is at *now*."""
        if now < self.ends_at:
            # An endless training leaves the queue as the longest real one does.
            seconds = min(self.ends_at - self.created_at, TRAINING_SECONDS[1])
            queued = now < self.created_at + seconds * QUEUED_SHARE
            return Phase.ACCEPTED if queued else Phase.IN_PROGRESS
        return Phase.FAILED if self.failure else Phase.DONE


@dataclass(kw_only=True)
class Model(Work):
    """A model in training or trained; *photos* are files once the links were fetched."""

    model_id: str
    subject: str
    links: tuple[str, ...]
    second_look_at: float
    looks: int = 0
    photos: tuple[Path, ...] = ()
    bad_photo: str | None = None

    def phase(self, now: float) -> Phase:
        """As for any work, but nothing is trained on photos that were not seen twice."""
        if self.bad_photo:
            return Phase.IMAGE_NOT_VALID
        phase = super().phase(now)
        return Phase.IN_PROGRESS if phase is Phase.DONE and self.looks < LOOKS else phase


@dataclass(frozen=True)
class Picture:
    """One avatar to draw: which photo, which style, and the seed of all its variety."""

    photo: Path
    style: Style
    seed: str


@dataclass(kw_only=True)
class Inference(Work):
    """One request for avatars from a model; links run out with *expires_at*."""

    inference_id: str
    model_id: str
    pictures: tuple[Picture, ...]

    @property
    def expires_at(self) -> float:
        """When the result links stop working."""
        return self.ends_at + RESULT_SECONDS


@dataclass
class Quota:
    """The calls of the current minute (500 a minute per account: the vendor's limits page)."""

    minute: int = -1
    calls: int = 0

    def used(self, now: float) -> int:
        """Calls counted in the minute of *now*."""
        return self.calls if self.minute == now // 60 else 0

    def count(self, now: float) -> None:
        """One more call."""
        self.minute, self.calls = int(now // 60), self.used(now) + 1


@dataclass
class World:
    """Everything the provider knows. Lives on one event loop: nothing here awaits or locks.

    *results_host* is the host and port of result links.
    """

    clock: Clock
    seed: int
    scenario: Scenario
    results_host: str
    journal: Journal = field(init=False)
    models: dict[str, Model] = field(init=False, default_factory=dict)
    inferences: dict[str, Inference] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.journal = Journal(self.clock)
        self._first_scenario = self.scenario
        self._quota = Quota()
        self._charged = 0
        self._births = 0

    def reset(self) -> None:
        """Forget everything but the ids given out: an old one must never name a new model."""
        self.scenario = self._first_scenario
        self.journal.clear()
        self.models.clear()
        self.inferences.clear()
        self._quota = Quota()
        self._charged = 0

    # -- calls ---------------------------------------------------------------------------

    def start_training(self, request: TrainingRequest) -> Model:
        """Accept and charge a training; RefusedError (402) without the credits for it."""
        rng = self._birth()
        now = self.clock.now()
        seconds = self._seconds(
            rng,
            TRAINING_SECONDS,
            self.scenario.training_seconds,
            self.scenario.training_never_ends,
        )
        model = Model(
            model_id=_new_id(rng),
            subject=request.type,
            links=request.images,
            created_at=now,
            ends_at=now + seconds,
            visible_at=now + self.scenario.not_found_seconds,
            second_look_at=now + rng.uniform(0, min(seconds, LINK_SECONDS)),
            failure=self.scenario.training_fails,
        )
        self._charge(TRAINING_CREDITS, model_id=model.model_id)
        self.models[model.model_id] = model
        return model

    def start_inference(self, model_id: str, request: InferenceRequest) -> Inference:
        """Accept and charge an inference; RefusedError when the model cannot draw (yet)."""
        model = self.model(model_id)
        now = self.clock.now()
        if model.phase(now) is not Phase.DONE:
            raise RefusedError(422, f"model {model_id} is not ready")
        rng = self._birth()
        seconds = self._seconds(
            rng,
            INFERENCE_SECONDS,
            self.scenario.inference_seconds,
            self.scenario.inference_never_ends,
        )
        inference_id = _new_id(rng)
        inference = Inference(
            inference_id=inference_id,
            model_id=model_id,
            pictures=tuple(_pictures(model, inference_id, request, rng)),
            created_at=now,
            ends_at=now + seconds,
            visible_at=now + self.scenario.not_found_seconds,
            failure=self.scenario.inference_fails,
        )
        self._charge(
            AVATAR_CREDITS * len(inference.pictures), model_id=model_id, inference_id=inference_id
        )
        self.inferences[inference_id] = inference
        return inference

    def model(self, model_id: str) -> Model:
        """A model that exists and can be seen already; RefusedError (404) for any other."""
        model = self.models.get(model_id)
        if model is None or self.clock.now() < model.visible_at:
            raise RefusedError(404, f"model {model_id} not found")
        return model

    def inference(self, model_id: str, inference_id: str) -> Inference:
        """An inference of that model; RefusedError (404) when there is none."""
        inference = self.inferences.get(inference_id)
        if (
            inference is None
            or inference.model_id != model_id
            or self.clock.now() < inference.visible_at
        ):
            raise RefusedError(404, f"inference {inference_id} not found")
        return inference

    def picture(self, inference_id: str, position: int) -> Picture:
        """The avatar behind a result link; RefusedError 404 for a wrong one, 403 for an old one."""
        inference = self.inferences.get(inference_id)
        now = self.clock.now()
        if inference is None or inference.phase(now) is not Phase.DONE:
            raise RefusedError(404, "no such picture")
        if not 1 <= position <= len(inference.pictures):
            raise RefusedError(404, "no such picture")
        if now >= inference.expires_at:
            raise RefusedError(403, "this link has expired")
        return inference.pictures[position - 1]

    # -- the account -----------------------------------------------------------------------

    @property
    def balance(self) -> int:
        """Credits left."""
        return max(0, self.scenario.credits - self._charged)

    def admit(self) -> None:
        """Count a call against the quota; RefusedError (429) beyond it."""
        if self.calls_left == 0:
            raise RefusedError(429, "Rate limit exceeded")
        self._quota.count(self.clock.now())

    @property
    def calls_left(self) -> int:
        """Calls that the current minute still has."""
        return max(0, self.scenario.rate_limit - self._quota.used(self.clock.now()))

    @property
    def quota_resets_in(self) -> int:
        """Whole seconds until the next minute begins."""
        return math.ceil(60 - self.clock.now() % 60)

    def take_fault(self, route: str | None) -> AnyFault | None:
        """The fault planned for this call, if any; it is used up."""
        fault, self.scenario = self.scenario.spend(route)
        return fault

    def _charge(self, amount: int, **ids: str) -> None:
        if self.balance < amount:
            raise RefusedError(402, "Payment Required")
        self._charged += amount
        self.journal.write("charge", credits=amount, balance=self.balance, **ids)

    def _birth(self) -> random.Random:
        self._births += 1
        return random.Random(f"{self.seed}/{self._births}")

    @staticmethod
    def _seconds(
        rng: random.Random, usual: tuple[float, float], wanted: float | None, endless: bool
    ) -> float:
        seconds = rng.uniform(*usual)
        if endless:
            return math.inf
        return seconds if wanted is None else wanted


def _new_id(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _pictures(
    model: Model, inference_id: str, request: InferenceRequest, rng: random.Random
) -> Iterator[Picture]:
    """Goes round the photos in a shuffled order, so that neighbours differ in more than style."""
    photos = rng.sample(model.photos, len(model.photos))
    styles = [prompt.style for prompt in request.prompts for _ in range(prompt.count)]
    for position, style in enumerate(styles, 1):
        photo = photos[position % len(photos)]
        yield Picture(photo, style, f"{model.model_id}/{inference_id}/{position}")

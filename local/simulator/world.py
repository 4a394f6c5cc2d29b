"""Picsart itself: models, inferences and instant avatars, as state on a clock."""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from local.simulator.account import Account, RefusedError, seconds
from local.simulator.bodies import InferenceRequest, InstantRequest, TrainingRequest
from local.simulator.dialect import Dialect, Phase
from local.simulator.photos import LINK_SECONDS
from local.simulator.scenario import Scenario
from local.simulator.styles import named_in
from local.simulator.work import LONGEST_TRAINING, Picture, Sitting, Work

# Guide (AI Avatars 101): training takes up to 20 minutes, results live 48 h.
TRAINING_SECONDS = (180.0, LONGEST_TRAINING)
RESULT_SECONDS = 48 * 3600.0
# "Around 20 s" in the guides of both flows; the spread is the simulator's own.
INFERENCE_SECONDS = (15.0, 60.0)

# Reference pages of both flows: 512 x 512 pixels from a model, 2048 x 2048 at once.
MODEL_SIDE, INSTANT_SIDE = 512, 2048

# The real prices are not public: these are the simulator's own.
TRAINING_CREDITS = 30
AVATAR_CREDITS = 2
INSTANT_CREDITS = 5


@dataclass(kw_only=True)
class Model(Sitting):
    """A model in training or trained."""

    id_name = "model_id"

    subject: str
    dialect: Dialect


@dataclass(kw_only=True)
class Inference(Work):
    """One request for avatars from a model; links run out with *expires_at*."""

    id_name = "inference_id"

    model_id: str
    dialect: Dialect
    pictures: tuple[Picture, ...]

    @property
    def expires_at(self) -> float:
        """When the result links stop working."""
        return self.ends_at + RESULT_SECONDS


@dataclass(kw_only=True)
class Instant(Sitting):
    """One request for avatars from a photo; links run out with *expires_at*."""

    id_name = "inference_id"

    request: InstantRequest
    dialect: Dialect

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Known once the photo is."""
        style = named_in(self.request.prompt)
        return tuple(
            Picture(photo, style, f"{self.id}/{position}", INSTANT_SIDE)
            for photo in self.photos
            for position in range(1, self.request.count + 1)
        )

    @property
    def expires_at(self) -> float:
        """When the result links stop working."""
        return self.ends_at + RESULT_SECONDS


@dataclass
class World(Account[Scenario]):
    """Everything that Picsart knows."""

    models: dict[str, Model] = field(init=False, default_factory=dict)
    inferences: dict[str, Inference] = field(init=False, default_factory=dict)
    instants: dict[str, Instant] = field(init=False, default_factory=dict)

    def reset(self) -> None:
        """As any account; and without models and avatars."""
        super().reset()
        self.models.clear()
        self.inferences.clear()
        self.instants.clear()

    def admit(self) -> None:
        """As any account; RefusedError (403) where the feature is not sold to it."""
        if self.scenario.locked:
            raise RefusedError(403, "This account has no access to AI Avatars")
        super().admit()

    def start_training(self, request: TrainingRequest) -> Model:
        """Accept and charge a training; RefusedError (402) without the credits for it."""
        rng = self.birth()
        now = self.clock.now()
        knobs = self.scenario
        takes = seconds(rng, TRAINING_SECONDS, knobs.training_seconds, knobs.training_never_ends)
        model = Model(
            id=_new_id(rng),
            subject=request.type,
            links=request.images,
            created_at=now,
            ends_at=now + takes,
            visible_at=now + knobs.not_found_seconds,
            second_look_at=now + rng.uniform(0, min(takes, LINK_SECONDS)),
            failure=knobs.training_fails,
            dialect=self._next_dialect(),
        )
        self.charge(TRAINING_CREDITS, model_id=model.id)
        self.models[model.id] = model
        return model

    def start_inference(self, model_id: str, request: InferenceRequest) -> Inference:
        """Accept and charge an inference; RefusedError when the model cannot draw (yet)."""
        model = self.model(model_id)
        now = self.clock.now()
        if model.phase(now) is not Phase.DONE:
            raise RefusedError(422, f"model {model_id} is not ready")
        rng = self.birth()
        takes = self._drawing_seconds(rng)
        inference_id = _new_id(rng)
        inference = Inference(
            id=inference_id,
            model_id=model_id,
            pictures=tuple(_pictures(model, inference_id, request, rng)),
            created_at=now,
            ends_at=now + takes,
            visible_at=now + self.scenario.not_found_seconds,
            failure=self.scenario.inference_fails,
            dialect=model.dialect,
        )
        self.charge(
            AVATAR_CREDITS * len(inference.pictures), model_id=model_id, inference_id=inference_id
        )
        self.inferences[inference_id] = inference
        return inference

    def start_instant(self, request: InstantRequest) -> Instant:
        """Accept and charge avatars from a photo; RefusedError (402) without the credits."""
        rng = self.birth()
        now = self.clock.now()
        takes = self._drawing_seconds(rng)
        instant = Instant(
            id=_new_id(rng),
            request=request,
            links=request.images,
            created_at=now,
            ends_at=now + takes,
            visible_at=now + self.scenario.not_found_seconds,
            second_look_at=now + rng.uniform(0, min(takes, LINK_SECONDS)),
            failure=self.scenario.inference_fails,
            dialect=self._next_dialect(),
        )
        self.charge(INSTANT_CREDITS * request.count, inference_id=instant.id)
        self.instants[instant.id] = instant
        return instant

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

    def instant(self, inference_id: str) -> Instant:
        """Avatars from a photo; RefusedError (404) when there are none."""
        instant = self.instants.get(inference_id)
        if instant is None or self.clock.now() < instant.visible_at:
            raise RefusedError(404, f"inference {inference_id} not found")
        return instant

    def picture(self, inference_id: str, position: int) -> Picture:
        """The avatar behind a result link; RefusedError 404 for a wrong one, 403 for an old one."""
        inference = self.inferences.get(inference_id) or self.instants.get(inference_id)
        now = self.clock.now()
        if inference is None or inference.phase(now) is not Phase.DONE:
            raise RefusedError(404, "no such picture")
        if not 1 <= position <= len(inference.pictures):
            raise RefusedError(404, "no such picture")
        if now >= inference.expires_at:
            raise RefusedError(403, "this link has expired")
        return inference.pictures[position - 1]

    def _drawing_seconds(self, rng: random.Random) -> float:
        knobs = self.scenario
        return seconds(rng, INFERENCE_SECONDS, knobs.inference_seconds, knobs.inference_never_ends)

    def _next_dialect(self) -> Dialect:
        dialect, self.scenario = self.scenario.next_dialect()
        return dialect


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
        yield Picture(photo, style, f"{model.id}/{inference_id}/{position}", MODEL_SIDE)

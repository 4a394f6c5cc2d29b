"""Astria itself: tunes, prompts and images, as state on a clock."""

import random
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from local.simulator.account import Account, RefusedError, seconds
from local.simulator.astria.bodies import PromptRequest, TuneRequest
from local.simulator.astria.scenario import Scenario
from local.simulator.dialect import Phase
from local.simulator.styles import named_in
from local.simulator.work import Picture, Sitting, Work

# How long training takes is not documented: as long as Picsart's. A mock tune is ready "within a
# minute" (a user's notes), and the documentation's example took 35 s.
TRAINING_SECONDS = (180.0, 1200.0)
MOCK_SECONDS = (10.0, 60.0)
# A prompt that a user shows took 131 s; the least is the simulator's own.
INFERENCE_SECONDS = (20.0, 131.0)
# API overview: all is deleted 30 days after the training.
KEPT_SECONDS = 30 * 86_400.0

# Prices are in dollars, on a page that changes: these are the simulator's own.
TUNE_CREDITS = 40
IMAGE_CREDITS = 1

# Create a tune: the token where none is given. SDXL and Flux are trained as something that is
# loaded into another model (SDXL API usage, Flux API usage), and draw nothing by themselves.
TOKENS = {"sd15": "sks", "fast": "sks", "sdxl1": "ohwx", "flux1": "ohwx"}
MODEL_TYPES = {"sd15": None, "fast": None, "sdxl1": "pti", "flux1": "lora"}

# List all tunes, list all prompts.
PAGE, LARGEST_PAGE = 20, 120

Listed = TypeVar("Listed", bound=Work)


@dataclass(kw_only=True)
class Tune(Sitting):
    """A model in training or trained."""

    id_name = "tune_id"

    request: TuneRequest

    @property
    def is_mock(self) -> bool:
        """Whether it is free, and draws nobody."""
        return self.request.branch == "fast"

    @property
    def model_type(self) -> str | None:
        """None for a checkpoint, which can draw by itself."""
        return MODEL_TYPES[self.request.branch]

    @property
    def token(self) -> str:
        """What the person is called in the text of a prompt, before the class name."""
        return self.request.token or TOKENS[self.request.branch]

    @property
    def expires_at(self) -> float:
        """When it is deleted, with its images."""
        return self.ends_at + KEPT_SECONDS


@dataclass(kw_only=True)
class Prompt(Work):
    """One request for images."""

    id_name = "prompt_id"

    tune: Tune
    request: PromptRequest
    starts_at: float
    keys: tuple[str, ...]
    """The paths of its images."""

    def picture(self, position: int) -> Picture:
        """The image at that position, from 0."""
        photos = self.tune.photos
        photo = None if self.tune.is_mock else photos[position % len(photos)]
        style = named_in(self.request.text)
        return Picture(photo, style, self.keys[position], self.request.side)


@dataclass
class World(Account[Scenario]):
    """Everything that Astria knows."""

    tunes: dict[str, Tune] = field(init=False, default_factory=dict)
    prompts: dict[str, Prompt] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._last_id = 1_000_000 + self.seed % 1_000_000

    def reset(self) -> None:
        """As any account; and without tunes and prompts."""
        super().reset()
        self.tunes.clear()
        self.prompts.clear()

    def twin_of_tune(self, request: TuneRequest) -> Tune | None:
        """The tune that an account with idempotency gets instead of a second one."""
        twins = (tune for tune in self.all_tunes() if tune.request.title == request.title)
        return next(twins, None) if self.scenario.idempotency else None

    def new_tune(self, request: TuneRequest) -> Tune:
        """A tune that is not accepted yet."""
        rng = self.birth()
        now = self.clock.now()
        knobs = self.scenario
        usual = MOCK_SECONDS if request.branch == "fast" else TRAINING_SECONDS
        takes = seconds(rng, usual, knobs.training_seconds, knobs.training_never_ends)
        return Tune(
            id=self._next_id(rng),
            request=request,
            links=request.image_urls,
            created_at=now,
            ends_at=now + takes,
            visible_at=now,
        )

    def accept(self, tune: Tune) -> None:
        """Charge and keep a tune whose photos have been looked at; RefusedError (422) for a bad
        one, and (402) without the credits for it."""
        if tune.bad_photo and self.scenario.bad_photos == "refuse":
            raise RefusedError(422, f"image_urls: {tune.bad_photo}")
        if not tune.is_mock:
            self.charge(TUNE_CREDITS, tune_id=tune.id)
        self.tunes[tune.id] = tune

    def twin_of_prompt(self, tune: Tune, request: PromptRequest) -> Prompt | None:
        """The prompt that an account with idempotency gets instead of a second one."""
        twins = (prompt for prompt in self.prompts_of(tune) if prompt.request == request)
        return next(twins, None) if self.scenario.idempotency else None

    def start_prompt(self, tune: Tune, request: PromptRequest) -> Prompt:
        """Accept and charge images, which begin once the tune is trained."""
        if tune.model_type:
            said = f"model_type={tune.model_type} is not supported. Use a checkpoint instead"
            raise RefusedError(422, said)
        rng = self.birth()
        now = self.clock.now()
        knobs = self.scenario
        takes = seconds(rng, INFERENCE_SECONDS, knobs.inference_seconds, knobs.inference_never_ends)
        starts_at = max(now, tune.ends_at)
        prompt = Prompt(
            id=self._next_id(rng),
            tune=tune,
            request=request,
            created_at=now,
            starts_at=starts_at,
            ends_at=starts_at + takes,
            visible_at=now,
            failure=knobs.inference_fails,
            keys=tuple(_new_key(rng) for _ in range(request.num_images)),
        )
        if not tune.is_mock:
            cost = IMAGE_CREDITS * request.num_images
            self.charge(cost, tune_id=tune.id, prompt_id=prompt.id)
        self.prompts[prompt.id] = prompt
        return prompt

    def tune(self, tune_id: str) -> Tune:
        """A tune that is still kept; RefusedError (404) for any other."""
        tune = self.tunes.get(tune_id)
        if tune is None or self.clock.now() >= tune.expires_at:
            raise RefusedError(404, "Not Found")
        return tune

    def prompt(self, tune_id: str, prompt_id: str) -> Prompt:
        """A prompt of that tune; RefusedError (404) when there is none."""
        tune, prompt = self.tune(tune_id), self.prompts.get(prompt_id)
        if prompt is None or prompt.tune is not tune:
            raise RefusedError(404, "Not Found")
        return prompt

    def all_tunes(self) -> list[Tune]:
        """Those that are still kept, the newest first."""
        now = self.clock.now()
        return _newest_first(tune for tune in self.tunes.values() if now < tune.expires_at)

    def prompts_of(self, tune: Tune) -> list[Prompt]:
        """The prompts of a tune, the newest first."""
        return _newest_first(prompt for prompt in self.prompts.values() if prompt.tune is tune)

    def delete_tune(self, tune: Tune) -> None:
        """Forget a tune, its prompts and its images."""
        del self.tunes[tune.id]
        for prompt in self.prompts_of(tune):
            self.delete_prompt(prompt)

    def delete_prompt(self, prompt: Prompt) -> None:
        """Forget a prompt and its images."""
        del self.prompts[prompt.id]

    def picture(self, key: str) -> Picture:
        """The image behind a link; RefusedError (404) for one that is not there, or no more."""
        now = self.clock.now()
        for prompt in self.prompts.values():
            if key in prompt.keys and prompt.phase(now) is Phase.DONE:
                self.tune(prompt.tune.id)
                return prompt.picture(prompt.keys.index(key))
        raise RefusedError(404, "Not Found")

    def _next_id(self, rng: random.Random) -> str:
        # Whole numbers that grow, with gaps: others have tunes, too.
        self._last_id += rng.randint(1, 50)
        return str(self._last_id)


def _newest_first(works: Iterable[Listed]) -> list[Listed]:
    return sorted(works, key=lambda work: int(work.id), reverse=True)


def _new_key(rng: random.Random) -> str:
    """As the links that users show have it."""
    return "".join(rng.choices(string.ascii_lowercase + string.digits, k=28))

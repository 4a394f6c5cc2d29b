"""What callers of Astria may send: the documented parameters, as far as they are simulated."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from local.simulator.bodies import Link

NonEmpty = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _not_simulated(value: Any) -> Any:
    if value is not None:
        raise ValueError("not taken by this simulator")
    return value


NotSimulated = Annotated[Any, AfterValidator(_not_simulated)]

# "In multiples of 8" (create a prompt); the limits are the simulator's own.
Side = Annotated[int, Field(ge=256, le=2048, multiple_of=8)]


class _Parameters(BaseModel):
    """The real API passes over a parameter that it does not know: here it is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TuneRequest(_Parameters):
    """What to train on: a class name, a title, and links to images."""

    title: NonEmpty
    name: NonEmpty
    image_urls: Annotated[tuple[Link, ...], Field(min_length=1)]
    branch: Literal["sd15", "sdxl1", "flux1", "fast"] = "sd15"
    token: NonEmpty | None = None
    steps: int | None = None
    face_crop: bool | None = None
    training_face_correct: bool | None = None
    auto_extend: bool = False

    images: NotSimulated = None
    callback: NotSimulated = None
    prompts_attributes: NotSimulated = None
    base_tune_id: NotSimulated = None
    model_type: NotSimulated = None
    preset: NotSimulated = None
    characteristics: NotSimulated = None


class PromptRequest(_Parameters):
    """What to draw with a tune."""

    text: NonEmpty
    negative_prompt: str = ""
    num_images: Annotated[int, Field(ge=1, le=8)] = 4
    seed: Annotated[int, Field(ge=0, le=2**32)] | None = None
    w: Side = 512
    h: Side = 512
    super_resolution: bool = False
    face_correct: bool = False
    inpaint_faces: bool = False
    hires_fix: bool = False
    cfg_scale: Annotated[float, Field(ge=0, le=15)] | None = None
    steps: Annotated[int, Field(ge=0, le=50)] | None = None

    callback: NotSimulated = None
    controlnet: NotSimulated = None
    input_image_url: NotSimulated = None
    mask_image_url: NotSimulated = None

    @model_validator(mode="after")
    def _is_square(self) -> Self:
        if self.w != self.h:
            raise ValueError("w and h differ: this simulator draws squares")
        if self.inpaint_faces and not self.super_resolution:
            raise ValueError("inpaint_faces requires super_resolution")
        return self

    @property
    def side(self) -> int:
        """Pixels of each image; super-resolution makes four of one."""
        return self.w * (4 if self.super_resolution else 1)


class TuneBody(BaseModel):
    """`{"tune": {...}}`"""

    tune: TuneRequest


class PromptBody(BaseModel):
    """`{"prompt": {...}}`"""

    prompt: PromptRequest

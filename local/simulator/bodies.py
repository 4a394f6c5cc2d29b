"""What callers may send: the request bodies, and what is said about a wrong one."""

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from local.simulator.drawing import Style

# The guide says "1 or more avatars" for each prompt; the largest count is the simulator's own.
MAX_COUNT = 100

_HTTP_URL = TypeAdapter(HttpUrl)


class TrainingRequest(BaseModel):
    """5 to 30 photo links and a subject (guide: AI Avatars 101)."""

    model_config = ConfigDict(frozen=True)

    images: Annotated[tuple[str, ...], Field(min_length=5, max_length=30)]
    type: Literal["man", "woman", "couple", "dog", "cat"]

    @field_validator("images")
    @classmethod
    def _are_http_links(cls, images: tuple[str, ...]) -> tuple[str, ...]:
        # Checked but kept as sent: a parser's idea of the same URL breaks its signature.
        for image in images:
            _HTTP_URL.validate_python(image)
        return images


class Prompt(BaseModel):
    """So many avatars in one style; *prompt* is free text where the style allows it."""

    model_config = ConfigDict(frozen=True)

    style: Style
    count: Annotated[int, Field(ge=1, le=MAX_COUNT)]
    prompt: Annotated[str, StringConstraints(max_length=1000)] | None = None


class InferenceRequest(BaseModel):
    """What to draw with a trained model."""

    model_config = ConfigDict(frozen=True)

    prompts: Annotated[tuple[Prompt, ...], Field(min_length=1)]


def in_words(error: ValidationError) -> str:
    """What is wrong where, without repeating the input (which may hold signed links)."""
    return "; ".join(
        f"{'.'.join(str(step) for step in fault['loc']) or 'body'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    )

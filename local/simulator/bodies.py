"""What callers may send: the request bodies, and what is said about a wrong one."""

from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from starlette.requests import Request

from local.simulator.account import RefusedError
from local.simulator.styles import Style

# Room for 30 presigned links many times over; the vendors' limits are not public.
MAX_BODY_BYTES = 1_000_000

# The guide says "1 or more avatars" for each prompt; the largest count is the simulator's own.
MAX_COUNT = 100

# What the vendor's text to image takes: 1 to 10 pictures, 2 where nothing is said. For instant
# avatars nobody says.
MAX_INSTANT_COUNT, INSTANT_COUNT = 10, 2

_HTTP_URL = TypeAdapter(HttpUrl)

Body = TypeVar("Body", bound=BaseModel)


def _is_http(link: str) -> str:
    # Checked but kept as sent: a parser's idea of the same URL breaks its signature.
    _HTTP_URL.validate_python(link)
    return link


Link = Annotated[str, AfterValidator(_is_http)]
Text = Annotated[str, StringConstraints(max_length=1000)]


class TrainingRequest(BaseModel):
    """5 to 30 photo links and a subject (guide: AI Avatars 101)."""

    model_config = ConfigDict(frozen=True)

    images: Annotated[tuple[Link, ...], Field(min_length=5, max_length=30)]
    type: Literal["man", "woman", "couple", "dog", "cat"]


class Prompt(BaseModel):
    """So many avatars in one style; *prompt* is free text where the style allows it."""

    model_config = ConfigDict(frozen=True)

    style: Style
    count: Annotated[int, Field(ge=1, le=MAX_COUNT)]
    prompt: Text | None = None


class InferenceRequest(BaseModel):
    """What to draw with a trained model."""

    model_config = ConfigDict(frozen=True)

    prompts: Annotated[tuple[Prompt, ...], Field(min_length=1)]


class InstantRequest(BaseModel):
    """One photo and what to make of it, as a client of the vendor's sends it."""

    model_config = ConfigDict(frozen=True)

    images: Annotated[tuple[Link, ...], Field(min_length=1, max_length=1)]
    prompt: Annotated[Text, StringConstraints(min_length=1)]
    negative_prompt: Text | None = None
    count: Annotated[int, Field(ge=1, le=MAX_INSTANT_COUNT)] = INSTANT_COUNT


async def read_body(request: Request, form: type[Body]) -> Body:
    """The JSON body as *form*. RefusedError for what is no JSON or too much of it; a
    pydantic.ValidationError for what does not fit."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
        raise RefusedError(415, "Content-Type must be application/json")
    raw = bytearray()
    async for piece in request.stream():
        raw += piece
        if len(raw) > MAX_BODY_BYTES:
            raise RefusedError(413, f"The body is larger than {MAX_BODY_BYTES} bytes")
    try:
        return form.model_validate_json(raw)
    except ValidationError as error:
        if any(fault["type"] == "json_invalid" for fault in error.errors()):
            raise RefusedError(400, in_words(error)) from error
        raise


def in_words(error: ValidationError) -> str:
    """What is wrong where, without repeating the input (which may hold signed links)."""
    return "; ".join(
        f"{'.'.join(str(step) for step in fault['loc']) or 'body'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    )

"""The knobs of the simulator: what the provider is like today, and which answers go wrong."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    field_validator,
)

from local.simulator.dialect import Dialect


class Fault(BaseModel):
    """Something that goes wrong on the next *times* calls of *route*."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    route: str
    times: PositiveInt = 1


class Answer(Fault):
    """Another answer than the true one; text goes out as HTML, anything else as JSON.

    With *created* the call does its work (and charges) before the wrong answer is given.
    """

    what: Literal["answer"]
    status: Annotated[int, Field(ge=200, le=599)]
    body: JsonValue = ""
    headers: dict[str, str] = {}
    created: bool = False


class Drop(Fault):
    """The connection closes without an answer, after the work was done or before."""

    what: Literal["drop"]
    created: bool = False


class Delay(Fault):
    """The true answer, so many wall seconds late."""

    what: Literal["delay"]
    seconds: NonNegativeFloat


class Cut(Fault):
    """Half of the body under its full Content-Length, then the connection closes."""

    what: Literal["cut"]


class Drip(Fault):
    """The true answer in small pieces spread over so many wall seconds."""

    what: Literal["drip"]
    seconds: NonNegativeFloat


class Oversize(Fault):
    """The true body, padded to so many megabytes (10**6 bytes)."""

    what: Literal["oversize"]
    megabytes: PositiveInt = 30


class KillClient(Fault):
    """The calling process is stopped, gets the true answer into its socket, and is killed."""

    what: Literal["kill_client"]


class Echo(Fault):
    """An error that repeats the whole request, with its key and its links: as one in JSON tells
    what it does not like, or from 500 on as a page with a stack trace."""

    what: Literal["echo"]
    status: Annotated[int, Field(ge=400, le=599)]


AnyFault = Annotated[
    Answer | Drop | Delay | Cut | Drip | Oversize | KillClient | Echo, Field(discriminator="what")
]


class Knobs(BaseModel):
    """What can be turned at every simulated provider; the defaults are a good day.

    Seconds are seconds of the simulator's clock. Durations are read when work begins.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ROUTES: ClassVar[tuple[str, ...]]

    training_seconds: NonNegativeFloat | None = None
    training_never_ends: bool = False
    inference_seconds: NonNegativeFloat | None = None
    inference_never_ends: bool = False

    results: Literal["all", "fewer", "duplicate", "none"] = "all"
    results_host: Annotated[str, Field(pattern=r"^[\w.-]+(:\d+)?$")] | None = None

    # Of the photos that have not been seen before, the next so many are found not valid; each by
    # its address without the signature, so that it stays what it was found to be.
    invalid_photos: NonNegativeInt = 0

    credits: int = 1_000_000
    rate_limit: PositiveInt = 500

    faults: tuple[AnyFault, ...] = ()

    @field_validator("faults")
    @classmethod
    def _have_a_route(cls, faults: tuple[AnyFault, ...]) -> tuple[AnyFault, ...]:
        for fault in faults:
            if fault.route not in cls.ROUTES:
                raise ValueError(f"no route {fault.route}; there are {', '.join(cls.ROUTES)}")
        return faults

    def merged(self, changes: dict[str, Any]) -> Self:
        """This scenario with some knobs set anew; a pydantic.ValidationError names a wrong one."""
        return self.model_validate({**self.model_dump(), **changes})

    def spend(self, route: str | None) -> tuple[AnyFault | None, Self]:
        """The first fault planned for a call of *route*, and the scenario that then remains."""
        for place, fault in enumerate(self.faults):
            if fault.route == route:
                left = fault.model_copy(update={"times": fault.times - 1})
                rest = (left,) if left.times else ()
                faults = (*self.faults[:place], *rest, *self.faults[place + 1 :])
                return fault, self.model_copy(update={"faults": faults})
        return None, self


class Scenario(Knobs, Dialect):
    """The knobs of Picsart.

    What decides the fate of a model or an inference (its duration, its failure, its first
    minutes of 404) and how it is spoken of (its dialect) is read when it is created, everything
    else when an answer is given.
    """

    ROUTES = (
        "start_training",
        "check_training",
        "start_inference",
        "check_inference",
        "start_instant",
        "check_instant",
        "balance",
        "download",
    )

    training_fails: str | None = None
    inference_fails: str | None = None
    not_found_seconds: NonNegativeFloat = 0

    # Handed out in turn to new models and instant inferences, instead of the one dialect above.
    dialects: tuple[Dialect, ...] = ()

    # `retyped` has words for numbers, `sunset` says that the API's days are counted.
    account_headers: Literal["documented", "missing", "retyped", "sunset"] = "documented"
    locked: bool = False
    short_links: Literal["refuse", "image_not_valid"] = "refuse"
    quota_body: Literal["plain", "gateway"] = "plain"
    quota_retry_after: bool = False

    def next_dialect(self) -> tuple[Dialect, Self]:
        """How a new model is spoken of, and the scenario that then remains."""
        if not self.dialects:
            own = {knob: getattr(self, knob) for knob in Dialect.model_fields}
            return Dialect(**own), self
        first, *others = self.dialects
        return first, self.model_copy(update={"dialects": (*others, first)})

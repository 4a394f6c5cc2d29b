"""The knobs of the simulator: what the provider is like today, and which answers go wrong."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, NonNegativeFloat, PositiveInt

Route = Literal[
    "start_training",
    "check_training",
    "start_inference",
    "check_inference",
    "balance",
    "download",
]


class Fault(BaseModel):
    """Something that goes wrong on the next *times* calls of *route*."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    route: Route
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


class Scenario(BaseModel):
    """All knobs; the defaults are a provider on a good day.

    What decides the fate of a model or an inference (its duration, its failure, its first
    minutes of 404) is read when it is created, everything else when an answer is given.
    Seconds are seconds of the simulator's clock.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    training_seconds: NonNegativeFloat | None = None
    training_fails: str | None = None
    training_never_ends: bool = False
    inference_seconds: NonNegativeFloat | None = None
    inference_fails: str | None = None
    inference_never_ends: bool = False
    not_found_seconds: NonNegativeFloat = 0

    vocabulary: Literal["guide", "2026", "finished", "mixed", "unknown"] = "guide"
    pending_status: Literal[200, 202] = 202
    result_shape: Literal["urls", "url_objects", "data"] = "urls"
    results: Literal["all", "fewer", "duplicate", "none"] = "all"
    results_host: Annotated[str, Field(pattern=r"^[\w.-]+(:\d+)?$")] | None = None

    locked: bool = False
    short_links: Literal["refuse", "image_not_valid"] = "refuse"
    credits: int = 1_000_000
    rate_limit: PositiveInt = 500
    quota_body: Literal["plain", "gateway"] = "plain"
    quota_retry_after: bool = False

    faults: tuple[AnyFault, ...] = ()

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

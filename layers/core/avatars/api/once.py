"""Writes that are safe to repeat: the same Idempotency-Key, the same outcome."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from avatars.api.problems import KeyInUseError, KeyReusedError

REMEMBERED_SECONDS = 86_400
"""Wall seconds in which a repetition is recognised."""

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """A request that changes something."""

    owner: str
    method: str
    path: str
    key: str | None
    """The caller's Idempotency-Key; without one, every request stands for itself."""
    body: str


def once(store: Any, write: Write, context: LambdaContext, act: Callable[[], Facts]) -> Facts:
    """What *act* returns, or returned when the same write came before: small facts, no links.

    *store* is a persistence layer of Powertools.

    Raises KeyReusedError where another body came with the key, KeyInUseError while the first is at
    work; whatever *act* raises is not remembered.
    """
    if write.key is None:
        return act()
    # Only here: most requests write nothing, and these are slow to import.
    from aws_lambda_powertools.utilities.idempotency import (
        IdempotencyConfig,
        idempotent_function,
    )
    from aws_lambda_powertools.utilities.idempotency.exceptions import (
        IdempotencyAlreadyInProgressError,
        IdempotencyValidationError,
    )

    config = IdempotencyConfig(
        event_key_jmespath="[owner, method, path, key]",
        payload_validation_jmespath="body",
        expires_after_seconds=REMEMBERED_SECONDS,
        lambda_context=context,
    )

    @idempotent_function(  # type: ignore[untyped-decorator]
        data_keyword_argument="request",
        config=config,
        persistence_store=store,
    )
    def perform(request: Facts) -> Facts:
        return act()

    try:
        facts: Facts | None = perform(request=asdict(write))
    except IdempotencyValidationError as error:
        raise KeyReusedError("This Idempotency-Key came with another request before.") from error
    except IdempotencyAlreadyInProgressError as error:
        raise KeyInUseError("The first request with this Idempotency-Key is at work.") from error
    return facts or {}  # no facts are stored as none

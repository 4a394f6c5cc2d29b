"""What is alike in the answers of all providers: HTTP's codes, words, waits and links."""

import contextlib
import email.utils
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from avatars.errors import (
    NotAcceptedError,
    OutcomeUnknownError,
    OutOfCreditsError,
    ProviderKeyRefusedError,
    ProviderRejectedError,
)
from avatars.model import Answer, Progress, ProgressState, WaitReason
from avatars.provider.words import plain

REJECTED = (400, 404, 405, 413, 415, 422, 431)
"""The codes of Picsart's error page that say: this request, as it is, never. HTTP has them so."""

TOO_MANY_REQUESTS_WAIT = 60
"""Seconds until a window of 500 requests a minute is over (Picsart's page on quotas and limits)."""

LONGEST_ASKED_WAIT = 3600

NO_WORD = "(no word)"


def parsed(answer: Answer) -> Any:
    """The body as JSON; None where it is none."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def is_success(answer: Answer) -> bool:
    return 200 <= answer.status_code < 300


def accepted_id(
    answer: Answer, given: object, unknown: type[OutcomeUnknownError], *, name: str, support: str
) -> str:
    """The id of what was accepted, *given* under that *name*.

    Raises NotAcceptedError (ask again later), a JobError (refused), or *unknown*, with *support*
    as the sentence that says whom to ask.
    """
    code, document = answer.status_code, parsed(answer)
    said = words(document) or words_about_fields(document) or "no reason given"
    if is_success(answer):
        if (found := as_id(given)) is not None:
            return found
        raise unknown(
            f"The provider answered {code} without {name}, so something may have been started and "
            "paid for. Nothing was sent again. The raw answer lies under answers/ in the avatar "
            "bucket: look there, and ask the provider's support."
        )
    if code == 429:
        raise NotAcceptedError(f"too many requests: {said}", wait_seconds(answer))
    if code == 402:
        raise OutOfCreditsError(
            "The provider's account has no credits left; nothing was charged. Add credits there "
            "and take the job up again."
        )
    if code in (401, 403):
        raise ProviderKeyRefusedError(
            f"The provider refuses our API key ({code}: {said}); nothing was charged. Put a valid "
            "one into the secret and take the job up again."
        )
    if code in REJECTED:
        raise ProviderRejectedError(f"The provider rejected the request with {code}: {said}.")
    raise unknown(
        f"The provider answered {code}, which does not say whether it accepted the request. "
        f"Its raw answer is kept and nothing was sent again. {support}"
    )


def as_id(given: object) -> str | None:
    """An id, whether it is a text or a number; None where it is neither, or empty."""
    is_id = isinstance(given, (str, int)) and not isinstance(given, bool)
    return (str(given).strip() or None) if is_id else None


def not_looked_at(answer: Answer) -> Progress | None:
    """The progress that follows from the code alone; None where the body says it."""
    if answer.status_code == 404:
        return Progress(ProgressState.NOT_FOUND)
    if is_success(answer):
        return None
    wait = wait_seconds(answer) if answer.status_code == 429 else None
    return Progress(ProgressState.UNAVAILABLE, wait_seconds=wait)


def trouble(answer: Answer, credits_left: int | None, least: int) -> WaitReason | None:
    """See `ports.ProviderReader`."""
    code = answer.status_code
    if code == 402:
        return WaitReason.CREDITS
    if code in (401, 403):
        return WaitReason.KEY
    if code == 429:
        return WaitReason.BUSY
    if code == 0 or code >= 500:
        return WaitReason.OUTAGE
    too_few = credits_left is not None and credits_left < least
    return WaitReason.CREDITS if too_few else None


def told(word: str) -> str:
    """A status as it may stand in logs: what is no word could be anything that it was sent."""
    return (plain(word)[:80] or NO_WORD) if word else ""


def links_of(items: Sequence[object]) -> tuple[str | None, ...]:
    """The links of a list of texts, or of objects with `url`.

    Each item keeps its place, because places tell the style; one without a link, or with a link
    that came before, is None. Empty where there is no link at all.
    """
    links: list[str | None] = []
    for item in items:
        link = link_of(item)
        links.append(link if link not in links else None)
    return tuple(links) if any(links) else ()


def link_of(item: object) -> str | None:
    """The link that an item is, or has."""
    link = item.get("url") if isinstance(item, dict) else item
    return link if isinstance(link, str) and link else None


def words(document: object) -> str | None:
    """What a provider says about it, in any form of error; only words, see `plain`."""
    if not isinstance(document, Mapping):
        return None
    fault = document.get("fault")
    candidates = [
        document.get("reason"),
        document.get("detail"),
        document.get("message"),
        document.get("error"),
        document.get("user_error"),
        fault.get("faultstring") if isinstance(fault, Mapping) else None,
    ]
    text = next((item for item in candidates if isinstance(item, str) and item), None)
    if text is None:
        return None
    return plain(text)[:300].rstrip(".") or None


def words_about_fields(document: object) -> str | None:
    """What Rails says of the fields of a request: `{"title": ["can't be blank"]}`."""
    if not isinstance(document, Mapping):
        return None
    said = [
        f"{name} {reasons[0]}"
        for name, reasons in document.items()
        if isinstance(reasons, list) and reasons and isinstance(reasons[0], str)
    ]
    return plain(", ".join(said))[:300].rstrip(".") or None


def wait_seconds(answer: Answer) -> int:
    """The wait that a 429 asks for: `Retry-After` (seconds or a date), else the window's rest."""
    for name in ("retry-after", "x-picsart-ratelimit-reset-time"):
        value = answer.header(name)
        if value is None:
            continue
        if value.strip().isdecimal():
            # Of thousands of digits Python makes no number.
            return LONGEST_ASKED_WAIT if len(value) > 9 else min(int(value), LONGEST_ASKED_WAIT)
        date = email.utils.parsedate_tz(value)
        if date is not None:
            with contextlib.suppress(ValueError, OverflowError):  # a date beyond all calendars
                rest = email.utils.mktime_tz(date) - int(time.time())
                return max(0, min(rest, LONGEST_ASKED_WAIT))
    return TOO_MANY_REQUESTS_WAIT

"""What Picsart's answers mean. Lenient, because names and words have drifted before."""

import contextlib
import email.utils
import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from avatars.errors import (
    InferenceOutcomeUnknownError,
    NotAcceptedError,
    OutcomeUnknownError,
    OutOfCreditsError,
    ProviderKeyRefusedError,
    ProviderRejectedError,
    TrainingOutcomeUnknownError,
)
from avatars.model import Answer, Progress, ProgressState, WaitReason
from avatars.provider.vocabulary import meaning
from avatars.provider.words import plain

REJECTED = (400, 404, 405, 413, 415, 422, 431)
"""The codes of the vendor's error page that say: this request, as it is, never."""

TOO_MANY_REQUESTS_WAIT = 60
"""Seconds until a window of 500 requests a minute is over (vendor's page on quotas and limits)."""

LONGEST_ASKED_WAIT = 3600

NO_WORD = "(no word)"


class PicsartReader:
    """Understands answers of the trained-model flow; see `ports.ProviderReader`."""

    def training_id(self, answer: Answer) -> str:
        return _accepted_id(answer, "model_id", TrainingOutcomeUnknownError)

    def training_progress(self, answer: Answer) -> Progress:
        return _progress(answer)

    def inference_id(self, answer: Answer) -> str:
        return _accepted_id(answer, "inference_id", InferenceOutcomeUnknownError)

    def inference_progress(self, answer: Answer) -> Progress:
        progress = _progress(answer)
        if progress.state is not ProgressState.READY:
            return progress
        links = _links(_document(answer))
        # DONE without a link is not done: the vendor's own plugin keeps waiting, too.
        return replace(progress, links=links) if links else Progress(ProgressState.RUNNING)

    def credits(self, answer: Answer) -> int | None:
        if answer.status_code == 402:
            return 0
        # On every answer (vendor's OpenAPI documents), and in the document of `balance`: whether
        # this host has that page is not documented, and where it has not, the service is up.
        said = answer.header("x-picsart-credit-available") or _document(answer).get("credits")
        return int(str(said)) if re.fullmatch(r"-?\d{1,18}", str(said), re.ASCII) else None

    def trouble(self, answer: Answer, least: int = 1) -> WaitReason | None:
        code = answer.status_code
        if code == 402:
            return WaitReason.CREDITS
        if code in (401, 403):
            return WaitReason.KEY
        if code == 429:
            return WaitReason.BUSY
        if code == 0 or code >= 500:
            return WaitReason.OUTAGE
        credits = self.credits(answer)
        return WaitReason.CREDITS if credits is not None and credits < least else None


def _accepted_id(answer: Answer, field: str, unknown: type[OutcomeUnknownError]) -> str:
    code, words = answer.status_code, _words(answer) or "no reason given"
    if 200 <= code < 300:
        document = _document(answer)
        data = document.get("data")
        accepted_id = document.get(field) or (data.get(field) if isinstance(data, dict) else None)
        is_id = isinstance(accepted_id, (str, int)) and not isinstance(accepted_id, bool)
        if is_id and str(accepted_id).strip():
            return str(accepted_id).strip()
        raise unknown(
            f"The provider answered {code} without {field}, so something may have been started and "
            "paid for. Nothing was sent again. The raw answer lies under answers/ in the avatar "
            "bucket: look there, and ask the provider's support."
        )
    if code == 429:
        raise NotAcceptedError(f"too many requests: {words}", _wait_seconds(answer))
    if code == 402:
        raise OutOfCreditsError(
            "The provider's account has no credits left; nothing was charged. Add credits there "
            "and take the job up again."
        )
    if code in (401, 403):
        raise ProviderKeyRefusedError(
            f"The provider refuses our API key ({code}: {words}); nothing was charged. Put a valid "
            "one into the secret and take the job up again."
        )
    if code in REJECTED:
        raise ProviderRejectedError(f"The provider rejected the request with {code}: {words}.")
    raise unknown(
        f"The provider answered {code}, which does not say whether it accepted the request. "
        "Its raw answer is kept and nothing was sent again. Ask its support with the correlation "
        f"id {_correlation_id(answer) or '(none given)'}."
    )


def _progress(answer: Answer) -> Progress:
    code = answer.status_code
    if code == 404:
        return Progress(ProgressState.NOT_FOUND)
    if not 200 <= code < 300:
        wait = _wait_seconds(answer) if code == 429 else None
        return Progress(ProgressState.UNAVAILABLE, wait_seconds=wait)
    document = _document(answer)
    word = str(document.get("status") or "")
    state, known = meaning(word)
    if not word:
        # 202 means still running, 200 finished (vendor's TypeScript SDK).
        has_links = bool(_links(document))
        state = ProgressState.READY if has_links and code == 200 else ProgressState.RUNNING
        known = has_links or code == 202
    return Progress(state, word=_told(word), unknown=not known, reason=_words(answer))


def _told(word: str) -> str:
    """A status as it may stand in logs: what is no word could be anything that it was sent."""
    return (plain(word)[:80] or NO_WORD) if word else ""


def _document(answer: Answer) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    if isinstance(document, list):
        return {"data": document}
    return document if isinstance(document, dict) else {}


def _links(document: Mapping[str, Any]) -> tuple[str | None, ...]:
    """The links of a result, `urls` or `data`, of texts or of objects with `url`.

    Each item keeps its place, because places tell the style; one without a link, or with a link
    that came before, is None. Empty where there is no link at all.
    """
    for field in ("urls", "data"):
        items = document.get(field)
        if isinstance(items, dict):
            items = items.get("urls") or items.get("data")
        if not isinstance(items, list):
            continue
        links: list[str | None] = []
        for item in items:
            link = item.get("url") if isinstance(item, dict) else item
            usable = isinstance(link, str) and link != "" and link not in links
            links.append(link if usable else None)
        return tuple(links) if any(links) else ()
    return ()


def _words(answer: Answer) -> str | None:
    """What the provider says about it, in either of its error forms; only words, see `plain`."""
    document = _document(answer)
    fault = document.get("fault")
    candidates = [
        document.get("reason"),
        document.get("detail"),
        document.get("message"),
        document.get("error"),
        fault.get("faultstring") if isinstance(fault, dict) else None,
    ]
    text = next((item for item in candidates if isinstance(item, str) and item), None)
    if text is None:
        return None
    return plain(text)[:300].rstrip(".") or None


def _correlation_id(answer: Answer) -> str | None:
    given = answer.header("x-picsart-correlation-id") or ""
    return given if re.fullmatch(r"[\w.-]{1,64}", given, re.ASCII) else None


def _wait_seconds(answer: Answer) -> int:
    """The wait that a 429 asks for: `Retry-After` (seconds or a date), else the window's rest."""
    for name in ("retry-after", "x-picsart-ratelimit-reset-time"):
        value = answer.header(name)
        if value is None:
            continue
        if value.strip().isdecimal():
            return min(int(value), LONGEST_ASKED_WAIT)
        date = email.utils.parsedate_tz(value)
        if date is not None:
            with contextlib.suppress(ValueError, OverflowError):  # a date beyond all calendars
                rest = email.utils.mktime_tz(date) - int(time.time())
                return max(0, min(rest, LONGEST_ASKED_WAIT))
    return TOO_MANY_REQUESTS_WAIT

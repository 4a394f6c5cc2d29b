"""What Picsart's answers mean. Lenient, because names and words have drifted before."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from avatars.errors import (
    InferenceOutcomeUnknownError,
    OutcomeUnknownError,
    OutOfOrderError,
    TrainingOutcomeUnknownError,
)
from avatars.metrics import Call
from avatars.model import (
    Answer,
    Drift,
    DriftKind,
    InferenceRequest,
    Progress,
    ProgressState,
    WaitReason,
)
from avatars.provider import reading
from avatars.provider.reading import link_of, links_of, parsed, told, words
from avatars.provider.shapes import header_drift, shape, status_word
from avatars.provider.vocabulary import is_known, meaning

ACCOUNT_HEADERS = (
    "x-picsart-correlation-id",
    "x-picsart-ratelimit-limit",
    "x-picsart-ratelimit-available",
    "x-picsart-ratelimit-reset-time",
    "x-picsart-credit-available",
)
"""What the vendor puts on every answer (its OpenAPI documents): an id, and whole numbers."""

_SUBMISSIONS = {Call.SUBMIT_TRAINING: "model_id", Call.SUBMIT_INFERENCE: "inference_id"}

_LISTS = ("urls", "data")
"""Under which names results have been seen."""


class PicsartReader:
    """Understands answers of both products; see `ports.ProviderReader`."""

    def training_id(self, answer: Answer) -> str:
        return _accepted_id(answer, "model_id", TrainingOutcomeUnknownError)

    def training_progress(self, answer: Answer) -> Progress:
        return _progress(answer)

    def found_training(self, answer: Answer, title: str) -> str | None:
        raise OutOfOrderError("Picsart keeps no list of models.")

    def inference_id(self, answer: Answer) -> str:
        return _accepted_id(answer, "inference_id", InferenceOutcomeUnknownError)

    def inference_progress(self, answer: Answer) -> Progress:
        progress = _progress(answer)
        if progress.state is not ProgressState.READY:
            return progress
        links = _links(_document(answer))
        # DONE without a link is not done: the vendor's own plugin keeps waiting, too.
        return replace(progress, links=links) if links else Progress(ProgressState.RUNNING)

    def found_inference(
        self, answer: Answer, request: InferenceRequest, known: Collection[str]
    ) -> str | None:
        raise OutOfOrderError("Picsart keeps no list of inferences.")

    def credits(self, answer: Answer) -> int | None:
        if answer.status_code == 402:
            return 0
        # On every answer (vendor's OpenAPI documents), and in the document of `balance`: whether
        # this host has that page is not documented, and where it has not, the service is up.
        said = (answer.header("x-picsart-credit-available"), _document(answer).get("credits"))
        numbers = (re.fullmatch(r"-?\d{1,18}", str(one), re.ASCII) for one in said)
        return next((int(number[0]) for number in numbers if number), None)

    def requests_left(self, answer: Answer) -> int | None:
        left = answer.header("x-picsart-ratelimit-available") or ""
        return int(left) if re.fullmatch(r"\d{1,9}", left, re.ASCII) else None

    def correlation_id(self, answer: Answer) -> str | None:
        return _correlation_id(answer)

    def trouble(self, answer: Answer, least: int = 1) -> WaitReason | None:
        return reading.trouble(answer, self.credits(answer), least)

    def drift(self, call: Call, answer: Answer) -> Sequence[Drift]:
        changed = header_drift(answer, ACCOUNT_HEADERS[:1], ACCOUNT_HEADERS[1:])
        if not reading.is_success(answer):
            return changed
        body = parsed(answer)
        if not isinstance(body, (dict, list)):
            return [*changed, Drift(DriftKind.NEW_SHAPE, "no JSON")]
        if call is Call.BALANCE:
            missing = self.credits(answer) is None
        elif call in _SUBMISSIONS:
            missing = reading.as_id(_given_id(_document(answer), _SUBMISSIONS[call])) is None
        else:
            missing = False
            changed += _look_drift(call, body, _document(answer))
        changed += _word_drift(body)
        if missing:
            changed.append(Drift(DriftKind.MISSING_FIELD, shape(body)))
        return changed


def _accepted_id(answer: Answer, field: str, unknown: type[OutcomeUnknownError]) -> str:
    support = (
        f"Ask its support with the correlation id {_correlation_id(answer) or '(none given)'}."
    )
    given = _given_id(_document(answer), field)
    return reading.accepted_id(answer, given, unknown, name=field, support=support)


def _given_id(document: Mapping[str, Any], field: str) -> object:
    data = document.get("data")
    return document.get(field) or (data.get(field) if isinstance(data, dict) else None)


def _progress(answer: Answer) -> Progress:
    if (unread := reading.not_looked_at(answer)) is not None:
        return unread
    document = _document(answer)
    word = str(document.get("status") or "")
    state = meaning(word)
    if not word:
        # 202 means still running, 200 finished (vendor's TypeScript SDK).
        has_links = bool(_links(document))
        is_finished = has_links and answer.status_code == 200
        state = ProgressState.READY if is_finished else ProgressState.RUNNING
    return Progress(state, word=told(word), reason=words(document))


def _document(answer: Answer) -> dict[str, Any]:
    document = parsed(answer)
    if isinstance(document, list):
        return {"data": document}
    return document if isinstance(document, dict) else {}


def _links(document: Mapping[str, Any]) -> tuple[str | None, ...]:
    """The links of a result; see `links_of`."""
    items = _items(document)
    return links_of(items) if items is not None else ()


def _items(document: Mapping[str, Any]) -> list[object] | None:
    """The list of results, `urls` or `data`, or one of these within the other; one that has any,
    if there is one."""
    found: list[object] | None = None
    for field in _LISTS:
        items = document.get(field)
        if isinstance(items, dict):
            items = items.get("urls") or items.get("data")
        if isinstance(items, list):
            found = items if found is None or items else found
    return found


def _word_drift(body: dict[str, Any] | list[Any]) -> list[Drift]:
    word = body.get("status") if isinstance(body, dict) else None
    if not word:
        return []
    if not isinstance(word, str):
        return [Drift(DriftKind.NEW_SHAPE, shape(body))]
    return [] if is_known(word) else [Drift(DriftKind.UNKNOWN_WORD, status_word(word))]


def _look_drift(
    call: Call, body: dict[str, Any] | list[Any], document: Mapping[str, Any]
) -> list[Drift]:
    """In what an answer to a look is not as it was seen: without a word, or with other results."""
    has_word = isinstance(body, list) or bool(body.get("status"))
    drift = [] if has_word else [Drift(DriftKind.MISSING_FIELD, shape(body))]
    if call is not Call.CHECK_INFERENCE:
        return drift
    items = _items(document)
    if items:
        is_strange = any(link_of(item) is None for item in items)
        return [*drift, Drift(DriftKind.NEW_SHAPE, shape(body))] if is_strange else drift
    if meaning(str(document.get("status") or "")) is ProgressState.READY:
        others = [value for name, value in document.items() if name not in _LISTS]
        has_others = any(isinstance(value, (list, dict)) and value for value in others)
        kind = DriftKind.NEW_SHAPE if has_others else DriftKind.MISSING_FIELD
        drift.append(Drift(kind, shape(body)))
    return drift


def _correlation_id(answer: Answer) -> str | None:
    given = answer.header("x-picsart-correlation-id") or ""
    return given if re.fullmatch(r"[\w.-]{1,64}", given, re.ASCII) else None

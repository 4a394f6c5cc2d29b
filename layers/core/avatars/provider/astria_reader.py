"""What Astria's answers mean: there is no status word, but times at which things were done.

Of tunes and prompts, documentation shows `trained_at`; their `images`, and how a failure looks
(`user_error`, `error`, `failed_at`, a `status`), are known from Astria's own tools and from public
clients.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from avatars.errors import (
    InferenceOutcomeUnknownError,
    NotLookedUpError,
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
from avatars.provider.astria_prompt import wanted
from avatars.provider.reading import link_of, links_of, parsed, words
from avatars.provider.shapes import header_drift, shape, status_word
from avatars.provider.vocabulary import is_known, meaning

_SUPPORT = "Look for it among the tunes and prompts at astria.ai, or ask Astria's support."

USUAL_PAGE, LONGEST_PAGE = 20, 120
"""Items of a list whose length nobody asks for, and the most that may be asked for, the newest
first ("List all tunes", "List all prompts")."""

_LISTINGS = (Call.FIND_TRAINING, Call.FIND_INFERENCE, Call.BALANCE)


class AstriaReader:
    """Understands tunes, prompts and lists of them; see `ports.ProviderReader`."""

    def training_id(self, answer: Answer) -> str:
        given = _object(answer).get("id")
        unknown = TrainingOutcomeUnknownError
        return reading.accepted_id(answer, given, unknown, name="an id", support=_SUPPORT)

    def training_progress(self, answer: Answer) -> Progress:
        if (unread := reading.not_looked_at(answer)) is not None:
            return unread
        tune = _object(answer)
        if _has_failed(tune):
            return Progress(ProgressState.FAILED, reason=words(tune))
        if tune.get("trained_at"):
            return Progress(ProgressState.READY)
        return Progress(ProgressState.RUNNING)

    def found_training(self, answer: Answer, title: str) -> str | None:
        return _found(answer, "tunes", lambda tune: tune.get("title") == title)

    def inference_id(self, answer: Answer) -> str:
        given = _object(answer).get("id")
        unknown = InferenceOutcomeUnknownError
        return reading.accepted_id(answer, given, unknown, name="an id", support=_SUPPORT)

    def inference_progress(self, answer: Answer) -> Progress:
        if (unread := reading.not_looked_at(answer)) is not None:
            return unread
        prompt = _object(answer)
        if _has_failed(prompt):
            return Progress(ProgressState.FAILED, reason=words(prompt))
        links = links_of(_images(prompt) or ())
        if links and _is_complete(prompt, len(links)):
            return Progress(ProgressState.READY, links=links)
        return Progress(ProgressState.RUNNING)

    def found_inference(
        self, answer: Answer, request: InferenceRequest, known: Collection[str]
    ) -> str | None:
        asked = wanted(request)

        def is_it(prompt: Mapping[str, Any]) -> bool:
            return (
                reading.as_id(prompt.get("id")) not in known
                and prompt.get("text") == asked["text"]
                and all(_is_same(name, prompt, asked) for name in ("num_images", "negative_prompt"))
                and ("seed" not in asked or _is_same("seed", prompt, asked))
            )

        return _found(answer, "prompts", is_it)

    def credits(self, answer: Answer) -> int | None:
        return 0 if answer.status_code == 402 else None

    def requests_left(self, answer: Answer) -> int | None:
        return None

    def correlation_id(self, answer: Answer) -> str | None:
        return None  # nobody says what its support goes by

    def trouble(self, answer: Answer, least: int = 1) -> WaitReason | None:
        return reading.trouble(answer, self.credits(answer), least)

    def drift(self, call: Call, answer: Answer) -> Sequence[Drift]:
        changed = header_drift(answer, (), ())
        if not reading.is_success(answer):
            return changed
        body = parsed(answer)
        if call in _LISTINGS:
            kind = None if _as_list(body) is not None else DriftKind.NEW_SHAPE
        else:
            one = _object(answer)
            kind = _drift_of(call, one) if one else DriftKind.NEW_SHAPE
            if (word := one.get("status")) and not is_known(str(word)):
                changed.append(Drift(DriftKind.UNKNOWN_WORD, status_word(word)))
        if kind is not None:
            is_json = isinstance(body, (dict, list))
            changed.append(Drift(kind, shape(body) if is_json else "no JSON"))
        return changed


def _drift_of(call: Call, one: Mapping[str, Any]) -> DriftKind | None:
    """In what a tune or a prompt is not as it was seen."""
    if reading.as_id(one.get("id")) is None or "trained_at" not in one:
        return DriftKind.MISSING_FIELD
    if call is not Call.CHECK_INFERENCE or not one["trained_at"] or _has_failed(one):
        return None
    items = _images(one)
    if items:
        return DriftKind.NEW_SHAPE if any(link_of(item) is None for item in items) else None
    has_others = any(isinstance(value, list) and value for value in one.values())
    return DriftKind.NEW_SHAPE if has_others else DriftKind.MISSING_FIELD


def _object(answer: Answer) -> dict[str, Any]:
    """The tune or prompt of an answer; the page "Create a tune" shows it within a list."""
    document = parsed(answer)
    if isinstance(document, list) and len(document) == 1:
        [document] = document
    return document if isinstance(document, dict) else {}


def _images(prompt: Mapping[str, Any]) -> list[object] | None:
    images = prompt.get("images")
    return images if isinstance(images, list) else None


def _is_complete(prompt: Mapping[str, Any], images: int) -> bool:
    """Whether no more images will come: it says so, or all are there."""
    if prompt.get("trained_at") or "trained_at" not in prompt:
        return True
    wished = prompt.get("num_images")
    return isinstance(wished, int) and images >= wished


def _has_failed(one: Mapping[str, Any]) -> bool:
    said = (one.get("user_error"), one.get("error"))
    return (
        any(isinstance(text, str) and text.strip() for text in said)
        or bool(one.get("failed_at"))
        or meaning(str(one.get("status") or "")) is ProgressState.FAILED
    )


def _as_list(body: object) -> list[object] | None:
    """A list, or an object that is nothing but the name of one (a public client expects both)."""
    if isinstance(body, dict) and len(body) == 1:
        [body] = body.values()
    return body if isinstance(body, list) else None


def _found(answer: Answer, what: str, is_it: Callable[[Mapping[str, Any]], bool]) -> str | None:
    """The id of the one of a list that was there first: lists begin with the newest.

    Raises NotLookedUpError where none is listed and that does not say that there is none: what
    came is no list, or a whole page, after which there may be more.
    """
    items = _as_list(parsed(answer)) if reading.is_success(answer) else None
    if items is None:
        raise NotLookedUpError(
            f"The provider answered {answer.status_code or 'nothing'} instead of its {what}."
        )
    found = [item for item in items if isinstance(item, dict) and is_it(item)]
    if found:
        if (oldest := reading.as_id(found[-1].get("id"))) is None:
            raise NotLookedUpError(
                f"The provider lists what was sent among its {what} without an id."
            )
        return oldest
    # It is not said what becomes of a `limit` that is not liked.
    if len(items) == USUAL_PAGE or len(items) >= LONGEST_PAGE:
        raise NotLookedUpError(
            f"What was sent is not among the newest {len(items)} {what} that the provider lists, "
            "and may be older. Look for it at the provider."
        )
    return None


def _is_same(name: str, prompt: Mapping[str, Any], asked: Mapping[str, object]) -> bool:
    """Whether a field that is shown, as a number or as a text, is as it was sent."""
    return name not in prompt or str(prompt[name] or "") == str(asked.get(name) or "")

"""The provider, with each request to it counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from avatars.errors import (
    JobError,
    NotAcceptedError,
    OutcomeUnknownError,
    ProviderUnreachableError,
)
from avatars.metrics import CREDITS_LEFT, PROVIDER_CALLS, PROVIDER_DRIFT, Call, CallOutcome
from avatars.model import Answer, Prompt, Subject, WaitReason
from avatars.ports import Meter, Provider, ProviderReader

_OUTCOMES = {
    402: CallOutcome.OUT_OF_CREDITS,
    404: CallOutcome.NOT_FOUND,
    429: CallOutcome.TOO_MANY_REQUESTS,
}
_KEY_REFUSED = (401, 403)


@dataclass(frozen=True, slots=True)
class MeteredProvider:
    """Counts each request when its answer is there, so a repeated one is two; see `Provider`.

    With a key that is not *fresh*, a refusal of it says nothing yet: it may have been rotated.
    """

    provider: Provider
    reader: ProviderReader = field(repr=False)
    meter: Meter = field(repr=False)
    fresh: bool

    def submit_training(self, photo_links: Sequence[str], subject: Subject) -> Answer:
        answer = self._counted(
            Call.SUBMIT_TRAINING, lambda: self.provider.submit_training(photo_links, subject)
        )
        self._note_drift(self._is_without_id(answer, self.reader.training_id))
        return answer

    def check_training(self, model_id: str) -> Answer:
        answer = self._counted(Call.CHECK_TRAINING, lambda: self.provider.check_training(model_id))
        self._note_drift(self.reader.training_progress(answer).unknown)
        return answer

    def submit_inference(self, model_id: str, prompts: Sequence[Prompt]) -> Answer:
        answer = self._counted(
            Call.SUBMIT_INFERENCE, lambda: self.provider.submit_inference(model_id, prompts)
        )
        self._note_drift(self._is_without_id(answer, self.reader.inference_id))
        return answer

    def check_inference(self, model_id: str, inference_id: str) -> Answer:
        answer = self._counted(
            Call.CHECK_INFERENCE, lambda: self.provider.check_inference(model_id, inference_id)
        )
        self._note_drift(self.reader.inference_progress(answer).unknown)
        return answer

    def balance(self) -> Answer:
        return self._counted(Call.BALANCE, self.provider.balance)

    def _counted(self, call: Call, ask: Callable[[], Answer]) -> Answer:
        try:
            answer = ask()
        except ProviderUnreachableError:
            self._count(call, CallOutcome.UNREACHABLE)
            raise
        except OutcomeUnknownError:
            self._count(call, CallOutcome.NO_ANSWER)
            raise
        self._count(call, self._outcome(call, answer))
        if (credits := self.reader.credits(answer)) is not None:
            self.meter.add(CREDITS_LEFT, credits)
        return answer

    def _count(self, call: Call, outcome: CallOutcome) -> None:
        self.meter.add(PROVIDER_CALLS, call=call, outcome=outcome)

    def _outcome(self, call: Call, answer: Answer) -> CallOutcome:
        code = answer.status_code
        if code in _KEY_REFUSED:
            return CallOutcome.KEY_REFUSED if self.fresh else CallOutcome.KEY_STALE
        if code in _OUTCOMES:
            return _OUTCOMES[code]
        if call is Call.BALANCE and self.reader.trouble(answer) is WaitReason.CREDITS:
            return CallOutcome.OUT_OF_CREDITS  # told politely
        if 200 <= code < 300:
            return CallOutcome.OK
        if 400 <= code < 500:
            return CallOutcome.REJECTED
        return CallOutcome.NO_ANSWER if code == 0 else CallOutcome.FAILED

    def _note_drift(self, is_strange: bool) -> None:
        if is_strange:
            self.meter.add(PROVIDER_DRIFT)

    def _is_without_id(self, answer: Answer, read: Callable[[Answer], str]) -> bool:
        """Whether the provider has accepted a request and not said as what."""
        try:
            read(answer)
        except OutcomeUnknownError:
            return 200 <= answer.status_code < 300
        except (JobError, NotAcceptedError):
            pass  # refused, in words that we know
        return False

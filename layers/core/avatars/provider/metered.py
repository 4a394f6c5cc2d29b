"""A provider, with each request to it counted, and told of where its answers have changed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from aws_lambda_powertools import Logger

from avatars.errors import OutcomeUnknownError, ProviderUnreachableError
from avatars.metrics import CREDITS_LEFT, PROVIDER_CALLS, PROVIDER_DRIFT, Call, CallOutcome
from avatars.model import Answer, Drift, InferenceRequest, TrainingRequest, WaitReason
from avatars.ports import Meter, Provider, ProviderReader

logger = Logger(child=True)

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

    name: str
    provider: Provider
    reader: ProviderReader = field(repr=False)
    meter: Meter = field(repr=False)
    fresh: bool

    def submit_training(self, request: TrainingRequest) -> Answer:
        return self._counted(Call.SUBMIT_TRAINING, lambda: self.provider.submit_training(request))

    def check_training(self, model_id: str) -> Answer:
        return self._counted(Call.CHECK_TRAINING, lambda: self.provider.check_training(model_id))

    def find_training(self, title: str) -> Answer:
        return self._counted(Call.FIND_TRAINING, lambda: self.provider.find_training(title))

    def submit_inference(self, request: InferenceRequest) -> Answer:
        return self._counted(Call.SUBMIT_INFERENCE, lambda: self.provider.submit_inference(request))

    def check_inference(self, model_id: str | None, inference_id: str) -> Answer:
        return self._counted(
            Call.CHECK_INFERENCE, lambda: self.provider.check_inference(model_id, inference_id)
        )

    def find_inference(self, model_id: str | None) -> Answer:
        return self._counted(Call.FIND_INFERENCE, lambda: self.provider.find_inference(model_id))

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
        for drift in self.reader.drift(call, answer):
            self.meter.add(PROVIDER_DRIFT, kind=drift.kind)
            tell_drift(self.name, call, drift)
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


@lru_cache(maxsize=1000)
def tell_drift(name: str, call: Call, drift: Drift) -> None:
    """Log it, once in each process: a provider that has changed says so with every answer."""
    logger.warning(
        "the provider's answer has changed",
        extra={"provider": name, "call": call, "kind": drift.kind, "shape": drift.shape},
    )

"""Picsart's trained-model flow: train on 5 to 30 photos, then make avatars from the model.

The public documentation leaves names open; those are settings. What it says is in the guide
"AI Avatars 101" and the reference pages of genai-avatars-api.picsart.io.
"""

from dataclasses import dataclass, field

import httpx

from avatars.errors import OutOfOrderError
from avatars.model import Answer, InferenceRequest, TrainingRequest
from avatars.provider.calls import BALANCE_TIMEOUT, Calls, part
from avatars.provider.picsart_reader import ACCOUNT_HEADERS
from avatars.settings import ProviderSettings


@dataclass(frozen=True)
class PicsartAccount:
    """What both products of Picsart share: a key, a balance, and no list of what was asked."""

    settings: ProviderSettings
    key: str = field(repr=False)
    http: httpx.Client

    def find_inference(self, model_id: str | None) -> Answer:
        raise OutOfOrderError("Picsart keeps no list of inferences: what has no id is not found.")

    def balance(self) -> Answer:
        return self._calls.look(f"{self.settings.url}/balance", BALANCE_TIMEOUT)

    @property
    def _calls(self) -> Calls:
        return Calls(self.http, {"X-Picsart-API-Key": self.key}, ACCOUNT_HEADERS)


class PicsartProvider(PicsartAccount):
    """The trained model; see `ports.Provider`."""

    def submit_training(self, request: TrainingRequest) -> Answer:
        photos = self.settings.fields["photos"]
        return self._calls.submit(
            f"{self.settings.url}/avatars/models",
            {photos: list(request.photo_links), "type": request.subject.value},
        )

    def check_training(self, model_id: str) -> Answer:
        return self._calls.look(f"{self.settings.status_url}/avatars/models/{part(model_id)}")

    def find_training(self, title: str) -> Answer:
        raise OutOfOrderError("Picsart keeps no list of models: what has no id is not found.")

    def submit_inference(self, request: InferenceRequest) -> Answer:
        names = self.settings.fields
        lines = [
            {names["style"]: prompt.style, names["count"]: prompt.count}
            | ({names["prompt"]: prompt.prompt} if prompt.prompt else {})
            for prompt in request.prompts
        ]
        return self._calls.submit(self._inferences(request.model_id), {names["prompts"]: lines})

    def check_inference(self, model_id: str | None, inference_id: str) -> Answer:
        return self._calls.look(f"{self._inferences(model_id)}/{part(inference_id)}")

    def _inferences(self, model_id: str | None) -> str:
        if model_id is None:
            raise OutOfOrderError("Avatars are made from a model, and none is named.")
        return f"{self.settings.url}/avatars/models/{part(model_id)}/inferences"

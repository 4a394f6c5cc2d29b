"""Astria: a *tune* is trained on photos, then *prompts* make avatars from it.

Documentation: docs.astria.ai/docs/api, whose source is github.com/astriaai/astria-docs.
"""

from dataclasses import dataclass, field

import httpx

from avatars.errors import OutOfOrderError
from avatars.model import Answer, InferenceRequest, TrainingRequest
from avatars.provider.astria_prompt import TOKEN, wanted
from avatars.provider.astria_reader import LONGEST_PAGE
from avatars.provider.calls import BALANCE_TIMEOUT, Calls, part
from avatars.settings import ProviderSettings


@dataclass(frozen=True)
class AstriaProvider:
    """Astria, with the key that it is asked with; see `ports.Provider`."""

    settings: ProviderSettings
    key: str = field(repr=False)
    http: httpx.Client

    def submit_training(self, request: TrainingRequest) -> Answer:
        tune: dict[str, object] = {
            "title": request.title,
            "name": request.subject.value,
            "token": TOKEN,
            "image_urls": list(request.photo_links),
        }
        if self.settings.astria_branch:
            tune["branch"] = self.settings.astria_branch
        return self._calls.submit(f"{self.settings.astria_url}/tunes", {"tune": tune})

    def check_training(self, model_id: str) -> Answer:
        return self._calls.look(f"{self.settings.astria_url}/tunes/{part(model_id)}")

    def find_training(self, title: str) -> Answer:
        # No list by title is documented: the reader looks through the newest.
        return self._calls.look(f"{self.settings.astria_url}/tunes?limit={LONGEST_PAGE}")

    def submit_inference(self, request: InferenceRequest) -> Answer:
        return self._calls.submit(self._prompts(request.model_id), {"prompt": wanted(request)})

    def check_inference(self, model_id: str | None, inference_id: str) -> Answer:
        return self._calls.look(f"{self._prompts(model_id)}/{part(inference_id)}")

    def find_inference(self, model_id: str | None) -> Answer:
        return self._calls.look(f"{self._prompts(model_id)}?limit={LONGEST_PAGE}")

    def balance(self) -> Answer:
        # No page tells the balance; this one tells whether the key and the service work.
        return self._calls.look(f"{self.settings.astria_url}/tunes?limit=1", BALANCE_TIMEOUT)

    @property
    def _calls(self) -> Calls:
        return Calls(self.http, {"Authorization": f"Bearer {self.key}"})

    def _prompts(self, model_id: str | None) -> str:
        if model_id is None:
            raise OutOfOrderError("Avatars are made from a model, and none is named.")
        return f"{self.settings.astria_url}/tunes/{part(model_id)}/prompts"

"""Picsart's Instant Avatar: one photo and a prompt become avatars at once, without a model.

The pages "Instant Avatar" and "Get the instant avatar inferences" name the paths, the guide "AI
Avatars 101" the statuses; the names in the body are those of a public client that works.
"""

from avatars.errors import OutOfOrderError
from avatars.model import Answer, InferenceRequest, TrainingRequest
from avatars.provider.calls import part
from avatars.provider.picsart import PicsartAccount
from avatars.provider.prompting import in_style


class PicsartInstantProvider(PicsartAccount):
    """The instant avatar; see `ports.Provider`."""

    def submit_training(self, request: TrainingRequest) -> Answer:
        raise OutOfOrderError("Instant avatars are made from a photo: nothing is trained.")

    def check_training(self, model_id: str) -> Answer:
        raise OutOfOrderError("Instant avatars are made from a photo: there is no model.")

    def find_training(self, title: str) -> Answer:
        raise OutOfOrderError("Instant avatars are made from a photo: nothing is trained.")

    def submit_inference(self, request: InferenceRequest) -> Answer:
        if request.photo_link is None or len(request.prompts) != 1:
            raise OutOfOrderError("Instant avatars are made from one photo and one prompt.")
        [prompt] = request.prompts
        about = prompt.prompt or f"portrait of a {request.subject.value}"
        body: dict[str, object] = {
            "images": [request.photo_link],
            "prompt": in_style(about, prompt.style),
            "count": prompt.count,
        }
        if prompt.negative_prompt:
            body["negative_prompt"] = prompt.negative_prompt
        return self._calls.submit(f"{self.settings.url}/avatars/instant", body)

    def check_inference(self, model_id: str | None, inference_id: str) -> Answer:
        return self._calls.look(f"{self.settings.url}/avatars/instant/{part(inference_id)}")
